/* SPDX-License-Identifier: MIT */

/*
 * link-move: a link goes on in bigger rings while everything flows, and nothing is lost or turned
 * around
 *
 * The reader is slow but keeps consuming, so the sender's ring is full again and again.
 */

#include "links.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/attribute.h"
#include "link/link.h"

static const char *const TAGS[] = {"link", "move", NULL};

enum {
	N_MESSAGES = 12000,
	N_MESSAGES_LONG = 400000,
	MAX_INLINE = 1500,
	LENT_EVERY = 97,
	LENT_SIZE = 5000,
	FD_EVERY = 89,
	SLOW_EVERY = 64,
	SLOW_US = 50,
	SUBSCRIBED = 0, /* word */
};

static uint64_t
n_messages(void)
{
	return is_long() ? N_MESSAGES_LONG : N_MESSAGES;
}

static size_t
size_of(uint64_t i)
{
	return i * 131 % MAX_INLINE;
}

static void
build(tern_message *m, uint64_t i)
{
	uint8_t bytes[MAX_INLINE];
	void *lent;
	int fds[2];

	must_be(tern_message_set_trace(m, i), 0);
	fill(bytes, size_of(i), i);
	must_be(tern_message_append(m, bytes, size_of(i)), 0);
	if (i % LENT_EVERY == 0) {
		must_be(tern_message_lend(m, LENT_SIZE, &lent), 0);
		fill(lent, LENT_SIZE, i + 1);
	}
	if (i % FD_EVERY == 0) {
		must_be(pipe2(fds, O_CLOEXEC), 0);
		must_be(write(fds[1], &i, sizeof(i)), sizeof(i));
		must_be(tern_message_attach(m, fds[0]), 0);
		(void)fd_close(fds[0]);
		(void)fd_close(fds[1]);
	}
}

static void
check(tern_message *m, uint64_t i)
{
	const void *bytes;
	uint64_t said;
	size_t size;

	must_be(tern_message_trace(m), i);
	must_be(tern_message_part(m, 0, &bytes, &size), 0);
	must_be(size, size_of(i));
	must(is_filled(bytes, size, i));
	if (i % LENT_EVERY == 0) {
		must_be(tern_message_part(m, 1, &bytes, &size), 0);
		must(is_filled(bytes, LENT_SIZE, i + 1));
	}
	if (i % FD_EVERY == 0) {
		must_be(read(tern_message_fd(m, 0), &said, sizeof(said)), sizeof(said));
		must_be(said, i);
	}
	if (i % SLOW_EVERY == 0)
		(void)usleep(SLOW_US); /* this is the load, nothing waits for it */
}

/* send_mixed() - events and calls by turns: one order for both */
static void
send_mixed(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	unsigned int n_rings;
	uint64_t bytes;
	tern_topic *topic;

	wait_for(&ground->words[SUBSCRIBED], 1);
	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	for (uint64_t i = 0; i < n_messages(); i++) {
		tern_message *m;

		if (i / 10 % 2) {
			must_be(tern_message_new_event(topic, &m), 0);
			build(m, i);
			must_be(tern_publish_message(m, i % 3 ? TERN_BATCH : 0), 0);
		} else {
			must_be(tern_message_new_call(bus, ground_service(ground), "Next", &m), 0);
			build(m, i);
			must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY | (i % 3 ? TERN_BATCH : 0),
					NULL),
				0);
		}
		(void)tern_message_unref(m); /* always NULL */
	}
	must_be(tern_flush(bus), 0);
	bytes = mapped_as("tern-ring", &n_rings);
	must(n_rings >= 1);
	must(n_rings <= 2); /* the one in use, and at most one that is being left */
	must(bytes <= 2 * (uint64_t)(LINK_MAX_RING + LINK_RING_AT));
	ground->numbers[0] = bytes;
	must_be(tern_call_sync(bus, ground_service(ground), "Done", NULL, NULL, NULL), 0);
	(void)tern_topic_free(topic); /* always NULL */
	(void)tern_close(bus);
}

struct heard {
	uint64_t n;
	unsigned int n_rings;
	uint64_t ring_bytes;
};

static int
next(tern_call *call, tern_message *m, void *user)
{
	struct heard *heard = user;

	check(m, heard->n++);
	return 0;
}

static int
done(tern_call *call, tern_message *m, void *user)
{
	struct heard *heard = user;

	heard->ring_bytes = mapped_as("tern-ring", &heard->n_rings);
	return tern_reply(call, NULL);
}

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct heard *heard = user;

	must(m != NULL); /* no gap */
	check(m, heard->n++);
}

START_TEST(nothing_is_lost_on_the_way)
{
	static const struct tern_method methods[] = {{"Next", next}, {"Done", done}};
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	tern_subscription *subscription;
	struct heard heard = {0};
	struct tern_event event;
	struct ground ground;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 2, &heard, &service);
	must_be(tern_subscribe(bus, &rule, hear, &heard, &subscription), 0);
	pid = ground_child(&ground, send_mixed);
	tell(&ground.words[SUBSCRIBED]);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	must_be(heard.n, n_messages());
	must(heard.n_rings == 1); /* it moved, and what it left is gone */
	must(heard.ring_bytes > LINK_RING_AT + 2 * LINK_RING_SIZE);
	(void)tern_subscription_free(subscription);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-move");
	TCase *tcase = tcase_create("move");

	tcase_set_timeout(tcase, is_long() ? 3600 : 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, nothing_is_lost_on_the_way, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
