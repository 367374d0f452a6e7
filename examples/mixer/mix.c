/* SPDX-License-Identifier: MIT */

/* mix: bytes are put together by hand, so the machine's byte order does not matter */

#include "mix.h"

void
mix_add(int64_t *sum, const void *samples, size_t n, uint32_t volume)
{
	const uint8_t *p = samples;
	size_t i;

	for (i = 0; i < n; i++, p += 2)
		sum[i] += (int64_t)(int16_t)(uint16_t)(p[0] | p[1] << 8) * volume;
}

static int16_t
mix_saturate(int64_t x)
{
	if (x > INT16_MAX)
		return INT16_MAX;
	if (x < INT16_MIN)
		return INT16_MIN;
	return (int16_t)x;
}

void
mix_finish(const int64_t *sum, uint32_t all, uint8_t *ret)
{
	size_t i;

	for (i = 0; i < MIX_BLOCK; i++) {
		/* >> of a negative number rounds down here, as gcc and clang promise */
		uint16_t out = (uint16_t)mix_saturate((sum[i] * all + (1 << 29)) >> 30);

		ret[2 * i] = (uint8_t)out;
		ret[2 * i + 1] = (uint8_t)(out >> 8);
	}
}
