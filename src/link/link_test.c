/* SPDX-License-Identifier: MIT */

/*
 * Tests of link: what two good ends do. Those that break the protocol: packet_test.c, and
 * link-receive_test.c for what stands in shared memory.
 */

#include "link/ends_test.h"

/* pull() - the next record; its private copy is the caller's */
static uint8_t *
pull(struct link *link, struct wire_header *ret)
{
	struct wire_places places;
	uint8_t *record;

	if (link_look(link) != 1 || link_peek(link, ret) != 1)
		return NULL;
	record = malloc(ret->size);
	ck_assert_ptr_nonnull(record);
	ck_assert_int_eq(link_take(link, ret, record, &places), 0);
	return record;
}

START_TEST(records_go_both_ways)
{
	struct link *from[2] = {a, b}, *to[2] = {b, a};

	for (int i = 0; i < 2; i++) {
		struct wire_places places;
		struct wire_header header;
		uint8_t *record;

		ck_assert_int_eq(link_look(to[i]), 0);
		ck_assert_int_eq(push(from[i], "hello", NULL, 5), 0);
		record = pull(to[i], &header);
		ck_assert_ptr_nonnull(record);
		ck_assert_uint_eq(header.kind, WIRE_EVENT);
		ck_assert_uint_eq(header.trace, 5);
		wire_places(&header, &places);
		ck_assert_mem_eq(record + places.payload, "hello", 5);
		free(record);
		ck_assert_int_eq(link_look(to[i]), 0);
	}
}
END_TEST

START_TEST(lent_blocks_come_back)
{
	for (int i = 0; i < 3 * (int)LINK_N_RELEASES; i++) {
		struct block *block;
		struct remote *remote;
		struct wire_header header;
		struct wire_part part;
		const uint8_t *bytes;
		uint8_t *record;

		ck_assert_int_eq(pool_take(&a->pool, 1000, &block), 0);
		memset(block->memory, i, 1000);
		ck_assert_int_eq(push(a, "", block, 0), 0);
		(void)block_unref(block); /* the link has it now */
		record = pull(b, &header);
		part = part_at(record, &header, 1);
		ck_assert_int_eq(link_part(b, &part, &remote, &bytes), 0);
		ck_assert_uint_eq(bytes[999], (uint8_t)i);
		ck_assert_uint_eq(a->n_out, 1);
		link_release(b, part.slot, part.generation);
		ck_assert_ptr_null(remote_unref(remote));
		link_publish(b);
		ck_assert_int_eq(link_collect(a), 0);
		ck_assert_uint_eq(a->n_out, 0);
		free(record);
	}
	ck_assert_uint_le(a->pool.segments->memory.size, 1u << 20);
	ck_assert_ptr_null(a->pool.segments->next);
}
END_TEST

START_TEST(no_more_is_lent_than_releases_hold)
{
	struct block *block;
	uint32_t n = 0;
	struct wire_header header;
	uint8_t *record;

	ck_assert_int_eq(pool_take(&a->pool, 1000, &block), 0);
	while (push(a, "", block, 0) == 0) {
		n++;
		record = pull(b, &header); /* taken, never given back */
		free(record);
		link_publish(b);
	}
	ck_assert_uint_eq(n, LINK_N_RELEASES);
	ck_assert_int_eq(push(a, "", block, 0), LINK_E_FULL);
	link_release(b, 0, a->lent[0].generation);
	ck_assert_int_eq(push(a, "", block, 0), 0);
	(void)block_unref(block); /* always NULL */
}
END_TEST

/* Bytes have a limit, too; but one message alone may be as large as it is. */
START_TEST(no_more_bytes_are_lent_than_allowed)
{
	struct link_load load = {.n_lent = 1, .lent_bytes = LINK_MAX_LENT + 1};
	struct block *block;

	ck_assert_int_eq(link_room(a, 256, &load, true), 0);
	ck_assert_int_eq(pool_take(&a->pool, 1000, &block), 0);
	ck_assert_int_eq(push(a, "", block, 0), 0);
	ck_assert_int_eq(link_room(a, 256, &load, true), LINK_E_FULL);
	load.lent_bytes = LINK_MAX_LENT - a->lent_bytes;
	ck_assert_int_eq(link_room(a, 256, &load, true), 0);
	(void)block_unref(block); /* the link has it now */
}
END_TEST

/* Who waits is not far ahead of what the other end has not taken in; what that keeps is its own affair. */
START_TEST(who_waits_stays_close)
{
	const struct link_load paced = {.n_lent = 1, .lent_bytes = LINK_PACE / 4, .is_paced = true};
	const struct link_load unpaced = {.n_lent = 1, .lent_bytes = LINK_PACE / 4};
	const struct link_load huge = {.n_lent = 1, .lent_bytes = 2 * LINK_PACE, .is_paced = true};
	struct wire_header header;
	struct wire_part parts[5];
	struct block *block;
	uint8_t *record;

	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(link_room(a, 256, &paced, true), i < 4 ? 0 : LINK_E_FULL);
		ck_assert_int_eq(pool_take(&a->pool, LINK_PACE / 4, &block), 0);
		ck_assert_int_eq(push(a, "", block, 0), 0);
		(void)block_unref(block); /* the link has it now */
	}
	ck_assert_int_eq(link_room(a, 256, &unpaced, true), 0);
	ck_assert_int_eq(link_room(a, 256, &huge, true), 0); /* of large ones as many */
	for (int i = 0; i < 5; i++) {
		record = pull(b, &header);
		parts[i] = part_at(record, &header, 1);
		free(record);
	}
	ck_assert_int_eq(link_room(a, 256, &paced, true), LINK_E_FULL); /* it did not say so */
	link_publish(b);
	ck_assert_int_eq(link_room(a, 256, &paced, true), 0); /* all kept */
	ck_assert_int_eq(push(a, "", NULL, 0), 0);
	ck_assert_int_eq(link_room(a, 256, &paced, true), LINK_E_FULL);
	link_release(b, parts[3].slot, parts[3].generation);
	ck_assert_int_eq(link_room(a, 256, &paced, true), LINK_E_FULL);
	link_release(b, parts[1].slot, parts[1].generation);
	ck_assert_int_eq(link_room(a, 256, &paced, true), 0);
}
END_TEST

START_TEST(moves_to_larger_rings)
{
	struct wire_header header;
	uint64_t n_pushed = 0, n_pulled = 0;
	uint8_t *record;

	for (int round = 0; round < 40; round++) {
		while (push(a, "some bytes that fill the ring in the end", NULL, n_pushed) == 0)
			n_pushed++;
		ck_assert(ring_out_valid(&a->out));
		while ((record = pull(b, &header))) {
			ck_assert_uint_eq(header.trace, n_pulled);
			n_pulled++;
			free(record);
		}
		ck_assert(ring_in_valid(&b->in));
		link_publish(b);
		ck_assert_uint_le(a->out.size, LINK_MAX_RING);
	}
	ck_assert_uint_eq(n_pulled, n_pushed);
	ck_assert_uint_eq(a->out.size, LINK_MAX_RING);
	ck_assert_uint_eq(b->in.size, LINK_MAX_RING);
	ck_assert_uint_eq(b->n_remotes, 1); /* those left are gone */
	ck_assert_ptr_null(a->old_ring.base);
}
END_TEST

START_TEST(the_end_is_after_what_was_sent)
{
	struct wire_header header;
	uint8_t *record;

	ck_assert_int_eq(push(a, "last words", NULL, 9), 0);
	link_hang_up(a);
	ck_assert_int_eq(read_all(b), LINK_E_CLOSED);
	ck_assert(b->closed);
	record = pull(b, &header);
	ck_assert_ptr_nonnull(record);
	ck_assert_uint_eq(header.trace, 9);
	free(record);
	ck_assert_int_eq(push(b, "", NULL, 0), LINK_E_CLOSED);
}
END_TEST

START_TEST(segments_that_go_are_dropped)
{
	struct block *block;
	struct remote *remote;
	struct wire_header header;
	struct wire_part part;
	const uint8_t *bytes;
	uint8_t *record;

	ck_assert_int_eq(pool_take(&a->pool, POOL_BLOCK_MAX + 1, &block), 0);
	ck_assert_int_eq(push(a, "", block, 0), 0);
	(void)block_unref(block); /* the link has it now */
	record = pull(b, &header);
	part = part_at(record, &header, 1);
	ck_assert_int_eq(link_part(b, &part, &remote, &bytes), 0);
	ck_assert_uint_eq(b->n_remotes, 1);
	link_release(b, part.slot, part.generation);
	ck_assert_int_eq(link_collect(a), 0);
	ck_assert_uint_eq(ends[0].pool_bytes, 0);
	ck_assert_int_eq(read_all(b), 0);
	ck_assert_uint_eq(b->n_remotes, 0);
	ck_assert_uint_eq(b->mapped, 0);
	ck_assert_uint_eq(bytes[0], 0); /* a message may still look at it */
	ck_assert_ptr_null(remote_unref(remote));
	free(record);
}
END_TEST

/* lend() - a segment of its own goes to b and is given back, of which a has not heard yet. Return: as push(). */
static int
lend(void)
{
	struct block *block;
	struct remote *remote;
	struct wire_header header;
	struct wire_part part;
	const uint8_t *bytes;
	uint8_t *record;
	int r;

	ck_assert_int_eq(pool_take(&a->pool, POOL_BLOCK_MAX + 1, &block), 0);
	r = push(a, "", block, 0);
	(void)block_unref(block); /* the link has it now, or nobody */
	if (r)
		return r;
	record = pull(b, &header);
	part = part_at(record, &header, 1);
	ck_assert_int_eq(link_part(b, &part, &remote, &bytes), 0);
	link_release(b, part.slot, part.generation);
	(void)remote_unref(remote); /* of the link's two */
	free(record);
	return 0;
}

/* A full socket keeps no segment mapped for ever: what it had no room for is told with the next, or when asked. */
START_TEST(drops_wait_for_room)
{
	uint32_t old;

	ck_assert_int_eq(lend(), 0);
	old = b->remotes->id;
	while (packet_send_bell(a) == 0)
		;
	ck_assert_int_eq(link_collect(a), 0);
	ck_assert(ends[0].has_untold);
	ck_assert(link_tell_drops(a));
	ck_assert_int_eq(lend(), LINK_E_FULL);
	ck_assert_int_eq(read_all(b), 0);
	ck_assert_uint_eq(b->n_remotes, 1);
	if (_i)
		ck_assert_int_eq(lend(), 0);
	ck_assert(!link_tell_drops(a));
	ck_assert_int_eq(read_all(b), 0);
	ck_assert_uint_eq(b->n_remotes, (uint32_t)_i);
	ck_assert(!b->remotes || b->remotes->id != old);
}
END_TEST

START_TEST(bells_once_an_epoch)
{
	uint64_t count = 0;
	bool rang;

	link_attend(b, ATTENTION_HOT);
	link_ring(a, true, true);
	ck_assert_int_lt(read(ends[1].doorbell, &count, 8), 0); /* not asked for */
	link_attend(b, ATTENTION_DOZING);
	link_ring(a, true, false);
	ck_assert_int_lt(read(ends[1].doorbell, &count, 8), 0); /* not for the cold only */
	link_ring(a, true, true);
	link_ring(a, true, true);
	ck_assert_int_eq(read(ends[1].doorbell, &count, 8), 8);
	ck_assert_uint_eq(count, 1); /* once */
	link_attend(b, ATTENTION_COLD);
	link_ring(a, true, true);
	ck_assert_int_eq(link_read_socket(b, &rang), 0);
	ck_assert(rang);
	link_ring(a, true, true);
	ck_assert_int_eq(link_read_socket(b, &rang), 0);
	ck_assert(!rang);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link");
	TCase *tcase = tcase_create("both");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_both, teardown_both);
	tcase_add_test(tcase, records_go_both_ways);
	tcase_add_test(tcase, lent_blocks_come_back);
	tcase_add_test(tcase, no_more_is_lent_than_releases_hold);
	tcase_add_test(tcase, no_more_bytes_are_lent_than_allowed);
	tcase_add_test(tcase, who_waits_stays_close);
	tcase_add_test(tcase, moves_to_larger_rings);
	tcase_add_test(tcase, the_end_is_after_what_was_sent);
	tcase_add_test(tcase, segments_that_go_are_dropped);
	tcase_add_loop_test(tcase, drops_wait_for_room, 0, 2);
	tcase_add_test(tcase, bells_once_an_epoch);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
