/* SPDX-License-Identifier: MIT */

/*
 * link-expect: a service that does not keep to its interface, and who expects that it does
 *
 * Over each way (links.h): the test serves without an interface of its own, so that it can lie; a child expects.
 */

#include "links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "typed.h"

enum {
	/* words */
	READY,
	GO,
	DONE,
};

/* --- answers, by their number --- */

#define ANSWER(cbor, says) {cbor, sizeof(cbor) - 1, NULL, says}

static const struct answer {
	const char *cbor;
	size_t size;
	const char *type;
	const char *says; /* NULL: it is right */
} ANSWERS[] = {
	ANSWER("\xa2\x61n\x05\x64kind\x63one", NULL),
	ANSWER("\xa3\x61n\x05\x65later\xf5\x64kind\x63one", NULL), /* it may be newer */
	ANSWER("\xa2\x61n\x05\x64kind\x64many", NULL),
	ANSWER("\xa1\x61n\x05", "kind: missing, expected enum"),
	ANSWER("\xa2\x61n\x61x\x64kind\x63one", "n: expected int, found string"),
	ANSWER("", "n: missing, expected int"),
	ANSWER("\xff", "a break"),
	{"{}", 2, "application/json", "content type"},
};

static int
lie_method(tern_call *call, tern_message *m, void *user)
{
	const struct answer *answer;
	tern_message *reply;
	uint64_t how;

	must_be(tern_message_unpack(m, "{how:u}", &how), 0);
	answer = &ANSWERS[how];
	must_be(tern_message_new_reply(call, &reply), 0);
	if (answer->type)
		must_be(tern_message_set_type(reply, answer->type), 0);
	if (answer->size)
		must_be(tern_message_append(reply, answer->cbor, answer->size), 0);
	must_be(tern_reply_message(reply), 0);
	(void)tern_message_unref(reply);
	return 0;
}

/* fails with the values that the call gives it */
static int
fail_method(tern_call *call, tern_message *m, void *user)
{
	tern_message *error;
	const char *note;
	int r;

	must_be(tern_message_unpack(m, "{note:s}", &note), 0);
	must_be(tern_message_new_error(call, "org.example.Links.TooMuch", &error), 0);
	must_be(tern_message_pack(error, strcmp(note, "wrong") == 0 ? "{text:s}" : "{text:s, most:u}", "no", UINT64_C(7)), 0);
	r = tern_reply_message(error);
	(void)tern_message_unref(error);
	return r;
}

static const struct tern_method METHODS[] = {
	{"Lie", lie_method},
	{"All", fail_method},
};

static tern_interface *
interface_new(void)
{
	tern_interface *interface;

	must_be(tern_interface_new(TYPED_TEXT, sizeof(TYPED_TEXT) - 1, &interface), 0);
	return interface;
}

static void
expect(tern_bus *bus, const char *service)
{
	tern_interface *interface = interface_new();

	must_be(tern_expect(bus, service, interface), 0);
	(void)tern_interface_unref(interface); /* the handle has its own */
}

static void
serve_until(tern_bus *bus, const _Atomic uint32_t *word)
{
	while (load_acq(word) == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
}

static bool
is_as_said(const struct answer *answer, int r, const struct tern_error *error)
{
	if (!answer->says)
		return r == 0;
	if (r == -EBADMSG && strcmp(error->name, "tern.BadMessage") == 0 && strstr(error->text, "Lie") &&
		strstr(error->text, answer->says))
		return true;
	fprintf(stderr, "answer %td: %d, %s: %s\n", answer - ANSWERS, r, error->name, error->text);
	return false;
}

/* --- each way to take an answer --- */

static tern_call *
send_lie(tern_bus *bus, const char *service, uint64_t how)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(bus, service, "Lie", &m), 0);
	must_be(tern_message_pack(m, "{how:u}", how), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	(void)tern_message_unref(m);
	return call;
}

struct taken {
	bool came;
	int result;
	bool has_reply;
	struct tern_error error;
};

static void
take(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	struct taken *taken = user;

	*taken = (struct taken){.came = true, .result = result, .has_reply = reply};
	if (error)
		taken->error = *error;
}

static void
take_each_way(tern_bus *bus, const char *service, uint64_t how)
{
	const struct answer *answer = &ANSWERS[how];
	struct tern_event event = {.size = sizeof(event)};
	struct tern_error error = {"", ""};
	struct taken taken = {0};
	tern_message *reply = NULL;
	tern_call *call;

	must(is_as_said(answer, tern_call_sync(bus, service, "Lie", &reply, &error, "{how:u}", how), &error));
	must_be(reply != NULL, !answer->says);
	reply = tern_message_unref(reply);
	must(is_as_said(answer, tern_call_sync(bus, service, "Lie", NULL, &error, "{how:u}", how), &error));
	call = send_lie(bus, service, how);
	must(is_as_said(answer, tern_call_wait(call, LONG_NS, &reply, &error), &error));
	must_be(reply != NULL, !answer->says);
	(void)tern_message_unref(reply);
	(void)tern_call_unref(call);
	call = send_lie(bus, service, how);
	must_be(tern_call_then(call, take, &taken), 0);
	while (!taken.came)
		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	must(is_as_said(answer, taken.result, &taken.error));
	must_be(taken.has_reply, !answer->says);
	(void)tern_call_unref(call);
	call = send_lie(bus, service, how);
	next_of(bus, answer->says ? TERN_ERROR : TERN_REPLY, &event);
	must(is_as_said(answer, event.result, tern_last_error()));
	must_be(event.message != NULL, !answer->says);
	let_go(&event);
	(void)tern_call_unref(call);
}

/* the values of an error that came: are they there? */
static bool
has_values(tern_bus *bus, const char *service, const char *note)
{
	struct tern_event event;
	tern_message *m;
	tern_call *call;
	bool has;

	must_be(tern_message_new_call(bus, service, "All", &m), 0);
	must_be(tern_message_pack(m, "{note:s}", note), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	next_of(bus, TERN_ERROR, &event);
	must_be(event.result, -EREMOTEIO);
	has = event.message;
	let_go(&event);
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
	return has;
}

static void
take_answers(void *user)
{
	struct ground *ground = user;
	const char *service = ground_service(ground);
	tern_bus *bus = ground_client(ground);

	must_be(tern_call_sync(bus, service, "Lie", NULL, NULL, "{how:u}", UINT64_C(3)), 0); /* nothing is expected */
	expect(bus, service);
	for (uint64_t how = 0; how < ARRAY_SIZE(ANSWERS); how++)
		take_each_way(bus, service, how);
	must(has_values(bus, service, "right"));
	must(!has_values(bus, service, "wrong"));
	must_be(tern_set_option(bus, TERN_OPT_CHECK, TERN_CHECK_OTHERS), 0);
	must_be(tern_call_sync(bus, service, "Lie", NULL, NULL, "{how:u}", UINT64_C(3)),
		ground_is_foreign(ground) ? -EBADMSG : 0);
	must_be(tern_set_option(bus, TERN_OPT_CHECK, TERN_CHECK_OFF), 0);
	must_be(tern_call_sync(bus, service, "Lie", NULL, NULL, "{how:u}", UINT64_C(3)), 0);
	must_be(tern_set_option(bus, TERN_OPT_CHECK, TERN_CHECK_ALL), 0);
	must_be(tern_call_sync(bus, service, "Lie", NULL, NULL, "{how:u}", UINT64_C(3)), -EBADMSG);
	must_be(tern_expect(bus, service, NULL), 0);
	must_be(tern_call_sync(bus, service, "Lie", NULL, NULL, "{how:u}", UINT64_C(3)), 0);
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

START_TEST(answers)
{
	tern_service *service;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, METHODS, ARRAY_SIZE(METHODS), NULL, &service);
	pid = ground_child(&ground, take_answers);
	serve_until(bus, &ground.words[DONE]);
	child_end(pid);
	(void)tern_service_free(service); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- events --- */

static const char *const TICKED[] = {"ticks", "org.example.Links.Ticked", NULL};
static const char *const OTHER[] = {"ticks", "org.example.Links.Other", NULL};

struct heard {
	unsigned int n, n_lost;
	uint64_t last;
	char why[256];
};

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct heard *heard = user;

	if (m) {
		heard->n++;
		must_be(tern_message_unpack(m, "{?n:u}", &heard->last), 0);
	} else {
		heard->n_lost += (unsigned int)lost;
		(void)snprintf(heard->why, sizeof(heard->why), "%s", tern_last_error()->text);
	}
}

static void
hear_events(void *user)
{
	struct ground *ground = user;
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = (const char *const[]){"ticks", NULL}};
	tern_bus *bus = ground_client(ground);
	tern_subscription *handled, *taken;
	struct heard heard = {0};
	unsigned int n_events = 0, n_gaps = 0;
	struct tern_event event;

	expect(bus, ground_service(ground) ? "org.example.Any" : NULL); /* whoever sends it */
	must_be(tern_subscribe(bus, &rule, hear, &heard, &handled), 0);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &taken), 0);
	tell(&ground->words[READY]);
	while (n_events + n_gaps < 6) {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		n_events += event.kind == TERN_EVENT;
		n_gaps += event.kind == TERN_GAP;
		if (event.kind == TERN_GAP)
			must(!event.message && event.lost == 1 && event.subscription == taken);
		let_go(&event);
	}
	must_be(n_gaps, 2);
	must_be(heard.n, 4);
	must_be(heard.n_lost, 2);
	must_be(heard.last, 9);
	must(strcmp(heard.why, "a message org.example.Links.Ticked is not what the interface says: n: expected uint, found string") == 0);
	(void)tern_subscription_free(handled); /* always NULL, as all of these */
	(void)tern_subscription_free(taken);
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

START_TEST(events)
{
	tern_topic *ticked, *other;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	pid = ground_child(&ground, hear_events);
	serve_until(bus, &ground.words[READY]);
	must_be(tern_topic_new(bus, TICKED, &ticked), 0);
	must_be(tern_topic_new(bus, OTHER, &other), 0);
	must_be(tern_publish(ticked, "{n:u, kind:s}", UINT64_C(1), "one"), 0);
	must_be(tern_publish(ticked, "{n:u, kind:s, more:b}", UINT64_C(2), "many", 1), 0);
	must_be(tern_publish(ticked, "{n:u}", UINT64_C(3)), 0); /* kind is missing */
	must_be(tern_publish(other, "{n:u}", UINT64_C(4)), 0);
	must_be(tern_publish(ticked, "{n:s, kind:s}", "x", "one"), 0);
	must_be(tern_publish(ticked, "{n:u, kind:s}", UINT64_C(9), "two"), 0);
	serve_until(bus, &ground.words[DONE]);
	child_end(pid);
	(void)tern_topic_free(ticked); /* always NULL, as all of these */
	(void)tern_topic_free(other);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
expect_suite(void)
{
	Suite *suite = suite_create("expect");
	TCase *tcase = tcase_create("expect");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, answers, 0, N_WAYS);
	tcase_add_loop_test(tcase, events, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(expect_suite());
}
