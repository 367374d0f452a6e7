/* SPDX-License-Identifier: MIT */

/* partner: the honest program beside a tortured one */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenes.h"

static tern_bus *bus, *listening;
static tern_topic *says, *says_directly;

static int
echo(tern_call *call, tern_message *m, void *user)
{
	int64_t n;
	int r = tern_message_unpack(m, "i", &n);

	return r < 0 ? r : tern_reply(call, "i", n + 1);
}

/* take() - parts: how many bytes, and as many back */
static int
take(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	const void *part;
	size_t size, sum = 0;
	void *lent;
	int r;

	for (size_t i = 0; i < tern_message_n_parts(m); i++) {
		r = tern_message_part(m, i, &part, &size);
		if (r < 0)
			return r;
		sum += size;
	}
	r = tern_message_new_reply(call, &reply);
	if (r < 0)
		return r;
	r = tern_message_lend(reply, sum, &lent);
	if (!r) {
		memset(lent, 7, sum);
		r = tern_reply_message(reply);
	}
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

/* hand() - a descriptor comes, and goes back */
static int
hand(tern_call *call, tern_message *m, void *user)
{
	int fd = tern_message_fd(m, 0);

	return fd < 0 ? fd : tern_reply(call, "h", fd);
}

static int
say(tern_call *call, tern_message *m, void *user)
{
	uint64_t n;
	int r = tern_message_unpack(m, "u", &n);

	for (uint64_t i = 0; !r && i < n; i++)
		r = tern_publish(user ? says_directly : says, "u", i);
	return r < 0 ? r : tern_reply(call, NULL);
}

/* count() - a stream: what it puts comes back, until it ends */
static int
count(tern_call *call, tern_message *m, void *user)
{
	tern_message *part;
	uint64_t n, sum = 0;
	int r;

	while ((r = tern_call_wait(call, TERN_DEFAULT, &part, NULL)) == 0) {
		r = tern_message_unpack(part, "u", &n);
		(void)tern_message_unref(part);
		if (r < 0)
			return r;
		sum += n;
		r = tern_call_put(call, "u", sum);
		if (r < 0)
			return r;
	}
	return r == -ENODATA ? tern_reply(call, "u", sum) : r;
}

/* stream_back() - the caller serves a stream. It answers others meanwhile, and it is not waited for
 * here. */
struct back {
	tern_call *asked, *stream;
	uint64_t n;
};

static void
on_back(tern_call *stream, const struct tern_event *event, void *user)
{
	struct back *back = user;

	if (event->kind == TERN_PART && --back->n > 0)
		(void)tern_call_put(stream, "u", UINT64_C(2)); /* what fails ends the stream */
	else if (event->kind == TERN_PART)
		(void)tern_call_end(stream);
	if (event->kind != TERN_REPLY && event->kind != TERN_ERROR)
		return;
	if (event->kind == TERN_REPLY)
		(void)tern_reply(back->asked, NULL);
	else
		(void)tern_reply_error(back->asked, "org.example.Partner.Refused", "odd");
	(void)tern_call_unref(back->asked); /* always NULL, both */
	(void)tern_call_unref(back->stream);
	free(back);
}

static int
stream_back(tern_call *call, tern_message *m, void *user)
{
	struct back *back = calloc(1, sizeof(*back));
	char name[32];
	tern_message *there;
	int r;

	MUST(back != NULL);
	(void)snprintf(
		name, sizeof(name), ":%llu", (unsigned long long)tern_call_sender(call)); /* fits */
	back->n = 4;
	r = tern_message_new_call(bus, name, "Count", &there);
	if (!r) {
		r = tern_send(there, UINT64_C(1000000000), TERN_STREAM, &back->stream);
		(void)tern_message_unref(there);
	}
	if (r < 0) {
		free(back);
		return r;
	}
	back->asked = tern_call_ref(call);
	MUST(tern_call_follow(back->stream, on_back, back) == 0);
	(void)tern_call_put(back->stream, "u", UINT64_C(1)); /* as above */
	return 0;
}

static void
back_again(
	tern_call *c, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	tern_call *call = user;
	int64_t n = 0;

	if (result < 0 || tern_message_unpack(reply, "i", &n) < 0)
		(void)tern_reply_error(
			call, "org.example.Partner.Refused", error ? error->text : "odd");
	else
		(void)tern_reply(call, "i", n);
	(void)tern_call_unref(call);
}

/* call_back() - whoever calls serves, too: it is called from here */
static int
call_back(tern_call *call, tern_message *m, void *user)
{
	char name[32];
	tern_message *there;
	tern_call *under_way;
	int64_t n;
	int r = tern_message_unpack(m, "i", &n);

	(void)snprintf(
		name, sizeof(name), ":%llu", (unsigned long long)tern_call_sender(call)); /* fits */
	if (r < 0)
		return r;
	r = tern_message_new_call(bus, name, "Echo", &there);
	if (r < 0)
		return r;
	r = tern_message_pack(there, "i", n);
	if (!r)
		r = tern_send(there, TERN_DEFAULT, 0, &under_way);
	(void)tern_message_unref(there);
	if (r < 0)
		return r;
	(void)tern_call_then(under_way, back_again, tern_call_ref(call)); /* just sent: not taken */
	(void)tern_call_unref(under_way);
	return 0;
}

/* read_back() - the caller keeps a value */
static int
read_back(tern_call *call, tern_message *m, void *user)
{
	char name[32];
	tern_message *value;
	tern_state *state;
	int r;

	(void)snprintf(
		name, sizeof(name), ":%llu", (unsigned long long)tern_call_sender(call)); /* fits */
	r = tern_state_open(bus, name, "mood", &state);
	if (r < 0)
		return r;
	r = tern_state_get(state, &value);
	(void)tern_state_free(state);
	if (r < 0)
		return r;
	(void)tern_message_unref(value);
	return tern_reply(call, NULL);
}

/* ask_back() - how the caller is */
static int
ask_back(tern_call *call, tern_message *m, void *user)
{
	char name[32];
	int r;

	(void)snprintf(
		name, sizeof(name), ":%llu", (unsigned long long)tern_call_sender(call)); /* fits */
	r = tern_call_sync(bus, name, "tern.Status", NULL, NULL, NULL);
	return r < 0 ? r : tern_reply(call, NULL);
}

static int
call_dialled(tern_bus *direct, int64_t n)
{
	tern_message *reply;
	int r = tern_call_sync(direct, NULL, "Echo", &reply, NULL, "i", n);

	if (r < 0)
		return r;
	r = tern_message_unpack(reply, "i", &n);
	(void)tern_message_unref(reply);
	return r < 0 ? r : (int)n;
}

/* dial() - the caller listens, without a bus. It cannot answer while it waits for this, so it does
 * not. */
static int
dial(tern_call *call, tern_message *m, void *user)
{
	tern_bus *direct;
	char address[256];
	int r;

	(void)snprintf(address, sizeof(address), "%s.direct", scene_address); /* fits */
	r = tern_dial(address, &direct);
	if (r < 0)
		return r;
	(void)tern_set_option(direct, TERN_OPT_TIMEOUT, UINT64_C(1000000000)); /* valid */
	r = call_dialled(direct, 1);
	(void)tern_close(direct);
	return r < 0 ? r : tern_reply(call, "i", (int64_t)r);
}

static void
heard(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
}

static void
on_listening(tern_watch *watch, uint32_t is_ready, void *user)
{
	while (tern_process(listening) == 1)
		;
}

/* listen_directly() - for who dials; served by the same loop */
static void
listen_directly(void)
{
	static const struct tern_method methods[] = {{"Echo", echo}, {"Say", say}};
	const char *const tags[] = {"partner.says", NULL}, *const hears[] = {"tortured.says", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = hears};
	tern_subscription *subscription;
	tern_service *service;
	tern_watch *watch;
	char address[256];

	(void)snprintf(address, sizeof(address), "%s.partner", scene_address); /* fits */
	MUST(tern_listen(address, &listening) == 0);
	MUST(tern_topic_new(listening, tags, &says_directly) == 0);
	MUST(tern_subscribe(listening, &rule, heard, NULL, &subscription) == 0);
	MUST(tern_serve(listening, NULL, NULL, methods, sizeof(methods) / sizeof(*methods),
		     listening, &service) == 0);
	MUST(tern_watch_fd(bus, tern_fd(listening), POLLIN, on_listening, NULL, &watch) == 0);
}

_Noreturn void
partner_run(int ready)
{
	static const struct tern_method methods[] = {{"Echo", echo}, {"Take", take}, {"Hand", hand},
		{"Say", say}, {"Count", count}, {"CallBack", call_back}, {"Dial", dial},
		{"ReadBack", read_back}, {"AskBack", ask_back}, {"StreamBack", stream_back}};
	const char *const tags[] = {"partner.says", NULL}, *const hears[] = {"tortured.says", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = hears};
	struct tern_event event = {.size = sizeof(event)};
	tern_subscription *subscription;
	tern_service *service;
	tern_state *state;

	MUST(tern_open(scene_address, &bus) == 0);
	MUST(tern_set_option(bus, TERN_OPT_TIMEOUT, UINT64_C(1000000000)) == 0);
	MUST(tern_topic_new(bus, tags, &says) == 0);
	MUST(tern_subscribe(bus, &rule, heard, NULL, &subscription) == 0);
	MUST(tern_serve(bus, PARTNER, NULL, methods, sizeof(methods) / sizeof(*methods), NULL,
		     &service) == 0);
	MUST(tern_own(bus, SECRET, 0, NULL) == 0);
	listen_directly();
	MUST(tern_state_new(service, "level", 64, &state) == 0);
	MUST(tern_state_set(state, "u", UINT64_C(5)) == 0);
	MUST(write(ready, "\n", 1) == 1);
	for (;;) {
		if (tern_next(bus, TERN_FOREVER, &event) < 0)
			continue;
		(void)tern_message_unref(event.message);
		(void)tern_call_unref(event.call);
	}
}
