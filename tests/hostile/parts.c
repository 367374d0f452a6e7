/* SPDX-License-Identifier: MIT */

/* parts: lent memory that is not there, changes, or goes */

#include <pthread.h>
#include <unistd.h>

#include "attack.h"

/* with_blocks() - linked, and the victim has a segment of 64 KiB with this number */
static void
with_blocks(struct attack *attack, struct segment *blocks, uint32_t id)
{
	attack_link(attack);
	attack_blocks(blocks, 1 << 16);
	expect(attack_segment(attack, id, blocks->fd));
}

static void
push_parts(struct attack *attack, const char *member, const struct wire_part *parts, uint8_t n)
{
	struct record record;
	struct wire_header *header = record_call(attack, &record, member);

	record_parts(&record, parts, n);
	header->flags |= WIRE_NO_REPLY;
	attack_push_record(attack, header);
}

static void
end_with(struct attack *attack, const struct wire_part *part)
{
	push_parts(attack, "Take", part, 1);
	attack_expect_end(attack);
}

static void
segment_not_sent(struct attack *attack)
{
	attack_link(attack);
	end_with(attack, &(struct wire_part){.segment = 99, .size = 8});
}

static void
part_outside(struct attack *attack)
{
	struct segment blocks;

	with_blocks(attack, &blocks, 5);
	end_with(attack, &(struct wire_part){.segment = 5, .offset = (1 << 16) - 4, .size = 8});
}

static void
part_wraps(struct attack *attack)
{
	struct segment blocks;

	with_blocks(attack, &blocks, 5);
	end_with(attack, &(struct wire_part){.segment = 5, .offset = 4096, .size = UINT64_MAX - 1000});
}

static void
part_outside_record(struct attack *attack)
{
	attack_link(attack);
	end_with(attack, &(struct wire_part){.segment = 0, .offset = 8, .size = 64});
}

/* parts_overlap() - eight times the same memory, most of it: nothing says that it may not */
static void
parts_overlap(struct attack *attack)
{
	struct wire_part parts[WIRE_MAX_PARTS];
	struct segment blocks;

	with_blocks(attack, &blocks, 5);
	for (uint32_t i = 0; i < WIRE_MAX_PARTS; i++)
		parts[i] = (struct wire_part){.segment = 5, .slot = 1, .offset = 8 * i, .size = 60000};
	push_parts(attack, "Take", parts, WIRE_MAX_PARTS);
	attack_expect_goes_on(attack);
}

static void
part_is_head(struct attack *attack)
{
	struct segment blocks;

	with_blocks(attack, &blocks, 5);
	push_parts(attack, "Take", &(struct wire_part){.segment = 5, .offset = 0, .size = 1 << 16}, 1);
	attack_expect_goes_on(attack);
}

/* --- that change --- */

struct flipper {
	volatile uint8_t *bytes;
	uint32_t size;
	_Atomic uint32_t stop;
	uint64_t seed;
};

static void *
flip(void *user)
{
	struct flipper *flipper = user;
	struct attack own = {.seed = flipper->seed | 1};

	while (!load_rlx(&flipper->stop)) {
		uint64_t random = attack_random(&own);

		flipper->bytes[random % flipper->size] = (uint8_t)(random >> 32);
	}
	return NULL;
}

/* flips_lent() - CBOR that is something else at each look */
static void
flips_lent(struct attack *attack)
{
	struct flipper flipper = {.seed = attack->seed, .size = 64};
	struct segment blocks;
	uint64_t began = 0;
	pthread_t thread;

	with_blocks(attack, &blocks, 5);
	flipper.bytes = blocks.base + 4096;
	expect(pthread_create(&thread, NULL, flip, &flipper) == 0);
	while (!attack_is_over(&began))
		push_parts(attack, "Take", &(struct wire_part){.segment = 5, .offset = 4096, .size = 64}, 1);
	store_rlx(&flipper.stop, 1);
	(void)pthread_join(thread, NULL);
	attack_expect_goes_on(attack);
}

/* flips_tables() - where parts are changes while it is read */
static void
flips_tables(struct attack *attack)
{
	struct flipper flipper = {.seed = attack->seed, .size = LINK_RING_SIZE};
	struct segment blocks;
	uint64_t began = 0;
	pthread_t thread;

	with_blocks(attack, &blocks, 5);
	flipper.bytes = attack->link->out.base;
	expect(pthread_create(&thread, NULL, flip, &flipper) == 0);
	while (!attack_is_over(&began)) {
		struct wire_part parts[WIRE_MAX_PARTS];

		for (uint32_t i = 0; i < WIRE_MAX_PARTS; i++)
			parts[i] = (struct wire_part){.segment = 5, .offset = 4096 * i, .size = 4096};
		push_parts(attack, "Take", parts, WIRE_MAX_PARTS);
	}
	store_rlx(&flipper.stop, 1);
	(void)pthread_join(thread, NULL);
}

/* --- that go --- */

static void
drop(struct attack *attack, uint32_t id)
{
	struct packet_segment packet = {.letter = PACKET_DROP, .id = id};

	expect(attack_packet(attack, &packet, sizeof(packet), NULL, 0));
}

/* drops_in_use() - the victim has kept a message that lies in it */
static void
drops_in_use(struct attack *attack)
{
	struct segment blocks;

	with_blocks(attack, &blocks, 5);
	push_parts(attack, "Keep", &(struct wire_part){.segment = 5, .offset = 4096, .size = 60000}, 1);
	attack_expect_goes_on(attack);
	drop(attack, 5);
	segment_deinit(&blocks);
	attack_expect_goes_on(attack);
}

static void
drops_unknown(struct attack *attack)
{
	attack_link(attack);
	drop(attack, 99);
	attack_expect_end(attack);
}

static void
drops_then_names(struct attack *attack)
{
	struct segment blocks;

	with_blocks(attack, &blocks, 5);
	drop(attack, 5);
	attack_ring(attack);
	push_parts(attack, "Take", &(struct wire_part){.size = 0}, 0);
	attack_expect_goes_on(attack); /* the socket was read, too */
	end_with(attack, &(struct wire_part){.segment = 5, .offset = 4096, .size = 8});
}

/* never_gives_back() - it asks for more and more lent memory, and keeps all */
static void
never_gives_back(struct attack *attack)
{
	tern_message *kept[300], *reply;
	size_t n = 0;

	attack_link(attack);
	expect(tern_set_option(attack->bus, TERN_OPT_TIMEOUT, 100 * NSEC_PER_MSEC) == 0);
	while (n < ARRAY_SIZE(kept) &&
		tern_call_sync(attack->bus, VICTIM, "Lend", &reply, NULL, "{n:u}", (uint64_t)30000) == 0)
		kept[n++] = reply;
	expect(n > 100 && n < ARRAY_SIZE(kept));
	attack_expect_goes_on(attack);
}

#define ENDS	 "the link ends"
#define NOTHING	 "nothing"
#define WHY_PART "a part lies"

static const struct behaviour items[] = {
	{"segment-not-sent", "a part in a segment that was never sent", ENDS, ENDS, WHY_PART, 0, segment_not_sent},
	{"part-outside", "a part that ends behind its segment", ENDS, ENDS, WHY_PART, 0, part_outside},
	{"part-wraps", "a part so long that its end comes before its begin", ENDS, ENDS, WHY_PART, 0, part_wraps},
	{"part-outside-record", "a part behind the end of its record", ENDS, ENDS, "a record's lengths do not fit", 0,
		part_outside_record},
	{"parts-overlap", "eight parts of the same memory", "the message", NOTHING, NULL, 0, parts_overlap},
	{"part-is-head", "a part that is the whole segment, with its head", "the message", NOTHING, NULL, 0, part_is_head},
	{"flips-lent", "lent values that change while they are read", "any values; of another user the same at every look",
		NOTHING, NULL, 0, flips_lent},
	{"flips-tables", "tables of parts that change while they are read", "the link ends, or other parts", "the same", "*", 0,
		flips_tables},
	{"drops-in-use", "takes back a segment in which a message lies", "nothing: the message stays", NOTHING, NULL, 0,
		drops_in_use},
	{"drops-unknown", "takes back a segment that it never sent", ENDS, ENDS, "drop: no such segment", 0, drops_unknown},
	{"drops-then-names", "a part in a segment that it took back", ENDS, ENDS, WHY_PART, 0, drops_then_names},
	{"never-gives-back", "keeps all that it is lent", "no more is lent to it: its answers wait", "calls that end by their deadline", NULL, 0,
		never_gives_back},
};

const struct behaviours parts_behaviours = {"lent memory", items, ARRAY_SIZE(items)};
