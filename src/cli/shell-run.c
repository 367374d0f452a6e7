/* SPDX-License-Identifier: MIT */

/* shell-run: lines, each run as a tern of its own; in the background with & */

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "cli/colour.h"
#include "cli/plain.h"
#include "cli/shell.h"

#define MOST_LINE 4096 /* of a job, before it is shown in pieces */

/* -------- processes -------- */

/* run_child() - all signals are blocked: what comes before they mean what they usually do is not lost */
static void
run_child(char *const *words, int out, const char *address, const sigset_t *mask)
{
	char self[PATH_MAX];
	ssize_t n;
	static const int RESET[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP, SIGCHLD};

	for (size_t i = 0; i < ARRAY_SIZE(RESET); i++)
		(void)signal(RESET[i], SIG_DFL);    /* cannot fail */
	(void)sigprocmask(SIG_SETMASK, mask, NULL); /* as above */
	if (out >= 0) {
		int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

		(void)setpgid(0, 0); /* Ctrl-C is for what is in front */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
			_exit(STATUS_OTHER);
	}
	if (address && setenv("TERN_BUS", address, 1) < 0)
		_exit(STATUS_OTHER);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[MAX(n, 0)] = '\0';
	(void)execv(self, words); /* not by the link: others would see a program "exe" */
	(void)execv("/proc/self/exe", words); /* it was replaced meanwhile */
	report("%s cannot be run: %m", words[0]);
	_exit(STATUS_OTHER);
}

pid_t
shell_spawn(const struct shell *shell, char *const *words, int out)
{
	size_t n = 0, k = 0;
	_cleanup_(freep) char **all = NULL;
	static char tern[] = "tern", colours[] = "--color=always";
	sigset_t every, mask;
	pid_t pid;

	while (words[n])
		n++;
	all = calloc(n + 3, sizeof(*all));
	if (!all)
		return -1;
	all[k++] = tern;
	if (out >= 0 && shell->edit && colour_is_on(stdout) && strcmp(words[0], "__complete") != 0)
		all[k++] = colours;
	memcpy(all + k, words, n * sizeof(*all));
	(void)sigfillset(&every); /* cannot fail, as those below */
	(void)sigprocmask(SIG_SETMASK, &every, &mask);
	pid = fork();
	if (pid == 0)
		run_child(all, out, shell->cli->address, &mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_OTHER;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* run_in_front() - the terminal's signals are for the child meanwhile */
static int
run_in_front(const struct shell *shell, char *const *words)
{
	const struct sigaction ignored = {.sa_handler = SIG_IGN};
	struct sigaction before;
	int status;
	pid_t pid;

	(void)fflush(stdout); /* main() asks */
	(void)sigaction(SIGINT, &ignored, &before); /* cannot fail, as below */
	pid = shell_spawn(shell, words, -1);
	status = pid < 0 ? STATUS_OTHER : wait_for(pid);
	(void)sigaction(SIGINT, &before, NULL);
	if (pid < 0)
		report("nothing can be run: %m");
	return status;
}

/* -------- jobs -------- */

static void
job_free(struct shell_job *job)
{
	job->fd = fd_close(job->fd);
	free(job->line);
	free(job->text);
	*job = (struct shell_job){.fd = -1};
}

static void
start_job(struct shell *shell, const struct line *line, const char *text)
{
	struct shell_job *job = shell->jobs;
	int ends[2];

	while (job < shell->jobs + SHELL_MOST_JOBS && job->pid)
		job++;
	shell->status = STATUS_OTHER;
	if (job == shell->jobs + SHELL_MOST_JOBS) {
		report("%d jobs are enough; 'stop' ends them", SHELL_MOST_JOBS);
		return;
	}
	if (pipe2(ends, O_CLOEXEC) < 0) {
		report("nothing can be run: %m");
		return;
	}
	*job = (struct shell_job){.fd = ends[0], .line = strdup(text), .text = malloc(MOST_LINE)};
	job->pid = job->line && job->text ? shell_spawn(shell, line->words, ends[1]) : -1;
	(void)fd_close(ends[1]); /* always -1 */
	if (job->pid < 0) {
		report("nothing can be run: %m");
		job_free(job);
		return;
	}
	job->line[strcspn(job->line, "\n")] = '\0';
	shell->status = STATUS_OK;
	(void)printf("[%td] %s\n", job - shell->jobs + 1, job->line); /* main() asks */
}

/* take_lines() - show what is whole of a job's text, or has no room */
static void
take_lines(struct shell *shell, struct shell_job *job, bool is_end)
{
	char *newline;

	while ((newline = memchr(job->text, '\n', job->n)) || ((is_end || job->n == MOST_LINE) && job->n)) {
		size_t n = newline ? (size_t)(newline - job->text) : job->n, gone = n + (newline != NULL);

		shell_print(shell, job->text, n);
		memmove(job->text, job->text + gone, job->n - gone);
		job->n -= gone;
	}
}

void
shell_read_job(struct shell *shell, struct shell_job *job)
{
	ssize_t n = read(job->fd, job->text + job->n, MOST_LINE - job->n);
	char text[64];

	if (n < 0 && errno == EINTR)
		return;
	job->n += n > 0 ? (size_t)n : 0;
	take_lines(shell, job, n <= 0);
	if (n > 0)
		return;
	n = snprintf(text, sizeof(text), "[%td] ended with %d", job - shell->jobs + 1, wait_for(job->pid)); /* fits */
	shell_print(shell, text, (size_t)n);
	job_free(job);
}

void
shell_end_jobs(struct shell *shell)
{
	for (struct shell_job *job = shell->jobs; job < shell->jobs + SHELL_MOST_JOBS; job++)
		if (job->pid) {
			(void)kill(job->pid, SIGTERM); /* it may be gone */
			(void)wait_for(job->pid);      /* its status is nobody's */
			job_free(job);
		}
}

/* -------- what is the shell's own -------- */

const char *const SHELL_COMMANDS[][2] = {
	{"exit", "leave; with a number, with that status"},
	{"jobs", "what runs in the background: lines that ended with &"},
	{"stop", "end a job by its number, or all"},
	{NULL, NULL},
};

static void
print_jobs(const struct shell *shell)
{
	for (size_t i = 0; i < SHELL_MOST_JOBS; i++)
		if (shell->jobs[i].pid)
			(void)printf("[%zu] %s\n", i + 1, shell->jobs[i].line); /* main() asks */
}

static void
stop_jobs(struct shell *shell, const char *number)
{
	size_t i = number ? strtoul(number, NULL, 10) : 0;

	if (!number) {
		for (i = 0; i < SHELL_MOST_JOBS; i++)
			if (shell->jobs[i].pid)
				(void)kill(shell->jobs[i].pid, SIGTERM); /* its end is told when it comes */
	} else if (i < 1 || i > SHELL_MOST_JOBS || !shell->jobs[i - 1].pid) {
		report("there is no job %s", number);
		shell->status = STATUS_USAGE;
	} else {
		(void)kill(shell->jobs[i - 1].pid, SIGTERM); /* as above */
	}
}

static bool
run_own(struct shell *shell, const struct line *line)
{
	const char *word = line->words[0];

	if (strcmp(word, "exit") == 0 || strcmp(word, "quit") == 0) {
		shell->is_over = true;
		if (line->n > 1)
			shell->status = atoi(line->words[1]) & 255;
		return true;
	}
	if (strcmp(word, "jobs") != 0 && strcmp(word, "stop") != 0)
		return false;
	shell->status = STATUS_OK;
	if (*word == 'j')
		print_jobs(shell);
	else
		stop_jobs(shell, line->words[1]);
	return true;
}

/* help_own() - what `help` does not know of */
static void
help_own(const struct line *line)
{
	if (strcmp(line->words[0], "help") != 0 || line->n > 1)
		return;
	(void)puts("\nin the shell:"); /* main() asks, as below */
	for (size_t i = 0; SHELL_COMMANDS[i][0]; i++)
		(void)printf("  %-12s %s\n", SHELL_COMMANDS[i][0], SHELL_COMMANDS[i][1]);
	(void)puts("  COMMAND… &   go on typing, and see what it prints above");
}

static void
drop_first(struct line *line)
{
	free(line->words[0]);
	memmove(line->words, line->words + 1, line->n * sizeof(*line->words));
	line->n--;
}

void
shell_run_line(struct shell *shell, const char *text)
{
	_cleanup_(line_deinit) struct line line = {0};
	int r = line_read(text, &line);

	if (r) {
		report(r < 0 ? "no memory" : "a quote is not closed");
		shell->status = r < 0 ? STATUS_OTHER : STATUS_USAGE;
		return;
	}
	if (line.n > 1 && strcmp(line.words[0], "tern") == 0)
		drop_first(&line); /* a habit */
	if (line.n == 0 || run_own(shell, &line))
		return;
	if (line.n > 1 && strcmp(line.words[line.n - 1], "&") == 0 && !shell->edit) {
		report("'&' is for terminals: '%s' would be waited for here", line.words[0]);
		shell->status = STATUS_USAGE;
		return;
	}
	if (line.n > 1 && strcmp(line.words[line.n - 1], "&") == 0) {
		free(line.words[--line.n]);
		line.words[line.n] = NULL;
		start_job(shell, &line, text);
		return;
	}
	shell->status = run_in_front(shell, line.words);
	help_own(&line);
}
