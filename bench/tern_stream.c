/* SPDX-License-Identifier: MIT */

/*
 * tern_stream: events through tern, to one subscriber or many, and the parts of a call that streams
 *
 * Subscribers ask the publisher to wait (TERN_WAIT). 64 bytes travel as CBOR, as
 * one would send them; larger payloads are filled and read in place.
 */

#include "base/clock.h"
#include "stream.h"
#include "tern_bus.h"

#define BATCH 32u

static const char *const tags[] = {"org.example.Bench", "event", NULL};

struct subscriber {
	struct bench_run *run;
	int result;
};

struct publisher {
	struct bench_run *run;
	tern_topic *topic;
	tern_call *call; /* instead: what is sent are its parts */
};

static int
take_small(struct bench_run *run, tern_message *m)
{
	struct payload event;
	int r = tern_read_payload(m, &event);

	return r < 0 ? tern_bus_fail(run, r, "event") : stream_take(run, &event);
}

static int
take_large(struct bench_run *run, tern_message *m)
{
	const void *bytes;
	size_t size;
	int r;

	r = tern_message_part(m, 0, &bytes, &size);
	if (r == 0 && size != run_size(run))
		r = -EBADMSG;
	return r < 0 ? tern_bus_fail(run, r, "event") : stream_take(run, bytes);
}

/* take() - m NULL: something is lost */
static void
take(struct subscriber *subscriber, tern_message *m)
{
	struct bench_run *run = subscriber->run;

	if (subscriber->result < 0)
		return; /* the rest of this round; the first failure is what is told */
	if (!m)
		subscriber->result = run_fail(run, -ENOBUFS, "a gap");
	else
		subscriber->result = run_size(run) > sizeof(struct payload) ? take_large(run, m)
									    : take_small(run, m);
}

static void
on_event(tern_subscription *s _unused_, tern_message *m, uint64_t lost _unused_, void *userdata)
{
	take(userdata, m);
}

static int
tern_stream_serve(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	const struct tern_rule rule = {
		.size = sizeof(rule),
		.policy = TERN_WAIT,
		.tags = tags,
	};
	struct subscriber subscriber = {.run = run};
	tern_subscription *subscription;
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	r = tern_subscribe(bus, &rule, on_event, &subscriber, &subscription);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_subscribe");
	r = tern_bus_serve(run, bus, &subscriber.result);
	(void)tern_subscription_free(subscription); /* always NULL */
	return r;
}

static int
send_each(void *link, const struct payload *event)
{
	struct publisher *publisher = link;

	return tern_publish(publisher->topic, "y", event, sizeof(*event));
}

static int
send_batched(void *link, const struct payload *event)
{
	_cleanup_(tern_message_unrefp) tern_message *m = NULL;
	struct publisher *publisher = link;
	int r;

	r = tern_message_new_event(publisher->topic, &m);
	if (r == 0)
		r = tern_message_pack(m, "y", event, sizeof(*event));
	if (r == 0)
		r = tern_publish_message(m, event->serial % BATCH ? TERN_BATCH : 0);
	return r;
}

static int
send_in_place(void *link, const struct payload *event)
{
	_cleanup_(tern_message_unrefp) tern_message *m = NULL;
	struct publisher *publisher = link;
	size_t size = run_size(publisher->run);
	void *memory;
	int r;

	r = tern_message_new_event(publisher->topic, &m);
	if (r == 0)
		r = tern_message_lend(m, size, &memory);
	if (r < 0)
		return r;
	payload_fill(memory, size, PAYLOAD_EVENT, event->serial);
	return tern_publish_message(m, 0);
}

/* --- a call --- */

static void
on_part(tern_call *call, const struct tern_event *event, void *userdata)
{
	if (event->kind == TERN_PART)
		take(userdata, event->message);
	if (event->kind == TERN_END)
		(void)tern_reply(call, NULL); /* the caller has its own time limit */
	if (event->kind == TERN_END || event->kind == TERN_CANCEL)
		(void)tern_call_unref(call); /* always NULL */
}

static int
on_call(tern_call *call, tern_message *m _unused_, void *userdata)
{
	return tern_call_follow(tern_call_ref(call), on_part, userdata);
}

static int
call_serve(struct bench_run *run)
{
	static const struct tern_method methods[] = {{"Stream", on_call}};
	struct subscriber subscriber = {.run = run};

	return tern_bus_serve_methods(run, methods, ARRAY_SIZE(methods), &subscriber, &subscriber.result);
}

static int
put_each(void *link, const struct payload *event)
{
	struct publisher *publisher = link;

	return tern_call_put(publisher->call, "y", event, sizeof(*event));
}

static int
put_in_place(void *link, const struct payload *event)
{
	_cleanup_(tern_message_unrefp) tern_message *m = NULL;
	struct publisher *publisher = link;
	size_t size = run_size(publisher->run);
	void *memory;
	int r;

	r = tern_message_new_part(publisher->call, &m);
	if (r == 0)
		r = tern_message_lend(m, size, &memory);
	if (r < 0)
		return r;
	payload_fill(memory, size, PAYLOAD_EVENT, event->serial);
	return tern_call_put_message(m, TERN_DEFAULT, 0);
}

static int
call_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	_cleanup_(tern_call_unrefp) tern_call *call = NULL;
	_cleanup_(tern_message_unrefp) tern_message *m = NULL;
	struct publisher publisher = {.run = run};
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	r = tern_message_new_call(bus, TERN_BENCH_NAME, "Stream", &m);
	if (r == 0)
		r = tern_send(m, TERN_FOREVER, TERN_STREAM, &call);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_send");
	publisher.call = call;
	r = stream_drive(run, run_size(run) > sizeof(struct payload) ? put_in_place : put_each, &publisher);
	if (r < 0)
		return r;
	r = tern_call_end(call);
	if (r == 0)
		r = tern_call_wait(call, TERN_DEFAULT, NULL, NULL); /* until all was read */
	return r < 0 ? tern_bus_fail(run, r, "tern_call_wait") : 0;
}

/* --- events --- */

typedef int drive_fn(struct bench_run *run, stream_send_fn *send, void *link);

static int
drive_with(struct bench_run *run, drive_fn *drive, stream_send_fn *send)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct publisher publisher = {.run = run};
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	r = tern_set_option(bus, TERN_OPT_MAX_WAIT, 10 * NSEC_PER_SEC);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_set_option");
	r = tern_topic_new(bus, tags, &publisher.topic);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_topic_new");
	r = drive(run, send, &publisher);
	if (r == 0)
		r = tern_flush(bus);
	(void)tern_topic_free(publisher.topic); /* always NULL */
	return r;
}

static int
drive_each(struct bench_run *run)
{
	return drive_with(run, stream_drive, send_each);
}

static int
drive_batched(struct bench_run *run)
{
	return drive_with(run, stream_drive, send_batched);
}

static int
drive_in_place(struct bench_run *run)
{
	return drive_with(run, stream_drive, send_in_place);
}

static int
drive_paced(struct bench_run *run)
{
	return drive_with(run, stream_drive_paced, send_each);
}

#define TERN_STREAM(variable, called, driver, spin)                                                \
	const struct subject variable = {                                                          \
		.name = (called),                                                                  \
		.open = tern_bus_open,                                                             \
		.serve = tern_stream_serve,                                                        \
		.drive = (driver),                                                                 \
		.setting = (spin),                                                                 \
	}

TERN_STREAM(tern_stream, "tern", drive_each, TERN_SPIN_DEFAULT);
TERN_STREAM(tern_stream_batch, "tern", drive_batched, TERN_SPIN_DEFAULT);
TERN_STREAM(tern_bulk, "tern", drive_in_place, TERN_SPIN_DEFAULT);
TERN_STREAM(tern_fanout_polling, "tern:polling", drive_each, TERN_SPIN_RECEIVERS);
TERN_STREAM(tern_fanout_asleep, "tern", drive_paced, 0);

#define TERN_CALL_STREAM(variable)                                                                 \
	const struct subject variable = {                                                          \
		.name = "tern",                                                                    \
		.open = tern_bus_open,                                                             \
		.serve = call_serve,                                                               \
		.drive = call_drive,                                                               \
		.setting = TERN_SPIN_DEFAULT,                                                      \
	}

TERN_CALL_STREAM(tern_call_stream);
TERN_STREAM(tern_stream_beside, "tern:publish", drive_each, TERN_SPIN_DEFAULT);
TERN_STREAM(tern_bulk_beside, "tern:publish", drive_in_place, TERN_SPIN_DEFAULT);
