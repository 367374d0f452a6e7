/* SPDX-License-Identifier: MIT */

/*
 * link-huge: 64 MiB and 1 GiB in one part, called and published, read where they lie
 *
 * More than may be out on a link at a time (LINK_MAX_LENT) goes when nothing else is out, and what follows
 * waits for it. Where the machine has not the memory for it, 1 GiB is left out.
 */

#include "links.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attribute.h"
#include "link/link.h"

enum {
	PAGE = 4096,
	N_SIZES = 2,
	/* words */
	READY = 0,
	N_HEARD = 1,
};

#define SIZE_LARGE  (UINT64_C(64) << 20)
#define SIZE_HUGE   (UINT64_C(1) << 30)
#define SPARE_BYTES (UINT64_C(2) << 30) /* left to others */

static const char *const TAGS[] = {"link", "huge", NULL};

/* n_bytes_free() - without pushing out what others use */
static uint64_t
n_bytes_free(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kib = 0;

	must(file != NULL);
	while (kib == 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "MemAvailable: %" SCNu64, &kib); /* not this line: still 0 */
	(void)fclose(file);
	return kib << 10;
}

/* sizes() - how many of the two fit */
static unsigned int
sizes(const struct ground *ground)
{
	bool fits = n_bytes_free() > 2 * SIZE_HUGE + SPARE_BYTES;

	return fits && (ground->way == BY_BUS || is_long()) ? N_SIZES : N_SIZES - 1;
}

/* n_of() - how many of a size; a second one waits for memory that the first had */
static uint8_t
n_of(unsigned int nth)
{
	return nth == 0 || is_long() ? 2 : 1;
}

static uint64_t
size_of(unsigned int nth)
{
	return nth == 0 ? SIZE_LARGE : SIZE_HUGE;
}

/* mark() - one byte a page, and the last one */
static void
mark(uint8_t *bytes, uint64_t size, uint8_t seed)
{
	for (uint64_t i = 0; i < size; i += PAGE)
		bytes[i] = (uint8_t)(seed + i / PAGE * 7);
	bytes[size - 1] = seed;
}

static bool
is_marked(const volatile uint8_t *bytes, uint64_t size, uint8_t seed)
{
	for (uint64_t i = 0; i < size; i += PAGE)
		if (bytes[i] != (uint8_t)(seed + i / PAGE * 7))
			return false;
	return bytes[size - 1] == seed;
}

/* check() - the first part is marked, and has the size that the trace id says */
static void
check(tern_message *m)
{
	const volatile void *view;
	uint64_t trace = tern_message_trace(m);
	size_t size;

	must_be(tern_message_view(m, 0, &view, &size), 0);
	must_be(size, size_of((unsigned int)(trace >> 8)));
	must(is_marked(view, size, (uint8_t)trace));
}

static void
load(tern_message *m, unsigned int nth, uint8_t seed)
{
	uint64_t size = size_of(nth);
	void *bytes;

	must_be(tern_message_lend(m, size, &bytes), 0);
	mark(bytes, size, seed);
	must_be(tern_message_set_trace(m, (uint64_t)nth << 8 | seed), 0);
}

/* --- called --- */

static void
call_with(tern_bus *bus, const struct ground *ground, unsigned int nth, uint8_t seed)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(bus, ground_service(ground), "Take", &m), 0);
	load(m, nth, seed);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), 0);
	(void)tern_call_unref(call); /* always NULL, as the next */
	(void)tern_message_unref(m);
}

static void
publish_with(tern_topic *topic, unsigned int nth, uint8_t seed)
{
	tern_message *m;

	must_be(tern_message_new_event(topic, &m), 0);
	load(m, nth, seed);
	must_be(tern_publish_message(m, 0), 0);
	(void)tern_message_unref(m);
}

static void
give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	for (unsigned int nth = 0; nth < sizes(ground); nth++)
		for (uint8_t seed = 0; seed < n_of(nth); seed++)
			call_with(bus, ground, nth, seed);
	(void)tern_close(bus);
}

static int
take(tern_call *call, tern_message *m, void *user)
{
	check(m);
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {{"Take", take}};

START_TEST(in_calls)
{
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, ARRAY_SIZE(methods), NULL, &service);
	pid = ground_child(&ground, give);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- published --- */

static void
tell_all(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;
	uint32_t n = 0;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	wait_for(&ground->words[READY], 1);
	for (unsigned int nth = 0; nth < sizes(ground); nth++)
		for (uint8_t seed = 0; seed < n_of(nth); seed++) {
			publish_with(topic, nth, seed);
			wait_for(&ground->words[N_HEARD], ++n);
		}
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct ground *ground = user;

	must_be(lost, 0);
	check(m);
	tell(&ground->words[N_HEARD]);
}

START_TEST(in_events)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = TAGS};
	struct ground ground;
	struct tern_event event;
	tern_subscription *subscription;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, ARRAY_SIZE(methods), NULL, &service);
	must_be(tern_subscribe(bus, &rule, hear, &ground, &subscription), 0);
	pid = ground_child(&ground, tell_all);
	tell(&ground.words[READY]);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	(void)tern_subscription_free(subscription);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
huge_suite(void)
{
	Suite *suite = suite_create("huge");
	TCase *tcase = tcase_create("huge");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 240);
	tcase_add_loop_test(tcase, in_calls, 0, N_WAYS);
	tcase_add_loop_test(tcase, in_events, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(huge_suite());
}
