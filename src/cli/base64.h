/* SPDX-License-Identifier: MIT */
#pragma once

/* base64: bytes as text, in the alphabet for URLs and without padding (RFC 4648, 5) */

#include <stddef.h>

enum {
	BASE64_E_INVALID = 1,
};

/* base64_encode() - Return: 0 and a C string, the caller's to free(); -ENOMEM.  Blocks: never. */
int base64_encode(const void *bytes, size_t size, char **ret);

/*
 * base64_decode() - Return: 0 and the bytes, the caller's to free(); BASE64_E_INVALID another
 * letter, a length that cannot be, or unused bits set (each value has one text only); -ENOMEM.
 */
int base64_decode(const char *text, size_t length, void **ret, size_t *ret_size);
