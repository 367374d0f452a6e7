/* SPDX-License-Identifier: MIT */

/* find: what a tree is asked for by name */

#include "base/near.h"
#include "interface/interface.h"

const struct interface_member *
interface_find(const struct interface *i, const char *name, size_t size)
{
	const struct interface_member *member = interface_members(i);

	while (member && (member->item.name_size != size ||
				 memcmp(interface_name(i, &member->item), name, size) != 0))
		member = member_next(i, member);
	return member;
}

const char *
interface_near(const struct interface *i, enum member_kind kind, const char *name)
{
	struct near near = {.word = name};

	for (const struct interface_member *m = interface_members(i); m; m = member_next(i, m))
		if (m->kind == kind)
			near_offer(&near, interface_name(i, &m->item));
	return near.nearest;
}

const char *
interface_tag(const char *docs, const char *tag, size_t *ret_size)
{
	size_t n = strlen(tag);

	for (const char *line = docs; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line[0] != '@' || strncmp(line + 1, tag, n) != 0 ||
			!strchr(" \t\n", line[1 + n]))
			continue;
		line += 1 + n;
		line += strspn(line, " \t");
		*ret_size = strcspn(line, "\n");
		return line;
	}
	return NULL;
}
