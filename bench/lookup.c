/* SPDX-License-Identifier: MIT */

/*
 * lookup: who owns a name, where there are few or many
 *
 * Sixteen names again and again, and any of all of them. What a random look-up
 * cannot do without is measured beside it: three reads, each of which tells
 * where the next one is, in as much memory as the table has.
 */

#include <stdio.h>
#include <sys/mman.h>

#include "lap.h"
#include "tern_bus.h"

#define N_HOT	  16
#define NAME_SIZE 24

struct lookup {
	struct bench_run *run;
	tern_bus *bus;
	uint64_t n_names, random;
	uint64_t at[LAP_N];
	char names[LAP_N][NAME_SIZE];
	const struct line *lines; /* of the limit */
	uint64_t n_lines, sum;
};

/* "org.example.n00000042" */
static void
write_name(char *to, uint64_t n)
{
	static const char pattern[] = "org.example.n00000000";

	memcpy(to, pattern, sizeof(pattern));
	for (char *p = to + sizeof(pattern) - 2; n; n /= 10)
		*p-- = (char)('0' + n % 10);
}

static uint64_t
next_random(struct lookup *lookup)
{
	lookup->random = lookup->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return lookup->random >> 24;
}

static int
lookup_serve(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	char name[NAME_SIZE];
	int r, none = 0;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	for (uint64_t i = 0; i < run->subject->setting && r == 0; i++) {
		write_name(name, i);
		r = tern_own(bus, name, 0, NULL);
		if (r < 0)
			return tern_bus_fail(run, r, "tern_own");
	}
	return r < 0 ? r : tern_bus_serve(run, bus, &none);
}

static int
prepare_hot(void *user)
{
	struct lookup *lookup = user;
	uint64_t apart = MAX(lookup->n_names / N_HOT, UINT64_C(1));

	for (uint64_t i = 0; i < LAP_N; i++)
		write_name(lookup->names[i], i % N_HOT * apart % lookup->n_names);
	return 0;
}

static int
prepare_random(void *user)
{
	struct lookup *lookup = user;

	for (size_t i = 0; i < LAP_N; i++)
		write_name(lookup->names[i], next_random(lookup) % lookup->n_names);
	return 0;
}

static int
work_lookup(void *user)
{
	struct lookup *lookup = user;
	tern_peer owner = 0, first = 0;
	int r = 0;

	for (size_t i = 0; i < LAP_N && r == 0; i++) {
		r = tern_lookup(lookup->bus, lookup->names[i], &owner);
		first = first ? first : owner;
		if (unlikely(owner != first))
			return run_fail(lookup->run, -EBADMSG, "another owner");
	}
	return r < 0 ? tern_bus_fail(lookup->run, r, "tern_lookup") : 0;
}

static int
lookup_drive_with(struct bench_run *run, int (*prepare)(void *user))
{
	static struct lookup lookup;
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	lookup = (struct lookup){.run = run, .bus = bus, .n_names = run->subject->setting};
	return lap_drive(
		run, &(struct lap){.prepare = prepare, .work = work_lookup, .user = &lookup});
}

static int
hot_drive(struct bench_run *run)
{
	return lookup_drive_with(run, prepare_hot);
}

static int
random_drive(struct bench_run *run)
{
	return lookup_drive_with(run, prepare_random);
}

/* --- limit:random-3-lines --- */

struct line {
	alignas(CACHE_LINE) uint64_t next;
};

/* As large as one half of a table with so many names: 36 bytes for each of two units a name. */
static uint64_t
lines_of(uint64_t n_names)
{
	uint64_t capacity = 32;

	while (capacity / 4 * 3 < 2 * n_names)
		capacity *= 2;
	return MAX(capacity * 36 / sizeof(struct line), UINT64_C(4));
}

/* One cycle through all lines, in an order that no prefetcher knows (Sattolo's shuffle). */
static void
shuffle(struct lookup *lookup, struct line *lines, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		lines[i].next = i;
	for (uint64_t i = n - 1; i > 0; i--) {
		uint64_t j = next_random(lookup) % i, next = lines[i].next;

		lines[i].next = lines[j].next;
		lines[j].next = next;
	}
}

static int
prepare_lines(void *user)
{
	struct lookup *lookup = user;

	for (size_t i = 0; i < LAP_N; i++)
		lookup->at[i] = next_random(lookup) % lookup->n_lines;
	return 0;
}

static int
work_lines(void *user)
{
	struct lookup *lookup = user;
	const struct line *lines = lookup->lines;
	uint64_t previous = 0;

	/* No line has a number that large: so each begins after the one before, or all would be read at once. */
	for (size_t i = 0; i < LAP_N; i++)
		previous = lines[lines[lines[lookup->at[i] + (previous >> 63)].next].next].next;
	lookup->sum += previous;
	return 0;
}

static int
lines_drive(struct bench_run *run)
{
	static struct lookup lookup;
	size_t size;
	void *lines;
	int r;

	lookup = (struct lookup){.run = run, .n_lines = lines_of(run->subject->setting)};
	size = (size_t)lookup.n_lines * sizeof(struct line);
	/* shared: pages as those of a memfd */
	lines = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE,
		-1, 0);
	if (lines == MAP_FAILED)
		return run_fail(run, -errno, "mmap");
	shuffle(&lookup, lines, lookup.n_lines);
	lookup.lines = lines;
	r = lap_drive(run,
		&(struct lap){.prepare = prepare_lines, .work = work_lines, .user = &lookup});
	(void)munmap(lines, size); /* cannot fail: it is ours */
	return r;
}

#define LOOKUP(form, way, n)                                                                       \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern:" form "@" #n, .open = tern_bus_open, .serve = lookup_serve,         \
		.drive = (way), .setting = (n)                                                     \
	}

#define LINES(n)                                                                                   \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "limit:random-3-lines@" #n, .serve = run_rest, .drive = lines_drive,       \
		.setting = (n)                                                                     \
	}

const struct workload workload_lookup_scale = {
	.name = "lookup-scale",
	.what = "name look-up with 10 to 100,000 names, 16 hot ones and random ones",
	.subjects =
		(const struct subject *const[]){
			LOOKUP("hot", hot_drive, 10),
			LOOKUP("hot", hot_drive, 1000),
			LOOKUP("hot", hot_drive, 100000),
			LOOKUP("random", random_drive, 10),
			LOOKUP("random", random_drive, 100),
			LOOKUP("random", random_drive, 1000),
			LOOKUP("random", random_drive, 10000),
			LOOKUP("random", random_drive, 100000),
			LINES(10),
			LINES(100),
			LINES(1000),
			LINES(10000),
			LINES(100000),
			NULL,
		},
};
