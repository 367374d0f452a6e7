/* SPDX-License-Identifier: MIT */

/* daemon-request: what ternd is asked for, but names; contracts in daemon.h */

#include <stdio.h>
#include <stdlib.h>

#include "base/hook.h"
#include "client/call.h"
#include "client/daemon-state.h"
#include "client/error.h"
#include "wire/name.h"

#define FULL_RETRY (10 * NSEC_PER_MSEC)

/* request_pause() - take things in for a moment. Return: 0, -ETIME the deadline has passed, … */
static int
request_pause(tern_bus *bus, uint64_t deadline)
{
	struct waiter waiter = {.kind = WAIT_ANSWER};
	uint64_t now = clock_now_ns();

	if (now >= deadline)
		return -ETIME;
	(void)lead_wait(bus, &waiter, MIN(deadline, now + FULL_RETRY)); /* never done: a pause */
	return 0;
}

/* send_request() - daemon_send() to one who is there, or will be: then -EAGAIN */
static int
send_request(tern_bus *bus, const struct control *control)
{
	const struct daemon *daemon = bus->daemon;
	int r = -ENOTCONN;

	if (!daemon->gone || daemon->is_over)
		r = daemon_send(bus, control);
	return r == -ENOTCONN && !(daemon->gone && daemon->is_over) ? -EAGAIN : r; /* what it said last is still to be read */
}

int
daemon_request_send(tern_bus *bus, struct control *control, uint64_t deadline)
{
	int r;

	control->serial = ++bus->daemon->last_serial;
	while ((r = send_request(bus, control)) == -EAGAIN) {
		if (deadline == 0)
			return error_set(r, ERROR_FULL, "ternd has not read yet what it was sent before");
		if (request_pause(bus, deadline) < 0)
			return bus->daemon->gone
				       ? error_set(-ENOTCONN, ERROR_NO_BUS, "ternd is gone, and no other came in time")
				       : error_set(-ETIME, ERROR_TIMEOUT, "ternd does not read its socket");
	}
	return r;
}

/* request_once() - result -ENOTCONN: ternd ended meanwhile */
static int
request_once(tern_bus *bus, struct control *control, struct request *request, uint64_t deadline)
{
	struct daemon *daemon = bus->daemon;
	int r;

	*request = (struct request){.waiter = {.kind = WAIT_ANSWER}};
	r = daemon_request_send(bus, control, deadline);
	if (r < 0)
		return r;
	request->serial = control->serial;
	DL_APPEND(daemon->requests, request);
	r = lead_wait(bus, &request->waiter, deadline);
	if (!request->waiter.done)
		DL_DELETE(daemon->requests, request);
	if (r == -ETIME) {
		daemon->stalled = true;
		return error_set(r, ERROR_TIMEOUT, "ternd does not answer");
	}
	return r;
}

/* was_done_before() - by the ternd that ended before it could answer; the next one has it from there */
static bool
was_done_before(const struct control *control, int result)
{
	switch (control->type) {
	case CONTROL_RULE_ADD:
		return result == -EEXIST;
	case CONTROL_RULE_REMOVE:
	case CONTROL_DISOWN:
		return result == -ENXIO;
	default:
		return false; /* the others answer the same twice */
	}
}

int
daemon_request(tern_bus *bus, struct control *control, struct request *request, uint64_t deadline)
{
	struct daemon *daemon = bus->daemon;
	bool is_again = false;
	int r;

	for (;;) {
		r = request_once(bus, control, request, deadline);
		if (r < 0)
			return r;
		if (request->result != -ENOTCONN)
			break;
		if (daemon->is_over)
			return error_set(-ENOTCONN, ERROR_NO_BUS, "ternd is gone");
		is_again = true;
	}
	if (is_again && was_done_before(control, request->result))
		request->result = 0;
	if (request->result < 0)
		return error_set(request->result, request->error.name, "%s", request->error.text);
	return 0;
}

uint64_t
daemon_deadline(const tern_bus *bus)
{
	return clock_deadline_ns(clock_now_ns(), bus->timeout);
}

/* --- look-ups that the tables could not answer --- */

int
daemon_ask(tern_bus *bus, const char *name, uint64_t deadline, tern_peer *ret)
{
	struct control control = {.type = CONTROL_LOOKUP, .name = {daemon_text(name)}};
	struct request r1;
	int r;

	r = daemon_request(bus, &control, &r1, deadline);
	if (r == 0)
		*ret = r1.peer;
	return r;
}

int
daemon_lookup(tern_bus *bus, const char *name, tern_peer *ret)
{
	int r = daemon_owner(bus, name, ret);

	return r == -EAGAIN ? daemon_ask(bus, name, daemon_deadline(bus), ret) : r; /* rare: 64 attempts were in vain */
}

/* --- links --- */

bool
daemon_is_stalled(tern_bus *bus)
{
	if (bus->daemon->stalled) {
		lead_pause(bus);
		(void)daemon_read(bus); /* has it said something since? */
	}
	return bus->daemon->stalled || bus->daemon->gone;
}

/* introduce() - @name: or ":ID"; @peer: whose that is, 0 unknown */
static int
introduce(tern_bus *bus, const char *name, tern_peer peer, uint64_t deadline, struct partner **ret)
{
	struct control control = {.type = CONTROL_INTRODUCE, .name = {daemon_text(name)}};
	struct request r1;
	int r;

	do {
		r = daemon_request(bus, &control, &r1, deadline);
		*ret = partner_find(bus, peer ? peer : r1.peer);
		if (*ret)
			return 0; /* made for us, or by the other end before us */
		/* it did not read yet: many call it at once; or there was a link before the answer, which is gone again */
	} while ((r == -EAGAIN || r == -EALREADY) && request_pause(bus, deadline) == 0);
	return r < 0 && r != -EALREADY ? r : error_set(-EHOSTDOWN, ERROR_DIED, "the peer died while it was introduced");
}

int
daemon_introduce(tern_bus *bus, tern_peer peer, uint64_t deadline, struct partner **ret)
{
	char id[24];

	if (deadline == 0)
		return error_set(-EAGAIN, ERROR_TIMEOUT, "a new link takes a word of ternd, and none was waited for");
	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)peer); /* fits */
	return introduce(bus, id, peer, deadline, ret);
}

int
daemon_introduce_owner(tern_bus *bus, const char *name, uint64_t deadline, struct partner **ret)
{
	if (likely(bus->partners || daemon_has_table(bus->daemon, CONTROL_TABLE_NAMES)) ||
		bus->daemon->gone || daemon_has_name(bus, name) || name_check(name, strlen(name), NULL))
		return DAEMON_E_LOOK_UP;
	return introduce(bus, name, 0, deadline, ret);
}

int
daemon_introduce_again(tern_bus *bus, struct request *request)
{
	struct control control = {.type = CONTROL_INTRODUCE, .serial = ++bus->daemon->last_serial};
	char id[24];
	int r;

	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)request->peer); /* fits */
	control.name.name = daemon_text(id);
	r = daemon_send(bus, &control);
	request->serial = r == 0 ? control.serial : 0;
	return r;
}

int
daemon_introduce_for(tern_bus *bus, tern_peer peer, tern_call *call)
{
	struct request *request;
	int r;

	DL_FOREACH (bus->daemon->requests, request)
		if (!call && request->is_heap && !request->start && request->peer == peer)
			return 0; /* it was asked for already */
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	request->peer = peer;
	request->is_heap = true;
	r = daemon_introduce_again(bus, request);
	if (r < 0 && !(bus->daemon->gone && !bus->daemon->is_over)) { /* else the next one is asked */
		free(request);
		return r;
	}
	request->call = call ? tern_call_ref(call) : NULL;
	DL_APPEND(bus->daemon->requests, request);
	return 0;
}

void
daemon_unlinked(tern_bus *bus, const struct partner *partner)
{
	struct control control = {
		.type = CONTROL_UNLINK,
		.unlink = {.peer = partner->id, .link = partner->link_number},
	};

	if (!bus->daemon || bus->daemon->gone)
		return;
	control.serial = ++bus->daemon->last_serial;
	(void)daemon_send(bus, &control); /* full: ternd finds the end of a dead peer by itself */
}

/* --- rules --- */

int
daemon_rule_add(tern_bus *bus, uint64_t id, const struct tern_rule *rule)
{
	struct control control = {
		.type = CONTROL_RULE_ADD,
		.rule_add = {
			.rule = id,
			.policy = rule->policy,
			.sender = daemon_text(rule->sender),
			.queue = rule->queue,
			.max_rate = rule->max_rate,
		},
	};
	struct request r1;
	int r;

	for (size_t i = 0; rule->tags && rule->tags[i] && i < CONTROL_MAX_TAGS; i++) {
		control.rule_add.tags.items[i] = daemon_text(rule->tags[i]);
		control.rule_add.tags.n = i + 1;
	}
	if (!RULE(SUBSCRIBE_WAIT))
		return daemon_request_send(bus, &control, daemon_deadline(bus));
	r = daemon_request(bus, &control, &r1, daemon_deadline(bus));
	if (r == 0) {
		r = daemon_stands(bus, &control);
		if (r < 0)
			(void)daemon_rule_remove(bus, id, true); /* nobody would */
	}
	return r;
}

int
daemon_rule_remove(tern_bus *bus, uint64_t id, bool may_wait)
{
	struct control control = {.type = CONTROL_RULE_REMOVE, .rule_remove = {.rule = id}};

	if (!bus->daemon || !daemon_withdrawn(bus, NULL, id))
		return 0;
	return daemon_give_up(bus, &control, may_wait ? daemon_deadline(bus) : 0); /* the answer tells nothing */
}

int
daemon_watch(tern_bus *bus, const uint8_t *words, size_t size, uint64_t *ret_serial)
{
	struct control control = {
		.type = CONTROL_WATCH,
		.serial = ++bus->daemon->last_serial,
		.watch = {.words = {words, size}},
	};

	*ret_serial = control.serial;
	return daemon_send(bus, &control);
}
