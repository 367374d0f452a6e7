/* SPDX-License-Identifier: MIT */

/*
 * shell-history: lines of this and earlier shells
 *
 * A line is in the file as soon as it was typed, so a shell that is killed loses none; several
 * shells append to one file.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/attribute.h"
#include "cli/shell.h"

/* make_folders() - all that `path` lies in */
static void
make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700); /* it may be there; the open tells what is wrong */
		*slash = '/';
	}
}

static char *
history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	if (state && *state == '/')
		n = asprintf(&path, "%s/tern/history", state);
	else if (home && *home == '/')
		n = asprintf(&path, "%s/.local/state/tern/history", home);
	return n < 0 ? NULL : path;
}

/* load() - the newest lines. Return: how many there are. */
static size_t
load(struct shell *shell, FILE *in)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0, n = 0;
	HistEvent event;
	ssize_t size;

	while ((size = getline(&line, &room, in)) > 0) {
		line[size - (line[size - 1] == '\n')] = '\0';
		if (*line)
			(void)history(shell->history, &event, H_ENTER, line); /* one line less is no matter */
		n++;
	}
	return n;
}

/* shorten() - write what is remembered in the place of a file that has grown */
static void
shorten(struct shell *shell)
{
	_cleanup_(freep) char *path = NULL;
	HistEvent event;
	FILE *out;
	int fd;

	if (asprintf(&path, "%s.new", shell->history_path) < 0) {
		path = NULL; /* undefined then */
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return;
	for (int r = history(shell->history, &event, H_LAST); r >= 0; r = history(shell->history, &event, H_PREV))
		(void)fprintf(out, "%s\n", event.str); /* fclose() tells */
	if (fclose(out) == 0)
		(void)rename(path, shell->history_path); /* else the long one stays */
}

void
shell_history_open(struct shell *shell)
{
	HistEvent event;
	FILE *in;

	shell->history = history_init();
	if (!shell->history)
		return;
	(void)history(shell->history, &event, H_SETSIZE, SHELL_MOST_HISTORY); /* memory only, as below */
	(void)history(shell->history, &event, H_SETUNIQUE, 1);
	shell->history_path = history_path();
	if (!shell->history_path)
		return;
	make_folders(shell->history_path);
	in = fopen(shell->history_path, "re");
	if (!in)
		return;
	if (load(shell, in) > 2 * SHELL_MOST_HISTORY)
		shorten(shell);
	(void)fclose(in); /* was only read */
}

void
shell_history_add(struct shell *shell, const char *line)
{
	size_t n = strcspn(line, "\n");
	HistEvent event;
	int fd;

	if (!shell->history || n == 0 || *line == ' ')
		return; /* a blank in front keeps a line out, as elsewhere */
	(void)history(shell->history, &event, H_ENTER, line); /* one line less is no matter */
	fd = shell->history_path ? open(shell->history_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	(void)dprintf(fd, "%.*s\n", (int)n, line); /* as above */
	(void)fd_close(fd);			     /* always -1 */
}

void
shell_history_close(struct shell *shell)
{
	if (shell->history)
		history_end(shell->history);
	free(shell->history_path);
}
