/* SPDX-License-Identifier: MIT */

/*
 * mock-script: one process a call that a script answers
 *
 * Its standard input and output are files in memory, and its end is a descriptor in the loop of the
 * bus: so nobody waits for a pipe to be read or written, whatever the script does.
 */

#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <utlist.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/mock-job.h"
#include "cli/plain.h"

#define MOST_OUTPUT (16 << 20)
#define MOST_INPUT  (16 << 20)
#define BLANK       " \t\r\n"

/* -------- the process -------- */

void
script_end(struct mock_job *job)
{
	job->watch = tern_watch_free(job->watch);
	if (job->end >= 0) {
		job->mock->n_running--;
		(void)kill(-job->pid, SIGTERM); /* all of its group; it may be gone */
		(void)kill(job->pid, SIGKILL);	/* not a zombie yet: the number is still its own */
		(void)waitpid(job->pid, NULL, 0); /* it ends now */
	}
	job->in = fd_close(job->in); /* always -1, as the others */
	job->out = fd_close(job->out);
	job->end = fd_close(job->end);
}

static void
run_child(const struct mock_job *job, pid_t parent)
{
	char sender[32];

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a mock that is killed leaves nothing */
	(void)setpgid(0, 0);
	(void)snprintf(sender, sizeof(sender), ":%llu", (unsigned long long)tern_call_sender(job->call)); /* fits */
	if (getppid() != parent || dup2(job->in, STDIN_FILENO) < 0 || dup2(job->out, STDOUT_FILENO) < 0 ||
		setenv("TERN_SERVICE", job->mock->name, 1) < 0 || setenv("TERN_MEMBER", job_member(job), 1) < 0 ||
		setenv("TERN_SENDER", sender, 1) < 0)
		_exit(126);
	(void)execl("/bin/sh", "sh", "-c", job->mock->script, (char *)NULL);
	_exit(127);
}

static void on_end(tern_watch *watch, uint32_t ready, void *user);

/* job_start() - Return: 0 or a negative errno. */
static int
job_start(struct mock_job *job)
{
	pid_t parent = getpid(), pid;

	(void)lseek(job->in, 0, SEEK_SET); /* memory: it can */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(job, parent);
	job->pid = pid;
	job->end = (int)syscall(SYS_pidfd_open, pid, 0);
	if (job->end < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0); /* it ends now */
		return -errno;
	}
	job->mock->n_running++;
	return tern_watch_fd(job->mock->bus, job->end, POLLIN, on_end, job, &job->watch);
}

void
script_start_next(struct mock *mock)
{
	struct mock_job *job, *next;

	DL_FOREACH_SAFE (mock->jobs, job, next) {
		if (mock->n_running >= MOCK_MOST_RUNNING)
			return;
		if (job->is_scripted && !job->reads && job->end < 0 && job_start(job) < 0)
			job_fail(job, "tern.Failed", "the script cannot be run");
	}
}

/* -------- what it said -------- */

/* read_output() - all of it; NULL: too much, or no memory, and why */
static char *
read_output(const struct mock_job *job, struct argument_fault *why)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(job->out, &st) < 0 || st.st_size > MOST_OUTPUT) {
		(void)argument_bad(why, "the script printed more than %d MiB", MOST_OUTPUT >> 20); /* the caller knows */
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	n = pread(job->out, text, (size_t)st.st_size, 0);
	text[MAX(n, 0)] = '\0';
	return text;
}

/* read_json() - a value, or NULL: nothing. Return: 0; ARGUMENT_E_INVALID; -ENOMEM. */
static int
read_json(const char *text, struct json_object **ret, struct argument_fault *why)
{
	struct json_fault fault;
	int r;

	*ret = NULL;
	if (text[strspn(text, BLANK)] == '\0')
		return 0;
	r = json_read(text, strlen(text), ret, &fault);
	return r == JSON_E_INVALID ? argument_bad(why, "the script printed no JSON: %s, at byte %zu", fault.text, fault.offset)
				   : r;
}

/* add_value() - of this type, as a part or the result; nothing is what a method without results answers */
static int
add_value(struct mock_job *job, const char *text, bool is_part, struct argument_fault *why)
{
	const struct interface_type *type = &job->method->types[is_part ? METHOD_OUT_STREAM : METHOD_OUT];
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct mock_bytes bytes;
	int r;

	r = read_json(text, &value, why);
	if (r == 0 && !value)
		value = json_object_new_object();
	if (r == 0)
		r = mock_encode(job->mock, type, value, &bytes, why);
	if (r)
		return r;
	if (is_part)
		return job_add_part(job, &bytes);
	job->result = bytes;
	return 0;
}

/* add_lines() - of a method that streams: each line is a part, but the last, where it has results */
static int
add_lines(struct mock_job *job, char *text, struct argument_fault *why)
{
	bool has_results = type_fields(job->mock->interface, &job->method->types[METHOD_OUT]) != NULL;
	char *line, *rest = text;
	int r = 0;

	while (r == 0 && rest[0]) {
		line = rest;
		rest += strcspn(rest, "\n");
		if (*rest)
			*rest++ = '\0';
		if (rest[strspn(rest, BLANK)] == '\0' && has_results)
			return add_value(job, line, false, why);
		if (line[strspn(line, BLANK)])
			r = add_value(job, line, true, why);
	}
	return r ? r : add_value(job, "", false, why);
}

static const char *
text_member(struct json_object *object, const char *key, const char *otherwise)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value) ||
		!json_object_is_type(value, json_type_string))
		return otherwise;
	return json_object_get_string(value);
}

static void
answer_failed(struct mock_job *job, const siginfo_t *info, const char *output)
{
	_cleanup_(json_putp) struct json_object *said = NULL;
	struct argument_fault why;
	char text[80];

	(void)read_json(output ? output : "", &said, &why); /* else it said nothing */
	(void)snprintf(text, sizeof(text), "the script ended with %s %d",
		info->si_code == CLD_EXITED ? "status" : "signal", info->si_status); /* fits */
	job_fail(job, text_member(said, "error", "tern.Failed"), text_member(said, "text", text));
}

static void
answer(struct mock_job *job, const siginfo_t *info)
{
	struct argument_fault why = {"no memory"};
	_cleanup_(freep) char *output = read_output(job, &why);
	int r = -ENOMEM;

	if (info->si_code != CLD_EXITED || info->si_status != 0) {
		answer_failed(job, info, output);
		return;
	}
	if (output && job->method->types[METHOD_OUT_STREAM].kind != KIND_NONE)
		r = add_lines(job, output, &why);
	else if (output)
		r = add_value(job, output, false, &why);
	if (r == 0) {
		job_put(job);
		return;
	}
	report("%s: %s", job_member(job), why.text);
	job_fail(job, "tern.Failed", why.text);
}

static void
on_end(tern_watch *watch, uint32_t ready, void *user)
{
	struct mock_job *job = user;
	struct mock *mock = job->mock;
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return;
	mock->n_running--;
	job->end = fd_close(job->end);
	job->is_scripted = false; /* it has said all */
	answer(job, &info);
	script_start_next(mock);
}

/* -------- what it reads -------- */

/* add_line() - of standard input */
static int
add_line(const struct mock_job *job, struct json_object *value)
{
	_cleanup_(freep) char *text = value ? json_print(value, false) : strdup("{}");

	if (!text)
		return -ENOMEM;
	return dprintf(job->in, "%s\n", text) < 0 ? -EIO : 0;
}

int
script_prepare(struct mock_job *job, struct json_object *arguments)
{
	job->is_scripted = true;
	job->in = memfd_create("arguments", MFD_CLOEXEC);
	job->out = memfd_create("answer", MFD_CLOEXEC);
	return job->in < 0 || job->out < 0 ? -EMFILE : add_line(job, arguments);
}

int
script_add_part(struct mock_job *job, struct json_object *part)
{
	struct stat st;

	if (fstat(job->in, &st) < 0 || st.st_size > MOST_INPUT)
		return -E2BIG;
	return add_line(job, part);
}
