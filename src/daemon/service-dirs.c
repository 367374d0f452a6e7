/* SPDX-License-Identifier: MIT */

/* service-dirs: see service-dirs.h */

#include <dirent.h>
#include <stdio.h>

#include "base/attribute.h"
#include "daemon/options.h"
#include "daemon/service-dirs.h"
#include "wire/name.h"

#define SUFFIX ".service"

/* add() - @base: absolute, or it is passed over; @below: what is behind it */
static int
add(struct service_dirs *dirs, const char *base, size_t size, const char *below)
{
	int n;

	if (size == 0 || *base != '/' || dirs->n == SERVICE_DIRS_MAX)
		return 0;
	n = asprintf(&dirs->paths[dirs->n], "%.*s%s", (int)size, base, below);
	if (n < 0)
		return -ENOMEM;
	dirs->n++;
	return 0;
}

static int
add_one(struct service_dirs *dirs, const char *base, const char *below)
{
	return base ? add(dirs, base, strlen(base), below) : 0;
}

/* add_list() - paths with colons between them */
static int
add_list(struct service_dirs *dirs, const char *list)
{
	int r = 0;

	for (size_t n; *list && r == 0; list += n + (list[n] == ':')) {
		n = strcspn(list, ":");
		r = add(dirs, list, n, "/tern/services");
	}
	return r;
}

static int
add_home(struct service_dirs *dirs)
{
	const char *home = getenv("XDG_DATA_HOME");

	if (home && *home == '/')
		return add_one(dirs, home, "/tern/services");
	return add_one(dirs, getenv("HOME"), "/.local/share/tern/services");
}

static int
add_default(struct service_dirs *dirs, bool is_system)
{
	const char *list = is_system ? NULL : getenv("XDG_DATA_DIRS");
	int r = is_system ? 0 : add_home(dirs);

	if (r == 0)
		r = add_one(dirs, "/etc", "/tern/services");
	return r ? r : add_list(dirs, list && *list ? list : "/usr/local/share:/usr/share");
}

int
service_dirs_init(struct service_dirs *ret, const struct options *options)
{
	struct service_dirs dirs = {0};
	int r = 0;

	for (size_t i = 0; i < options->n_services && r == 0; i++)
		r = add_one(&dirs, options->services[i], "");
	if (options->n_services == 0)
		r = add_default(&dirs, options->is_system);
	if (r)
		service_dirs_deinit(&dirs);
	else
		*ret = dirs;
	return r;
}

void
service_dirs_deinit(struct service_dirs *dirs)
{
	while (dirs->n > 0)
		free(dirs->paths[--dirs->n]);
}

/* What is there and cannot be read is found all the same: who calls the name is told why. */
bool
service_dirs_find(const struct service_dirs *dirs, const struct control_text *name, struct service_path *ret)
{
	for (size_t i = 0; i < dirs->n; i++) {
		int n = snprintf(ret->text, sizeof(ret->text), "%s/%.*s" SUFFIX, dirs->paths[i], (int)name->size,
			name->text);

		if (n < (int)sizeof(ret->text) && (access(ret->text, F_OK) == 0 || errno == EACCES))
			return true;
	}
	return false;
}

/* --- all of them --- */

struct names {
	char **names;
	size_t n;
};

/* take_name() - of a file; others than service files are passed over */
static int
take_name(struct names *all, const char *file)
{
	size_t size = strlen(file), suffix = sizeof(SUFFIX) - 1;
	char *name;

	if (all->n == SERVICE_DIRS_MAX_FILES || size <= suffix || strcmp(file + size - suffix, SUFFIX) != 0 ||
		name_check(file, size - suffix, NULL))
		return 0;
	name = strndup(file, size - suffix);
	if (!name)
		return -ENOMEM;
	all->names[all->n++] = name;
	return 0;
}

static int
take_folder(struct names *all, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0; /* most of them are not there */
	while (r == 0 && (entry = readdir(dir)))
		r = take_name(all, entry->d_name);
	(void)closedir(dir); /* was read only */
	return r;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* once() - sorted; of two folders that have the same name one counts */
static void
once(struct names *all)
{
	size_t n = 0;

	qsort(all->names, all->n, sizeof(*all->names), compare);
	for (size_t i = 0; i < all->n; i++) {
		if (n > 0 && strcmp(all->names[n - 1], all->names[i]) == 0)
			free(all->names[i]);
		else
			all->names[n++] = all->names[i];
	}
	all->n = n;
}

int
service_dirs_list(const struct service_dirs *dirs, char ***ret, size_t *ret_n)
{
	struct names all = {.names = calloc(SERVICE_DIRS_MAX_FILES, sizeof(char *))};
	int r = all.names ? 0 : -ENOMEM;

	for (size_t i = 0; i < dirs->n && r == 0; i++)
		r = take_folder(&all, dirs->paths[i]);
	if (r) {
		(void)service_names_free(all.names, all.n); /* always NULL */
		return r;
	}
	once(&all);
	*ret = all.names;
	*ret_n = all.n;
	return 0;
}

char **
service_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return NULL;
}
