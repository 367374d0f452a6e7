/* SPDX-License-Identifier: MIT */

/* check: see check.h */

#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attribute.h"
#include "daemon/check.h"
#include "daemon/options.h"
#include "daemon/service-dirs.h"
#include "daemon/service-file.h"

static unsigned int
fault(const char *path, const char *key, const char *value, const char *what)
{
	fprintf(stderr, "ternd: %s: %s=%s: %s\n", path, key, value, what);
	return 1;
}

static unsigned int
check_program(const char *path, const struct service_file *file)
{
	struct stat st;

	if (stat(file->exec[0], &st) < 0)
		return fault(path, "Exec", file->exec[0], strerror(errno));
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return fault(path, "Exec", file->exec[0], "not a program: chmod +x?");
	return 0;
}

static unsigned int
check_folder(const char *path, const struct service_file *file)
{
	struct stat st;

	if (!file->directory)
		return 0;
	if (stat(file->directory, &st) < 0)
		return fault(path, "WorkingDirectory", file->directory, strerror(errno));
	return S_ISDIR(st.st_mode) ? 0 : fault(path, "WorkingDirectory", file->directory, "not a folder");
}

static unsigned int
check_service(const char *path, const struct options *options)
{
	_cleanup_(freep) struct service_file *file = malloc(sizeof(*file));
	struct config_error error;
	unsigned int n;

	if (!file) {
		fputs("ternd: no memory\n", stderr);
		return 1;
	}
	if (service_file_read(file, path, options->is_system, &error)) {
		fprintf(stderr, "ternd: %s\n", error.text);
		return 1;
	}
	n = check_program(path, file) + check_folder(path, file);
	if (file->user && !getpwnam(file->user))
		n += fault(path, "User", file->user, "there is no such user");
	return n;
}

static unsigned int
check_services(const struct options *options)
{
	struct service_dirs dirs = {0};
	const struct service_names *all = NULL;
	struct service_path path;
	unsigned int n_faults = 0;

	if (service_dirs_init(&dirs, options) || service_dirs_list(&dirs, &all)) {
		fputs("ternd: no memory\n", stderr);
		n_faults = 1;
	}
	for (size_t i = 0; all && i < all->n; i++) {
		const struct control_text name = {all->names[i], strlen(all->names[i])};

		if (service_dirs_find(&dirs, &name, &path))
			n_faults += check_service(path.text, options);
	}
	service_dirs_deinit(&dirs);
	return n_faults;
}

unsigned int
check_files(const struct options *options)
{
	struct config_error error = {"no memory"};
	struct config config = {0};
	unsigned int n = 0;

	if (config_load(&config, options->config, options->is_system, &error) < 0) {
		fprintf(stderr, "ternd: %s\n", error.text);
		n = 1;
	}
	config_deinit(&config);
	return n + check_services(options);
}
