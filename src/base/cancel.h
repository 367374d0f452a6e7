/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cancel: no thread is ended inside of the library
 *
 * Who is cancelled ends in a function of libc that is a cancellation point (pthreads(7)): with locks taken, and lists
 * half made. So each of them is called with cancellation off, and what was asked for happens where the program itself
 * comes by such a point. It costs a few instructions beside a system call, and nothing where there is none.
 *
 *	_cleanup_(cancel_backp) int cancel = cancel_off();
 *
 * tests/house/cancel.py sees that none is forgotten.
 */

#include <pthread.h>

/* cancel_off() - not this thread, from here on. Return: what cancel_back() needs. Threads: any. */
static inline int
cancel_off(void)
{
	int before;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* a valid state: cannot fail */
	return before;
}

/* cancel_back() - as it was; errno stays */
static inline void
cancel_back(int before)
{
	(void)pthread_setcancelstate(before, NULL); /* likewise */
}

/* cancel_backp() - for _cleanup_() */
static inline void
cancel_backp(const int *before)
{
	cancel_back(*before);
}
