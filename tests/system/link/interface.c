/* SPDX-License-Identifier: MIT */

/*
 * link-interface: a service with an interface, called in every wrong way
 *
 * Over each way (links.h): the test serves, a child calls. What is wrong is told with the way to it, and no method
 * sees it.
 */

#include "links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "typed.h"

enum {
	/* words */
	READY,
	DONE,
};

/* --- the service --- */

static unsigned int n_run;

static int
double_method(tern_call *call, tern_message *m, void *user)
{
	int64_t n = 0;

	n_run++;
	(void)tern_message_unpack(m, "{n:i}", &n); /* with checks off it may be anything */
	return tern_reply(call, "{n:i}", 2 * n);
}

static int
draw_method(tern_call *call, tern_message *m, void *user)
{
	n_run++;
	return tern_reply(call, NULL);
}

static int
all_method(tern_call *call, tern_message *m, void *user)
{
	const char *note = "none";
	int r = tern_message_unpack(m, "{?note:s}", &note);

	n_run++;
	return r < 0 ? r : tern_reply(call, "{note:s}", note);
}

static const struct tern_method METHODS[] = {
	{"Double", double_method},
	{"Draw", draw_method},
	{"All", all_method},
	{"Take", draw_method},
};

/* serve_until() - this word is told */
static void
serve_until(tern_bus *bus, const _Atomic uint32_t *word)
{
	while (load_acq(word) == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
}

/* --- calls, as their bytes --- */

struct attempt {
	const char *member;
	const char *cbor;
	size_t size;
	const char *error; /* NULL: it is right */
	const char *says;  /* the whole text */
};

#define ATTEMPT(member, cbor, error, says) {member, cbor, sizeof(cbor) - 1, error, says}
#define WRONG(member, cbor, says)	   ATTEMPT(member, cbor, "tern.InvalidArgument", says)
#define RIGHT(member, cbor)		   ATTEMPT(member, cbor, NULL, NULL)
#define POINT(x, y)			   "\xa2\x61x" x "\x61y" y
#define POINTS				   "\x66points"
#define COLOUR				   "\x66" "colour"

static const struct attempt ATTEMPTS[] = {
	RIGHT("Double", "\xa1\x61n\x05"),
	RIGHT("Double", "\xa2\x64note\x61x\x61n\x05"),
	RIGHT("Double", "\xa2\x64note\xf6\x61n\x05"),
	RIGHT("All", ""),
	RIGHT("All", "\xa0"),
	RIGHT("Draw", "\xa2" POINTS "\x82" POINT("\x01", "\x02") POINT("\x03", "\x04") COLOUR "\x63red"),
	WRONG("Double", "", "n: missing, expected int"),
	WRONG("Double", "\xa0", "n: missing, expected int"),
	WRONG("Double", "\xa1\x61n\x61x", "n: expected int, found string"),
	WRONG("Double", "\xa1\x61n\xf6", "n: expected int, found null"),
	WRONG("Double", "\xa1\x61n\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "n: does not fit int, which is -2^63 to 2^63-1"),
	WRONG("Double", "\xa2\x61n\x05\x61n\x05", "n: there twice"),
	WRONG("Double", "\xa2\x61n\x05\x65notes\x61x", "\"notes\" is no field here; did you mean \"note\"?"),
	WRONG("Double", "\xa2\x61n\x05\x63xyz\x61x", "\"xyz\" is no field here"),
	WRONG("Double", "\x05", "expected map, found int"),
	WRONG("Double", "\xa1\x05\x05", "a key that is no string"),
	WRONG("Double", "\xa1\x61n", "n: the data ends inside an item, at byte 3"),
	WRONG("Double", "\xa1\x61n\x05\x05", "more data after what should be the last item, at byte 4"),
	WRONG("Draw", "\xa2" POINTS "\x82" POINT("\x01", "\x02") POINT("\x03", "\xf5") COLOUR "\x63red",
		"points[1].y: expected int, found bool"),
	WRONG("Draw", "\xa2" POINTS "\x81\xa1\x61x\x01" COLOUR "\x63red", "points[0].y: missing, expected int"),
	WRONG("Draw", "\xa2" POINTS "\x80" COLOUR "\x63" "blu", "colour: \"blu\" is no value here; did you mean \"blue\"?"),
	WRONG("Draw", "\xa2" POINTS "\xa0" COLOUR "\x63red", "points: expected array, found map"),
	WRONG("Take", "\xa1\x64" "file\x00", "file: expected fd, found int"),
	WRONG("Take", "\xa1\x64" "file\xda" "tern\x00", "file: descriptor 0 did not come along; there are 0"),
	ATTEMPT("Duoble", "\xa1\x61n\x05", "tern.NoSuchMember", NULL),
	ATTEMPT("Ticked", "", "tern.NoSuchMember", NULL),
	ATTEMPT("Later", "", "tern.NotImplemented", NULL),
	ATTEMPT("tern.Nothing", "", "tern.NoSuchMember", NULL),
};

/* call_with() - these bytes as the payload; none where there are none. Return: as tern_call_wait(). */
static int
call_with(tern_bus *bus, const char *service, const char *member, const char *type, const void *cbor, size_t size,
	struct tern_error *error)
{
	tern_message *m;
	tern_call *call;
	int r;

	must_be(tern_message_new_call(bus, service, member, &m), 0);
	if (type)
		must_be(tern_message_set_type(m, type), 0);
	if (size)
		must_be(tern_message_append(m, cbor, size), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	r = tern_call_wait(call, LONG_NS, NULL, error);
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
	return r;
}

static bool
is_as_said(tern_bus *bus, const char *service, const struct attempt *attempt)
{
	struct tern_error error = {"", ""};
	int r = call_with(bus, service, attempt->member, NULL, attempt->cbor, attempt->size, &error);

	if (r == (attempt->error ? -EREMOTEIO : 0) && (!attempt->error || strcmp(error.name, attempt->error) == 0) &&
		(!attempt->says || strcmp(error.text, attempt->says) == 0))
		return true;
	fprintf(stderr, "attempt %td, %s: %d, %s: %s\n", attempt - ATTEMPTS, attempt->member, r, error.name, error.text);
	return false;
}

static void
attempt_all(void *user)
{
	struct ground *ground = user;
	const char *service = ground_service(ground);
	tern_bus *bus = ground_client(ground);
	struct tern_error error;
	unsigned int n_wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ATTEMPTS); i++)
		n_wrong += !is_as_said(bus, service, &ATTEMPTS[i]);
	must_be(n_wrong, 0);
	must_be(call_with(bus, service, "Duoble", NULL, NULL, 0, &error), -EREMOTEIO);
	must(strstr(error.text, "did you mean \"Double\"?"));
	must_be(call_with(bus, service, "All", "application/json", "{}", 2, &error), -EREMOTEIO);
	must(strcmp(error.name, "tern.InvalidArgument") == 0 && strstr(error.text, "content type"));
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

START_TEST(wrong_calls)
{
	unsigned int n_right = 0;
	tern_service *service;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_serve(bus, ground_service(&ground), TYPED_TEXT, METHODS, ARRAY_SIZE(METHODS), NULL, &service), 0);
	pid = ground_child(&ground, attempt_all);
	serve_until(bus, &ground.words[DONE]);
	child_end(pid);
	for (size_t i = 0; i < ARRAY_SIZE(ATTEMPTS); i++)
		n_right += !ATTEMPTS[i].error;
	must_be(n_run, n_right);
	(void)tern_service_free(service); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- who is checked --- */

static void
call_wrongly(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	int r = call_with(bus, ground_service(ground), "Double", NULL, "\xa0", 1, NULL);

	ground->numbers[0] = (uint64_t)-r;
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

/* errno_with() - of a wrong call, with TERN_OPT_CHECK at this */
static int
errno_with(struct ground *ground, tern_bus *bus, uint64_t check)
{
	pid_t pid;

	must_be(tern_set_option(bus, TERN_OPT_CHECK, check), 0);
	store_rlx(&ground->words[DONE], 0); /* no child yet */
	pid = ground_child(ground, call_wrongly);
	serve_until(bus, &ground->words[DONE]);
	child_end(pid);
	return (int)ground->numbers[0];
}

START_TEST(who_is_checked)
{
	tern_service *service;
	struct ground ground;
	tern_bus *bus;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_serve(bus, ground_service(&ground), TYPED_TEXT, METHODS, ARRAY_SIZE(METHODS), NULL, &service), 0);
	must_be(errno_with(&ground, bus, TERN_CHECK_OFF), 0);
	must_be(errno_with(&ground, bus, TERN_CHECK_ALL), EREMOTEIO);
	must_be(errno_with(&ground, bus, TERN_CHECK_OTHERS), ground_is_foreign(&ground) ? EREMOTEIO : 0);
	must_be(tern_set_option(bus, TERN_OPT_CHECK, TERN_CHECK_OTHERS + 1), -EINVAL);
	(void)tern_service_free(service); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- what a service says of itself --- */

#define HUGE_SERVICE "org.example.Huge"
#define HUGE_SIZE    (256u << 10) /* of text: as much as there may be */

/* huge_text() - of comments; the caller's to free() */
static char *
huge_text(void)
{
	static const char begin[] = "interface org.example.Huge\n";
	char *text = malloc(HUGE_SIZE + 1);

	must(text != NULL);
	memset(text, '#', HUGE_SIZE);
	memcpy(text, begin, sizeof(begin) - 1);
	text[HUGE_SIZE] = '\0';
	return text;
}

static void
ask_huge(tern_bus *bus)
{
	tern_message *reply;
	const char *text;
	char *huge = huge_text();

	must_be(tern_call_sync(bus, HUGE_SERVICE, "tern.Interface", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "{text:s}", &text), 0);
	must(strcmp(text, huge) == 0);
	(void)tern_message_unref(reply);
	free(huge);
}

static void
ask_all(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	struct tern_error error;
	tern_message *reply;
	const char *text;
	char id[32];

	must_be(tern_call_sync(bus, ground_service(ground), "tern.Interface", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "{text:s}", &text), 0);
	must(strcmp(text, TYPED_TEXT) == 0);
	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)tern_message_sender(reply));
	(void)tern_message_unref(reply);
	if (ground_service(ground)) {
		must_be(tern_call_sync(bus, "org.example.Silent", "tern.Interface", &reply, NULL, NULL), 0);
		must_be(tern_message_unpack(reply, "{text:s}", &text), 0);
		must(strcmp(text, "") == 0);
		(void)tern_message_unref(reply);
		must_be(tern_call_sync(bus, id, "tern.Interface", NULL, &error, NULL), -EREMOTEIO);
		must(strstr(error.text, LINKS_SERVICE ", org.example.Silent"));
		ask_huge(bus);
	}
	tell(&ground->words[DONE]);
	(void)tern_close(bus);
}

START_TEST(asked)
{
	tern_service *service, *other = NULL, *huge = NULL;
	char *text;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	text = huge_text();
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_serve(bus, ground_service(&ground), TYPED_TEXT, NULL, 0, NULL, &service), 0);
	if (ground_service(&ground))
		must_be(tern_serve(bus, "org.example.Silent", NULL, METHODS, 1, NULL, &other), 0);
	if (ground_service(&ground))
		must_be(tern_serve(bus, HUGE_SERVICE, text, NULL, 0, NULL, &huge), 0);
	free(text);
	pid = ground_child(&ground, ask_all);
	serve_until(bus, &ground.words[DONE]);
	child_end(pid);
	(void)tern_service_free(huge); /* always NULL, as all of these */
	(void)tern_service_free(other);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- wrong services --- */

static void
must_not_serve(tern_bus *bus, const char *interface, const char *member, const char *name, const char *says)
{
	const struct tern_method method = {member, double_method};
	tern_service *service;

	must_be(tern_serve(bus, "org.example.Wrong", interface, &method, 1, NULL, &service), -EINVAL);
	if (strcmp(tern_last_error()->name, name) != 0 || !strstr(tern_last_error()->text, says))
		fprintf(stderr, "%s: %s\n", tern_last_error()->name, tern_last_error()->text);
	must(strcmp(tern_last_error()->name, name) == 0 && strstr(tern_last_error()->text, says));
}

START_TEST(wrong_services)
{
	tern_interface *interface;
	struct ground ground;
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_not_serve(bus, TYPED_TEXT, "Duoble", "tern.InvalidArgument", "no method \"Duoble\"; did you mean \"Double\"?");
	must_not_serve(bus, TYPED_TEXT, "Ticked", "tern.InvalidArgument", "no method \"Ticked\"");
	must_not_serve(bus, "", "Double", "tern.BadInterface", "line 1, column 1");
	must_not_serve(bus, "interface org.example.A\nmethod F(a: in) -> ()", "F", "tern.BadInterface", "line 2, column 13");
	must_not_serve(bus, "interface org.example.A\nmethod F(a: A) -> (b: B)", "F", "tern.BadInterface", "(and 1 more)");
	must_be(tern_lookup(bus, "org.example.Wrong", &(tern_peer){0}), -ENXIO);
	must_be(tern_interface_new(TYPED_TEXT "\0", sizeof(TYPED_TEXT), &interface), -EINVAL);
	must_be(tern_interface_new(TYPED_TEXT, sizeof(TYPED_TEXT) - 1, &interface), 0);
	must(strcmp(tern_interface_name(interface), "org.example.Links") == 0);
	must(strcmp(tern_interface_text(interface, NULL), TYPED_TEXT) == 0);
	must_be(tern_expect(bus, NULL, interface), -EINVAL);
	must_be(tern_expect(bus, "no such name", interface), -EINVAL);
	must_be(tern_expect(bus, ":x", interface), -EINVAL);
	(void)tern_interface_unref(interface); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
interface_suite(void)
{
	Suite *suite = suite_create("interface");
	TCase *tcase = tcase_create("interface");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, wrong_calls, 0, N_WAYS);
	tcase_add_loop_test(tcase, who_is_checked, 0, N_WAYS);
	tcase_add_loop_test(tcase, asked, 0, N_WAYS);
	tcase_add_test(tcase, wrong_services);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(interface_suite());
}
