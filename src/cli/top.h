/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * top: what the programs on a bus do, sample by sample
 *
 *      top_begin()   who is there? each is asked how it is, nobody is waited for
 *      top_take()    an answer came
 *      top_end()     rates from this answer and the one before; who has not answered is busy
 *
 * A program is asked again only when it has answered, or given up, so one that hangs costs one call. At most
 * TOP_MAX programs are asked, those with names first; the others are counted.
 *
 * Threads: owner.
 */

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>
#include <tern/call.h>

enum {
	TOP_MAX = 200,
};

enum top_state {
	TOP_NEW,     /* asked for the first time: there are no rates yet */
	TOP_GOOD,
	TOP_BUSY,    /* has not taken in the question in time */
	TOP_STRANGE, /* another user's: it does not tell */
};

struct program {
	tern_peer id;
	uint32_t uid, pid;
	char *names; /* with blanks between; or what the process calls itself */
	bool has_name;
	bool is_there; /* in this sample */
	enum top_state state;
	tern_call *call; /* under way */
	struct json_object *last, *before; /* what it answered */
	/* a second */
	double served, made, published, heard, dropped, bytes;
	uint64_t half, most; /* ns, of calls served: 0.5 and 0.99 of them within */
	uint64_t memory;
	uint32_t holder; /* the process that most of it is kept by, or for; 0: none */
	uint64_t held;
};

struct top {
	tern_bus *bus;
	struct program *programs;
	size_t n, room;
	size_t n_more; /* that are not asked */
};

void top_deinit(struct top *top);

/* top_begin() - a new sample. Return: 0, or a negative errno: ternd does not answer. Blocks: up to the handle's timeout. */
int top_begin(struct top *top, uint64_t timeout_ns);

/* top_take() - the answer of a call, if it is of this; all of the event stays the caller's */
void top_take(struct top *top, tern_call *call, tern_message *reply, int result);

/* top_is_complete() - everybody has answered */
bool top_is_complete(const struct top *top);

/* top_end() - rates, and the busiest first */
void top_end(struct top *top);
