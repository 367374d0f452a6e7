/* SPDX-License-Identifier: MIT */

/*
 * daemon-again: one ternd ends, another one comes; contracts in daemon.h and daemon-state.h
 *
 *      there --hang-up--> gone --connected, hello--> joining --welcome--> there
 *                           ^ │ at once, then 10 ms … 1 s │ hang-up
 *                           └─┴──────────────────────────-┘
 *
 * Meanwhile links go on and the tables of the last one are read. Requests wait until there is another,
 * or their time is over. The next ternd has all of it from the last one's journal, and this program
 * claims its place with the token of its welcome. If it is a stranger there nevertheless (there was no
 * journal, or it was away for too long), it has another id from then on, and all that stands is asked
 * for again.
 */

#include <stdlib.h>
#include <sys/epoll.h>

#include "client/daemon-state.h"
#include "client/error.h"
#include "client/listeners.h"
#include "client/rights.h"
#include "io/socket.h"

#define FIRST_AGAIN (10 * NSEC_PER_MSEC)
#define LAST_AGAIN  NSEC_PER_SEC
#define JOIN_LOOK   NSEC_PER_MSEC

/* --- what stands --- */

static struct own_rule *
rule_find(const struct daemon *daemon, uint64_t id)
{
	struct own_rule *rule;

	HASH_FIND(hh, daemon->own_rules, &id, sizeof(id), rule);
	return rule;
}

static struct own_rule *
rule_get(struct daemon *daemon, uint64_t id)
{
	struct own_rule *rule = rule_find(daemon, id);

	if (rule)
		return rule;
	rule = calloc(1, sizeof(*rule));
	if (!rule)
		return NULL;
	rule->id = id;
	HASH_ADD(hh, daemon->own_rules, id, sizeof(rule->id), rule);
	if (!hash_added(rule, hh)) {
		free(rule);
		return NULL;
	}
	return rule;
}

static void
rule_forget(struct daemon *daemon, struct own_rule *rule)
{
	HASH_DEL(daemon->own_rules, rule);
	free(rule->standing);
	free(rule);
}

static struct standing *
standing_new(const struct control *control)
{
	struct standing *standing;
	uint8_t packet[4096];
	size_t size;

	if (control_encode(control, packet, sizeof(packet), &size))
		return NULL;
	standing = malloc(sizeof(*standing) + size);
	if (!standing)
		return NULL;
	*standing = (struct standing){.serial = control->serial, .size = size};
	memcpy(standing->packet, packet, size);
	return standing;
}

int
daemon_stands(tern_bus *bus, const struct control *control)
{
	struct daemon *daemon = bus->daemon;
	struct standing *standing = standing_new(control), **at = NULL;
	struct own_rule *rule;
	struct own_name *own;

	if (standing && control->type == CONTROL_OWN) {
		HASH_FIND(hh, daemon->own, control->own.name.text, control->own.name.size, own);
		at = own ? &own->standing : NULL;
	} else if (standing) {
		rule = rule_get(daemon, control->rule_add.rule);
		at = rule ? &rule->standing : NULL;
	}
	if (at) {
		if (daemon->gone)
			standing->serial = 0; /* who granted it has ended since */
		free(*at);
		*at = standing;
		return 0;
	}
	if (standing && control->type == CONTROL_OWN) {
		free(standing); /* it was lost again already */
		return 0;
	}
	free(standing);
	return error_errno(-ENOMEM, "what ternd was told");
}

bool
daemon_withdrawn(tern_bus *bus, const char *name, uint64_t id)
{
	struct daemon *daemon = bus->daemon;
	struct own_rule *rule = name ? NULL : rule_find(daemon, id);
	struct own_name *own = NULL;

	if (!daemon->gone || daemon->is_over) {
		if (rule)
			rule_forget(daemon, rule);
		return !daemon->gone;
	}
	if (name)
		HASH_FIND_STR(daemon->own, name, own);
	if (own && own->standing)
		own->standing->withdrawn = true;
	if (rule)
		rule->standing->withdrawn = true;
	bus_plans_end(bus);
	return false;
}

void
daemon_refused(tern_bus *bus, uint64_t serial)
{
	struct own_name *own, *next;

	HASH_ITER (hh, bus->daemon->own, own, next)
		if (own->standing && own->standing->serial == serial) {
			daemon_own_remove(bus, own->name, strlen(own->name)); /* somebody else has it now */
			return;
		}
}

/* --- what was given up --- */

/* remember() - that it was sent, until it is answered; without memory the next ternd may keep it until this program ends */
static void
remember(struct daemon *daemon, const struct control *control)
{
	struct standing *standing = standing_new(control);

	if (standing)
		DL_APPEND(daemon->unanswered, standing);
}

static void
drop_unanswered(struct daemon *daemon, struct standing *standing)
{
	DL_DELETE(daemon->unanswered, standing);
	free(standing);
}

int
daemon_give_up(tern_bus *bus, struct control *control, uint64_t deadline)
{
	int r = daemon_request_send(bus, control, deadline);

	if (r == 0)
		remember(bus->daemon, control);
	return r;
}

void
daemon_knows(tern_bus *bus, uint64_t serial)
{
	struct standing *standing;

	DL_FOREACH (bus->daemon->unanswered, standing) /* answers come in order: mostly the first */
		if (standing->serial == serial) {
			drop_unanswered(bus->daemon, standing);
			return;
		}
}

void
daemon_forget_unanswered(struct daemon *daemon)
{
	while (daemon->unanswered)
		drop_unanswered(daemon, daemon->unanswered);
}

/* --- telling it again --- */

/* tell_unanswered() - whether the last one did it is not known. Return: 0 or -EAGAIN */
static int
tell_unanswered(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;
	struct standing *standing;
	struct control control;

	if (daemon->is_new)
		daemon_forget_unanswered(daemon); /* it never heard of it */
	DL_FOREACH (daemon->unanswered, standing) {
		if (standing->serial || control_decode(&control, standing->packet, standing->size, NULL))
			continue;
		control.serial = daemon->last_serial + 1;
		if (daemon_send(bus, &control) == -EAGAIN)
			return -EAGAIN;
		standing->serial = ++daemon->last_serial;
	}
	return 0;
}

/* tell_withdrawn() - the other way round. Return: 0 or -EAGAIN */
static int
tell_withdrawn(tern_bus *bus, const struct standing *standing, struct control *control)
{
	int r;

	if (bus->daemon->is_new && !standing->serial)
		return 0; /* it never heard of it */
	control->serial = ++bus->daemon->last_serial;
	r = daemon_send(bus, control);
	if (r == 0)
		remember(bus->daemon, control);
	return r == -EAGAIN ? r : 0; /* else it is gone, too, and that is found out */
}

static int
tell_standing(tern_bus *bus, struct standing *standing)
{
	struct control control;
	int r;

	if (!bus->daemon->is_new || standing->serial || control_decode(&control, standing->packet, standing->size, NULL))
		return 0;
	control.serial = ++bus->daemon->last_serial;
	r = daemon_send(bus, &control);
	if (r == 0)
		standing->serial = control.serial;
	return r == -EAGAIN ? r : 0;
}

static int
tell_rules(tern_bus *bus)
{
	struct own_rule *rule, *next;
	int r = 0;

	HASH_ITER (hh, bus->daemon->own_rules, rule, next) {
		struct control control = {.type = CONTROL_RULE_REMOVE, .rule_remove = {.rule = rule->id}};

		r = rule->standing->withdrawn ? tell_withdrawn(bus, rule->standing, &control)
					       : tell_standing(bus, rule->standing);
		if (r < 0)
			break;
		if (rule->standing->withdrawn)
			rule_forget(bus->daemon, rule);
	}
	return r;
}

static int
tell_names(tern_bus *bus)
{
	struct own_name *own, *next;
	int r = 0;

	HASH_ITER (hh, bus->daemon->own, own, next) {
		struct control control = {.type = CONTROL_DISOWN, .name = {daemon_text(own->name)}};

		if (!own->standing)
			continue; /* its request waits, and is made again */
		r = own->standing->withdrawn ? tell_withdrawn(bus, own->standing, &control)
					      : tell_standing(bus, own->standing);
		if (r < 0)
			break;
		if (!own->standing->withdrawn)
			continue;
		if (own->n_asking) { /* again, meanwhile */
			free(own->standing);
			own->standing = NULL;
		} else {
			daemon_own_remove(bus, own->name, strlen(own->name));
		}
	}
	return r;
}

/* ask_again() - introductions for calls that were bounced; who waits for one asks by itself */
static int
ask_again(tern_bus *bus)
{
	struct request *request;
	int r = 0;

	DL_FOREACH (bus->daemon->requests, request) {
		if (!request->is_heap || request->is_call || request->serial)
			continue;
		r = request->start ? daemon_start_again(bus, request) : daemon_introduce_again(bus, request);
		if (r == -EAGAIN)
			break;
	}
	return r == -EAGAIN ? r : 0;
}

void
daemon_welcomed(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;

	if (tell_unanswered(bus) < 0 || tell_names(bus) < 0 || tell_rules(bus) < 0 || ask_again(bus) < 0) {
		daemon->again_at = clock_deadline_ns(bus_clock(bus), FIRST_AGAIN);
		return;
	}
	daemon->gone = daemon->joining = daemon->is_new = false;
	daemon->again_at = UINT64_MAX;
	rights_forget(bus);
	bus_plans_end(bus);
	listeners_changed(bus);
	queue_notice(bus, TERN_LINKED, TERN_PEER_BUS);
	lead_interrupt_items(bus);
}

/* --- one after another --- */

static void
forget_serials(struct daemon *daemon)
{
	struct own_name *own, *next;
	struct own_rule *rule, *next_rule;
	struct standing *standing;
	struct request *request;

	DL_FOREACH (daemon->unanswered, standing)
		standing->serial = 0;
	HASH_ITER (hh, daemon->own, own, next)
		if (own->standing)
			own->standing->serial = 0;
	HASH_ITER (hh, daemon->own_rules, rule, next_rule)
		rule->standing->serial = 0;
	DL_FOREACH (daemon->requests, request)
		request->serial = 0;
}

void
daemon_ended(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;

	daemon->fd = fd_close(daemon->fd); /* and so it is in the epoll set no more */
	if (!daemon->gone)
		daemon->again_in = 0;
	if (!daemon->gone || daemon->joining)
		forget_serials(daemon); /* else nothing was told since */
	daemon->gone = true;
	daemon->joining = daemon->stalled = false;
	daemon->again_at = daemon->is_over ? UINT64_MAX : clock_deadline_ns(bus_clock(bus), daemon->again_in);
	daemon->again_in = MAX(FIRST_AGAIN, MIN(2 * daemon->again_in, LAST_AGAIN));
}

/* try_again() - connect and say who this was */
static void
try_again(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;

	if (socket_connect_now(strchr(bus->address, ':') + 1, &daemon->fd) < 0) {
		daemon->fd = -1;
	} else {
		daemon->joining = true;
		daemon->joining_at = bus_clock(bus);
		if (bus_watch(bus, daemon->fd, EPOLLIN | EPOLLRDHUP, &bus->control_source) == 0 &&
			daemon_hello(bus, true) == 0) {
			daemon->again_at = UINT64_MAX; /* its answer, or its end, is seen as it comes */
			return;
		}
	}
	daemon_ended(bus);
}

/* has_died() - by the word in memory; the end of the socket may be still to come */
static bool
has_died(const struct daemon *daemon)
{
	return peers_life(&daemon->peers) && load_acq(peers_life(&daemon->peers)) & PEERS_LIFE_OVER;
}

void
daemon_leave(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;

	if (!daemon || daemon->joining || !(daemon->gone ? !daemon->is_over : has_died(daemon)))
		return;
	daemon->fd = fd_close(daemon->fd);
	if (socket_connect_now(strchr(bus->address, ':') + 1, &daemon->fd) < 0) {
		daemon->fd = -1;
		return;
	}
	daemon->gone = daemon->joining = true;
	(void)daemon_hello(bus, true); /* and the end of the socket, behind it, says that it is gone */
}

bool
daemon_is_away(const struct daemon *daemon)
{
	return daemon->gone && !daemon->is_over;
}

void
daemon_look(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;
	uint64_t deadline;

	if (likely(!daemon->gone && !has_died(daemon)))
		return;
	(void)lead_try(bus); /* its end is read, and the next one connected to */
	if (!daemon->joining || bus->max_wait == 0)
		return;
	deadline = clock_deadline_ns(daemon->joining_at, bus->max_wait);
	while (daemon->joining && clock_now_ns() < deadline) {
		struct waiter waiter = {.kind = WAIT_ANSWER}; /* never done: a pause */

		(void)lead_wait(bus, &waiter, MIN(deadline, clock_deadline_ns(clock_now_ns(), JOIN_LOOK)));
	}
}

uint64_t
daemon_again_at(const tern_bus *bus)
{
	if (likely(!bus->daemon || bus->daemon->again_at == UINT64_MAX))
		return UINT64_MAX;
	return bus->daemon->again_at - bus->clock_offset;
}

uint64_t
daemon_again(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;

	if (likely(!daemon || daemon->again_at == UINT64_MAX) || bus_clock(bus) < daemon->again_at)
		return daemon_again_at(bus);
	if (daemon->joining)
		daemon_welcomed(bus);
	else
		try_again(bus);
	return daemon_again_at(bus);
}
