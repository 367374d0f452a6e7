/* SPDX-License-Identifier: MIT */

/* mixctl-command: the commands that ask the mixer something and print the answer */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mixctl.h"
#include "volume.h"

enum { PINGS = 1000, PINGS_MAX = 10000000, PING_SIZE = 64, NS_PER_S = 1000000000 };

/* Take "{position:u}" out of an answer and drop it. */
static int
mixctl_position(const struct mixctl *ctl, tern_message *reply, uint64_t *ret)
{
	int r = tern_message_unpack(reply, "{position:u}", ret);

	(void)tern_message_unref(reply); /* NULL */
	return r < 0 ? mixctl_say(ctl, MIXCTL_LOST, "%s", tern_last_error()->text) : MIXCTL_OK;
}

static int
mixctl_print_position(const struct mixctl *ctl, tern_message *reply, const char *word)
{
	uint64_t position;
	int r = mixctl_position(ctl, reply, &position);

	if (!r)
		printf("%s %llu\n", word, (unsigned long long)position);
	return r;
}

static int
mixctl_get(struct mixctl *ctl, int argc, char **argv)
{
	struct tern_error error;
	char text[VOLUME_TEXT];
	tern_message *reply;
	uint64_t volume;
	int r;

	r = tern_call_sync(
		ctl->bus, MIXER, "Get", &reply, &error, "{player:s}", argc > 1 ? argv[1] : "all");
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = tern_message_unpack(reply, "{volume:u}", &volume);
	(void)tern_message_unref(reply); /* NULL */
	if (r < 0)
		return mixctl_say(ctl, MIXCTL_LOST, "%s", tern_last_error()->text);
	printf("%s\n", volume_print((uint32_t)volume, text));
	return MIXCTL_OK;
}

static int
mixctl_set(struct mixctl *ctl, int argc, char **argv)
{
	struct tern_error error;
	tern_message *reply;
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
	r = tern_call_sync(ctl->bus, MIXER, "Set", &reply, &error, "{player:s,volume:u,?at:u}",
		argv[1], (uint64_t)volume, at > 0, at);
	return r < 0 ? mixctl_failed(ctl, r, &error) : mixctl_print_position(ctl, reply, "from");
}

static int
mixctl_shift(struct mixctl *ctl, int argc, char **argv)
{
	struct tern_error error;
	tern_message *reply;
	int32_t by;
	uint64_t at;
	int r;

	r = mixctl_take_at(ctl, &argc, argv, &at);
	if (r)
		return r;
	if (argc != 3 || volume_parse_shift(argv[2], &by))
		return mixctl_say(ctl, MIXCTL_USAGE,
			"shift [--at POSITION] PLAYER BY, a number like +0.1 or -10%%");
	r = tern_call_sync(ctl->bus, MIXER, "Shift", &reply, &error, "{player:s,by:i,?at:u}",
		argv[1], (int64_t)by, at > 0, at);
	return r < 0 ? mixctl_failed(ctl, r, &error) : mixctl_print_position(ctl, reply, "from");
}

static int
mixctl_print_player(struct tern_cbor_reader *players)
{
	uint64_t volume, frames, pid;
	struct tern_cbor_strings strings;
	char words[256], text[VOLUME_TEXT];
	const char *player, *state;
	const void *item;
	size_t size;
	int r;

	r = tern_cbor_get_raw(players, &item, &size);
	if (r < 0)
		return r;
	strings = (struct tern_cbor_strings){.buf = words, .size = sizeof(words)};
	r = tern_cbor_unpack(item, size, &strings, "{player:s,state:s,volume:u,frames:u,pid:u}",
		&player, &state, &volume, &frames, &pid);
	if (r < 0)
		return r;
	printf("%-24s %-8s %s %10llu %8llu\n", player, state, volume_print((uint32_t)volume, text),
		(unsigned long long)frames, (unsigned long long)pid);
	return 0;
}

static int
mixctl_print_players(const void *list, size_t size)
{
	struct tern_cbor_reader players;
	int r;

	tern_cbor_reader_init(&players, list, size);
	r = tern_cbor_enter_array(&players, NULL);
	while (!r && tern_cbor_peek(&players) > 0)
		r = mixctl_print_player(&players);
	return r ? r : tern_cbor_leave(&players);
}

static int
mixctl_list(struct mixctl *ctl, int argc, char **argv)
{
	struct tern_error error;
	tern_message *reply;
	const void *list;
	size_t size;
	int r;

	r = tern_call_sync(ctl->bus, MIXER, "List", &reply, &error, NULL);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = tern_message_unpack(reply, "{players:v}", &list, &size);
	if (!r) {
		printf("%-24s %-8s %-7s %10s %8s\n", "PLAYER", "STATE", "VOLUME", "FRAMES", "PID");
		r = mixctl_print_players(list, size);
	}
	(void)tern_message_unref(reply); /* NULL */
	return r < 0 ? mixctl_say(ctl, MIXCTL_LOST, "List: an answer that makes no sense")
		     : MIXCTL_OK;
}

/* A call that may take for ever: the usual time limit of a call does not hold for it. */
static int
mixctl_call_long(struct mixctl *ctl, const char *key, uint64_t value, tern_message **ret)
{
	struct tern_error error;
	tern_message *m;
	tern_call *call;
	int r;

	r = tern_message_new_call(ctl->bus, MIXER, "Wait", &m);
	if (r < 0)
		return mixctl_failed(ctl, r, tern_last_error());
	r = tern_message_pack(m, key, value);
	if (!r)
		r = tern_send(m, TERN_FOREVER, 0, &call);
	(void)tern_message_unref(m); /* NULL */
	if (r < 0)
		return mixctl_failed(ctl, r, tern_last_error());
	r = tern_call_wait(call, TERN_FOREVER, ret, &error);
	(void)tern_call_unref(call); /* NULL */
	return r < 0 ? mixctl_failed(ctl, r, &error) : MIXCTL_OK;
}

static int
mixctl_wait(struct mixctl *ctl, int argc, char **argv)
{
	bool players = argc == 3 && !strcmp(argv[1], "players");
	tern_message *reply;
	uint64_t n;
	int r;

	if ((argc == 3 && !players) || !mixctl_parse_number(argv[argc - 1], &n))
		return mixctl_say(ctl, MIXCTL_USAGE, "wait POSITION, or wait players NUMBER");
	r = mixctl_call_long(ctl, players ? "{players:u}" : "{position:u}", n, &reply);
	return r ? r : mixctl_print_position(ctl, reply, "at");
}

static int
mixctl_pause(struct mixctl *ctl, int argc, char **argv)
{
	struct tern_error error;
	tern_message *reply;
	uint64_t at = 0;
	int r;

	if (argc > 1 && !mixctl_parse_number(argv[1], &at))
		return mixctl_say(ctl, MIXCTL_USAGE, "pause [POSITION]");
	r = tern_call_sync(ctl->bus, MIXER, "Pause", &reply, &error, "{at:u}", at);
	return r < 0 ? mixctl_failed(ctl, r, &error) : mixctl_print_position(ctl, reply, "pause");
}

static int
mixctl_resume(struct mixctl *ctl, int argc, char **argv)
{
	struct tern_error error;
	tern_message *reply;
	int r;

	r = tern_call_sync(ctl->bus, MIXER, "Resume", &reply, &error, NULL);
	return r < 0 ? mixctl_failed(ctl, r, &error) : mixctl_print_position(ctl, reply, "resume");
}

/* One call there and back with PING_SIZE bytes, which must come back as they were. */
static int
mixctl_ping_once(struct mixctl *ctl, uint64_t number)
{
	uint8_t data[PING_SIZE] = {0};
	struct tern_error error;
	tern_message *reply;
	const void *back;
	size_t size;
	bool same;
	int r;

	memcpy(data, &number, sizeof(number));
	r = tern_call_sync(ctl->bus, MIXER, "Ping", &reply, &error, "{data:y}", (const void *)data,
		sizeof(data));
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	r = tern_message_unpack(reply, "{data:y}", &back, &size);
	same = !r && size == sizeof(data) && !memcmp(back, data, size);
	(void)tern_message_unref(reply); /* NULL */
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
