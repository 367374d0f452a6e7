/* SPDX-License-Identifier: MIT */

/* around: see around.h */

#include "around.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/attribute.h"
#include "fixture.h"

enum {
	N_PIECES = 64,
	PIECE_MAX = 256 << 10, /* bytes of each mapping that are looked at */
};

/* A mapping that it writes and others read. */
struct piece {
	uintptr_t at;
	size_t size;
	uint8_t *before;
};

struct around {
	pid_t pid;
	struct piece pieces[N_PIECES];
	uint32_t n_pieces;
	uint8_t now[PIECE_MAX];
};

static bool
get(const struct around *around, const struct piece *piece, void *to)
{
	struct iovec here = {to, piece->size}, there = {(void *)piece->at, piece->size};

	return process_vm_readv(around->pid, &here, 1, &there, 1, 0) == (ssize_t)piece->size;
}

static void
forget(struct around *around)
{
	for (uint32_t i = 0; i < around->n_pieces; i++)
		free(around->pieces[i].before);
	around->n_pieces = 0;
}

/* look() - what it has mapped now; after each system call, which may have changed that */
static void
look(struct around *around)
{
	char path[32], line[512], rights[8];
	unsigned long from, to;
	FILE *file;

	forget(around);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)around->pid); /* fits */
	file = fopen(path, "re");
	must(file != NULL);
	while (fgets(line, sizeof(line), file)) {
		struct piece *piece = &around->pieces[around->n_pieces];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 ||
			strcmp(rights, "rw-s") || !strstr(line, "/memfd:"))
			continue;
		must(around->n_pieces < N_PIECES);
		*piece = (struct piece){from, MIN((size_t)(to - from), (size_t)PIECE_MAX), NULL};
		piece->before = malloc(piece->size);
		must(piece->before != NULL);
		if (get(around, piece, piece->before))
			around->n_pieces++;
		else
			free(piece->before); /* shorter than its mapping */
	}
	(void)fclose(file);
}

/* is_changed() - since it was asked last */
static bool
is_changed(struct around *around)
{
	bool is_it = false;

	for (uint32_t i = 0; i < around->n_pieces; i++) {
		struct piece *piece = &around->pieces[i];

		if (!get(around, piece, around->now) ||
			memcmp(around->now, piece->before, piece->size) == 0)
			continue;
		memcpy(piece->before, around->now, piece->size);
		is_it = true;
	}
	return is_it;
}

static enum step
trace_all(struct around *around, struct trace *trace)
{
	bool was_call = false, is_first = true;
	struct point last = {0};

	look(around);
	while (!stepper_is_at_mark(around->pid)) {
		bool is_call = stepper_is_syscall(around->pid), is_stored = is_changed(around);
		struct point point = trace_pass(trace, stepper_pc(around->pid));
		enum step step;

		if (is_stored)
			trace_keep(trace, last);
		if (is_stored || is_call || was_call || is_first)
			trace_keep(trace, point);
		step = stepper_step(around->pid);
		if (step != STEP_POINT)
			return step;
		if (is_call)
			look(around);
		was_call = is_call;
		last = point;
		is_first = false;
	}
	return stepper_go(around->pid);
}

enum step
around_trace(pid_t pid, struct trace *trace)
{
	struct around *around = calloc(1, sizeof(*around));
	enum step step;

	must(around != NULL);
	around->pid = pid;
	step = trace_all(around, trace);
	forget(around);
	free(around);
	return step;
}
