/* SPDX-License-Identifier: MIT */

/*
 * utf8: runs of ASCII eight bytes at a time, the rest by the table of RFC 3629, section 4
 */

#include "wire/utf8.h"

#include "base/attribute.h"

#define ASCII_MASK UINT64_C(0x8080808080808080)

/* What may follow a first byte: how many bytes, and the limits of the first of these. */
struct lead {
	uint8_t n_tail, low, high;
};

static struct lead
lead_of(uint8_t byte)
{
	if (byte >= 0xc2 && byte <= 0xdf)
		return (struct lead){1, 0x80, 0xbf};
	if (byte == 0xe0)
		return (struct lead){2, 0xa0, 0xbf};
	if (byte == 0xed)
		return (struct lead){2, 0x80, 0x9f};
	if (byte >= 0xe1 && byte <= 0xef)
		return (struct lead){2, 0x80, 0xbf};
	if (byte == 0xf0)
		return (struct lead){3, 0x90, 0xbf};
	if (byte >= 0xf1 && byte <= 0xf3)
		return (struct lead){3, 0x80, 0xbf};
	if (byte == 0xf4)
		return (struct lead){3, 0x80, 0x8f};
	return (struct lead){0, 0, 0};
}

/* The length of the character at p, 0 if it is none; `size` is at least 1. */
static size_t
character_length(const uint8_t *p, size_t size)
{
	uint8_t first = p[0], second;
	struct lead lead;

	if (first < 0x80)
		return 1;
	lead = lead_of(first);
	if (lead.n_tail == 0 || lead.n_tail >= size)
		return 0;
	second = p[1];
	if (second < lead.low || second > lead.high)
		return 0;
	for (size_t i = 2; i <= lead.n_tail; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return 1 + (size_t)lead.n_tail;
}

bool
utf8_is_valid(const void *text, size_t size)
{
	const uint8_t *p = text;

	while (size > 0) {
		uint64_t eight;
		size_t n;

		if (size >= sizeof(eight)) {
			memcpy(&eight, p, sizeof(eight));
			if ((eight & ASCII_MASK) == 0) {
				p += sizeof(eight);
				size -= sizeof(eight);
				continue;
			}
		}
		n = character_length(p, size);
		if (n == 0)
			return false;
		p += n;
		size -= n;
	}
	return true;
}

uint32_t
utf8_next(const char *text, size_t *ret_size)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n_tail = lead_of(p[0]).n_tail;
	uint32_t c = n_tail == 0 ? p[0] : p[0] & (0x3fU >> n_tail);

	for (size_t i = 1; i <= n_tail; i++)
		c = c << 6 | (p[i] & 0x3f);
	*ret_size = 1 + n_tail;
	return c;
}
