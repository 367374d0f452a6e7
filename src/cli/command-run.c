/* SPDX-License-Identifier: MIT */

/* command-run: run a command with a bus of its own */

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/plain.h"
#include "cli/private-bus.h"

enum {
	STATUS_NOT_RUN = 126,
	STATUS_NOT_FOUND = 127,
	STATUS_SIGNAL = 128, /* and the signal's number */
};

/* Passed on to the command. */
static const int FORWARDED[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void
run_child(char **words, const char *address, const sigset_t *mask, pid_t parent)
{
	int error;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* the bus goes too if tern run is killed */
	if (getppid() != parent)
		_exit(STATUS_NOT_RUN);
	if (setenv("TERN_BUS", address, 1) < 0)
		_exit(STATUS_NOT_RUN);
	(void)sigprocmask(SIG_SETMASK, mask, NULL); /* cannot fail */
	(void)execvp(words[0], words);
	error = errno;
	report("%s cannot be run: %s", words[0], strerror(error));
	_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

/* wait_for() - a child's end, and pass signals on meanwhile. Return: its exit status, as shells say
 * it. */
static int
wait_for(pid_t child, const sigset_t *signals)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (sigwaitinfo(signals, &info) < 0)
			continue; /* EINTR: stopped and continued */
		if (info.si_signo == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) != child)
				continue;
			return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status)
						   : WEXITSTATUS(status);
		}
		/* Of a process, or the terminal is gone, which only the first of a session is told; else the terminal
		 * sends its own to the child too. */
		if (info.si_code <= 0 || info.si_signo == SIGHUP)
			(void)kill(child, info.si_signo); /* it may have ended just now */
	}
}

static int
run_command(char **words, const char *address, const sigset_t *signals, const sigset_t *mask)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0) {
		report("%s cannot be run: %m", words[0]);
		return STATUS_NOT_RUN;
	}
	if (child == 0)
		run_child(words, address, mask, parent);
	return wait_for(child, signals);
}

static int
run_run(struct cli *cli)
{
	struct private_bus bus = PRIVATE_BUS_INIT;
	sigset_t signals, mask;
	char **words;
	int id, r;

	id = command_next(cli);
	if (id == OPTION_BAD)
		return cli->status;
	if (id == OPTION_END)
		return command_usage(cli, "COMMAND is missing");
	if (cli->address || cli->json)
		return command_usage(cli, "run makes a bus of its own: no --bus, no -j");
	words = cli->words.words - 1;
	(void)signal(SIGCHLD, SIG_DFL); /* whoever ignores it has no children to wait for */
	(void)sigemptyset(&signals);	/* cannot fail, as the others here */
	(void)sigaddset(&signals, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(FORWARDED); i++)
		(void)sigaddset(&signals, FORWARDED[i]);
	(void)sigprocmask(SIG_BLOCK, &signals, &mask);
	r = private_bus_start(&bus, &mask);
	if (r)
		return STATUS_RUN;
	r = run_command(words, bus.address, &signals, &mask);
	private_bus_stop(&bus);
	return r;
}

static const struct option_spec OPTIONS[] = {
	OPTION_OF_HELP,
};

const struct command command_run = {
	.name = "run",
	.operands = "[--] COMMAND [ARG…]",
	.summary = "Run a command with a bus of its own.",
	.about = "Starts ternd in a directory of its own, runs COMMAND with TERN_BUS set, passes\n"
		 "signals on to it, and exits as it does (128 and the signal if one ended it, 127 "
		 "if\n"
		 "it was not found, 126 if it could not be run, 125 if the bus could not be "
		 "started).\n"
		 "Afterwards ternd and the directory are gone, also if tern itself is killed.\n"
		 "\n"
		 "examples:\n"
		 "  tern run -- make test\n"
		 "  tern run bash\n",
	.completes = COMPLETES_PROGRAM,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.operands_last = true,
	.run = run_run,
};
