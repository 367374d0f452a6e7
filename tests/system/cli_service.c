/* SPDX-License-Identifier: MIT */

/*
 * cli_service: a service to be called by the tests of the tool
 *
 *   cli-service NAME [LABEL…]
 *   cli-service NAME --says TEXT
 *
 * Prints a line when it serves. Its members answer in the ways a service can.
 */

#include <signal.h>
#include <errno.h>
#include <stdio.h>
#include <tern/tern.h>

#include "base/attribute.h"

#define TICK_NS 20000000

/* Echo: the same payload, part by part. */
static int
on_echo(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	int r;

	r = tern_message_new_reply(call, &reply);
	if (r)
		return r;
	r = tern_message_set_type(reply, tern_message_type(m));
	for (size_t i = 0; r == 0 && i < tern_message_n_parts(m); i++) {
		const void *part;
		size_t size;

		r = tern_message_part(m, i, &part, &size);
		if (r == 0)
			r = tern_message_append(reply, part, size);
	}
	if (r == 0)
		r = tern_reply_message(reply);
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

static int
answer(tern_call *call, const char *type, const char *part, const char *second)
{
	tern_message *reply;
	int r;

	r = tern_message_new_reply(call, &reply);
	if (r)
		return r;
	r = tern_message_set_type(reply, type);
	if (r == 0)
		r = tern_message_append(reply, part, strlen(part));
	if (r == 0 && second)
		r = tern_message_append(reply, second, strlen(second));
	if (r == 0)
		r = tern_reply_message(reply);
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

static int
on_text(tern_call *call, tern_message *m, void *user)
{
	return answer(call, "text/plain", "two\nlines", NULL);
}

static int
on_json(tern_call *call, tern_message *m, void *user)
{
	return answer(call, "application/json", "{\"a\": [1]}", NULL);
}

static int
on_raw(tern_call *call, tern_message *m, void *user)
{
	return answer(call, "", "\xff\xfe", NULL);
}

static int
on_two(tern_call *call, tern_message *m, void *user)
{
	return answer(call, "", "\x01", "second");
}

static int
on_fail(tern_call *call, tern_message *m, void *user)
{
	return tern_reply_error(call, "org.example.Unwilling", "not \033[31mtoday");
}

/* Wordy: an error of 100 characters, 300 bytes. */
static int
on_wordy(tern_call *call, tern_message *m, void *user)
{
	char text[301] = "";

	for (size_t i = 0; i < 300; i += 3)
		(void)strcpy(text + i, "\xe2\x82\xac"); /* fits */
	return tern_reply_error(call, "org.example.Wordy", text);
}

static int
on_nothing(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, NULL);
}

/* Never: kept until the end, never answered. */
static int
on_never(tern_call *call, tern_message *m, void *user)
{
	(void)tern_call_ref(call); /* leaked, so that nothing answers for it */
	return 0;
}

static int
on_die(tern_call *call, tern_message *m, void *user)
{
	(void)raise(SIGKILL); /* does not return */
	return 0;
}

/* What serve() shares with the methods. */
struct speaker {
	tern_bus *bus;
	tern_state *level, *unset; /* values: Set sets the one, nothing the other */
	tern_topic *topic; /* of what Flood and Tick publish; made by the first of them */
	bool ticks;
};

static int
speaker_prepare(struct speaker *speaker)
{
	static const char *const tags[] = {"noise", NULL};

	return speaker->topic ? 0 : tern_topic_new(speaker->bus, tags, &speaker->topic);
}

/* Flood {n}: publish the numbers below n at once. */
static int
on_flood(tern_call *call, tern_message *m, void *user)
{
	struct speaker *speaker = user;
	uint64_t n;
	int r;

	r = tern_message_unpack(m, "{n:u}", &n);
	if (r == 0)
		r = speaker_prepare(speaker);
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = tern_publish(speaker->topic, "u", i);
	return r ? r : tern_reply(call, NULL);
}

/* Tick: publish something every now and then, for ever. */
static int
on_tick(tern_call *call, tern_message *m, void *user)
{
	struct speaker *speaker = user;
	int r;

	r = speaker_prepare(speaker);
	speaker->ticks = r == 0;
	return r ? r : tern_reply(call, NULL);
}

/* Set: the value "level" is what the call says. */
static int
on_set(tern_call *call, tern_message *m, void *user)
{
	struct speaker *speaker = user;
	const void *part;
	size_t size;
	int r;

	r = tern_message_part(m, 0, &part, &size);
	if (r == 0)
		r = tern_state_put(speaker->level, part, size);
	return r ? r : tern_reply(call, NULL);
}

/* Burst {n}: the value is the numbers below n, one after the other. */
static int
on_burst(tern_call *call, tern_message *m, void *user)
{
	struct speaker *speaker = user;
	uint64_t n;
	int r;

	r = tern_message_unpack(m, "{n:u}", &n);
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = tern_state_set(speaker->level, "u", i);
	return r ? r : tern_reply(call, NULL);
}

static const struct tern_method METHODS[] = {
	{"Echo", on_echo},
	{"Text", on_text},
	{"Json", on_json},
	{"Raw", on_raw},
	{"Two", on_two},
	{"Fail", on_fail},
	{"Wordy", on_wordy},
	{"Nothing", on_nothing},
	{"Never", on_never},
	{"Die", on_die},
	{"Flood", on_flood},
	{"Tick", on_tick},
	{"Set", on_set},
	{"Burst", on_burst},
};

static int
speak(struct speaker *speaker)
{
	int r = 0;

	while (r == 0 || r == -ECONNRESET || r == -ETIME) {
		struct tern_event event = {.size = sizeof(event)};

		r = tern_next(speaker->bus, speaker->ticks ? TICK_NS : TERN_FOREVER, &event);
		if (r == 0) {
			(void)tern_message_unref(event.message); /* always NULL */
			(void)tern_call_unref(event.call);	 /* always NULL */
		} else if (r == -ETIME) {
			r = tern_publish(speaker->topic, NULL);
		}
	}
	return r;
}

/* set_level() - anything but null */
static int
set_level(tern_state *level, tern_call *call, const void *cbor, size_t size, void *user)
{
	return *(const unsigned char *)cbor == 0xf6 ? -EINVAL : tern_state_put(level, cbor, size);
}

static int
serve(const char *name, const char *const *labels)
{
	struct speaker speaker = {.ticks = false};
	tern_service *service;
	int r;

	r = tern_open(NULL, &speaker.bus);
	if (r == 0)
		r = tern_own(speaker.bus, name, 0, labels);
	if (r == 0)
		r = tern_serve(
			speaker.bus, name, NULL, METHODS, ARRAY_SIZE(METHODS), &speaker, &service);
	if (r == 0)
		r = tern_state_new(service, "level", 4096, &speaker.level);
	if (r == 0)
		r = tern_state_new(service, "unset", 0, &speaker.unset);
	if (r == 0)
		r = tern_state_set(speaker.level, "{dB:d, on:b}", -6.0, true);
	if (r == 0)
		r = tern_state_on_set(speaker.level, set_level, NULL);
	if (r == 0) {
		(void)puts("serving"); /* whoever waits for it would notice */
		(void)fflush(stdout);  /* as above */
		(void)speak(&speaker); /* returns only when something is wrong */
	}
	(void)fprintf(stderr, "%s: %s\n", name, tern_last_error()->text);
	return EXIT_FAILURE;
}

/* say() - answer each call with this text, whatever is called: as a service without this library might; waits in line for its name */
static int
say(const char *name, const char *text)
{
	tern_bus *bus;
	int r = tern_open(NULL, &bus);

	if (r == 0)
		r = tern_own(bus, name, TERN_NAME_QUEUE, NULL);
	if (r == -EINPROGRESS)
		r = 0;
	if (r == 0) {
		(void)puts("serving");
		(void)fflush(stdout);
	}
	while (r == 0) {
		struct tern_event event = {.size = sizeof(event)};

		r = tern_next(bus, TERN_FOREVER, &event);
		if (r == 0 && event.kind == TERN_CALL)
			(void)tern_reply(event.call, "{text:s}", text); /* gone callers need none */
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
	}
	return 1;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[2], "--says") == 0)
		return say(argv[1], argv[3]);
	if (argc < 2) {
		(void)fprintf(stderr, "usage: cli-service NAME [LABEL…]\n");
		return 2;
	}
	return serve(argv[1], (const char *const *)argv + 2);
}
