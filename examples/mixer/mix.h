/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * mix: the arithmetic of the mixer, one block of 480 frames at a time
 *
 * A volume is Q15: 32768 is "as recorded", at most 65536 (twice as loud). For
 * each frame
 *
 *	sum = s1 * v1 + s2 * v2 + ...                    64 bits, Q15
 *	out = saturate(floor((sum * all + 2^29) / 2^30)) once, at the end
 *
 * where `all` is the volume for all. 1,024 players twice as loud as recorded need
 * 15 + 16 + 10 + 16 = 57 bits and a sign, so nothing overflows on the way.
 */

#include <stddef.h>
#include <stdint.h>

enum {
	MIX_RATE = 48000,
	MIX_BLOCK = 480,     /* frames */
	MIX_UNITY = 32768,   /* Q15: 1.0 */
	MIX_LOUDEST = 65536, /* Q15: 2.0 */
	MIX_PLAYERS = 1024,  /* the most that one sum has room for */
};

/**
 * mix_add() - add frames to a sum
 * @sum:     MIX_BLOCK sums
 * @samples: n 16-bit little-endian samples at any address; each is read once
 * @n:       at most MIX_BLOCK; the rest is silence
 *
 * Threads: any.  Blocks: never.
 */
void mix_add(int64_t *sum, const void *samples, size_t n, uint32_t volume);

/**
 * mix_finish() - turn sums into samples
 * @ret: MIX_BLOCK samples, 16-bit little-endian
 *
 * Threads: any.  Blocks: never.
 */
void mix_finish(const int64_t *sum, uint32_t all, uint8_t *ret);
