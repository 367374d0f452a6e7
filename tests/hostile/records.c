/* SPDX-License-Identifier: MIT */

/* records: headers, lengths, stamps and kinds that are wrong, and records that change while they are read */

#include <pthread.h>
#include <unistd.h>

#include "attack.h"

/* begin() - a good call, to be spoiled */
static struct wire_header *
begin(struct attack *attack, struct record *record)
{
	attack_link(attack);
	return record_call(attack, record, "Take");
}

/* end_with() - push so many bytes of it, which end the link */
static void
end_with(struct attack *attack, const struct record *record, uint32_t size)
{
	attack_push(attack, record->bytes, size);
	attack_ring(attack);
	attack_expect_end(attack);
}

static void
size_0(struct attack *attack)
{
	struct record record;

	begin(attack, &record)->size = 0;
	end_with(attack, &record, 256);
}

static void
size_odd(struct attack *attack)
{
	struct record record;

	begin(attack, &record)->size = 100;
	end_with(attack, &record, 256);
}

static void
size_beyond(struct attack *attack)
{
	struct record record;

	begin(attack, &record)->size = 512;
	end_with(attack, &record, 256);
}

static void
size_huge(struct attack *attack)
{
	struct record record;

	begin(attack, &record)->size = 0xfffffff0;
	end_with(attack, &record, 256);
}

static void
size_below_header(struct attack *attack)
{
	struct record record;

	begin(attack, &record)->size = 64;
	end_with(attack, &record, 64);
}

static void
tags_too_long(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->tags_size = UINT16_MAX;
	end_with(attack, &record, header->size);
}

static void
tags_too_many(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->n_tags = 200;
	end_with(attack, &record, header->size);
}

static void
strings_too_long(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->member_size = header->type_size = UINT8_MAX;
	end_with(attack, &record, header->size);
}

/* string_without_end() - no NUL where the header says that there is one */
static void
string_without_end(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);
	struct wire_places places;

	wire_places(header, &places);
	record.bytes[places.type - 1] = 'x';
	end_with(attack, &record, header->size);
}

static void
payload_too_long(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->inline_size = UINT32_MAX;
	end_with(attack, &record, header->size);
}

static void
too_many_parts(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->flags &= (uint16_t)~WIRE_INLINE;
	header->n_parts = UINT8_MAX;
	end_with(attack, &record, header->size);
}

static void
descriptors_not_sent(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->n_fds = 4;
	end_with(attack, &record, header->size);
}

static void
too_many_descriptors(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->n_fds = UINT8_MAX;
	end_with(attack, &record, header->size);
}

static void
shared_without_page(struct attack *attack)
{
	struct record record;
	struct wire_header *header;

	attack_link(attack);
	header = record_event(attack, &record, "hostile");
	header->flags |= WIRE_SHARED;
	end_with(attack, &record, header->size);
}

/* all_flags() - of which some mean nothing, and some what the record is not */
static void
all_flags(struct attack *attack)
{
	struct record record;
	struct wire_header *header = begin(attack, &record);

	header->flags = UINT16_MAX & (uint16_t)~WIRE_SHARED;
	attack_push_record(attack, header);
	attack_expect_goes_on(attack);
}

static void
unknown_kinds(struct attack *attack)
{
	struct record record;
	uint64_t began = 0;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		struct wire_header *header = record_call(attack, &record, "Take");

		header->kind = (uint16_t)(64 + attack_random(attack) % 60000);
		attack_push_record(attack, header);
	}
	attack_expect_goes_on(attack);
}

/* pads() - nothing but */
static void
pads(struct attack *attack)
{
	static const struct shm_ring_record pad = {.size = 16, .tag = RING_PAD};
	uint64_t began = 0;

	attack_link(attack);
	while (!attack_is_over(&began))
		attack_push(attack, &pad, sizeof(pad));
	attack_expect_goes_on(attack);
}

/* --- time --- */

/* stamped() - events with these stamps, then one with a true one; all arrive */
static void
stamped(struct attack *attack, uint64_t first, uint64_t step)
{
	uint32_t n_heard = load_acq(&attack->scene->n_heard);
	struct record record;

	attack_link(attack);
	for (uint64_t i = 0; i < 10; i++) {
		struct wire_header *event = record_event(attack, &record, "hostile");

		event->stamp = first + i * step;
		attack_push_record(attack, event);
	}
	attack_push_record(attack, record_event(attack, &record, "hostile"));
	attack_expect_goes_on(attack);
	expect(load_acq(&attack->scene->n_heard) >= n_heard); /* by others, too: at the next wait */
	wait_for(&attack->scene->n_heard, n_heard + 11);
}

static void
stamps_ahead(struct attack *attack)
{
	stamped(attack, clock_now_ns() + 3600 * NSEC_PER_SEC, NSEC_PER_SEC);
}

static void
stamps_at_the_end(struct attack *attack)
{
	stamped(attack, UINT64_MAX, 0);
}

static void
stamps_past(struct attack *attack)
{
	stamped(attack, 0, 0);
}

static void
stamps_go_back(struct attack *attack)
{
	stamped(attack, clock_now_ns() + NSEC_PER_SEC, (uint64_t)0 - 100 * NSEC_PER_MSEC);
}

static void
deadlines_absurd(struct attack *attack)
{
	static const uint64_t deadlines[] = {1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
	struct record record;

	attack_link(attack);
	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
		struct wire_header *header = record_call(attack, &record, "Take");

		header->deadline = deadlines[i];
		attack_push_record(attack, header);
		header = record_event(attack, &record, "hostile");
		header->deadline = deadlines[i];
		attack_push_record(attack, header);
	}
	attack_expect_goes_on(attack);
}

/* --- records that change --- */

struct flipper {
	struct attack *attack;
	_Atomic uint32_t stop;
	uint32_t from, to; /* bytes of each 256 of the ring */
	uint64_t seed;
};

static void *
flip(void *user)
{
	struct flipper *flipper = user;
	struct attack own = {.seed = flipper->attack->seed | 1};
	uint8_t *base = flipper->attack->link->out.base;

	while (!load_rlx(&flipper->stop)) {
		uint64_t random = attack_random(&own);
		uint32_t at = (uint32_t)(random % LINK_RING_SIZE) & ~255u;

		at += flipper->from + (uint32_t)(random >> 32) % (flipper->to - flipper->from);
		*(volatile uint8_t *)(base + at) = (uint8_t)(random >> 56);
	}
	return NULL;
}

/* flipping() - records of 256 bytes, and a thread that writes to these bytes of them while they are read, for a while */
static void
flipping(struct attack *attack, uint32_t from, uint32_t to, bool until_end)
{
	struct flipper flipper = {.attack = attack, .from = from, .to = to};
	struct record record;
	uint64_t began = 0;
	pthread_t thread;

	attack_link(attack);
	while (attack->link->out.head % 256) { /* where a flipper expects them */
		static const struct shm_ring_record pad = {.size = 16, .tag = RING_PAD};

		attack_push(attack, &pad, sizeof(pad));
	}
	expect(pthread_create(&thread, NULL, flip, &flipper) == 0);
	while (until_end ? !attack_has_ended(attack) : !attack_is_over(&began)) {
		struct wire_header *header = record_call(attack, &record, "Take");

		header->size = 256;
		header->flags |= WIRE_NO_REPLY;
		attack_push_record(attack, header); /* returns when the other end has hung up, too */
	}
	store_rlx(&flipper.stop, 1);
	(void)pthread_join(thread, NULL);
}

static void
flips_sizes(struct attack *attack)
{
	flipping(attack, 0, 4, true);
	attack_expect_end(attack);
}

static void
flips_kinds(struct attack *attack)
{
	flipping(attack, 4, 8, false);
}

static void
flips_headers(struct attack *attack)
{
	flipping(attack, 8, 80, false);
}

static void
flips_strings(struct attack *attack)
{
	flipping(attack, 80, 108, false);
}

static void
flips_payload(struct attack *attack)
{
	flipping(attack, 112, 116, false);
	attack_expect_goes_on(attack);
}

/* --- rings that move --- */

static void
move_to(struct attack *attack, uint32_t id)
{
	struct record record = {0};
	struct wire_header *header = (struct wire_header *)record.bytes;

	*header = (struct wire_header){.size = LINK_MOVED_SIZE, .kind = WIRE_MOVED, .reference = id};
	attack_push_record(attack, header);
	attack_ring(attack);
}

static void
moves_to_nothing(struct attack *attack)
{
	attack_link(attack);
	move_to(attack, 4711);
	attack_expect_end(attack);
}

static void
moves_to_blocks(struct attack *attack)
{
	struct segment blocks;

	attack_link(attack);
	attack_blocks(&blocks, 1 << 16);
	expect(attack_segment(attack, 7, blocks.fd));
	move_to(attack, 7);
	attack_expect_end(attack);
}

static void
moves_to_smaller(struct attack *attack)
{
	struct segment ring;

	attack_link(attack);
	attack_ring_segment(&ring, 4096);
	expect(attack_segment(attack, 7, ring.fd));
	move_to(attack, 7);
	attack_expect_end(attack);
}

/* moves_for_ever() - two rings of the same size, full of moves from one to the other */
static void
moves_for_ever(struct attack *attack)
{
	struct segment rings[2];
	uint64_t began = 0, consumed;

	attack_link(attack);
	for (uint32_t i = 0; i < 2; i++) {
		attack_ring_segment(&rings[i], LINK_RING_SIZE);
		for (uint32_t at = 0; at + 128 <= LINK_RING_SIZE; at += 128)
			*(struct wire_header *)(rings[i].base + LINK_RING_AT + at) =
				(struct wire_header){.size = 128, .kind = WIRE_MOVED, .reference = 1 + !i};
	}
	while (attack->link->out.head % 128) {
		static const struct shm_ring_record pad = {.size = 16, .tag = RING_PAD};

		attack_push(attack, &pad, sizeof(pad));
	}
	expect(attack_segment(attack, 1, rings[0].fd) && attack_segment(attack, 2, rings[1].fd));
	store_rel(&attack->link->words->produced, attack->link->out.head + LINK_RING_SIZE / 2);
	*(struct wire_header *)(attack->link->out.base + (attack->link->out.head & (LINK_RING_SIZE - 1))) =
		(struct wire_header){.size = 128, .kind = WIRE_MOVED, .reference = 1};
	attack_ring(attack);
	consumed = load_acq(&attack->link->partner_words->consumed);
	for (uint32_t i = 0; !attack_is_over(&began);) {
		uint64_t now = load_acq(&attack->link->partner_words->consumed);

		if (now < consumed + 128) /* each move is consumed by itself, and its ring is gone then */
			continue;
		consumed += 128;
		(void)attack_segment(attack, 1 + i % 2, rings[i % 2].fd);
		i++;
		store_rel(&attack->link->words->produced, now + LINK_RING_SIZE / 2);
	}
	attack_expect_end(attack);
}

#define WHY_SIZE    "a record's size is impossible"
#define WHY_LENGTHS "a record's lengths do not fit"
#define ENDS	    "the link ends"
#define NOTHING	    "nothing"

static const struct behaviour items[] = {
	{"size-0", "a record of no size", ENDS, ENDS, WHY_SIZE, 0, size_0},
	{"size-odd", "a record whose size is no multiple of 16", ENDS, ENDS, WHY_SIZE, 0, size_odd},
	{"size-beyond", "a record larger than what was produced", ENDS, ENDS, WHY_SIZE, 0, size_beyond},
	{"size-huge", "a record of 4 GiB", ENDS, ENDS, WHY_SIZE, 0, size_huge},
	{"size-below-header", "a record smaller than its header", ENDS, ENDS, "a record is shorter than its header", 0,
		size_below_header},
	{"tags-too-long", "tags longer than the record", ENDS, ENDS, WHY_LENGTHS, 0, tags_too_long},
	{"tags-too-many", "two hundred tags in no bytes", ENDS, ENDS, WHY_LENGTHS, 0, tags_too_many},
	{"strings-too-long", "a member and a type longer than the record", ENDS, ENDS, WHY_LENGTHS, 0, strings_too_long},
	{"string-without-end", "a member without its zero", ENDS, ENDS, WHY_LENGTHS, 0, string_without_end},
	{"payload-too-long", "a payload of 4 GiB in 112 bytes", ENDS, ENDS, WHY_LENGTHS, 0, payload_too_long},
	{"too-many-parts", "255 parts", ENDS, ENDS, WHY_LENGTHS, 0, too_many_parts},
	{"descriptors-not-sent", "names descriptors that were not sent", ENDS, ENDS, "descriptors that were not sent", 0,
		descriptors_not_sent},
	{"too-many-descriptors", "names 255 descriptors", ENDS, ENDS, WHY_LENGTHS, 0, too_many_descriptors},
	{"shared-without-page", "a shared event, and no page with a commit word", ENDS, ENDS,
		"a shared record came before the page", 0, shared_without_page},
	{"all-flags", "a call with all flags", NOTHING, NOTHING, NULL, 0, all_flags},
	{"unknown-kinds", "records of kinds that there are not", "nothing: they are passed over", NOTHING, NULL, 0,
		unknown_kinds},
	{"pads", "rings full of padding", "nothing: it is passed over", NOTHING, NULL, 0, pads},
	{"stamps-ahead", "stamps an hour ahead", "the events", NOTHING, NULL, 0, stamps_ahead},
	{"stamps-at-the-end", "the last stamp there is", "the events", NOTHING, NULL, 0, stamps_at_the_end},
	{"stamps-past", "stamps of 0", "the events", NOTHING, NULL, 0, stamps_past},
	{"stamps-go-back", "stamps that go back", "the events, in the order they were sent", NOTHING, NULL, 0,
		stamps_go_back},
	{"deadlines-absurd", "deadlines long ago and never", "calls, with those deadlines; events that are old are dropped",
		NOTHING, NULL, 0, deadlines_absurd},
	{"flips-sizes", "sizes of records that change while they are read", ENDS, ENDS, "a record", 0, flips_sizes},
	{"flips-kinds", "kinds and flags that change while they are read", "the link ends, or other records", "the same", "*",
		0, flips_kinds},
	{"flips-headers", "headers that change while they are read", "the link ends, or other records", "the same", "*", 0,
		flips_headers},
	{"flips-strings", "names and members that change while they are read", "the link ends, or other calls", "the same",
		"*", 0, flips_strings},
	{"flips-payload", "values that change while they are read", "other values", NOTHING, NULL, 0, flips_payload},
	{"moves-to-nothing", "a ring that moves to a segment that was not sent", ENDS, ENDS, "moved: no such segment", 0,
		moves_to_nothing},
	{"moves-to-blocks", "a ring that moves to a segment of blocks", ENDS, ENDS, "moved: not a ring", 0, moves_to_blocks},
	{"moves-to-smaller", "a ring that moves to a smaller one", ENDS, ENDS, "moved: not a larger ring", 0,
		moves_to_smaller},
	{"moves-for-ever", "two rings, each of which moves to the other", ENDS, ENDS, "moved: not a larger ring", 0,
		moves_for_ever},
};

const struct behaviours records_behaviours = {"records", items, ARRAY_SIZE(items)};
