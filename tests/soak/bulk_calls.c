/* SPDX-License-Identifier: MIT */

/* bulk_calls: a service, and one that calls it, has a stream with it, and follows and reads its value; see bulk.h */

#include "base/atomic.h"
#include "base/attribute.h"
#include "bulk.h"

enum {
	N_STREAM_RUNS = 1000, /* until a stream ends and another begins */
	N_READS = 16,
};

/* --- the service --- */

struct server {
	struct bulk *bulk;
	tern_state *state;
	uint64_t n_calls, n_parts, n_set;
};

static int
echo(tern_call *call, tern_message *m, void *user)
{
	struct server *server = user;
	uint64_t number = bulk_read(m);
	tern_message *reply;

	must_be(number, ++server->n_calls);
	bulk_count(CALLS, 1);
	if (number % 4 == 0) {
		struct stamp stamp = {.number = ++server->n_set};

		must_be(tern_state_set(server->state, STAMP_FORMAT, stamp.life, stamp.stream, stamp.order, stamp.number,
				stamp.topic, stamp.size, stamp.has_fd, stamp_sum(&stamp)), 0);
		store_rel(&server->bulk->n_set, server->n_set);
	}
	must_be(tern_message_new_reply(call, &reply), 0);
	bulk_write(reply, number);
	must_be(tern_reply_message(reply), 0);
	(void)tern_message_unref(reply); /* always NULL */
	return 0;
}

static void
on_part(tern_call *call, const struct tern_event *event, void *user)
{
	struct server *server = user;
	tern_message *part;

	if (event->kind == TERN_END) {
		must_be(tern_reply(call, "u", server->n_parts), 0);
		(void)tern_call_unref(call); /* always NULL */
		return;
	}
	must_be(event->kind, TERN_PART);
	must_be(bulk_read(event->message), ++server->n_parts);
	bulk_count(PARTS, 1);
	must_be(tern_message_new_part(call, &part), 0);
	bulk_write(part, server->n_parts);
	must_be(tern_call_put_message(part, TERN_DEFAULT, bulk_flags((uint32_t)((server->n_parts - 1) % N_RUN))), 0);
	(void)tern_message_unref(part); /* always NULL */
}

static int
flow(tern_call *call, tern_message *m, void *user)
{
	((struct server *)user)->n_parts = 0;
	return tern_call_follow(tern_call_ref(call), on_part, user);
}

void
bulk_serve(struct bulk *bulk)
{
	static const struct tern_method methods[] = {{"Echo", echo}, {"Flow", flow}};
	struct server server = {.bulk = bulk};
	tern_bus *bus = bulk_open(bulk);
	struct tern_event event = {.size = sizeof(event)};
	tern_service *service;

	must_be(tern_serve(bus, BULK_SERVICE, NULL, methods, ARRAY_SIZE(methods), &server, &service), 0);
	must_be(tern_state_new(service, "count", 256, &server.state), 0);
	bulk_ready(bulk);
	while (!load_acq(&bulk->asked))
		if (tern_next(bus, SHORT_NS, &event) == 0)
			(void)tern_message_unref(event.message); /* always NULL */
	(void)tern_state_free(server.state);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

/* --- who calls it --- */

struct asker {
	struct bulk *bulk;
	tern_bus *bus;
	tern_state *state;
	tern_call *stream;
	uint64_t n_calls, n_parts, version, read;
};

static void
on_version(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct asker *asker = user;
	struct stamp stamp;

	must(m != NULL);
	stamp_read(&stamp, m);
	must_be(stamp.number, ++asker->version);
	must_be(tern_message_version(m), asker->version);
	bulk_count(VERSIONS, 1);
}

static void
ask(struct asker *asker)
{
	tern_call *calls[N_RUN];
	tern_message *m;

	for (uint32_t i = 0; i < N_RUN; i++) {
		must_be(tern_message_new_call(asker->bus, BULK_SERVICE, "Echo", &m), 0);
		bulk_write(m, asker->n_calls + i + 1);
		must_be(tern_send(m, BULK_HANG_NS, bulk_flags(i), &calls[i]), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	for (uint32_t i = 0; i < N_RUN; i++) {
		must_be(tern_call_wait(calls[i], TERN_DEFAULT, &m, NULL), 0);
		must_be(bulk_read(m), ++asker->n_calls);
		bulk_count(REPLIES, 1);
		(void)tern_message_unref(m); /* always NULL, as the next */
		(void)tern_call_unref(calls[i]);
	}
}

static void
stream_begin(struct asker *asker)
{
	tern_message *m;

	asker->n_parts = 0;
	must_be(tern_message_new_call(asker->bus, BULK_SERVICE, "Flow", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, TERN_STREAM, &asker->stream), 0);
	(void)tern_message_unref(m); /* always NULL */
}

/* stream_run() - parts there, and back */
static void
stream_run(struct asker *asker)
{
	tern_message *part;

	for (uint32_t i = 0; i < N_RUN; i++) {
		must_be(tern_message_new_part(asker->stream, &part), 0);
		bulk_write(part, asker->n_parts + i + 1);
		must_be(tern_call_put_message(part, TERN_DEFAULT, bulk_flags(i)), 0);
		(void)tern_message_unref(part); /* always NULL */
	}
	for (uint32_t i = 0; i < N_RUN; i++) {
		must_be(tern_call_wait(asker->stream, TERN_DEFAULT, &part, NULL), 0);
		must_be(tern_message_kind(part), TERN_PART);
		must_be(bulk_read(part), ++asker->n_parts);
		bulk_count(PARTS, 1);
		(void)tern_message_unref(part); /* always NULL */
	}
}

static void
stream_end(struct asker *asker)
{
	tern_message *reply;
	uint64_t n;

	must_be(tern_call_end(asker->stream), 0);
	must_be(tern_call_wait(asker->stream, TERN_DEFAULT, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &n), 0);
	must_be(n, asker->n_parts);
	(void)tern_message_unref(reply); /* always NULL */
	asker->stream = tern_call_unref(asker->stream);
}

/* read_value() - never older than one read before, or than what a reply told to have come */
static void
read_value(struct asker *asker)
{
	struct stamp stamp;
	tern_message *m;

	must_be(tern_state_get(asker->state, &m), 0);
	stamp_read(&stamp, m);
	must_be(tern_message_version(m), stamp.number);
	must(stamp.number >= asker->read && stamp.number >= asker->version && stamp.number >= asker->n_calls / 4);
	asker->read = stamp.number;
	bulk_count(READS, 1);
	(void)tern_message_unref(m); /* always NULL */
}

void
bulk_ask(struct bulk *bulk)
{
	struct asker asker = {.bulk = bulk, .bus = bulk_open(bulk)};
	tern_subscription *follows;

	bulk_ready(bulk);
	must_be(tern_state_open(asker.bus, BULK_SERVICE, "count", &asker.state), 0);
	must_be(tern_state_subscribe(asker.state, TERN_WAIT, on_version, &asker, &follows), 0);
	stream_begin(&asker);
	for (uint64_t n = 1; !load_acq(&bulk->stop); n++) {
		ask(&asker);
		stream_run(&asker);
		for (int i = 0; i < N_READS; i++)
			read_value(&asker);
		while (tern_process(asker.bus) > 0)
			;
		if (n % N_STREAM_RUNS == 0) {
			stream_end(&asker);
			stream_begin(&asker);
		}
	}
	stream_end(&asker);
	while (asker.version < load_acq(&bulk->n_set))
		must(tern_process(asker.bus) >= 0);
	(void)tern_subscription_free(follows);
	(void)tern_state_free(asker.state);
	(void)tern_close(asker.bus);
	tell(&bulk->asked);
}
