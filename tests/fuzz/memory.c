/* SPDX-License-Identifier: MIT */

/* memory: see memory.h */

#include "memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attribute.h"

#define SLACK ((64u << 10) + 256) /* libc rounds up */
#define TIMES 4u

static size_t now, peak;
static bool is_stopped;

void
memory_stop(void)
{
	is_stopped = true;
}

static void *
add(void *block)
{
	now += block ? malloc_usable_size(block) : 0;
	if (!is_stopped)
		peak = MAX(peak, now);
	return block;
}

static void
take_off(void *block)
{
	size_t size = block ? malloc_usable_size(block) : 0;

	now -= MIN(size, now); /* it may be older than the input */
}

#define WRAP(name, params, args)                                                                   \
	void *__real_##name params;                                                                \
	void *__wrap_##name params;                                                                \
	void *__wrap_##name params { return add(__real_##name args); }

WRAP(malloc, (size_t size), (size))
WRAP(calloc, (size_t n, size_t size), (n, size))
WRAP(aligned_alloc, (size_t align, size_t size), (align, size))
WRAP(strdup, (const char *text), (text))

#define WRAP_AGAIN(name, params, args)                                                             \
	void *__real_##name params;                                                                \
	void *__wrap_##name params;                                                                \
	void *__wrap_##name params                                                                 \
	{                                                                                          \
		size_t old = block ? malloc_usable_size(block) : 0;                                \
		void *new = __real_##name args;                                                    \
                                                                                                   \
		if (new)                                                                           \
			now -= MIN(old, now);                                                      \
		return add(new);                                                                   \
	}

WRAP_AGAIN(realloc, (void *block, size_t size), (block, size))
WRAP_AGAIN(reallocarray, (void *block, size_t n, size_t size), (block, n, size))

void __real_free(void *block);
void __wrap_free(void *block);
void
__wrap_free(void *block)
{
	take_off(block);
	__real_free(block);
}

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
__wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int r;

	now = peak = 0;
	is_stopped = false;
	r = __real_LLVMFuzzerTestOneInput(data, size);
	if (peak > TIMES * size + SLACK) {
		(void)fprintf(stderr, "%zu bytes of input took %zu bytes of memory\n", size, peak);
		abort();
	}
	return r;
}
