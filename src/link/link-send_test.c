/* SPDX-License-Identifier: MIT */

/* Tests of link-send: what a record is planned to take, of which no part is counted short; what is drawn of it. */

#include "link/link.h"
#include "shm/ring.h"

#include <check.h>

/* planned() - the size of a record with these parts, none of them in a block */
static uint32_t
planned(const uint64_t *sizes, uint8_t n_parts, struct outgoing *ret)
{
	static struct out_part parts[WIRE_MAX_PARTS];
	static struct wire_header header;

	for (uint8_t i = 0; i < n_parts; i++)
		parts[i] = (struct out_part){.bytes = "a", .size = sizes[i]};
	header = (struct wire_header){.n_parts = n_parts};
	*ret = (struct outgoing){.header = &header, .parts = parts};
	return link_plan(ret);
}

START_TEST(one_part_needs_no_table)
{
	struct outgoing out;

	ck_assert_uint_eq(planned((uint64_t[]){5}, 1, &out), 96); /* 80 + 3 NULs, to 88, and 5 */
	ck_assert(out.header->flags & WIRE_INLINE);
	ck_assert_uint_eq(out.header->inline_size, 5);
}
END_TEST

START_TEST(several_parts_are_padded)
{
	struct outgoing out;

	ck_assert_uint_eq(planned((uint64_t[]){5, 8, 0}, 3, &out), 88 + 3 * 32 + 24); /* 8 to align */
	ck_assert(!(out.header->flags & WIRE_INLINE));
	ck_assert_uint_eq(out.header->inline_size, 16);
}
END_TEST

START_TEST(what_a_word_cannot_count_fits_in_no_ring)
{
	const uint64_t word = UINT64_C(1) << 32;
	struct outgoing out;

	ck_assert_uint_gt(planned((uint64_t[]){word}, 1, &out), LINK_MAX_RING);
	ck_assert_uint_gt(planned((uint64_t[]){word - 1}, 1, &out), LINK_MAX_RING);
	ck_assert_uint_gt(planned((uint64_t[]){word + 16}, 1, &out), LINK_MAX_RING);
	ck_assert_uint_gt(planned((uint64_t[]){word / 2, word / 2}, 2, &out), LINK_MAX_RING);
}
END_TEST

/* drawn() - with these parts, into memory that says something */
static const uint8_t *
drawn(const uint64_t *sizes, uint8_t n_parts, uint32_t *ret_payload)
{
	alignas(8) static uint8_t image[512];
	struct wire_places places;
	struct outgoing out, to;

	(void)planned(sizes, n_parts, &out);
	out.strings[0] = out.strings[1] = out.strings[2] = "";
	memset(image, 0xee, sizeof(image));
	ck_assert(!link_draw(&out, image, out.header->size - 1, &to));
	ck_assert(link_draw(&out, image, sizeof(image), &to));
	ck_assert(to.is_drawn && (uint8_t *)to.header == image);
	ck_assert_uint_eq(image[out.header->size], 0xee);
	ck_assert_int_eq(wire_check(image, out.header->size), 0);
	wire_places(to.header, &places);
	*ret_payload = places.payload;
	return image;
}

START_TEST(nothing_of_the_memory_before_is_drawn)
{
	const uint8_t *image;
	uint32_t payload;

	image = drawn((uint64_t[]){1}, 1, &payload);
	for (uint32_t i = payload + 1; i < 96; i++)
		ck_assert_uint_eq(image[i], 0);
	image = drawn((uint64_t[]){1, 1}, 2, &payload);
	for (uint32_t i = 0; i < 16; i++)
		ck_assert_uint_eq(image[payload + i], i % 8 ? 0 : 'a');
}
END_TEST

START_TEST(finishing_a_drawn_record)
{
	alignas(8) uint8_t record[160];
	struct wire_header *header = (struct wire_header *)record;

	memset(record, 0xee, sizeof(record));
	*header = (struct wire_header){.kind = WIRE_EVENT};
	memset(record + sizeof(*header), 0, 8);
	link_finish_drawn(header, 88, 1, 5);
	ck_assert_uint_eq(header->size, 96);
	ck_assert_int_eq(wire_check(record, header->size), 0);
	for (uint32_t i = 93; i < 96; i++)
		ck_assert_uint_eq(record[i], 0);
	*header = (struct wire_header){.kind = WIRE_EVENT};
	link_finish_drawn(header, 88, 0, 0);
	ck_assert_uint_eq(header->size, 96);
	ck_assert(!(header->flags & WIRE_INLINE));
	ck_assert_int_eq(wire_check(record, header->size), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-send");
	TCase *tcase = tcase_create("plan");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, one_part_needs_no_table);
	tcase_add_test(tcase, several_parts_are_padded);
	tcase_add_test(tcase, what_a_word_cannot_count_fits_in_no_ring);
	tcase_add_test(tcase, nothing_of_the_memory_before_is_drawn);
	tcase_add_test(tcase, finishing_a_drawn_record);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
