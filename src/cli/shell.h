/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * shell: what the files of `tern shell` share
 *
 * Each line is run as a tern of its own, so that nothing it does can harm the shell. The shell itself
 * is on the bus only to see it go and come back. While somebody types, one loop waits for the
 * terminal, the bus, and what jobs in the background have to say.
 */

#include <histedit.h>
#include <tern/bus.h>

#include "cli/command.h"
#include "cli/line.h"

enum {
	SHELL_MOST_JOBS = 16,
	SHELL_MOST_HISTORY = 1000,
};

/* A tern in the background. */
struct shell_job {
	pid_t pid; /* 0: this place is free */
	int fd;	   /* what it says, both outputs */
	char *line;
	char *text; /* the begin of a line that is not whole yet, n bytes */
	size_t n;
};

struct shell {
	const struct cli *cli;
	tern_bus *bus; /* NULL: it is gone */
	EditLine *edit; /* NULL: nobody types, it is a script */
	History *history;
	char *history_path; /* NULL: nowhere */
	struct shell_job jobs[SHELL_MOST_JOBS];
	int status; /* of the last line */
	bool is_over;
};

/* -------- shell-run.c -------- */

/* shell_run_line() - do what a line says; shell->status is how it ended */
void shell_run_line(struct shell *shell, const char *text);

/* shell_spawn() - start this tern with such words; `out` is both outputs, -1: those of the shell. The pid, or -1. */
pid_t shell_spawn(const struct shell *shell, char *const *words, int out);

/* shell_read_job() - something came from it, or its end */
void shell_read_job(struct shell *shell, struct shell_job *job);

/* shell_end_jobs() - all of them */
void shell_end_jobs(struct shell *shell);

/* -------- shell-edit.c -------- */

/* shell_edit() - read lines from the terminal and run them, until its end. Return: STATUS_*. */
int shell_edit(struct shell *shell);

/* shell_print() - one line above what is being typed, n bytes */
void shell_print(struct shell *shell, const char *text, size_t n);

/* -------- shell-complete.c -------- */

/* shell_complete() - what Tab does */
unsigned char shell_complete(EditLine *edit, int letter);

/* Commands that are the shell's own, NULL-ended: their names, and what they do. */
extern const char *const SHELL_COMMANDS[][2];

/* -------- shell-history.c -------- */

/* shell_history_open(), _add(), _close() - lines of this and earlier shells; a file that cannot be had is no matter */
void shell_history_open(struct shell *shell);
void shell_history_add(struct shell *shell, const char *line);
void shell_history_close(struct shell *shell);
