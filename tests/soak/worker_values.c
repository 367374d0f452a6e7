/* SPDX-License-Identifier: MIT */

/* worker_values: values that services keep, read and followed by others; see worker.h */

#include <errno.h>
#include <stdio.h>

#include "worker.h"

/* --- one's own --- */

void
value_free(struct worker *worker, uint32_t n)
{
	worker->values[n] = tern_state_free(worker->values[n]);
	worker->versions[n] = 0;
}

static void
set(struct worker *worker, uint32_t n)
{
	struct stamp stamp = {.life = worker->life, .number = worker->versions[n] + 1, .topic = n};

	if (!worker->services[n])
		return;
	if (!worker->values[n])
		must_be(tern_state_new(worker->services[n], "value", 1024, &worker->values[n]), 0);
	must_be(tern_state_set(worker->values[n], STAMP_FORMAT, stamp.life, stamp.stream, stamp.order, stamp.number,
			stamp.topic, stamp.size, stamp.has_fd, stamp_sum(&stamp)), 0);
	worker->versions[n]++;
}

void
values_set(struct worker *worker)
{
	for (uint32_t n = 0; n < N_NAMES; n++)
		set(worker, n);
}

/* --- those of others --- */

/* version_of() - of a value that came or was read: its number, by its owner */
static uint64_t
version_of(struct opened *opened, tern_message *m)
{
	struct stamp stamp;

	stamp_read(&stamp, m);
	must(stamp.life < MAX_LIVES);
	must_be(stamp.number, tern_message_version(m));
	must(opened->life == MAX_LIVES || opened->life == stamp.life);
	opened->life = stamp.life;
	count_one(opened->worker, COUNT_VERSIONS);
	return stamp.number;
}

static void
on_version(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct opened *opened = user;
	uint64_t version;

	must(opened->follows == s);
	if (!m) {
		opened->told += lost;
		return;
	}
	version = version_of(opened, m);
	must(version > opened->heard); /* neither twice nor late */
	if (opened->heard && opened->policy != TERN_LATEST)
		opened->missing += version - opened->heard - 1;
	if (opened->missing > opened->told)
		(void)fprintf(stderr, "worker %u: %llu versions are missing before %llu, told %llu, policy %u\n",
			opened->worker->number, (unsigned long long)opened->missing, (unsigned long long)version,
			(unsigned long long)opened->told, opened->policy);
	must(opened->missing <= opened->told);
	opened->heard = version;
}

static void
value_read(struct opened *opened)
{
	tern_message *m;
	uint64_t version;
	int r = tern_state_get(opened->state, &m);

	must(r == 0 || r == -ENODATA || r == -ESTALE || r == -EAGAIN);
	if (r < 0)
		return;
	version = version_of(opened, m);
	must(version >= opened->read);
	opened->read = version;
	(void)tern_message_unref(m); /* always NULL */
}

static void
value_follow(struct opened *opened)
{
	static const uint32_t usual[] = {TERN_WAIT, TERN_DROP_NEWEST, TERN_LATEST};
	struct worker *worker = opened->worker;
	int r;

	if (opened->follows) {
		opened->follows = tern_subscription_free(opened->follows);
		return;
	}
	/* Of several rules that match the most careful counts; so those that replace stay among themselves. */
	opened->policy = worker->habit == HABIT_LATEST ? TERN_LATEST : usual[dice_below(&worker->dice, 2)];
	opened->heard = opened->missing = opened->told = 0;
	r = tern_state_subscribe(opened->state, opened->policy, on_version, opened, &opened->follows);
	if (r != -ESTALE && r != -EOPNOTSUPP)
		(void)may_fail(r);
}

void
value_close(struct opened *opened)
{
	opened->follows = tern_subscription_free(opened->follows);
	opened->state = tern_state_free(opened->state);
}

static void
value_open(struct worker *worker, struct opened *opened)
{
	const char *service = soak_name(dice_below(&worker->dice, N_NAMES));
	int r;

	if (is_own(worker, service))
		return;
	*opened = (struct opened){.worker = worker, .life = MAX_LIVES};
	r = tern_state_open(worker->bus, service, "value", &opened->state);
	if (r != -ENOENT && r != -ESTALE)
		(void)may_fail(r);
}

void
value_any(struct worker *worker)
{
	struct opened *opened = &worker->opened[dice_below(&worker->dice, MAX_OPENED)];

	if (!opened->state)
		value_open(worker, opened);
	else if (dice_is(&worker->dice, 70))
		value_read(opened);
	else if (dice_is(&worker->dice, 80))
		value_follow(opened);
	else
		value_close(opened);
}
