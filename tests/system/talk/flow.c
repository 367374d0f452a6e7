/* SPDX-License-Identifier: MIT */

/* flow: see flow.h */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

/* --- the service's methods --- */

static void
is_over(int r)
{
	atomic_store(&scene.words[FLOW_ERRNO], (uint32_t)-r);
	tell(&scene.words[FLOW_OVER]);
}

static int
put_many(tern_call *call, uint64_t n, uint64_t size)
{
	char *bytes = calloc(1, size + 1);
	int r = 0;

	must(bytes != NULL);
	for (uint64_t i = 0; i < n && r == 0; i++)
		r = tern_call_put(call, "[uy]", i, bytes, size);
	free(bytes);
	return r;
}

static int
count_method(tern_call *call, tern_message *m, void *user)
{
	uint64_t n, size;
	int r;

	must_be(tern_message_unpack(m, "[uu]", &n, &size), 0);
	r = put_many(call, n, size);
	if (r < 0)
		is_over(r);
	return r < 0 ? r : tern_reply(call, "u", n);
}

static int
frames_method(tern_call *call, tern_message *m, void *user)
{
	uint64_t n, size;
	tern_message *part;
	void *bytes;
	int r = 0;

	must_be(tern_message_unpack(m, "[uu]", &n, &size), 0);
	for (uint64_t i = 0; i < n && r == 0; i++) {
		must_be(tern_message_new_part(call, &part), 0);
		must_be(tern_message_lend(part, size, &bytes), 0);
		memset(bytes, (int)(i % 251), size);
		r = tern_call_put_message(part, TERN_DEFAULT, 0);
		(void)tern_message_unref(part);
	}
	return r < 0 ? r : tern_reply(call, "u", n);
}

static int
sum_method(tern_call *call, tern_message *m, void *user)
{
	tern_message *part;
	uint64_t sum = 0, n;
	int r;

	while ((r = tern_call_wait(call, TERN_DEFAULT, &part, NULL)) == 0) {
		must_be(tern_message_kind(part), TERN_PART);
		must_be(tern_message_unpack(part, "u", &n), 0);
		sum += n;
		(void)tern_message_unref(part);
	}
	if (r != -ENODATA)
		is_over(r);
	return r != -ENODATA ? r : tern_reply(call, "u", sum);
}

static int
bytes_method(tern_call *call, tern_message *m, void *user)
{
	tern_message *part;
	uint64_t sum = 0;
	const void *bytes;
	size_t size;
	int r;

	while ((r = tern_call_wait(call, TERN_DEFAULT, &part, NULL)) == 0) {
		must_be(tern_message_part(part, 0, &bytes, &size), 0);
		must_be(((const uint8_t *)bytes)[size - 1], sum / size % 251);
		sum += size;
		(void)tern_message_unref(part);
	}
	return r != -ENODATA ? r : tern_reply(call, "u", sum);
}

static int
mirror_method(tern_call *call, tern_message *m, void *user)
{
	tern_message *part;
	uint64_t n = 0, number;
	int r;

	while ((r = tern_call_wait(call, TERN_DEFAULT, &part, NULL)) == 0) {
		must_be(tern_message_unpack(part, "u", &number), 0);
		must_be(tern_call_put(call, "u", number), 0);
		(void)tern_message_unref(part);
		n++;
	}
	must_be(r, -ENODATA);
	return tern_reply(call, "u", n);
}

enum { MOST = 65536 };

/* What the loop has of a call: parts that wait for credit. It reads whatever it cannot put, so it keeps as many as come. */
struct mirror {
	uint64_t numbers[MOST], n_in, n_out;
	bool ended;
};

static void
mirror_on(tern_call *call, struct mirror *mirror)
{
	tern_message *part;
	int r = 0;

	while (mirror->n_out < mirror->n_in && r == 0) {
		must_be(tern_message_new_part(call, &part), 0);
		must_be(tern_message_pack(part, "u", mirror->numbers[mirror->n_out % MOST]), 0);
		r = tern_call_put_message(part, TERN_DEFAULT, TERN_NONBLOCK);
		(void)tern_message_unref(part);
		must(r == 0 || r == -EAGAIN);
		mirror->n_out += r == 0;
	}
	if (!mirror->ended || mirror->n_out < mirror->n_in)
		return;
	must_be(tern_reply(call, "u", mirror->n_out), 0);
	(void)tern_call_unref(call);
	free(mirror);
}

static void
mirror_fn(tern_call *call, const struct tern_event *event, void *user)
{
	struct mirror *mirror = user;

	must(event->call == call);
	switch (event->kind) {
	case TERN_PART:
		must(mirror->n_in - mirror->n_out < MOST);
		must_be(tern_message_unpack(event->message, "u", &mirror->numbers[mirror->n_in++ % MOST]), 0);
		break;
	case TERN_END:
		mirror->ended = true;
		break;
	default:
		must_be(event->kind, TERN_WRITABLE);
	}
	mirror_on(call, mirror);
}

static int
loop_method(tern_call *call, tern_message *m, void *user)
{
	struct mirror *mirror = calloc(1, sizeof(*mirror));

	must(mirror != NULL);
	return tern_call_follow(tern_call_ref(call), mirror_fn, mirror);
}

static void *
feed(void *user)
{
	static const char bytes[1000];
	tern_call *call = user;
	int r;

	tell(&scene.words[FLOW_BEGUN]);
	while ((r = tern_call_put(call, "y", bytes, sizeof(bytes))) == 0)
		tell(&scene.words[FLOW_PARTS]);
	is_over(r);
	(void)tern_call_unref(call);
	return NULL;
}

static void *
drain(void *user)
{
	tern_call *call = user;
	int r;

	tell(&scene.words[FLOW_BEGUN]);
	while ((r = tern_call_wait(call, TERN_DEFAULT, NULL, NULL)) == 0)
		tell(&scene.words[FLOW_PARTS]);
	is_over(r);
	(void)tern_call_unref(call);
	return NULL;
}

static int
in_thread(tern_call *call, void *(*fn)(void *call))
{
	pthread_t thread;

	must_be(pthread_create(&thread, NULL, fn, tern_call_ref(call)), 0);
	must_be(pthread_detach(thread), 0);
	return 0;
}

static int
feed_method(tern_call *call, tern_message *m, void *user)
{
	return in_thread(call, feed);
}

static int
drain_method(tern_call *call, tern_message *m, void *user)
{
	return in_thread(call, drain);
}

static void
follow_fn(tern_call *call, const struct tern_event *event, void *user)
{
	if (event->kind == TERN_PART)
		tell(&scene.words[FLOW_PARTS]);
	if (event->kind != TERN_CANCEL)
		return;
	must_be(tern_call_is_cancelled(call), 1);
	tell(&scene.words[FLOW_CANCELS]);
	(void)tern_call_unref(call);
}

static int
follow_method(tern_call *call, tern_message *m, void *user)
{
	int r = tern_call_follow(call, follow_fn, NULL);

	if (r < 0)
		return r;
	(void)tern_call_ref(call); /* until it is cancelled */
	tell(&scene.words[FLOW_BEGUN]);
	return 0;
}

static void *
take_slowly(void *user)
{
	tern_call *call = user;
	uint32_t n = 0;
	int r;

	do {
		wait_for(&scene.words[FLOW_GO], ++n);
		r = tern_call_wait(call, TERN_DEFAULT, NULL, NULL);
		tell(&scene.words[FLOW_PARTS]);
	} while (r == 0);
	must_be(r, -ENODATA);
	r = tern_reply(call, "u", (uint64_t)n - 1);
	must(r == 0 || r == -EHOSTDOWN);
	(void)tern_call_unref(call);
	return NULL;
}

static int
slow_method(tern_call *call, tern_message *m, void *user)
{
	return in_thread(call, take_slowly);
}

static int
refuse_method(tern_call *call, tern_message *m, void *user)
{
	uint64_t n;

	must_be(tern_message_unpack(m, "[uu]", &n, NULL), 0);
	must_be(put_many(call, n, 0), 0);
	return tern_reply_error(call, "org.example.Scene.Enough", "that is enough");
}

static int
both_method(tern_call *call, tern_message *m, void *user)
{
	return tern_call_is_stream(call) ? count_method(call, m, user) : tern_reply(call, "u", UINT64_C(0));
}

static int
plain_method(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "u", UINT64_C(1));
}

static const struct tern_method methods[] = {
	{"Count", count_method},   {"Sum", sum_method},   {"Mirror", mirror_method}, {"Loop", loop_method},
	{"Feed", feed_method},     {"Drain", drain_method}, {"Follow", follow_method}, {"Slow", slow_method},
	{"Refuse", refuse_method}, {"Both", both_method}, {"Plain", plain_method},   {"Frames", frames_method},
	{"Bytes", bytes_method},
};

static void
serve(void *user)
{
	tern_bus *bus = scene_open();

	(void)scene_serve(bus, methods, sizeof(methods) / sizeof(*methods), NULL);
	tell(&scene.words[N_WORDS - 1]);
	for (;;) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, TERN_FOREVER, &event), 0);
		event_free(&event);
	}
}

void
flow_service(void)
{
	scene.service = child_start(serve, NULL);
	wait_for(&scene.words[N_WORDS - 1], 1);
}

/* --- the caller --- */

tern_call *
flow_call(tern_bus *bus, const char *member, uint64_t timeout, const char *format, ...)
{
	tern_message *m;
	tern_call *call;
	va_list ap;

	must_be(tern_message_new_call(bus, SERVICE, member, &m), 0);
	va_start(ap, format);
	if (format)
		must_be(tern_message_packv(m, format, ap), 0);
	va_end(ap);
	must_be(tern_send(m, timeout, TERN_STREAM, &call), 0);
	(void)tern_message_unref(m);
	return call;
}

tern_call *
flow_begin(const char *member, uint64_t a, uint64_t b)
{
	return flow_call(scene.bus, member, LONG_NS, "[uu]", a, b);
}

uint64_t
flow_answer(tern_call *call)
{
	struct tern_error error = {"", ""};
	tern_message *reply;
	uint64_t n = 0;
	int r = tern_call_wait(call, TERN_DEFAULT, &reply, &error);

	if (r < 0)
		(void)fprintf(stderr, "answer: %s: %s\n", error.name, error.text);
	must_be(r, 0);
	must_be(tern_message_kind(reply), TERN_REPLY);
	must_be(tern_message_unpack(reply, "u", &n), 0);
	(void)tern_message_unref(reply);
	must_be(tern_call_wait(call, TERN_DEFAULT, &reply, NULL), -ENODATA);
	(void)tern_call_unref(call);
	return n;
}

uint64_t
flow_number(tern_call *call)
{
	tern_message *part;
	const void *bytes;
	size_t size;
	uint64_t n = 0;

	must_be(tern_call_wait(call, TERN_DEFAULT, &part, NULL), 0);
	must_be(tern_message_kind(part), TERN_PART);
	if (tern_message_unpack(part, "u", &n) < 0)
		must_be(tern_message_unpack(part, "[uy]", &n, &bytes, &size), 0);
	(void)tern_message_unref(part);
	return n;
}
