/* SPDX-License-Identifier: MIT */

/*
 * cbor-check: limits, duplicate keys and what they cost, deterministic encoding
 */

#include "base/attribute.h"
#include "base/clock.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor-vectors.h"
#include "wire/cbor.h"

#define MANY 1000000 /* what an attacker would nest */

/* What this process has computed so far: a busy machine does not make us slow. */
static uint64_t
computed_ns(void)
{
	struct timespec ts;

	ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* slower() - so much longer where all is slower: under a sanitizer, or valgrind */
static uint64_t
slower(uint64_t ns)
{
	const char *times = getenv("CK_TIMEOUT_MULTIPLIER");

	return ns * (times ? strtoull(times, NULL, 10) : 1);
}

static uint32_t
fault_of(const void *bytes, size_t size, uint32_t flags)
{
	struct tern_cbor_fault fault = {0};
	int e = tern_cbor_check(bytes, size, flags, &fault);

	ck_assert_int_eq(e, fault.code ? -EBADMSG : 0);
	return fault.code;
}

static uint32_t
fault_of_hex(const char *hex, uint32_t flags)
{
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_of(hex, &size);

	return fault_of(bytes, size, flags);
}

START_TEST(a_million_levels_are_refused_at_once)
{
	/* arrays, maps, open ones, tags */
	static const uint8_t heads[] = {0x81, 0xa1, 0x9f, 0xbf, 0xc1, 0xd8};
	_cleanup_(freep) uint8_t *bytes = malloc(MANY);
	uint64_t start;
	size_t n;

	memset(bytes, heads[_i], MANY);
	start = computed_ns();
	ck_assert_uint_eq(fault_of(bytes, MANY, 0),
		heads[_i] == 0xa1 || heads[_i] == 0xbf ? TERN_CBOR_E_KEY : TERN_CBOR_E_DEPTH);
	ck_assert_int_eq(tern_cbor_diag(bytes, MANY, NULL, 0, &n), -EBADMSG);
	ck_assert_int_eq(tern_cbor_unpack(bytes, MANY, NULL, "v", NULL, NULL), -EBADMSG);
	/* The promise is 1 ms for each. */
	ck_assert_msg(computed_ns() - start < slower(30 * NSEC_PER_MSEC), "took too long");
}
END_TEST

START_TEST(depth_is_counted_in_everything)
{
	uint8_t bytes[TERN_CBOR_MAX_DEPTH + 2];

	for (int is_tag = 0; is_tag < 2; is_tag++) {
		memset(bytes, is_tag ? 0xc1 : 0x81, sizeof(bytes));
		bytes[TERN_CBOR_MAX_DEPTH] = 0;
		ck_assert_uint_eq(fault_of(bytes, TERN_CBOR_MAX_DEPTH + 1, 0), TERN_CBOR_OK);
		bytes[TERN_CBOR_MAX_DEPTH] = 0x80;
		ck_assert_uint_eq(fault_of(bytes, TERN_CBOR_MAX_DEPTH + 1, 0), TERN_CBOR_E_DEPTH);
	}
}
END_TEST

START_TEST(the_number_of_items_has_a_limit)
{
	size_t size = 5 + (size_t)TERN_CBOR_MAX_ITEMS;
	_cleanup_(freep) uint8_t *bytes = calloc(1, size);

	bytes[0] = 0x9a;
	bytes[1] = (uint8_t)((TERN_CBOR_MAX_ITEMS - 1) >> 24);
	bytes[2] = (uint8_t)((TERN_CBOR_MAX_ITEMS - 1) >> 16);
	bytes[3] = (uint8_t)((TERN_CBOR_MAX_ITEMS - 1) >> 8);
	bytes[4] = (uint8_t)(TERN_CBOR_MAX_ITEMS - 1);
	ck_assert_uint_eq(fault_of(bytes, size - 1, 0), TERN_CBOR_OK);
	ck_assert_uint_eq(fault_of(bytes, size, TERN_CBOR_SEQUENCE), TERN_CBOR_E_ITEMS);
}
END_TEST

START_TEST(a_sequence_is_any_number_of_items)
{
	ck_assert_uint_eq(fault_of_hex("", TERN_CBOR_SEQUENCE), TERN_CBOR_OK);
	ck_assert_uint_eq(fault_of_hex("", 0), TERN_CBOR_E_TRUNCATED);
	ck_assert_uint_eq(fault_of_hex("00a0808100", TERN_CBOR_SEQUENCE), TERN_CBOR_OK);
	ck_assert_uint_eq(fault_of_hex("0081", TERN_CBOR_SEQUENCE), TERN_CBOR_E_COUNT);
	ck_assert_uint_eq(fault_of_hex("00ff", TERN_CBOR_SEQUENCE), TERN_CBOR_E_BREAK);
	ck_assert_int_eq(tern_cbor_check("", 0, 4, NULL), -EINVAL);
	ck_assert_int_eq(tern_cbor_check("\xff", 1, 0, NULL), -EBADMSG);
}
END_TEST

START_TEST(deterministic_encoding)
{
	static const struct {
		const char *hex;
		uint32_t code;
	} rows[] = {
		{"17", TERN_CBOR_OK},
		{"1817", TERN_CBOR_E_LONG},
		{"1818", TERN_CBOR_OK},
		{"1900ff", TERN_CBOR_E_LONG},
		{"190100", TERN_CBOR_OK},
		{"1a0000ffff", TERN_CBOR_E_LONG},
		{"1a00010000", TERN_CBOR_OK},
		{"1b00000000ffffffff", TERN_CBOR_E_LONG},
		{"1b0000000100000000", TERN_CBOR_OK},
		{"3817", TERN_CBOR_E_LONG},
		{"5800", TERN_CBOR_E_LONG},
		{"780161", TERN_CBOR_E_LONG},
		{"9800", TERN_CBOR_E_LONG},
		{"b800", TERN_CBOR_E_LONG},
		{"d80100", TERN_CBOR_E_LONG},
		{"f820", TERN_CBOR_OK},
		{"9fff", TERN_CBOR_E_LONG},
		{"bfff", TERN_CBOR_E_LONG},
		{"7fff", TERN_CBOR_E_LONG},
		{"5fff", TERN_CBOR_E_LONG},
		{"f97e00", TERN_CBOR_OK},
		{"f97e01", TERN_CBOR_E_LONG},
		{"fa7fc00000", TERN_CBOR_E_LONG},
		{"fa3f800000", TERN_CBOR_E_LONG},
		{"fa47c35000", TERN_CBOR_OK},
		{"fb3ff0000000000000", TERN_CBOR_E_LONG},
		{"fb3ff199999999999a", TERN_CBOR_OK},
		{"a3616100616200626161f6", TERN_CBOR_OK},
		{"a2616200616100", TERN_CBOR_E_UNSORTED},
		{"a262616100616200", TERN_CBOR_E_UNSORTED},
		{"a400002000410000616100", TERN_CBOR_OK},
		{"a220000000", TERN_CBOR_E_UNSORTED},
		{"a218640009f6", TERN_CBOR_E_UNSORTED},
		{"a2f500f93c0000", TERN_CBOR_OK},
		{"a2f93c0000f500", TERN_CBOR_E_UNSORTED},
		{"a2fa47c3500000fb3ff199999999999a00", TERN_CBOR_OK}, /* by bytes: 100000.0, 1.1 */
		{"a2fb3ff199999999999a00fa47c3500000", TERN_CBOR_E_UNSORTED},
		{"a2e000f400", TERN_CBOR_OK}, /* simple(0), false */
		{"a2f400e000", TERN_CBOR_E_UNSORTED},
		{"82a16162f6a16161f6", TERN_CBOR_OK},
		{"a16162a16161f6", TERN_CBOR_OK},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t code = fault_of_hex(rows[i].hex, TERN_CBOR_DETERMINISTIC);

		ck_assert_msg(
			code == rows[i].code, "%s: %s", rows[i].hex, tern_cbor_fault_name(code));
		ck_assert_uint_eq(fault_of_hex(rows[i].hex, 0), TERN_CBOR_OK);
	}
}
END_TEST

/* A map of n number keys in an order that is none, each with a null. */
static uint8_t *
make_map(uint32_t n, size_t *ret_size)
{
	struct tern_cbor_writer w;
	size_t size = 16 + 6 * (size_t)n;
	uint8_t *bytes = malloc(size);

	tern_cbor_writer_init(&w, bytes, size);
	tern_cbor_put_map(&w, n);
	for (uint32_t i = 0; i < n; i++) {
		/* odd multiples modulo 2^32 are a permutation: no key twice */
		tern_cbor_put_uint(&w, i * UINT32_C(2654435761));
		tern_cbor_put_null(&w);
	}
	ck_assert_int_eq(tern_cbor_writer_finish(&w, ret_size), 0);
	return bytes;
}

START_TEST(thousands_of_keys_in_no_order)
{
	size_t size;
	_cleanup_(freep) uint8_t *bytes = make_map(5000, &size);

	ck_assert_uint_eq(fault_of(bytes, size, 0), TERN_CBOR_OK);
	/* The last key, made equal to the first, is found. */
	ck_assert_int_eq(bytes[3], 0);
	bytes[size - 6] = 0x1a;
	memset(bytes + size - 5, 0, 4);
	ck_assert_uint_eq(fault_of(bytes, size, 0), TERN_CBOR_E_DUPLICATE);
}
END_TEST

START_TEST(looking_for_duplicates_has_a_limit)
{
	size_t size;
	_cleanup_(freep) uint8_t *bytes = make_map(200000, &size);
	uint64_t start = computed_ns();

	ck_assert_uint_eq(fault_of(bytes, size, 0), TERN_CBOR_E_KEYS);
	ck_assert_msg(computed_ns() - start < slower(5 * NSEC_PER_SEC), "took too long");
}
END_TEST

START_TEST(any_number_of_sorted_keys)
{
	uint32_t n = 200000;
	size_t size = 16 + 6 * (size_t)n;
	_cleanup_(freep) uint8_t *bytes = malloc(size);
	struct tern_cbor_writer w;

	tern_cbor_writer_init(&w, bytes, size);
	tern_cbor_put_map(&w, n);
	for (uint32_t i = 0; i < n; i++) {
		tern_cbor_put_uint(&w, i);
		tern_cbor_put_null(&w);
	}
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	ck_assert_uint_eq(fault_of(bytes, size, TERN_CBOR_DETERMINISTIC), TERN_CBOR_OK);
}
END_TEST

/* Many small maps with the same keys share one filter and do not disturb each other. */
START_TEST(many_maps_with_the_same_keys)
{
	static const uint8_t map[] = {0xa3, 0x61, 'b', 0, 0x61, 'a', 1, 0x61, 'c', 2};
	uint32_t n = 100000;
	_cleanup_(freep) uint8_t *bytes = malloc(n * sizeof(map));

	for (uint32_t i = 0; i < n; i++)
		memcpy(bytes + i * sizeof(map), map, sizeof(map));
	ck_assert_uint_eq(fault_of(bytes, n * sizeof(map), TERN_CBOR_SEQUENCE), TERN_CBOR_OK);
	bytes[n * sizeof(map) - 2] = 'b';
	ck_assert_uint_eq(
		fault_of(bytes, n * sizeof(map), TERN_CBOR_SEQUENCE), TERN_CBOR_E_DUPLICATE);
}
END_TEST

START_TEST(equal_keys_are_equal_values)
{
	ck_assert_uint_eq(fault_of_hex("a2000019000000", 0), TERN_CBOR_E_DUPLICATE);
	ck_assert_uint_eq(fault_of_hex("a2616100780161f6", 0), TERN_CBOR_E_DUPLICATE);
	ck_assert_uint_eq(fault_of_hex("a301000200180100", 0), TERN_CBOR_E_DUPLICATE);
	ck_assert_uint_eq(fault_of_hex("a20100f93c0000", 0), TERN_CBOR_OK); /* 1, 1.0 */
	ck_assert_uint_eq(fault_of_hex("a2616100416100", 0), TERN_CBOR_OK); /* text, bytes */
	ck_assert_uint_eq(fault_of_hex("a200002000", 0), TERN_CBOR_OK);	    /* 0, -1 */
	ck_assert_uint_eq(fault_of_hex("a3f400f500f600", 0), TERN_CBOR_OK);
	ck_assert_uint_eq(fault_of_hex("a2f600f600", 0), TERN_CBOR_E_DUPLICATE);
	ck_assert_uint_eq(fault_of_hex("a2f90000fbf98000fb", 0), TERN_CBOR_E_TRUNCATED);
	ck_assert_uint_eq(fault_of_hex("a2f9000000f9800000", 0), TERN_CBOR_OK); /* 0.0, -0.0 */
	ck_assert_uint_eq(fault_of_hex("a2f97e0000fb7ff800000000000100", 0), TERN_CBOR_E_DUPLICATE);
	ck_assert_uint_eq(fault_of_hex("a2e000f82000", 0), TERN_CBOR_OK);
}
END_TEST

/* The same key on two levels, and after a map that was a value, is no duplicate. */
START_TEST(maps_inside_maps_are_others)
{
	ck_assert_uint_eq(fault_of_hex("a26161a16161006162a1616100", 0), TERN_CBOR_OK);
	ck_assert_uint_eq(fault_of_hex("a26162a16161006161a1616200", 0), TERN_CBOR_OK);
	ck_assert_uint_eq(
		fault_of_hex("a36162a16161006161a1616200616200", 0), TERN_CBOR_E_DUPLICATE);
	ck_assert_uint_eq(
		fault_of_hex("a36162c1a161610061618161626162a0", 0), TERN_CBOR_E_DUPLICATE);
}
END_TEST

START_TEST(every_fault_has_a_name_and_a_text)
{
	for (uint32_t i = 0; i < TERN_CBOR_N_FAULTS; i++) {
		ck_assert(strncmp(tern_cbor_fault_name(i), "tern.cbor.", 10) == 0);
		ck_assert_uint_gt(strlen(tern_cbor_fault_text(i)), 0);
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(tern_cbor_fault_name(i), tern_cbor_fault_name(k));
	}
	ck_assert_str_eq(tern_cbor_fault_name(TERN_CBOR_N_FAULTS), "tern.cbor.Unknown");
	ck_assert_uint_gt(strlen(tern_cbor_fault_text(UINT32_MAX)), 0);
}
END_TEST

static Suite *
cbor_check_suite(void)
{
	Suite *suite = suite_create("cbor-check");
	TCase *tc = tcase_create("check");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, a_million_levels_are_refused_at_once, 0, 6);
	tcase_add_test(tc, depth_is_counted_in_everything);
	tcase_add_test(tc, the_number_of_items_has_a_limit);
	tcase_add_test(tc, a_sequence_is_any_number_of_items);
	tcase_add_test(tc, deterministic_encoding);
	tcase_add_test(tc, thousands_of_keys_in_no_order);
	tcase_add_test(tc, looking_for_duplicates_has_a_limit);
	tcase_add_test(tc, any_number_of_sorted_keys);
	tcase_add_test(tc, many_maps_with_the_same_keys);
	tcase_add_test(tc, equal_keys_are_equal_values);
	tcase_add_test(tc, maps_inside_maps_are_others);
	tcase_add_test(tc, every_fault_has_a_name_and_a_text);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(cbor_check_suite());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
