/* SPDX-License-Identifier: MIT */

/* Tests of shm/value: readers get whole values, whatever the writer does meanwhile, and no more than fits. */

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "shm/head.h"
#include "shm/value.h"

enum {
	SIZE = 61, /* not whole words */
	N_VERSIONS = 100000,
	N_READERS = 3,
};

static struct value owner, reader;

static void
setup(void)
{
	ck_assert_int_eq(value_create(&owner, SIZE), 0);
	ck_assert_int_eq(value_open(&reader, owner.memory.fd), 0);
}

static void
teardown(void)
{
	hook_stop = NULL;
	hook_off[RULE_VALUE_LOOK] = false;
	value_deinit(&owner);
	value_deinit(&reader);
}

/* put() - a value of which each byte tells its version; the size, too */
static uint64_t
put(uint64_t version)
{
	uint8_t bytes[SIZE];

	memset(bytes, (int)(version & 0xff), sizeof(bytes));
	return value_write(&owner, bytes, SIZE - version % 16);
}

static bool
is_whole(const uint8_t *bytes, size_t size, uint64_t version)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (version & 0xff))
			return false;
	return size == SIZE - version % 16;
}

START_TEST(what_is_written_is_read)
{
	uint8_t bytes[SIZE];
	uint64_t version;
	size_t size;

	ck_assert_int_eq(value_read(&reader, bytes, SIZE, &size, &version), VALUE_E_NONE);
	ck_assert_uint_eq(value_version(&reader), 0);
	for (uint64_t v = 1; v <= 3 * VALUE_N_PLACES; v++) {
		ck_assert_uint_eq(put(v), v);
		ck_assert_int_eq(value_read(&reader, bytes, SIZE, &size, &version), 0);
		ck_assert_uint_eq(version, v);
		ck_assert_uint_eq(value_version(&reader), v);
		ck_assert(is_whole(bytes, size, v));
	}
}
END_TEST

START_TEST(sizes)
{
	uint8_t bytes[SIZE + 1] = {0}, small[8];
	uint64_t version = 77;
	size_t size = 77;

	ck_assert_uint_eq(value_write(&owner, bytes, SIZE + 1), 0);
	ck_assert_uint_eq(value_version(&reader), 0);
	ck_assert_uint_eq(value_write(&owner, NULL, 0), 1);
	ck_assert_int_eq(value_read(&reader, small, 0, &size, &version), 0);
	ck_assert_uint_eq(size, 0);
	ck_assert_uint_eq(value_write(&owner, bytes, 9), 2);
	ck_assert_int_eq(value_read(&reader, small, sizeof(small), &size, &version), VALUE_E_SIZE);
	ck_assert_uint_eq(size, 9);
	ck_assert_uint_eq(version, 1); /* as before */
	value_deinit(&owner);
	ck_assert_int_eq(value_create(&owner, VALUE_MAX + 1), -E2BIG);
	ck_assert_int_eq(value_create(&owner, 0), 0);
	ck_assert_uint_eq(value_write(&owner, NULL, 0), 1);
	ck_assert_uint_eq(value_write(&owner, bytes, 1), 0);
}
END_TEST

/* The example of docs/shm-format.md. */
START_TEST(as_on_the_page)
{
	static const uint8_t cbor[] = {0xa1, 0x62, 'd', 'B', 0x25};
	static const uint8_t head[] = {
		't', 'e', 'r', 'n', '.', 's', 'h', 'm', 1, 0, 0, 0, 10, 0, 0, 0,
		0, 0x10, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 2, 0, 0, 0,
		128, 0, 0, 0, 64, 0, 0, 0, 192, 0, 0, 0, 0, 1, 0, 0};
	static const uint64_t word[8] = {3, 0, 5, 5, 5};

	for (uint64_t v = 1; v <= 3; v++)
		ck_assert_uint_eq(value_write(&owner, cbor, sizeof(cbor)), v);
	ck_assert_mem_eq(reader.memory.base, head, sizeof(head));
	ck_assert_mem_eq(reader.memory.base + 128, word, sizeof(word));
	ck_assert_mem_eq(reader.memory.base + 384, cbor, sizeof(cbor));
	ck_assert(!value_is_ended(&reader));
	value_end(&owner);
	ck_assert(value_is_ended(&reader));
}
END_TEST

/* --- the writer comes round while a reader copies --- */

static unsigned int n_meanwhile;

static void
write_meanwhile(const char *point)
{
	if (strcmp(point, "value seen") != 0)
		return;
	while (n_meanwhile > 0) {
		n_meanwhile--;
		(void)put(owner.version + 1); /* its version is checked by who reads it */
	}
}

static void
read_across(unsigned int n)
{
	uint8_t bytes[SIZE];
	uint64_t version;
	size_t size;

	n_meanwhile = n;
	ck_assert_int_eq(value_read(&reader, bytes, SIZE, &size, &version), 0);
	ck_assert(is_whole(bytes, size, version));
}

START_TEST(round_while_copying)
{
	hook_stop = write_meanwhile;
	ck_assert_uint_eq(put(1), 1);
	for (unsigned int i = 0; i < 5 * VALUE_N_PLACES; i++)
		read_across(i);
}
END_TEST

/* What the look is for: without it a reader takes the words of a later value for those it came for. */
START_TEST(round_without_the_look)
{
	uint8_t bytes[SIZE];
	uint64_t version;
	size_t size;

	hook_off[RULE_VALUE_LOOK] = true;
	hook_stop = write_meanwhile;
	ck_assert_uint_eq(put(1), 1);
	n_meanwhile = VALUE_N_PLACES;
	ck_assert_int_eq(value_read(&reader, bytes, SIZE, &size, &version), 0);
	ck_assert_uint_eq(version, 1);
	ck_assert(!is_whole(bytes, size, version));
}
END_TEST

static void
write_for_ever(const char *point)
{
	if (strcmp(point, "value seen") != 0)
		return;
	for (unsigned int i = 0; i < VALUE_N_PLACES; i++)
		(void)put(owner.version + 1); /* nobody gets it */
}

START_TEST(tries_are_bounded)
{
	uint8_t bytes[SIZE];
	uint64_t version;
	size_t size;

	hook_stop = write_for_ever;
	ck_assert_uint_eq(put(1), 1);
	ck_assert_int_eq(value_read(&reader, bytes, SIZE, &size, &version), VALUE_E_BUSY);
}
END_TEST

/* --- processes --- */

static void
read_until_the_last(void)
{
	uint64_t version = 0, before = 0;
	uint8_t bytes[SIZE];
	size_t size;

	while (version < N_VERSIONS) {
		int r = value_read(&reader, bytes, SIZE, &size, &version);

		if (r == VALUE_E_NONE || r == VALUE_E_BUSY)
			continue;
		if (r != 0 || !is_whole(bytes, size, version) || version < before)
			_exit(1);
		before = version;
	}
	_exit(0);
}

START_TEST(a_writer_at_full_speed)
{
	struct value mine;
	pid_t pids[N_READERS];
	int status;

	for (unsigned int i = 0; i < N_READERS; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			/* the parent's mapping is not there in a child */
			if (value_open(&mine, owner.memory.fd) != 0)
				_exit(2);
			reader = mine;
			read_until_the_last();
		}
	}
	for (uint64_t v = 1; v <= N_VERSIONS; v++)
		ck_assert_uint_eq(put(v), v);
	for (unsigned int i = 0; i < N_READERS; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

/* --- a lying owner --- */

static struct shm_head *
shared_head(void)
{
	return (struct shm_head *)owner.memory.base;
}

static int
open_again(void)
{
	struct value value;
	int r = value_open(&value, owner.memory.fd);

	if (r == 0)
		value_deinit(&value);
	return r;
}

START_TEST(a_lying_owner)
{
	struct shm_part part = load_rlx(&shared_head()->parts[VALUE_PART_PLACES]), wrong = part;
	_Atomic uint64_t *told = &owner.word->sizes[1];
	uint8_t bytes[2 * SIZE];
	uint64_t version;
	size_t size;

	ck_assert_uint_eq(put(1), 1);
	store_rlx(told, reader.max + 1);
	ck_assert_int_eq(value_read(&reader, bytes, sizeof(bytes), &size, &version), VALUE_E_FORMAT);
	store_rlx(told, UINT64_MAX);
	ck_assert_int_eq(value_read(&reader, bytes, sizeof(bytes), &size, &version), VALUE_E_FORMAT);
	wrong.size = CACHE_LINE; /* less than a line for each */
	store_rlx(&shared_head()->parts[VALUE_PART_PLACES], wrong);
	ck_assert_int_eq(open_again(), VALUE_E_FORMAT);
	wrong.size = part.size - CACHE_LINE;
	store_rlx(&shared_head()->parts[VALUE_PART_PLACES], wrong);
	ck_assert_int_eq(open_again(), VALUE_E_FORMAT);
	wrong.size = 0;
	store_rlx(&shared_head()->parts[VALUE_PART_PLACES], wrong);
	ck_assert_int_eq(open_again(), VALUE_E_FORMAT);
	store_rlx(&shared_head()->parts[VALUE_PART_PLACES], part);
	ck_assert_int_eq(open_again(), 0);
	store_rlx(&shared_head()->kind, SHM_KIND_RING);
	ck_assert_int_eq(open_again(), VALUE_E_FORMAT);
	ck_assert_int_lt(value_open(&reader, -1), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("value");
	Suite *suite = suite_create("value");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_test(tcase, sizes);
	tcase_add_test(tcase, as_on_the_page);
	tcase_add_test(tcase, round_while_copying);
	tcase_add_test(tcase, round_without_the_look);
	tcase_add_test(tcase, tries_are_bounded);
	tcase_add_test(tcase, a_writer_at_full_speed);
	tcase_add_test(tcase, a_lying_owner);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
