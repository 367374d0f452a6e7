/* SPDX-License-Identifier: MIT */

/* actor: what an actor can be told to do; see scene.h */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attribute.h"
#include "client/bus.h"
#include "scene.h"

enum { PADDING = 8192 };

static const char padding[PADDING];

long
subscribe(struct self *self, const long args[N_ARGS])
{
	static const char *const tags[] = {"news", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .policy = (uint32_t)args[0], .tags = tags};

	return tern_subscribe(self->bus, &rule, NULL, NULL, &self->subscription);
}

static void
pad(tern_message *m, long number, long bytes)
{
	must(bytes <= PADDING);
	must_be(tern_message_pack(m, "u", (uint64_t)number), 0);
	if (bytes)
		must_be(tern_message_append(m, padding, (size_t)bytes), 0);
}

long
publish_padded(struct self *self, const long args[N_ARGS])
{
	tern_message *m;
	long r;

	must_be(tern_message_new_event(self->topic, &m), 0);
	pad(m, args[0], args[1]);
	r = tern_publish_message(m, (uint32_t)args[2]);
	(void)tern_message_unref(m); /* always NULL */
	return r;
}

long
publish(struct self *self, const long args[N_ARGS])
{
	return publish_padded(self, (long[N_ARGS]){args[0], 0, args[1]});
}

static long
tell_with(struct self *self, long id, long number, long bytes, uint32_t flags)
{
	char service[32];
	tern_message *m;
	long r;

	(void)snprintf(service, sizeof(service), ":%ld", id);
	/* short, because ids have more digits the longer the machine is up, and many of these are to fit into a ring */
	must_be(tern_message_new_call(self->bus, service, "n", &m), 0);
	pad(m, number, bytes);
	r = tern_send(m, TERN_FOREVER, flags | TERN_NO_REPLY, NULL);
	(void)tern_message_unref(m); /* always NULL */
	return r;
}

long
tell_peer(struct self *self, const long args[N_ARGS])
{
	return tell_with(self, args[0], args[1], 0, (uint32_t)args[2]);
}

long
tell_padded(struct self *self, const long args[N_ARGS])
{
	return tell_with(self, args[0], args[1], args[2], 0);
}

long
tell_nonblock(struct self *self, const long args[N_ARGS])
{
	return tell_with(self, args[0], args[1], args[2], TERN_NONBLOCK);
}

long
fill(struct self *self, const long args[N_ARGS])
{
	long n = 0;

	while (tell_with(self, args[0], 100 + n, QUARTER, TERN_NONBLOCK) == 0)
		n++;
	return n;
}

/* --- taking in --- */

static bool
has_tag(const tern_message *m, const char *tag)
{
	const char *text;

	for (size_t i = 0; (text = tern_message_tag(m, i)); i++)
		if (strcmp(text, tag) == 0)
			return true;
	return false;
}

static void
note(struct self *self, struct tern_event *event)
{
	uint64_t number;

	switch (event->kind) {
	case TERN_CALL:
	case TERN_EVENT:
		if (tern_message_sender(event->message) == TERN_PEER_BUS)
			number = has_tag(event->message, "gone") ? LOG_NAME_GONE : LOG_NAME;
		else
			must_be(tern_message_unpack(event->message, "u", &number), 0);
		self->stamp = tern_message_stamp(event->message);
		put((long)number);
		break;
	case TERN_GAP:
		put(LOG_GAP + (long)event->lost);
		break;
	case TERN_LOST:
		put(LOG_LOST);
		break;
	case TERN_WRITABLE:
		put(LOG_WRITABLE);
		break;
	default:
		break; /* links: nobody's story */
	}
	(void)tern_message_unref(event->message); /* always NULL, as the next */
	(void)tern_call_unref(event->call);
}

/* note_all() - what is in the queues already; no new round */
static long
note_all(struct self *self)
{
	long n = 0;

	for (;;) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(bus_enter(self->bus), 0);
		if (self->bus->queue.n + self->bus->kept.n == 0) {
			bus_leave(self->bus);
			return n;
		}
		bus_leave(self->bus);
		if (tern_next(self->bus, 0, &event) == 0) {
			note(self, &event);
			n++;
		}
	}
}

long
take(struct self *self, const long args[N_ARGS])
{
	must_be(bus_enter(self->bus), 0);
	(void)lead_try(self->bus); /* what it brought is in the queue */
	bus_leave(self->bus);
	return note_all(self);
}

long
take_ready(struct self *self, const long args[N_ARGS])
{
	must_be(bus_enter(self->bus), 0);
	self->bus->leader = true;
	(void)take_poll(self->bus, 0); /* how many does not matter */
	self->bus->leader = false;
	bus_leave(self->bus);
	return 0;
}

/* fd_of() - asked for once: tern_fd() looks at the links, which is_woken() must not */
static int
fd_of(struct self *self)
{
	if (!self->fd)
		self->fd = tern_fd(self->bus);
	return self->fd;
}

long
is_woken(struct self *self, const long args[N_ARGS])
{
	struct pollfd pollfd = {.fd = fd_of(self), .events = POLLIN};

	return poll(&pollfd, 1, 0);
}

long
sleep_tight(struct self *self, const long args[N_ARGS])
{
	struct pollfd pollfd = {.fd = fd_of(self), .events = POLLIN};
	int more;

	do {
		more = tern_process(self->bus);
		must(more >= 0);
		note_all(self);
	} while (more || poll(&pollfd, 1, 0));
	return 0;
}

/* --- names --- */

#define NAME "org.example.Order"

long
own_name(struct self *self, const long args[N_ARGS])
{
	return tern_own(self->bus, NAME, 0, NULL);
}

long
disown_name(struct self *self, const long args[N_ARGS])
{
	return tern_disown(self->bus, NAME);
}

static int
called(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	put((long)number);
	return tern_reply(call, NULL);
}

long
serve_name(struct self *self, const long args[N_ARGS])
{
	static const struct tern_method method = {NULL, called};

	return tern_serve(self->bus, NAME, NULL, &method, 1, self, &self->service);
}

long
hear_names(struct self *self, const long args[N_ARGS])
{
	static const char *const tags[] = {NAME, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = "tern", .tags = tags};

	return tern_subscribe(self->bus, &rule, NULL, NULL, &self->subscription);
}

long
call_name(struct self *self, const long args[N_ARGS])
{
	tern_message *m;
	long r;

	must_be(tern_message_new_call(self->bus, NAME, "news", &m), 0);
	pad(m, args[0], 0);
	self->call = tern_call_unref(self->call);
	r = tern_send(m, TERN_FOREVER, 0, &self->call);
	(void)tern_message_unref(m); /* always NULL */
	return r;
}

/* --- settings --- */

long
set_order(struct self *self, const long args[N_ARGS])
{
	return tern_set_option(self->bus, TERN_OPT_ORDER, (uint64_t)args[0]);
}

long
set_max_hot(struct self *self, const long args[N_ARGS])
{
	hook_max_hot = (uint32_t)args[0];
	return 0;
}

long
set_alone(struct self *self, const long args[N_ARGS])
{
	(void)self;
	hook_alone = args[0];
	return 0;
}

long
set_clock_back(struct self *self, const long args[N_ARGS])
{
	self->bus->clock_offset = (uint64_t)args[0];
	return 0;
}

long
is_linked(struct self *self, const long args[N_ARGS])
{
	struct partner *partner;
	long r = 0;

	must_be(bus_enter(self->bus), 0);
	partner = partner_find(self->bus, (uint64_t)args[0]);
	if (partner && partner->link->closed)
		r = 3;
	else if (partner && partner->link->ready)
		r = partner->is_hot ? 1 : 2;
	bus_leave(self->bus);
	return r;
}

long
flush(struct self *self, const long args[N_ARGS])
{
	return tern_flush(self->bus);
}

long
last_stamp(struct self *self, const long args[N_ARGS])
{
	return (long)self->stamp;
}

long
say_into(struct self *self, const long args[N_ARGS])
{
	return dup2((int)args[0], STDERR_FILENO) < 0 ? -errno : 0;
}

long
leave(struct self *self, const long args[N_ARGS])
{
	self->topic = tern_topic_free(self->topic);
	self->subscription = tern_subscription_free(self->subscription);
	self->service = tern_service_free(self->service);
	self->call = tern_call_unref(self->call);
	self->bus = tern_close(self->bus);
	return 0;
}
