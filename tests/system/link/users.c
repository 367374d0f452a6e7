/* SPDX-License-Identifier: MIT */

/*
 * link-users: between users: who is let in, and whose memory an event's reader looks at
 *
 * Needs root, to be other users. (Calls, events, parts and descriptors between users, both ways,
 * are in the other tests here, which go all three ways.)
 */

#include "links.h"

#include <stdio.h>
#include <string.h>

#include "base/attribute.h"

static void
be_refused(void *user)
{
	struct private_bus *place = user;
	tern_bus *bus;
	int r = tern_open(place->address, &bus);

	must(r == -EPERM || r == -EACCES);
	must(strcmp(tern_last_error()->name, "tern.Refused") == 0);
	must(strlen(tern_last_error()->text) > 0);
}

static void
be_let_in(void *user)
{
	struct private_bus *place = user;
	tern_bus *bus;

	must_be(tern_open(place->address, &bus), 0);
	(void)tern_close(bus);
}

START_TEST(only_who_is_allowed)
{
	static const char *const one[] = {"--allow-uid", "65533", NULL};
	struct private_bus place;

	if (getuid() != 0)
		return;
	private_bus_start(&place, _i ? one : NULL);
	child_end(child_start(be_let_in, &place));
	child_end(child_start_as(USER_A, _i ? be_let_in : be_refused, &place));
	child_end(child_start_as(USER_B, be_refused, &place));
	private_bus_stop(&place);
}
END_TEST

/* --- one event for three readers --- */

static const char *const TAGS[] = {"link", "users", NULL};

enum {
	SIZE = 70000,
	/* words */
	SUBSCRIBED = 0,
	LOOKED = 1,
	CHANGED = 2,
	/* numbers */
	INODE = 0,
	N_SUBSCRIBERS = 3,
};

/* publish() - as user A: lend, publish, and change a byte when all have looked */
static void
publish(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	struct mapping mapping;
	tern_topic *topic;
	tern_message *m;
	uint8_t *bytes;

	wait_for(&ground->words[SUBSCRIBED], N_SUBSCRIBERS);
	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	must_be(tern_message_new_event(topic, &m), 0);
	must_be(tern_message_lend(m, SIZE, (void **)&bytes), 0);
	must(mapping_of(bytes, &mapping));
	ground->numbers[INODE] = mapping.inode;
	fill(bytes, SIZE, 4);
	must_be(tern_publish_message(m, 0), 0);
	wait_for(&ground->words[LOOKED], N_SUBSCRIBERS);
	bytes[5] ^= 0xff;
	tell(&ground->words[CHANGED]);
	(void)tern_message_unref(m); /* always NULL, as the next */
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

/* subscribe() - inside the publisher's domain its memory is read, outside a copy of it */
static void
subscribe(struct ground *ground, bool foreign)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	tern_bus *bus = ground_client(ground);
	tern_subscription *subscription;
	const volatile uint8_t *view;
	struct tern_identity who = {.size = sizeof(who)};
	struct mapping mapping;
	struct tern_event event;
	const uint8_t *part;
	size_t size;
	uint8_t was;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	tell(&ground->words[SUBSCRIBED]);
	next_of(bus, TERN_EVENT, &event);
	must_be(tern_identify(bus, event.peer, &who), 0);
	must_be(who.uid, USER_A);
	must_be(who.same_domain, !foreign);
	must_be(tern_message_view(event.message, 0, (const volatile void **)&view, &size), 0);
	must_be(tern_message_part(event.message, 0, (const void **)&part, &size), 0);
	must(is_filled(part, size, 4));
	must_be(size, SIZE);
	must((part == view) == !foreign);
	must(mapping_of(view, &mapping));
	must(strcmp(mapping.name, "tern-blocks") == 0);
	must((mapping.inode == ground->numbers[INODE]) == !foreign);
	was = part[5];
	tell(&ground->words[LOOKED]);
	wait_for(&ground->words[CHANGED], 1);
	must_be(view[5], foreign ? was : was ^ 0xff);
	must_be(part[5], foreign ? was : was ^ 0xff);
	let_go(&event);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
}

static void
subscribe_inside(void *user)
{
	subscribe(user, false);
}

static void
subscribe_outside(void *user)
{
	subscribe(user, true);
}

START_TEST(others_get_a_copy_of_an_event)
{
	struct ground ground;
	pid_t pids[3];

	if (!ground_begin(&ground, BY_USERS))
		return;
	pids[0] = child_start_as(USER_A, publish, &ground);
	pids[1] = child_start_as(USER_A, subscribe_inside, &ground);
	pids[2] = child_start_as(USER_B, subscribe_outside, &ground);
	subscribe(&ground, true);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	ground_end(&ground);
}
END_TEST

/* --- events for two other users: neither can find what was meant for the other --- */

enum {
	N_SECRETS = 6, /* for each */
	SECRET = 70000,
	/* words, beside SUBSCRIBED */
	RECEIVED = 1,
	SEARCHED = 2,
};

static const char *const FOR_A[] = {"for a", NULL};
static const char *const FOR_B[] = {"for b", NULL};
static const char *const SECRETS[] = {"what user a alone may know", "what user b alone may know"};

/* can_read() - are these bytes in any memory that came from another program? */
static bool
can_read(const char *key)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[512];

	must(maps != NULL);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long long begin, end;

		if (!strstr(line, "/memfd:tern") || sscanf(line, "%llx-%llx r", &begin, &end) != 2)
			continue;
		found |= memmem((const void *)(uintptr_t)begin, end - begin, key, strlen(key)) != NULL;
	}
	(void)fclose(maps);
	return found;
}

/* hear_own() - its own secrets are found where the other's are looked for */
static void
hear_own(struct ground *ground, const char *const *tags, const char *own, const char *other)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	struct tern_event events[N_SECRETS];
	tern_bus *bus = ground_client(ground);
	tern_subscription *subscription;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	tell(&ground->words[SUBSCRIBED]);
	for (size_t i = 0; i < N_SECRETS; i++)
		next_of(bus, TERN_EVENT, &events[i]);
	tell(&ground->words[RECEIVED]);
	wait_for(&ground->words[RECEIVED], 2); /* all are lent out now */
	must(can_read(own));
	must(!can_read(other));
	tell(&ground->words[SEARCHED]);
	wait_for(&ground->words[SEARCHED], 2);
	for (size_t i = 0; i < N_SECRETS; i++)
		let_go(&events[i]);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
}

static void
hear_a(void *user)
{
	hear_own(user, FOR_A, SECRETS[0], SECRETS[1]);
}

static void
hear_b(void *user)
{
	hear_own(user, FOR_B, SECRETS[1], SECRETS[0]);
}

static void
publish_secret(tern_topic *topic, const char *secret)
{
	tern_message *m;
	void *bytes;

	must_be(tern_message_new_event(topic, &m), 0);
	must_be(tern_message_lend(m, SECRET, &bytes), 0);
	(void)strcpy(bytes, secret); /* the block is larger */
	must_be(tern_publish_message(m, 0), 0);
	(void)tern_message_unref(m); /* always NULL */
}

START_TEST(users_do_not_see_what_is_for_others)
{
	tern_topic *for_a, *for_b;
	struct ground ground;
	pid_t pids[2];
	tern_bus *bus;

	if (!ground_begin(&ground, BY_USERS))
		return;
	pids[0] = child_start_as(USER_A, hear_a, &ground);
	pids[1] = child_start_as(USER_B, hear_b, &ground);
	bus = ground_client(&ground);
	wait_for(&ground.words[SUBSCRIBED], 2);
	must_be(tern_topic_new(bus, FOR_A, &for_a), 0);
	must_be(tern_topic_new(bus, FOR_B, &for_b), 0);
	for (int i = 0; i < N_SECRETS; i++) {
		publish_secret(for_a, SECRETS[0]);
		publish_secret(for_b, SECRETS[1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	(void)tern_topic_free(for_a); /* always NULL, as the next */
	(void)tern_topic_free(for_b);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- a subscriber of another user holds nobody up, unless that is allowed --- */

enum {
	N_EVENTS = 500,
};

static void
publish_many(void *user)
{
	struct ground *ground = user;
	tern_bus *bus;
	tern_topic *topic;

	must_be(tern_open(ground->place.address, &bus), 0); /* no TERN_OPT_MAX_WAIT is set */
	wait_for(&ground->words[SUBSCRIBED], 1);
	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	for (uint64_t i = 0; i < N_EVENTS; i++)
		must_be(tern_publish(topic, "u", i), 0);
	tell(&ground->words[LOOKED]);
	wait_for(&ground->words[CHANGED], 1);
	(void)tern_topic_free(topic); /* always NULL */
	(void)tern_close(bus);
}

START_TEST(others_hold_up_nobody)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	tern_subscription *subscription;
	struct ground ground;
	struct tern_event event;
	uint64_t n = 0, lost = 0;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, BY_USERS))
		return;
	bus = ground_client(&ground);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	pid = ground_child(&ground, publish_many);
	tell(&ground.words[SUBSCRIBED]);
	wait_for(&ground.words[LOOKED], 1); /* all were published though nobody took one */
	while (n + lost < N_EVENTS) {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		n += event.kind == TERN_EVENT;
		lost += event.kind == TERN_GAP ? event.lost : 0;
		let_go(&event);
	}
	must(n > 0);
	must(lost > 0); /* and that was told */
	must_be(n + lost, N_EVENTS);
	tell(&ground.words[CHANGED]);
	child_end(pid);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-users");
	TCase *tcase = tcase_create("users");

	if (getuid() != 0) {
		(void)printf("only root can be several users\n");
		return 77;
	}
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, only_who_is_allowed, 0, 2);
	tcase_add_test(tcase, others_get_a_copy_of_an_event);
	tcase_add_test(tcase, users_do_not_see_what_is_for_others);
	tcase_add_test(tcase, others_hold_up_nobody);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
