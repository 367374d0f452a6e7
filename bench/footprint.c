/* SPDX-License-Identifier: MIT */

/*
 * footprint: how large a library is, and how long a program takes to load it
 *
 * `true` is run with the library loaded before it, from fork to its end.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tern/tern.h>

#include "base/clock.h"
#include "process.h"
#include "run.h"

enum { FOOTPRINT_NOTHING, FOOTPRINT_TERN, FOOTPRINT_DBUS, FOOTPRINT_SYSTEMD };

static const char *const sonames[] = {
	[FOOTPRINT_DBUS] = "libdbus-1.so.3",
	[FOOTPRINT_SYSTEMD] = "libsystemd.so.0",
};

/* Where the loader finds it. */
static int
find_library(struct bench_run *run, char *path, size_t size)
{
	const char *soname = sonames[run->subject->setting];
	struct link_map *map;
	Dl_info info;
	void *handle;

	if (run->subject->setting == FOOTPRINT_TERN) {
		if (!dladdr((void *)(uintptr_t)tern_open, &info))
			return run_fail(run, -ENOENT, "libtern.so");
		(void)snprintf(path, size, "%s", info.dli_fname); /* fits: PATH_MAX */
		return 0;
	}
	handle = dlopen(soname, RTLD_LAZY);
	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
		return run_missing(run, soname);
	(void)snprintf(path, size, "%s", map->l_name); /* as above */
	return 0;
}

static int
footprint_open(struct bench_run *run)
{
	char path[PATH_MAX];

	return find_library(run, path, sizeof(path));
}

static int
run_quietly(const char *const argv[], const char *preload)
{
	pid_t pid = process_fork(-1);
	int status;

	if (pid < 0)
		return pid;
	if (pid == 0) {
		if (preload && setenv("LD_PRELOAD", preload, 1) < 0)
			_exit(126);
		process_exec(argv);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EREMOTEIO;
}

/* Without symbols, as it is installed. */
static uint64_t
stripped_size(struct bench_run *run, const char *path)
{
	char to[sizeof(run->dir) + 16];
	struct stat st;

	(void)snprintf(to, sizeof(to), "%s/stripped", run->dir); /* fits */
	if (!process_find("strip") ||
		run_quietly((const char *const[]){"strip", "-o", to, path, NULL}, NULL) < 0 ||
		stat(to, &st) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

static int
footprint_drive(struct bench_run *run)
{
	struct bench_shared *shared = run->shared;
	bool has_library = run->subject->setting != FOOTPRINT_NOTHING;
	char path[PATH_MAX];
	uint64_t n = 0, begin;
	uint32_t phase;
	int r;

	if (has_library) {
		r = find_library(run, path, sizeof(path));
		if (r)
			return -ENOENT;
		run_extra(run, 0, (double)stripped_size(run, path));
	}
	while ((phase = run_phase(run)) != PHASE_STOP) {
		begin = clock_now_ns();
		r = run_quietly((const char *const[]){"true", NULL}, has_library ? path : NULL);
		if (r < 0)
			return run_fail(run, r, "true");
		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, clock_now_ns() - begin);
		/* Relaxed: the parent takes it for a count and reads nothing by it. */
		store_rlx(&shared->count[0].n, ++n);
		if (n == 1)
			run_ready(run);
	}
	return 0;
}

#define FOOTPRINT(called, library, opens)                                                          \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = (called), .open = (opens), .serve = run_rest, .drive = footprint_drive,    \
		.setting = (library)                                                               \
	}

const struct workload workload_footprint = {
	.name = "footprint",
	.what = "a program that does nothing, with the library loaded; and its size without symbols",
	.extras =
		(const struct bench_extra[]){
			{"size", "B"},
			{NULL, NULL},
		},
	.subjects =
		(const struct subject *const[]){
			FOOTPRINT("tern", FOOTPRINT_TERN, footprint_open),
			FOOTPRINT("limit:nothing", FOOTPRINT_NOTHING, NULL),
			FOOTPRINT("peer:libdbus", FOOTPRINT_DBUS, footprint_open),
			FOOTPRINT("peer:libsystemd", FOOTPRINT_SYSTEMD, footprint_open),
			NULL,
		},
};
