/* SPDX-License-Identifier: MIT */

/* procfs: see procfs.h */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attribute.h"
#include "procfs.h"

static void
fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* only read */
}

/* The number behind "FIELD:", in bytes where it is in kB. */
static uint64_t
find_field(const char *path, const char *field)
{
	_cleanup_(fclosep) FILE *f = fopen(path, "re");
	size_t size = strlen(field);
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, size) != 0 || line[size] != ':')
			continue;
		return strtoull(line + size + 1, NULL, 10) * (strstr(line, " kB") ? 1024 : 1);
	}
	return 0;
}

uint64_t
procfs_status(pid_t pid, const char *field)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid); /* fits */
	return find_field(path, field);
}

uint64_t
procfs_switches(pid_t pid)
{
	return procfs_status(pid, "voluntary_ctxt_switches") +
	       procfs_status(pid, "nonvoluntary_ctxt_switches");
}

uint64_t
procfs_private(void)
{
	return find_field("/proc/self/smaps_rollup", "Private_Clean") +
	       find_field("/proc/self/smaps_rollup", "Private_Dirty");
}

struct mapping {
	unsigned long begin, end, inode;
};

static int
compare_inodes(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* A line of maps: is it of a memfd with one of the names? */
static bool
read_mapping(const char *line, const char *const *names, struct mapping *ret)
{
	const char *name = strstr(line, "/memfd:");

	if (!name || sscanf(line, "%lx-%lx %*s %*x %*s %lu", &ret->begin, &ret->end, &ret->inode) != 3)
		return false;
	name += strlen("/memfd:");
	for (; *names; names++)
		if (strncmp(name, *names, strlen(*names)) == 0 && name[strlen(*names)] == ' ')
			return true;
	return false;
}

uint64_t
procfs_memfds(const char *const *names)
{
	_cleanup_(fclosep) FILE *f = fopen("/proc/self/maps", "re");
	_cleanup_(freep) struct mapping *all = NULL;
	uint64_t sum = 0, last = 0;
	size_t n = 0, room = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		struct mapping mapping, *more;

		if (!read_mapping(line, names, &mapping))
			continue;
		if (n == room) {
			more = realloc(all, (room = room * 2 + 64) * sizeof(*all));
			if (!more)
				return 0;
			all = more;
		}
		all[n++] = mapping;
	}
	if (n)
		qsort(all, n, sizeof(*all), compare_inodes);
	for (size_t i = 0; i < n; last = all[i++].inode)
		if (all[i].inode != last) /* a memfd is mapped whole, however often */
			sum += all[i].end - all[i].begin;
	return sum;
}
