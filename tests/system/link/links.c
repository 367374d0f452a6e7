/* SPDX-License-Identifier: MIT */

#include "links.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/attribute.h"

bool
ground_begin(struct ground *ground, enum way way)
{
	static const char *const let_in[] = {"--allow-uid", "65533", "--allow-uid", "65534", NULL};

	*ground = (struct ground){.way = way};
	if (way == BY_USERS && getuid() != 0)
		return false;
	if (way == BY_DIAL)
		private_bus_place(&ground->place);
	else
		private_bus_start(&ground->place, way == BY_USERS ? let_in : NULL);
	ground->words = shared_new(N_WORDS * sizeof(*ground->words));
	ground->numbers = shared_new(N_NUMBERS * sizeof(*ground->numbers));
	return true;
}

void
ground_end(struct ground *ground)
{
	ground->words = shared_free(ground->words, N_WORDS * sizeof(*ground->words));
	ground->numbers = shared_free(ground->numbers, N_NUMBERS * sizeof(*ground->numbers));
	private_bus_stop(&ground->place);
}

tern_bus *
ground_server(struct ground *ground, const struct tern_method *methods, size_t n_methods,
	void *user, tern_service **ret_service)
{
	tern_bus *bus;

	if (ground->way == BY_DIAL)
		must_be(tern_listen(ground->place.address, &bus), 0);
	else
		must_be(tern_open(ground->place.address, &bus), 0);
	if (methods)
		must_be(tern_serve(bus, ground_service(ground), NULL, methods, n_methods, user,
				ret_service),
			0);
	return bus;
}

tern_bus *
ground_client(struct ground *ground)
{
	tern_bus *bus;

	if (ground->way == BY_DIAL)
		must_be(tern_dial(ground->place.address, &bus), 0);
	else
		must_be(tern_open(ground->place.address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	return bus;
}

const char *
ground_service(const struct ground *ground)
{
	return ground->way == BY_DIAL ? NULL : LINKS_SERVICE;
}

pid_t
ground_child(struct ground *ground, void (*fn)(void *ground))
{
	return child_start_as(ground->way == BY_USERS ? USER_A : getuid(), fn, ground);
}

bool
ground_is_foreign(const struct ground *ground)
{
	return ground->way == BY_USERS;
}

void
let_go(struct tern_event *event)
{
	event->message = tern_message_unref(event->message);
	event->call = tern_call_unref(event->call);
}

void
next_of(tern_bus *bus, uint32_t kind, struct tern_event *ret)
{
	for (;;) {
		*ret = (struct tern_event){.size = sizeof(*ret)};
		must_be(tern_next(bus, LONG_NS, ret), 0);
		if (ret->kind == kind)
			return;
		must(ret->kind == TERN_LINKED || ret->kind == TERN_UNLINKED ||
			ret->kind == TERN_WRITABLE);
		let_go(ret);
	}
}

/* --- mappings --- */

/* read_mapping() - the next line that is about a memfd, or any if address is not 0 */
static bool
read_mapping(FILE *maps, struct mapping *ret)
{
	char line[512];

	while (fgets(line, sizeof(line), maps)) {
		unsigned long long begin, end, inode;
		int at = 0;

		*ret = (struct mapping){0};
		if (sscanf(line, "%llx-%llx %*s %*s %*s %llu %n", &begin, &end, &inode, &at) < 3)
			continue;
		ret->begin = begin;
		ret->end = end;
		ret->inode = inode;
		if (sscanf(line + at, "/memfd:%63s", ret->name) != 1)
			ret->name[0] = '\0';
		return true;
	}
	return false;
}

bool
mapping_of(const volatile void *address, struct mapping *ret)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool found = false;

	must(maps != NULL);
	while (!found && read_mapping(maps, ret))
		found = (uintptr_t)address >= ret->begin && (uintptr_t)address < ret->end;
	(void)fclose(maps);
	return found;
}

/* count_mapped() - of this name, and of a size in this range; their bytes, and how many */
static uint64_t
count_mapped(const char *name, uint64_t min, uint64_t max, unsigned int *ret_n)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	struct mapping mapping;
	uint64_t bytes = 0;

	must(maps != NULL);
	*ret_n = 0;
	while (read_mapping(maps, &mapping)) {
		uint64_t size = mapping.end - mapping.begin;

		if (strcmp(mapping.name, name) != 0 || size < min || size >= max)
			continue;
		bytes += size;
		(*ret_n)++;
	}
	(void)fclose(maps);
	return bytes;
}

uint64_t
mapped_as(const char *name, unsigned int *ret_n)
{
	return count_mapped(name, 0, UINT64_MAX, ret_n);
}

unsigned int
n_mapped(const char *name, uint64_t min, uint64_t max)
{
	unsigned int n;

	(void)count_mapped(name, min, max, &n);
	return n;
}

/* --- bytes --- */

static uint8_t
byte_at(uint64_t seed, size_t i)
{
	return (uint8_t)((seed * 0x9e3779b97f4a7c15u + i * 0x2545f491u) >> 13);
}

void
fill(void *to, size_t size, uint64_t seed)
{
	uint8_t *bytes = to;

	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(seed, i);
}

bool
is_filled(const void *bytes, size_t size, uint64_t seed)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		if (at[i] != byte_at(seed, i))
			return false;
	return true;
}
