/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * payload: the 64 bytes that every message begins with, numbered and checkable
 *
 * One cache line. Who receives it reads it: the serial says which message it
 * is, the check that it is that message of that kind and not an old line. A
 * larger payload repeats a byte of the serial behind it, and a byte of each
 * line is read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum payload_kind { PAYLOAD_CALL = 1, PAYLOAD_REPLY, PAYLOAD_EVENT };

struct payload {
	uint64_t serial; /* counted from 1 */
	uint64_t check;
	unsigned char rest[48];
};

_Static_assert(sizeof(struct payload) == 64, "a payload is one cache line");

static inline uint64_t
payload_check(enum payload_kind kind, uint64_t serial)
{
	return (serial + kind) * UINT64_C(0x9e3779b97f4a7c15); /* odd: no two serials alike */
}

static inline void
payload_make(struct payload *p, enum payload_kind kind, uint64_t serial)
{
	p->serial = serial;
	p->check = payload_check(kind, serial);
}

static inline bool
payload_is(const struct payload *p, enum payload_kind kind, uint64_t serial)
{
	return p->serial == serial && p->check == payload_check(kind, serial);
}

/* payload_fill_rest(), payload_rest_is() - what lies behind the first line of @size bytes */
void payload_fill_rest(struct payload *p, size_t size, uint64_t serial);
bool payload_rest_is(const struct payload *p, size_t size, uint64_t serial);

/* payload_fill() - the same in @size bytes, a multiple of 64 */
static inline void
payload_fill(struct payload *p, size_t size, enum payload_kind kind, uint64_t serial)
{
	if (size > sizeof(*p))
		payload_fill_rest(p, size, serial);
	payload_make(p, kind, serial);
}

/* payload_read() - read it all, line by line */
static inline bool
payload_read(const struct payload *p, size_t size, enum payload_kind kind, uint64_t serial)
{
	if (size > sizeof(*p) && !payload_rest_is(p, size, serial))
		return false;
	return payload_is(p, kind, serial);
}
