/* SPDX-License-Identifier: MIT */

/* mixctl-command: the commands that ask the mixer something and print the answer */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mixctl.h"
#include "volume.h"

enum { PINGS = 1000, PINGS_MAX = 10000000, PING_SIZE = 64, NS_PER_S = 1000000000 };

static int
mixctl_print_position(const char *word, uint64_t position)
{
	printf("%s %llu\n", word, (unsigned long long)position);
	return MIXCTL_OK;
}

static int
mixctl_get(struct mixctl *ctl, int argc, char **argv)
{
	struct mixer_get_args args = {.player = argc > 1 ? argv[1] : "all"};
	struct mixer_get_reply reply;
	struct tern_error error;
	char text[VOLUME_TEXT];
	int r;

	r = mixer_get(ctl->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	printf("%s\n", volume_print((uint32_t)reply.volume, text));
	mixer_get_reply_clear(&reply);
	return MIXCTL_OK;
}

static int
mixctl_set(struct mixctl *ctl, int argc, char **argv)
{
	struct mixer_set_args args = {0};
	struct mixer_set_reply reply;
	struct tern_error error;
	uint32_t volume;
	uint64_t at;
	int r;

	r = mixctl_take_at(ctl, &argc, argv, &at);
	if (r)
		return r;
	if (argc != 3 || volume_parse(argv[2], &volume))
		return mixctl_say(ctl, MIXCTL_USAGE,
			"set [--at POSITION] PLAYER VOLUME, a number between 0 and 2 or 0%% and "
			"200%%");
	args.player = argv[1];
	args.volume = volume;
	args.at = at ? &at : NULL;
	r = mixer_set(ctl->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = mixctl_print_position("from", reply.position);
	mixer_set_reply_clear(&reply);
	return r;
}

static int
mixctl_shift(struct mixctl *ctl, int argc, char **argv)
{
	struct mixer_shift_args args = {0};
	struct mixer_shift_reply reply;
	struct tern_error error;
	int32_t by;
	uint64_t at;
	int r;

	r = mixctl_take_at(ctl, &argc, argv, &at);
	if (r)
		return r;
	if (argc != 3 || volume_parse_shift(argv[2], &by))
		return mixctl_say(ctl, MIXCTL_USAGE,
			"shift [--at POSITION] PLAYER BY, a number like +0.1 or -10%%");
	args.player = argv[1];
	args.by = by;
	args.at = at ? &at : NULL;
	r = mixer_shift(ctl->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = mixctl_print_position("from", reply.position);
	mixer_shift_reply_clear(&reply);
	return r;
}

static void
mixctl_print_player(const struct mixer_player *p)
{
	const char *state = mixer_player_state_to_string(p->state);
	char text[VOLUME_TEXT];

	printf("%-24s %-8s %s %10llu %8llu\n", p->player, state ? state : "?",
		volume_print((uint32_t)p->volume, text), (unsigned long long)p->frames,
		(unsigned long long)p->pid);
}

static int
mixctl_list(struct mixctl *ctl, int argc, char **argv)
{
	struct mixer_list_reply reply;
	struct tern_error error;
	size_t i;
	int r;

	r = mixer_list(ctl->bus, MIXER_INTERFACE, NULL, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	printf("%-24s %-8s %-7s %10s %8s\n", "PLAYER", "STATE", "VOLUME", "FRAMES", "PID");
	for (i = 0; i < reply.players.n; i++)
		mixctl_print_player(&reply.players.items[i]);
	mixer_list_reply_clear(&reply);
	return MIXCTL_OK;
}

static int
mixctl_wait(struct mixctl *ctl, int argc, char **argv)
{
	bool players = argc == 3 && !strcmp(argv[1], "players");
	struct mixer_wait_args args = {0};
	struct mixer_wait_reply reply;
	struct tern_error error;
	tern_call *call;
	uint64_t n;
	int r;

	if ((argc == 3 && !players) || !mixctl_parse_number(argv[argc - 1], &n))
		return mixctl_say(ctl, MIXCTL_USAGE, "wait POSITION, or wait players NUMBER");
	*(players ? &args.players : &args.position) = &n;
	/* it may take for ever: the usual time limit of a call does not hold for it */
	r = mixer_wait_begin(ctl->bus, MIXER_INTERFACE, &args, TERN_FOREVER, &call);
	if (r < 0)
		return mixctl_failed(ctl, r, tern_last_error());
	r = mixer_wait_finish(call, TERN_FOREVER, &reply, &error);
	(void)tern_call_unref(call); /* NULL */
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = mixctl_print_position("at", reply.position);
	mixer_wait_reply_clear(&reply);
	return r;
}

static int
mixctl_pause(struct mixctl *ctl, int argc, char **argv)
{
	struct mixer_pause_args args = {0};
	struct mixer_pause_reply reply;
	struct tern_error error;
	uint64_t at;
	int r;

	if (argc > 1 && !mixctl_parse_number(argv[1], &at))
		return mixctl_say(ctl, MIXCTL_USAGE, "pause [POSITION]");
	args.at = argc > 1 ? &at : NULL;
	r = mixer_pause(ctl->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = mixctl_print_position("pause", reply.position);
	mixer_pause_reply_clear(&reply);
	return r;
}

static int
mixctl_resume(struct mixctl *ctl, int argc, char **argv)
{
	struct mixer_resume_reply reply;
	struct tern_error error;
	int r;

	r = mixer_resume(ctl->bus, MIXER_INTERFACE, NULL, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = mixctl_print_position("resume", reply.position);
	mixer_resume_reply_clear(&reply);
	return r;
}

/* One call there and back with PING_SIZE bytes, which must come back as they were. */
static int
mixctl_ping_once(struct mixctl *ctl, uint64_t number)
{
	uint8_t data[PING_SIZE] = {0};
	struct mixer_ping_args args = {.data = {.data = data, .size = sizeof(data)}};
	struct mixer_ping_reply reply;
	struct tern_error error;
	bool same;
	int r;

	memcpy(data, &number, sizeof(number));
	r = mixer_ping(ctl->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	same = reply.data.size == sizeof(data) && !memcmp(reply.data.data, data, sizeof(data));
	mixer_ping_reply_clear(&reply);
	return same ? MIXCTL_OK
		    : mixctl_say(ctl, MIXCTL_LOST, "Ping: another answer than expected");
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: the clock exists */
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int
mixctl_ping(struct mixctl *ctl, int argc, char **argv)
{
	uint64_t n = PINGS, i, *times;
	int r = MIXCTL_OK;

	if (argc > 1 && (!mixctl_parse_number(argv[1], &n) || n < 1 || n > PINGS_MAX))
		return mixctl_say(ctl, MIXCTL_USAGE, "ping [TIMES], 1 to %d", PINGS_MAX);
	times = malloc(n * sizeof(*times));
	if (!times)
		return mixctl_say(ctl, MIXCTL_LOST, "out of memory");
	for (i = 0; i < n && !r; i++) {
		uint64_t begin = now_ns();

		r = mixctl_ping_once(ctl, i);
		times[i] = now_ns() - begin;
	}
	if (!r) {
		qsort(times, n, sizeof(*times), by_value);
		printf("%llu calls of %d bytes: p50 %.1f us, p99 %.1f us, least %.1f us\n",
			(unsigned long long)n, PING_SIZE, (double)times[n / 2] / 1e3,
			(double)times[n * 99 / 100] / 1e3, (double)times[0] / 1e3);
	}
	free(times);
	return r;
}

const struct mixctl_command mixctl_commands[] = {
	{"get", "[PLAYER]", "print a volume; of `all` by default", mixctl_get, 0, 1, false},
	{"set", "[--at POSITION] PLAYER VOLUME", "set a volume, now or from a position on",
		mixctl_set, 2, 2, true},
	{"shift", "[--at POSITION] PLAYER BY", "change a volume by so much", mixctl_shift, 2, 2,
		true},
	{"list", "", "print the players", mixctl_list, 0, 0, false},
	{"watch", "[-j] [-1] [PLAYER]", "print events (-j: JSON; -1: until the mixer leaves)",
		mixctl_watch, 0, 3, false},
	{"wait", "POSITION | players NUMBER",
		"return when the mix, or that many players, are there", mixctl_wait, 1, 2, false},
	{"pause", "[POSITION]", "mix up to here, or to a position, and stop there", mixctl_pause, 0,
		1, false},
	{"resume", "", "go on", mixctl_resume, 0, 0, false},
	{"ping", "[TIMES]", "print what a call costs", mixctl_ping, 0, 1, false},
	{0},
};
