/* SPDX-License-Identifier: MIT */

/* victims: what those do that are killed: on a link, and publishing to several; see kill.h */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "client/bus.h"
#include "kill.h"

/* --- what all do --- */

void
victim_open(struct victim *victim)
{
	static const char *const in[] = {"in", NULL};

	victim->bus = stage_open(victim->stage);
	must_be(tern_topic_new(victim->bus, in, &victim->topic), 0);
}

void
victim_wait(struct victim *victim)
{
	store_rel(&victim->stage->ready, victim->number);
	wait_for(&victim->stage->go, victim->number);
}

static void
add_fd(tern_message *m, uint64_t number)
{
	int fd = memfd_create("sweep", MFD_CLOEXEC);

	must(fd >= 0);
	must_be(write(fd, &number, sizeof(number)), sizeof(number));
	must_be(tern_message_attach(m, fd), 0);
	(void)fd_close(fd);
}

static void
fill_message(struct victim *victim, tern_message *m, uint32_t number, size_t size, bool lent)
{
	static uint8_t bytes[FULL_SIZE];
	void *to = bytes;

	must_be(tern_message_pack(m, "[uuuu]", (uint64_t)victim->number, (uint64_t)number,
			(uint64_t)size, UINT64_C(0)),
		0);
	if (!size)
		return;
	if (lent)
		must_be(tern_message_lend(m, size, &to), 0);
	stage_fill(to, size, victim->number, number);
	if (!lent)
		must_be(tern_message_append(m, bytes, size), 0);
}

/* try() - Return: as tern_publish_message() */
static int
try(struct victim *victim, uint32_t number, size_t lent, bool fd, uint32_t flags)
{
	tern_message *m;
	int r;

	must_be(tern_message_new_event(victim->topic, &m), 0);
	if (fd) {
		must_be(tern_message_pack(m, "[uuuu]", (uint64_t)victim->number, (uint64_t)number,
				UINT64_C(0), UINT64_C(1)),
			0);
		add_fd(m, number);
	} else {
		fill_message(victim, m, number, lent, lent > FULL_SIZE);
	}
	r = tern_publish_message(m, flags);
	(void)tern_message_unref(m); /* always NULL, as everywhere here */
	return r;
}

void
say(struct victim *victim, uint32_t number, size_t lent, bool fd, uint32_t flags)
{
	must_be(try(victim, number, lent, fd, flags), 0);
}

void
say_before(struct victim *victim, uint32_t n, size_t size)
{
	for (uint32_t i = 0; i < n; i++)
		say(victim, i, size, false, 0);
	for (uint32_t i = 0; i < load_acq(&victim->stage->survivors); i++)
		wait_for(&victim->stage->reports[i].whole[n - 1], 1);
}

static void
prepare_to_say(struct victim *victim)
{
	victim_open(victim);
	say_before(victim, 2, 0);
}

/* --- push --- */

static void
act_say(struct victim *victim)
{
	say(victim, 2, 0, false, 0);
}

static void
act_batch(struct victim *victim)
{
	for (uint32_t i = 2; i < 5; i++)
		say(victim, i, 0, false, i < 4 ? TERN_BATCH : 0);
}

static void
act_lend(struct victim *victim)
{
	say(victim, 2, LENT_SIZE, false, 0);
	say(victim, 3, LENT_SIZE, false, 0);
}

static void
act_attach(struct victim *victim)
{
	say(victim, 2, 0, true, 0);
}

/* A ring is left for a larger one when its reader had kept up, and it is full. */
static void
prepare_to_move(struct victim *victim)
{
	const struct link *link;
	tern_message *m;

	victim_open(victim);
	say_before(victim, 14, FULL_SIZE);
	link = victim->bus->partners->link;
	while (load_acq(&link->partner_words->consumed) != link->out.head)
		(void)usleep(100); /* it tells so when it has nothing else to do */
	must_be(tern_message_new_call(victim->bus, NULL, "Pause", &m), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
	(void)tern_message_unref(m);
	wait_for(&victim->stage->paused, victim->number);
}

static void
act_move(struct victim *victim)
{
	uint32_t i = 14;

	while (i < 40 && try(victim, i, FULL_SIZE, false, TERN_NONBLOCK) == 0)
		i++; /* until the ring is full, and left; it holds no more until the survivor has
			followed */
	store_rel(&victim->stage->over, victim->number);
	for (; i < 48; i++)
		say(victim, i, FULL_SIZE, false, 0);
}

static void
act_call(struct victim *victim)
{
	tern_message *m;

	must_be(tern_message_new_call(victim->bus, NULL, "Take", &m), 0);
	fill_message(victim, m, 2, 0, false);
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
	(void)tern_message_unref(m);
}

/* --- take in, give back --- */

static void
prepare_to_hear(struct victim *victim)
{
	static const char *const out[] = {"out", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = out};
	tern_subscription *s;

	prepare_to_say(victim);
	must_be(tern_subscribe(victim->bus, &rule, NULL, NULL, &s), 0);
	must_be(tern_call_sync(victim->bus, NULL, "Report", NULL, NULL, ""),
		0); /* it knows the rule now */
	victim_wait(victim);
}

static void
hear(struct victim *victim, uint64_t number)
{
	struct tern_event event = {.size = sizeof(event)};
	const void *bytes;
	uint64_t n;
	size_t size;

	do
		must_be(tern_next(victim->bus, VERY_LONG_NS, &event), 0);
	while (event.kind != TERN_EVENT);
	must_be(tern_message_unpack(event.message, "u", &n), 0);
	must_be(n, number);
	if (number) {
		must_be(tern_message_part(event.message, 1, &bytes, &size), 0);
		must(size == LENT_SIZE && ((const uint8_t *)bytes)[0] != 0xcc);
	}
	victim->messages[number] = event.message;
}

static void
let_go(struct victim *victim)
{
	for (int i = 0; i < 2; i++)
		victim->messages[i] = tern_message_unref(victim->messages[i]);
}

static void
act_hear(struct victim *victim)
{
	hear(victim, 0);
	hear(victim, 1);
	let_go(victim);
}

static void
prepare_to_let_go(struct victim *victim)
{
	prepare_to_hear(victim);
	hear(victim, 0);
	hear(victim, 1);
}

/* --- streams --- */

static void
put(struct victim *victim, uint32_t number)
{
	tern_message *m;

	must_be(tern_message_new_part(victim->call, &m), 0);
	fill_message(victim, m, number, 0, false);
	must_be(tern_call_put_message(m, VERY_LONG_NS, 0), 0);
	(void)tern_message_unref(m);
}

static void
prepare_to_put(struct victim *victim)
{
	tern_message *m;

	victim_open(victim);
	must_be(tern_message_new_call(victim->bus, NULL, "Stream", &m), 0);
	must_be(tern_send(m, VERY_LONG_NS, TERN_STREAM, &victim->call), 0);
	(void)tern_message_unref(m);
	put(victim, 0);
	put(victim, 1);
	wait_for(&victim->stage->reports[0].whole[1], 1);
}

static void
act_put(struct victim *victim)
{
	put(victim, 2);
	put(victim, 3);
	must_be(tern_call_end(victim->call), 0);
}

/* --- everything of a link's beginning and end --- */

static void
prepare_nothing(struct victim *victim)
{
}

static void
act_dial(struct victim *victim)
{
	victim_open(victim);
	say(victim, 0, 0, false, 0);
}

static void
act_close(struct victim *victim)
{
	victim->topic = tern_topic_free(victim->topic);
	victim->bus = tern_close(victim->bus);
}

const struct scene victims[] = {
	{.name = "publish",
		.n_survivors = 1,
		.n_before = 2,
		.n_act = 1,
		.prepare = prepare_to_say,
		.act = act_say,
		.n_links = 1},
	{.name = "batch",
		.n_survivors = 1,
		.n_before = 2,
		.n_act = 3,
		.prepare = prepare_to_say,
		.act = act_batch,
		.n_links = 1},
	{.name = "lend",
		.n_survivors = 1,
		.n_before = 2,
		.n_act = 2,
		.prepare = prepare_to_say,
		.act = act_lend,
		.n_links = 1},
	{.name = "descriptor",
		.n_survivors = 1,
		.n_before = 2,
		.n_act = 1,
		.prepare = prepare_to_say,
		.act = act_attach,
		.n_links = 1},
	{.name = "move",
		.n_survivors = 1,
		.n_before = 14,
		.n_act = 34,
		.prepare = prepare_to_move,
		.act = act_move,
		.n_links = 1,
		.is_long = true},
	{.name = "call",
		.n_survivors = 1,
		.n_before = 2,
		.n_act = 1,
		.prepare = prepare_to_say,
		.act = act_call,
		.n_links = 1},
	{.name = "take",
		.n_survivors = 1,
		.n_before = 2,
		.prepare = prepare_to_hear,
		.act = act_hear,
		.command = "Publish",
		.n_links = 1},
	{.name = "release",
		.n_survivors = 1,
		.n_before = 2,
		.prepare = prepare_to_let_go,
		.act = let_go,
		.command = "Publish",
		.n_links = 1},
	{.name = "stream",
		.n_survivors = 1,
		.n_before = 2,
		.n_act = 3,
		.prepare = prepare_to_put,
		.act = act_put,
		.n_links = 1},
	{.name = "dial",
		.n_survivors = 1,
		.around = true,
		.n_act = 1,
		.prepare = prepare_nothing,
		.act = act_dial,
		.probes = true},
	{.name = "hang-up",
		.n_survivors = 1,
		.around = true,
		.n_before = 2,
		.prepare = prepare_to_say,
		.act = act_close,
		.n_links = 1},
	{.name = NULL},
};
