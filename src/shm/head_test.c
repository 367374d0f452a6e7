/* SPDX-License-Identifier: MIT */

/* Tests of shm/head: what is written is read back; every wrong word has its answer. */

#include "shm/head.h"
#include "base/atomic.h"

#include <check.h>
#include <stdalign.h>

#define SIZE 4096

static alignas(CACHE_LINE) uint8_t memory[SIZE];
static struct shm_head *shared = (struct shm_head *)memory;

static void
setup(void)
{
	memset(memory, 0, sizeof(memory));
	head_init(shared, SHM_KIND_RING, SIZE);
	head_set_part(shared, 2, 256, SIZE - 256);
	head_set_part(shared, 0, 128, 1);
}

static int
check(void)
{
	return head_check(memory, SIZE, SHM_KIND_RING, NULL);
}

START_TEST(what_is_written_is_read_back)
{
	struct head head;

	ck_assert_int_eq(head_check(memory, SIZE, SHM_KIND_RING, &head), 0);
	ck_assert(head_valid(&head));
	ck_assert_uint_eq(head.kind, SHM_KIND_RING);
	ck_assert_uint_eq(head.size, SIZE);
	ck_assert_uint_eq(head.minor, SHM_MINOR);
	ck_assert_uint_eq(head.parts[0].off.off, 128);
	ck_assert_uint_eq(head.parts[0].size, 1);
	ck_assert_uint_eq(head.parts[1].off.off, 0);
	ck_assert_uint_eq(head.parts[2].size, SIZE - 256);
	ck_assert_uint_eq(head.parts[3].off.off, 0);
}
END_TEST

/* The example of docs/shm-format.md. */
START_TEST(the_bytes_are_those_of_the_format)
{
	memset(memory, 0, sizeof(memory));
	head_init(shared, SHM_KIND_RING, 4096);
	head_set_part(shared, 0, 128, 64);
	head_set_part(shared, 1, 192, 3904);
	ck_assert_mem_eq(memory,
		"\x74\x65\x72\x6e\x2e\x73\x68\x6d\x01\x00\x00\x00\x02\x00\x00\x00"
		"\x00\x10\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x02\x00\x00\x00"
		"\x80\x00\x00\x00\x40\x00\x00\x00\xc0\x00\x00\x00\x40\x0f\x00\x00",
		48);
}
END_TEST

START_TEST(foreign_and_short_memory_is_not_ours)
{
	ck_assert_int_eq(head_check(memory, 127, SHM_KIND_RING, NULL), HEAD_E_MAGIC);
	store_rlx(&shared->magic, SHM_MAGIC + 1);
	ck_assert_int_eq(check(), HEAD_E_MAGIC);
	memset(memory, 0, sizeof(memory));
	ck_assert_int_eq(check(), HEAD_E_MAGIC);
}
END_TEST

START_TEST(another_major_is_refused_a_greater_minor_is_not)
{
	struct head head;

	store_rlx(&shared->minor, SHM_MINOR + 1);
	store_rlx(&shared->head_size, 192);
	store_rlx(&shared->n_parts, 20); /* more than we know; 192 bytes hold them */
	store_rlx(&shared->parts[0], ((struct shm_part){{192}, 64}));
	ck_assert_int_eq(head_check(memory, SIZE, SHM_KIND_RING, &head), 0);
	ck_assert_uint_eq(head.minor, SHM_MINOR + 1);
	store_rlx(&shared->major, SHM_MAJOR + 1);
	ck_assert_int_eq(check(), HEAD_E_VERSION);
	store_rlx(&shared->major, 0);
	ck_assert_int_eq(check(), HEAD_E_VERSION);
}
END_TEST

START_TEST(another_kind_is_refused)
{
	ck_assert_int_eq(head_check(memory, SIZE, SHM_KIND_LINK, NULL), HEAD_E_KIND);
	store_rlx(&shared->kind, 0);
	ck_assert_int_eq(check(), HEAD_E_KIND);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused)
{
	ck_assert_int_eq(head_check(memory, SIZE - 64, SHM_KIND_RING, NULL), HEAD_E_SIZE);
	store_rlx(&shared->size, UINT64_MAX);
	ck_assert_int_eq(check(), HEAD_E_SIZE);
	setup();
	store_rlx(&shared->head_size, 64);
	ck_assert_int_eq(check(), HEAD_E_SIZE);
	store_rlx(&shared->head_size, SIZE + 64);
	ck_assert_int_eq(check(), HEAD_E_SIZE);
	setup();
	store_rlx(&shared->n_parts, SHM_HEAD_PARTS + 1); /* they would not fit into the head */
	ck_assert_int_eq(check(), HEAD_E_SIZE);
	store_rlx(&shared->n_parts, UINT32_MAX);
	ck_assert_int_eq(check(), HEAD_E_SIZE);
}
END_TEST

START_TEST(parts_lie_inside)
{
	static const struct shm_part bad[] = {
		{{64}, 1},	       /* in the head */
		{{160}, 1},	       /* unaligned */
		{{SIZE}, 1},	       /* begins at the end */
		{{SIZE - 64}, 65},     /* ends behind it */
		{{SIZE + 64}, 0},      /* begins behind it */
		{{256}, UINT32_MAX},   /* would wrap */
		{{0xffffffc0}, 0x100}, /* wraps */
		{{0}, 1},	       /* absent, but with a size */
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		store_rlx(&shared->parts[1], bad[i]);
		ck_assert_int_eq(check(), HEAD_E_PART);
	}
	store_rlx(&shared->parts[1], ((struct shm_part){{SIZE - 64}, 64}));
	ck_assert_int_eq(check(), 0);
}
END_TEST

/* Whatever the bytes are: an answer, or a copy that keeps the promises. */
START_TEST(total_on_garbage)
{
	uint64_t x = 88172645463325252u;
	struct head head;

	for (int round = 0; round < 200000; round++) {
		setup();
		for (int i = 0; i < 3; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			memory[8 + x % 56] ^= (uint8_t)(x >> 32);
		}
		if (head_check(memory, SIZE, SHM_KIND_RING, &head) == 0)
			ck_assert(head_valid(&head));
	}
}
END_TEST

START_TEST(every_answer_has_a_text)
{
	for (int i = HEAD_E_MAGIC; i <= HEAD_E_PART; i++)
		ck_assert_str_ne(head_strerror(i), head_strerror(0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("head");
	TCase *tcase = tcase_create("head");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, what_is_written_is_read_back);
	tcase_add_test(tcase, the_bytes_are_those_of_the_format);
	tcase_add_test(tcase, foreign_and_short_memory_is_not_ours);
	tcase_add_test(tcase, another_major_is_refused_a_greater_minor_is_not);
	tcase_add_test(tcase, another_kind_is_refused);
	tcase_add_test(tcase, sizes_that_cannot_be_are_refused);
	tcase_add_test(tcase, parts_lie_inside);
	tcase_add_test(tcase, total_on_garbage);
	tcase_add_test(tcase, every_answer_has_a_text);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
