/* SPDX-License-Identifier: MIT */

/* name: the names on a bus, copied, in order; and who owns them */

#include <stdio.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/name.h"
#include "cli/plain.h"

#define MOST_SUGGESTED 5

static void
owned_name_deinit(struct owned_name *name)
{
	free(name->name);
	for (size_t i = 0; i < name->n_labels; i++)
		free(name->labels[i]);
	free(name->labels);
}

void
name_list_deinit(struct name_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		owned_name_deinit(&list->names[i]);
	free(list->names);
	*list = (struct name_list){0};
}

static int
owned_name_copy(struct owned_name *to, const struct tern_name *from)
{
	*to = (struct owned_name){.owner = from->owner, .uid = from->uid, .pid = from->pid};
	to->name = strdup(from->name);
	to->labels = calloc(from->n_labels + 1, sizeof(*to->labels));
	if (!to->name || !to->labels)
		return -ENOMEM;
	for (; to->n_labels < from->n_labels; to->n_labels++) {
		to->labels[to->n_labels] = strdup(from->labels[to->n_labels]);
		if (!to->labels[to->n_labels])
			return -ENOMEM;
	}
	return 0;
}

static int
name_list_add(const struct tern_name *name, void *user)
{
	struct name_list *list = user;
	struct owned_name *more;

	if ((list->n & (list->n - 1)) == 0) { /* room ends at powers of two */
		more = realloc(list->names, (list->n ? 2 * list->n : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		list->names = more;
	}
	return owned_name_copy(
		&list->names[list->n++], name); /* half built, it is freed with the list */
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const struct owned_name *)a)->name, ((const struct owned_name *)b)->name);
}

int
name_list_get(tern_bus *bus, struct name_list *ret)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	int r;

	r = tern_list(bus, name_list_add, &list);
	if (r)
		return r;
	if (list.n > 0)
		qsort(list.names, list.n, sizeof(*list.names), compare_names);
	*ret = list;
	list = (struct name_list){0};
	return 0;
}

void
name_program(uint32_t pid, char ret[64])
{
	char path[32];
	FILE *file;

	ret[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%u/comm", pid); /* fits */
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(ret, 64, file))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	(void)fclose(file); /* was only read */
}

static void
append_name(char *text, size_t size, const char *name)
{
	size_t n = strlen(text);

	(void)snprintf(text + n, size - n, "%s%s", n ? ", " : "", name); /* may be cut */
}

void
name_suggest(tern_bus *bus, const char *service)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	char near[512] = "";
	size_t n_near = 0;

	if (service[0] != ':' && name_list_get(bus, &list) == 0)
		for (size_t i = 0; i < list.n && n_near < MOST_SUGGESTED; i++)
			if (near_name(service, list.names[i].name)) {
				append_name(near, sizeof(near), list.names[i].name);
				n_near++;
			}
	if (n_near)
		report("no service %s on %s; did you mean %s?", service, tern_address(bus), near);
	else if (service[0] == ':')
		report("no program %s on %s; 'tern list -l' shows the numbers of those that own "
		       "names",
			service, tern_address(bus));
	else if (list.n == 0)
		report("no service %s on %s; there is none at all", service, tern_address(bus));
	else
		report("no service %s on %s; 'tern list' shows the %zu there are", service,
			tern_address(bus), list.n);
}
