/* SPDX-License-Identifier: MIT */

/* Tests of shm/owners: what is remembered, and that it is not believed when it may be wrong. */

#include <check.h>
#include <stdio.h>

#include "shm/names_writer.h"
#include "shm/owners.h"

enum {
	N_MANY = 1000,
};

static struct names_writer writer;
static struct names names;
static struct owners owners;

static void
setup(void)
{
	ck_assert_int_eq(names_writer_init(&writer, 8192), 0);
	ck_assert_int_eq(names_open(&names, table_fd(&writer.table)), 0);
}

static void
teardown(void)
{
	owners_deinit(&owners);
	names_deinit(&names);
	names_writer_deinit(&writer);
}

static void
set(const char *name, uint64_t owner)
{
	struct name_spec spec = {.name = {name, strlen(name)}, .owner = owner, .serial = owner};

	ck_assert_int_eq(names_set(&writer, &spec), 0);
}

/* find() - the owner, 0 if there is none; twice, so that the second answer is the remembered one */
static uint64_t
find(const char *name)
{
	uint64_t first = 0, second = 0;

	(void)owners_find(&owners, &names, name, strlen(name), &first);
	(void)owners_find(&owners, &names, name, strlen(name), &second);
	ck_assert_uint_eq(first, second);
	return second;
}

/* spoil() - write another owner into the only record, as no writer does: who still tells the old one remembered it */
static void
spoil(const char *name, uint64_t owner)
{
	uint32_t unit;

	ck_assert_int_eq(table_locate(&writer.table, name, strlen(name), &unit), 0);
	((_Atomic uint64_t *)writer.table.view.half[writer.table.view.shm->generation & 1])
		[table_unit_word(writer.table.view.capacity, unit) + offsetof(struct shm_name, owner) / 8] = owner;
}

START_TEST(test_changes_hands)
{
	ck_assert_uint_eq(find("org.example.Mixer"), 0);
	set("org.example.Mixer", 7);
	ck_assert_uint_eq(find("org.example.Mixer"), 7);
	set("org.example.Mixer", 9);
	ck_assert_uint_eq(find("org.example.Mixer"), 9);
	ck_assert_int_eq(names_remove(&writer, "org.example.Mixer", 17), 0);
	ck_assert_uint_eq(find("org.example.Mixer"), 0);
	ck_assert_int_eq(owners_find(&owners, &names, "org.example.Mixer", 17, &(uint64_t){0}),
		TABLE_E_NOT_FOUND);
}
END_TEST

START_TEST(test_remembers)
{
	set("org.example.Mixer", 7);
	ck_assert_uint_eq(find("org.example.Mixer"), 7);
	spoil("org.example.Mixer", 8);
	ck_assert_uint_eq(find("org.example.Mixer"), 7);
	set("org.example.Other", 1); /* nothing died: it holds */
	ck_assert_uint_eq(find("org.example.Mixer"), 7);
	set("org.example.Other", 2);
	ck_assert_uint_eq(find("org.example.Mixer"), 8);
}
END_TEST

/* Between the two counts a record is dying: it may be found, and must not be remembered. */
START_TEST(test_odd_count)
{
	set("org.example.Mixer", 7);
	writer.table.shm->changes++;
	ck_assert_uint_eq(find("org.example.Mixer"), 7);
	spoil("org.example.Mixer", 8);
	ck_assert_uint_eq(find("org.example.Mixer"), 8);
}
END_TEST

START_TEST(test_moved)
{
	uint64_t owner = 0;

	set("mixer", 7);
	ck_assert_uint_eq(find("mixer"), 7);
	ck_assert_int_eq(table_grow(&writer.table), 0);
	table_forward(&writer.table);
	ck_assert_int_eq(owners_find(&owners, &names, "mixer", 5, &owner), TABLE_E_MOVED);
	names_deinit(&names);
	owners_deinit(&owners);
	ck_assert_int_eq(names_open(&names, table_fd(&writer.table)), 0);
	ck_assert_uint_eq(find("mixer"), 7);
}
END_TEST

/* Of all lengths; those that are alike but for one byte, wherever it is, and those that begin alike. */
START_TEST(test_names_alike)
{
	char name[NAMES_TEXT_MAX + 1] = "";

	for (size_t size = 1; size <= OWNERS_TEXT_MAX + 2; size++) {
		memset(name, 'a', size);
		for (size_t at = 0; at <= size; at++) {
			name[at] = at < size ? 'b' : '\0';
			set(name, size * 100 + at + 1);
			ck_assert_uint_eq(find(name), size * 100 + at + 1);
			name[at] = at < size ? 'a' : '\0';
		}
		for (size_t at = 0; at < size; at++) {
			name[at] = 'b';
			ck_assert_uint_eq(find(name), size * 100 + at + 1);
			name[at] = 'a';
		}
		ck_assert_uint_eq(find(name), size * 100 + size + 1);
	}
	ck_assert_uint_eq(find(""), 0);
}
END_TEST

/* More than there is room for: each pushes out another one, all are right. */
START_TEST(test_many)
{
	char name[32];

	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < N_MANY; i++) {
			(void)snprintf(name, sizeof(name), "org.example.n%04llu", (unsigned long long)i); /* fits */
			if (round == 0)
				set(name, i + 1);
			ck_assert_uint_eq(find(name), i + 1);
		}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("owners");
	TCase *tcase = tcase_create("owners");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_changes_hands);
	tcase_add_test(tcase, test_remembers);
	tcase_add_test(tcase, test_odd_count);
	tcase_add_test(tcase, test_moved);
	tcase_add_test(tcase, test_names_alike);
	tcase_add_test(tcase, test_many);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
