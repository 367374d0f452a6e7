/* SPDX-License-Identifier: MIT */

/*
 * Tests of wire/header: where the pieces lie, and that wire_check() finds every length that does
 * not fit. The records are exactly as long as they say in memory of their own, so that a sanitizer
 * sees a read past their end.
 */

#include "wire/header.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t TAGS[] = {3, 'o', 'n', 'e', 0, 1, '2', 0};

/* A record to be damaged. */
struct record {
	struct wire_header header;
	struct wire_places places;
	uint8_t *bytes; /* header.size of them */
};

static void
record_new(struct record *record, uint8_t n_parts, bool is_inline)
{
	static const char *const strings[] = {"org.example", "Do", "text/plain"};
	struct wire_header *header = &record->header;

	*header = (struct wire_header){
		.kind = WIRE_CALL,
		.flags = is_inline ? WIRE_INLINE : 0,
		.service_size = 11,
		.member_size = 2,
		.type_size = 10,
		.tags_size = sizeof(TAGS),
		.n_tags = 2,
		.n_parts = n_parts,
		.inline_size = is_inline ? 21 : n_parts * 24u,
	};
	header->size = wire_size(header);
	wire_places(header, &record->places);
	record->bytes = calloc(1, header->size);
	ck_assert_ptr_nonnull(record->bytes);
	memcpy(record->bytes, header, sizeof(*header));
	wire_put_strings(record->bytes, header, strings, TAGS);
	for (uint32_t i = 0; !is_inline && i < n_parts; i++) {
		struct wire_part part = {.offset = i * 24u, .size = 20};

		memcpy(record->bytes + record->places.parts + i * sizeof(part), &part,
			sizeof(part));
	}
}

static void
record_free(struct record *record)
{
	free(record->bytes);
}

/* check() - with the header as it is now */
static int
check(struct record *record)
{
	memcpy(record->bytes, &record->header, sizeof(record->header));
	return wire_check(record->bytes, record->header.size);
}

START_TEST(places_are_as_documented)
{
	struct record record;

	record_new(&record, 2, false);
	ck_assert_uint_eq(record.places.service, 80);
	ck_assert_uint_eq(record.places.member, 80 + 12);
	ck_assert_uint_eq(record.places.type, 80 + 12 + 3);
	ck_assert_uint_eq(record.places.tags, 80 + 12 + 3 + 11);
	ck_assert_uint_eq(record.places.parts, 120); /* 114 to a multiple of 8 */
	ck_assert_uint_eq(record.places.payload, 120 + 2 * 32);
	ck_assert_uint_eq(record.header.size, 120 + 2 * 32 + 2 * 24);
	ck_assert_str_eq((char *)record.bytes + record.places.service, "org.example");
	ck_assert_str_eq((char *)record.bytes + record.places.member, "Do");
	ck_assert_str_eq((char *)record.bytes + record.places.type, "text/plain");
	ck_assert_mem_eq(record.bytes + record.places.tags, TAGS, sizeof(TAGS));
	ck_assert_int_eq(check(&record), 0);
	record_free(&record);

	record_new(&record, 1, true);
	ck_assert_uint_eq(record.places.payload, record.places.parts); /* no table */
	ck_assert_uint_eq(record.header.size, 120 + 24);
	ck_assert_int_eq(check(&record), 0);
	record_free(&record);
}
END_TEST

START_TEST(the_least_and_the_most)
{
	struct wire_header header = {.kind = WIRE_EVENT};
	struct record record;
	uint8_t *bytes;

	header.size = wire_size(&header);
	ck_assert_uint_eq(header.size, 88);
	bytes = calloc(1, header.size);
	memcpy(bytes, &header, sizeof(header));
	ck_assert_int_eq(wire_check(bytes, header.size), 0);
	free(bytes);
	for (uint8_t n = 0; n <= WIRE_MAX_PARTS; n++) {
		record_new(&record, n, false);
		record.header.n_fds = WIRE_MAX_FDS;
		ck_assert_int_eq(check(&record), 0);
		record_free(&record);
	}
}
END_TEST

START_TEST(shorter_than_it_says)
{
	struct record record;

	for (int is_inline = 0; is_inline < 2; is_inline++) {
		record_new(&record, is_inline ? 1 : 3, is_inline);
		for (size_t size = 0; size + 8 <= record.header.size; size++) {
			uint8_t *cut = malloc(size ? size : 1);

			memcpy(cut, record.bytes, size);
			ck_assert_int_eq(wire_check(cut, size), -EBADMSG);
			free(cut);
		}
		record_free(&record);
	}
}
END_TEST

/* lie() - one field with one wrong value, in an otherwise good record of three parts */
#define lie(field, value)                                                                          \
	do {                                                                                       \
		struct record record;                                                              \
                                                                                                   \
		record_new(&record, 3, false);                                                     \
		record.header.field = (value);                                                     \
		ck_assert_int_eq(check(&record), -EBADMSG);                                        \
		record_free(&record);                                                              \
	} while (0)

START_TEST(every_length_that_lies)
{
	lie(service_size, 10); /* its NUL is not there */
	lie(service_size, 12); /* a NUL inside */
	lie(service_size, 255);
	lie(member_size, 1);
	lie(member_size, 3);
	lie(member_size, 255);
	lie(type_size, 9);
	lie(type_size, 11);
	lie(type_size, 255);
	lie(tags_size, sizeof(TAGS) - 1);
	lie(tags_size, sizeof(TAGS) + 1);
	lie(tags_size, 0);
	lie(tags_size, UINT16_MAX);
	lie(n_tags, 1);
	lie(n_tags, 3);
	lie(n_tags, 0);
	lie(n_tags, WIRE_MAX_TAGS + 1);
	lie(n_tags, UINT8_MAX);
	lie(n_parts, 4); /* the table reaches into the payload, and the payload past the end */
	lie(n_parts, WIRE_MAX_PARTS + 1);
	lie(n_parts, UINT8_MAX);
	lie(n_fds, WIRE_MAX_FDS + 1);
	lie(n_fds, UINT8_MAX);
	lie(inline_size, 3 * 24 + 1);
	lie(inline_size, 3 * 24 - 5); /* the last part ends outside */
	lie(inline_size, 0);
	lie(inline_size, UINT32_MAX);
	lie(inline_size, UINT32_MAX - 200);
	lie(flags, WIRE_INLINE); /* but three parts */
}
END_TEST

START_TEST(strings_and_tags_that_lie)
{
	static const struct {
		uint32_t at; /* from the tags' begin; 1000: the end of the service */
		uint8_t byte;
	} lies[] = {{0, 0}, {0, 2}, {0, 4}, {0, 255}, {2, 0}, {4, 'x'}, {5, 0}, {5, 2}, {6, 0},
		{7, 1}, {1000, 'x'}};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct record record;

		record_new(&record, 1, false);
		record.bytes[lies[i].at == 1000 ? 80 + 11 : record.places.tags + lies[i].at] =
			lies[i].byte;
		ck_assert_int_eq(check(&record), -EBADMSG);
		record_free(&record);
	}
}
END_TEST

START_TEST(too_much_header)
{
	struct wire_header header = {.kind = WIRE_CALL,
		.service_size = 255,
		.member_size = 255,
		.type_size = 255,
		.n_tags = 2,
		.tags_size = 2 * 257};
	uint8_t *bytes;

	header.size = wire_size(&header) + 64;
	bytes = calloc(1, header.size);
	memset(bytes, 'x', header.size);
	memcpy(bytes, &header, sizeof(header));
	bytes[80 + 255] = bytes[80 + 511] = bytes[80 + 767] = 0;
	for (int i = 0; i < 2; i++) {
		bytes[80 + 768 + i * 257] = 255;
		bytes[80 + 768 + i * 257 + 256] = 0;
	}
	ck_assert_int_eq(
		wire_check(bytes, header.size), -EBADMSG); /* well-formed, but over 1 KiB */
	header.n_tags = 0;
	header.tags_size = 0;
	memcpy(bytes, &header, sizeof(header));
	ck_assert_int_eq(wire_check(bytes, header.size), 0);
	free(bytes);
}
END_TEST

START_TEST(parts_that_lie)
{
	static const struct {
		uint64_t offset, size;
		bool fits;
	} parts[] = {
		{0, 0, true},
		{0, 72, true},
		{72, 0, true},
		{71, 1, true},
		{0, 73, false},
		{72, 1, false},
		{73, 0, false},
		{1, 72, false},
		{UINT64_MAX, 0, false},
		{0, UINT64_MAX, false},
		{UINT64_MAX, UINT64_MAX, false},
		{8, UINT64_MAX - 7, false},
		{1ull << 32, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct wire_part part = {.offset = parts[i].offset, .size = parts[i].size};
		struct record record;

		record_new(&record, 3, false);
		memcpy(record.bytes + record.places.parts + 2 * sizeof(part), &part, sizeof(part));
		ck_assert_int_eq(check(&record), parts[i].fits ? 0 : -EBADMSG);
		part.segment = 9; /* elsewhere: the link checks it */
		memcpy(record.bytes + record.places.parts + 2 * sizeof(part), &part, sizeof(part));
		ck_assert_int_eq(check(&record), 0);
		record_free(&record);
	}
}
END_TEST

/* Any bytes damaged: an answer, and nothing read outside (the sanitizers look). */
START_TEST(damage_is_survived)
{
	uint64_t random = 1;
	int n_good = 0;

	for (int i = 0; i < 200000; i++) {
		struct record record;

		record_new(&record, (uint8_t)(i % 4), i % 4 == 1 && i % 3);
		for (int k = 0; k < 1 + i % 3; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			record.bytes[(random >> 40) % record.header.size] = (uint8_t)(random >> 33);
		}
		n_good += wire_check(record.bytes, record.header.size) == 0;
		record_free(&record);
	}
	ck_assert_int_gt(n_good, 0);
	ck_assert_int_lt(n_good, 200000);
}
END_TEST

START_TEST(tags_walk)
{
	const uint8_t *cursor = TAGS;
	uint8_t size;

	ck_assert_str_eq(wire_tag_next(&cursor, &size), "one");
	ck_assert_uint_eq(size, 3);
	ck_assert_str_eq(wire_tag_next(&cursor, &size), "2");
	ck_assert_uint_eq(size, 1);
	ck_assert_ptr_eq(cursor, TAGS + sizeof(TAGS));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("header");
	TCase *tcase = tcase_create("header");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, places_are_as_documented);
	tcase_add_test(tcase, the_least_and_the_most);
	tcase_add_test(tcase, shorter_than_it_says);
	tcase_add_test(tcase, every_length_that_lies);
	tcase_add_test(tcase, strings_and_tags_that_lie);
	tcase_add_test(tcase, too_much_header);
	tcase_add_test(tcase, parts_that_lie);
	tcase_add_test(tcase, damage_is_survived);
	tcase_add_test(tcase, tags_walk);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
