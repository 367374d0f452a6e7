/* SPDX-License-Identifier: MIT */

/* status: how this program is; see status.h, and docs/protocol.md for what is told */

#include <stdlib.h>
#include <unistd.h>

#include "client/call.h"
#include "client/error.h"
#include "client/status.h"

enum {
	STATUS_ROOM = 24 << 10, /* more than the most that there is to tell */
	MAX_PARTNERS = 32,
	MAX_SERVICES = 16,
	MAX_USERS = 16,
};

static void
put_uint(struct tern_cbor_writer *w, const char *key, uint64_t value)
{
	tern_cbor_put_string(w, key);
	tern_cbor_put_uint(w, value);
}

static void
put_map(struct tern_cbor_writer *w, const char *key, size_t n)
{
	tern_cbor_put_string(w, key);
	tern_cbor_put_map(w, n);
}

/* What all partners come to. */
struct sums {
	uint64_t sent, received, lent, replies, queued, mapped, dropped;
};

static void
add_partner(struct sums *sums, const struct partner *partner)
{
	const struct link *link = partner->link;

	sums->sent += link->out.head;
	sums->received += link->in.tail;
	sums->lent += link->lent_bytes;
	sums->replies += partner->kept_bytes;
	sums->queued += partner->queued;
	sums->mapped += link->mapped;
}

static struct sums
sum_up(const tern_bus *bus)
{
	struct sums sums = {
		.sent = bus->counters.sent_bytes,
		.received = bus->counters.received_bytes,
	};
	struct partner *partner, *next;

	HASH_ITER (hh, bus->partners, partner, next)
		add_partner(&sums, partner);
	return sums;
}

static uint64_t
count_answers(const struct histogram *histogram)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTOGRAM_SIZE; i++)
		n += histogram->n[i];
	return n;
}

static void
put_histogram(struct tern_cbor_writer *w, const char *key, const struct histogram *histogram)
{
	size_t n = HISTOGRAM_SIZE;

	while (n > 0 && !histogram->n[n - 1])
		n--;
	tern_cbor_put_string(w, key);
	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		tern_cbor_put_uint(w, histogram->n[i]);
}

static void
put_calls(struct tern_cbor_writer *w, const tern_bus *bus)
{
	const struct counters *counters = &bus->counters;

	put_map(w, "calls", 7);
	put_uint(w, "made", counters->made);
	put_uint(w, "failed", counters->failed);
	put_uint(w, "pending", bus->n_calls);
	put_uint(w, "arrived", counters->arrived);
	put_uint(w, "answered", count_answers(&counters->served_ns));
	put_histogram(w, "made_ns", &counters->made_ns);
	put_histogram(w, "served_ns", &counters->served_ns);
}

static void
put_events(struct tern_cbor_writer *w, const tern_bus *bus)
{
	const struct counters *counters = &bus->counters;

	put_map(w, "events", 6);
	put_uint(w, "published", counters->published);
	put_uint(w, "delivered", counters->delivered);
	put_uint(w, "dropped", bus->endpoint.n_lost);
	put_uint(w, "missed", counters->missed);
	put_uint(w, "heard", counters->heard);
	put_uint(w, "lost", counters->lost);
}

static void
put_memory(struct tern_cbor_writer *w, const tern_bus *bus, const struct sums *sums)
{
	put_map(w, "memory", 5);
	put_uint(w, "lent", bus->endpoint.pool_bytes);
	put_uint(w, "out", sums->lent);
	put_uint(w, "replies", sums->replies);
	put_uint(w, "queued", sums->queued);
	put_uint(w, "mapped", sums->mapped);
}

static void
put_loop(struct tern_cbor_writer *w, const tern_bus *bus)
{
	put_map(w, "loop", 8);
	put_uint(w, "queue", bus->queue.n);
	put_uint(w, "kept", bus->kept.n);
	put_uint(w, "rounds", bus->n_rounds);
	put_uint(w, "looks", bus->n_looks);
	put_uint(w, "overruns", bus->n_overruns);
	put_uint(w, "spins", bus->counters.spins);
	put_uint(w, "sleeps", bus->counters.sleeps);
	put_uint(w, "bells", bus->endpoint.n_bells);
}

static void
put_links(struct tern_cbor_writer *w, const tern_bus *bus, const struct sums *sums)
{
	put_map(w, "links", 4);
	put_uint(w, "hot", bus->n_hot);
	put_uint(w, "cold", bus->n_cold);
	put_uint(w, "sent", sums->sent);
	put_uint(w, "received", sums->received);
}

static void
put_services(struct tern_cbor_writer *w, const tern_bus *bus)
{
	const tern_service *page[MAX_SERVICES];
	tern_service *service;
	size_t n = 0;

	DL_FOREACH (bus->services, service)
		if (n < MAX_SERVICES)
			page[n++] = service;
	tern_cbor_put_string(w, "services");
	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++) {
		tern_cbor_put_map(w, 2);
		tern_cbor_put_string(w, "name");
		tern_cbor_put_string(w, page[i]->name);
		put_uint(w, "calls", page[i]->n_calls);
	}
}

/* held() - memory that is tied up for this partner, or by it */
static uint64_t
held(const struct partner *partner)
{
	return partner->link->lent_bytes + partner->kept_bytes + partner->queued;
}

/* add_to_page() - a page of those that hold most, the most first */
static void
add_to_page(const struct partner **page, size_t *n, const struct partner *partner)
{
	size_t i = *n;

	if (i == MAX_PARTNERS && held(partner) <= held(page[i - 1]))
		return;
	*n = MIN(i + 1, (size_t)MAX_PARTNERS);
	for (i = *n - 1; i > 0 && held(page[i - 1]) < held(partner); i--)
		page[i] = page[i - 1];
	page[i] = partner;
}

static void
put_partner(struct tern_cbor_writer *w, const struct partner *partner)
{
	tern_cbor_put_map(w, 8);
	put_uint(w, "peer", partner->id);
	put_uint(w, "pid", partner->link->partner.pid);
	put_uint(w, "out", partner->link->lent_bytes);
	put_uint(w, "blocks", partner->link->n_out);
	put_uint(w, "replies", partner->kept_bytes);
	put_uint(w, "queued", partner->queued);
	put_uint(w, "sent", partner->link->out.head);
	put_uint(w, "received", partner->link->in.tail);
}

static void
put_partners(struct tern_cbor_writer *w, const tern_bus *bus)
{
	const struct partner *page[MAX_PARTNERS];
	struct partner *partner, *next;
	size_t n = 0;

	HASH_ITER (hh, bus->partners, partner, next)
		add_to_page(page, &n, partner);
	tern_cbor_put_string(w, "partners");
	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_partner(w, page[i]);
}

/* --- other users --- */

/* has_something() - or nobody asks */
static bool
has_something(const struct user *user)
{
	bool has = false;

	for (enum share_kind kind = 0; kind < N_SHARES; kind++)
		has |= user->shares.of[kind].used > 0;
	return has;
}

static void
put_shares(struct tern_cbor_writer *w, const char *key, const struct shares *shares, bool allowed)
{
	put_map(w, key, N_SHARES);
	for (enum share_kind kind = 0; kind < N_SHARES; kind++)
		put_uint(w, share_kind_name(kind), allowed ? share_max(&shares->of[kind]) : shares->of[kind].used);
}

static void
put_users(struct tern_cbor_writer *w, const tern_bus *bus)
{
	const struct user *page[MAX_USERS], *user;
	size_t n = 0;

	DL_FOREACH (bus->users, user)
		if (n < MAX_USERS && has_something(user))
			page[n++] = user;
	tern_cbor_put_string(w, "users");
	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++) {
		tern_cbor_put_map(w, 3);
		put_uint(w, "uid", page[i]->uid);
		put_shares(w, "used", &page[i]->shares, false);
		put_shares(w, "allowed", &page[i]->shares, true);
	}
}

static void
put_status(struct tern_cbor_writer *w, const tern_bus *bus)
{
	struct sums sums = sum_up(bus);

	tern_cbor_put_map(w, 10);
	put_uint(w, "pid", (uint64_t)getpid());
	put_uint(w, "time", bus_now(bus));
	put_calls(w, bus);
	put_events(w, bus);
	put_links(w, bus, &sums);
	put_memory(w, bus, &sums);
	put_loop(w, bus);
	put_services(w, bus);
	put_partners(w, bus);
	put_users(w, bus);
}

static bool
may_ask(const tern_call *call)
{
	uint32_t uid = call->partner ? call->partner->link->partner.uid : call->bus->self.uid;

	return uid == call->bus->self.uid || uid == 0;
}

void
status_answer(tern_call *call)
{
	_cleanup_(freep) uint8_t *memory = NULL;
	struct tern_cbor_writer w;
	size_t size;

	call->bus->counters.arrived -= call->partner != NULL; /* who looks is not to see himself looking */
	call->stamp = 0;
	if (call->no_reply)
		return;
	if (!may_ask(call)) {
		(void)reply_error_locked(call, ERROR_ACCESS, "a program tells how it is to its own user, and to root",
			false); /* gone callers need none, as below */
		return;
	}
	memory = malloc(STATUS_ROOM);
	tern_cbor_writer_init(&w, memory, memory ? STATUS_ROOM : 0);
	put_status(&w, call->bus);
	if (tern_cbor_writer_finish(&w, &size) == 0)
		(void)reply_item_locked(call, memory, size); /* else: it is dropped without an answer, which answers */
}
