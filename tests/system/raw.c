/* SPDX-License-Identifier: MIT */

/* raw: a ternd of the test's own, and a client that speaks the control protocol by hand */

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "io/socket.h"
#include "raw.h"

/* --- processes --- */

pid_t
raw_fork(uint32_t number)
{
	pid_t wanted = (pid_t)number, pid;
	struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};

	if (number) /* before Linux 6.9 it is the tick they began in that tells two of one number apart */
		(void)usleep(2000000 / (useconds_t)sysconf(_SC_CLK_TCK));
	pid = number ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
	return pid;
}

void
raw_kill(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* --- ternd --- */

static void
run_ternd(const struct ternd *ternd, int ready, const char *const *arguments)
{
	const char *argv[12] = {getenv("TERND"), "--address", NULL, "--ready-fd", NULL};
	char address[100], number[12];
	size_t n = 5;

	snprintf(address, sizeof(address), "unix:%s", ternd->path);
	snprintf(number, sizeof(number), "%d", ready);
	argv[2] = address;
	argv[4] = number;
	while (arguments && *arguments && n + 1 < ARRAY_SIZE(argv))
		argv[n++] = *arguments++;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
	(void)fcntl(ready, F_SETFD, 0);
	execv(argv[0], (char **)argv);
	_exit(127);
}

void
ternd_start_at(struct ternd *ternd, const char *const *arguments)
{
	int ready[2];
	char byte;

	ck_assert_msg(getenv("TERND") != NULL, "TERND is not set: run this by meson test");
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ternd->pid = fork();
	ck_assert_int_ge(ternd->pid, 0);
	if (ternd->pid == 0)
		run_ternd(ternd, ready[1], arguments);
	ready[1] = fd_close(ready[1]);
	ck_assert_msg(read(ready[0], &byte, 1) == 1, "ternd did not start");
	ready[0] = fd_close(ready[0]);
}

void
ternd_start(struct ternd *ternd, const char *const *arguments)
{
	snprintf(ternd->folder, sizeof(ternd->folder), "/tmp/tern-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(ternd->folder));
	ck_assert_int_eq(chmod(ternd->folder, 0755), 0);
	snprintf(ternd->path, sizeof(ternd->path), "%s/bus", ternd->folder);
	ternd_start_at(ternd, arguments);
}

void
ternd_stop(struct ternd *ternd)
{
	int status;

	ck_assert_int_eq(kill(ternd->pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(ternd->pid, &status, 0), ternd->pid);
	ck_assert_msg(
		WIFEXITED(status) && WEXITSTATUS(status) == 0, "ternd ended with %#x", status);
	ck_assert_msg(rmdir(ternd->folder) == 0, "ternd left something behind");
}

void
ternd_kill(struct ternd *ternd)
{
	ck_assert_int_eq(kill(ternd->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(ternd->pid, NULL, 0), ternd->pid);
}

/* --- packets --- */

void
raw_connect(struct raw *raw, const struct ternd *ternd)
{
	*raw = (struct raw){.fd = -1};
	ck_assert_int_eq(socket_connect(ternd->path, &raw->fd), 0);
}

static void
drop_fds(struct raw *raw)
{
	for (size_t i = 0; i < raw->n_fds; i++)
		raw->fds[i] = fd_close(raw->fds[i]);
	raw->n_fds = 0;
}

void
raw_close(struct raw *raw)
{
	drop_fds(raw);
	raw->fd = fd_close(raw->fd);
}

void
raw_send_bytes(struct raw *raw, const void *bytes, size_t size)
{
	struct iovec iov = {(void *)bytes, size};
	int r = socket_send(raw->fd, &iov, 1, NULL, 0);

	ck_assert_msg(r == 0 || r == SOCKET_E_CLOSED, "%s", socket_strerror(r));
}

void
raw_send(struct raw *raw, struct control *control)
{
	uint8_t packet[CONTROL_MAX_PACKET];
	size_t size;

	control->serial = ++raw->serial;
	ck_assert_int_eq(control_encode(control, packet, sizeof(packet), &size), 0);
	raw_send_bytes(raw, packet, size);
}

bool
raw_receive(struct raw *raw)
{
	struct pollfd poll_fd = {.fd = raw->fd, .events = POLLIN};
	size_t size;
	int r;

	drop_fds(raw);
	ck_assert_msg(poll(&poll_fd, 1, RAW_TIMEOUT_MS) == 1, "nothing came");
	r = socket_recv(raw->fd, raw->packet, sizeof(raw->packet), &size, raw->fds, CONTROL_MAX_FDS,
		&raw->n_fds);
	if (r == SOCKET_E_CLOSED)
		return false;
	ck_assert_msg(r == 0, "%s", socket_strerror(r));
	ck_assert_int_eq(control_decode(&raw->control, raw->packet, size, NULL), 0);
	return true;
}

bool
raw_is_quiet(struct raw *raw)
{
	struct pollfd poll_fd = {.fd = raw->fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

void
raw_ask(struct raw *raw, struct control *control)
{
	raw_send(raw, control);
	do
		ck_assert_msg(raw_receive(raw), "ternd hung up");
	while (raw->control.serial != raw->serial);
}

/* --- expectations --- */

void
raw_expect(struct raw *raw, uint32_t type)
{
	ck_assert_msg(raw_receive(raw), "ternd hung up");
	ck_assert_msg(raw->control.type == type, "%s came, not %s",
		control_type_name(raw->control.type), control_type_name(type));
}

void
raw_expect_failed(struct raw *raw, uint32_t code, const char *error, const char *says)
{
	const struct control_failed *failed = &raw->control.failed;
	char text[1024];

	ck_assert_str_eq(control_type_name(raw->control.type), "failed");
	snprintf(text, sizeof(text), "%.*s: %.*s", (int)failed->error.size, failed->error.text,
		(int)failed->text.size, failed->text.text);
	ck_assert_msg(failed->code == code, "%s", text);
	ck_assert_msg(
		failed->error.size == strlen(error) && strstr(text, error) == text, "%s", text);
	ck_assert_msg(strstr(text, says) != NULL, "%s", text);
}

void
raw_expect_closed(struct raw *raw)
{
	ck_assert(!raw_receive(raw));
}

/* --- requests --- */

struct control_text
raw_text(const char *text)
{
	return (struct control_text){text, strlen(text)};
}

uint64_t
raw_clock(void)
{
	return clock_now_ns() - (uint64_t)clock_offset_ns();
}

static void
say_hello(struct raw *raw, const struct ternd *ternd, const struct raw *was)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};

	if (was) {
		control.hello.claim = was->id;
		control.hello.token = (struct control_bytes){was->token, sizeof(was->token)};
	}
	raw_connect(raw, ternd);
	do {
		control.hello.clock = raw_clock();
		raw_send(raw, &control);
		ck_assert_msg(raw_receive(raw), "ternd hung up");
	} while (raw->control.type == CONTROL_FAILED && raw->control.failed.code == EAGAIN);
	ck_assert_str_eq(control_type_name(raw->control.type), "welcome");
	ck_assert_uint_eq(raw->control.serial, raw->serial);
	raw->id = raw->control.welcome.peer;
	raw->slot = raw->control.welcome.slot;
	ck_assert_uint_eq(raw->control.welcome.token.size, sizeof(raw->token));
	memcpy(raw->token, raw->control.welcome.token.bytes, sizeof(raw->token));
}

void
raw_join(struct raw *raw, const struct ternd *ternd)
{
	say_hello(raw, ternd, NULL);
}

void
raw_claim(struct raw *raw, const struct ternd *ternd, const struct raw *was)
{
	say_hello(raw, ternd, was);
}

void
raw_come_back(struct raw *raw, const struct ternd *ternd)
{
	struct raw was = *raw;

	raw_close(raw);
	raw_claim(raw, ternd, &was);
	ck_assert_uint_eq(raw->id, was.id);
}

int
raw_fd(const struct raw *raw, enum control_table_kind kind)
{
	const struct control_kinds *tables = &raw->control.welcome.tables;

	ck_assert_uint_eq(raw->control.type, CONTROL_WELCOME);
	for (size_t i = 0; i < tables->n; i++)
		if (tables->items[i] == kind)
			return raw->fds[i];
	ck_abort_msg("no such table");
}

void
raw_own(struct raw *raw, const char *name, uint32_t flags, const char *label)
{
	struct control control = {.type = CONTROL_OWN, .own = {raw_text(name), flags}};

	if (label) {
		control.own.labels.n = 1;
		control.own.labels.items[0] = raw_text(label);
	}
	raw_ask(raw, &control);
}

void
raw_name(struct raw *raw, uint32_t type, const char *name)
{
	struct control control = {.type = type, .name = {raw_text(name)}};

	raw_ask(raw, &control);
}

void
raw_rule(struct raw *raw, uint64_t number, const char *sender, const char *tag)
{
	struct control control = {.type = CONTROL_RULE_ADD, .rule_add = {.rule = number}};

	if (sender)
		control.rule_add.sender = raw_text(sender);
	if (tag) {
		control.rule_add.tags.n = 1;
		control.rule_add.tags.items[0] = raw_text(tag);
	}
	raw_ask(raw, &control);
}

void
raw_ping(struct raw *raw)
{
	struct control control = {.type = CONTROL_PING};

	raw_ask(raw, &control);
	ck_assert_uint_eq(raw->control.type, CONTROL_DONE);
}
