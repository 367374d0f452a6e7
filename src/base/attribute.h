/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * attribute: the few compiler attributes and helpers that every file uses
 *
 * Ownership of locals is said in their declaration: `_cleanup_(x_freep)` frees
 * at the end of the scope, steal() hands over. (The idiom is systemd's.)
 */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"

#ifdef NDEBUG
#error "tern keeps its assertions: build without NDEBUG"
#endif

#define _cleanup_(f)     __attribute__((__cleanup__(f), __unused__)) /* else than by its end */
#define _printf_(a, b)   __attribute__((__format__(__printf__, a, b)))
#define _public_         __attribute__((__visibility__("default")))
#define _unused_         __attribute__((__unused__))
#define _hot_            __attribute__((__hot__))
#define _cold_           __attribute__((__cold__))
#define likely(x)        __builtin_expect(!!(x), 1)
#define unlikely(x)      __builtin_expect(!!(x), 0)
#define CACHE_LINE       64
#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define ALIGN_TO(x, n)   (((x) + (n)-1) & ~((__typeof__(x))(n)-1))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* steal() - take the value out of a variable that a cleanup attribute watches */
#define steal(p)                                                                                   \
	({                                                                                         \
		__typeof__(p) steal_value_ = (p);                                                  \
		(p) = NULL;                                                                        \
		steal_value_;                                                                      \
	})

/* DEFINE_FREEP() - the cleanup twin of a destructor that takes and returns a pointer */
#define DEFINE_FREEP(type, fn)                                                                     \
	static inline _unused_ void fn##p(type **p)                                                \
	{                                                                                          \
		if (*p)                                                                            \
			(void)fn(*p); /* always NULL: nothing to keep */                           \
	}

static inline void
freep(void *p)
{
	free(*(void **)p);
}

/* fd_close() - close what is open; always -1, so that `fd = fd_close(fd)` reads well */
static inline int
fd_close(int fd)
{
	if (fd >= 0) {
		_cleanup_(cancel_backp) int cancel = cancel_off();
		int saved = errno;

		(void)close(fd); /* nothing can be done, and the descriptor is gone */
		errno = saved;
	}
	return -1;
}

static inline void
fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

static inline int
fd_steal(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/*
 * Two classes of results (dbus-broker's rule): negative errno is fatal to the
 * operation and goes up unchanged, positive is an answer that the direct
 * caller handles. error_fold() makes an answer that nobody foresaw loud.
 */
static inline int
error_fold(int r)
{
	return r > 0 ? -ENOTRECOVERABLE : r;
}

static inline int
error_trace(int r)
{
	return r;
}
