/* SPDX-License-Identifier: MIT */

/* doctor-machine: what of the machine keeps programs from talking, or makes it slow */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/processors.h"
#include "cli/amount.h"
#include "cli/doctor.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum {
	FEW_FDS = 256,
	LITTLE_MEMORY = 64 << 20,
	LITTLE_DISK = 1 << 20,
};

/* read_line() - the first of a file; "" where there is none */
static const char *
read_line(const char *path, char *ret, size_t size)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, size - 1);

	ret[MAX(n, 0)] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return ret;
}

static void
check_descriptors(struct doctor *doctor)
{
	struct rlimit limit;

	doctor->n_checks++;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FEW_FDS)
		return;
	doctor_wrong(doctor, "descriptors", "a program may have %llu descriptors open", (unsigned long long)limit.rlim_cur);
	doctor_why(doctor, "each link to another program takes two, and more while messages with descriptors wait");
	doctor_remedy(doctor, "raise the limit: ulimit -n 4096, or LimitNOFILE= of its unit");
}

static void
check_seals(struct doctor *doctor)
{
	_cleanup_(fd_closep) int fd = memfd_create("tern-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	doctor->n_checks++;
	if (fd >= 0 && ftruncate(fd, 4096) == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) == 0)
		return;
	doctor_wrong(doctor, "seals", "this kernel does not let memory be shared that only its owner can write: %s",
		strerror(errno));
	doctor_why(doctor, "every message lies in such memory; nothing can be sent without");
	doctor_remedy(doctor, "use Linux 5.15 or later, and let memfd_create() and F_ADD_SEALS through sandboxes (seccomp)");
}

static void
check_pidfd(struct doctor *doctor)
{
	_cleanup_(fd_closep) int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	doctor->n_checks++;
	if (fd >= 0)
		return;
	doctor_note(doctor, "pidfd", "a process cannot be held by a descriptor here: %s", strerror(errno));
	doctor_why(doctor, "who a partner is can be asked by its number only, which is used again some day");
	doctor_remedy(doctor, "use Linux 5.15 or later, and let pidfd_open() through sandboxes (seccomp)");
}

/* own_group() - the folder of this process's control group, version 2; "" where there is none */
static const char *
own_group(char *ret, size_t size)
{
	_cleanup_(fd_closep) int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	char text[4096], *line, *next = text;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	ret[0] = '\0';
	text[MAX(n, 0)] = '\0';
	while ((line = strsep(&next, "\n")))
		if (strncmp(line, "0::", 3) == 0)
			(void)snprintf(ret, size, "/sys/fs/cgroup%s", line + 3); /* cut: not there */
	return ret;
}

/* reclaimable() - of a group's memory: pages of files, which go when there is no room */
static unsigned long long
reclaimable(const char *group)
{
	static const char *const KEYS[] = {"active_file ", "inactive_file ", "slab_reclaimable "};
	char path[640], text[8192];
	_cleanup_(fd_closep) int fd = -1;
	unsigned long long sum = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/memory.stat", group); /* fits */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[MAX(n, 0)] = '\0';
	for (char *line, *next = text; (line = strsep(&next, "\n"));)
		for (size_t i = 0; i < ARRAY_SIZE(KEYS); i++)
			if (strncmp(line, KEYS[i], strlen(KEYS[i])) == 0)
				sum += strtoull(line + strlen(KEYS[i]), NULL, 10);
	return sum;
}

static void
check_memory(struct doctor *doctor)
{
	char group[512], path[640], text[64];
	unsigned long long most, now, files;

	doctor->n_checks++;
	(void)snprintf(path, sizeof(path), "%s/memory.max", own_group(group, sizeof(group))); /* fits */
	most = strtoull(read_line(path, text, sizeof(text)), NULL, 10);
	(void)snprintf(path, sizeof(path), "%s/memory.current", group);
	now = strtoull(read_line(path, text, sizeof(text)), NULL, 10);
	files = reclaimable(group);
	now -= MIN(now, files);
	if (most == 0 || now == 0 || most > now + LITTLE_MEMORY) /* "max", or not told */
		return;
	doctor_wrong(doctor, "memory", "the control group %s has %s of memory left", group,
		amount_bytes(most > now ? most - now : 0, text));
	doctor_why(doctor, "shared memory is charged to the group of the program that writes it; without room, calls fail "
		"with ENOMEM, or programs are killed");
	doctor_remedy(doctor, "raise memory.max of the group, or end what uses it up");
}

/* check_place() - of the socket, and of what ternd keeps beside it */
static void
check_place(struct doctor *doctor)
{
	char folder[sizeof(doctor->address)], text[AMOUNT_SIZE], *slash;
	struct statvfs fs;

	(void)snprintf(folder, sizeof(folder), "%s", doctor->address + strcspn(doctor->address, "/")); /* fits */
	slash = strrchr(folder, '/');
	if (!slash)
		return;
	slash[slash == folder] = '\0';
	doctor->n_checks++;
	if (statvfs(folder, &fs) < 0 || (fs.f_bavail * fs.f_frsize >= LITTLE_DISK && (fs.f_favail || !fs.f_files)))
		return;
	doctor_wrong(doctor, "space", "the file system of %s has %s left", folder,
		amount_bytes(fs.f_bavail * fs.f_frsize, text));
	doctor_why(doctor, "ternd makes its socket there when it starts");
	doctor_remedy(doctor, "remove what fills it up, or make it larger (mount -o remount,size=…)");
}

static void
check_processors(struct doctor *doctor)
{
	doctor->n_checks++;
	if (processors_usable(clock_now_ns()) > 1 || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	doctor_note(doctor, "processors", "of %ld processors this process may use one",
		sysconf(_SC_NPROCESSORS_ONLN));
	doctor_why(doctor, "two programs cannot run at once, so each message waits for a switch of processes; nobody looks "
		"out for messages before going to sleep");
	doctor_remedy(doctor, "look at its affinity (taskset -p) and at cpu.max of its control group");
}

static void
check_clock(struct doctor *doctor)
{
	char source[64];

	doctor->n_checks++;
	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source, sizeof(source));
	if (strcmp(source, "hpet") != 0 && strcmp(source, "acpi_pm") != 0)
		return;
	doctor_note(doctor, "clock", "the kernel reads the time from %s", source);
	doctor_why(doctor, "that takes a system call and a microsecond, and each message has a stamp");
	doctor_remedy(doctor, "see in the kernel's log why tsc was given up; tsc=reliable, if it is known to be");
}

/* is_listened() - does anybody at a socket? */
static bool
is_listened(const char *path)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(path);

	if (size >= sizeof(address.sun_path))
		return true; /* 'tern run' made no such */
	memcpy(address.sun_path, path, size);
	return fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != ECONNREFUSED);
}

/* check_left_in() - private buses whose programs were killed */
static void
check_left_in(struct doctor *doctor, const char *parent)
{
	DIR *dir = opendir(parent);
	struct dirent *entry;
	char path[PATH_MAX];
	struct stat st;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "tern-run-", 9) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s/bus", parent, entry->d_name); /* cut: not there */
		if (stat(path, &st) == 0 && st.st_uid == geteuid() && !is_listened(path))
			n++;
	}
	if (dir)
		(void)closedir(dir); /* it was read */
	if (n == 0)
		return;
	doctor_note(doctor, "left-over", "%zu private bus%s left in %s", n, n == 1 ? " was" : "es were", parent);
	doctor_why(doctor, "'tern run' was killed before it could remove them; they take up some files");
	doctor_remedy(doctor, "rm -r those of %s/tern-run-* that nobody uses", parent);
}

void
doctor_machine(struct doctor *doctor)
{
	const char *const parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};

	check_descriptors(doctor);
	check_seals(doctor);
	check_pidfd(doctor);
	check_memory(doctor);
	check_place(doctor);
	check_processors(doctor);
	check_clock(doctor);
	doctor->n_checks++;
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++)
		if (parents[i] && *parents[i] && (i < 2 || !parents[1] || strcmp(parents[1], parents[2]) != 0))
			check_left_in(doctor, parents[i]);
}
