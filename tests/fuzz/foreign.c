/* SPDX-License-Identifier: MIT */

/* foreign: see foreign.h */

#include "foreign.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/attribute.h"

enum {
	MOST_RANGES = 16,
	MOST_BYTES = 64, /* changed at once */
};

static struct {
	uint8_t *at;
	size_t size;
} ranges[MOST_RANGES];

static size_t n_ranges, input_size, input_at;
static const uint8_t *input;

void
foreign_begin(const uint8_t *data, size_t size)
{
	n_ranges = 0;
	input = data;
	input_size = size;
	input_at = 0;
}

void
foreign_add(volatile void *at, size_t size)
{
	assert(n_ranges < MOST_RANGES);
	ranges[n_ranges].at = (uint8_t *)(uintptr_t)at;
	ranges[n_ranges].size = size;
	n_ranges++;
}

void
foreign_take(const void *at, size_t size)
{
	void *copy = malloc(size), *here = (void *)(uintptr_t)at;

	assert(copy);
	memcpy(copy, at, size);
	here = mmap(here, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert(here != MAP_FAILED);
	memcpy(here, copy, size);
	free(copy);
	foreign_add(here, size);
}

uint8_t
foreign_byte(void)
{
	return input_size ? input[input_at++ % input_size] : 0;
}

/* change_number() - what is one: near what it is, small, or a single bit of it */
static void
change_number(uint8_t *at, size_t n, uint8_t how)
{
	uint64_t value = 0;

	memcpy(&value, at, n);
	if (how == 0)
		value += (uint64_t)((int64_t)(int8_t)foreign_byte() * 16);
	else if (how == 1)
		value = foreign_byte();
	else
		value ^= UINT64_C(1) << foreign_byte() % (8 * n);
	memcpy(at, &value, n);
}

static void
change(uint8_t *at, size_t n)
{
	uint8_t how = foreign_byte();
	size_t first = 0;

	if (how < 128) /* most reads find what was there: else nothing is ever reached */
		return;
	if (n > sizeof(uint64_t)) { /* a piece of it */
		first = foreign_byte() % MIN(n, MOST_BYTES * 2) & ~(size_t)1;
		n = MIN(n - first, (size_t)1 << how % 4);
	}
	if (how < 224) {
		change_number(at + first, n, how % 3);
		return;
	}
	for (size_t i = 0; i < n; i++)
		at[first + i] = foreign_byte();
}

void
foreign_refill(const volatile void *from, size_t n)
{
	uint8_t *at = (uint8_t *)(uintptr_t)from;

	for (size_t i = 0; i < n_ranges; i++)
		if (at >= ranges[i].at && n > 0 && (size_t)(at - ranges[i].at) < ranges[i].size)
			change(at, MIN(n, ranges[i].size - (size_t)(at - ranges[i].at)));
}
