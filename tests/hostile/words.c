/* SPDX-License-Identifier: MIT */

/* words: positions, counters and words of the control line that lie */

#include <unistd.h>

#include "attack.h"

/* --- positions --- */

static void
produced_leaps(struct attack *attack)
{
	attack_link(attack);
	store_rel(&attack->link->words->produced, UINT64_C(1) << 40);
	attack_ring(attack);
	attack_expect_end(attack);
}

static void
produced_goes_back(struct attack *attack)
{
	attack_link(attack); /* the call has been pushed */
	store_rel(&attack->link->words->produced, 0);
	attack_ring(attack);
	attack_expect_end(attack);
}

static void
produced_beyond_ring(struct attack *attack)
{
	attack_link(attack);
	store_rel(&attack->link->words->produced, attack->link->out.head + attack->link->out.size + RING_ALIGN);
	attack_ring(attack);
	attack_expect_end(attack);
}

static void
produced_between(struct attack *attack)
{
	attack_link(attack);
	store_rel(&attack->link->words->produced, attack->link->out.head + 8);
	attack_ring(attack);
	attack_expect_end(attack);
}

static void
produced_at_the_end(struct attack *attack)
{
	attack_link(attack);
	store_rel(&attack->link->words->produced, UINT64_MAX - 15);
	attack_ring(attack);
	attack_expect_end(attack);
}

/* consumed() - the victim finds it when it looks for room, so it is asked to send much */
static void
consumed_is(struct attack *attack, uint64_t position)
{
	struct record record;

	for (int i = 0; i < 128; i++) { /* answers to fill its ring */
		store_rel(&attack->link->words->consumed, position);
		attack_push_record(attack, record_call(attack, &record, "Echo"));
	}
	attack_expect_end(attack);
}

static void
consumed_leaps(struct attack *attack)
{
	attack_link(attack);
	consumed_is(attack, UINT64_C(1) << 40);
}

static void
consumed_goes_back(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	for (int i = 0; i < 128; i++) { /* first so that it believes in a position above 0 */
		struct wire_header *call = record_call(attack, &record, "Echo");

		attack_push_record(attack, call);
		(void)attack_take(attack, WIRE_REPLY);
		link_publish(attack->link);
	}
	consumed_is(attack, 0);
}

/* --- releases --- */

/* lent_here() - the victim has lent something to here, and n is behind it. Return: the release that would be right */
static uint64_t
lent_here(struct attack *attack)
{
	struct record record;
	struct wire_header *call, reply;
	struct wire_places places;
	struct wire_part part;

	attack_link(attack);
	call = record_call(attack, &record, "Lend");
	wire_places(call, &places);
	memcpy(record.bytes + places.payload, (uint8_t[]){0xa1, 0x61, 'n', 0x19, 0x75, 0x30}, 6); /* 30,000 */
	call->inline_size = 6;
	call->size = ALIGN_TO(wire_size(call), RING_ALIGN);
	attack_push_record(attack, call);
	reply = attack_take(attack, WIRE_REPLY);
	expect(reply.n_parts == 1 && !(reply.flags & WIRE_INLINE));
	wire_places(&reply, &places);
	memcpy(&part,
		attack->link->in.base + ((attack->link->in.tail - reply.size) & (attack->link->in.size - 1)) + places.parts,
		sizeof(part));
	expect(part.segment != 0);
	return (uint64_t)part.generation << 32 | part.slot;
}

/* release() - n times this entry, then have the victim look at them: it does before it lends again */
static void
release(struct attack *attack, uint64_t entry, uint32_t n, uint64_t count)
{
	struct record record;
	struct wire_header *call;
	struct wire_places places;

	for (uint32_t i = 0; i < n; i++)
		store_rlx(&attack->link->releases[i], entry);
	store_rel(&attack->link->words->released, count);
	call = record_call(attack, &record, "Lend");
	wire_places(call, &places);
	memcpy(record.bytes + places.payload, (uint8_t[]){0xa1, 0x61, 'n', 0x19, 0x75, 0x30}, 6);
	call->inline_size = 6;
	call->size = ALIGN_TO(wire_size(call), RING_ALIGN);
	attack_push_record(attack, call);
	attack_expect_end(attack);
}

static void
released_runs(struct attack *attack)
{
	release(attack, lent_here(attack), 1, 1000);
}

static void
released_is_not_out(struct attack *attack)
{
	release(attack, lent_here(attack) + 7, 1, 1);
}

static void
released_is_no_slot(struct attack *attack)
{
	release(attack, lent_here(attack) | 0xffffff00, 1, 1);
}

static void
released_generation(struct attack *attack)
{
	release(attack, lent_here(attack) + (UINT64_C(1) << 32), 1, 1);
}

/* released_twice() - two are out, and one comes back twice */
static void
released_twice(struct attack *attack)
{
	uint64_t entry = lent_here(attack);
	struct record record;
	struct wire_header *call = record_call(attack, &record, "Lend");
	struct wire_places places;

	wire_places(call, &places);
	memcpy(record.bytes + places.payload, (uint8_t[]){0xa1, 0x61, 'n', 0x19, 0x75, 0x30}, 6);
	call->inline_size = 6;
	call->size = ALIGN_TO(wire_size(call), RING_ALIGN);
	attack_push_record(attack, call);
	(void)attack_take(attack, WIRE_REPLY);
	release(attack, entry, 2, 2);
}

/* --- other words --- */

static void
lost_runs(struct attack *attack)
{
	uint64_t began = 0, lost = 0;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		store_rlx(&attack->link->words->lost, lost += (UINT64_C(1) << 60) + 1);
		attack_ring(attack);
		(void)usleep(100);
	}
	attack_expect_goes_on(attack);
}

static void
lost_goes_back(struct attack *attack)
{
	uint64_t began = 0, lost = UINT64_MAX;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		store_rlx(&attack->link->words->lost, lost--);
		attack_ring(attack);
		(void)usleep(100);
	}
	attack_expect_goes_on(attack);
}

/* attention_lies() - every state and epoch there can be, while the victim sends */
static void
attention_lies(struct attack *attack)
{
	uint64_t began = 0;
	struct record record;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		store_rlx(&attack->link->words->attention, attack_random(attack));
		if (attack_has_room(attack, 1024))
			attack_push_record(attack, record_call(attack, &record, "Echo"));
		(void)link_look(attack->link);
		attack->link->in.tail = attack->link->in.seen; /* what it answers is not read */
		link_publish(attack->link);
	}
	attack_expect_goes_on(attack);
}

/* room_storms() - it always waits for room, in another epoch every time */
static void
room_storms(struct attack *attack)
{
	uint64_t began = 0;
	struct record record;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		if (attack_has_room(attack, 1024))
			attack_push_record(attack, record_call(attack, &record, "Echo"));
		store_rlx(&attack->link->words->room, attack_random(attack) | 1);
		(void)link_look(attack->link);
		attack->link->in.tail = attack->link->in.seen;
		link_publish(attack->link);
	}
	attack_expect_goes_on(attack);
}

/* all_words_at_once() - random bits everywhere, as a program does that writes through a wild pointer */
static void
all_words_at_once(struct attack *attack)
{
	_Atomic uint64_t *words;
	uint64_t began = 0;

	attack_link(attack);
	words = (_Atomic uint64_t *)attack->link->words;
	while (!attack_is_over(&began))
		store_rlx(&words[attack_random(attack) % (sizeof(struct shm_control) / 8)], attack_random(attack));
	attack_ring(attack);
	attack_expect_end(attack);
}

/* --- commit words --- */

/* share() - n events that are marked shared, numbered from 1 */
static void
share(struct attack *attack, uint64_t n)
{
	struct record record;

	expect(endpoint_need_page(&attack->bus->endpoint) == 0 && packet_send_page(attack->link) == 0);
	for (uint64_t i = 1; i <= n; i++) {
		struct wire_header *event = record_event(attack, &record, "hostile");

		event->flags |= WIRE_SHARED;
		event->reference = i;
		attack_push_record(attack, event);
	}
}

static void
never_commits(struct attack *attack)
{
	uint32_t n_heard = load_acq(&attack->scene->n_heard);

	attack_link(attack);
	share(attack, 10);
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
	expect(load_acq(&attack->scene->n_heard) == n_heard);
}

static void
commit_leaps(struct attack *attack)
{
	attack_link(attack);
	expect(endpoint_need_page(&attack->bus->endpoint) == 0);
	store_rel(&attack->bus->endpoint.words->commit, UINT64_MAX);
	share(attack, 10);
	attack_expect_goes_on(attack);
}

static void
commit_goes_back(struct attack *attack)
{
	uint64_t began = 0;

	attack_link(attack);
	share(attack, 10);
	while (!attack_is_over(&began))
		store_rel(&attack->bus->endpoint.words->commit, attack_random(attack) % 12);
	store_rel(&attack->bus->endpoint.words->commit, 10);
	attack_ring(attack);
	attack_expect_goes_on(attack);
}

#define WHY_POSITION "its produced position is impossible"
#define WHY_CONSUMED "its consumed position is impossible"
#define ENDS	     "the link ends"
#define NOTHING	     "nothing"

static const struct behaviour items[] = {
	{"produced-leaps", "says it has produced 2^40 bytes", ENDS, ENDS, WHY_POSITION, 0, produced_leaps},
	{"produced-goes-back", "takes back what it had produced", ENDS, ENDS, WHY_POSITION, 0, produced_goes_back},
	{"produced-beyond-ring", "says it has produced more than its ring holds", ENDS, ENDS, WHY_POSITION, 0,
		produced_beyond_ring},
	{"produced-between", "a position between two records", ENDS, ENDS, WHY_POSITION, 0, produced_between},
	{"produced-at-the-end", "the last position there is", ENDS, ENDS, WHY_POSITION, 0, produced_at_the_end},
	{"consumed-leaps", "says it has consumed what was never sent", ENDS, ENDS, WHY_CONSUMED, 0, consumed_leaps},
	{"consumed-goes-back", "takes back what it had consumed", ENDS, ENDS, WHY_CONSUMED, 0, consumed_goes_back},
	{"released-runs", "gives back a thousand blocks, and has one", ENDS, ENDS, "gave back more than was lent", 0,
		released_runs},
	{"released-not-out", "gives back a block that is not out", ENDS, ENDS, "gave back what was not lent", 0,
		released_is_not_out},
	{"released-no-slot", "gives back a block of a number that there is not", ENDS, ENDS,
		"gave back what was not lent", 0, released_is_no_slot},
	{"released-generation", "gives back a block of another generation", ENDS, ENDS, "gave back what was not lent", 0,
		released_generation},
	{"released-twice", "gives one block back twice", ENDS, ENDS, "gave back what was not lent", 0, released_twice},
	{"lost-runs", "its counter of losses leaps on and on", "gaps", NOTHING, NULL, 0, lost_runs},
	{"lost-goes-back", "its counter of losses goes back", "gaps", NOTHING, NULL, 0, lost_goes_back},
	{"attention-lies", "every state and epoch of attention, by chance", "needless bells to send", NOTHING, NULL, 0,
		attention_lies},
	{"room-storms", "waits for room in a new epoch every moment", "needless bells to send", "bells", NULL, 0,
		room_storms},
	{"words-by-chance", "random bits in all control words", ENDS, ENDS, "position is impossible", 0, all_words_at_once},
	{"never-commits", "shared events that are never committed", NOTHING, NOTHING, NULL, 0, never_commits},
	{"commit-leaps", "commits more than there is", "the events", NOTHING, NULL, 0, commit_leaps},
	{"commit-goes-back", "takes commits back", "the events", NOTHING, NULL, 0, commit_goes_back},
};

const struct behaviours words_behaviours = {"words of the control line", items, ARRAY_SIZE(items)};
