/* SPDX-License-Identifier: MIT */

/* bulk_events: one that publishes, and those that hear it; see bulk.h */

#include <stdio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "bulk.h"

enum { N_POLICY = 20000 }; /* events until the slow reader takes another policy */

static const char *const tags[] = {"bulk", NULL};

void
bulk_speak(struct bulk *bulk)
{
	tern_bus *bus = bulk_open(bulk);
	struct tern_event event = {.size = sizeof(event)};
	uint64_t number = 0;
	tern_topic *topic;
	tern_message *m;

	must_be(tern_topic_new(bus, tags, &topic), 0);
	bulk_ready(bulk);
	while (!load_acq(&bulk->stop)) {
		for (uint32_t i = 0; i < N_RUN; i++) {
			store_rel(&bulk->begun, ++number);
			fence_seq(); /* as in worker_events.c: who reads the number before had its rule seen */
			must_be(tern_message_new_event(topic, &m), 0);
			bulk_write(m, number);
			must_be(tern_publish_message(m, bulk_flags(i)), 0);
			(void)tern_message_unref(m); /* always NULL */
		}
	}
	store_rel(&bulk->n_spoken, number);
	while (load_acq(&bulk->heard) < N_HEARERS) /* what it keeps for the slow one goes meanwhile */
		if (tern_next(bus, SHORT_NS, &event) == 0)
			(void)tern_message_unref(event.message); /* always NULL */
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

struct hearer {
	struct bulk *bulk;
	tern_bus *bus;
	tern_subscription *subscription;
	uint32_t policy;
	uint64_t base; /* begun before the subscription was active: may be missing */
	uint64_t last, missing, told;
};

static void
hear(struct hearer *hearer, uint32_t policy)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = policy, .tags = tags};

	hearer->policy = policy;
	hearer->missing = hearer->told = 0;
	must_be(tern_subscribe(hearer->bus, &rule, NULL, NULL, &hearer->subscription), 0);
	hearer->base = load_acq(&hearer->bulk->begun);
}

static void
event_came(struct hearer *hearer, uint64_t number)
{
	uint64_t before = MAX(hearer->last, hearer->base);

	must(number > hearer->last); /* neither twice nor late */
	if (number > before && hearer->policy != TERN_LATEST)
		hearer->missing += number - before - 1;
	if (hearer->missing > hearer->told)
		(void)fprintf(stderr, "bulk: %llu are missing before %llu, after %llu, told %llu, policy %u\n",
			(unsigned long long)hearer->missing, (unsigned long long)number, (unsigned long long)before,
			(unsigned long long)hearer->told, hearer->policy);
	must(hearer->missing <= hearer->told);
	hearer->last = number;
	bulk_count(EVENTS, 1);
}

/* take_event() - of a subscription that is over nothing comes any more */
static void
take_event(struct hearer *hearer)
{
	struct tern_event event = {.size = sizeof(event)};

	if (tern_next(hearer->bus, SHORT_NS, &event) < 0)
		return;
	if (event.kind == TERN_EVENT) {
		event_came(hearer, bulk_read(event.message));
	} else if (event.kind == TERN_GAP) {
		must(hearer->policy != TERN_WAIT && event.lost > 0);
		hearer->told += event.lost;
		bulk_count(TOLD_LOST, event.lost);
	}
	(void)tern_message_unref(event.message); /* always NULL */
}

/* is_all_heard() - or told to be lost */
static bool
is_all_heard(const struct hearer *hearer)
{
	uint64_t n = load_acq(&hearer->bulk->n_spoken);

	return n > 0 && hearer->missing + n - hearer->last <= hearer->told;
}

void
bulk_hear_all(struct bulk *bulk)
{
	struct hearer hearer = {.bulk = bulk, .bus = bulk_open(bulk)};

	hear(&hearer, TERN_WAIT);
	bulk_ready(bulk);
	while (!is_all_heard(&hearer))
		take_event(&hearer);
	must_be(hearer.told, 0);
	tell(&bulk->heard);
	(void)tern_subscription_free(hearer.subscription);
	(void)tern_close(hearer.bus);
}

void
bulk_hear_some(struct bulk *bulk)
{
	static const uint32_t policies[] = {TERN_DROP_OLDEST, TERN_DROP_NEWEST, TERN_LATEST, TERN_WAIT};
	struct hearer hearer = {.bulk = bulk, .bus = bulk_open(bulk)};
	uint64_t n = 0, end;

	hear(&hearer, policies[0]);
	bulk_ready(bulk);
	while (!load_acq(&bulk->stop)) {
		for (end = bulk_counted(EVENTS) + N_POLICY; /* its own */
			bulk_counted(EVENTS) < end && !load_acq(&bulk->stop);) {
			take_event(&hearer);
			if (hearer.policy != TERN_WAIT && bulk_counted(EVENTS) % 4096 == 0)
				(void)usleep(3000); /* so that there is no room */
		}
		if (load_acq(&bulk->stop))
			break;
		(void)tern_subscription_free(hearer.subscription);
		hear(&hearer, policies[++n % ARRAY_SIZE(policies)]);
	}
	tell(&bulk->heard);
	(void)tern_subscription_free(hearer.subscription);
	(void)tern_close(hearer.bus);
}
