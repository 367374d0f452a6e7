/* SPDX-License-Identifier: MIT */

/* mixctl: the command line, and commands from standard input */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mixctl.h"

enum { WORDS = 16, LINE = 1024 };

static void
mixctl_help(void)
{
	const struct mixctl_command *c;

	puts("mixctl COMMAND [ARGUMENT...]     one command\n"
	     "mixctl -                         commands from standard input, one a line\n"
	     "\n"
	     "Tells the mixer (mixd) how loud its players (mixplay) are.\n");
	for (c = mixctl_commands; c->name; c++)
		printf("  %-6s %-29s %s\n", c->name, c->words, c->help);
	puts("\n"
	     "PLAYER is a name out of `list`, or `all`: the volume for all, on top of each one's "
	     "own.\n"
	     "VOLUME is 0 to 2 (1 is as recorded) or 0% to 200%; BY is +0.1, -10%.\n"
	     "POSITION counts frames of the mix, 48000 a second.\n"
	     "From standard input, # begins a comment; what fails is told and the next line is "
	     "done.\n"
	     "\n"
	     "Exit status: 0 done; 1 the mixer refused; 2 wrong usage; 3 no bus, or no mixer on "
	     "it;\n"
	     "4 the mixer went away, time ran out, or events were lost. With -, of the first line\n"
	     "that failed.");
}

int
mixctl_say(const struct mixctl *ctl, int status, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "mixctl: ");
	if (ctl->line)
		fprintf(stderr, "line %u: ", ctl->line);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	return status;
}

int
mixctl_failed(const struct mixctl *ctl, int r, const struct tern_error *error)
{
	switch (r) {
	case -EREMOTEIO:
		return mixctl_say(ctl, MIXCTL_REFUSED, "%s", error->text);
	case -ENXIO:
		return mixctl_say(ctl, MIXCTL_NOBODY, "no mixer runs on this bus: start mixd");
	case -EHOSTDOWN:
		return mixctl_say(ctl, MIXCTL_LOST, "the mixer went away");
	default:
		return mixctl_say(ctl, MIXCTL_LOST, "%s", error->text);
	}
}

bool
mixctl_parse_number(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, *text - '0', &n))
			return false;
	}
	*ret = n;
	return true;
}

int
mixctl_take_at(const struct mixctl *ctl, int *argc, char **argv, uint64_t *ret_at)
{
	uint64_t at = 0;
	int i;

	for (i = 1; i < *argc && strcmp(argv[i], "--at") != 0; i++)
		;
	if (i < *argc) {
		if (i + 1 == *argc || !mixctl_parse_number(argv[i + 1], &at))
			return mixctl_say(ctl, MIXCTL_USAGE, "--at takes a position, in frames");
		memmove(argv + i, argv + i + 2, (size_t)(*argc - i - 2) * sizeof(*argv));
		*argc -= 2;
	}
	*ret_at = at;
	return MIXCTL_OK;
}

static const struct mixctl_command *
mixctl_find(const char *name)
{
	const struct mixctl_command *c;

	for (c = mixctl_commands; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

/* Is there such a command, with so many words?  Return: MIXCTL_OK or MIXCTL_USAGE, told. */
static int
mixctl_check(const struct mixctl *ctl, int argc, char **argv)
{
	const struct mixctl_command *c = mixctl_find(argv[0]);

	if (!c)
		return mixctl_say(
			ctl, MIXCTL_USAGE, "no command '%s'; `mixctl --help` lists them", argv[0]);
	/* --at and its position are not among the words that are counted */
	if (argc - 1 < c->n_min || argc - 1 > c->n_max + (c->at ? 2 : 0))
		return mixctl_say(ctl, MIXCTL_USAGE, "usage: %s %s", c->name, c->words);
	return MIXCTL_OK;
}

static int
mixctl_do(struct mixctl *ctl, int argc, char **argv)
{
	int r = mixctl_check(ctl, argc, argv);

	return r ? r : mixctl_find(argv[0])->fn(ctl, argc, argv);
}

static int
mixctl_do_line(struct mixctl *ctl, char *line)
{
	char *words[WORDS], *rest = NULL, *word;
	int n = 0;

	line[strcspn(line, "#\n")] = 0;
	for (word = strtok_r(line, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
		if (n == WORDS)
			return mixctl_say(ctl, MIXCTL_USAGE, "too many words");
		words[n++] = word;
	}
	return n ? mixctl_do(ctl, n, words) : MIXCTL_OK;
}

static int
mixctl_do_lines(struct mixctl *ctl)
{
	int first = MIXCTL_OK;
	char line[LINE];

	while (fgets(line, sizeof(line), stdin)) {
		int status;

		ctl->line++;
		if (!strchr(line, '\n') && !feof(stdin)) {
			int c;

			while ((c = getchar()) != '\n' && c != EOF)
				; /* the rest of it */
			status = mixctl_say(ctl, MIXCTL_USAGE, "longer than %d bytes", LINE - 2);
		} else {
			status = mixctl_do_line(ctl, line);
		}
		(void)fflush(stdout); /* whoever drives us reads the answer before the next line */
		if (!first)
			first = status;
	}
	return first;
}

int
main(int argc, char **argv)
{
	struct mixctl ctl = {0};
	int r, status;
	bool lines;

	if (argc < 2)
		return mixctl_say(&ctl, MIXCTL_USAGE, "what? `mixctl --help` lists the commands");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		mixctl_help();
		return MIXCTL_OK;
	}
	lines = !strcmp(argv[1], "-");
	status = lines ? MIXCTL_OK : mixctl_check(&ctl, argc - 1, argv + 1);
	if (status)
		return status; /* without a bus, too */
	r = tern_open(NULL, &ctl.bus);
	if (r < 0)
		return mixctl_say(&ctl, MIXCTL_NOBODY, "%s", tern_last_error()->text);
	status = lines ? mixctl_do_lines(&ctl) : mixctl_do(&ctl, argc - 1, argv + 1);
	(void)tern_close(ctl.bus); /* NULL */
	return status;
}
