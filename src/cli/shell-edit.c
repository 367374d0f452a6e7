/* SPDX-License-Identifier: MIT */

/* shell-edit: the terminal, the bus and the jobs in one loop, around libedit's editor */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <tern/loop.h>
#include <wchar.h>

#include "base/attribute.h"
#include "cli/colour.h"
#include "cli/plain.h"
#include "cli/shell.h"

#define PROMPT	  "tern> "
#define RETRY_MS  1000 /* how often a bus that is gone is looked for */

static volatile sig_atomic_t interrupted, hung_up, resized;

static void
on_signal(int number)
{
	if (number == SIGINT)
		interrupted = 1;
	else if (number == SIGWINCH)
		resized = 1;
	else
		hung_up = 1;
}

static char *
prompt(EditLine *edit)
{
	static char text[] = PROMPT;

	return text;
}

/* -------- above the line -------- */

/* clear_typed() - take the line off the terminal; it may be on several rows */
static void
clear_typed(struct shell *shell)
{
	const LineInfo *info = el_line(shell->edit);
	const char *term = getenv("TERM");
	struct winsize size = {0};
	size_t column = strlen(PROMPT);

	if (!term || strcmp(term, "dumb") == 0) {
		(void)putchar('\n'); /* main() asks, as below */
		return;
	}
	for (const char *c = info->buffer; c < info->cursor; c++)
		column += ((uint8_t)*c & 0xc0) != 0x80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && column >= size.ws_col)
		(void)printf("\033[%zuA", column / size.ws_col);
	(void)fputs("\r\033[J", stdout);
}

void
shell_print(struct shell *shell, const char *text, size_t n)
{
	if (shell->edit)
		clear_typed(shell);
	(void)fwrite(text, 1, n, stdout); /* main() asks; of our own programs, which are careful */
	(void)putchar('\n');		  /* as above */
	(void)fflush(stdout);		  /* as above */
	if (shell->edit)
		(void)el_set(shell->edit, EL_REFRESH); /* cannot fail */
}

static void
say_bus(struct shell *shell, const char *how)
{
	char text[400];
	int n = snprintf(text, sizeof(text), "%s-- the bus at %s is %s%s", colour_begin(stdout, COLOUR_WARNING),
		tern_address(shell->bus), how, colour_end(stdout, COLOUR_WARNING)); /* may be cut */

	shell_print(shell, text, (size_t)MIN(n, (int)sizeof(text) - 1));
}

/* -------- the bus -------- */

/* look_at_bus() - what comes there is nothing but its end */
static void
look_at_bus(struct shell *shell)
{
	int r = tern_process(shell->bus);

	while (r >= 0) {
		struct tern_event event = {.size = sizeof(event)};

		r = tern_next(shell->bus, 0, &event);
		(void)tern_message_unref(event.message); /* always NULL */
		(void)tern_call_unref(event.call);	 /* always NULL */
		if (r == 0 && event.kind == TERN_LOST && event.peer == TERN_PEER_BUS)
			r = -ECONNRESET;
	}
	if (r == -ETIME)
		return;
	say_bus(shell, "gone");
	shell->bus = tern_close(shell->bus);
}

static void
look_for_bus(struct shell *shell)
{
	if (tern_open(shell->cli->address, &shell->bus) < 0) {
		shell->bus = NULL;
		return;
	}
	say_bus(shell, "back");
}

/* -------- one loop -------- */

/* poll_unless_signalled() - of a signal that came before nobody would wake us. Return: as poll(). */
static int
poll_unless_signalled(struct pollfd *fds, size_t n, int ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t every, before;
	int r = -1;

	(void)sigfillset(&every); /* cannot fail, as the others */
	(void)sigprocmask(SIG_SETMASK, &every, &before);
	if (!interrupted && !hung_up && !resized)
		r = ppoll(fds, n, ms < 0 ? NULL : &time, &before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* wait_for_key() - and do what else there is. Return: true, there is something to be read; false: over. */
static bool
wait_for_key(struct shell *shell)
{
	for (;;) {
		struct pollfd fds[2 + SHELL_MOST_JOBS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
		int r;

		fds[1] = (struct pollfd){.fd = shell->bus ? tern_fd(shell->bus) : -1, .events = POLLIN};
		for (size_t i = 0; i < SHELL_MOST_JOBS; i++)
			fds[2 + i] = (struct pollfd){.fd = shell->jobs[i].pid ? shell->jobs[i].fd : -1, .events = POLLIN};
		r = poll_unless_signalled(fds, ARRAY_SIZE(fds), shell->bus ? -1 : RETRY_MS);
		if (interrupted || hung_up)
			return false;
		if (resized) {
			resized = 0;
			el_resize(shell->edit);
		}
		if (r < 0)
			continue;
		if (r == 0)
			look_for_bus(shell);
		else if (fds[1].revents)
			look_at_bus(shell);
		for (size_t i = 0; i < SHELL_MOST_JOBS; i++)
			if (fds[2 + i].revents)
				shell_read_job(shell, &shell->jobs[i]);
		if (fds[0].revents)
			return true;
	}
}

/* read_key() - what libedit reads keys with. Return: 1; 0 the end; -1 an error, which ends the line. */
static int
read_key(EditLine *edit, wchar_t *ret)
{
	struct shell *shell = NULL;
	mbstate_t state = {0};
	char byte;

	(void)el_get(edit, EL_CLIENTDATA, &shell); /* was set */
	for (;;) {
		if (!wait_for_key(shell))
			return hung_up ? 0 : -1;
		if (read(STDIN_FILENO, &byte, 1) != 1)
			return 0; /* the terminal is gone, too, where it cannot be read */
		switch (mbrtowc(ret, &byte, 1, &state)) {
		case (size_t)-1:
			state = (mbstate_t){0}; /* no UTF-8: as if it had not been typed */
			break;
		case (size_t)-2:
			break;
		default:
			return 1;
		}
	}
}

static void
set_up(struct shell *shell)
{
	el_set(shell->edit, EL_CLIENTDATA, shell);
	el_set(shell->edit, EL_PROMPT, prompt);
	el_set(shell->edit, EL_EDITOR, "emacs");
	el_set(shell->edit, EL_GETCFN, read_key);
	/* wide: of narrow ones it would make copies that it never frees */
	el_wset(shell->edit, EL_ADDFN, L"tern-complete", L"What the word may become", shell_complete);
	el_set(shell->edit, EL_BIND, "\t", "tern-complete", NULL);
	el_set(shell->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	if (shell->history)
		el_set(shell->edit, EL_HIST, history, shell->history);
	(void)el_source(shell->edit, NULL); /* ~/.editrc, where there is one */
}

static void
catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	(void)sigaction(SIGINT, &action, NULL);	  /* cannot fail, as the others */
	(void)sigaction(SIGHUP, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGWINCH, &action, NULL);
	(void)signal(SIGTTOU, SIG_IGN);
}

int
shell_edit(struct shell *shell)
{
	const char *line;
	int n = 0;

	shell->edit = el_init("tern", stdin, stdout, stderr);
	if (!shell->edit)
		return STATUS_OTHER;
	catch_signals();
	set_up(shell);
	while (!shell->is_over && !hung_up) {
		(void)el_set(shell->edit, EL_PREP_TERM, 1); /* before the prompt says that keys may be pressed */
		line = el_gets(shell->edit, &n);
		if (!line && interrupted) {
			interrupted = 0;
			(void)puts("^C"); /* main() asks */
			el_reset(shell->edit);
			continue;
		}
		if (!line || n <= 0)
			break;
		shell_history_add(shell, line);
		shell_run_line(shell, line);
	}
	if (!shell->is_over && !hung_up)
		(void)puts("exit"); /* as above */
	el_end(shell->edit);
	shell->edit = NULL;
	return hung_up ? STATUS_OK : shell->status;
}
