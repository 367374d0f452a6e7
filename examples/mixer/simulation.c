/* SPDX-License-Identifier: MIT */

/*
 * simulation: the mixer without a bus, driven by chance
 *
 *	mixer-simulation SEED DIRECTORY
 *
 * Makes recordings up, lets players come, stall, die and end, changes volumes
 * and pauses, and leaves NAME.wav, events.jsonl and mix.wav in the directory for
 * verify.py: two programs written from mixer.md, compared on courses that a real
 * run would hardly take.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mix.h"
#include "desk.h"
#include "wav.h"

enum {
	N_PLAYERS = 6,
	MAX_FRAMES = 40 * MIX_BLOCK,
	STEPS = 400,
	GRACE = 5, /* a step is a tick of the clock */
};

struct simulated {
	char name[16];
	uint8_t samples[2 * MAX_FRAMES];
	size_t n_frames;
	size_t n_sent;
	uint64_t id; /* 0: has not joined */
	int asleep;  /* steps until it sends again */
};

struct simulation {
	struct desk *desk;
	struct wav_writer *mix;
	FILE *events;
	size_t n_pushed, n_used;
	struct simulated players[N_PLAYERS];
};

static void
die(const char *what)
{
	fprintf(stderr, "simulation: %s\n", what);
	exit(1);
}

static int
on_joined(void *user, struct desk_player *player)
{
	return 0;
}

static void
on_left(void *user, struct desk_player *player)
{
}

static void
on_started(void *user, struct desk_player *p)
{
	struct simulation *s = user;

	fprintf(s->events,
		"{\"event\":\"started\",\"player\":\"%s\",\"position\":%llu,\"offset\":%llu}\n",
		p->name, (unsigned long long)p->start, (unsigned long long)p->offset);
}

static void
on_volume(void *user, struct desk_player *p, uint64_t position, uint32_t value)
{
	struct simulation *s = user;

	fprintf(s->events,
		"{\"event\":\"volume\",\"player\":\"%s\",\"position\":%llu,\"value\":%u}\n",
		p ? p->name : DESK_ALL, (unsigned long long)position, value);
}

static void
on_ended(void *user, struct desk_player *p, uint64_t position)
{
	struct simulation *s = user;

	fprintf(s->events,
		"{\"event\":\"ended\",\"player\":\"%s\",\"position\":%llu,\"frames\":%llu}\n",
		p->name, (unsigned long long)position, (unsigned long long)p->frames);
}

static int
on_block(void *user, const void *samples, uint64_t position)
{
	struct simulation *s = user;

	return wav_writer_write(s->mix, samples, MIX_BLOCK);
}

static void
on_used(void *user, void *token, uint64_t position)
{
	struct simulation *s = user;

	s->n_used++;
}

static const struct desk_ops ops = {
	.joined = on_joined,
	.left = on_left,
	.started = on_started,
	.volume = on_volume,
	.ended = on_ended,
	.block = on_block,
	.used = on_used,
};

static void
record(struct simulated *p, const char *directory, int number)
{
	struct wav_writer *wav;
	char path[512];
	size_t i;

	(void)snprintf(p->name, sizeof(p->name), "p%d", number);
	p->n_frames = 1 + (size_t)random() % MAX_FRAMES;
	for (i = 0; i < 2 * p->n_frames; i++)
		p->samples[i] = (uint8_t)random();
	(void)snprintf(path, sizeof(path), "%s/%s.wav", directory, p->name);
	if (wav_writer_new(path, &wav))
		die("cannot write a recording");
	for (i = 0; i < p->n_frames; i++) {
		if (wav_writer_write(wav, p->samples + 2 * i, 1))
			die("cannot write a recording");
	}
	if (wav_writer_flush(wav))
		die("cannot write a recording");
	(void)wav_writer_free(wav); /* NULL */
}

static void
play(struct simulation *s, struct simulated *p)
{
	struct desk_player *joined;
	int n = (int)(random() % (DESK_QUEUE + 2));

	if (p->n_sent == p->n_frames)
		return;
	if (!p->id) {
		if (desk_join(s->desk, p->name, 0, &joined))
			die("cannot join");
		p->id = joined->id;
	}
	while (n-- && p->n_sent < p->n_frames) {
		size_t left = p->n_frames - p->n_sent;
		struct desk_block block = {
			.samples = p->samples + 2 * p->n_sent,
			.n_frames = left < MIX_BLOCK ? left : MIX_BLOCK,
		};
		int r = desk_push(s->desk, p->id, 0, &block, left <= MIX_BLOCK);

		if (r == DESK_E_FULL)
			return;
		if (r)
			die("a block was refused");
		s->n_pushed++;
		p->n_sent += block.n_frames;
	}
}

static void
change(struct simulation *s)
{
	struct desk_change c = {.name = s->players[random() % N_PLAYERS].name};
	uint64_t position;

	if (random() % 4 == 0)
		c.name = DESK_ALL;
	c.shift = random() % 2;
	c.value = c.shift ? random() % 65536 - 32768 : random() % 65537;
	if (random() % 2)
		c.at = desk_position(s->desk) + (uint64_t)(random() % (10 * MIX_BLOCK));
	(void)desk_change(s->desk, &c, &position); /* nobody of that name: fine */
}

static void
step(struct simulation *s, uint64_t now)
{
	struct simulated *p = &s->players[random() % N_PLAYERS];
	long dice = random() % 16;
	uint64_t deadline;

	if (dice < 10 && p->asleep > 0)
		p->asleep--;
	else if (dice < 10)
		play(s, p);
	else if (dice == 10)
		p->asleep = (int)(random() % 16);
	else if (dice == 11)
		(void)desk_pause(s->desk, desk_position(s->desk) + (uint64_t)(random() % 4000));
	else if (dice == 12)
		desk_resume(s->desk);
	else
		change(s);
	if (desk_run(s->desk, now, &deadline))
		die("cannot write the mix");
}

static void
run(struct simulation *s)
{
	uint64_t deadline;
	int i;

	for (i = 0; i < STEPS; i++)
		step(s, (uint64_t)i);
	if (random() % 2)
		desk_leave(s->desk, 0); /* all of them die; what they sent is still mixed */
	if (desk_run(s->desk, STEPS, &deadline))
		die("cannot write the mix");
	desk_stop(s->desk);
	if (s->n_used != s->n_pushed)
		die("not every block was given back once");
}

int
main(int argc, char **argv)
{
	static struct simulation s;
	char path[512];
	int i;

	if (argc != 3)
		die("SEED DIRECTORY");
	srandom((unsigned)atoi(argv[1]));
	for (i = 0; i < N_PLAYERS; i++)
		record(&s.players[i], argv[2], i);
	(void)snprintf(path, sizeof(path), "%s/mix.wav", argv[2]);
	if (wav_writer_new(path, &s.mix))
		die("cannot write the mix");
	(void)snprintf(path, sizeof(path), "%s/events.jsonl", argv[2]);
	s.events = fopen(path, "we");
	if (!s.events || desk_new(&ops, &s, GRACE, &s.desk))
		die("cannot begin");
	run(&s);
	(void)desk_free(s.desk); /* NULL */
	if (wav_writer_flush(s.mix) || fclose(s.events))
		die("cannot write");
	(void)wav_writer_free(s.mix); /* NULL */
	return 0;
}
