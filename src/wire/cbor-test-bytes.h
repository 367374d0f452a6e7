/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-test-bytes: encodings in hexadecimal, as the tests write them
 */

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * bytes_of() - the bytes of a hexadecimal string
 *
 * In memory of just that size, so that a sanitizer sees a read past its end.
 * Return: the caller's, to be freed; never NULL.
 */
static inline uint8_t *
bytes_of(const char *hex, size_t *ret_size)
{
	size_t size = strlen(hex) / 2;
	uint8_t *bytes = malloc(size ? size : 1);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < size; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	*ret_size = size;
	return bytes;
}
