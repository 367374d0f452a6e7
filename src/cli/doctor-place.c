/* SPDX-License-Identifier: MIT */

/* doctor-place: is there a bus where it should be, and may one talk to it? */

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/doctor.h"

#define SCHEME "unix:"

static const char *
path_of(const struct doctor *doctor)
{
	return doctor->address + strlen(SCHEME);
}

/* check_runtime_directory() - only where the bus is looked for in it */
static void
check_runtime_directory(struct doctor *doctor, const char *directory)
{
	struct stat st;

	doctor->n_checks++;
	if (stat(directory, &st) < 0) {
		doctor_wrong(doctor, "runtime-directory", "XDG_RUNTIME_DIR is %s, which cannot be looked at: %s", directory,
			strerror(errno));
		doctor_why(doctor, "the bus of this user is looked for there, and nowhere else");
		doctor_remedy(doctor, "log in so that it is made (pam_systemd does), make it (mode 700, your own), or set "
			"TERN_BUS");
	} else if (st.st_uid != geteuid()) {
		doctor_wrong(doctor, "runtime-directory", "XDG_RUNTIME_DIR is %s, which belongs to user %u, and this is user %u",
			directory, st.st_uid, geteuid());
		doctor_why(doctor, "it is another user's bus that is found there, as after sudo or su");
		doctor_remedy(doctor, "unset XDG_RUNTIME_DIR, or set it to this user's, or use --bus or TERN_BUS");
	} else if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX)) {
		doctor_wrong(doctor, "runtime-directory", "others may write to %s", directory);
		doctor_why(doctor, "they can put a socket of their own where the bus is looked for");
		doctor_remedy(doctor, "chmod 700 %s", directory);
	}
}

/* choose_address() - as tern_open() does */
static void
choose_address(struct doctor *doctor)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *chosen = doctor->given ? doctor->given : getenv("TERN_BUS");

	doctor->source = doctor->given ? "--bus" : "TERN_BUS";
	if (chosen) {
		(void)snprintf(doctor->address, sizeof(doctor->address), "%s", chosen); /* cut: too long, as below */
		return;
	}
	doctor->source = runtime && *runtime ? "XDG_RUNTIME_DIR" : "the usual place, since neither TERN_BUS nor "
								   "XDG_RUNTIME_DIR is set";
	if (!runtime || !*runtime) {
		(void)snprintf(doctor->address, sizeof(doctor->address), SCHEME "/run/tern/bus");
		return;
	}
	check_runtime_directory(doctor, runtime);
	(void)snprintf(doctor->address, sizeof(doctor->address), SCHEME "%s/tern/bus", runtime); /* as above */
}

/* check_address() - Return: it is one */
static bool
check_address(struct doctor *doctor)
{
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	const char *wrong = NULL;

	doctor->n_checks++;
	if (strncmp(doctor->address, SCHEME, strlen(SCHEME)) != 0)
		wrong = "does not begin with " SCHEME;
	else if (*path_of(doctor) != '/')
		wrong = "has no absolute path behind " SCHEME;
	else if (strlen(path_of(doctor)) > most)
		wrong = "has a path of more than 107 bytes, which no socket can have";
	if (!wrong)
		return true;
	doctor_wrong(doctor, "address", "the address \"%.100s\" %s (%s says it)", doctor->address, wrong, doctor->source);
	doctor_why(doctor, "no program finds the bus by it");
	doctor_remedy(doctor, "give one such as unix:/run/user/%u/tern/bus", geteuid());
	return false;
}

/* say_no_socket() - nothing is there, or a folder on the way is not to be entered */
static void
say_no_socket(struct doctor *doctor, int error)
{
	char path[sizeof(doctor->address)];

	(void)snprintf(path, sizeof(path), "%s", path_of(doctor)); /* fits */
	if (error == EACCES) {
		doctor_wrong(doctor, "socket", "user %u may not enter %s", geteuid(), dirname(path));
		doctor_why(doctor, "the socket of the bus is in it");
		doctor_remedy(doctor, "let that user enter the folder, or use a bus of your own: tern run -- COMMAND");
		return;
	}
	doctor_wrong(doctor, "socket", "no bus is at %s: %s", path, strerror(error));
	doctor_why(doctor, "ternd does not run, or it was started with another address (%s says this one)", doctor->source);
	doctor_remedy(doctor, "start it with 'ternd --address %.100s', a private one with 'tern run -- COMMAND', or set "
		"TERN_BUS to where it is", doctor->address);
}

/* check_socket() - Return: one may try to connect */
static bool
check_socket(struct doctor *doctor)
{
	const char *path = path_of(doctor);
	struct stat st;

	doctor->n_checks++;
	if (stat(path, &st) < 0) {
		say_no_socket(doctor, errno);
		return false;
	}
	if (!S_ISSOCK(st.st_mode)) {
		doctor_wrong(doctor, "socket", "%s is there, and is no socket", path);
		doctor_why(doctor, "ternd cannot listen there, nor anybody connect");
		doctor_remedy(doctor, "move it away, or give another address");
		return false;
	}
	return true;
}

static void
say_refused(struct doctor *doctor)
{
	doctor_wrong(doctor, "ternd", "nobody listens at %s: the socket is left of a ternd that was killed", path_of(doctor));
	doctor_why(doctor, "no program can connect; those that are linked talk on");
	doctor_remedy(doctor, "start ternd again: it takes the place of what is left there");
}

/* listener() - the process that listens; 0: not known */
static pid_t
listener(const char *path)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred who = {0};
	socklen_t size = sizeof(who);

	memcpy(address.sun_path, path, MIN(strlen(path), sizeof(address.sun_path) - 1));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return 0;
	return who.pid;
}

/* is_stopped() - by a signal, or a debugger */
static bool
is_stopped(pid_t pid)
{
	char path[64], text[512];
	const char *state;
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid); /* fits */
	file = fopen(path, "re");
	n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		(void)fclose(file); /* it was read */
	text[n] = '\0';
	state = strrchr(text, ')'); /* behind the name, which may have anything in it */
	return state && state[1] && (state[2] == 'T' || state[2] == 't');
}

/* check_listener() - a ternd that does not run would be waited for long. Return: one may try. */
static bool
check_listener(struct doctor *doctor)
{
	pid_t pid = listener(path_of(doctor));

	doctor->n_checks++;
	if (pid == 0 || !is_stopped(pid))
		return true;
	doctor_wrong(doctor, "ternd", "ternd, process %d, was stopped", (int)pid);
	doctor_why(doctor, "programs that are linked talk on; nobody can join, own a name or find a new partner");
	doctor_remedy(doctor, "let it go on: kill -CONT %d", (int)pid);
	return false;
}

static void
connect_bus(struct doctor *doctor)
{
	const struct tern_error *error;
	int r;

	doctor->n_checks++;
	r = tern_open(doctor->address, &doctor->bus);
	if (r == 0)
		return;
	error = tern_last_error();
	if (r == -ECONNREFUSED) {
		say_refused(doctor);
	} else if (r == -EACCES) {
		doctor_wrong(doctor, "permission", "user %u may not use the socket %s", geteuid(), path_of(doctor));
		doctor_why(doctor, "who cannot write to a socket cannot connect to it");
		doctor_remedy(doctor, "run as its owner, or have its owner allow it");
	} else if (r == -ETIME) {
		doctor_wrong(doctor, "ternd", "ternd does not answer at %s", path_of(doctor));
		doctor_why(doctor, "it was stopped (SIGSTOP, a debugger), or gets no processor");
		doctor_remedy(doctor, "let it go on (kill -CONT), or look at what keeps it");
	} else {
		doctor_wrong(doctor, "connection", "ternd does not let this program in: %s",
			error->text[0] ? error->text : strerror(-r));
		doctor_why(doctor, "no program of this user and version can use this bus (%s)", error->name);
		doctor_remedy(doctor, r == -EPROTO ? "use the library and ternd of the same release, and the machine's clock"
				      : r == -EPERM || r == -EACCES ? "start ternd with --allow-uid for this user, or "
								      "use a bus of your own"
								    : "mend what the text says");
	}
}

void
doctor_place(struct doctor *doctor)
{
	choose_address(doctor);
	if (check_address(doctor) && check_socket(doctor) && check_listener(doctor))
		connect_bus(doctor);
}
