/* SPDX-License-Identifier: MIT */

/*
 * limit_line: two cache lines, one a direction; polled, or slept on with a futex
 *
 * A line is the payload itself: its serial is the word that is waited for, and
 * is stored last.
 *
 * Edges    L1 store-release serial -> L2 load-acquire serial: the rest of the line is there
 */

#include <linux/futex.h>
#include <sys/syscall.h>

#include "rpc.h"

struct line {
	alignas(CACHE_LINE) _Atomic uint64_t serial;
	uint64_t check;
	unsigned char rest[48];
};

struct lines {
	struct line request, reply;
	alignas(CACHE_LINE) _Atomic uint32_t request_word; /* the futexes: low half of the serial */
	alignas(CACHE_LINE) _Atomic uint32_t reply_word;
};

_Static_assert(sizeof(struct line) == CACHE_LINE, "a line is a line");
_Static_assert(sizeof(struct lines) <= BENCH_SCRATCH_SIZE, "room for the lines");

static struct lines *
run_lines(const struct bench_run *run)
{
	return (struct lines *)run->shared->scratch;
}

static void
line_put(struct line *line, const struct payload *p)
{
	line->check = p->check;
	memcpy(line->rest, p->rest, sizeof(p->rest));
	store_rel(&line->serial, p->serial); /* L1 */
}

static void
line_get(struct line *line, struct payload *ret)
{
	ret->serial = load_acq(&line->serial); /* L2 */
	ret->check = line->check;
	memcpy(ret->rest, line->rest, sizeof(ret->rest));
}

static void
line_poll(struct line *line, uint64_t serial, struct payload *ret)
{
	while (load_acq(&line->serial) != serial) /* L2 */
		cpu_relax();
	line_get(line, ret);
}

static int
spin_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	struct lines *lines = link;

	line_put(&lines->request, request);
	line_poll(&lines->reply, request->serial, ret_reply);
	return 0;
}

static int
spin_drive(struct bench_run *run)
{
	return rpc_drive(run, spin_call, run_lines(run));
}

static int
spin_serve(struct bench_run *run)
{
	struct lines *lines = run_lines(run);
	struct payload request, reply = {0};
	int r;

	run_ready(run);
	for (uint64_t serial = 1;; serial++) {
		line_poll(&lines->request, serial, &request);
		r = rpc_answer(run, &request, &reply);
		if (r < 0)
			return r;
		line_put(&lines->reply, &reply);
	}
}

static int
futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
	long r = syscall(SYS_futex, word, operation, value, NULL, NULL, 0);

	return r < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

static int
word_set(_Atomic uint32_t *word, uint64_t serial)
{
	store_rel(word, (uint32_t)serial); /* the line was written before: L1 */
	return futex(word, FUTEX_WAKE, 1);
}

static int
word_await(_Atomic uint32_t *word, uint64_t serial)
{
	uint32_t now;
	int r;

	while ((now = load_acq(word)) != (uint32_t)serial) {
		r = futex(word, FUTEX_WAIT, now);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
futex_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	struct lines *lines = link;
	int r;

	line_put(&lines->request, request);
	r = word_set(&lines->request_word, request->serial);
	if (r < 0)
		return r;
	r = word_await(&lines->reply_word, request->serial);
	if (r < 0)
		return r;
	line_get(&lines->reply, ret_reply);
	return 0;
}

static int
futex_drive(struct bench_run *run)
{
	return rpc_drive(run, futex_call, run_lines(run));
}

static int
futex_serve(struct bench_run *run)
{
	struct lines *lines = run_lines(run);
	struct payload request, reply = {0};
	int r;

	run_ready(run);
	for (uint64_t serial = 1;; serial++) {
		r = word_await(&lines->request_word, serial);
		if (r < 0)
			return run_fail(run, r, "futex");
		line_get(&lines->request, &request);
		r = rpc_answer(run, &request, &reply);
		if (r < 0)
			return r;
		line_put(&lines->reply, &reply);
		r = word_set(&lines->reply_word, serial);
		if (r < 0)
			return run_fail(run, r, "futex");
	}
}

const struct subject limit_spin = {
	.name = "limit:spin",
	.serve = spin_serve,
	.drive = spin_drive,
};

const struct subject limit_futex = {
	.name = "limit:futex",
	.serve = futex_serve,
	.drive = futex_drive,
};
