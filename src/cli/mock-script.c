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
#include "cli/mock-script.h"
#include "cli/plain.h"

#define MOST_OUTPUT (16 << 20)

struct mock_job {
	struct mock *mock;
	tern_call *call;
	const struct interface_member *method;
	int in, out; /* memory: what it reads and writes */
	int end;     /* of the process: readable then; -1: it waits for its turn */
	pid_t pid;
	tern_watch *watch;
	struct mock_job *prev, *next;
};

static const char *
member_of(const struct mock_job *job)
{
	return interface_name(job->mock->interface, &job->method->item);
}

/* job_free() - and end its process; returns NULL */
static struct mock_job *
job_free(struct mock_job *job)
{
	(void)tern_watch_free(job->watch); /* always NULL */
	if (job->end >= 0) {
		job->mock->n_running--;
		(void)kill(-job->pid, SIGTERM); /* all of its group; it may be gone */
		(void)kill(job->pid, SIGKILL);	/* not a zombie yet: the number is still its own */
		(void)waitpid(job->pid, NULL, 0); /* it ends now */
	}
	DL_DELETE(job->mock->jobs, job);
	job->mock->n_jobs--;
	(void)fd_close(job->in);  /* always -1, as the others */
	(void)fd_close(job->out);
	(void)fd_close(job->end);
	(void)tern_call_unref(job->call); /* always NULL */
	free(job);
	return NULL;
}

/* -------- the process -------- */

static void
run_child(const struct mock_job *job, pid_t parent)
{
	char sender[32];

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a mock that is killed leaves nothing */
	(void)setpgid(0, 0);
	(void)snprintf(sender, sizeof(sender), ":%llu", (unsigned long long)tern_call_sender(job->call)); /* fits */
	if (getppid() != parent || dup2(job->in, STDIN_FILENO) < 0 || dup2(job->out, STDOUT_FILENO) < 0 ||
		setenv("TERN_SERVICE", job->mock->name, 1) < 0 || setenv("TERN_MEMBER", member_of(job), 1) < 0 ||
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
	pid_t parent = getpid(), pid = fork();

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

/* start_next() - as many of those that wait as may run */
static void
start_next(struct mock *mock)
{
	struct mock_job *job, *next;

	DL_FOREACH_SAFE (mock->jobs, job, next) {
		if (mock->n_running >= MOCK_MOST_RUNNING)
			return;
		if (job->end >= 0)
			continue;
		if (job_start(job) < 0) {
			(void)mock_reply_error(mock, job->call, member_of(job), "tern.Failed", "the script cannot be run");
			(void)job_free(job); /* always NULL */
		}
	}
}

/* -------- what it said -------- */

/* read_output() - as JSON; NULL: nothing. Return: 0; ARGUMENT_E_INVALID; -ENOMEM. */
static int
read_output(const struct mock_job *job, struct json_object **ret, struct argument_fault *why)
{
	_cleanup_(freep) char *text = NULL;
	struct json_fault fault;
	struct stat st;
	ssize_t n;
	int r;

	if (fstat(job->out, &st) < 0 || st.st_size > MOST_OUTPUT)
		return argument_bad(why, "the script printed more than %d MiB", MOST_OUTPUT >> 20);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = pread(job->out, text, (size_t)st.st_size, 0);
	text[MAX(n, 0)] = '\0';
	*ret = NULL;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return 0;
	r = json_read(text, (size_t)n, ret, &fault);
	return r == JSON_E_INVALID ? argument_bad(why, "the script printed no JSON: %s, at byte %zu", fault.text, fault.offset)
				   : r;
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
answer_failed(struct mock_job *job, const siginfo_t *info, struct json_object *output)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "the script ended with %s %d",
		info->si_code == CLD_EXITED ? "status" : "signal", info->si_status); /* fits */
	(void)mock_reply_error(job->mock, job->call, member_of(job), text_member(output, "error", "tern.Failed"),
		text_member(output, "text", text));
}

static void
answer(struct mock_job *job, const siginfo_t *info)
{
	_cleanup_(json_putp) struct json_object *output = NULL;
	_cleanup_(freep) void *cbor = NULL;
	struct mock_bytes bytes = {NULL, 0};
	struct argument_fault why = {"no memory"};
	int r;

	r = read_output(job, &output, &why);
	if (info->si_code != CLD_EXITED || info->si_status != 0) {
		answer_failed(job, info, output);
		return;
	}
	if (r == 0 && !output) /* nothing: what a method without results answers */
		output = json_object_new_object();
	if (r == 0)
		r = mock_encode(job->mock, &job->method->types[METHOD_OUT], output, &bytes, &why);
	cbor = bytes.bytes;
	if (r) {
		report("%s: %s", member_of(job), why.text);
		(void)mock_reply_error(job->mock, job->call, member_of(job), "tern.Failed", why.text);
	} else {
		(void)mock_reply(job->mock, job->call, member_of(job), &bytes);
	}
}

static void
on_end(tern_watch *watch, uint32_t ready, void *user)
{
	struct mock_job *job = user;
	struct mock *mock = job->mock;
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return;
	job->watch = tern_watch_free(job->watch);
	job->end = fd_close(job->end);
	mock->n_running--;
	answer(job, &info);
	(void)job_free(job); /* always NULL */
	start_next(mock);
}

/* -------- calls -------- */

/* write_input() - the arguments, and back to the start */
static int
write_input(int fd, struct json_object *arguments)
{
	_cleanup_(freep) char *text = arguments ? json_print(arguments, false) : strdup("{}");
	size_t size = text ? strlen(text) : 0;

	if (!text || write(fd, text, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		return -EIO;
	return 0;
}

static struct mock_job *
job_new(struct mock *mock, tern_call *call, const struct interface_member *method)
{
	struct mock_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	*job = (struct mock_job){.mock = mock, .call = tern_call_ref(call), .method = method, .end = -1};
	job->in = memfd_create("arguments", MFD_CLOEXEC);
	job->out = memfd_create("answer", MFD_CLOEXEC);
	DL_APPEND(mock->jobs, job);
	mock->n_jobs++;
	return job;
}

int
mock_script_run(struct mock *mock, tern_call *call, const struct interface_member *method, struct json_object *arguments)
{
	const char *member = interface_name(mock->interface, &method->item);
	struct mock_job *job;

	if (mock->n_jobs - mock->n_running >= MOCK_MOST_WAITING)
		return mock_reply_error(mock, call, member, "tern.Busy", "too many calls wait for the script");
	job = job_new(mock, call, method);
	if (!job || job->in < 0 || job->out < 0 || write_input(job->in, arguments) < 0) {
		if (job)
			(void)job_free(job); /* always NULL */
		return mock_reply_error(mock, call, member, "tern.Failed", "no memory, or no descriptors, for the script");
	}
	start_next(mock);
	return 0;
}

void
mock_sweep(struct mock *mock)
{
	struct mock_job *job, *next;

	DL_FOREACH_SAFE (mock->jobs, job, next)
		if (tern_call_is_cancelled(job->call)) {
			mock_say(mock, "gone", member_of(job), NULL, NULL);
			(void)job_free(job); /* always NULL */
		}
	start_next(mock);
}

void
mock_script_end_all(struct mock *mock)
{
	while (mock->jobs)
		(void)job_free(mock->jobs); /* always NULL */
}
