/* SPDX-License-Identifier: MIT */

/* unasked: what comes and nobody takes does not pile up */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/bus.h"
#include "scene.h"

enum { N_CALLS = KEPT_NOTICES + 1000 };

/* A program that serves nothing and runs handlers alone: calls to its number are kept for a tern_next() to come. */
START_TEST(calls_that_nobody_takes_do_not_pile_up)
{
	static tern_call *calls[N_CALLS];
	tern_bus *caller = scene_open();
	struct tern_error error;
	char number[32];
	int r, n_answered = 0;

	must_be(tern_set_option(caller, TERN_OPT_SPIN, 0), 0); /* whoever yields waits for all others of this machine, each time */
	(void)snprintf(number, sizeof(number), ":%llu", (unsigned long long)tern_id(scene.bus)); /* fits */
	for (unsigned int i = 0; i < N_CALLS; i++) {
		tern_message *m;

		must_be(tern_message_new_call(caller, number, "Nothing", &m), 0);
		while ((r = tern_send(m, LONG_NS, TERN_NONBLOCK, &calls[i])) == -EAGAIN)
			must(tern_process(scene.bus) >= 0);
		must_be(r, 0);
		(void)tern_message_unref(m);
	}
	while ((r = tern_process(scene.bus)) > 0)
		;
	must_be(r, 0);
	must_be(scene.bus->kept.n, KEPT_NOTICES);
	for (unsigned int i = 0; i < N_CALLS; i++) {
		r = tern_call_wait(calls[i], 1, NULL, &error);
		if (r != -EAGAIN) {
			must_be(r, -EREMOTEIO);
			must(strcmp(error.name, "tern.NoReply") == 0);
			n_answered++;
		}
		calls[i] = tern_call_unref(calls[i]);
	}
	must(n_answered > 0); /* those whose answers had room */
	(void)tern_close(caller);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("talk-unasked");
	TCase *tcase = tcase_create("unasked");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, calls_that_nobody_takes_do_not_pile_up);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
