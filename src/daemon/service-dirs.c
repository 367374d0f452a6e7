/* SPDX-License-Identifier: MIT */

/* service-dirs: see service-dirs.h */

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "base/attribute.h"
#include "daemon/options.h"
#include "daemon/service-dirs.h"
#include "wire/name.h"

#define SUFFIX	".service"
#define YOUNG_S 2 /* the coarsest clock of a file system: what changes within it may not show */

static void
names_forget(struct service_names *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->names[i]);
	free(all->names);
	*all = (struct service_names){0};
}

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
	names_forget(&dirs->all);
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

/* take_name() - of a file; others than service files are passed over */
static int
take_name(struct service_names *all, const char *file)
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
take_folder(struct service_names *all, const char *path)
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
once(struct service_names *all)
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

/* read_all() - *ret is NULL before */
static int
read_all(const struct service_dirs *dirs, struct service_names *ret)
{
	struct service_names all = {.names = calloc(SERVICE_DIRS_MAX_FILES, sizeof(char *))};
	int r = all.names ? 0 : -ENOMEM;

	for (size_t i = 0; i < dirs->n && r == 0; i++)
		r = take_folder(&all, dirs->paths[i]);
	if (r) {
		names_forget(&all);
		return r;
	}
	once(&all);
	*ret = all;
	return 0;
}

/* look() - when each folder changed. Return: is that so long ago that it shows when they change again? */
static bool
look(const struct service_dirs *dirs, struct service_stamp *ret_stamps)
{
	struct timespec now;
	bool is_old = true;
	struct stat st;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: the clock exists */
	memset(ret_stamps, 0, dirs->n * sizeof(*ret_stamps));
	for (size_t i = 0; i < dirs->n; i++) {
		if (stat(dirs->paths[i], &st) < 0)
			continue; /* most of them are not there */
		ret_stamps[i].device = st.st_dev;
		ret_stamps[i].inode = st.st_ino;
		ret_stamps[i].changed = st.st_mtim;
		is_old = is_old && st.st_mtim.tv_sec + YOUNG_S < now.tv_sec;
	}
	return is_old;
}

int
service_dirs_list(struct service_dirs *dirs, const struct service_names **ret)
{
	struct service_stamp stamps[SERVICE_DIRS_MAX];
	bool is_old = look(dirs, stamps);
	int r;

	if (!is_old || !dirs->all.names || memcmp(stamps, dirs->stamps, dirs->n * sizeof(*stamps)) != 0) {
		names_forget(&dirs->all);
		r = read_all(dirs, &dirs->all);
		if (r)
			return r;
		memcpy(dirs->stamps, stamps, dirs->n * sizeof(*stamps));
	}
	*ret = &dirs->all;
	return 0;
}
