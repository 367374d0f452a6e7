/* SPDX-License-Identifier: MIT */

/* sweep: runs the scenes, and counts; see sweep.h */

#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "stepper.h"

enum { N_SAID = 20 }; /* violations that are told one by one */

struct totals *totals;

void
violation(const char *scene, const char *what, const char *where)
{
	if (atomic_fetch_add(&totals->violations, 1) < N_SAID)
		(void)fprintf(stderr, "%s: %s (%s)\n", scene, what, where);
}

uint64_t
sweep_seed(uint64_t number)
{
	const char *text = getenv("TERN_TEST_SEED");
	uint64_t x = (text ? strtoull(text, NULL, 10) : 1) * UINT64_C(0x9e3779b97f4a7c15) + number;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

bool
sweep_picks(uint64_t i, uint64_t n, uint64_t wanted)
{
	const char *text = getenv("TERN_TEST_PLACES"), *from = getenv("TERN_TEST_FROM");

	if (from && i < strtoull(from, NULL, 10))
		return false;
	if (is_long())
		wanted = text ? strtoull(text, NULL, 10) : n;
	return n <= wanted || sweep_seed(i) % n < wanted;
}

int
main(void)
{
	Suite *suite = suite_create("sweep");
	int r;

	totals = shared_new(sizeof(*totals));
	if (!stepper_is_allowed()) {
		printf("sweep: no process may be traced here\n");
		return STEPPER_SKIP;
	}
#ifndef __SANITIZE_ADDRESS__ /* whose instructions are no part of the question */
	kills_add(suite);
	daemon_kills_add(suite);
#endif
	flips_add(suite);
	r = fixture_run(suite);
	printf("slowest survivor: %llu us after the kill\n",
		(unsigned long long)(totals->slowest_ns / 1000));
	printf("kills at %llu of %llu places, flips at %llu of %llu; %llu and %llu were not come "
	       "by again\n",
		(unsigned long long)totals->points, (unsigned long long)totals->points_there,
		(unsigned long long)totals->flip_places,
		(unsigned long long)totals->flip_places_there,
		(unsigned long long)totals->points_missed,
		(unsigned long long)totals->flips_missed);
	printf("%llu kill points, %llu flips, %llu violations\n",
		(unsigned long long)totals->points, (unsigned long long)totals->flips,
		(unsigned long long)totals->violations);
	return r || totals->violations;
}
