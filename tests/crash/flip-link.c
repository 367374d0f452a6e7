/* SPDX-License-Identifier: MIT */

/* flip-link: a program takes in what a partner sent that goes on writing; or sends to one; see
 * flip.h */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "client/bus.h"
#include "flip.h"
#include "shm/head.h"

enum {
	LENT = 96,
	N_LOOKS = 3, /* that a reader takes */
	OPENED = 1,
	JOINED,
};

/* The director's side; the reader has its own. */
struct ends {
	struct private_bus place;
	tern_bus *bus;
	tern_topic *topic;
	tern_subscription *subscription;
	tern_service *service;
};

static struct ends mine; /* of this process */

static void
link_begin(struct flips *flips)
{
	private_bus_place(&mine.place);
	(void)snprintf(flips->address, sizeof(flips->address), "%s", mine.place.address);
	flips->limit = LINK_RING_SIZE;
}

static void
link_leave(struct flips *flips)
{
	mine.subscription = tern_subscription_free(mine.subscription);
	mine.topic = tern_topic_free(mine.topic);
	if (mine.bus)
		mine.bus = tern_close(mine.bus);
	(void)unlink(flips->address + strlen("unix:"));
}

static void
link_end(struct flips *flips)
{
	link_leave(flips);
	private_bus_stop(&mine.place);
}

/* --- a reader --- */

static uint64_t
hash(const char *text)
{
	uint64_t sum = 5381;

	while (text && *text)
		sum = sum * 33 + (uint8_t)*text++;
	return sum;
}

/* answer_message() - all that a program can ask of it */
static void
answer_message(struct answer *answer, tern_message *m)
{
	uint64_t a = 0, b = 0;
	const char *text = "";
	const void *bytes;
	size_t size, n = tern_message_n_parts(m);
	int r = tern_message_unpack(m, "[uus]", &a, &b, &text);

	answer_number(answer, tern_message_kind(m));
	answer_number(answer, (uint64_t)r);
	if (r == 0) {
		answer_number(answer, a);
		answer_number(answer, b);
		answer_bytes(answer, text, strlen(text));
	}
	answer_number(answer, tern_message_trace(m));
	answer_number(answer, hash(tern_message_member(m)));
	answer_number(answer, hash(tern_message_type(m)));
	for (size_t i = 0; i < 3; i++)
		answer_number(answer, hash(tern_message_tag(m, i)));
	answer_number(answer, n);
	for (size_t i = 1; i < n; i++) {
		must_be(tern_message_part(m, i, &bytes, &size), 0);
		answer_number(answer, size);
		answer_bytes(answer, bytes, MIN(size, (size_t)LENT)); /* behind it lies what was lent before */
	}
}

static int
take_method(tern_call *call, tern_message *m, void *user)
{
	struct flips *flips = user;

	answer_message(flips->answer, m);
	return 0;
}

static void
reader_open(struct flips *flips)
{
	static const char *const in[] = {"in", NULL};
	static const struct tern_method methods[] = {{"Take", take_method}};
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = in};
	struct tern_event event = {.size = sizeof(event)};

	must_be(tern_listen(flips->address, &mine.bus), 0);
	must_be(tern_subscribe(mine.bus, &rule, NULL, NULL, &mine.subscription), 0);
	must_be(tern_serve(mine.bus, NULL, NULL, methods, 1, flips, &mine.service), 0);
	tell(flips->told);
	do
		must_be(tern_next(mine.bus, LONG_NS, &event), 0);
	while (event.kind != TERN_EVENT);
	(void)tern_message_unref(event.message); /* always NULL */
}

/* read_message() - what comes, if it comes at once */
static void
read_message(struct flips *flips, struct answer *answer)
{
	for (int i = 0; i < N_LOOKS && answer->n_numbers == 0; i++) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(mine.bus, 0, &event) < 0)
			continue;
		if (event.kind == TERN_EVENT)
			answer_message(answer, event.message);
		answer->failed = answer->failed || event.kind == TERN_LOST;
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
	}
}

/* --- who sends to it, and goes on writing --- */

static void
writer_join(struct flips *flips)
{
	static const char *const tags[] = {"flip", "in", NULL};

	wait_for(flips->told, OPENED);
	must_be(tern_dial(flips->address, &mine.bus), 0);
	must_be(tern_set_option(mine.bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_topic_new(mine.bus, tags, &mine.topic), 0);
	must_be(tern_publish(mine.topic, "u", UINT64_C(1)), 0);
}

/* words_of_record() - the header by its fields, the rest word by word */
static void
words_of_record(struct flips *flips, const struct link *link, uint64_t at)
{
	static const struct {
		size_t offset, size;
	} fields[] = {{0, 4}, {4, 2}, {6, 2}, {8, 8}, {16, 8}, {24, 8}, {32, 8}, {40, 8}, {48, 8},
		{56, 4}, {60, 4}, {64, 4}, {68, 2}, {70, 1}, {71, 1}, {72, 1}, {73, 1}, {74, 1},
		{75, 1}, {76, 4}};
	uint8_t *record = link->out.base + (at & (link->out.size - 1));
	uint64_t size = link->out.head - at;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		flips_word(flips, record + fields[i].offset, (uint32_t)fields[i].size, 0);
	for (uint64_t i = sizeof(struct wire_header); i < size; i += 8)
		flips_word(flips, record + i, 8, 0);
}

static void
words_of_link(struct flips *flips, const struct link *link, uint64_t produced)
{
	struct shm_control *words = link->words;

	flips->n_words = 0;
	flips_word(flips, &words->produced, 8, produced);
	flips_word(flips, &words->lost, 8, 0);
	flips_word(flips, &words->room, 8, 1);
	flips_word(flips, &words->consumed, 8, 0);
	flips_word(flips, &words->released, 8, 0);
	flips_word(flips, &words->attention, 8, 0);
	flips_word(flips, &words->cpu, 8, 0);
}

/* its_link() - to the reader, in good order, and what comes next will not be split; else NULL */
static struct link *
its_link(void)
{
	const struct partner *partner;

	(void)tern_process(mine.bus); /* what it says shows below */
	partner = mine.bus->partners;
	if (!partner || partner->dead || partner->link->closed ||
		ring_out_pad(partner->link->out.head, partner->link->out.size, 2 * LENT + 512))
		return NULL;
	return partner->link;
}

static void *
send_event(const struct link *link, bool lends)
{
	void *lent = NULL;
	tern_message *m;

	must_be(tern_message_new_event(mine.topic, &m), 0);
	must_be(tern_message_pack(m, "[uus]", UINT64_C(7), UINT64_C(1) << 40, "some text to read"),
		0);
	must_be(tern_message_set_trace(m, 0x1234), 0);
	if (lends) {
		must_be(tern_message_append(m, "forty bytes that are copied with the rec", 40), 0);
		must_be(tern_message_lend(m, LENT, &lent), 0);
		memset(lent, 0x42, LENT);
	}
	(void)tern_publish_message(m, 0); /* a link that ended shows by its ring */
	(void)tern_message_unref(m);	  /* always NULL */
	return lent;
}

static bool
arm_event(struct flips *flips, bool lends)
{
	struct link *link = its_link();
	uint64_t at;
	void *lent;

	if (!link)
		return false;
	at = link->out.head;
	lent = send_event(link, lends);
	if (link->out.head == at)
		return false;
	words_of_link(flips, link, at);
	words_of_record(flips, link, at);
	if (lent)
		flips_words(flips, lent, 32, 4);
	return true;
}

static bool
arm_plain(struct flips *flips)
{
	return arm_event(flips, false);
}

static bool
arm_parts(struct flips *flips)
{
	return arm_event(flips, true);
}

static bool
arm_call(struct flips *flips)
{
	struct link *link = its_link();
	tern_message *m;
	uint64_t at;

	if (!link)
		return false;
	at = link->out.head;
	must_be(tern_message_new_call(mine.bus, NULL, "Take", &m), 0);
	must_be(tern_message_pack(m, "[uus]", UINT64_C(7), UINT64_C(1) << 40, "some text to read"),
		0);
	(void)tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL); /* as above */
	(void)tern_message_unref(m);			       /* always NULL */
	if (link->out.head == at)
		return false;
	words_of_link(flips, link, at);
	words_of_record(flips, link, at);
	return true;
}

/* --- who sends to somebody whose words change --- */

static void
sender_open(struct flips *flips)
{
	static const char *const tags[] = {"in", NULL};
	struct tern_event event = {.size = sizeof(event)};

	must_be(tern_listen(flips->address, &mine.bus), 0);
	must_be(tern_topic_new(mine.bus, tags, &mine.topic), 0);
	tell(flips->told);
	while (load_acq(flips->told) < JOINED)
		(void)tern_next(mine.bus, SHORT_NS / 50, &event); /* nothing that matters comes */
}

/* One with a lent part: room, what is back, whom to ring. Whatever it says, its own books must be
 * in order. */
static void
send_it(struct flips *flips, struct answer *answer)
{
	tern_message *m;
	void *lent;
	int r;

	must_be(tern_set_option(mine.bus, TERN_OPT_MAX_WAIT, SHORT_NS / 50), 0);
	must_be(tern_message_new_event(mine.topic, &m), 0);
	must_be(tern_message_lend(m, LENT, &lent), 0);
	memset(lent, 0x42, LENT);
	r = tern_publish_message(m, TERN_NONBLOCK);
	(void)tern_message_unref(m);  /* always NULL */
	(void)tern_process(mine.bus); /* whatever it is told */
	if (mine.bus->partners) {
		const struct link *link = mine.bus->partners->link;

		must(ring_out_valid(&link->out) && link->n_out <= LINK_N_RELEASES);
	}
	answer->failed = r < 0 || !mine.bus->partners;
	answer_number(answer, 1);
}

static void
hearer_join(struct flips *flips)
{
	static const char *const in[] = {"in", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = in};

	wait_for(flips->told, OPENED);
	must_be(tern_dial(flips->address, &mine.bus), 0);
	must_be(tern_subscribe(mine.bus, &rule, NULL, NULL, &mine.subscription), 0);
	tell(flips->told);
}

static bool
arm_hearer(struct flips *flips)
{
	struct tern_event event = {.size = sizeof(event)};
	struct link *link = its_link();

	if (!link)
		return false;
	while (tern_next(mine.bus, 0, &event) == 0)
		(void)tern_message_unref(event.message); /* always NULL: it is given back */
	words_of_link(flips, link, 0);
	for (uint32_t i = 0; i < 4; i++)
		flips_word(flips, (void *)&link->releases[i], 8, 0);
	return true;
}

const struct flip_scene flips_of_links[] = {
	{.name = "flip-event",
		.begin = link_begin,
		.end = link_end,
		.leave = link_leave,
		.join = writer_join,
		.open = reader_open,
		.arm = arm_plain,
		.read = read_message,
		.is_stateful = true},
	{.name = "flip-parts",
		.begin = link_begin,
		.end = link_end,
		.leave = link_leave,
		.join = writer_join,
		.open = reader_open,
		.arm = arm_parts,
		.read = read_message,
		.is_stateful = true},
	{.name = "flip-call",
		.begin = link_begin,
		.end = link_end,
		.leave = link_leave,
		.join = writer_join,
		.open = reader_open,
		.arm = arm_call,
		.read = read_message,
		.is_stateful = true},
	{.name = "flip-sender",
		.begin = link_begin,
		.end = link_end,
		.leave = link_leave,
		.join = hearer_join,
		.open = sender_open,
		.arm = arm_hearer,
		.read = send_it,
		.is_stateful = true},
	{.name = NULL},
};
