/* SPDX-License-Identifier: MIT */

/* ends: killed or stopped in the middle of what honest programs do */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

enum {
	MOST_US = 30000, /* until it is killed, by chance */
};

static uint64_t delay_us;

static void *
kill_it(void *user)
{
	(void)usleep((useconds_t)delay_us);
	(void)kill(getpid(), SIGKILL);
	return NULL;
}

/* doom() - killed at some moment from now */
static void
doom(struct attack *attack)
{
	pthread_t thread;

	delay_us = attack_random(attack) % MOST_US;
	expect(pthread_create(&thread, NULL, kill_it, NULL) == 0);
}

static void
while_joining(struct attack *attack)
{
	doom(attack);
	for (;;) {
		attack_join(attack);
		attack->bus = tern_close(attack->bus);
	}
}

static void
while_linking(struct attack *attack)
{
	doom(attack);
	for (;;) {
		attack_link(attack);
		attack->bus = tern_close(attack->bus);
	}
}

static void
while_calling(struct attack *attack)
{
	attack_link(attack);
	doom(attack);
	for (;;)
		(void)tern_message_unref(attack_call(attack, "Echo", 1)); /* always NULL */
}

static void
while_lending(struct attack *attack)
{
	tern_message *m;
	tern_call *call;
	void *bytes;

	attack_link(attack);
	doom(attack);
	for (size_t size = 1000;; size = size * 2 % 1000000) {
		expect(tern_message_new_call(attack->bus, VICTIM, "Keep", &m) == 0);
		expect(tern_message_lend(m, size + 1000, &bytes) == 0);
		expect(tern_send(m, TERN_DEFAULT, 0, &call) == 0);
		(void)tern_message_unref(m); /* always NULL, as the next */
		(void)tern_call_unref(call);
	}
}

static void
while_borrowing(struct attack *attack)
{
	attack_link(attack);
	doom(attack);
	for (;;)
		(void)tern_message_unref(attack_call(attack, "Lend", 100000)); /* always NULL */
}

static void
while_publishing(struct attack *attack)
{
	static const char *const tags[] = {"hostile", NULL};
	tern_topic *topic;

	attack_link(attack);
	expect(tern_topic_new(attack->bus, tags, &topic) == 0);
	doom(attack);
	for (uint64_t i = 0;; i++)
		expect(tern_publish(topic, "u", i) == 0);
}

static void
while_subscribing(struct attack *attack)
{
	static const char *const tags[] = {"victim", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};

	attack_link(attack);
	doom(attack);
	for (;;) {
		tern_subscription *subscription;

		expect(tern_subscribe(attack->bus, &rule, NULL, NULL, &subscription) == 0);
		(void)tern_subscription_free(subscription); /* always NULL */
	}
}

static void
while_owning(struct attack *attack)
{
	static const struct tern_method none[] = {{NULL, NULL}};
	char name[64];

	(void)none;
	attack_join(attack);
	doom(attack);
	for (uint64_t i = 0;; i++) {
		(void)snprintf(name, sizeof(name), "org.example.Hostile%llu", (unsigned long long)(i % 64));
		expect(tern_own(attack->bus, name, 0, NULL) == 0);
		if (i >= 32) {
			(void)snprintf(name, sizeof(name), "org.example.Hostile%llu", (unsigned long long)((i - 32) % 64));
			expect(tern_disown(attack->bus, name) == 0);
		}
	}
}

static void
while_streaming(struct attack *attack)
{
	tern_message *m;
	tern_call *stream;

	attack_link(attack);
	expect(tern_message_new_call(attack->bus, VICTIM, "Stream", &m) == 0);
	expect(tern_message_pack(m, "{n:u}", (uint64_t)10) == 0);
	expect(tern_send(m, TERN_FOREVER, TERN_STREAM, &stream) == 0);
	doom(attack);
	for (uint64_t i = 0;; i++)
		expect(tern_call_put(stream, "u", i) == 0);
}

static void
while_sending_descriptors(struct attack *attack)
{
	tern_message *m;

	attack_link(attack);
	doom(attack);
	for (;;) {
		expect(tern_message_new_call(attack->bus, VICTIM, "Take", &m) == 0);
		for (int i = 0; i < TERN_MAX_FDS; i++)
			expect(tern_message_attach(m, 0) >= 0);
		expect(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL) == 0);
		(void)tern_message_unref(m); /* always NULL */
	}
}

static void
while_setting_values(struct attack *attack)
{
	static const struct tern_method none[] = {{"Nothing", NULL}};
	tern_service *service;
	tern_state *state;

	attack_link(attack);
	expect(tern_serve(attack->bus, "org.example.Hostile", NULL, none, 1, NULL, &service) == 0);
	expect(tern_state_new(service, "lie", 1024, &state) == 0);
	doom(attack);
	for (uint64_t i = 0;; i++)
		expect(tern_state_set(state, "u", i) == 0);
}

/* --- stopped --- */

/* stop() - as by a debugger; who stopped it lets it go on to its end a while later */
static void
stop(struct attack *attack)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
		(void)kill(parent, SIGKILL);
		_exit(0);
	}
	(void)raise(SIGSTOP);
}

static void
stopped_linked(struct attack *attack)
{
	attack_link(attack);
	stop(attack);
}

static void
stopped_before_hello(struct attack *attack)
{
	(void)hand_introduce(attack);
	stop(attack);
}

static void
stopped_at_the_door(struct attack *attack)
{
	(void)hand_connect(attack);
	stop(attack);
}

static void
stopped_while_heard(struct attack *attack)
{
	static const char *const tags[] = {"victim", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_subscription *subscription;
	struct record record;

	attack_link(attack);
	expect(tern_subscribe(attack->bus, &rule, NULL, NULL, &subscription) == 0);
	(void)tern_message_unref(attack_call(attack, "Publish", 1)); /* always NULL */
	for (int i = 0; i < 20; i++) { /* it will publish some hundred events to a stopped reader */
		struct wire_header *call = record_call(attack, &record, "Publish");
		struct wire_places places;

		wire_places(call, &places);
		record.bytes[places.payload + 3] = 23;
		call->flags |= WIRE_NO_REPLY;
		attack_push_record(attack, call);
	}
	stop(attack);
}

static void
stopped_with_calls(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	while (attack_has_room(attack, 256))
		attack_push_record(attack, record_call(attack, &record, "Echo"));
	stop(attack);
}

#define DIED "its calls to it fail: it has gone"
#define ENDS "its end"

static const struct behaviour items[] = {
	{"killed-joining", "is killed while it joins and leaves", "nothing", ENDS, NULL, STAYS, while_joining},
	{"killed-linking", "is killed while it makes links", DIED, ENDS, NULL, STAYS, while_linking},
	{"killed-calling", "is killed while it calls", DIED, ENDS, NULL, STAYS, while_calling},
	{"killed-lending", "is killed while it sends lent memory", DIED, ENDS, NULL, STAYS, while_lending},
	{"killed-borrowing", "is killed while it is lent memory", DIED, ENDS, NULL, STAYS, while_borrowing},
	{"killed-publishing", "is killed while it publishes", DIED, ENDS, NULL, STAYS, while_publishing},
	{"killed-subscribing", "is killed while it subscribes", DIED, ENDS, NULL, STAYS, while_subscribing},
	{"killed-owning", "is killed while it takes and gives up names", "nothing", ENDS, NULL, STAYS, while_owning},
	{"killed-streaming", "is killed while it streams", DIED, ENDS, NULL, STAYS, while_streaming},
	{"killed-with-descriptors", "is killed while it sends descriptors", DIED, ENDS, NULL, STAYS,
		while_sending_descriptors},
	{"killed-setting", "is killed while it sets a value", DIED, ENDS, NULL, STAYS, while_setting_values},
	{"stopped-linked", "is stopped, and then killed", DIED, ENDS, NULL, STAYS, stopped_linked},
	{"stopped-before-hello", "is stopped before it says hello to the victim", DIED, ENDS, NULL, STAYS,
		stopped_before_hello},
	{"stopped-at-the-door", "is stopped before it says hello to ternd", "nothing", ENDS, NULL, STAYS, stopped_at_the_door},
	{"stopped-while-heard", "is stopped as one whom publishers wait for",
		"its publish takes 10 ms, as it allows, once; then events are dropped", ENDS, NULL, STAYS, stopped_while_heard},
	{"stopped-with-calls", "is stopped with calls under way", DIED, ENDS, NULL, STAYS, stopped_with_calls},
};

const struct behaviours ends_behaviours = {"how it ends", items, ARRAY_SIZE(items)};
