/* SPDX-License-Identifier: MIT */

/* calls: answers, cancels, streams, events, values and taps that are not what they should be */

#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "shm/value.h"

/* answer() - n times what the victim has called; of calls that it has not made if off is not 0 */
static void
answer(struct attack *attack, uint16_t kind, uint64_t off, int n)
{
	struct record record;

	attack_link(attack);
	for (int i = 0; i < n; i++)
		attack_push_record(attack, record_about(attack, &record, kind, attack->asked + off));
	attack_expect_goes_on(attack);
}

static void
replies_to_no_call(struct attack *attack)
{
	answer(attack, WIRE_REPLY, UINT64_C(1) << 33, 10);
}

static void
replies_twice(struct attack *attack)
{
	answer(attack, WIRE_REPLY, 0, 3);
}

/* replies_for_others() - to every call that the victim may have under way */
static void
replies_for_others(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	for (uint64_t i = 1; i < attack->asked && i < 200; i++)
		attack_push_record(attack, record_about(attack, &record, WIRE_REPLY, attack->asked - i));
	attack_expect_goes_on(attack);
}

static void
errors_without_name(struct attack *attack)
{
	struct record record;
	struct wire_header *error;

	attack_link(attack);
	error = record_about(attack, &record, WIRE_REPLY, attack->asked);
	error->kind = WIRE_ERROR;
	attack_push_record(attack, error);
	attack_expect_goes_on(attack);
}

static void
bounces_for_ever(struct attack *attack)
{
	struct record record;
	struct wire_header *error;

	attack_link(attack);
	for (int i = 0; i < 20; i++) {
		error = record_about(attack, &record, WIRE_ERROR, attack->asked);
		error->flags |= WIRE_BOUNCED;
		attack_push_record(attack, error);
	}
	attack_expect_goes_on(attack);
}

static void
cancels_by_chance(struct attack *attack)
{
	struct record record;
	uint64_t began = 0;

	attack_link(attack);
	while (!attack_is_over(&began))
		attack_push_record(attack,
			record_about(attack, &record, WIRE_CANCEL, attack_random(attack) % 2000));
	attack_expect_goes_on(attack);
}

static void
one_serial_for_all(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	for (int i = 0; i < 50; i++) {
		struct wire_header *call = record_call(attack, &record, "Take");

		call->serial = 4711;
		attack_push_record(attack, call);
		(void)attack_take(attack, WIRE_REPLY);
		link_publish(attack->link);
	}
	attack_expect_goes_on(attack);
}

/* for_the_library() - what is said where there is no bus */
static void
for_the_library(struct attack *attack)
{
	static const char *const members[] = {"rule-add", "rule-remove", "rules-told", "nonsense"};
	struct record record;

	attack_link(attack);
	for (size_t i = 0; i < 40; i++) {
		struct wire_header *call = record_call(attack, &record, members[i % ARRAY_SIZE(members)]);

		call->flags |= WIRE_LIBRARY;
		attack_push_record(attack, call);
	}
	attack_expect_goes_on(attack);
}

static void
calls_nobody(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	for (int i = 0; i < 200; i++) {
		struct wire_header *call = record_call(attack, &record, "NoSuchMember");
		struct wire_places places;

		wire_places(call, &places);
		if (i % 2)
			record.bytes[places.service] = 'x'; /* a service that is not here */
		attack_push_record(attack, call);
		(void)attack_take(attack, WIRE_ERROR);
		link_publish(attack->link);
	}
	attack_expect_goes_on(attack);
}

/* never_reads() - calls and calls, and takes no answer: they are kept, up to 16 MiB */
static void
never_reads(struct attack *attack)
{
	uint64_t began = 0;
	struct record record;

	attack_link(attack);
	while (!attack_is_over(&began))
		if (attack_has_room(attack, 512))
			attack_push_record(attack, record_call(attack, &record, "Echo"));
	attack_expect_goes_on(attack);
}

static void
never_reads_to_the_end(struct attack *attack)
{
	struct record record;
	uint64_t n = 0;

	attack_link(attack);
	for (bool is_there = true; is_there && n < 1000000; n++) {
		attack_push_record(attack, record_call(attack, &record, "Echo"));
		if (n % 512 == 0) {
			uint8_t byte;
			ssize_t r = recv(attack->link->fd, &byte, 1, MSG_DONTWAIT);

			is_there = r != 0;
		}
	}
	expect(n < 1000000);
	attack_expect_end(attack);
}

static void
calls_without_end(struct attack *attack)
{
	uint64_t began = 0;
	struct record record;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		struct wire_header *call = record_call(attack, &record, "Take");

		call->flags |= WIRE_NO_REPLY;
		attack_push_record(attack, call);
	}
	attack_expect_goes_on(attack);
}

/* --- events --- */

static void
events_without_end(struct attack *attack)
{
	static const char *const tags[] = {"hostile", NULL};
	uint64_t began = 0;
	tern_topic *topic;

	attack_link(attack);
	expect(tern_topic_new(attack->bus, tags, &topic) == 0);
	while (!attack_is_over(&began))
		expect(tern_publish(topic, "u", began) == 0);
}

/* gaps_with_events() - each event says that others were lost */
static void
gaps_with_events(struct attack *attack)
{
	uint64_t began = 0, lost = 0;
	struct record record;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		struct wire_header *event = record_event(attack, &record, "hostile");

		event->lost = lost += attack_random(attack) % (UINT64_C(1) << 40);
		attack_push_record(attack, event);
	}
	attack_expect_goes_on(attack);
}

/* events_nobody_asked_for() - with the tags of others' values, taps and ternd's news */
static void
events_nobody_asked_for(struct attack *attack)
{
	static const char *const tags[] = {"tern.state", "tern.state#1", "tern.tap", "new", "gone", "org.tern.Bus.Gone"};
	struct record record;

	attack_link(attack);
	for (size_t i = 0; i < 60; i++) {
		struct wire_header *event = record_event(attack, &record, tags[i % ARRAY_SIZE(tags)]);

		event->serial = attack_random(attack);
		attack_push_record(attack, event);
	}
	attack_expect_goes_on(attack);
}

/* hears_and_never_reads() - rules of all kinds, and a victim that publishes */
static void
hears_and_never_reads(struct attack *attack)
{
	static const char *const tags[] = {"victim", NULL};
	tern_subscription *subscription;

	attack_link(attack);
	for (uint32_t policy = TERN_DROP_NEWEST; policy <= TERN_DISCONNECT; policy++) {
		struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = policy};

		expect(tern_subscribe(attack->bus, &rule, NULL, NULL, &subscription) == 0);
	}
	(void)tern_message_unref(attack_call(attack, "Publish", 20)); /* always NULL */
	for (int i = 0; i < 20; i++) {
		struct record record;
		struct wire_header *call = record_call(attack, &record, "Publish");
		struct wire_places places;

		wire_places(call, &places);
		record.bytes[places.payload + 3] = 23; /* events */
		call->flags |= WIRE_NO_REPLY;
		attack_push_record(attack, call);
	}
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

/* --- streams --- */

/* push_stream() - a call that streams, with this credit for the victim */
static uint64_t
push_stream(struct attack *attack, const char *member, uint32_t credit)
{
	struct record record;
	struct wire_header *call = record_call(attack, &record, member);

	call->credit = credit;
	attack_push_record(attack, call);
	return call->serial;
}

/* push_parts() - six of 64 KiB at one stroke, where the credit is for four */
static void
push_parts(struct attack *attack, uint64_t reference, uint16_t flags)
{
	struct segment blocks;
	uint32_t size = 0;

	attack_blocks(&blocks, 1 << 17);
	expect(attack_segment(attack, 5, blocks.fd));
	expect(attack_has_room(attack, 2048));
	for (int i = 0; i < 6; i++) {
		struct record record;
		struct wire_header *part = record_about(attack, &record, WIRE_PART, reference);

		record_parts(&record, &(struct wire_part){.segment = 5, .offset = 4096, .size = 1 << 16}, 1);
		part->flags |= flags;
		size = part->size;
		memcpy(ring_out_begin(&attack->link->out, size), part, size);
		attack->link->out.head += size; /* not yet to be seen */
	}
	attack->link->out.head -= size;
	ring_out_end(&attack->link->out, size);
	attack_ring(attack);
}

static void
parts_without_credit(struct attack *attack)
{
	attack_link(attack);
	push_parts(attack, push_stream(attack, "Hold", 1 << 18), 0);
	attack_expect_end(attack);
}

static void
part_behind_end(struct attack *attack)
{
	struct record record;
	uint64_t serial;

	attack_link(attack);
	serial = push_stream(attack, "Stream", 1 << 18);
	attack_push_record(attack, record_about(attack, &record, WIRE_END, serial));
	attack_push_record(attack, record_about(attack, &record, WIRE_PART, serial));
	attack_ring(attack);
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC); /* the victim may have answered in between: then it is of no call */
}

static void
credit_beyond(struct attack *attack)
{
	struct record record;

	attack_link_streaming(attack);
	for (int i = 0; i < 3; i++) {
		struct wire_header *credit = record_about(attack, &record, WIRE_CREDIT, attack->asked);

		credit->flags |= WIRE_BACK;
		credit->credit = 1 << 30;
		attack_push_record(attack, credit);
	}
	attack_expect_end(attack);
}

static void
parts_of_no_stream(struct attack *attack)
{
	struct record record;
	struct wire_header *part;

	attack_link(attack); /* whose call is none */
	part = record_about(attack, &record, WIRE_PART, attack->asked);
	part->flags |= WIRE_BACK;
	attack_push_record(attack, part);
	attack_expect_end(attack);
}

static void
parts_of_no_call(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	for (int i = 0; i < 100; i++) {
		struct wire_header *part =
			record_about(attack, &record, WIRE_PART + (uint16_t)(i % 3), attack_random(attack));

		part->flags |= i & 1 ? WIRE_BACK : 0;
		attack_push_record(attack, part);
	}
	attack_expect_goes_on(attack);
}

static void
back_without_credit(struct attack *attack)
{
	attack_link_streaming(attack);
	push_parts(attack, attack->asked, WIRE_BACK);
	attack_expect_end(attack);
}

static void
streams_without_end(struct attack *attack)
{
	attack_link(attack);
	for (int i = 0; i < 300; i++)
		(void)push_stream(attack, "Stream", 1 << 10);
	attack_expect_goes_on(attack);
}

/* --- values --- */

/* answer_state() - with a segment that this makes worse and worse while it is read */
static void
answer_state(struct attack *attack, bool is_sealed)
{
	struct tern_event event = {.size = sizeof(event)};
	struct value value;
	uint64_t began = 0;
	tern_message *m;
	tern_call *call;
	int fd;

	attack_join(attack);
	expect(value_create(&value, 1024) == 0);
	store_rel(&value.word->version, 1);
	fd = is_sealed ? value.memory.fd : memfd_create("hostile", MFD_CLOEXEC);
	expect(is_sealed || ftruncate(fd, 1 << 16) == 0);
	expect(tern_message_new_call(attack->bus, VICTIM, "ReadValue", &m) == 0);
	expect(tern_send(m, TERN_DEFAULT, 0, &call) == 0);
	do {
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
		event = (struct tern_event){.size = sizeof(event)};
		expect(tern_next(attack->bus, PATIENCE_MS * NSEC_PER_MSEC, &event) == 0);
	} while (event.kind != TERN_CALL);
	expect(tern_reply(event.call, "{value:h, number:u}", fd, (uint64_t)1) == 0);
	while (!attack_is_over(&began)) {
		store_rel(&value.word->version, attack_random(attack));
		for (size_t i = 0; i < ARRAY_SIZE(value.word->sizes); i++)
			store_rlx(&value.word->sizes[i], attack_random(attack));
		(void)usleep(10);
	}
}

static void
value_lies(struct attack *attack)
{
	answer_state(attack, true);
}

static void
value_unsealed(struct attack *attack)
{
	answer_state(attack, false);
}

#define ENDS	"the link ends"
#define NOTHING "nothing"

static const struct behaviour items[] = {
	{"replies-to-no-call", "answers to calls that nobody made", "nothing: they are dropped", NOTHING, NULL, 0,
		replies_to_no_call},
	{"replies-twice", "three answers to one call", "the first one", NOTHING, "*", 0, replies_twice},
	{"replies-for-others", "answers to calls that others were asked", "nothing: they are dropped", NOTHING, NULL, 0,
		replies_for_others},
	{"errors-without-name", "an error that has no name", "an error", NOTHING, "*", 0, errors_without_name},
	{"bounces-for-ever", "says that its name is no longer here, again and again", "the call fails", NOTHING, "*", 0,
		bounces_for_ever},
	{"cancels-by-chance", "cancels of any calls", "nothing: they are not of others' calls", NOTHING, NULL, 0,
		cancels_by_chance},
	{"one-serial-for-all", "calls with one serial for all", "the calls", NOTHING, NULL, 0, one_serial_for_all},
	{"for-the-library", "calls to the library that there are on direct links only", "nothing, or errors to it", "errors",
		NULL, 0, for_the_library},
	{"calls-nobody", "members and services that there are not", NOTHING, "errors", NULL, 0, calls_nobody},
	{"never-reads", "takes no answer", "answers kept, 16 MiB at most", NOTHING, NULL, 0, never_reads},
	{"never-reads-to-the-end", "takes no answer, until it is enough", ENDS, ENDS, "*", 0, never_reads_to_the_end},
	{"calls-without-end", "calls as fast as it can", "the calls", NOTHING, NULL, 0, calls_without_end},
	{"events-without-end", "publishes as fast as it can", "events and gaps", NOTHING, NULL, 0, events_without_end},
	{"gaps-with-events", "each event tells of many that were lost", "events and gaps", NOTHING, NULL, 0,
		gaps_with_events},
	{"events-nobody-asked", "events with the library's own tags", "nothing: they match no rule of its", NOTHING, NULL, 0,
		events_nobody_asked_for},
	{"hears-and-never-reads", "subscribes in every way, and takes nothing in",
		"with TERN_WAIT its publish takes 10 ms, as it allows, once", "gaps", NULL, 0, hears_and_never_reads},
	{"parts-without-credit", "more of a stream than there was credit for", ENDS, ENDS,
		"more of a stream than it had credit for", 0, parts_without_credit},
	{"part-behind-end", "more of a stream behind its end", "the link ends, or nothing where it had answered",
		"the same", "*", 0, part_behind_end},
	{"credit-beyond", "credit for more than there can be", ENDS, ENDS, "more credit", 0, credit_beyond},
	{"parts-of-no-stream", "parts for a call that is no stream", ENDS, ENDS, "no stream", 0, parts_of_no_stream},
	{"parts-of-no-call", "parts, ends and credit of calls that there are not", NOTHING, NOTHING, NULL, 0,
		parts_of_no_call},
	{"back-without-credit", "more of a stream's answer than there was credit for", ENDS, ENDS,
		"more of a stream than it had credit for", 0, back_without_credit},
	{"streams-without-end", "three hundred streams that never end", "256 of them", "errors for the others", NULL, 0,
		streams_without_end},
	{"value-lies", "a value whose versions and sizes are random", "-EAGAIN, or any bytes", NOTHING, NULL, 0, value_lies},
	{"value-unsealed", "a value in memory without seals", "-EPROTO", NOTHING, NULL, 0, value_unsealed},
};

const struct behaviours calls_behaviours = {"calls, events, streams and values", items, ARRAY_SIZE(items)};
