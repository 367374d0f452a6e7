/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * mixctl: what its commands have in common
 *
 * A command is a function that takes its words and returns an exit status. The
 * same ones serve the command line and the lines of standard input.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "mixer-tern.h"

/* Exit statuses, and what a command returns. */
enum {
	MIXCTL_OK = 0,
	MIXCTL_REFUSED = 1, /* the mixer answered with an error */
	MIXCTL_USAGE = 2,
	MIXCTL_NOBODY = 3, /* no bus, or no mixer on it */
	MIXCTL_LOST = 4,   /* the mixer went away, time ran out, or events were lost */
};

struct mixctl {
	tern_bus *bus;
	unsigned line; /* of standard input; 0: the command line */
};

/* What may stand after a command's name; argv[0] is the name. */
typedef int mixctl_fn(struct mixctl *ctl, int argc, char **argv);

struct mixctl_command {
	const char *name;
	const char *words; /* for --help */
	const char *help;
	mixctl_fn *fn;
	int n_min, n_max; /* words after the options */
	bool at;	  /* takes --at POSITION */
};

/** The commands; one without a name is the last. */
extern const struct mixctl_command mixctl_commands[];

/** mixctl_say() - tell what is wrong, with the line it is in; returns status */
__attribute__((__format__(__printf__, 3, 4))) int mixctl_say(
	const struct mixctl *ctl, int status, const char *format, ...);

/** mixctl_failed() - tell why a call failed.  Return: the exit status for it. */
int mixctl_failed(const struct mixctl *ctl, int r, const struct tern_error *error);

/** mixctl_parse_number() - digits only.  Return: whether it is a number. */
bool mixctl_parse_number(const char *text, uint64_t *ret);

/**
 * mixctl_take_at() - take "--at POSITION" out of a command's words
 * @ret_at: 0 where it is missing
 *
 * Return: MIXCTL_OK or MIXCTL_USAGE, told.
 */
int mixctl_take_at(const struct mixctl *ctl, int *argc, char **argv, uint64_t *ret_at);

/** mixctl_watch() - the command `watch`: print events as they come */
int mixctl_watch(struct mixctl *ctl, int argc, char **argv);
