/* SPDX-License-Identifier: MIT */

/* self: ternd as a service: what it tells, in pages, to whom; and calls of it end as others do */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attribute.h"
#include "scene.h"

enum {
	N_NAMES = 300, /* more than a page has */
	N_HANDLES = 140,
	OTHER_USER = 12345,
};

/* call() - of ternd; NULL: it answered with an error */
static tern_message *
call(const char *member, uint64_t after)
{
	tern_message *reply = NULL;
	int r;

	r = after ? tern_call_sync(scene.bus, "tern", member, &reply, NULL, "{after:u}", after)
		  : tern_call_sync(scene.bus, "tern", member, &reply, NULL, "");
	must(r == 0 || r == -EREMOTEIO);
	must_be(r == 0, reply != NULL);
	return reply;
}

/* status() - one number of the bus's */
static uint64_t
status(const char *key)
{
	tern_message *reply = call("Status", 0);
	char format[64];
	uint64_t n = UINT64_MAX;

	(void)snprintf(format, sizeof(format), "{%s:u}", key); /* fits */
	must_be(tern_message_unpack(reply, format, &n), 0);
	(void)tern_message_unref(reply); /* always NULL, as all here */
	return n;
}

START_TEST(tells_how_the_bus_is)
{
	tern_subscription *s;
	const struct tern_rule rule = {.size = sizeof(rule)};
	tern_bus *other = scene_open();

	must_be(status("pid"), scene.place.ternd);
	must_be(status("uid"), geteuid());
	must_be(status("peers"), 2);
	must_be(status("names"), 0);
	must_be(tern_own(other, "org.example.One", 0, NULL), 0);
	must_be(tern_subscribe(other, &rule, NULL, NULL, &s), 0);
	must_be(status("names"), 1);
	must_be(status("rules"), 1);
	must(status("table_bytes") > 0 && status("uptime") > 0);
	must(status("requests") >= 6);
	(void)tern_subscription_free(s);
	(void)tern_close(other);
}
END_TEST

/* walk() - all pages of a list. Return: how many items; each is given to fn. */
static size_t
walk(const char *member, const char *key, void (*fn)(const void *item, size_t size, size_t i))
{
	struct tern_cbor_reader r;
	const void *list, *item;
	uint64_t after = 0, next;
	size_t list_size, size, n = 0;
	char format[64];

	(void)snprintf(format, sizeof(format), "{%s:v, ?next:u}", key); /* fits */
	do {
		tern_message *reply = call(member, after);

		next = 0;
		must_be(tern_message_unpack(reply, format, &list, &list_size, &next), 0);
		tern_cbor_reader_init(&r, list, list_size);
		must_be(tern_cbor_enter_array(&r, NULL), 0);
		while (tern_cbor_peek(&r) > 0) {
			must_be(tern_cbor_get_raw(&r, &item, &size), 0);
			fn(item, size, n++);
		}
		must(next == 0 || next > after);
		after = next;
		(void)tern_message_unref(reply);
	} while (after);
	return n;
}

static void
check_name(const void *item, size_t size, size_t i)
{
	const char *name;
	size_t name_size;
	uint64_t owner;
	char wanted[64];

	must_be(tern_cbor_unpack(item, size, NULL, "{name:t, owner:u}", &name, &name_size, &owner), 0);
	(void)snprintf(wanted, sizeof(wanted), "org.example.n%zu", i); /* fits */
	must(name_size == strlen(wanted) && memcmp(name, wanted, name_size) == 0);
	must_be(owner, tern_id(scene.bus));
}

START_TEST(names_come_in_pages)
{
	static const char *const labels[] = {"a label that makes a page full sooner", "another one of them", NULL};
	char name[64];

	for (int i = 0; i < N_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "org.example.n%d", i); /* fits */
		must_be(tern_own(scene.bus, name, 0, labels), 0);
	}
	must_be(walk("Names", "names", check_name), N_NAMES);
}
END_TEST

static uint64_t last_id;

static void
check_peer(const void *item, size_t size, size_t i)
{
	uint64_t id, pid, rules = 99;

	must_be(tern_cbor_unpack(item, size, NULL, "{id:u, pid:u, ?rules:u}", &id, &pid, &rules), 0);
	must(id > last_id);
	must_be(pid, getpid());
	must_be(rules, 0);
	last_id = id;
}

START_TEST(peers_come_in_pages)
{
	static tern_bus *others[N_HANDLES];

	for (size_t i = 0; i < N_HANDLES; i++)
		others[i] = scene_open();
	last_id = 0;
	must_be(walk("Peers", "peers", check_peer), N_HANDLES + 1);
	for (size_t i = 0; i < N_HANDLES; i++)
		(void)tern_close(others[i]);
}
END_TEST

START_TEST(tells_who_is_in_line)
{
	tern_bus *second = scene_open();
	tern_message *reply;
	const void *list;
	size_t size;
	uint64_t waits = 0;

	must_be(tern_own(scene.bus, "org.example.One", 0, NULL), 0);
	must_be(tern_own(second, "org.example.One", TERN_NAME_QUEUE, NULL), -EINPROGRESS);
	reply = call("Names", 0);
	must_be(tern_message_unpack(reply, "{names:v}", &list, &size), 0);
	must_be(tern_cbor_unpack(list, size, NULL, "[{queue:[u]}]", &waits), 0);
	must_be(waits, tern_id(second));
	(void)tern_message_unref(reply);
	(void)tern_close(second);
}
END_TEST

/* --- who is told what --- */

/* stranger() - of another user: it sees that others are there, and not how much they hold */
static void
stranger(void *user)
{
	tern_bus *bus = scene_open();
	uint64_t id = 0, mine = 0, rules = 99, waits = 0;
	const void *list;
	tern_message *reply;
	size_t size;

	must_be(tern_call_sync(bus, "tern", "Peers", &reply, NULL, ""), 0);
	must_be(tern_message_unpack(reply, "{peers:v}", &list, &size), 0);
	must_be(tern_cbor_unpack(list, size, NULL, "[{id:u, ?rules:u, ?waiting:u}{id:u, rules:u}]", &id, &rules,
			&waits, &mine, NULL), 0);
	must(id && id != tern_id(bus));
	must_be(rules, 99); /* was not there */
	must_be(mine, tern_id(bus));
	(void)tern_message_unref(reply);
	must_be(tern_call_sync(bus, "tern", "Limits", &reply, NULL, ""), 0);
	must_be(tern_message_unpack(reply, "{users:v}", &list, &size), 0);
	must_be(tern_cbor_unpack(list, size, NULL, "[{uid:u, used:{peers:u}}]", &id, &mine), 0);
	must_be(id, OTHER_USER);
	must_be(mine, 1);
	(void)tern_message_unref(reply);
	(void)tern_close(bus);
}

START_TEST(others_are_not_told_what_one_holds)
{
	static const char *const options[] = {"--allow-uid", "12345", NULL};
	if (geteuid() != 0)
		return;
	(void)tern_close(scene.bus);
	private_bus_stop(&scene.place);
	private_bus_start(&scene.place, options);
	scene.bus = scene_open();
	child_end(child_start_as(OTHER_USER, stranger, NULL));
}
END_TEST

/* --- as any call --- */

START_TEST(refuses_what_it_does_not_understand)
{
	tern_message *m;
	char large[3000];
	int fd;

	must(!call("Nonsense", 0) && is_error("tern.NoSuchMember"));
	must(!call("Status", 1) && is_error("tern.InvalidArgument"));
	must_be(tern_call_sync(scene.bus, "tern", "Peers", NULL, NULL, "{afterr:u}", UINT64_C(1)), -EREMOTEIO);
	must(is_error("tern.InvalidArgument"));
	must_be(tern_call_sync(scene.bus, ":1", "Peers", NULL, NULL, "{after:s}", "x"), -EREMOTEIO);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	must_be(tern_call_sync(scene.bus, "tern", "Peers", NULL, NULL, "s", large), -E2BIG);
	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	must_be(tern_message_attach(m, fd), 0);
	must_be(tern_call_sync(scene.bus, "tern", "Status", NULL, NULL, ""), 0); /* this one is in order */
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), -EINVAL);
	(void)tern_message_unref(m);
	(void)close(fd);
}
END_TEST

static int n_answers;

static void
on_answer(tern_call *c, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	uint64_t pid = 0;

	must_be(result, 0);
	must_be(tern_message_sender(reply), TERN_PEER_BUS);
	must_be(tern_message_unpack(reply, "{pid:u}", &pid), 0);
	must_be(pid, scene.place.ternd);
	/* a handler may wait for ternd: it is not of this program */
	must_be(tern_call_sync(scene.bus, "tern", "Names", NULL, NULL, ""), 0);
	n_answers++;
}

START_TEST(answers_in_each_way_there_is)
{
	struct tern_event event = {.size = sizeof(event)};
	tern_call *handled, *taken;
	tern_message *m;

	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	must_be(tern_send(m, TERN_DEFAULT, 0, &handled), 0);
	must_be(tern_call_then(handled, on_answer, NULL), 0);
	(void)tern_message_unref(m);
	must_be(tern_message_new_call(scene.bus, "tern", "Nonsense", &m), 0);
	must_be(tern_send(m, TERN_DEFAULT, 0, &taken), 0);
	(void)tern_message_unref(m);
	event = next_event(scene.bus, TERN_ERROR);
	must(event.call == taken && event.peer == TERN_PEER_BUS);
	must_be(event.result, -EREMOTEIO);
	event_free(&event);
	must_be(n_answers, 1);
	(void)tern_call_unref(handled);
	(void)tern_call_unref(taken);
	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
	(void)tern_message_unref(m);
	must(status("requests") > 4);
}
END_TEST

START_TEST(a_call_of_a_ternd_that_hangs_ends)
{
	tern_call *late, *dropped, *orphan;
	tern_message *m;

	must_be(kill(scene.place.ternd, SIGSTOP), 0);
	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	must_be(tern_send(m, SHORT_NS, 0, &late), 0);
	(void)tern_message_unref(m);
	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, 0, &dropped), 0);
	(void)tern_message_unref(m);
	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, 0, &orphan), 0);
	(void)tern_message_unref(m);
	must_be(tern_call_wait(late, TERN_FOREVER, NULL, NULL), -ETIME);
	(void)tern_call_unref(late);
	(void)tern_call_unref(dropped); /* cancelled; its answer finds nobody */
	must_be(kill(scene.place.ternd, SIGCONT), 0);
	must_be(tern_call_wait(orphan, TERN_FOREVER, &m, NULL), 0);
	(void)tern_message_unref(m);
	(void)tern_call_unref(orphan);
	must(status("pid"));
	must_be(kill(scene.place.ternd, SIGSTOP), 0);
	must_be(tern_message_new_call(scene.bus, "tern", "Status", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, 0, &orphan), 0);
	(void)tern_message_unref(m);
	child_kill(scene.place.ternd);
	scene.place.ternd = 0;
	must_be(unlink(scene.place.address + strlen("unix:")), 0);
	must_be(tern_call_wait(orphan, TERN_FOREVER, NULL, NULL), -EHOSTDOWN);
	must(is_error("tern.PeerDied"));
	(void)tern_call_unref(orphan);
	must_be(tern_set_option(scene.bus, TERN_OPT_TIMEOUT, SHORT_NS), 0);
	must(tern_call_sync(scene.bus, "tern", "Status", NULL, NULL, "") < 0);
}
END_TEST

START_TEST(news_of_names_are_events_of_it)
{
	static const char *const tags[] = {"org.tern.Bus.Gone", "org.example", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .sender = "tern", .tags = tags};
	struct tern_event event;
	tern_subscription *s;
	uint64_t old = 0, new = 99;

	must_be(tern_own(scene.bus, "org.example.One", 0, NULL), 0);
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0); /* who is there has not gone */
	must_be(tern_own(scene.bus, "org.other.One", 0, NULL), 0);
	must_be(tern_disown(scene.bus, "org.other.One"), 0);
	must_be(tern_disown(scene.bus, "org.example.One"), 0);
	event = next_event(scene.bus, TERN_EVENT);
	must_be(event.peer, TERN_PEER_BUS);
	must_be(tern_message_unpack(event.message, "{name:s, old:u, new:u}", NULL, &old, &new), 0);
	must(old == tern_id(scene.bus) && new == 0);
	event_free(&event);
	(void)tern_subscription_free(s);
}
END_TEST

START_TEST(the_interface_is_the_text_of_the_tree)
{
	tern_message *reply = call("tern.Interface", 0);
	char *text = calloc(1, 1 << 16);
	FILE *file = fopen(INTERFACE, "re");
	const char *told;

	must(file && text);
	must(fread(text, 1, (1 << 16) - 1, file) > 100);
	must_be(tern_message_unpack(reply, "{text:s}", &told), 0);
	must_be(strcmp(text, told), 0);
	(void)fclose(file);
	free(text);
	(void)tern_message_unref(reply);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("self");
	TCase *tcase = tcase_create("self");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, tells_how_the_bus_is);
	tcase_add_test(tcase, names_come_in_pages);
	tcase_add_test(tcase, peers_come_in_pages);
	tcase_add_test(tcase, tells_who_is_in_line);
	tcase_add_test(tcase, others_are_not_told_what_one_holds);
	tcase_add_test(tcase, refuses_what_it_does_not_understand);
	tcase_add_test(tcase, answers_in_each_way_there_is);
	tcase_add_test(tcase, a_call_of_a_ternd_that_hangs_ends);
	tcase_add_test(tcase, news_of_names_are_events_of_it);
	tcase_add_test(tcase, the_interface_is_the_text_of_the_tree);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
