/* SPDX-License-Identifier: MIT */

/*
 * victim: an honest program that talks to whoever comes
 *
 * It looks at all that it is sent, as programs do: every part, every value, every descriptor. Beside whoever asks for it
 * it has a call under way, and so learns why a link ended.
 */

#include <stdio.h>
#include <sched.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "hostile.h"
#include "tern/tern.h"

#define NAP_NS (20 * NSEC_PER_MSEC)

static const char *const TAGS[] = {"hostile", NULL};
static const char *const SAID_TAGS[] = {"victim", NULL};

static struct {
	struct scene *scene;
	tern_bus *bus;
	tern_topic *topic;
	tern_message *kept;
	tern_call *held;
	uint64_t sum; /* of all bytes that came: so that they are read */
} victim;

/* look_at() - all that there is in a message */
static void
look_at(tern_message *m)
{
	uint64_t n;

	(void)tern_message_unpack(m, "{n:u}", &n); /* whatever it is */
	for (size_t i = 0; i < tern_message_n_parts(m); i++) {
		const volatile uint8_t *view;
		const uint8_t *part;
		size_t size;

		if (tern_message_part(m, i, (const void **)&part, &size) == 0)
			for (size_t at = 0; at < size; at += 64)
				victim.sum += part[at];
		if (tern_message_view(m, i, (const volatile void **)&view, &size) == 0 && size > 0)
			victim.sum += view[0] + view[size - 1];
	}
	for (size_t i = 0; tern_message_fd(m, i) >= 0; i++)
		victim.sum++;
	for (size_t i = 0; tern_message_tag(m, i); i++)
		victim.sum += strlen(tern_message_tag(m, i));
	tell(&victim.scene->n_taken);
}

/* --- a call beside --- */

static void
ended(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	if (reply)
		look_at(reply);
	(void)snprintf(victim.scene->said, TEXT_SIZE, "%s", error ? error->text : "answered");
	if (error && strcmp(error->name, "tern.ProtocolBroken") != 0)
		(void)snprintf(victim.scene->said, TEXT_SIZE, "(%s)", error->name);
	tell(&victim.scene->n_said);
}

static void
streamed(tern_call *call, const struct tern_event *event, void *user)
{
	if (event->message)
		look_at(event->message);
	if (event->kind == TERN_REPLY || event->kind == TERN_ERROR)
		ended(call, event->result, NULL, event->result ? tern_last_error() : NULL, user);
}

static int
beside(tern_call *call, tern_message *m, void *user)
{
	tern_message *out = NULL;
	tern_call *back = NULL;
	uint64_t streams;
	char id[32];
	int r;

	must_be(tern_message_unpack(m, "{n:u}", &streams), 0);
	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)tern_call_sender(call));
	r = tern_message_new_call(victim.bus, id, "Never", &out);
	if (r == 0)
		r = tern_send(out, TERN_FOREVER, streams ? TERN_STREAM : 0, &back);
	if (r == 0) {
		tell(&victim.scene->n_beside);
		must_be(streams ? tern_call_follow(back, streamed, NULL) : tern_call_then(back, ended, NULL), 0);
	}
	(void)tern_call_unref(back); /* always NULL, as the next */
	(void)tern_message_unref(out);
	return r < 0 ? r : tern_reply(call, NULL); /* it may be gone already */
}

/* --- what may be asked of it --- */

static int
echo(tern_call *call, tern_message *m, void *user)
{
	uint64_t n;
	int r = tern_message_unpack(m, "{n:u}", &n);

	return r < 0 ? r : tern_reply(call, "{n:u}", n);
}

static int
take(tern_call *call, tern_message *m, void *user)
{
	look_at(m);
	return tern_reply(call, NULL);
}

/* keep() - the message, until the next one */
static int
keep(tern_call *call, tern_message *m, void *user)
{
	(void)tern_message_unref(victim.kept); /* always NULL */
	victim.kept = tern_message_ref(m);
	look_at(m);
	return tern_reply(call, NULL);
}

/* lend() - so many bytes, where the caller reads them */
static int
lend(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	uint64_t size;
	void *bytes;
	int r = tern_message_unpack(m, "{n:u}", &size);

	if (r == 0)
		r = tern_message_new_reply(call, &reply);
	if (r < 0)
		return r;
	r = tern_message_lend(reply, size, &bytes);
	if (r == 0) {
		memset(bytes, 1, size);
		r = tern_reply_message(reply);
	}
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

/* publish() - so many events, which who called may hear */
static int
publish(tern_call *call, tern_message *m, void *user)
{
	uint64_t n;
	int r = tern_message_unpack(m, "{n:u}", &n);

	for (uint64_t i = 0; i < n && r == 0; i++)
		r = tern_publish(victim.topic, "u", i);
	return r < 0 ? r : tern_reply(call, NULL);
}

static void
follow(tern_call *call, const struct tern_event *event, void *user)
{
	if (event->kind == TERN_PART)
		look_at(event->message);
	if (event->kind == TERN_END || event->kind == TERN_CANCEL) {
		(void)tern_reply(call, NULL); /* who has gone needs none */
		(void)tern_call_unref(call);  /* always NULL */
	}
}

/* stream() - takes parts until the end, and sends as many as there is credit for, at most n */
static int
stream(tern_call *call, tern_message *m, void *user)
{
	tern_message *part;
	uint64_t n;
	int r = tern_message_unpack(m, "{n:u}", &n);

	if (r == 0)
		r = tern_call_follow(call, follow, NULL);
	if (r < 0)
		return r;
	(void)tern_call_ref(call); /* until its end */
	for (uint64_t i = 0; i < n && r == 0; i++) {
		r = tern_message_new_part(call, &part);
		if (r == 0)
			r = tern_message_pack(part, "u", i);
		if (r == 0)
			r = tern_call_put_message(part, TERN_DEFAULT, TERN_NONBLOCK);
		(void)tern_message_unref(part); /* always NULL */
	}
	return 0;
}

/* hold() - a stream of which nothing is read, until who calls has gone */
static int
hold(tern_call *call, tern_message *m, void *user)
{
	(void)tern_call_unref(victim.held); /* always NULL */
	victim.held = tern_call_ref(call);
	return 0;
}

/* read_value() - of who calls; who has to answer meanwhile */
static int
read_value(tern_call *call, tern_message *m, void *user)
{
	tern_state *state;
	uint8_t bytes[4096];
	uint64_t version;
	size_t size;
	char id[32];

	(void)tern_reply(call, NULL); /* before it is asked itself */
	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)tern_call_sender(call));
	if (tern_state_open(victim.bus, id, "lie", &state) < 0)
		return 0;
	for (int i = 0; i < 64; i++)
		if (tern_state_read(state, bytes, sizeof(bytes), &size, &version) == 0 && size > 0)
			victim.sum += bytes[size - 1];
	(void)tern_state_free(state); /* always NULL */
	return 0;
}

static void
heard(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	if (m)
		look_at(m);
	tell(m ? &victim.scene->n_heard : &victim.scene->n_gaps);
}

static void
peer_came_or_went(tern_bus *bus, uint32_t kind, tern_peer peer, void *user)
{
	if (kind != TERN_LOST)
		return;
	victim.kept = tern_message_unref(victim.kept); /* what it sent is not kept any longer than it */
	victim.held = tern_call_unref(victim.held);
}

void
victim_run(void *user)
{
	static const struct tern_method methods[] = {{"Echo", echo}, {"Beside", beside}, {"Take", take}, {"Keep", keep},
		{"Lend", lend}, {"Publish", publish}, {"Stream", stream}, {"Hold", hold}, {"ReadValue", read_value}};
	struct tern_rule rule = {.size = sizeof(rule), .tags = TAGS};
	tern_subscription *subscription;
	tern_service *service;

	victim.scene = user;
	must_be(tern_open(victim.scene->place.address, &victim.bus), 0);
	must_be(tern_set_option(victim.bus, TERN_OPT_TIMEOUT, NSEC_PER_SEC), 0);
	must_be(tern_set_option(victim.bus, TERN_OPT_MAX_WAIT, 10 * NSEC_PER_MSEC), 0);
	must_be(tern_on_peer(victim.bus, peer_came_or_went, NULL), 0);
	must_be(tern_topic_new(victim.bus, SAID_TAGS, &victim.topic), 0);
	must_be(tern_subscribe(victim.bus, &rule, heard, NULL, &subscription), 0);
	must_be(tern_serve(victim.bus, VICTIM, NULL, methods, ARRAY_SIZE(methods), NULL, &service), 0);
	tell(&victim.scene->victim_ready);
	while (!load_acq(&victim.scene->stop)) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(victim.bus, NAP_NS, &event) < 0)
			continue;
		(void)tern_message_unref(event.message); /* always NULL, as all here */
		(void)tern_call_unref(event.call);
	}
	(void)tern_message_unref(victim.kept);
	(void)tern_call_unref(victim.held);
	(void)tern_subscription_free(subscription);
	(void)tern_topic_free(victim.topic);
	(void)tern_service_free(service);
	(void)tern_close(victim.bus);
}
