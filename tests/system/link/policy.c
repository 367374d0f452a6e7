/* SPDX-License-Identifier: MIT */

/*
 * link-policy: what the library lets another user do on a link that there is
 *
 * A program of user A owns two names. User B may call the first one, root the second one, and neither may
 * reach the other name, or the program by its ID, over the link that it has. Needs root, to be other users.
 */

#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/attribute.h"
#include "base/clock.h"

#define FIRST  "org.example.First"
#define SECOND "org.example.Second"

enum {
	/* words */
	SERVING = 0, /* 1: both names are served, 2: the second one is not any more */
	SUBSCRIBED,
	PUBLISH, /* how many events are wanted */
	PUBLISHED,
	CALLED,
	DONE,
	/* numbers */
	ID = 0,
};

static const char before[] =
	"[policy]\n"
	"connect = user:65533 user:65534\n"
	"[name *]\n"
	"[name " FIRST "]\n"
	"own = user:65533\n"
	"call = user:65534\n"
	"hear = user:65534\n"
	"[name " SECOND "]\n"
	"own = user:65533\n"
	"call = user:0\n"
	"hear = user:0\n";

/* Nobody may call the first one. */
static const char after[] =
	"[policy]\n"
	"connect = user:65533 user:65534\n"
	"[name *]\n"
	"[name " FIRST "]\n"
	"own = user:65533\n"
	"[name " SECOND "]\n"
	"own = user:65533\n"
	"call = user:0\n"
	"hear = user:0\n";

static const char *const tags[] = {"policy", NULL};
static char conf[] = "/tmp/tern-test-conf-XXXXXX";

static void
write_conf(const char *text)
{
	FILE *file = fopen(conf, "we");

	must(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void
begin(struct ground *ground)
{
	const char *options[] = {"--config", conf, NULL};
	int fd;

	strcpy(conf + strlen(conf) - 6, "XXXXXX");
	fd = mkstemp(conf);
	must(fd >= 0 && fchmod(fd, 0644) == 0);
	fd = fd_close(fd);
	write_conf(before);
	*ground = (struct ground){.way = BY_USERS};
	private_bus_start(&ground->place, options);
	ground->words = shared_new(N_WORDS * sizeof(*ground->words));
	ground->numbers = shared_new(N_NUMBERS * sizeof(*ground->numbers));
}

static void
end(struct ground *ground)
{
	ground_end(ground);
	must_be(unlink(conf), 0);
}

/* --- the program of two names --- */

static int
answer(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "s", "yes");
}

/* never() - the caller waits until it cannot any more */
static int
never(tern_call *call, tern_message *m, void *user)
{
	struct ground *ground = user;

	(void)tern_call_ref(call); /* until the program ends */
	tell(&ground->words[CALLED]);
	return 0;
}

static const struct tern_method methods[] = {{"Call", answer}, {"Never", never}};

static void
serve(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_service *first, *second;
	tern_topic *topic;

	must_be(tern_serve(bus, FIRST, NULL, methods, 2, ground, &first), 0);
	must_be(tern_serve(bus, SECOND, NULL, methods, 2, ground, &second), 0);
	must_be(tern_topic_new(bus, tags, &topic), 0);
	ground->numbers[ID] = tern_id(bus);
	tell(&ground->words[SERVING]);
	for (uint32_t n = 0; !ground->words[DONE];) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, NSEC_PER_MSEC, &event) == 0)
			let_go(&event);
		if (ground->words[PUBLISH] == n)
			continue;
		if (++n == 2) {
			second = tern_service_free(second);
			must_be(tern_disown(bus, SECOND), -ENXIO); /* ternd has heard of it, and said what follows */
			tell(&ground->words[SERVING]);
		}
		must_be(tern_publish(topic, "u", (uint64_t)n), 0);
		tell(&ground->words[PUBLISHED]);
	}
	_exit(0); /* with a call that nobody answers */
}

/* --- its callers --- */

static void
must_be_refused(tern_bus *bus, const char *service, int result)
{
	must_be(tern_call_sync(bus, service, "Call", NULL, NULL, NULL), result);
	must(strcmp(tern_last_error()->name, "tern.NotAllowed") == 0);
}

static void
call_one(struct ground *ground, const char *may, const char *may_not)
{
	tern_bus *bus = ground_client(ground);
	char id[24];

	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)ground->numbers[ID]);
	must_be_refused(bus, id, -EREMOTEIO); /* over a link that was made for that */
	must_be_refused(bus, may_not, -EREMOTEIO);
	must_be(tern_call_sync(bus, may, "Call", NULL, NULL, NULL), 0);
	must_be_refused(bus, may_not, -EREMOTEIO);
	must_be_refused(bus, id, -EREMOTEIO);
	must_be(tern_call_sync(bus, may, "Call", NULL, NULL, NULL), 0);
	(void)tern_close(bus);
}

static void
call_first(void *user)
{
	call_one(user, FIRST, SECOND);
}

static void
call_second(void *user)
{
	call_one(user, SECOND, FIRST);
}

START_TEST(one_name_is_not_the_other)
{
	struct ground ground;
	pid_t service;

	begin(&ground);
	service = child_start_as(USER_A, serve, &ground);
	wait_for(&ground.words[SERVING], 1);
	child_end(child_start_as(USER_B, call_first, &ground));
	child_end(child_start(call_second, &ground));
	tell(&ground.words[DONE]);
	child_end(service);
	end(&ground);
}
END_TEST

/* --- its events --- */

/* hear_later() - what both names let it hear; so the first event is none of it, and no loss */
static void
hear_later(void *user)
{
	struct ground *ground = user;
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *subscription;
	struct tern_event event;
	tern_bus *bus = ground_client(ground);
	uint64_t n;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	must_be(tern_call_sync(bus, FIRST, "Call", NULL, NULL, NULL), 0); /* there is a link */
	tell(&ground->words[SUBSCRIBED]);
	next_of(bus, TERN_EVENT, &event);
	must_be(tern_message_unpack(event.message, "u", &n), 0);
	must_be(n, 2);
	let_go(&event);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
}

START_TEST(who_hears_it)
{
	struct ground ground;
	pid_t service, hears;

	begin(&ground);
	service = child_start_as(USER_A, serve, &ground);
	wait_for(&ground.words[SERVING], 1);
	hears = child_start_as(USER_B, hear_later, &ground);
	wait_for(&ground.words[SUBSCRIBED], 1);
	tell(&ground.words[PUBLISH]);
	wait_for(&ground.words[PUBLISHED], 1);
	tell(&ground.words[PUBLISH]); /* without the second name */
	child_end(hears);
	tell(&ground.words[DONE]);
	child_end(service);
	end(&ground);
}
END_TEST

/* --- another policy --- */

static void
wait_in_vain(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	must_be(tern_call_sync(bus, FIRST, "Never", NULL, NULL, NULL), -EPERM);
	must(strcmp(tern_last_error()->name, "tern.NotAllowed") == 0);
	must_be_refused(bus, FIRST, -EPERM); /* by ternd now */
	(void)tern_close(bus);
}

START_TEST(links_that_are_forbidden_end)
{
	struct ground ground;
	pid_t service, caller;
	tern_bus *bus;

	begin(&ground);
	service = child_start_as(USER_A, serve, &ground);
	wait_for(&ground.words[SERVING], 1);
	bus = ground_client(&ground);
	must_be(tern_call_sync(bus, SECOND, "Call", NULL, NULL, NULL), 0);
	caller = child_start_as(USER_B, wait_in_vain, &ground);
	wait_for(&ground.words[CALLED], 1);
	write_conf(after);
	must_be(kill(ground.place.ternd, SIGHUP), 0);
	child_end(caller);
	must_be(tern_call_sync(bus, SECOND, "Call", NULL, NULL, NULL), 0);
	tell(&ground.words[DONE]);
	child_end(service);
	(void)tern_close(bus);
	end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-policy");
	TCase *tcase = tcase_create("policy");

	if (getuid() != 0) {
		(void)printf("only root can be several users\n");
		return 77;
	}
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, one_name_is_not_the_other);
	tcase_add_test(tcase, who_hears_it);
	tcase_add_test(tcase, links_that_are_forbidden_end);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
