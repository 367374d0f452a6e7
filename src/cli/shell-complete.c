/* SPDX-License-Identifier: MIT */

/* shell-complete: what Tab does, asked of `tern __complete` as all shells do */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/plain.h"
#include "cli/shell.h"

#define MOST_TEXT 65536	 /* of all that a word may become */
#define MOST_NS	  UINT64_C(1500000000)
#define MOST_SHOWN 40

/* read_all() - what a process prints, as long as it takes no longer than a moment. Return: bytes. */
static size_t
read_all(int fd, char *text, size_t room)
{
	uint64_t end = clock_now_ns() + MOST_NS, now;
	size_t size = 0;
	ssize_t n = 1;

	while (n > 0 && size < room && (now = clock_now_ns()) < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, (int)((end - now) / NSEC_PER_MSEC) + 1) <= 0)
			continue; /* over, or a signal */
		n = read(fd, text + size, room - size);
		size += n > 0 ? (size_t)n : 0;
	}
	return size;
}

/* ask() - what the last of these words may become. Return: lines, the caller's to free(); NULL. */
static char *
ask(struct shell *shell, const struct line *line)
{
	_cleanup_(freep) char **words = calloc(line->n + 3, sizeof(*words));
	_cleanup_(freep) char *text = malloc(MOST_TEXT + 1);
	static char command[] = "__complete", empty[] = "";
	size_t k = 0, size;
	int ends[2];
	pid_t pid;

	if (!words || !text || pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	words[k++] = command;
	for (size_t i = 0; i < line->n; i++)
		words[k++] = line->words[i];
	if (!line->is_open_word)
		words[k++] = empty;
	pid = shell_spawn(shell, words, ends[1]);
	(void)fd_close(ends[1]); /* always -1, as below */
	size = pid < 0 ? 0 : read_all(ends[0], text, MOST_TEXT);
	(void)fd_close(ends[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);      /* done, or too slow */
		(void)waitpid(pid, NULL, 0);
	}
	text[size] = '\0';
	return steal(text);
}

/* own_words() - the shell's own commands that begin so, as lines in front of the others */
static char *
own_words(const struct line *line, char *others)
{
	const char *word = line->n ? line->words[0] : "";
	_cleanup_(freep) char *rest = others;
	char *text = NULL;
	size_t size;
	FILE *out;

	if (line->n > 1 || (line->n == 1 && !line->is_open_word))
		return steal(rest);
	out = open_memstream(&text, &size);
	if (!out)
		return steal(rest);
	for (size_t i = 0; SHELL_COMMANDS[i][0]; i++)
		if (strncmp(SHELL_COMMANDS[i][0], word, strlen(word)) == 0)
			(void)fprintf(out, "%s\t%s\n", SHELL_COMMANDS[i][0], SHELL_COMMANDS[i][1]); /* fclose() tells */
	(void)fputs(rest ? rest : "", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return steal(rest);
}

/* common() - how many bytes at their begins all lines share; *ret_n: how many lines there are */
static size_t
common(const char *text, size_t *ret_n)
{
	size_t n = strcspn(text, "\t\n");

	*ret_n = 0;
	for (const char *line = text; *line; line = line + strcspn(line, "\n") + 1) {
		size_t same = 0;

		while (same < n && line[same] == text[same])
			same++;
		n = same;
		++*ret_n;
	}
	return n;
}

static void
show(struct shell *shell, const char *text)
{
	size_t n_shown = 0;

	for (const char *line = text; *line; line = line + strcspn(line, "\n") + 1) {
		char shown[256];
		size_t n = strcspn(line, "\t\n");
		int size;

		if (n_shown++ == MOST_SHOWN) {
			shell_print(shell, "  …", strlen("  …"));
			return;
		}
		size = snprintf(shown, sizeof(shown), "  %-24.*s  %.*s", (int)n, line,
			line[n] == '\t' ? (int)strcspn(line + n + 1, "\n") : 0, line + n + 1); /* may be cut */
		shell_print(shell, shown, (size_t)MIN(size, (int)sizeof(shown) - 1));
	}
}

/* insert() - what is sure of the word. Return: was there anything? */
static bool
insert(EditLine *edit, const char *text, size_t n_common, size_t n_typed, bool is_only)
{
	char more[512];
	size_t n = n_common - n_typed;
	bool ends = is_only && text[n_common - 1] != '=';

	if (n + 2 > sizeof(more) || (n == 0 && !ends))
		return false;
	memcpy(more, text + n_typed, n);
	(void)strcpy(more + n, ends ? " " : ""); /* fits */
	return el_insertstr(edit, more) == 0;
}

unsigned char
shell_complete(EditLine *edit, int letter)
{
	const LineInfo *info = el_line(edit);
	_cleanup_(freep) char *typed = strndup(info->buffer, (size_t)(info->cursor - info->buffer)), *text = NULL;
	_cleanup_(line_deinit) struct line line = {0};
	struct shell *shell = NULL;
	size_t n, n_common, n_typed;

	(void)el_get(edit, EL_CLIENTDATA, &shell); /* was set */
	if (!typed || line_read(typed, &line) < 0)
		return CC_ERROR;
	text = own_words(&line, ask(shell, &line));
	if (!text)
		return CC_ERROR;
	if (text[0] == ':')
		return _el_fn_complete(edit, letter);
	n_typed = line.is_open_word ? strlen(line.words[line.n - 1]) : 0;
	n_common = common(text, &n);
	if (n == 0 || n_common < n_typed)
		return CC_REFRESH_BEEP;
	if (insert(edit, text, n_common, n_typed, n == 1))
		return CC_REFRESH;
	show(shell, text);
	return CC_REDISPLAY;
}
