/* SPDX-License-Identifier: MIT */

/* tern_stream: events through tern; the subscriber asks the publisher to wait (TERN_WAIT) */

#include "base/clock.h"
#include "stream.h"
#include "tern_bus.h"

static const char *const tags[] = {"org.example.Bench", "event", NULL};

struct subscriber {
	struct bench_run *run;
	int result;
};

static void
on_event(tern_subscription *s _unused_, tern_message *m, uint64_t lost _unused_, void *userdata)
{
	struct subscriber *subscriber = userdata;
	struct payload event;
	const void *bytes;
	size_t size;
	int r;

	if (subscriber->result < 0)
		return; /* the rest of this round; the first failure is what is told */
	r = m ? tern_message_unpack(m, "y", &bytes, &size) : -ENOBUFS; /* no message: a gap */
	if (r == 0 && size != sizeof(struct payload))
		r = -EBADMSG;
	if (r < 0) {
		subscriber->result = tern_bus_fail(subscriber->run, r, "event");
		return;
	}
	memcpy(&event, bytes, sizeof(event)); /* it may lie anywhere in the record */
	subscriber->result = stream_take(subscriber->run, &event);
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
	(void)tern_subscription_free(subscription);
	return r;
}

static int
tern_stream_send(void *link, const struct payload *event)
{
	return tern_publish(link, "y", event, sizeof(*event));
}

static int
tern_stream_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	tern_topic *topic;
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	r = tern_set_option(bus, TERN_OPT_MAX_WAIT, 10 * NSEC_PER_SEC);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_set_option");
	r = tern_topic_new(bus, tags, &topic);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_topic_new");
	r = stream_drive(run, tern_stream_send, topic);
	(void)tern_topic_free(topic);
	return r;
}

const struct subject tern_stream = {
	.name = "tern",
	.open = tern_bus_open,
	.serve = tern_stream_serve,
	.drive = tern_stream_drive,
	.setting = TERN_SPIN_DEFAULT,
};
