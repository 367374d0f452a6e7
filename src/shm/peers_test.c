/* SPDX-License-Identifier: MIT */

/* Tests of shm/peers: records by id, slots given and taken back, inbox words over a move. */

#include <check.h>

#include "shm/peers_writer.h"

static struct peers_writer writer;
static struct peers peers;

static void
setup(void)
{
	ck_assert_int_eq(peers_writer_init(&writer, 32), 0);
	ck_assert_int_eq(peers_open(&peers, table_fd(&writer.table)), 0);
}

static void
teardown(void)
{
	ck_assert(table_valid(&peers.table));
	peers_deinit(&peers);
	peers_writer_deinit(&writer);
}

static int
add(uint64_t id, uint32_t *ret_slot)
{
	struct peer_entry entry = {
		.id = id,
		.uid = 1000 + (uint32_t)id,
		.gid = 2000 + (uint32_t)id,
		.pid = 3000 + (uint32_t)id,
		.domain = 5,
		.flags = 6,
	};

	return peers_add(&writer, &entry, ret_slot);
}

START_TEST(test_add_find_remove)
{
	struct table_cursor cursor = {0};
	struct peer_entry entry;
	uint32_t slot, other;

	ck_assert_int_eq(peers_find(&peers, 1, &entry), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(add(1, &slot), 0);
	ck_assert_int_eq(add(1, &other), TABLE_E_EXISTS);
	ck_assert_int_eq(add(2, &other), 0);
	ck_assert_uint_ne(slot, other);
	ck_assert_int_eq(peers_find(&peers, 1, &entry), 0);
	ck_assert_uint_eq(entry.id, 1);
	ck_assert_uint_eq(entry.uid, 1001);
	ck_assert_uint_eq(entry.gid, 2001);
	ck_assert_uint_eq(entry.pid, 3001);
	ck_assert_uint_eq(entry.domain, 5);
	ck_assert_uint_eq(entry.flags, 6);
	ck_assert_uint_eq(entry.slot, slot);
	ck_assert_int_eq(peers_remove(&writer, 1), 0);
	ck_assert_int_eq(peers_remove(&writer, 1), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(peers_find(&peers, 1, &entry), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(peers_next(&peers, &cursor, &entry), 0);
	ck_assert_uint_eq(entry.id, 2);
	ck_assert_int_eq(peers_next(&peers, &cursor, &entry), TABLE_E_END);
}
END_TEST

/* A slot passes on with its word; each bump shows, compaction in between changes nothing. */
START_TEST(test_inbox)
{
	uint32_t slot, again;
	uint64_t before;

	ck_assert_int_eq(add(1, &slot), 0);
	before = peers_inbox(&peers, slot);
	peers_inbox_bump(&writer, slot);
	ck_assert_uint_eq(peers_inbox(&peers, slot), before + 1);
	table_compact(&writer.table);
	ck_assert_uint_eq(peers_inbox(&peers, slot), before + 1);
	ck_assert_int_eq(peers_remove(&writer, 1), 0);
	ck_assert_int_eq(add(2, &again), 0);
	ck_assert_uint_eq(again, slot);
	ck_assert_uint_eq(peers_inbox(&peers, slot), before + 1);
	ck_assert_uint_eq(peers_inbox(&peers, UINT32_MAX), 0);
}
END_TEST

START_TEST(test_comings_and_goings)
{
	uint32_t slot;

	for (uint64_t id = 1; id < 5000; id++) {
		ck_assert_int_eq(add(id, &slot), 0);
		ck_assert_uint_lt(slot, 16);
		if (id > 8)
			ck_assert_int_eq(peers_remove(&writer, id - 8), 0);
	}
	ck_assert_uint_eq(writer.table.n_records, 8);
}
END_TEST

/* No value of an inbox word is seen twice over a move, and nobody sleeps through it. */
START_TEST(test_growth)
{
	uint64_t id, before;
	struct peer_entry entry;
	struct peers grown;
	uint32_t slot = 0, last = 0;
	bool taken[64] = {false};

	for (id = 1; add(id, &last) == 0; id++)
		taken[last] = true;
	ck_assert_uint_eq(id, 16); /* two units each; one word is that of ternd's life */
	ck_assert_int_eq(add(id, &slot), TABLE_E_FULL);
	peers_inbox_bump(&writer, last);
	before = peers_inbox(&peers, last);

	ck_assert_int_eq(peers_grow(&writer), 0);
	ck_assert_int_eq(peers_open(&grown, table_fd(&writer.table)), 0);
	table_forward(&writer.table);
	ck_assert_uint_eq(peers_inbox(&peers, last), before + 1);
	ck_assert_uint_ne(peers_inbox(&grown, last), before);
	ck_assert_uint_ne(peers_inbox(&grown, last), before + 1);
	ck_assert_int_eq(peers_find(&peers, 1, &entry), TABLE_E_MOVED);
	ck_assert_int_eq(peers_find(&grown, 1, &entry), 0);

	for (; id < 32; id++) {
		ck_assert_int_eq(add(id, &slot), 0);
		ck_assert(slot < 32 && !taken[slot]);
		taken[slot] = true;
	}
	before = peers_inbox(&grown, slot);
	peers_inbox_bump(&writer, slot);
	ck_assert_uint_eq(peers_inbox(&grown, slot), before + 1);
	peers_deinit(&peers);
	peers = grown;
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("peers");
	TCase *tcase = tcase_create("peers");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_add_find_remove);
	tcase_add_test(tcase, test_inbox);
	tcase_add_test(tcase, test_comings_and_goings);
	tcase_add_test(tcase, test_growth);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
