/* SPDX-License-Identifier: MIT */

/*
 * link-set: values with a type, and set by another program
 *
 * Over each way (links.h): the test keeps them, a child reads and asks for others.
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

static void
serve_until(tern_bus *bus, const _Atomic uint32_t *word)
{
	while (load_acq(word) == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
}

/* --- the owner's own mistakes --- */

START_TEST(owner_is_wrong)
{
	tern_service *service, *plain;
	tern_state *state, *free_state;
	struct ground ground;
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_serve(bus, LINKS_SERVICE, TYPED_TEXT, NULL, 0, NULL, &service), 0);
	must_be(tern_serve(bus, "org.example.Plain", NULL, NULL, 0, NULL, &plain), 0);
	must_be(tern_state_new(service, "Volum", 64, &state), -EINVAL);
	must(strstr(tern_last_error()->text, "no state \"Volum\"; did you mean \"Volume\"?"));
	must_be(tern_state_new(service, "Double", 64, &state), -EINVAL);
	must_be(tern_state_new(service, "Volume", 64, &state), 0);
	must_be(tern_state_set(state, "{value:s}", "loud"), -EINVAL);
	must(strcmp(tern_last_error()->text, "Volume is not what the interface says: value: expected uint, found string") == 0);
	must_be(tern_state_put(state, "\xa0", 1), -EINVAL);
	must_be(tern_state_set(state, "{value:u, more:u}", UINT64_C(1), UINT64_C(2)), -EINVAL);
	must_be(tern_state_version(state), 0);
	must_be(tern_state_set(state, "{value:u}", UINT64_C(1)), 0);
	must_be(tern_state_set(state, "{value:u, more:y}", UINT64_C(1), ground.numbers, (size_t)128), -E2BIG);
	must_be(tern_set_option(bus, TERN_OPT_CHECK, TERN_CHECK_OFF), 0);
	must_be(tern_state_set(state, "{value:s}", "loud"), 0);
	must_be(tern_state_on_set(state, (tern_state_set_fn *)1, NULL), -EINVAL);
	must(strstr(tern_last_error()->text, "@settable"));
	must_be(tern_state_new(plain, "Anything", 64, &free_state), 0);
	must_be(tern_state_set(free_state, "s", "loud"), 0);
	(void)tern_state_free(free_state); /* always NULL, as all of these */
	(void)tern_state_free(state);
	(void)tern_service_free(plain);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- values that lie --- */

static void
read_typed(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_interface *interface;
	tern_subscription *s;
	struct tern_event event;
	tern_message *m;
	tern_state *state;
	uint64_t version;
	uint8_t buf[64];
	size_t size;

	must_be(tern_interface_new(TYPED_TEXT, sizeof(TYPED_TEXT) - 1, &interface), 0);
	must_be(tern_expect(bus, ground_service(ground), interface), 0);
	(void)tern_interface_unref(interface);
	must_be(tern_state_open(bus, ground_service(ground), "Volume", &state), 0);
	must_be(tern_state_subscribe(state, TERN_WAIT, NULL, NULL, &s), 0);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), 0);
	must_be(tern_state_get(state, &m), 0);
	(void)tern_message_unref(m);
	next_of(bus, TERN_EVENT, &event);
	let_go(&event);
	tell(&ground->words[READY]);
	next_of(bus, TERN_GAP, &event);
	must(event.lost == 1 && strstr(tern_last_error()->text, "value: expected uint, found string"));
	version = 77;
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), -EBADMSG);
	must_be(version, 77);
	must(strstr(tern_last_error()->text, "Volume is not what the interface says: value: expected uint"));
	must_be(tern_state_get(state, &m), -EBADMSG);
	must_be(tern_set_option(bus, TERN_OPT_CHECK, TERN_CHECK_OTHERS), 0);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), ground_is_foreign(ground) ? -EBADMSG : 0);
	(void)tern_subscription_free(s); /* always NULL, as all of these */
	(void)tern_state_free(state);
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

START_TEST(values)
{
	static const struct tern_method none[] = {{"Nothing", NULL}};
	tern_service *service;
	struct ground ground;
	tern_state *state;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, none, 0, NULL, &service);
	must_be(tern_state_new(service, "Volume", 64, &state), 0);
	must_be(tern_state_set(state, "{value:u, more:u}", UINT64_C(1), UINT64_C(2)), 0);
	pid = ground_child(&ground, read_typed);
	serve_until(bus, &ground.words[READY]);
	must_be(tern_state_set(state, "{value:s}", "loud"), 0);
	serve_until(bus, &ground.words[DONE]);
	child_end(pid);
	(void)tern_state_free(state); /* always NULL, as all of these */
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- set by others --- */

static tern_call *later;

/* up to 100; 66 later, 77 in words of its own */
static int
set_balance(tern_state *s, tern_call *call, const void *cbor, size_t size, void *user)
{
	uint64_t left;

	must(user == &later);
	must_be(tern_cbor_unpack(cbor, size, NULL, "{left:u}", &left), 0);
	if (left > 100)
		return -ERANGE;
	if (left == 77)
		return tern_reply_error(call, "org.example.Links.TooMuch", "not today");
	if (left == 66) {
		later = tern_call_ref(call);
		return 1;
	}
	return tern_state_put(s, cbor, size);
}

static void
must_refuse(tern_bus *bus, const char *service, const char *cbor, size_t size, const char *name, const char *says)
{
	struct tern_error error = {"", ""};
	int r = tern_call_sync(bus, service, "tern.Set", NULL, &error, "v", cbor, size);

	if (r != -EREMOTEIO || strcmp(error.name, name) != 0 || !strstr(error.text, says))
		fprintf(stderr, "%d, %s: %s; expected %s: %s\n", r, error.name, error.text, name, says);
	must(r == -EREMOTEIO && strcmp(error.name, name) == 0 && strstr(error.text, says));
}

#define MUST_REFUSE(cbor, name, says) must_refuse(bus, service, cbor, sizeof(cbor) - 1, name, says)
#define SET(name, value)	      "\xa2\x64name" name "\x65value" value
#define BALANCE			      "\x67" "Balance"
#define LEFT			      "\x64" "left"
#define RIGHT			      "\x65" "right"

static void
set_values(void *user)
{
	struct ground *ground = user;
	const char *service = ground_service(ground);
	tern_bus *bus = ground_client(ground);
	tern_state *state;
	uint64_t left, version;
	uint8_t buf[64];
	size_t size;

	must_be(tern_call_sync(bus, service, "tern.Set", NULL, NULL, "{name:s, value:{left:u, right:u}}", "Balance",
			UINT64_C(5), UINT64_C(6)),
		0);
	must_be(tern_state_open(bus, service, "Balance", &state), 0);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), 0);
	must_be(tern_cbor_unpack(buf, size, NULL, "{left:u}", &left), 0);
	must_be(left, 5);
	must_be(tern_call_sync(bus, service, "tern.Set", NULL, NULL, "{name:s, value:{left:u, right:u}}", "Balance",
			UINT64_C(66), UINT64_C(6)),
		0);
	MUST_REFUSE(SET(BALANCE, "\xa2" LEFT "\x18\x65" RIGHT "\x01"), "tern.Failed", "out of range");
	MUST_REFUSE(SET(BALANCE, "\xa2" LEFT "\x18\x4d" RIGHT "\x01"), "org.example.Links.TooMuch", "not today");
	MUST_REFUSE(SET(BALANCE, "\xa1" LEFT "\x01"), "tern.InvalidArgument", "right: missing, expected uint");
	MUST_REFUSE(SET(BALANCE, "\xa2" LEFT "\x20" RIGHT "\x01"), "tern.InvalidArgument", "left: expected uint, found int below 0");
	MUST_REFUSE(SET("\x66Volume", "\xa1\x65value\x01"), "tern.ReadOnly", "its service alone");
	MUST_REFUSE(SET("\x65Nonce", "\x01"), "tern.NoSuchState", "Nonce");
	MUST_REFUSE(SET("\x01", "\x01"), "tern.InvalidArgument", "{name: string, value: any}");
	must_be(tern_call_sync(bus, service, "tern.Set", NULL, NULL, NULL), -EREMOTEIO);
	(void)tern_state_free(state); /* always NULL */
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

START_TEST(set_by_others)
{
	tern_state *balance, *volume;
	tern_service *service;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_serve(bus, ground_service(&ground), TYPED_TEXT, NULL, 0, NULL, &service), 0);
	must_be(tern_state_new(service, "Balance", 64, &balance), 0);
	must_be(tern_state_new(service, "Volume", 64, &volume), 0);
	must_be(tern_state_on_set(balance, set_balance, &later), 0);
	pid = ground_child(&ground, set_values);
	while (load_acq(&ground.words[DONE]) == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS / 10, &event) == 0)
			let_go(&event);
		if (later)
			must_be(tern_reply(later, NULL), 0);
		later = tern_call_unref(later);
	}
	child_end(pid);
	must_be(tern_state_version(balance), 1);
	(void)tern_state_free(balance); /* always NULL, as all of these */
	(void)tern_state_free(volume);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
set_suite(void)
{
	Suite *suite = suite_create("set");
	TCase *tcase = tcase_create("set");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, owner_is_wrong);
	tcase_add_loop_test(tcase, values, 0, N_WAYS);
	tcase_add_loop_test(tcase, set_by_others, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(set_suite());
}
