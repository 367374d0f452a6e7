/* SPDX-License-Identifier: MIT */

/* mix_test: the arithmetic of the mix, and volumes as people write them */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "volume.h"

static int16_t
mix_one(const int16_t *samples, const uint32_t *volumes, size_t n, uint32_t all)
{
	int64_t sum[MIX_BLOCK] = {0};
	uint8_t out[2 * MIX_BLOCK];
	size_t i;

	for (i = 0; i < n; i++) {
		uint8_t sample[2] = {(uint8_t)samples[i], (uint8_t)(samples[i] >> 8)};

		mix_add(sum, sample, 1, volumes[i]);
	}
	mix_finish(sum, all, out);
	return (int16_t)(out[0] | out[1] << 8);
}

static int16_t
mix_two(int16_t a, int16_t b, uint32_t volume, uint32_t all)
{
	return mix_one((int16_t[]){a, b}, (uint32_t[]){volume, volume}, 2, all);
}

START_TEST(unity_changes_nothing)
{
	int x;

	for (x = INT16_MIN; x <= INT16_MAX; x += 257)
		ck_assert_int_eq(mix_two((int16_t)x, 0, MIX_UNITY, MIX_UNITY), x);
}
END_TEST

START_TEST(sum_is_saturated_once)
{
	int16_t loud[] = {32767, 32767, -32768};
	uint32_t volumes[] = {MIX_UNITY, MIX_UNITY, MIX_UNITY};

	ck_assert_int_eq(mix_two(32767, 32767, MIX_UNITY, MIX_UNITY), 32767);
	ck_assert_int_eq(mix_two(-32768, -32768, MIX_UNITY, MIX_UNITY), -32768);
	/* saturating after two would give -1 */
	ck_assert_int_eq(mix_one(loud, volumes, 3, MIX_UNITY), 32766);
	/* too loud together, and half of it: not cut before the volume for all */
	ck_assert_int_eq(mix_two(30000, 30000, MIX_UNITY, MIX_UNITY / 2), 30000);
}
END_TEST

START_TEST(halves_are_rounded_up)
{
	ck_assert_int_eq(mix_two(1, 0, MIX_UNITY / 2, MIX_UNITY), 1);
	ck_assert_int_eq(mix_two(-1, 0, MIX_UNITY / 2, MIX_UNITY), 0);
	ck_assert_int_eq(mix_two(-3, 0, MIX_UNITY / 2, MIX_UNITY), -1);
	ck_assert_int_eq(mix_two(1, 0, MIX_UNITY / 2 - 1, MIX_UNITY), 0);
	/* 0.25 + 0.25: rounded after the sum, not before */
	ck_assert_int_eq(mix_two(1, 1, MIX_UNITY / 4, MIX_UNITY), 1);
}
END_TEST

START_TEST(most_players_do_not_overflow)
{
	static int16_t samples[MIX_PLAYERS];
	static uint32_t volumes[MIX_PLAYERS];
	size_t i;

	for (i = 0; i < MIX_PLAYERS; i++) {
		samples[i] = INT16_MIN;
		volumes[i] = MIX_LOUDEST;
	}
	ck_assert_int_eq(mix_one(samples, volumes, MIX_PLAYERS, MIX_LOUDEST), INT16_MIN);
}
END_TEST

START_TEST(short_block_ends_in_silence)
{
	int64_t sum[MIX_BLOCK] = {0};
	uint8_t block[2 * MIX_BLOCK], out[2 * MIX_BLOCK];
	size_t i;

	memset(block, 1, sizeof(block));
	mix_add(sum, block, 7, MIX_UNITY);
	mix_finish(sum, MIX_UNITY, out);
	for (i = 0; i < MIX_BLOCK; i++)
		ck_assert_int_eq(out[2 * i] | out[2 * i + 1] << 8, i < 7 ? 257 : 0);
}
END_TEST

static uint32_t
parsed(const char *text)
{
	uint32_t volume = 0;

	ck_assert_int_eq(volume_parse(text, &volume), 0);
	return volume;
}

START_TEST(volumes_are_read)
{
	int32_t shift;

	ck_assert_uint_eq(parsed("0"), 0);
	ck_assert_uint_eq(parsed("1"), MIX_UNITY);
	ck_assert_uint_eq(parsed("0.5"), 16384);
	ck_assert_uint_eq(parsed(".5"), 16384);
	ck_assert_uint_eq(parsed("50%"), 16384);
	ck_assert_uint_eq(parsed("2.0"), MIX_LOUDEST);
	ck_assert_uint_eq(parsed("0.1"), 3277);
	ck_assert_int_eq(volume_parse_shift("-0.25", &shift), 0);
	ck_assert_int_eq(shift, -8192);
	ck_assert_int_eq(volume_parse_shift("+10%", &shift), 0);
	ck_assert_int_eq(shift, 3277);
}
END_TEST

START_TEST(nonsense_is_no_volume)
{
	static const char *const bad[] = {
		"",
		".",
		"%",
		"x",
		"0.5x",
		"0x1",
		"nan",
		"inf",
		" 1",
		"1 ",
		"--1",
		"1%%",
		"+",
		"loud",
	};
	uint32_t volume = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(volume_parse(bad[i], &volume) == -EINVAL, "'%s'", bad[i]);
	ck_assert_int_eq(volume_parse("2.1", &volume), -ERANGE);
	ck_assert_int_eq(volume_parse("-0.1", &volume), -ERANGE);
	ck_assert_int_eq(volume_parse("1e99", &volume), -ERANGE);
	ck_assert_uint_eq(volume, 7);
}
END_TEST

START_TEST(volumes_come_back_as_they_were_printed)
{
	char text[VOLUME_TEXT];
	uint32_t volume;

	for (volume = 0; volume <= MIX_LOUDEST; volume++)
		ck_assert_uint_eq(parsed(volume_print(volume, text)), volume);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mix");
	TCase *tcase = tcase_create("mix");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, unity_changes_nothing);
	tcase_add_test(tcase, sum_is_saturated_once);
	tcase_add_test(tcase, halves_are_rounded_up);
	tcase_add_test(tcase, most_players_do_not_overflow);
	tcase_add_test(tcase, short_block_ends_in_silence);
	tcase_add_test(tcase, volumes_are_read);
	tcase_add_test(tcase, nonsense_is_no_volume);
	tcase_add_test(tcase, volumes_come_back_as_they_were_printed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
