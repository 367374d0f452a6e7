/* SPDX-License-Identifier: MIT */

/* reply: see reply.h */

#include <stdalign.h>
#include <stdlib.h>
#include <utlist.h>

#include "client/backlog.h"
#include "client/error.h"
#include "client/message.h"
#include "client/reply.h"

struct kept_reply {
	struct kept_reply *next;
	uint64_t deadline;
	uint32_t bytes;
	tern_message *message; /* counted, where it has blocks or descriptors */
	struct outgoing out;
	alignas(8) uint8_t rest[]; /* a message's parts; else the record, drawn */
};

/* kept_message() - with blocks or descriptors, which only the message can keep */
static struct kept_reply *
kept_message(const struct outgoing *out, tern_message *m)
{
	size_t parts_size = out->header->n_parts * sizeof(struct out_part);
	size_t size = sizeof(struct kept_reply) + parts_size, charge = sizeof(*m) + m->space;
	struct kept_reply *kept = malloc(size);

	if (!kept)
		return NULL;
	*kept = (struct kept_reply){.message = tern_message_ref(m), .out = *out};
	kept->out.parts = memcpy(kept->rest, out->parts, parts_size);
	for (uint32_t i = 0; i < m->n_parts; i++)
		charge += m->parts[i].owned ? m->parts[i].size : 0;
	kept->bytes = (uint32_t)MIN(size + charge, (size_t)UINT32_MAX);
	return kept;
}

/* kept_record() - all that it says is copied */
static struct kept_reply *
kept_record(const struct outgoing *out)
{
	size_t size = sizeof(struct kept_reply) + out->header->size;
	struct kept_reply *kept = malloc(size);

	if (!kept)
		return NULL;
	*kept = (struct kept_reply){.bytes = (uint32_t)size};
	(void)link_draw(out, kept->rest, out->header->size, &kept->out); /* it fits */
	return kept;
}

static struct kept_reply *
kept_free(struct partner *partner, struct kept_reply *kept)
{
	partner->kept_bytes -= kept->bytes;
	shares_give(partner->link->shares, SHARE_REPLIES, kept->bytes);
	(void)message_unref_locked(kept->message); /* always NULL */
	free(kept);
	return NULL;
}

/* has_too_much() - of this partner, or of its user; may be less by so much */
static bool
has_too_much(const struct partner *partner, uint64_t less)
{
	return partner->kept_bytes > KEPT_REPLIES_MAX - less || !shares_has(partner->link->shares, SHARE_REPLIES, 0);
}

/* drop_late() - callers have given these up themselves */
static void
drop_late(struct partner *partner)
{
	uint64_t now = bus_now(partner->bus);
	struct kept_reply **at = &partner->replies, *kept;

	while ((kept = *at)) {
		if (kept->deadline > now) {
			at = &kept->next;
			continue;
		}
		*at = kept->next;
		(void)kept_free(partner, kept); /* always NULL */
	}
	partner->last_reply = at;
}

/* nothing_kept() - out of the list of those whose room is waited for */
static void
nothing_kept(struct partner *partner)
{
	if (!partner->is_replying)
		return;
	partner->is_replying = false;
	partner->keeps = backlog_is_kept(partner);
	partner->bus->n_want_room--;
	DL_DELETE2(partner->bus->replying, partner, reply_prev, reply_next);
}

bool
reply_flush(struct partner *partner)
{
	while (partner->replies) {
		struct kept_reply *kept = partner->replies;
		int r = send_try(partner, &kept->out, kept->message ? kept->message->fds : NULL, 0);

		if (r == LINK_E_FULL || r == -ENOMEM)
			return false; /* other failures are the link's end */
		partner->replies = kept->next;
		(void)kept_free(partner, kept); /* always NULL */
	}
	nothing_kept(partner);
	partner->slow = false;
	return true;
}

void
reply_drop_all(struct partner *partner)
{
	while (partner->replies) {
		struct kept_reply *kept = partner->replies;

		partner->replies = kept->next;
		(void)kept_free(partner, kept); /* always NULL */
	}
	nothing_kept(partner);
}

void
reply_forked(struct partner *partner)
{
	for (struct kept_reply *kept = partner->replies; kept; kept = kept->next)
		for (uint8_t i = 0; kept->message && i < kept->message->n_fds; i++)
			kept->message->fds[i] = fd_close(kept->message->fds[i]);
}

/* too_many() - it does not take its replies, or never will */
static int
too_many(struct partner *partner)
{
	reply_drop_all(partner);
	partner->link->why = "it does not take its replies";
	partner_is_wrong(partner);
	return error_set(-ECONNRESET, ERROR_PROTOCOL, "the caller does not take its replies");
}

static int
keep(struct partner *partner, const struct outgoing *out, tern_message *m, uint64_t deadline)
{
	tern_bus *bus = partner->bus;
	struct kept_reply *kept = out->load.n_lent || out->load.n_fds ? kept_message(out, m) : kept_record(out);
	bool is_full = false;

	if (!kept)
		return error_errno(-ENOMEM, "reply");
	kept->deadline = deadline;
	partner->kept_bytes += kept->bytes;
	shares_take(partner->link->shares, SHARE_REPLIES, kept->bytes);
	if (has_too_much(partner, 0)) {
		drop_late(partner);
		is_full = has_too_much(partner, KEPT_REPLIES_MAX / 8); /* else soon again */
	}
	if (is_full) {
		(void)kept_free(partner, kept); /* always NULL */
		return too_many(partner);
	}
	if (!partner->replies)
		partner->last_reply = &partner->replies;
	*partner->last_reply = kept;
	partner->last_reply = &kept->next;
	if (!partner->is_replying) {
		partner->is_replying = partner->keeps = true;
		bus->n_want_room++;
		DL_APPEND2(bus->replying, partner, reply_prev, reply_next);
		link_want_room(partner->link, true);
		(void)reply_flush(partner); /* room may have come before the word was there */
	}
	return 0;
}

/* try() - as send_try(), after what is kept */
static int
try(struct partner *partner, struct outgoing *out, tern_message *m)
{
	if (unlikely(partner->replies) && !reply_flush(partner))
		return LINK_E_FULL;
	return send_try(partner, out, m ? m->fds : NULL, 0);
}

/* wait_deadline() - how long this caller may hold up who answers it, of this process's clock */
static uint64_t
wait_deadline(const struct partner *partner)
{
	const tern_bus *bus = partner->bus;

	if (partner->slow || (!partner->link->same_domain && !bus->max_wait_set))
		return 0;
	return bus->max_wait ? clock_deadline_ns(clock_now_ns(), bus->max_wait) : 0;
}

/* try_waiting() - who waited in vain is not waited for again before it has room */
static int
try_waiting(struct partner *partner, struct outgoing *out, tern_message *m)
{
	uint64_t until = wait_deadline(partner);
	int r = LINK_E_FULL;

	while (until && r == LINK_E_FULL) {
		partner->slow = true;
		if (send_wait_room(partner, out, false, until) < 0)
			return r;
		r = partner->dead ? -EHOSTDOWN : try(partner, out, m);
	}
	partner->slow = r == LINK_E_FULL && partner->slow;
	return r;
}

int
reply_send(struct partner *partner, struct outgoing *out, tern_message *m, uint64_t deadline, bool may_wait)
{
	int r;

	if (unlikely(partner->link->why))
		return send_failed(partner, -ECONNRESET);
	r = try(partner, out, m);
	if (r == LINK_E_FULL && may_wait)
		r = try_waiting(partner, out, m);
	if (r == LINK_E_FULL)
		return keep(partner, out, m, deadline);
	return r < 0 ? send_failed(partner, r) : 0;
}

void
reply_check_room(tern_bus *bus)
{
	struct partner *partner, *next;

	DL_FOREACH_SAFE2(bus->replying, partner, next, reply_next) {
		if (partner->wants_out || reply_flush(partner))
			continue; /* or its socket is full still */
		link_want_room(partner->link, true);
		(void)reply_flush(partner); /* else it is looked at again when room is told */
	}
}
