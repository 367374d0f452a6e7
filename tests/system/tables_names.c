/* SPDX-License-Identifier: MIT */

/*
 * names under change: some have an owner at every instant, who changes all the
 * time; some come and go; some never exist. The first are always found, and
 * never with an owner older than the one seen before. No answer is torn: owner,
 * serial and label follow from each other.
 */

#include "tables.h"

#include <check.h>

#include "shm/names_writer.h"

enum {
	N_KEPT = 16,
	N_PASSING = 24,
	COMPACT_EVERY = 150,
};

static struct names_writer writer;
static uint64_t counter;

static uint64_t
serial_of(uint64_t owner)
{
	return owner * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t
label_of(uint64_t owner, char *ret, size_t size)
{
	/* Of many lengths, so that records are as well. */
	return (size_t)snprintf(ret, size, "%0*lx", 1 + (int)(owner % 61), (unsigned long)owner);
}

static int
set(const char *name, uint64_t owner)
{
	char text[80];
	struct table_text label = {text, label_of(owner, text, sizeof(text))};
	struct name_spec spec = {
		.name = {name, strlen(name)},
		.owner = owner,
		.serial = serial_of(owner),
		.labels = &label,
		.n_labels = 1,
	};

	return names_set(&writer, &spec);
}

static const char *
name_of(char *ret, size_t size, const char *prefix, uint64_t i)
{
	(void)snprintf(ret, size, "%s.number%u", prefix, (unsigned int)i);
	return ret;
}

static void
names_begin(struct scene *scene)
{
	char name[32];

	counter = 1;
	ck_assert_int_eq(names_writer_init(&writer, 512), 0);
	for (uint64_t i = 0; i < N_KEPT; i++)
		ck_assert_int_eq(set(name_of(name, sizeof(name), "kept", i), counter++), 0);
}

static void
names_step(struct scene *scene, struct shared *shared, uint64_t n)
{
	static uint64_t state = 88172645463325252;
	uint64_t random = random_next(&state);
	char name[32];

	if (random % 4 < 2) {
		(void)name_of(name, sizeof(name), "kept", random / 4 % N_KEPT);
		ck_assert_int_eq(set(name, counter++), 0);
	} else {
		(void)name_of(name, sizeof(name), "passing", random / 4 % N_PASSING);
		if (random % 4 == 2)
			ck_assert_int_eq(set(name, counter++), 0);
		else
			(void)names_remove(&writer, name, strlen(name)); /* if it is there */
	}
	if (n % COMPACT_EVERY == 0)
		table_compact(&writer.table);
}

static void
names_grow(struct scene *scene)
{
	ck_assert_int_eq(table_grow(&writer.table), 0);
	tell_all(scene, 'n', table_fd(&writer.table));
	table_forward(&writer.table);
}

/* Look up until there is an answer; false: ternd would be asked, or all is over. */
static bool
look(struct shared *shared, struct reader *reader, struct names *names, const char *name,
	struct name_entry *ret, bool *ret_found)
{
	int r;

	while ((r = names_lookup(names, name, strlen(name), ret)) == TABLE_E_MOVED) {
		char kind;
		int fd = hear(reader, &kind);

		names_deinit(names);
		r = fd < 0 ? -EPIPE : names_open(names, fd);
		(void)fd_close(fd);
		if (r) {
			complain(shared, reader, "the moved table does not open: %d", r);
			return false;
		}
	}
	reader->n_looks++;
	reader->n_busy += r == TABLE_E_BUSY;
	if (r < 0)
		complain(shared, reader, "looking up %s: %d", name, r);
	*ret_found = r == 0;
	return r == 0 || r == TABLE_E_NOT_FOUND;
}

static bool
is_whole(const struct name_entry *entry, const char *name)
{
	char text[80];
	size_t size = label_of(entry->owner, text, sizeof(text)), at = 0;
	struct table_text label;

	return strcmp(entry->name, name) == 0 && entry->serial == serial_of(entry->owner) &&
	       entry->n_labels == 1 && name_label(entry, &at, &label) && label.size == size &&
	       memcmp(label.text, text, size) == 0;
}

static void
names_read_one(struct shared *shared, struct reader *reader, struct names *names, uint64_t random,
	uint64_t *last)
{
	static const char *const prefixes[] = {"kept", "kept", "passing", "never"};
	const char *prefix = prefixes[random % 4];
	uint64_t i = random / 4 % (random % 4 < 2 ? N_KEPT : N_PASSING);
	struct name_entry entry;
	char name[32];
	bool found;

	(void)name_of(name, sizeof(name), prefix, i);
	if (!look(shared, reader, names, name, &entry, &found))
		return;
	if (found && !is_whole(&entry, name))
		complain(shared, reader, "%s: torn: %s, owner %lx, serial %lx", name, entry.name,
			(unsigned long)entry.owner, (unsigned long)entry.serial);
	if (found && *prefix == 'n')
		complain(shared, reader, "%s: found", name);
	if (*prefix != 'k')
		return;
	if (!found)
		complain(shared, reader, "%s: not found", name);
	else if (entry.owner < last[i])
		complain(shared, reader, "%s: owner %lu after %lu", name,
			(unsigned long)entry.owner, (unsigned long)last[i]);
	else
		last[i] = entry.owner;
}

/* All that are kept are met by a cursor that is not interrupted, and nothing torn. */
static void
names_read_all(struct shared *shared, struct reader *reader, struct names *names)
{
	struct table_cursor cursor = {0};
	struct name_entry entry;
	uint32_t seen = 0;
	int r;

	while ((r = names_next(names, &cursor, &entry)) == 0) {
		unsigned int i;

		if (!is_whole(&entry, entry.name))
			complain(shared, reader, "%s: torn in a row", entry.name);
		if (sscanf(entry.name, "kept.number%u", &i) == 1)
			seen |= 1u << i;
	}
	if (r < 0 || (r == TABLE_E_END && seen != (1u << N_KEPT) - 1))
		complain(shared, reader, "in a row: %d, seen %#x", r, seen);
}

static void
names_read(struct scene *scene, struct shared *shared, struct reader *reader)
{
	uint64_t last[N_KEPT] = {0}, state = 1 + (uint64_t)(reader - shared->readers);
	struct names names = {.table = writer.table.view};
	int r;

	if (!scene->threads) {
		r = names_open(&names, table_fd(&writer.table));
		if (r)
			complain(shared, reader, "the first table does not open: %d", r);
	}
	while (!load_acq(&shared->stop) && !reader->error[0]) {
		for (int i = 0; i < 100 && !reader->error[0]; i++)
			names_read_one(shared, reader, &names, random_next(&state), last);
		names_read_all(shared, reader, &names);
	}
	if (!scene->threads)
		names_deinit(&names);
}

static void
names_end(struct scene *scene)
{
	ck_assert(table_valid(&writer.table.view));
	names_writer_deinit(&writer);
}

struct scene scene_names = {
	.begin = names_begin,
	.step = names_step,
	.grow = names_grow,
	.read = names_read,
	.end = names_end,
};
