/* SPDX-License-Identifier: MIT */

/* Tests of client/domain: who shares memory with whom, for how long, and how many domains there may be. */

#include "client/domain.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/bus.h"

static tern_bus *bus;

static void
setup(void)
{
	bus = calloc(1, sizeof(*bus));
	ck_assert_ptr_nonnull(bus);
	bus->endpoint = ENDPOINT_INIT;
	ck_assert_int_eq(endpoint_init(&bus->endpoint), 0);
	bus->own.pool = POOL_INIT(&bus->endpoint);
}

static void
teardown(void)
{
	ck_assert_ptr_null(bus->domains);
	pool_deinit(&bus->own.pool);
	endpoint_deinit(&bus->endpoint);
	free(bus);
}

static struct identity
user(uint32_t uid, const char *label)
{
	struct identity identity = IDENTITY_INIT;

	identity.uid = uid;
	(void)snprintf(identity.label, sizeof(identity.label), "%s", label);
	return identity;
}

static struct domain *
get(uint32_t uid, const char *label, bool is_own)
{
	struct identity identity = user(uid, label);

	return domain_get(bus, &identity, is_own);
}

START_TEST(by_user_and_label)
{
	struct domain *a = get(1, "", false), *b = get(2, "", false), *c = get(1, "confined", false);

	ck_assert_ptr_nonnull(a);
	ck_assert(a != b && a != c && b != c);
	ck_assert_ptr_eq(get(1, "", false), a);
	ck_assert_ptr_eq(get(1, "", true), &bus->own);
	(void)domain_unref(bus, a); /* always NULL, as all here */
	ck_assert_ptr_eq(get(1, "", false), a);
	(void)domain_unref(bus, a);
	(void)domain_unref(bus, a);
	(void)domain_unref(bus, b);
	(void)domain_unref(bus, c);
	(void)domain_unref(bus, &bus->own);
}
END_TEST

START_TEST(memory_goes_with_the_domain)
{
	struct domain *domain = get(1, "", false);
	struct block *lent, *kept;

	ck_assert_int_eq(pool_take(&domain->pool, 1000, &lent), 0);
	(void)domain_unref(bus, domain); /* it is lent out: it goes with its last reader */
	ck_assert_uint_gt(bus->endpoint.pool_bytes, 0);
	(void)block_unref(lent);
	ck_assert_uint_eq(bus->endpoint.pool_bytes, 0);
	domain = get(1, "", false);
	ck_assert_int_eq(pool_take(&domain->pool, 1000, &kept), 0);
	(void)block_unref(kept);
	(void)domain_unref(bus, domain);
	ck_assert_uint_eq(bus->endpoint.pool_bytes, 0);
}
END_TEST

START_TEST(not_too_many)
{
	struct domain *domains[MAX_DOMAINS];

	for (uint32_t i = 0; i < MAX_DOMAINS; i++) {
		domains[i] = get(i, "", false);
		ck_assert_ptr_nonnull(domains[i]);
	}
	ck_assert_ptr_null(get(MAX_DOMAINS, "", false));
	ck_assert_ptr_eq(get(3, "", false), domains[3]); /* those that are there stay in use */
	(void)domain_unref(bus, domains[3]);
	(void)domain_unref(bus, domains[3]);
	domains[3] = get(MAX_DOMAINS, "", false); /* there is a place again */
	ck_assert_ptr_nonnull(domains[3]);
	for (uint32_t i = 0; i < MAX_DOMAINS; i++)
		(void)domain_unref(bus, domains[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("domain");
	TCase *tcase = tcase_create("domain");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, by_user_and_label);
	tcase_add_test(tcase, memory_goes_with_the_domain);
	tcase_add_test(tcase, not_too_many);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
