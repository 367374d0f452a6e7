/* SPDX-License-Identifier: MIT */

/* honest: the pair that must not notice anything: calls, events, streams and values, each checked */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "hostile.h"
#include "tern/tern.h"

#define HONEST_TIMEOUT (10 * NSEC_PER_SEC)
#define NAP_NS         (20 * NSEC_PER_MSEC)

enum {
	STATE_EVERY = 4,
	STREAM_EVERY = 8,
	LENT_EVERY = 8,
	N_STREAMED = 8,
	LENT_SIZE = 20000,
	PAUSE_US = 300,
};

static const char *const TAGS[] = {"honest", "tick", NULL};

void
honest_wrong(struct scene *scene, const char *format, ...)
{
	va_list ap;

	if (add_acqrel(&scene->n_wrong, 1) > 0)
		return;
	va_start(ap, format);
	(void)vsnprintf(scene->wrong, sizeof(scene->wrong), format, ap);
	va_end(ap);
}

/* pin() - on the second processor, and so away from offenders and victim, which are on the first */
static void
pin(struct scene *scene)
{
	cpu_set_t set;

	if (!load_acq(&scene->pinned))
		return;
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* one processor alone: as it is */
}

/* --- server --- */

struct server {
	struct scene *scene;
	tern_topic *topic;
	tern_state *state;
};

static int
echo(tern_call *call, tern_message *m, void *user)
{
	struct server *server = user;
	uint64_t n;
	int r = tern_message_unpack(m, "{n:u}", &n);

	if (r < 0)
		return r;
	if (n % STATE_EVERY == 0 && tern_state_set(server->state, "u", n) < 0)
		honest_wrong(server->scene, "setting the value: %s", tern_last_error()->text);
	if (tern_publish(server->topic, "u", n) < 0)
		honest_wrong(server->scene, "publishing: %s", tern_last_error()->text);
	return tern_reply(call, "{n:u}", n);
}

static int
lent(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	uint8_t *bytes;
	uint64_t n;
	int r = tern_message_unpack(m, "{n:u}", &n);

	if (r == 0)
		r = tern_message_new_reply(call, &reply);
	if (r < 0)
		return r;
	r = tern_message_lend(reply, LENT_SIZE, (void **)&bytes);
	if (r == 0) {
		memset(bytes, (uint8_t)n, LENT_SIZE);
		r = tern_reply_message(reply);
	}
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

static int
count_up(tern_call *call, tern_message *m, void *user)
{
	for (uint64_t i = 0; i < N_STREAMED; i++)
		if (tern_call_put(call, "u", i) < 0)
			return -EIO;
	return tern_reply(call, NULL);
}

void
honest_server(void *user)
{
	static const struct tern_method methods[] = {{"Echo", echo}, {"Lent", lent}, {"CountUp", count_up}};
	struct server server = {.scene = user};
	tern_service *service;
	tern_bus *bus;

	pin(user);
	must_be(tern_open(server.scene->place.address, &bus), 0);
	must_be(tern_topic_new(bus, TAGS, &server.topic), 0);
	must_be(tern_serve(bus, HONEST, NULL, methods, ARRAY_SIZE(methods), &server, &service), 0);
	must_be(tern_state_new(service, "n", 64, &server.state), 0);
	must_be(tern_state_set(server.state, "u", UINT64_C(0)), 0);
	tell(&server.scene->pair_ready);
	while (!load_acq(&server.scene->stop)) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, NAP_NS, &event) < 0)
			continue;
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
	}
	(void)tern_state_free(server.state);
	(void)tern_topic_free(server.topic);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

/* --- client --- */

struct client {
	struct scene *scene;
	tern_bus *bus;
	tern_state *state;
	uint64_t n, heard, value;
};

static void
heard(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct client *client = user;
	uint64_t n = 0;

	if (!m) {
		honest_wrong(client->scene, "%llu events lost", (unsigned long long)lost);
		return;
	}
	if (tern_message_unpack(m, "u", &n) < 0 || n != client->heard + 1)
		honest_wrong(client->scene, "event %llu after %llu", (unsigned long long)n,
			(unsigned long long)client->heard);
	client->heard = n;
}

static void
call(struct client *client)
{
	uint64_t n = 0, began = clock_now_ns();
	tern_message *reply;
	struct tern_error error;
	uint32_t i;

	client->n++;
	if (tern_call_sync(client->bus, HONEST, "Echo", &reply, &error, "{n:u}", client->n) < 0) {
		honest_wrong(client->scene, "a call: %s: %s", error.name, error.text);
		return;
	}
	if (tern_message_unpack(reply, "{n:u}", &n) < 0 || n != client->n)
		honest_wrong(client->scene, "a reply to another call");
	(void)tern_message_unref(reply); /* always NULL */
	i = load_rlx(&client->scene->n_calls); /* one writer */
	client->scene->took_ns[i % N_TOOK] = (uint32_t)MIN(clock_now_ns() - began, (uint64_t)UINT32_MAX);
	store_rel(&client->scene->n_calls, i + 1);
}

static void
call_lent(struct client *client)
{
	struct tern_error error;
	tern_message *reply;
	const uint8_t *bytes;
	size_t size;

	if (tern_call_sync(client->bus, HONEST, "Lent", &reply, &error, "{n:u}", client->n) < 0) {
		honest_wrong(client->scene, "a call for lent memory: %s: %s", error.name, error.text);
		return;
	}
	if (tern_message_part(reply, 0, (const void **)&bytes, &size) < 0 || size != LENT_SIZE)
		honest_wrong(client->scene, "a part of another size");
	else if (bytes[0] != (uint8_t)client->n || memcmp(bytes, bytes + 1, size - 1) != 0)
		honest_wrong(client->scene, "a part with other bytes");
	(void)tern_message_unref(reply); /* always NULL */
}

static void
read_stream(struct client *client)
{
	tern_message *m = NULL;
	struct tern_error error;
	tern_call *stream;
	uint64_t n;
	int r;

	r = tern_message_new_call(client->bus, HONEST, "CountUp", &m);
	if (r == 0)
		r = tern_send(m, HONEST_TIMEOUT, TERN_STREAM, &stream);
	(void)tern_message_unref(m); /* always NULL, as all here */
	if (r < 0) {
		honest_wrong(client->scene, "a stream: %s", tern_last_error()->text);
		return;
	}
	for (uint64_t i = 0; i <= N_STREAMED; i++) {
		if (tern_call_wait(stream, HONEST_TIMEOUT, &m, &error) < 0) {
			honest_wrong(client->scene, "part %llu of a stream: %s", (unsigned long long)i, error.text);
			break;
		}
		if (i < N_STREAMED && (tern_message_unpack(m, "u", &n) < 0 || n != i))
			honest_wrong(client->scene, "another part of a stream");
		(void)tern_message_unref(m);
	}
	(void)tern_call_unref(stream);
}

static void
read_value(struct client *client)
{
	uint8_t bytes[64];
	uint64_t version, value;
	size_t size;

	if (tern_state_read(client->state, bytes, sizeof(bytes), &size, &version) < 0 ||
		tern_cbor_unpack(bytes, size, NULL, "u", &value) < 0) {
		honest_wrong(client->scene, "reading the value: %s", tern_last_error()->text);
		return;
	}
	if (value < client->value || value > client->n || value + STATE_EVERY <= client->n)
		honest_wrong(client->scene, "the value is %llu at call %llu", (unsigned long long)value,
			(unsigned long long)client->n);
	client->value = value;
}

void
honest_client(void *user)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = TAGS, .sender = HONEST};
	struct client client = {.scene = user};
	tern_subscription *subscription;

	pin(user);
	wait_for(&client.scene->pair_ready, 1);
	must_be(tern_open(client.scene->place.address, &client.bus), 0);
	must_be(tern_set_option(client.bus, TERN_OPT_TIMEOUT, HONEST_TIMEOUT), 0);
	must_be(tern_subscribe(client.bus, &rule, heard, &client, &subscription), 0);
	must_be(tern_state_open(client.bus, HONEST, "n", &client.state), 0);
	while (!load_acq(&client.scene->stop)) {
		call(&client);
		if (client.n % STATE_EVERY == 0)
			read_value(&client);
		if (client.n % STREAM_EVERY == 0)
			read_stream(&client);
		if (client.n % LENT_EVERY == 1)
			call_lent(&client);
		while (tern_process(client.bus) > 0)
			;
		if (client.n == 2 * STREAM_EVERY)
			tell(&client.scene->pair_ready);
		(void)usleep(PAUSE_US);
	}
	(void)tern_state_free(client.state); /* always NULL, as all here */
	(void)tern_subscription_free(subscription);
	(void)tern_close(client.bus);
}
