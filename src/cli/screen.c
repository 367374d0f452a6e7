/* SPDX-License-Identifier: MIT */

/* screen: a terminal as a page that is written anew, and given back as it was */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/attribute.h"
#include "cli/screen.h"

/* the other screen, no cursor; and back */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define CLEAR "\033[H\033[2J"

static struct screen {
	bool is_open;
	struct termios before;
	tern_bus *bus;
	tern_watch *keys;
	volatile sig_atomic_t over, pressed;
} screen;

static void
on_end(int signal)
{
	screen.over = 1;
	(void)tern_wake(screen.bus); /* async-signal-safe */
}

static void
on_size(int signal)
{
	screen.pressed = 1;
	(void)tern_wake(screen.bus); /* as above */
}

static void
catch(int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	(void)sigaction(signal, &action, NULL); /* these can be caught */
}

static void
on_key(tern_watch *watch, uint32_t ready, void *user)
{
	char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		screen.over = 1; /* the terminal is gone */
	else if (n == 1 && (key == 'q' || key == 'Q' || key == 4 /* end of input */))
		screen.over = 1;
	else
		screen.pressed = 1;
	(void)tern_wake(screen.bus); /* cannot fail: not in a child */
}

int
screen_open(tern_bus *bus)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct termios raw;
	int r;

	if (tcgetattr(STDIN_FILENO, &screen.before) < 0)
		return -errno;
	screen.bus = bus;
	r = tern_watch_fd(bus, STDIN_FILENO, POLLIN, on_key, NULL, &screen.keys);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		catch(ends[i], on_end);
	catch(SIGWINCH, on_size);
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail; a terminal that went is seen when it is written to */
	raw = screen.before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* nobody would give the terminal back before, and take it again */
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw); /* if not, q needs a return behind it */
	(void)setvbuf(stdout, NULL, _IOFBF, 1 << 16); /* a page is shown at once; if not, it flickers */
	(void)fputs(ENTER, stdout); /* screen_end() asks */
	screen.is_open = true;
	return 0;
}

void
screen_close(void)
{
	if (!screen.is_open)
		return;
	screen.is_open = false;
	screen.keys = tern_watch_free(screen.keys);
	(void)fputs(LEAVE, stdout); /* main() asks */
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &screen.before); /* gone: nothing to give back */
}

void
screen_begin(void)
{
	(void)fputs(CLEAR, stdout); /* screen_end() asks */
}

bool
screen_end(void)
{
	return fflush(stdout) == 0 && !ferror(stdout);
}

void
screen_size(unsigned int *ret_lines, unsigned int *ret_columns)
{
	struct winsize size = {0};

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size); /* unknown: as terminals once were */
	*ret_lines = size.ws_row ? size.ws_row : 24;
	*ret_columns = size.ws_col ? size.ws_col : 80;
}

bool
screen_is_over(void)
{
	return screen.over;
}

bool
screen_is_pressed(void)
{
	bool pressed = screen.pressed;

	screen.pressed = 0;
	return pressed;
}
