/* SPDX-License-Identifier: MIT */

/* Tests of shm/names: owners and labels, their limits, and records that no writer would make. */

#include <check.h>
#include <stdio.h>

#include "shm/names_writer.h"

#define TEXT(s) ((struct table_text){s, sizeof(s) - 1})

static struct names_writer writer;
static struct names names;

static void
setup(void)
{
	ck_assert_int_eq(names_writer_init(&writer, NAMES_CAPACITY), 0);
	ck_assert_int_eq(names_open(&names, table_fd(&writer.table)), 0);
}

static void
teardown(void)
{
	ck_assert(table_valid(&names.table));
	names_deinit(&names);
	names_writer_deinit(&writer);
}

static int
set(const char *name, uint64_t owner, const struct table_text *labels, size_t n_labels)
{
	struct name_spec spec = {
		.name = {name, strlen(name)},
		.owner = owner,
		.serial = owner + 1,
		.labels = labels,
		.n_labels = n_labels,
	};

	return names_set(&writer, &spec);
}

START_TEST(test_owner_changes)
{
	struct name_entry entry;

	ck_assert_int_eq(names_lookup(&names, "mixer", 5, &entry), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(set("mixer", 7, NULL, 0), 0);
	ck_assert_int_eq(names_lookup(&names, "mixer", 5, &entry), 0);
	ck_assert_uint_eq(entry.owner, 7);
	ck_assert_uint_eq(entry.serial, 8);
	ck_assert_str_eq(entry.name, "mixer");
	ck_assert_uint_eq(entry.n_labels, 0);
	ck_assert_int_eq(names_lookup(&names, "mixe", 4, &entry), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(names_lookup(&names, "mixerr", 6, &entry), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(set("mixer", 9, NULL, 0), 0);
	ck_assert_int_eq(names_lookup(&names, "mixer", 5, &entry), 0);
	ck_assert_uint_eq(entry.owner, 9);
	ck_assert_uint_eq(writer.table.n_records, 1);
	ck_assert_int_eq(names_remove(&writer, "mixer", 5), 0);
	ck_assert_int_eq(names_remove(&writer, "mixer", 5), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(names_lookup(&names, "mixer", 5, &entry), TABLE_E_NOT_FOUND);
}
END_TEST

START_TEST(test_labels)
{
	const struct table_text labels[] = {TEXT("audio"), TEXT("x"), TEXT("headphones/left")};
	struct name_entry entry;
	struct table_text label;
	size_t at = 0, n = 0;

	ck_assert_int_eq(set("org.example.Mixer", 7, labels, 3), 0);
	ck_assert_int_eq(names_lookup(&names, "org.example.Mixer", 17, &entry), 0);
	ck_assert_uint_eq(entry.n_labels, 3);
	for (; name_label(&entry, &at, &label); n++) {
		ck_assert_uint_eq(label.size, labels[n].size);
		ck_assert_mem_eq(label.text, labels[n].text, label.size);
	}
	ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(test_limits)
{
	static char text[NAMES_TEXT_MAX + 2];
	struct table_text labels[NAMES_LABELS_MAX + 1];
	struct name_entry entry;

	memset(text, 'a', NAMES_TEXT_MAX + 1);
	ck_assert_int_eq(set("", 1, NULL, 0), -EINVAL);
	ck_assert_int_eq(set(text, 1, NULL, 0), -E2BIG);
	text[NAMES_TEXT_MAX] = '\0';
	for (size_t i = 0; i <= NAMES_LABELS_MAX; i++)
		labels[i] = (struct table_text){text, 63};
	ck_assert_int_eq(set(text, 1, labels, NAMES_LABELS_MAX + 1), -E2BIG);
	/* 16 labels of 63 bytes are 1,024 with their lengths: exactly what there may be. */
	ck_assert_int_eq(set(text, 1, labels, NAMES_LABELS_MAX), 0);
	ck_assert_int_eq(names_lookup(&names, text, NAMES_TEXT_MAX, &entry), 0);
	ck_assert_uint_eq(entry.labels_size, NAMES_LABELS_SIZE);
	labels[3].size = 64;
	ck_assert_int_eq(set(text, 1, labels, NAMES_LABELS_MAX), -E2BIG);
	labels[3].size = 0;
	ck_assert_int_eq(set(text, 1, labels, NAMES_LABELS_MAX), -EINVAL);
	labels[0].size = 256;
	ck_assert_int_eq(set(text, 1, labels, 1), -E2BIG);
}
END_TEST

/* Growing on demand, as ternd does it; each reader follows when it is told. */
START_TEST(test_many)
{
	enum { N = 5000 };
	struct table_cursor cursor = {0};
	struct name_entry entry;
	char name[64];
	int n = 0;

	for (unsigned int i = 0; i < N; i++) {
		int r;

		(void)snprintf(name, sizeof(name), "org.example.number%u", i);
		while ((r = set(name, i + 1, NULL, 0)) == TABLE_E_FULL) {
			struct names grown;

			ck_assert_int_eq(table_grow(&writer.table), 0);
			ck_assert_int_eq(names_open(&grown, table_fd(&writer.table)), 0);
			table_forward(&writer.table);
			ck_assert_int_eq(names_lookup(&names, "x", 1, &entry), TABLE_E_MOVED);
			names_deinit(&names);
			names = grown;
		}
		ck_assert_int_eq(r, 0);
	}
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "org.example.number%u", i);
		ck_assert_int_eq(names_lookup(&names, name, strlen(name), &entry), 0);
		ck_assert_uint_eq(entry.owner, i + 1);
	}
	while (names_next(&names, &cursor, &entry) == 0)
		n++;
	ck_assert_int_eq(n, N);
	ck_assert_uint_lt(table_bytes(&writer.table) / N, 800);
}
END_TEST

START_TEST(test_valid_refuses)
{
	const struct table_text labels[] = {TEXT("ab"), TEXT("c")};
	uint64_t copy[TABLE_RECORD_MAX / 8], good[TABLE_RECORD_MAX / 8];
	struct shm_name *record = (void *)copy;
	uint8_t *text = (uint8_t *)(record + 1);
	size_t size, key_size;

	ck_assert_int_eq(set("n", 7, labels, 2), 0);
	ck_assert_int_eq(table_find(&names.table, "n", 1, good, &size), 0);
	ck_assert(names_type.valid(good, size));
	ck_assert(!names_type.valid(good, 40));
	ck_assert_ptr_null(names_type.key(good, 8, &key_size));

#define SPOIL(what)                                                                                \
	do {                                                                                       \
		memcpy(copy, good, sizeof(copy));                                                  \
		what;                                                                              \
		ck_assert(!names_type.valid(copy, size));                                          \
	} while (0)
	SPOIL(record->name_size = 0);
	SPOIL(record->name_size = 256);
	SPOIL(record->name_size = 60);
	SPOIL(record->labels_size = 4);
	SPOIL(record->labels_size = 6);
	SPOIL(record->labels_size = UINT16_MAX);
	SPOIL(record->n_labels = 1);
	SPOIL(record->n_labels = 17);
	SPOIL(text[1] = 0);
	SPOIL(text[1] = 255);
	SPOIL(text[4] = 2);
#undef SPOIL
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *tcase = tcase_create("names");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_owner_changes);
	tcase_add_test(tcase, test_labels);
	tcase_add_test(tcase, test_limits);
	tcase_add_test(tcase, test_many);
	tcase_add_test(tcase, test_valid_refuses);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
