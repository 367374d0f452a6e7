/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * hash: the one hash of the tables, keyed
 *
 * Both sides compute it, so it is part of the format (docs/shm-format.md has
 * test vectors). Words of eight bytes are multiplied and folded; the length
 * goes in first, so that a zero byte at the end counts. Peers can read the key
 * of a table, so it does not hide collisions: it lets ternd choose another one
 * when a chain grows too long.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_MULTIPLY UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio, odd */
#define HASH_FINISH   UINT64_C(0xd6e8feb86659fd93) /* odd, bits well spread */

static inline uint64_t
hash_fold(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * HASH_MULTIPLY;
	return hash ^ (hash >> 29);
}

/* hash_tail() - the last @size < 8 bytes as a word, zeroes behind them; no loop, no call */
static inline uint64_t
hash_tail(const uint8_t *p, size_t size)
{
	uint64_t word = 0;
	uint32_t half;
	uint16_t quarter;

	if (size & 1)
		word = p[size - 1];
	if (size & 2) {
		memcpy(&quarter, p + (size & 4), sizeof(quarter));
		word = word << 16 | quarter;
	}
	if (size & 4) {
		memcpy(&half, p, sizeof(half));
		word = word << 32 | half;
	}
	return word;
}

/**
 * hash_bytes() - 64 bits for @size bytes under @seed
 *
 * Words are taken in the byte order of the machine: tables never leave it.
 *
 * Return: the hash.  Threads: any.  Blocks: never.
 */
static inline uint64_t
hash_bytes(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t hash = hash_fold(seed, size), word;

	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		hash = hash_fold(hash, word);
	}
	hash = hash_fold(hash, hash_tail(p, size)) * HASH_FINISH;
	return hash ^ (hash >> 32);
}
