/* SPDX-License-Identifier: MIT */

/* base64: bytes as text, in the alphabet for URLs and without padding */

#include "base/attribute.h"
#include "cli/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int
base64_encode(const void *bytes, size_t size, char **ret)
{
	const uint8_t *in = bytes;
	char *text, *out;

	text = out = malloc(size / 3 * 4 + 5);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < size; i += 3) {
		size_t n = MIN(size - i, 3);
		uint32_t bits = (uint32_t)in[i] << 16;

		if (n > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			bits |= in[i + 2];
		for (size_t k = 0; k <= n; k++)
			*out++ = ALPHABET[bits >> (18 - 6 * k) & 63];
	}
	*out = '\0';
	*ret = text;
	return 0;
}

int
base64_decode(const char *text, size_t length, void **ret, size_t *ret_size)
{
	_cleanup_(freep) uint8_t *bytes = NULL;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	if (length % 4 == 1)
		return BASE64_E_INVALID;
	bytes = malloc(length / 4 * 3 + 3);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++) {
		const char *letter = text[i] ? strchr(ALPHABET, text[i]) : NULL;

		if (!letter)
			return BASE64_E_INVALID;
		bits = bits << 6 | (uint32_t)(letter - ALPHABET);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			bytes[n++] = (uint8_t)(bits >> n_bits);
			bits &= (1U << n_bits) - 1;
		}
	}
	if (bits)
		return BASE64_E_INVALID;
	*ret = steal(bytes);
	*ret_size = n;
	return 0;
}
