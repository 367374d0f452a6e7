/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * spare: memory for objects of one size that come and go with every message
 *
 * What was freed last is handed out first, for it is in the cache; a few are kept, the rest goes back. Not kept at
 * all under AddressSanitizer, which could not tell a use after free.
 *
 * Threads: under the owner's lock. Blocks: never.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SPARE_IS_KEPT false
#else
#define SPARE_IS_KEPT true
#endif

#define SPARE_MAX 32u

struct spare {
	void *first; /* each begins with the address of the next */
	uint32_t n;
};

/* spare_take() - size bytes, not cleared; always the same size of one spare. Return: NULL without memory. */
static inline void *
spare_take(struct spare *spare, size_t size)
{
	void *memory = spare->first;

	if (!memory)
		return malloc(size);
	memcpy(&spare->first, memory, sizeof(void *));
	spare->n--;
	return memory;
}

/* spare_put() - give it back; returns NULL */
static inline void *
spare_put(struct spare *spare, void *memory)
{
	if (!SPARE_IS_KEPT || spare->n >= SPARE_MAX) {
		free(memory);
		return NULL;
	}
	memcpy(memory, &spare->first, sizeof(void *));
	spare->first = memory;
	spare->n++;
	return NULL;
}

/* spare_deinit() - all of it goes back */
static inline void
spare_deinit(struct spare *spare)
{
	while (spare->first) {
		void *memory = spare->first;

		memcpy(&spare->first, memory, sizeof(void *));
		free(memory);
	}
	spare->n = 0;
}
