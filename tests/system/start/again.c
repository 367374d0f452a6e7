/* SPDX-License-Identifier: MIT */

/* again: services that are started by one ternd, and another one after it */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stage.h"

/* has_ended() - it runs no more; init may not have waited for it yet */
static bool
has_ended(pid_t pid)
{
	char path[64], state = 'X';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	(void)!fscanf(file, "%*d (%*[^)]) %c", &state);
	(void)fclose(file);
	return state == 'Z' || state == 'X';
}

static void
another(void)
{
	must_be(kill(scene.place.ternd, SIGKILL), 0);
	child_killed(scene.place.ternd);
	private_bus_again(&scene.place, stage_options());
}

/* The next one knows that it is being started, and does not do it again. */
START_TEST(ternd_dies)
{
	tern_call *call;

	actor("slow 900", "");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(NULL) == 0)
		(void)usleep(1000);
	another();
	must_answer(call, 2);
	must_be(n_starts(NULL), 1);
}
END_TEST

/* It ended meanwhile, or ends while the next one watches it, who cannot know with what: it is started once more. */
START_TEST(both_die)
{
	tern_call *call;
	pid_t last;

	actor("hang", "");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(&last) == 0)
		(void)usleep(1000);
	another();
	actor("exit 3", "");
	must_be(kill(last, SIGKILL), 0);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -EHOSTDOWN);
	(void)tern_call_unref(call);
	must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 3");
	must_be(n_starts(NULL), 2);
}
END_TEST

/* Killed at any moment of a start, it leaves nobody behind of whom the next one does not know. */
START_TEST(dies_while_it_starts)
{
	actor("slow 100", "");
	for (int i = 0; i < 6; i++) {
		tern_call *call = send_echo(scene.bus, LONG_NS, 0, i);

		(void)usleep((useconds_t)(i * 300));
		another();
		must_answer(call, i + 1);
		must_be(n_starts(NULL), i + 1);
		quit();
	}
}
END_TEST

/* The next one ends it when its time is over, with its group. */
START_TEST(time_goes_on)
{
	uint64_t begin = clock_now_ns();
	tern_call *call;
	pid_t last;

	actor("hang", "Timeout=1\n");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(&last) == 0)
		(void)usleep(1000);
	another();
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -EHOSTDOWN);
	(void)tern_call_unref(call);
	must(clock_now_ns() - begin < 20 * NSEC_PER_SEC); /* without Timeout it would have had 25 s */
	must_be_gone(last);
}
END_TEST

/* fill_journal() - until it is written anew: over 1 MiB of what is over */
static void
fill_journal(void)
{
	char name[240] = "org.example.";

	memset(name + strlen(name), 'x', sizeof(name) - 1 - strlen(name));
	for (int i = 0; i < 2500; i++) {
		must_be(tern_own(scene.bus, name, 0, NULL), 0);
		must_be(tern_disown(scene.bus, name), 0);
	}
}

/* One that runs is known after the journal was written anew, too: on its way out it is waited for. */
START_TEST(runs_on)
{
	pid_t first, last;

	actor("serve", "");
	echo(scene.bus, NAME, 1);
	must_be(n_starts(&first), 1);
	fill_journal();
	another();
	quit();
	echo(scene.bus, NAME, 1);
	must_be(n_starts(&last), 2);
	must(last != first && has_ended(first));
}

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, ternd_dies);
	tcase_add_test(tcase, both_die);
	tcase_add_test(tcase, dies_while_it_starts);
	tcase_add_test(tcase, time_goes_on);
	tcase_add_test(tcase, runs_on);
}

int
main(void)
{
	return stage_run("again", add);
}
