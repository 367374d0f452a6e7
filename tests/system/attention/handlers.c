/* SPDX-License-Identifier: MIT */

/* handlers: what is freed inside of a handler, while another thread is in a handler of it */

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"

enum kind {
	WATCH,
	SUBSCRIPTION,
	SERVICE,
	N_KINDS,
};

static struct ground ground;
static tern_bus *buses[3]; /* the last one only sends */
static _Atomic uint32_t stop;

/* Something with a handler; several threads wait for it to be poked. */
struct thing {
	enum kind kind;
	tern_bus *bus;
	const char *name;
	void (*fn)(struct thing *thing);
	struct thing *other;
	_Atomic uint32_t is_inside, has_returned, saw_return;
	int fd;
	tern_watch *watch;
	tern_subscription *subscription;
	tern_service *service;
};

static void
setup(void)
{
	fixture_setup();
	must(ground_begin(&ground, BY_BUS));
	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		must_be(tern_open(ground.place.address, &buses[i]), 0);
	store_rel(&stop, 0);
}

static void
teardown(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		buses[i] = tern_close(buses[i]);
	ground_end(&ground);
	fixture_teardown();
}

static void
run(struct thing *thing)
{
	tell(&thing->is_inside);
	thing->fn(thing);
	tell(&thing->has_returned);
}

static void
on_ready(tern_watch *watch, uint32_t ready, void *user)
{
	struct thing *thing = user;
	uint64_t count;

	must_be(read(thing->fd, &count, sizeof(count)), sizeof(count));
	run(thing);
}

static void
on_event(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	run(user);
}

static int
on_call(tern_call *call, tern_message *m, void *user)
{
	run(user);
	return 0;
}

static void
thing_begin(struct thing *thing)
{
	const struct tern_method methods[] = {{"Do", on_call}};
	const char *tags[] = {thing->name, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};

	thing->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(thing->fd >= 0);
	if (thing->kind == WATCH)
		must_be(tern_watch_fd(thing->bus, thing->fd, POLLIN, on_ready, thing, &thing->watch), 0);
	else if (thing->kind == SUBSCRIPTION)
		must_be(tern_subscribe(thing->bus, &rule, on_event, thing, &thing->subscription), 0);
	else
		must_be(tern_serve(thing->bus, thing->name, NULL, methods, 1, thing, &thing->service), 0);
}

/* thing_free() - what is tested */
static void
thing_free(struct thing *thing)
{
	(void)tern_watch_free(thing->watch); /* always NULL, as the next */
	(void)tern_subscription_free(thing->subscription);
	(void)tern_service_free(thing->service);
}

/* thing_poke() - have its handler run, in whatever thread */
static void
thing_poke(struct thing *thing)
{
	const char *tags[] = {thing->name, NULL};
	static const uint64_t one = 1;
	tern_message *m;
	tern_topic *topic;

	switch (thing->kind) {
	case WATCH:
		must_be(write(thing->fd, &one, sizeof(one)), sizeof(one));
		break;
	case SUBSCRIPTION:
		must_be(tern_topic_new(buses[2], tags, &topic), 0);
		must_be(tern_publish(topic, NULL), 0);
		(void)tern_topic_free(topic);
		break;
	default:
		must_be(tern_message_new_call(buses[2], thing->name, "Do", &m), 0);
		must_be(tern_send(m, LONG_NS, TERN_NO_REPLY, NULL), 0);
		(void)tern_message_unref(m);
	}
}

static void *
take_in(void *user)
{
	while (!load_acq(&stop)) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(user, SHORT_NS / 10, &event) == 0)
			let_go(&event);
	}
	return NULL;
}

/* poke_both() - two threads run the handlers; until both have returned */
static void
poke_both(struct thing *first, struct thing *second)
{
	pthread_t threads[2];

	must_be(pthread_create(&threads[0], NULL, take_in, first->bus), 0);
	must_be(pthread_create(&threads[1], NULL, take_in, second->bus), 0);
	thing_poke(first);
	wait_for(&first->is_inside, 1);
	thing_poke(second);
	wait_for(&first->has_returned, 1);
	wait_for(&second->has_returned, 1);
	tell(&stop);
	for (size_t i = 0; i < 2; i++)
		must_be(pthread_join(threads[i], NULL), 0);
	(void)close(first->fd);
	(void)close(second->fd);
}

/* --- one waits --- */

static void
linger(struct thing *thing)
{
	wait_for(&thing->other->is_inside, 1);
	(void)usleep(SHORT_NS / 1000); /* who does not wait for it is back by then */
}

static void
free_other(struct thing *thing)
{
	thing_free(thing->other);
	if (load_acq(&thing->other->has_returned))
		tell(&thing->saw_return);
}

/* Inside of a handler, too, no other thread is in the handler of what was freed when that returns. */
START_TEST(waits_inside_a_handler)
{
	struct thing busy = {.kind = (enum kind)_i, .bus = buses[0], .name = "org.example.Busy", .fn = linger};
	struct thing freer = {.kind = WATCH, .bus = buses[0], .name = "org.example.Freer", .fn = free_other};

	busy.other = &freer;
	freer.other = &busy;
	thing_begin(&busy);
	thing_begin(&freer);
	poke_both(&busy, &freer);
	must_be(load_acq(&freer.saw_return), 1);
	thing_free(&freer);
}
END_TEST

/* --- each waits for the other --- */

static void
free_each_other(struct thing *thing)
{
	wait_for(&thing->other->is_inside, 1);
	free_other(thing);
}

/* Two handlers free each other's: one of them waits, the other does not; of one handle, and of two. */
START_TEST(no_deadlock)
{
	enum kind kind = (enum kind)(_i / 2);
	struct thing a = {.kind = kind, .bus = buses[0], .name = "org.example.A", .fn = free_each_other};
	struct thing b = {.kind = kind, .bus = buses[_i % 2], .name = "org.example.B", .fn = free_each_other};

	a.other = &b;
	b.other = &a;
	thing_begin(&a);
	thing_begin(&b);
	poke_both(&a, &b);
	must_be(load_acq(&a.saw_return) + load_acq(&b.saw_return), 1);
}
END_TEST

/* --- one inside of the other --- */

static void
take_in_for_other(struct thing *thing)
{
	struct tern_event event = {.size = sizeof(event)};

	thing_poke(thing->other);
	while (!load_acq(&thing->other->has_returned))
		must_be(tern_next(thing->other->bus, SHORT_NS, &event), -ETIME);
}

static void
free_outer(struct thing *thing)
{
	must_be(tern_process(thing->other->bus), -EDEADLK);
	must_be(tern_process(thing->bus), -EDEADLK);
	thing_free(thing->other);
}

/* A handler of one handle runs inside of one of another, and frees that one's. */
START_TEST(nested)
{
	struct tern_event event = {.size = sizeof(event)};
	struct thing outer = {.kind = (enum kind)_i, .bus = buses[0], .name = "org.example.A", .fn = take_in_for_other};
	struct thing inner = {.kind = WATCH, .bus = buses[1], .name = "org.example.B", .fn = free_outer};

	outer.other = &inner;
	inner.other = &outer;
	thing_begin(&outer);
	thing_begin(&inner);
	thing_poke(&outer);
	while (!load_acq(&outer.has_returned)) {
		if (tern_next(buses[0], SHORT_NS, &event) == 0)
			let_go(&event);
	}
	thing_free(&inner);
	(void)close(outer.fd);
	(void)close(inner.fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("handlers");
	TCase *tcase = tcase_create("handlers");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, waits_inside_a_handler, 0, N_KINDS);
	tcase_add_loop_test(tcase, no_deadlock, 0, 2 * N_KINDS);
	tcase_add_loop_test(tcase, nested, 0, N_KINDS);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
