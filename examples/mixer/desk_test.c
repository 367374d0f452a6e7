/* SPDX-License-Identifier: MIT */

/* desk_test: the rules of mixer.md one by one; the events are written down as text and compared */

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "desk.h"

enum { GRACE = 100 };

static struct desk *m;
static char told[4096]; /* the events since tell() */
static unsigned n_blocks, n_used, n_dropped, n_left;
static uint8_t last_block[2 * MIX_BLOCK];
static int block_result;
static const uint8_t sound[2 * MIX_BLOCK] = {1};

__attribute__((__format__(__printf__, 1, 2))) static void
tell(const char *format, ...)
{
	size_t n = strlen(told);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(told + n, sizeof(told) - n, format, ap);
	va_end(ap);
}

static int
on_joined(void *user, struct desk_player *p)
{
	p->user = told;
	return 0;
}

static void
on_left(void *user, struct desk_player *p)
{
	ck_assert_ptr_eq(p->user, told);
	n_left++;
}

static void
on_started(void *user, struct desk_player *p)
{
	tell("started %s %d+%d;", p->name, (int)p->start, (int)p->offset);
}

static void
on_volume(void *user, struct desk_player *p, uint64_t position, uint32_t value)
{
	tell("volume %s %d %u;", p ? p->name : "all", (int)position, value);
}

static void
on_ended(void *user, struct desk_player *p, uint64_t position)
{
	tell("ended %s %d %d;", p->name, (int)position, (int)p->frames);
}

static int
on_block(void *user, const void *samples, uint64_t position)
{
	ck_assert_uint_eq(position, n_blocks * MIX_BLOCK);
	if (!block_result)
		n_blocks++;
	memcpy(last_block, samples, sizeof(last_block));
	return block_result;
}

static void
on_used(void *user, void *token, uint64_t position)
{
	ck_assert_ptr_eq(token, &m);
	n_used++;
	n_dropped += position == DESK_NEVER;
}

static const struct desk_ops ops = {
	.joined = on_joined,
	.left = on_left,
	.started = on_started,
	.volume = on_volume,
	.ended = on_ended,
	.block = on_block,
	.used = on_used,
};

static void
setup(void)
{
	ck_assert_int_eq(desk_new(&ops, NULL, GRACE, &m), 0);
}

static void
teardown(void)
{
	m = desk_free(m);
}

static uint64_t
join(const char *name, uint64_t owner)
{
	struct desk_player *p;

	ck_assert_int_eq(desk_join(m, name, owner, &p), 0);
	return p->id;
}

static int
push_some(uint64_t id, size_t n_frames, bool last)
{
	struct desk_block block = {.samples = sound, .n_frames = n_frames, .token = &m};

	return desk_push(m, id, id, &block, last);
}

static void
push(uint64_t id)
{
	ck_assert_int_eq(push_some(id, MIX_BLOCK, false), 0);
}

static uint64_t
run(uint64_t now)
{
	uint64_t deadline = 0;

	ck_assert_int_eq(desk_run(m, now, &deadline), 0);
	return deadline;
}

/* Compare what was told since the last time. */
static void
expect(const char *events)
{
	ck_assert_str_eq(told, events);
	told[0] = 0;
}

static int
change_at(const char *name, bool shift, int64_t value, uint64_t at)
{
	struct desk_change change = {.name = name, .shift = shift, .value = value, .at = at};
	uint64_t position;

	return desk_change(m, &change, &position);
}

START_TEST(player_starts_with_its_first_block)
{
	uint64_t a = join("a", 1);

	ck_assert_uint_eq(run(0), DESK_NEVER);
	expect("");
	push(a);
	ck_assert_uint_eq(run(0), DESK_NEVER);
	expect("started a 0+0;volume a 0 32768;");
	ck_assert_uint_eq(desk_position(m), 480);
	ck_assert_uint_eq(n_used, 1);
	push(a);
	(void)run(0);
	expect("");
}
END_TEST

START_TEST(last_block_ends_it_where_its_frames_end)
{
	uint64_t a = join("a", 1);

	push(a);
	ck_assert_int_eq(push_some(a, 7, true), 0);
	ck_assert_int_eq(push_some(a, 7, true), DESK_E_ENDED);
	(void)run(0);
	expect("started a 0+0;volume a 0 32768;ended a 487 487;");
	ck_assert_uint_eq(desk_position(m), 960);
	ck_assert_uint_eq(n_left, 1);
	ck_assert_int_eq(push_some(a, 7, true), DESK_E_NO_PLAYER);
}
END_TEST

START_TEST(started_player_is_waited_for)
{
	uint64_t a = join("a", 1), b = join("b", 2);

	push(a);
	push(b);
	(void)run(0);
	expect("started a 0+0;volume a 0 32768;started b 0+0;volume b 0 32768;");
	push(a);
	push(a);
	ck_assert_uint_eq(run(10), 10 + GRACE);
	ck_assert_uint_eq(run(50), 10 + GRACE);
	ck_assert_uint_eq(desk_position(m), 480);
	push(b);
	ck_assert_uint_eq(run(60), 60 + GRACE); /* one block further, and a new wait begins */
	ck_assert_uint_eq(desk_position(m), 960);
	expect("");
}
END_TEST

START_TEST(stalled_player_is_ended_and_goes_on_later)
{
	uint64_t a = join("a", 1), b = join("b", 2);

	push(a);
	push(b);
	push(a);
	push(a);
	ck_assert_uint_eq(run(10), 10 + GRACE);
	told[0] = 0;
	ck_assert_uint_eq(run(10 + GRACE), DESK_NEVER);
	expect("ended b 480 480;");
	ck_assert_uint_eq(desk_position(m), 3 * 480);
	push(b);
	ck_assert_uint_eq(run(300), 300 + GRACE); /* b waits for a, which is started */
	push(a);
	(void)run(300);
	expect("started b 1440+480;volume b 1440 32768;");
}
END_TEST

START_TEST(nobody_waits_while_nobody_has_sound)
{
	uint64_t a = join("a", 1);

	push(a);
	(void)run(0);
	(void)join("b", 2);
	ck_assert_uint_eq(run(1000000), DESK_NEVER);
	ck_assert_uint_eq(desk_position(m), 480);
}
END_TEST

START_TEST(dead_player_is_heard_to_its_last_block)
{
	uint64_t a = join("a", 1), b = join("b", 2);

	push(a);
	push(a);
	push(b);
	push(b);
	push(b);
	desk_leave(m, 2);
	ck_assert_uint_eq(run(0), 0 + GRACE); /* a's turn, with b's third block */
	push(a);
	(void)run(0);
	expect("started a 0+0;volume a 0 32768;started b 0+0;volume b 0 32768;ended b 1440 1440;");
	ck_assert_uint_eq(n_left, 1);
	ck_assert_uint_eq(n_dropped, 0);
}
END_TEST

START_TEST(dead_player_without_blocks_ends_at_once)
{
	uint64_t a = join("a", 1);

	(void)join("silent", 1);
	push(a);
	(void)run(0);
	desk_leave(m, 1);
	(void)run(0);
	expect("started a 0+0;volume a 0 32768;ended a 480 480;");
	ck_assert_uint_eq(n_left, 2);
}
END_TEST

START_TEST(changes_act_at_their_position)
{
	uint64_t a = join("a", 1);
	struct desk_change later = {.name = "a", .value = 100, .at = 481};
	uint64_t position;
	uint32_t volume;

	ck_assert_int_eq(desk_change(m, &later, &position), 0);
	ck_assert_uint_eq(position, 960);
	ck_assert_int_eq(change_at("all", false, 16384, 480), 0);
	ck_assert_int_eq(change_at("a", true, -32768, 480), 0);
	ck_assert_int_eq(change_at("a", true, 10, 480), 0);
	ck_assert_int_eq(change_at("a", true, -65536, 0), 0);
	expect("volume a 0 0;");
	push(a);
	push(a);
	push(a);
	(void)run(0);
	expect("started a 0+0;volume a 0 0;volume all 480 16384;volume a 480 0;volume a 480 10;"
	       "volume a 960 100;");
	ck_assert_int_eq(desk_get(m, "a", &volume), 0);
	ck_assert_uint_eq(volume, 100);
	ck_assert_int_eq(desk_get(m, "all", &volume), 0);
	ck_assert_uint_eq(volume, 16384);
	ck_assert_int_eq(change_at("a", true, 65536, 0), 0);
	expect("volume a 1440 65536;");
}
END_TEST

START_TEST(changes_of_the_gone_are_forgotten)
{
	uint64_t a = join("a", 1);

	ck_assert_int_eq(change_at("a", false, 1, 480), 0);
	ck_assert_int_eq(push_some(a, 480, true), 0);
	(void)run(0);
	/* at 480 it is told, since the player is there until then; a second a begins afresh */
	told[0] = 0;
	a = join("a", 2);
	push(a);
	(void)run(0);
	expect("started a 480+0;volume a 480 32768;");
}
END_TEST

START_TEST(bad_changes_are_refused)
{
	int i;

	(void)join("a", 1);
	ck_assert_int_eq(change_at("b", false, 1, 0), DESK_E_NO_PLAYER);
	ck_assert_int_eq(change_at("a", false, -1, 0), DESK_E_RANGE);
	ck_assert_int_eq(change_at("a", false, MIX_LOUDEST + 1, 0), DESK_E_RANGE);
	ck_assert_int_eq(change_at("a", true, -MIX_LOUDEST - 1, 0), DESK_E_RANGE);
	ck_assert_int_eq(change_at("a", true, INT64_MAX, 0), DESK_E_RANGE);
	ck_assert_int_eq(change_at("a", true, INT64_MIN, 0), DESK_E_RANGE);
	for (i = 0; i < DESK_CHANGES; i++)
		ck_assert_int_eq(change_at("a", false, 1, UINT64_MAX), 0);
	ck_assert_int_eq(change_at("a", false, 1, 1), DESK_E_CROWDED);
	expect("");
}
END_TEST

START_TEST(pause_holds_everything_and_nobody_is_late)
{
	uint64_t a = join("a", 1), b = join("b", 2);

	ck_assert_uint_eq(desk_pause(m, 1), 480);
	push(a);
	push(a);
	push(b);
	ck_assert_uint_eq(run(0), DESK_NEVER);
	ck_assert_uint_eq(desk_position(m), 480);
	ck_assert_uint_eq(run(1000 * GRACE), DESK_NEVER);
	ck_assert_uint_eq(desk_pause(m, 0), 480);
	desk_resume(m);
	ck_assert_uint_eq(run(1000 * GRACE), 1001 * GRACE);
	push(b);
	(void)run(1000 * GRACE);
	ck_assert_uint_eq(desk_position(m), 960);
	expect("started a 0+0;volume a 0 32768;started b 0+0;volume b 0 32768;");
}
END_TEST

START_TEST(names_are_chosen)
{
	char longest[DESK_NAME + 2];
	struct desk_player *p;
	int i;

	memset(longest, 'x', sizeof(longest));
	longest[DESK_NAME + 1] = 0;
	ck_assert_int_eq(desk_join(m, longest, 1, &p), DESK_E_NAME);
	ck_assert_int_eq(desk_join(m, "", 1, &p), DESK_E_NAME);
	ck_assert_int_eq(desk_join(m, "a b", 1, &p), DESK_E_NAME);
	ck_assert_int_eq(desk_join(m, "all", 1, &p), DESK_E_NAME);
	longest[DESK_NAME] = 0;
	ck_assert_int_eq(desk_join(m, longest, 1, &p), 0);
	ck_assert_str_eq(p->name, longest);
	ck_assert_int_eq(desk_join(m, longest, 1, &p), 0);
	ck_assert_str_eq(p->name + 56, "xx-2");
	for (i = 2; i < MIX_PLAYERS; i++)
		ck_assert_int_eq(desk_join(m, "same", 1, &p), 0);
	ck_assert_str_eq(p->name, "same-1022");
	ck_assert_int_eq(desk_join(m, "same", 1, &p), DESK_E_CROWDED);
}
END_TEST

START_TEST(blocks_are_checked)
{
	struct desk_block block = {.samples = sound, .n_frames = MIX_BLOCK, .token = &m};
	uint64_t a = join("a", 1);
	int i;

	ck_assert_int_eq(desk_push(m, a, 2, &block, false), DESK_E_NO_PLAYER);
	ck_assert_int_eq(push_some(a, MIX_BLOCK - 1, false), DESK_E_SIZE);
	ck_assert_int_eq(push_some(a, MIX_BLOCK + 1, true), DESK_E_SIZE);
	ck_assert_int_eq(push_some(a, 0, true), DESK_E_SIZE);
	for (i = 0; i < DESK_QUEUE; i++)
		push(a);
	ck_assert_int_eq(push_some(a, MIX_BLOCK, false), DESK_E_FULL);
}
END_TEST

START_TEST(output_error_is_returned_and_nothing_is_lost)
{
	uint64_t a = join("a", 1), deadline;

	push(a);
	block_result = -ENOSPC;
	ck_assert_int_eq(desk_run(m, 0, &deadline), -ENOSPC);
	block_result = 0;
	ck_assert_uint_eq(desk_position(m), 0);
	ck_assert_uint_eq(n_used, 0);
}
END_TEST

START_TEST(stop_ends_everybody)
{
	uint64_t a = join("a", 1), b = join("b", 2);

	push(a);
	(void)run(0);
	(void)desk_pause(m, 0);
	push(a);
	push(b);
	desk_stop(m);
	expect("started a 0+0;volume a 0 32768;ended a 480 480;");
	ck_assert_uint_eq(n_left, 2);
	ck_assert_uint_eq(n_dropped, 2);
	ck_assert_uint_eq(n_used, 3);
}
END_TEST

START_TEST(sound_is_the_sum)
{
	uint64_t a = join("a", 1), b = join("b", 2);

	push(a);
	push(b);
	ck_assert_int_eq(change_at("a", false, 65536, 0), 0);
	(void)run(0);
	ck_assert_uint_eq(last_block[0], 3);
	ck_assert_uint_eq(last_block[2], 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("desk");
	TCase *tcase = tcase_create("desk");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, player_starts_with_its_first_block);
	tcase_add_test(tcase, last_block_ends_it_where_its_frames_end);
	tcase_add_test(tcase, started_player_is_waited_for);
	tcase_add_test(tcase, stalled_player_is_ended_and_goes_on_later);
	tcase_add_test(tcase, nobody_waits_while_nobody_has_sound);
	tcase_add_test(tcase, dead_player_is_heard_to_its_last_block);
	tcase_add_test(tcase, dead_player_without_blocks_ends_at_once);
	tcase_add_test(tcase, changes_act_at_their_position);
	tcase_add_test(tcase, changes_of_the_gone_are_forgotten);
	tcase_add_test(tcase, bad_changes_are_refused);
	tcase_add_test(tcase, pause_holds_everything_and_nobody_is_late);
	tcase_add_test(tcase, names_are_chosen);
	tcase_add_test(tcase, blocks_are_checked);
	tcase_add_test(tcase, output_error_is_returned_and_nothing_is_lost);
	tcase_add_test(tcase, stop_ends_everybody);
	tcase_add_test(tcase, sound_is_the_sum);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
