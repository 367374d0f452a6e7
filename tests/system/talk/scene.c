/* SPDX-License-Identifier: MIT */

/* scene: see scene.h */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"

struct scene scene;

tern_bus *
scene_open(void)
{
	tern_bus *bus;

	must_be(tern_open(scene.place.address, &bus), 0);
	return bus;
}

void
scene_setup(void)
{
	fixture_setup();
	scene = (struct scene){0};
	private_bus_start(&scene.place, NULL);
	scene.words = shared_new(N_WORDS * sizeof(uint32_t));
	scene.bus = scene_open();
}

void
scene_teardown(void)
{
	(void)tern_close(scene.bus);
	if (scene.service)
		child_kill(scene.service);
	private_bus_stop(&scene.place);
	(void)shared_free((void *)scene.words, N_WORDS * sizeof(uint32_t));
	fixture_teardown();
}

tern_service *
scene_serve(tern_bus *bus, const struct tern_method *methods, size_t n, void *user)
{
	tern_service *service;

	must_be(tern_serve(bus, SERVICE, NULL, methods, n, user, &service), 0);
	return service;
}

/* --- the standard methods --- */

static int
echo_method(tern_call *call, tern_message *m, void *user)
{
	int64_t n;
	int r = tern_message_unpack(m, "i", &n);

	return r < 0 ? r : tern_reply(call, "i", n + 1);
}

static void *
answer_later(void *user)
{
	tern_call *call = user;

	must_be(tern_reply(call, "s", "later"), 0);
	(void)tern_call_unref(call);
	return NULL;
}

static int
later_method(tern_call *call, tern_message *m, void *user)
{
	pthread_t thread;

	must_be(pthread_create(&thread, NULL, answer_later, tern_call_ref(call)), 0);
	must_be(pthread_detach(thread), 0);
	return 0;
}

static tern_call *held[64];
static size_t n_held;

static int
hold_method(tern_call *call, tern_message *m, void *user)
{
	held[n_held++ % 64] = tern_call_ref(call);
	tell(&scene.words[0]);
	return 0;
}

/* how many of the held calls were cancelled */
static int
held_method(tern_call *call, tern_message *m, void *user)
{
	uint64_t n = 0;

	for (size_t i = 0; i < n_held; i++)
		n += tern_call_is_cancelled(held[i]) > 0;
	return tern_reply(call, "u", n);
}

static int
drop_method(tern_call *call, tern_message *m, void *user)
{
	return 0;
}

static int
fail_method(tern_call *call, tern_message *m, void *user)
{
	return -ENOENT;
}

static int
complain_method(tern_call *call, tern_message *m, void *user)
{
	return tern_reply_error(call, "org.example.Scene.Complaint", "not like this");
}

/* complains about too much, at length */
static int
mirror_method(tern_call *call, tern_message *m, void *user)
{
	const void *bytes;
	size_t size;

	must_be(tern_message_unpack(m, "y", &bytes, &size), 0);
	if (size > 1000000) {
		char *text = calloc(1, size);

		must(text != NULL);
		memset(text, 'x', size - 1);
		must_be(tern_reply_error(call, "org.example.Scene.Complaint", text), 0);
		free(text);
		return 0;
	}
	return tern_reply(call, "y", bytes, size);
}

static int
big_method(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	uint64_t size;
	void *bytes;
	int r;

	must_be(tern_message_unpack(m, "u", &size), 0);
	must_be(tern_message_new_reply(call, &reply), 0);
	must_be(tern_message_lend(reply, size, &bytes), 0);
	memset(bytes, 'x', size);
	r = tern_reply_message(reply);
	(void)tern_message_unref(reply);
	return r;
}

static int
remaining_method(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "u", tern_call_remaining(call) / 1000000);
}

static int
trace_method(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "u", tern_message_trace(m));
}

static int
sender_method(tern_call *call, tern_message *m, void *user)
{
	must_be(tern_call_sender(call), tern_message_sender(m));
	return tern_reply(call, "u", tern_call_sender(call));
}

static int
count_method(tern_call *call, tern_message *m, void *user)
{
	tell(&scene.words[1]);
	return tern_reply(call, NULL);
}

static int
quit_method(tern_call *call, tern_message *m, void *user)
{
	*(bool *)user = true;
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {
	{"Echo", echo_method},         {"Later", later_method}, {"Hold", hold_method},
	{"Held", held_method},         {"Drop", drop_method},   {"Fail", fail_method},
	{"Complain", complain_method}, {"Big", big_method},     {"Remaining", remaining_method},
	{"Trace", trace_method},       {"Sender", sender_method}, {"Count", count_method},
	{"Quit", quit_method},         {"Mirror", mirror_method},
};

static void
serve(void *user)
{
	bool quit = false;
	tern_bus *bus = scene_open();
	tern_service *service = scene_serve(bus, methods, sizeof(methods) / sizeof(*methods), &quit);

	tell(&scene.words[N_WORDS - 1]);
	while (!quit) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			event_free(&event);
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

void
scene_service(void)
{
	scene.service = child_start(serve, NULL);
	wait_for(&scene.words[N_WORDS - 1], 1);
}

/* --- the test's side --- */

void
event_free(struct tern_event *event)
{
	(void)tern_message_unref(event->message);
	(void)tern_call_unref(event->call);
}

struct tern_event
next_event(tern_bus *bus, uint32_t kind)
{
	for (;;) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		if (event.kind == kind)
			return event;
		event_free(&event);
	}
}

void
echo(tern_bus *bus, const char *service, int64_t n)
{
	tern_message *reply;
	int64_t answer = 0;

	must_be(tern_call_sync(bus, service, "Echo", &reply, NULL, "i", n), 0);
	must_be(tern_message_unpack(reply, "i", &answer), 0);
	must_be(answer, n + 1);
	(void)tern_message_unref(reply);
}

bool
is_error(const char *name)
{
	const struct tern_error *error = tern_last_error();

	if (strcmp(error->name, name) == 0 && strlen(error->text) > 8)
		return true;
	fprintf(stderr, "error is %s: \"%s\", not %s\n", error->name, error->text, name);
	return false;
}
