/* SPDX-License-Identifier: MIT */

/* top: what the programs on a bus do, sample by sample */

#include <stdio.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "cli/amount.h"
#include "cli/ask.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/top.h"

static void
program_deinit(struct program *program)
{
	free(program->names);
	(void)tern_call_unref(program->call); /* always NULL */
	(void)json_object_put(program->last); /* how many others hold it does not matter, here and below */
	(void)json_object_put(program->before);
}

void
top_deinit(struct top *top)
{
	for (size_t i = 0; i < top->n; i++)
		program_deinit(&top->programs[i]);
	free(top->programs);
	*top = (struct top){0};
}

static struct program *
find(struct top *top, tern_peer id)
{
	for (size_t i = 0; i < top->n; i++)
		if (top->programs[i].id == id)
			return &top->programs[i];
	return NULL;
}

static struct program *
add(struct top *top)
{
	struct program *more;

	if (top->n == top->room) {
		more = reallocarray(top->programs, top->room + 32, sizeof(*more));
		if (!more)
			return NULL;
		top->programs = more;
		top->room += 32;
	}
	top->programs[top->n] = (struct program){0};
	return &top->programs[top->n++];
}

/* --- who is there --- */

static void
add_name(struct program *program, const char *name)
{
	char *both = NULL;

	if (!program->has_name) {
		free(program->names);
		program->names = strdup(name);
	} else if (asprintf(&both, "%s %s", program->names ? program->names : "", name) >= 0) {
		free(program->names);
		program->names = both;
	}
	program->has_name = true;
}

/* note_peer() - one that is on the bus. Return: 0, -ENOMEM. */
static int
note_peer(struct top *top, struct json_object *peer)
{
	tern_peer id = ask_number(peer, "id");
	struct program *program = find(top, id);
	char text[64];

	if (id == tern_id(top->bus))
		return 0;
	if (!program && top->n >= TOP_MAX) {
		top->n_more++;
		return 0;
	}
	if (!program)
		program = add(top);
	if (!program)
		return -ENOMEM;
	program->id = id;
	program->uid = (uint32_t)ask_number(peer, "uid");
	program->pid = (uint32_t)ask_number(peer, "pid");
	program->is_there = true;
	program->has_name = false;
	free(program->names);
	name_program(program->pid, text);
	program->names = strdup(text);
	return 0;
}

/* note_named() - those that have names, before the others: there may be more than are asked */
static int
note_peers(struct top *top, struct json_object *peers, bool named)
{
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(peers) && r == 0; i++) {
		struct json_object *peer = json_object_array_get_idx(peers, i);

		if ((ask_number(peer, "names") > 0) == named)
			r = note_peer(top, peer);
	}
	return r;
}

static void
drop_absent(struct top *top)
{
	size_t n = 0;

	for (size_t i = 0; i < top->n; i++) {
		if (top->programs[i].is_there)
			top->programs[n++] = top->programs[i];
		else
			program_deinit(&top->programs[i]);
	}
	top->n = n;
}

static int
look_around(struct top *top)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	_cleanup_(json_putp) struct json_object *peers = NULL;
	struct program *program;
	int r;

	r = ask_pages(top->bus, "Peers", "peers", &peers);
	if (r < 0)
		return r;
	for (size_t i = 0; i < top->n; i++)
		top->programs[i].is_there = false;
	top->n_more = 0;
	r = note_peers(top, peers, true);
	if (r == 0)
		r = note_peers(top, peers, false);
	drop_absent(top);
	if (r == 0)
		r = name_list_get(top->bus, &list);
	for (size_t i = 0; i < list.n; i++) {
		program = find(top, list.names[i].owner);
		if (program)
			add_name(program, list.names[i].name);
	}
	return r;
}

/* --- questions and answers --- */

int
top_begin(struct top *top, uint64_t timeout_ns)
{
	char whom[32];
	int r = look_around(top);

	for (size_t i = 0; i < top->n && r == 0; i++) {
		struct program *program = &top->programs[i];

		if (program->call || program->state == TOP_STRANGE)
			continue;
		(void)snprintf(whom, sizeof(whom), ":%llu", (unsigned long long)program->id); /* fits */
		if (ask_begin(top->bus, whom, "tern.Status", 0, timeout_ns, &program->call) < 0) {
			program->call = NULL;
			program->state = TOP_BUSY; /* not even a link; or it went: then it is not there the next time */
		}
	}
	return r;
}

void
top_take(struct top *top, tern_call *call, tern_message *reply, int result)
{
	struct json_object *tree = NULL;
	struct program *program = NULL;

	for (size_t i = 0; i < top->n && !program; i++)
		program = top->programs[i].call == call ? &top->programs[i] : NULL;
	if (!program)
		return;
	program->call = tern_call_unref(program->call);
	if (result == -EREMOTEIO)
		program->state = TOP_STRANGE;
	else if (result == -EHOSTDOWN || result == -ENXIO)
		program->state = TOP_NEW; /* it went: it is not there the next time */
	else if (result < 0)
		program->state = TOP_BUSY;
	if (result < 0 || !reply || ask_tree(reply, &tree) < 0)
		return;
	(void)json_object_put(program->before);
	program->before = program->last;
	program->last = tree;
	program->state = program->before ? TOP_GOOD : TOP_NEW;
}

bool
top_is_complete(const struct top *top)
{
	for (size_t i = 0; i < top->n; i++)
		if (top->programs[i].call)
			return false;
	return true;
}

/* --- rates --- */

static double
difference(const struct program *program, const char *group, const char *key)
{
	double now = (double)ask_number_below(program->last, group, key);

	return now - (double)ask_number_below(program->before, group, key);
}

static void
compute_rates(struct program *program)
{
	struct json_object *now = NULL, *then = NULL;
	double s = (double)(ask_number(program->last, "time") - ask_number(program->before, "time")) / 1e9;

	if (s <= 0)
		return;
	program->served = difference(program, "calls", "answered") / s;
	program->made = difference(program, "calls", "made") / s;
	program->published = difference(program, "events", "published") / s;
	program->heard = difference(program, "events", "heard") / s;
	program->dropped = (difference(program, "events", "dropped") + difference(program, "events", "missed")) / s;
	program->bytes = (difference(program, "links", "sent") + difference(program, "links", "received")) / s;
	(void)json_object_object_get_ex(program->last, "calls", &now); /* not there: no times */
	(void)json_object_object_get_ex(program->before, "calls", &then);
	program->half = amount_share(ask_list(now, "served_ns"), ask_list(then, "served_ns"), 0.5);
	program->most = amount_share(ask_list(now, "served_ns"), ask_list(then, "served_ns"), 0.99);
}

/* find_holder() - they come with those first that hold most */
static void
find_holder(struct program *program)
{
	struct json_object *partners = ask_list(program->last, "partners"), *first;

	program->holder = 0;
	first = partners ? json_object_array_get_idx(partners, 0) : NULL;
	if (!first)
		return;
	program->held = ask_number(first, "out") + ask_number(first, "replies") + ask_number(first, "queued");
	if (program->held)
		program->holder = (uint32_t)ask_number(first, "pid");
}

static void
end_one(struct program *program)
{
	program->served = program->made = program->published = program->heard = 0;
	program->dropped = program->bytes = 0;
	program->half = program->most = 0;
	if (program->call)
		program->state = TOP_BUSY;
	program->memory = ask_number_below(program->last, "memory", "lent") +
		ask_number_below(program->last, "memory", "replies") +
		ask_number_below(program->last, "memory", "queued");
	find_holder(program);
	if (program->state == TOP_GOOD)
		compute_rates(program);
}

static double
activity(const struct program *program)
{
	return program->served + program->made + program->published + program->heard;
}

static int
compare(const void *a, const void *b)
{
	const struct program *x = a, *y = b;
	double more = activity(y) - activity(x);

	if (more > 0 || more < 0)
		return more > 0 ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

void
top_end(struct top *top)
{
	for (size_t i = 0; i < top->n; i++)
		end_one(&top->programs[i]);
	if (top->n)
		qsort(top->programs, top->n, sizeof(*top->programs), compare);
}
