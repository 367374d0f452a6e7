/* SPDX-License-Identifier: MIT */

/* taps: copies of calls and their answers, for who may see them; nobody else notices */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "hear.h"

/* A copy, and what it says of itself; the strings are its event's. */
struct copy {
	struct tern_event event;
	const char *kind, *service, *member, *type;
	tern_peer from, to;
	uint64_t serial, reference, deadline, trace, n_fds;
	uint64_t sizes[TERN_MAX_PARTS];
	size_t n_sizes;
	bool no_reply, back;
	const uint8_t *bytes; /* of all parts */
	size_t size;
};

static tern_subscription *
tap(tern_bus *bus)
{
	return subscribe(bus, TERN_TAG_TAP, NULL, TERN_DROP_NEWEST);
}

static void
next_copy(tern_bus *bus, struct copy *ret)
{
	tern_message *m;

	*ret = (struct copy){.event = next_event(bus, TERN_EVENT), .n_sizes = TERN_MAX_PARTS};
	m = ret->event.message;
	ret->from = tern_message_sender(m);
	must(strcmp(tern_message_tag(m, 0), TERN_TAG_TAP) == 0);
	must(!tern_message_tag(m, 1));
	must_be(tern_message_unpack(m,
			"{kind:s, to:u, service:s, member:s, type:s, serial:u, reference:u, deadline:u, trace:u, "
			"no_reply:b, back:b, fds:u, sizes:*u}",
			&ret->kind, &ret->to, &ret->service, &ret->member, &ret->type, &ret->serial, &ret->reference,
			&ret->deadline, &ret->trace, &ret->no_reply, &ret->back, &ret->n_fds, ret->sizes, &ret->n_sizes),
		0);
	if (tern_message_n_parts(m) > 1)
		must_be(tern_message_part(m, 1, (const void **)&ret->bytes, &ret->size), 0);
}

/* must_tap() - the next copy is of this; *ret is the caller's */
static void
must_tap(tern_bus *bus, const char *kind, const char *member, struct copy *ret)
{
	next_copy(bus, ret);
	if (strcmp(ret->kind, kind) != 0 || strcmp(ret->member, member) != 0)
		must_failed(__FILE__, __LINE__, ret->kind, 0, 0);
}

/* must_tap_pair() - a call to this member and its answer, in this order */
static void
must_tap_pair(tern_bus *bus, const char *member, const char *kind, const char *name)
{
	struct copy call, answer;

	must_tap(bus, "call", member, &call);
	must_tap(bus, kind, name, &answer);
	must(answer.back && !call.back);
	must_be(answer.reference, call.serial);
	must_be(answer.from, call.to);
	must_be(answer.to, call.from);
	must(tern_message_stamp(call.event.message) < tern_message_stamp(answer.event.message));
	event_free(&call.event);
	event_free(&answer.event);
}

START_TEST(call_and_reply)
{
	tern_bus *bus = scene_open();
	tern_subscription *s;
	struct copy copy;
	int64_t n;

	scene_service();
	echo(scene.bus, SERVICE, 1); /* before anybody taps */
	s = tap(bus);
	echo(scene.bus, SERVICE, 41);
	must_tap(bus, "call", "Echo", &copy);
	must(strcmp(copy.service, SERVICE) == 0 && strcmp(copy.type, "") == 0);
	must_be(copy.from, tern_id(scene.bus));
	must(copy.deadline > tern_message_stamp(copy.event.message) && copy.serial > 0 && !copy.no_reply);
	must_be(copy.n_sizes, 1);
	must_be(copy.sizes[0], copy.size);
	must_be(tern_cbor_unpack(copy.bytes, copy.size, NULL, "i", &n), 0);
	must_be(n, 41);
	event_free(&copy.event);
	must_tap(bus, "reply", "", &copy);
	must_be(copy.to, tern_id(scene.bus));
	must_be(tern_cbor_unpack(copy.bytes, copy.size, NULL, "i", &n), 0);
	must_be(n, 42);
	event_free(&copy.event);
	(void)tern_subscription_free(s);
	echo(scene.bus, SERVICE, 1);
	must_be_silent(bus);
	s = tap(bus); /* once more */
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(bus, "Echo", "reply", "");
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

/* call() - and its result */
static int
call(const char *member, uint32_t flags)
{
	tern_message *m, *reply = NULL;
	tern_call *c;
	int r;

	must_be(tern_message_new_call(scene.bus, SERVICE, member, &m), 0);
	must_be(tern_message_set_trace(m, 77), 0);
	must_be(tern_send(m, TERN_DEFAULT, flags, &c), 0);
	r = tern_call_wait(c, LONG_NS, &reply, NULL);
	(void)tern_message_unref(reply);
	(void)tern_message_unref(m);
	(void)tern_call_unref(c);
	return r;
}

START_TEST(errors_and_nobody_answers)
{
	tern_bus *bus = scene_open();
	tern_subscription *s;
	tern_message *m;
	struct copy copy;

	scene_service();
	s = tap(bus);
	must_be(call("Complain", 0), -EREMOTEIO);
	must_tap_pair(bus, "Complain", "error", "org.example.Scene.Complaint");
	must_be(call("Drop", 0), -EREMOTEIO);
	must_tap_pair(bus, "Drop", "error", "tern.NoReply");
	must_be(call("Nonsense", 0), -EREMOTEIO);
	must_tap_pair(bus, "Nonsense", "error", "tern.NoSuchMember");
	must_be(call("Trace", 0), 0);
	must_tap(bus, "call", "Trace", &copy);
	must_be(copy.trace, 77);
	event_free(&copy.event);
	must_tap(bus, "reply", "", &copy);
	must_be(copy.trace, 77);
	event_free(&copy.event);
	must_be(tern_message_new_call(scene.bus, SERVICE, "Drop", &m), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
	(void)tern_message_unref(m);
	must_tap(bus, "call", "Drop", &copy);
	must(copy.no_reply);
	event_free(&copy.event);
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(bus, "Echo", "reply", "");
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

START_TEST(given_up)
{
	tern_bus *bus = scene_open();
	tern_subscription *s;
	struct copy copy;
	tern_message *m;
	uint64_t serial;
	tern_call *c;

	scene_service();
	s = tap(bus);
	for (uint32_t flags = 0; flags <= TERN_PRIVATE; flags += TERN_PRIVATE) {
		must_be(tern_message_new_call(scene.bus, SERVICE, "Hold", &m), 0);
		must_be(tern_send(m, TERN_DEFAULT, flags, &c), 0);
		(void)tern_message_unref(m);
		wait_for(&scene.words[0], flags ? 2 : 1);
		(void)tern_call_unref(c);
	}
	must_tap(bus, "call", "Hold", &copy);
	serial = copy.serial;
	event_free(&copy.event);
	must_tap(bus, "cancel", "", &copy);
	must_be(copy.reference, serial);
	event_free(&copy.event);
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(bus, "Echo", "reply", ""); /* of the private one nothing */
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

START_TEST(private_is_not_shown)
{
	tern_bus *bus = scene_open();
	tern_subscription *s;

	scene_service();
	s = tap(bus);
	must_be(call("Trace", TERN_PRIVATE), 0);
	must_be(call("Later", TERN_PRIVATE), 0); /* answered by another thread */
	must_be(call("Complain", TERN_PRIVATE), -EREMOTEIO);
	must_be(call("Drop", TERN_PRIVATE), -EREMOTEIO);
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(bus, "Echo", "reply", "");
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

START_TEST(events_are_not_copied)
{
	tern_bus *bus = scene_open(), *other = scene_open();
	tern_topic *topic = topic_new(scene.bus, "news");
	tern_subscription *s = tap(bus), *all;
	struct tern_rule rule = {.size = sizeof(rule)};

	must_be(tern_subscribe(other, &rule, NULL, NULL, &all), 0);
	scene_service();
	must(tern_has_listeners(topic));
	must_be(tern_publish(topic, "u", UINT64_C(7)), 0);
	echo(scene.bus, SERVICE, 1);
	must_be(tern_publish(topic, "u", UINT64_C(8)), 0);
	must_tap_pair(bus, "Echo", "reply", "");
	for (uint64_t n = 7; n <= 8;) { /* but for the service's name nothing is between */
		struct tern_event event = next_event(other, TERN_EVENT);

		if (tern_message_sender(event.message) != TERN_PEER_BUS)
			must_be(number_of(event.message), n++);
		event_free(&event);
	}
	(void)tern_subscription_free(s);
	(void)tern_subscription_free(all);
	(void)tern_topic_free(topic);
	(void)tern_close(other);
	(void)tern_close(bus);
}
END_TEST

/* who hears everything has no copies, and is not linked for them; beside a tap of the same program neither */
START_TEST(rule_without_tags)
{
	tern_bus *bus = scene_open(), *other = scene_open();
	struct tern_rule rule = {.size = sizeof(rule)};
	tern_subscription *s, *all[2];
	struct tern_event event;

	scene_service();
	must_be(tern_subscribe(other, &rule, NULL, NULL, &all[0]), 0);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &all[1]), 0);
	s = tap(bus);
	for (int64_t i = 0; i < 10; i++)
		echo(scene.bus, SERVICE, i);
	for (int n = 0; n < 20;) {
		event = next_event(bus, TERN_EVENT);
		must(event.subscription == (tern_message_sender(event.message) == TERN_PEER_BUS ? all[1] : s));
		n += event.subscription == s;
		event_free(&event);
	}
	while (tern_next(other, 0, &event) == 0) {
		must(event.kind == TERN_EVENT && tern_message_sender(event.message) == TERN_PEER_BUS);
		event_free(&event);
	}
	(void)tern_subscription_free(s);
	(void)tern_subscription_free(all[0]);
	(void)tern_subscription_free(all[1]);
	(void)tern_close(other);
	(void)tern_close(bus);
}
END_TEST

static int
stamp_method(tern_call *c, tern_message *m, void *user)
{
	return tern_reply(c, "u", tern_message_stamp(m));
}

static void
serve_stamps(void *user)
{
	static const struct tern_method methods[] = {{"Stamp", stamp_method}};
	tern_bus *bus = scene_open();
	struct tern_event event = {.size = sizeof(event)};

	(void)scene_serve(bus, methods, 1, NULL);
	tell(&scene.words[1]);
	for (;;) {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		event_free(&event);
	}
}

/* a copy is pushed before what it is of: nobody can hear of a reply first */
START_TEST(copy_is_first)
{
	pid_t service = child_start(serve_stamps, NULL);
	tern_bus *bus = scene_open();
	tern_subscription *s = tap(bus);
	tern_message *reply;
	struct copy copy;
	uint64_t stamp;

	wait_for(&scene.words[1], 1);
	must_be(tern_call_sync(scene.bus, SERVICE, "Stamp", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &stamp), 0);
	must_tap(bus, "call", "Stamp", &copy);
	must(tern_message_stamp(copy.event.message) < stamp);
	event_free(&copy.event);
	must_tap(bus, "reply", "", &copy);
	must(tern_message_stamp(copy.event.message) < tern_message_stamp(reply));
	event_free(&copy.event);
	(void)tern_message_unref(reply);
	child_kill(service);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

/* fill() - bytes that tell where they are */
static void
fill(uint8_t *bytes, size_t size, size_t from)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((from + i) * 7 >> 2);
}

static bool
is_filled(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (uint8_t)(i * 7 >> 2))
			return false;
	return true;
}

START_TEST(parts)
{
	static const size_t sizes[] = {0, 3, 700, 5000, 30000, 60000, 300000, 1};
	uint8_t *bytes = malloc(300000);
	tern_bus *bus = scene_open();
	tern_subscription *s;
	struct copy copy;
	size_t at = 0;
	tern_message *m;
	void *lent;

	must(bytes);
	scene_service();
	s = tap(bus);
	must_be(tern_message_new_call(scene.bus, SERVICE, "Drop", &m), 0);
	must_be(tern_message_set_type(m, "x/y"), 0);
	for (size_t i = 0; i < 8; at += sizes[i++]) {
		if (i != 4) {
			fill(bytes, sizes[i], at);
			must_be(tern_message_append(m, bytes, sizes[i]), 0);
			continue;
		}
		must_be(tern_message_lend(m, sizes[i], &lent), 0);
		fill(lent, sizes[i], at);
	}
	must_be(tern_message_attach(m, 0), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
	must_tap(bus, "call", "Drop", &copy);
	must(strcmp(copy.type, "x/y") == 0);
	must_be(copy.n_fds, 1);
	must_be(copy.n_sizes, 8);
	for (size_t i = 0; i < 8; i++)
		must_be(copy.sizes[i], sizes[i]);
	must_be(copy.size, 65536);
	must(is_filled(copy.bytes, copy.size));
	must_be(tern_message_fd(copy.event.message, 0), -ENOENT);
	event_free(&copy.event);
	(void)tern_message_unref(m);
	free(bytes);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

/* stream() - three parts to the service, which come back, and an end */
static void
stream(uint32_t flags)
{
	tern_message *m;
	tern_call *c;

	must_be(tern_message_new_call(scene.bus, SERVICE, "Mirror", &m), 0);
	must_be(tern_message_pack(m, "[uu]", UINT64_C(0), UINT64_C(0)), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_STREAM | flags, &c), 0);
	(void)tern_message_unref(m);
	for (uint64_t i = 0; i < 3; i++)
		must_be(tern_call_put(c, "u", i), 0);
	must_be(tern_call_end(c), 0);
	for (uint64_t i = 0; i < 3; i++)
		must_be(flow_number(c), i);
	must_be(flow_answer(c), 3);
}

START_TEST(streams)
{
	tern_bus *bus = scene_open();
	uint64_t n[2] = {0, 0}, serial;
	tern_subscription *s;
	bool ended = false;
	struct copy copy;

	flow_service();
	s = tap(bus);
	stream(TERN_PRIVATE); /* and nothing of that */
	stream(0);
	must_tap(bus, "call", "Mirror", &copy);
	serial = copy.serial;
	event_free(&copy.event);
	for (next_copy(bus, &copy); strcmp(copy.kind, "reply") != 0; next_copy(bus, &copy)) {
		uint64_t number;

		must_be(copy.reference, serial);
		must_be(copy.back ? copy.to : copy.from, tern_id(scene.bus));
		if (strcmp(copy.kind, "end") == 0) {
			must(!ended && !copy.back);
			ended = true;
			event_free(&copy.event);
			continue;
		}
		must(strcmp(copy.kind, "part") == 0);
		must_be(tern_cbor_unpack(copy.bytes, copy.size, NULL, "u", &number), 0);
		must_be(number, n[copy.back]++);
		must(n[1] <= n[0]); /* none came back before it was sent */
		event_free(&copy.event);
	}
	must(n[0] == 3 && n[1] == 3 && ended);
	event_free(&copy.event);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

static int
answer(tern_call *c, tern_message *m, void *user)
{
	return tern_reply(c, "s", "here");
}

START_TEST(to_oneself)
{
	static const struct tern_method methods[] = {{"Here", answer}};
	tern_service *service = scene_serve(scene.bus, methods, 1, NULL);
	tern_bus *bus = scene_open();
	tern_subscription *s = tap(bus), *own = tap(scene.bus);
	struct tern_event event;
	tern_message *m;
	tern_call *c;

	must_be(tern_message_new_call(scene.bus, SERVICE, "Here", &m), 0);
	must_be(tern_send(m, TERN_DEFAULT, 0, &c), 0);
	event = next_event(scene.bus, TERN_REPLY); /* and no copies: its own */
	event_free(&event);
	must_tap_pair(bus, "Here", "reply", "");
	must_be_silent(scene.bus);
	(void)tern_message_unref(m);
	(void)tern_call_unref(c);
	(void)tern_subscription_free(s);
	(void)tern_subscription_free(own);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}
END_TEST

START_TEST(several_taps)
{
	tern_bus *bus = scene_open(), *other = scene_open();
	tern_subscription *s, *more, *others;

	scene_service();
	s = tap(bus);
	more = tap(bus); /* the same copy comes to both */
	others = tap(other);
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(other, "Echo", "reply", "");
	for (int i = 0; i < 4; i++) {
		struct copy copy;

		must_tap(bus, i < 2 ? "call" : "reply", i < 2 ? "Echo" : "", &copy);
		event_free(&copy.event);
	}
	(void)tern_subscription_free(more);
	(void)tern_subscription_free(others);
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(bus, "Echo", "reply", "");
	must_be_silent(other);
	(void)tern_subscription_free(s);
	(void)tern_close(other);
	(void)tern_close(bus);
}
END_TEST

/* a tap that takes nothing costs the two that talk nothing but the copies it has room for */
START_TEST(slow_tap)
{
	enum { N = 20000 };
	tern_bus *bus = scene_open();
	uint64_t n = 0, lost = 0;
	tern_subscription *s;

	scene_service();
	s = tap(bus);
	for (int64_t i = 0; i < N; i++)
		echo(scene.bus, SERVICE, i);
	while (n + lost < 2 * N) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		n += event.kind == TERN_EVENT;
		lost += event.kind == TERN_GAP ? event.lost : 0;
		event_free(&event);
	}
	must_be(n + lost, 2 * N);
	must(n > 0 && lost > 0);
	echo(scene.bus, SERVICE, 1);
	must_tap_pair(bus, "Echo", "reply", "");
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}
END_TEST

static void
tap_forever(void *user)
{
	tern_bus *bus = scene_open();
	struct tern_event event = {.size = sizeof(event)};

	(void)tap(bus);
	tell(&scene.words[1]);
	for (;;) {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		event_free(&event);
	}
}

START_TEST(tap_dies)
{
	scene_service();
	for (uint32_t i = 1; i <= 3; i++) {
		pid_t pid = child_start(tap_forever, NULL);

		wait_for(&scene.words[1], i);
		for (int64_t k = 0; k < 500; k++) {
			if (k == 250)
				child_kill(pid);
			echo(scene.bus, SERVICE, k);
		}
	}
}
END_TEST

/* subscribe_wrong() - what is said to a rule with these tags */
static int
subscribe_wrong(tern_bus *bus, const char *const *tags, const char *sender)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .sender = sender};
	tern_subscription *s = NULL;
	int r = tern_subscribe(bus, &rule, NULL, NULL, &s);

	must(!s);
	return r;
}

START_TEST(misuse)
{
	static const char *const one[] = {TERN_TAG_TAP, NULL}, *const two[] = {"news", TERN_TAG_TAP, NULL};
	struct private_bus place;
	tern_topic *topic;
	tern_bus *direct;

	must_be(tern_topic_new(scene.bus, one, &topic), -EINVAL);
	must_be(tern_topic_new(scene.bus, two, &topic), -EINVAL);
	must(is_error("tern.InvalidArgument"));
	must_be(subscribe_wrong(scene.bus, two, NULL), -EINVAL);
	must(is_error("tern.BadTag"));
	must_be(subscribe_wrong(scene.bus, one, ":7"), -EINVAL);
	private_bus_place(&place);
	must_be(tern_listen(place.address, &direct), 0);
	must_be(subscribe_wrong(direct, one, NULL), -EOPNOTSUPP);
	must_be(subscribe_wrong(direct, two, NULL), -EOPNOTSUPP);
	(void)tern_close(direct);
	private_bus_stop(&place);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {call_and_reply, errors_and_nobody_answers, given_up, private_is_not_shown,
		events_are_not_copied, rule_without_tags, copy_is_first, parts, streams, to_oneself, several_taps, slow_tap,
		tap_dies, misuse};

	return hear_run("taps", tests, sizeof(tests) / sizeof(*tests));
}
