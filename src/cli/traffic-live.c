/* SPDX-License-Identifier: MIT */

/* traffic-live: see traffic-live.h */

#include "cli/traffic-live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tern/cbor.h>
#include <tern/name.h>
#include <time.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "base/hash.h"
#include "cli/connect.h"
#include "cli/name.h"

#define MOST_PEERS 65536u /* remembered */

struct live_peer {
	tern_peer id;
	uint32_t pid, uid;
	char program[64];
	char words[96];
	UT_hash_handle hh;
};

/* -------- who they are -------- */

static void
peers_forget(struct live *live)
{
	struct live_peer *peer, *next;

	HASH_ITER (hh, live->peers, peer, next) {
		HASH_DEL(live->peers, peer);
		free(peer);
	}
}

static void
peer_ask(struct live *live, struct live_peer *peer)
{
	struct tern_identity identity = {.size = sizeof(identity)};

	if (tern_identify(live->bus, peer->id, &identity) == 0) {
		peer->pid = identity.pid;
		peer->uid = identity.uid;
		name_program(identity.pid, peer->program);
	}
	if (peer->id == TERN_PEER_BUS)
		(void)strcpy(peer->words, "ternd");
	else if (peer->program[0])
		(void)snprintf(peer->words, sizeof(peer->words), "%s[%u]", peer->program, peer->pid); /* fits */
	else
		(void)snprintf(peer->words, sizeof(peer->words), ":%llu", (unsigned long long)peer->id); /* fits */
}

/* peer_find() - NULL: no memory */
static struct live_peer *
peer_find(struct live *live, tern_peer id)
{
	struct live_peer *peer;

	HASH_FIND(hh, live->peers, &id, sizeof(id), peer);
	if (peer)
		return peer;
	if (HASH_COUNT(live->peers) >= MOST_PEERS)
		peers_forget(live);
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	peer->id = id;
	HASH_ADD(hh, live->peers, id, sizeof(id), peer);
	if (!hash_added(peer, hh)) {
		free(peer);
		return NULL;
	}
	peer_ask(live, peer);
	return peer;
}

const char *
live_peer_words(struct live *live, tern_peer id)
{
	const struct live_peer *peer = peer_find(live, id);

	return peer ? peer->words : "?";
}

bool
live_owns(void *user, const char *service, tern_peer peer)
{
	struct live *live = user;
	tern_peer owner;

	return tern_lookup(live->bus, service, &owner) == 0 && owner == peer;
}

/* -------- life -------- */

static int
subscribe(struct live *live, const char *const *tags, tern_subscription **ret)
{
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	int r = tern_subscribe(live->bus, &rule, NULL, NULL, ret);

	return r ? connect_failed("this cannot be listened to", r, NULL) : STATUS_OK;
}

/* realtime_offset() - between stamps and the time of day */
static int64_t
realtime_offset(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: the clock exists */
	return (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec - ((int64_t)clock_now_ns() - clock_offset_ns());
}

int
live_open(struct live *live, const struct cli *cli, const struct traffic_filter *filter)
{
	static const char *const taps[] = {TERN_TAG_TAP, NULL};
	const uint32_t events = UINT32_C(1) << TRAFFIC_EVENT | UINT32_C(1) << TRAFFIC_GAP;
	int r;

	r = connect_bus(cli, &live->bus);
	if (r)
		return r;
	live->to_realtime = realtime_offset();
	if (!filter->kinds || filter->kinds & UINT32_C(1) << TRAFFIC_EVENT)
		r = subscribe(live, filter->tags, &live->events);
	live->since = clock_now_ns() - (uint64_t)clock_offset_ns();
	if (r == STATUS_OK && filter->n_tags == 0 && (!filter->kinds || filter->kinds & ~events))
		r = subscribe(live, taps, &live->taps);
	return r;
}

void
live_close(struct live *live)
{
	live_offers_deinit(&live->offers);
	(void)tern_message_unref(live->message); /* always NULL, as all here */
	(void)tern_subscription_free(live->events);
	(void)tern_subscription_free(live->taps);
	(void)tern_close(live->bus);
	peers_forget(live);
	*live = (struct live){0};
}

static tern_bus *interrupted;

static void
on_signal(int number)
{
	(void)tern_wake(interrupted); /* safe here; it cannot fail */
}

void
live_until_interrupted(struct live *live)
{
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	interrupted = live->bus;
	(void)sigaction(SIGINT, &action, NULL); /* cannot fail: the numbers are right */
	(void)sigaction(SIGTERM, &action, NULL);
}

/* -------- one message -------- */

/* read_parts() - of an event: all that there are, where they can be read */
static int
read_parts(tern_message *m, struct traffic *ret)
{
	int r = 0;

	ret->n_parts = (uint32_t)tern_message_n_parts(m);
	for (uint32_t i = 0; i < ret->n_parts && r == 0; i++) {
		struct traffic_part *part = &ret->parts[i];
		const volatile void *view;
		const void *bytes;
		size_t size;

		r = tern_message_part(m, i, &bytes, &size);
		if (r == 0)
			*part = (struct traffic_part){.bytes = bytes, .size = size, .there = size};
		if (r == -E2BIG) { /* of another user, and large: how large is told */
			r = tern_message_view(m, i, &view, &size);
			*part = (struct traffic_part){.size = size};
		}
	}
	return r;
}

static int
read_event(tern_message *m, struct traffic *ret)
{
	int fd;

	ret->kind = TRAFFIC_EVENT;
	for (; ret->n_tags < TERN_MAX_TAGS; ret->n_tags++) {
		ret->tags[ret->n_tags] = tern_message_tag(m, ret->n_tags);
		if (!ret->tags[ret->n_tags])
			break;
	}
	ret->type = tern_message_type(m);
	ret->trace = tern_message_trace(m);
	for (; (fd = tern_message_fd(m, ret->n_fds)) >= 0; ret->n_fds++)
		;
	return read_parts(m, ret);
}

/* share() - the copied bytes among the parts that they are of */
static void
share(struct traffic *t, const uint64_t *sizes, const uint8_t *bytes, size_t size)
{
	for (uint32_t i = 0; i < t->n_parts; i++) {
		uint64_t n = MIN(sizes[i], (uint64_t)size);

		t->parts[i] = (struct traffic_part){.bytes = bytes, .size = sizes[i], .there = n};
		bytes += n;
		size -= n;
	}
}

/* read_copy() - of a tap. Return: 0; -EBADMSG it is of a sender that makes up its own. */
static int
read_copy(tern_message *m, struct traffic *ret)
{
	uint64_t sizes[TERN_MAX_PARTS], n_fds;
	size_t n_sizes = TERN_MAX_PARTS, size = 0;
	const void *bytes = "";
	const char *kind;
	int r;

	r = tern_message_unpack(m,
		"{kind:s, to:u, service:s, member:s, type:s, serial:u, reference:u, deadline:u, trace:u, no_reply:b, "
		"?stream:b, back:b, fds:u, sizes:*u}",
		&kind, &ret->to, &ret->service, &ret->member, &ret->type, &ret->serial, &ret->reference, &ret->deadline,
		&ret->trace, &ret->no_reply, &ret->is_stream, &ret->is_back, &n_fds, sizes, &n_sizes);
	if (r < 0)
		return r;
	if (strlen(ret->service) > TERN_MAX_TAG || strlen(ret->member) > TERN_MAX_TAG || strlen(ret->type) > TERN_MAX_TAG)
		return -EBADMSG;
	if (tern_message_n_parts(m) > 1)
		r = tern_message_part(m, 1, &bytes, &size);
	ret->kind = traffic_kind_read(kind, strlen(kind));
	ret->n_fds = (uint32_t)MIN(n_fds, (uint64_t)TERN_MAX_FDS);
	ret->n_parts = (uint32_t)n_sizes;
	if (r == 0)
		share(ret, sizes, bytes, size);
	return ret->kind && ret->kind != TRAFFIC_EVENT && ret->kind != TRAFFIC_GAP ? r : -EBADMSG;
}

/* is_news() - an event that was published after the beginning, or a copy, or a gap that is told first */
static bool
is_news(const struct live *live, const struct tern_event *event)
{
	if (event->kind == TERN_GAP)
		return event->subscription == (live->taps ? live->taps : live->events); /* each is told to both */
	if (event->kind != TERN_EVENT)
		return false;
	return event->peer != TERN_PEER_BUS || tern_message_stamp(event->message) > live->since;
}

static int
read_any(struct live *live, const struct tern_event *event, struct traffic *ret)
{
	const struct live_peer *peer = peer_find(live, event->peer);

	*ret = (struct traffic){.from = event->peer, .service = "", .member = "", .type = "", .program = ""};
	if (peer) {
		ret->pid = peer->pid;
		ret->uid = peer->uid;
		ret->program = peer->program;
	}
	if (event->kind == TERN_GAP) {
		ret->kind = TRAFFIC_GAP;
		ret->lost = event->lost;
		ret->stamp = clock_now_ns() - (uint64_t)clock_offset_ns();
	} else {
		ret->stamp = tern_message_stamp(event->message);
	}
	ret->time = ret->stamp + (uint64_t)live->to_realtime;
	if (event->kind == TERN_GAP)
		return 0;
	return event->subscription == live->taps ? read_copy(event->message, ret) : read_event(event->message, ret);
}

int
live_next(struct live *live, uint64_t timeout_ns, struct traffic *ret)
{
	uint64_t end = clock_deadline_ns(clock_now_ns(), timeout_ns);
	int r;

	live->message = tern_message_unref(live->message);
	for (;;) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t now = clock_now_ns();

		r = tern_next(live->bus, end == UINT64_MAX ? TERN_FOREVER : end > now ? end - now : 0, &event);
		if (r)
			return r;
		(void)live_offers_came(&live->offers, &event); /* else it is no answer */
		(void)tern_call_unref(event.call);	       /* always NULL; who calls us is answered so */
		if (event.kind == TERN_LINKED)
			(void)peer_find(live, event.peer); /* while it is there */
		r = is_news(live, &event) ? read_any(live, &event, ret) : -EAGAIN;
		if (r == 0) {
			live->message = event.message;
			return 0;
		}
		(void)tern_message_unref(event.message); /* always NULL */
		if (r != -EAGAIN && r != -EBADMSG)
			return r;
	}
}
