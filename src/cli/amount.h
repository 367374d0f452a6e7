/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * amount: bytes, times, users and command lines as people read them
 *
 * Threads: owner.
 */

#include <json-c/json_object.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AMOUNT_SIZE = 32, /* bytes that any of the first three needs */
};

/* amount_bytes() - "512 B", "12 KiB", "1.5 MiB" */
const char *amount_bytes(uint64_t bytes, char ret[AMOUNT_SIZE]);

/* amount_time() - "800 ns", "12 us", "3.5 s", "2 h 5 min" */
const char *amount_time(uint64_t ns, char ret[AMOUNT_SIZE]);

/* amount_rate() - so many a second: "0", "3.2", "950", "12 k", "1.5 M" */
const char *amount_rate(double rate, char ret[AMOUNT_SIZE]);

/* amount_user() - a user's name, or number */
const char *amount_user(uint32_t uid, char *ret, size_t size);

/* amount_command() - how a process was begun, its words with blanks between; "" if nobody can tell */
const char *amount_command(uint32_t pid, char *ret, size_t size);

/*
 * amount_share() - the time within which this share (0 … 1) of the calls of a histogram was answered
 * @before: an older one, which is taken off; NULL: nothing
 *
 * Classes are powers of two; inside of one all times are as likely.  Return: ns; 0: there were none.
 */
uint64_t amount_share(struct json_object *histogram, struct json_object *before, double share);
