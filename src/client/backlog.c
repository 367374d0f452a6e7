/* SPDX-License-Identifier: MIT */

/* backlog: see backlog.h */

#include <stdalign.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/hook.h"
#include "client/backlog.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/tag.h"
#include "tern/event.h"

#define LANES_SWEPT 16u /* so many lanes are not looked through for those that nobody needs */

/* An event that waits. */
struct kept_event {
	struct kept_event *prev, *next; /* in its lane */
	struct lane *lane;
	uint64_t number; /* counts up: who is first over all lanes */
	uint64_t set;    /* topic_set() */
	bool is_indexed;
	UT_hash_handle hh;
	uint64_t bytes;
	tern_message *message; /* counted, where the record is not drawn */
	struct outgoing out;
	struct wire_header header; /* not drawn */
	struct out_part parts[];   /* not drawn: counted blocks; else the record */
};

/* Of one rule. There while it keeps something, its rate is up, or it has something to tell. */
struct lane {
	uint64_t rule;
	uint64_t interval;
	uint64_t next_at; /* host time: not before */
	uint64_t n_skipped; /* lost, and not told yet */
	struct kept_event *events;
	uint32_t n;
	UT_hash_handle hh;
};

struct backlog {
	struct lane *lanes;	   /* uthash by rule */
	struct kept_event *topics; /* uthash by set: those of latest */
	uint64_t bytes, last_number;
	uint32_t n, n_lanes_swept;
	bool is_full; /* it waits for room, which is asked for */
	bool is_listed;
	struct partner *partner;
	struct backlog *prev, *next; /* bus->backlogs */
};

/* --- events --- */

/* charge_parts() - own the blocks. Return: bytes of memory that are kept for them. */
static uint64_t
charge_parts(struct kept_event *event, const struct outgoing *out, const tern_message *m)
{
	uint64_t bytes = sizeof(*m) + m->space;

	for (uint32_t i = 0; i < out->header->n_parts; i++) {
		event->parts[i] = out->parts[i];
		if (out->parts[i].block)
			bytes += block_ref(out->parts[i].block)->size;
		else
			bytes += out->parts[i].size;
	}
	return bytes;
}

static struct kept_event *
event_new(const struct outgoing *out, tern_message *m)
{
	uint32_t size = out->header->size;
	struct wire_header *header;
	struct kept_event *event;
	bool is_drawn = out->is_drawn || out->load.n_lent + out->load.n_fds == 0;
	size_t rest = is_drawn ? size : out->header->n_parts * sizeof(struct out_part);

	event = calloc(1, sizeof(*event) + rest);
	if (!event)
		return NULL;
	event->bytes = sizeof(*event) + rest;
	if (is_drawn) {
		(void)link_draw(out, event->parts, size, &event->out); /* it fits */
	} else {
		event->header = *out->header;
		event->out = *out;
		event->out.header = &event->header;
		event->out.parts = event->parts;
		event->out.load.is_paced = false;
		event->message = tern_message_ref(m);
		event->bytes += charge_parts(event, out, m);
	}
	header = event->out.header;
	header->flags = (uint16_t)((header->flags & ~WIRE_SHARED) | WIRE_LATE);
	header->reference = 0;
	return event;
}

static void
event_free(struct kept_event *event)
{
	for (uint32_t i = 0; event->message && i < event->header.n_parts; i++)
		if (event->parts[i].block)
			(void)block_unref((struct block *)event->parts[i].block); /* always NULL, as the next */
	(void)message_unref_locked(event->message);
	free(event);
}

/* event_tags() - as they stand in the record */
static const uint8_t *
event_tags(const struct kept_event *event)
{
	struct wire_places places;

	if (event->message)
		return event->out.tags;
	wire_places(event->out.header, &places);
	return (const uint8_t *)event->out.header + places.tags;
}

/* is_same_topic() - the same tags, in whatever order */
static bool
is_same_topic(const struct kept_event *a, const struct kept_event *b)
{
	const struct wire_header *x = a->out.header, *y = b->out.header;
	const uint8_t *tags_a = event_tags(a), *tags_b = event_tags(b);
	struct tag split_a[WIRE_MAX_TAGS], split_b[WIRE_MAX_TAGS];

	if (x->n_tags != y->n_tags || x->tags_size != y->tags_size)
		return false;
	if (memcmp(tags_a, tags_b, x->tags_size) == 0)
		return true;
	tags_hash(&tags_a, x->n_tags, split_a);
	tags_hash(&tags_b, y->n_tags, split_b);
	return tags_match(split_a, x->n_tags, split_b, y->n_tags) && tags_match(split_b, y->n_tags, split_a, x->n_tags);
}

/* --- lanes --- */

static struct backlog *
backlog_get(struct partner *partner)
{
	if (partner->backlog)
		return partner->backlog;
	partner->backlog = calloc(1, sizeof(*partner->backlog));
	if (partner->backlog)
		partner->backlog->partner = partner;
	return partner->backlog;
}

static struct lane *
lane_find(const struct partner *partner, uint64_t rule)
{
	struct lane *lane;

	if (!partner->backlog)
		return NULL;
	HASH_FIND(hh, partner->backlog->lanes, &rule, sizeof(rule), lane);
	return lane;
}

/* lanes_sweep() - of rules that were, and of those whose rate was not used lately */
static void
lanes_sweep(struct backlog *backlog, uint64_t now)
{
	struct lane *lane, *next;

	HASH_ITER (hh, backlog->lanes, lane, next) {
		if (lane->n || lane->n_skipped || lane->next_at > now)
			continue;
		HASH_DEL(backlog->lanes, lane);
		free(lane);
	}
	backlog->n_lanes_swept = MAX(LANES_SWEPT, 2 * HASH_COUNT(backlog->lanes));
}

/* lane_get() - NULL: no memory */
static struct lane *
lane_get(struct partner *partner, const struct wish *wish)
{
	struct lane *lane = lane_find(partner, wish->rule);
	struct backlog *backlog = backlog_get(partner);

	if (!lane && backlog) {
		if (HASH_COUNT(backlog->lanes) >= MAX(LANES_SWEPT, backlog->n_lanes_swept))
			lanes_sweep(backlog, bus_time(partner->bus));
		lane = calloc(1, sizeof(*lane));
		if (!lane)
			return NULL;
		lane->rule = wish->rule;
		HASH_ADD(hh, backlog->lanes, rule, sizeof(lane->rule), lane);
		if (!hash_added(lane, hh)) {
			free(lane);
			return NULL;
		}
	}
	if (lane)
		lane->interval = wish->interval;
	return lane;
}

/* has_something() - to send, or to tell */
static bool
has_something(const struct backlog *backlog)
{
	const struct lane *lane, *next;

	if (backlog->n)
		return true;
	HASH_ITER (hh, backlog->lanes, lane, next)
		if (lane->n_skipped)
			return true;
	return false;
}

/* set_full() - it waits for room, or no longer */
static void
set_full(struct backlog *backlog, bool is_full)
{
	if (backlog->is_full == is_full)
		return;
	backlog->is_full = is_full;
	backlog->partner->bus->n_want_room += is_full ? 1 : UINT32_MAX;
}

/* backlog_settle() - is it looked after by the leader, and do others have to stand behind it? */
static void
backlog_settle(struct backlog *backlog)
{
	struct partner *partner = backlog->partner;
	bool has = has_something(backlog);

	partner->keeps = partner->is_replying || backlog->n > 0;
	if (backlog->n == 0)
		set_full(backlog, false);
	if (backlog->is_listed == has)
		return;
	backlog->is_listed = has;
	if (has)
		DL_APPEND(partner->bus->backlogs, backlog);
	else
		DL_DELETE(partner->bus->backlogs, backlog);
}

bool
backlog_is_kept(const struct partner *partner)
{
	return partner->backlog && partner->backlog->n > 0;
}

/* lane_tell() - what its rate has cost is told with what goes now */
static void
lane_tell(struct partner *partner, struct lane *lane)
{
	link_count_lost(partner->link, lane->n_skipped);
	lane->n_skipped = 0;
}

/* next_at() - when a lane of this one may go that may not yet; UINT64_MAX: none, or it is room that lacks */
static uint64_t
next_at(const struct backlog *backlog)
{
	uint64_t at = UINT64_MAX;
	const struct lane *lane, *next;

	if (backlog->is_full)
		return at;
	HASH_ITER (hh, backlog->lanes, lane, next)
		if (lane->events || lane->n_skipped)
			at = MIN(at, lane->next_at);
	return at;
}

/* --- keeping --- */

/* has_space() - for so many bytes more */
static bool
has_space(const struct partner *partner, uint64_t bytes)
{
	const struct backlog *backlog = partner->backlog;

	if (backlog->n > 0 && backlog->bytes + bytes > BACKLOG_MAX)
		return false;
	return partner->domain && partner->domain->kept_bytes + bytes <= BACKLOG_MAX_OWN &&
		shares_has(partner->link->shares, SHARE_EVENTS, bytes);
}

static void
charge(struct partner *partner, const struct kept_event *event, int n)
{
	uint64_t bytes = (uint64_t)n * event->bytes;

	partner->backlog->bytes += bytes;
	partner->domain->kept_bytes += bytes;
	if (n > 0)
		shares_take(partner->link->shares, SHARE_EVENTS, event->bytes);
	else
		shares_give(partner->link->shares, SHARE_EVENTS, event->bytes);
	partner->backlog->n += (uint32_t)n;
	event->lane->n += (uint32_t)n;
}

static void
event_remove(struct partner *partner, struct kept_event *event)
{
	struct backlog *backlog = partner->backlog;

	if (event->is_indexed)
		HASH_DEL(backlog->topics, event);
	charge(partner, event, -1);
	DL_DELETE(event->lane->events, event);
	event_free(event);
}

/* lose() - n events of this lane are dropped */
static void
lose(struct partner *partner, struct lane *lane, uint64_t n)
{
	if (lane->interval && !partner->backlog->is_full)
		lane->n_skipped += n;
	else
		send_lost(partner, n);
}

/* find_topic() - the older event whose place this one takes */
static struct kept_event *
find_topic(const struct backlog *backlog, const struct kept_event *event)
{
	struct kept_event *old;

	HASH_FIND(hh, backlog->topics, &event->set, sizeof(event->set), old);
	return old && is_same_topic(old, event) ? old : NULL;
}

static void
index_topic(struct backlog *backlog, struct kept_event *event)
{
	struct kept_event *other;

	HASH_FIND(hh, backlog->topics, &event->set, sizeof(event->set), other);
	if (other)
		return; /* of another topic, by chance: this one is not found */
	HASH_ADD(hh, backlog->topics, set, sizeof(event->set), event);
	event->is_indexed = hash_added(event, hh);
}

/* replace() - in its place: whose turn it is does not hang on how often it changes. The charge has been looked at. */
static void
replace(struct partner *partner, struct kept_event *old, struct kept_event *event, bool is_loud)
{
	struct backlog *backlog = partner->backlog;
	struct lane *lane = old->lane;

	event->lane = lane;
	event->number = old->number;
	event->out.header->credit = old->out.header->credit + 1;
	DL_APPEND_ELEM(lane->events, old, event);
	charge(partner, event, 1);
	event_remove(partner, old);
	index_topic(backlog, event);
	if (is_loud)
		lose(partner, lane, 1);
}

static void
append(struct partner *partner, struct lane *lane, struct kept_event *event, bool is_latest)
{
	struct backlog *backlog = partner->backlog;

	event->lane = lane;
	event->number = ++backlog->last_number;
	DL_APPEND(lane->events, event);
	charge(partner, event, 1);
	if (is_latest)
		index_topic(backlog, event);
}

/* keep() - Return: false, there is no space for it even without all that its lane keeps. */
static bool
keep(struct partner *partner, struct lane *lane, const struct wish *wish, struct kept_event *event)
{
	bool is_latest = wish->policy == TERN_LATEST;
	struct kept_event *old = is_latest ? find_topic(partner->backlog, event) : NULL;

	if (old && has_space(partner, event->bytes)) {
		replace(partner, old, event, wish->is_loud);
		return true;
	}
	if (old) { /* its place is lost with it */
		event_remove(partner, old);
		if (wish->is_loud)
			lose(partner, lane, 1);
	}
	while (lane->n > 0 && (lane->n >= wish->queue || !has_space(partner, event->bytes))) {
		event_remove(partner, lane->events);
		lose(partner, lane, 1);
	}
	if (!has_space(partner, event->bytes))
		return false;
	append(partner, lane, event, is_latest);
	return true;
}

void
backlog_keep(struct partner *partner, const struct wish *wish, const struct outgoing *out, tern_message *m,
	uint64_t set)
{
	struct lane *lane = lane_get(partner, wish);
	struct kept_event *event = lane ? event_new(out, m) : NULL;

	if (!event) {
		send_lost(partner, 1);
		return;
	}
	event->set = set;
	if (!keep(partner, lane, wish, event)) {
		event_free(event);
		lose(partner, lane, 1);
	}
	backlog_settle(partner->backlog);
	if (!partner->backlog->is_full)
		(void)backlog_flush(partner); /* room is asked for there */
	lead_deadline(partner->bus, next_at(partner->backlog));
}

void
backlog_skip(struct partner *partner, const struct wish *wish)
{
	struct lane *lane = lane_get(partner, wish);

	if (!lane || lane->next_at <= bus_time(partner->bus)) { /* it was room that lacked */
		send_lost(partner, 1);
		return;
	}
	lane->n_skipped++;
	backlog_settle(partner->backlog);
	lead_deadline(partner->bus, lane->next_at);
}

/* --- going --- */

static bool
is_due(const struct lane *lane, uint64_t now)
{
	return !lane->interval || lane->next_at <= now;
}

/* first_due() - the oldest event that may go as far as rates go; NULL none */
static struct kept_event *
first_due(const struct backlog *backlog, uint64_t now)
{
	const struct lane *lane, *next;
	struct kept_event *first = NULL;

	HASH_ITER (hh, backlog->lanes, lane, next)
		if (lane->events && is_due(lane, now) && (!first || lane->events->number < first->number))
			first = lane->events;
	return first;
}

/* is_expired() - it is worth nothing any more */
static bool
is_expired(const struct kept_event *event, uint64_t now)
{
	return event->out.header->deadline && event->out.header->deadline <= now;
}

/* send_one() - Return: 0 it is gone, one way or another; LINK_E_FULL. */
static int
send_one(struct partner *partner, struct kept_event *event, uint64_t now)
{
	struct lane *lane = event->lane;
	int r;

	if (is_expired(event, now)) {
		event_remove(partner, event);
		lose(partner, lane, 1);
		return 0;
	}
	lane_tell(partner, lane);
	r = send_try(partner, &event->out, event->message ? event->message->fds : NULL, 0);
	if (r == LINK_E_FULL || r == -ENOMEM)
		return LINK_E_FULL;
	lane->next_at = now + lane->interval;
	event_remove(partner, event); /* other failures are the link's end */
	return 0;
}

/* tell_skipped() - whose rate allows the next event, and there is none: a burst was followed by silence */
static void
tell_skipped(struct partner *partner, uint64_t now)
{
	struct lane *lane, *next;

	HASH_ITER (hh, partner->backlog->lanes, lane, next) {
		if (!lane->n_skipped || lane->next_at > now)
			continue;
		send_lost(partner, lane->n_skipped);
		lane->n_skipped = 0;
	}
}

/* send_due() - Return: was there room for all? */
static bool
send_due(struct partner *partner, uint64_t now)
{
	struct kept_event *event;

	if (partner->replies && !reply_flush(partner))
		return false; /* they are first */
	while ((event = first_due(partner->backlog, now)))
		if (send_one(partner, event, now) == LINK_E_FULL)
			return false;
	return true;
}

bool
backlog_flush(struct partner *partner)
{
	struct backlog *backlog = partner->backlog;
	uint64_t now = bus_time(partner->bus);
	bool is_done;

	if (!backlog || partner->dead)
		return true;
	if (unlikely(!partner->link->ready) && partner->bus->spinning)
		return backlog->n == 0; /* its hello is the leader's to read; and the lock is to be kept */
	is_done = send_due(partner, now);
	if (!is_done && !backlog->is_full) {
		set_full(backlog, true);
		STOP_POINT("kept-full");
		link_want_room(partner->link, true);
		is_done = RULE(ROOM_LOOK) && send_due(partner, now); /* room may have come before the word was there */
	}
	if (is_done)
		set_full(backlog, false);
	tell_skipped(partner, now);
	backlog_settle(backlog);
	return is_done;
}

void
backlog_check_room(tern_bus *bus)
{
	struct backlog *backlog, *next;

	DL_FOREACH_SAFE (bus->backlogs, backlog, next) {
		struct partner *partner = backlog->partner;

		if (!backlog->is_full || partner->wants_out || backlog_flush(partner))
			continue; /* or its socket is full still */
		link_want_room(partner->link, true);
		(void)backlog_flush(partner); /* else it is looked at again when room is told */
	}
}

/* --- time --- */

uint64_t
backlog_due(const tern_bus *bus)
{
	uint64_t at = UINT64_MAX;
	const struct backlog *backlog;

	DL_FOREACH (bus->backlogs, backlog)
		at = MIN(at, next_at(backlog));
	return at;
}

uint64_t
backlog_expire(tern_bus *bus)
{
	struct backlog *backlog, *next;

	if (likely(!bus->backlogs))
		return UINT64_MAX;
	DL_FOREACH_SAFE (bus->backlogs, backlog, next)
		if (next_at(backlog) <= bus_time(bus))
			(void)backlog_flush(backlog->partner); /* what finds no room asks for it */
	return backlog_due(bus);
}

bool
backlog_turn(struct partner *partner, const struct wish *wish)
{
	struct lane *lane = lane_find(partner, wish->rule);

	if (!lane)
		return true;
	if (partner->keeps)
		(void)backlog_flush(partner); /* what stays is seen below */
	if (lane->events || lane->next_at > bus_time(partner->bus))
		return false;
	lane_tell(partner, lane);
	backlog_settle(partner->backlog);
	return true;
}

void
backlog_went(struct partner *partner, const struct wish *wish)
{
	struct lane *lane = lane_get(partner, wish);

	if (lane) /* else it has no rate this time */
		lane->next_at = bus_time(partner->bus) + wish->interval;
}

void
backlog_let_by(struct partner *partner, uint64_t set)
{
	struct lane *lane, *next;
	struct kept_event *event;

	if (!partner->backlog)
		return;
	HASH_ITER (hh, partner->backlog->lanes, lane, next) {
		if (!lane->interval)
			continue;
		DL_FOREACH (lane->events, event)
			if (event->set == set)
				lane->interval = 0; /* until it is used next */
	}
}

/* --- the end --- */

void
backlog_drop_all(struct partner *partner)
{
	struct backlog *backlog = partner->backlog;
	struct lane *lane, *next;

	if (!backlog)
		return;
	HASH_ITER (hh, backlog->lanes, lane, next) {
		while (lane->events)
			event_remove(partner, lane->events);
		HASH_DEL(backlog->lanes, lane);
		free(lane);
	}
	backlog_settle(backlog);
	free(backlog);
	partner->backlog = NULL;
}

void
backlog_forked(struct partner *partner)
{
	struct lane *lane, *next;
	struct kept_event *event;

	if (!partner->backlog)
		return;
	HASH_ITER (hh, partner->backlog->lanes, lane, next)
		DL_FOREACH (lane->events, event)
			for (uint8_t i = 0; event->message && i < event->message->n_fds; i++)
				event->message->fds[i] = fd_close(event->message->fds[i]);
}
