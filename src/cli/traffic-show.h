/* SPDX-License-Identifier: MIT */
#pragma once

/* traffic-show: a message of the bus as a line, for people or as JSON */

#include <stdio.h>

#include "cli/traffic.h"

/* What is known beside the message. */
struct traffic_words {
	const char *from, *to; /* programs, "" unknown */
	const struct traffic_pair *pair;
	const char *fault; /* what does not fit its interface; NULL: nothing */
	bool is_full;	   /* however long the values are */
};

/* traffic_print() - for people. Return: 0; -ENOMEM. What cannot be written stays to be seen in the stream. */
int traffic_print(FILE *out, const struct traffic *t, const struct traffic_words *words);

/* traffic_print_json() - one object on one line; as above */
int traffic_print_json(FILE *out, const struct traffic *t, const struct traffic_words *words);
