/* SPDX-License-Identifier: MIT */

/* bulk: the messages, and the director, who counts; see bulk.h. One process a role. */

#include "bulk.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"

struct role_start {
	struct bulk *bulk;
	enum role role;
};

static struct tally *tally; /* this process's */

void
bulk_count(enum form form, uint64_t n)
{
	store_rel(&tally->n[form], bulk_counted(form) + n);
}

uint64_t
bulk_counted(enum form form)
{
	return load_rlx(&tally->n[form]); /* nobody else writes it */
}

tern_bus *
bulk_open(const struct bulk *bulk)
{
	tern_bus *bus;

	must_be(tern_open(bulk->address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, BULK_HANG_NS), 0);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, BULK_HANG_NS), 0);
	return bus;
}

void
bulk_ready(struct bulk *bulk)
{
	tell(&bulk->ready);
	wait_for(&bulk->ready, N_ROLES);
}

/* --- messages --- */

static struct stamp
stamp_of(uint64_t number)
{
	struct stamp stamp = {.number = number, .order = number, .has_fd = number % 4099 == 0};

	if (number % 1021 == 0)
		stamp.size = 65536;
	else if (number % 61 == 0)
		stamp.size = 1 + number % 3000;
	return stamp;
}

void
bulk_write(tern_message *m, uint64_t number)
{
	struct stamp stamp = stamp_of(number);

	must_be(stamp_write(&stamp, m, number & 1), 0);
}

uint64_t
bulk_read(tern_message *m)
{
	struct stamp stamp, want;

	stamp_read(&stamp, m);
	want = stamp_of(stamp.number);
	must_be(stamp.size, want.size);
	must_be(stamp.has_fd, want.has_fd);
	return stamp.number;
}

uint32_t
bulk_flags(uint32_t n)
{
	return n + 1 < N_RUN ? TERN_BATCH : 0;
}

/* --- the director --- */

static void
run_role(void *user)
{
	static void (*const roles[N_ROLES])(struct bulk *bulk) = {
		bulk_speak, bulk_hear_all, bulk_hear_all, bulk_hear_some, bulk_serve, bulk_ask};
	const struct role_start *start = user;

	tally = &start->bulk->tallies[start->role];
	roles[start->role](start->bulk);
}

/* sum_up() - Return: how many were taken in */
static uint64_t
sum_up(const struct bulk *bulk, uint64_t sums[N_FORMS])
{
	uint64_t n = 0;

	for (size_t form = 0; form < N_FORMS; form++) {
		sums[form] = 0;
		for (size_t role = 0; role < N_ROLES; role++)
			sums[form] += load_acq(&bulk->tallies[role].n[form]);
		n += form == TOLD_LOST ? 0 : sums[form];
	}
	return n;
}

static void
show(const struct bulk *bulk, uint64_t began_ns)
{
	static const char *const names[N_FORMS] = {
		"events", "told to be lost", "calls", "replies", "parts", "versions", "reads of a value"};
	uint64_t sums[N_FORMS], n = sum_up(bulk, sums);

	(void)printf("%llu messages in %llu s", (unsigned long long)n,
		(unsigned long long)((clock_now_ns() - began_ns) / NSEC_PER_SEC));
	for (size_t form = 0; form < N_FORMS; form++)
		(void)printf(", %s %llu", names[form], (unsigned long long)sums[form]);
	(void)printf("\n");
	(void)fflush(stdout);
}

/* watch() - until there are enough, or it has been long enough; nobody ends before, or hangs */
static void
watch(struct bulk *bulk, uint64_t n_messages, uint64_t time_ns, bool say)
{
	uint64_t began = clock_now_ns(), until = clock_deadline_ns(began, time_ns), moved = began, told = began;
	uint64_t sums[N_FORMS], n = 0;

	while (clock_now_ns() < until && (!n_messages || n < n_messages)) {
		uint64_t before = n;

		(void)usleep(20000); /* between two looks */
		must_be(waitpid(-1, NULL, WNOHANG), 0);
		n = sum_up(bulk, sums);
		if (n != before)
			moved = clock_now_ns();
		must(clock_now_ns() < moved + BULK_HANG_NS);
		if (say && clock_now_ns() > told + 60 * NSEC_PER_SEC) {
			told = clock_now_ns();
			show(bulk, began);
		}
	}
	store_rel(&bulk->stop, 1);
}

void
bulk_run(uint64_t n_messages, uint64_t time_ns, bool say)
{
	struct bulk *bulk = shared_new(sizeof(*bulk));
	struct role_start starts[N_ROLES];
	struct private_bus place;
	pid_t pids[N_ROLES];
	uint64_t began = clock_now_ns();

	private_bus_start(&place, NULL);
	bulk->address = place.address;
	for (int i = 0; i < N_ROLES; i++) {
		starts[i] = (struct role_start){bulk, (enum role)i};
		pids[i] = child_start(run_role, &starts[i]);
	}
	watch(bulk, n_messages, time_ns, say);
	for (int i = 0; i < N_ROLES; i++)
		child_end(pids[i]);
	if (say)
		show(bulk, began);
	private_bus_stop(&place);
	(void)shared_free(bulk, sizeof(*bulk)); /* always NULL */
}
