/* SPDX-License-Identifier: MIT */

/*
 * order: every rule of docs/memory-model.md, with it and without it
 *
 * With the rule the story keeps its promise; without it the promise is broken, ten times of ten.
 */

#include <stdio.h>
#include <string.h>

#include "scene.h"

enum {
	TIMES_OFF = 10,
	TIMEOUT = 180, /* s, of one story once; generous: the machine may be busy */
};

static const struct story *const all[] = {
	stories_causal,
	stories_shared,
	stories_wake,
	stories_room,
	stories_bus,
};

static const struct story *
story_at(int n)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct story *story = all[i]; story->name; story++)
			if (n-- == 0)
				return story;
	return NULL;
}

static void
tell_story(const struct story *story, bool off)
{
	struct scene *scene = scene_new(story->rule, off);
	bool kept = story->fn(scene);

	scene_free(scene);
	if (kept == off)
		ck_abort_msg("%s, %s the rule: the promise was %s", story->name, off ? "without" : "with",
			kept ? "kept" : "broken");
}

START_TEST(with_rule)
{
	tell_story(story_at(_i), false);
}
END_TEST

START_TEST(without_rule)
{
	const struct story *story = story_at(_i);

	for (int i = 0; i < TIMES_OFF && story->rule < N_RULES; i++)
		tell_story(story, true);
}
END_TEST

static void
add(Suite *suite, const char *name, const TTest *test, int first, int end)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_loop_test(tcase, test, first, end);
	suite_add_tcase(suite, tcase);
}

/* main() - all stories, or the one that is named */
int
main(int argc, char **argv)
{
	Suite *suite = suite_create("order");
	int n = 0, first = 0, end = 0;

	for (; story_at(n); n++) {
		if (argc < 2 || strcmp(argv[1], story_at(n)->name) != 0)
			continue;
		first = n;
		end = n + 1;
	}
	if (argc > 1 && end == 0) {
		(void)fprintf(stderr, "no story is called %s\n", argv[1]);
		return 1;
	}
	add(suite, "with the rule", with_rule, first, end ? end : n);
	add(suite, "without the rule", without_rule, first, end ? end : n);
	return fixture_run(suite);
}
