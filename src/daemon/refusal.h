/* SPDX-License-Identifier: MIT */
#pragma once

/* refusal: the failures that ternd answers with, in words */

#include "daemon/client.h"

enum {
	REFUSAL_TEXT_SIZE = 1000,
};

/* struct refusal - an answer "failed" with the memory its text lies in */
struct refusal {
	uint32_t code;	   /* errno */
	const char *error; /* a literal, "tern.X" */
	uint64_t peer;
	char text[REFUSAL_TEXT_SIZE];
};

/* refusal_set() - fill one in. Return: -code, so that it can be returned */
int refusal_set(struct refusal *refusal, uint32_t code, const char *error, const char *format, ...)
	_printf_(4, 5) __attribute__((nonnull(4))); /* which gcc does not believe under sanitizers, unless it is told */

/* refusal_set_quota() - the bus has just said BUS_E_QUOTA. Return: -EDQUOT */
int refusal_set_quota(struct refusal *refusal, const struct bus *bus);

/* refusal_set_errno() - something of the system's failed. Return: @error, which is negative */
int refusal_set_errno(struct refusal *refusal, int error);

/* refusal_fill() - as the failed part of a packet; borrowed from @refusal */
void refusal_fill(const struct refusal *refusal, struct control_failed *ret);

/* refusal_send() - answer @serial with it */
void refusal_send(const struct refusal *refusal, struct client *client, uint64_t serial);

/* refusal_send_fd() - tell somebody who will not become a client; @out is a buffer of a packet */
void refusal_send_fd(const struct refusal *refusal, int fd, uint8_t *out);

/* struct quoted - a name or tag of a client's, as it may be shown */
struct quoted {
	char text[CONTROL_MAX_TEXT + 1];
};

/* quote() - what could play tricks on a terminal becomes '?' */
struct quoted quote(const struct control_text *text);
