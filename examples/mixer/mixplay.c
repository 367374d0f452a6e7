/* SPDX-License-Identifier: MIT */

/*
 * mixplay: plays recordings, one after the other, through the mixer
 *
 * A block of 480 frames is lent memory that the mixer reads where it lies: the
 * file is read right into it, and nobody copies it again. A call of Play is
 * answered when its block was mixed, so the calls under way are the window: at
 * most that many blocks are ahead of the mixer, and who has no more room waits
 * for the oldest answer. The mixer's pace is everybody's pace.
 */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "mixer-tern.h"
#include "wav.h"

enum { WINDOW = 8, WINDOW_MAX = 16, NAME = 64 };

static const char usage[] =
	"mixplay [--name PROGRAM] [--window N] FILE.wav...\n"
	"\n"
	"Plays recordings (mono, 16 bits, 48000 Hz, PCM), one after the other.\n"
	"\n"
	"  --name PROGRAM   what mixctl calls it; by default the first file's name\n"
	"  --window N       blocks of 10 ms sent ahead, 1 to 16 (8)\n"
	"\n"
	"Exit status: 0 played to the end; 1 a file cannot be played, or the mixer refused it;\n"
	"2 wrong usage; 3 no bus, or no mixer on it; 4 the mixer went away.\n";

struct mixplay {
	tern_bus *bus;
	const char *name; /* as wanted */
	unsigned long window;
	struct wav_reader *files;
	char **paths;
	int n_files;
	int at;		   /* the file that is read */
	uint64_t n_left;   /* frames of all files that are not sent */
	uint64_t n_played; /* frames that were mixed */
	uint64_t id;
	tern_call *calls[WINDOW_MAX]; /* under way, the oldest first from head */
	unsigned head, n_calls;
};

static int
mixplay_fail(const char *what, const char *why, int status)
{
	fprintf(stderr, "mixplay: %s%s%s\n", what, *what ? ": " : "", why);
	return status;
}

/* A call that failed, as an exit status. */
static int
mixplay_refused(int r, const char *text)
{
	if (r == -ENXIO)
		return mixplay_fail("no mixer runs on this bus", "start mixd", 3);
	if (r == -EHOSTDOWN)
		return mixplay_fail("", "the mixer went away", 4);
	return mixplay_fail("", text, r == -EREMOTEIO ? 1 : 4);
}

static int
mixplay_open_files(struct mixplay *p)
{
	char why[WAV_WHY];
	int i, r;

	p->files = calloc((size_t)p->n_files, sizeof(*p->files));
	if (!p->files)
		return mixplay_fail("", strerror(ENOMEM), 1);
	for (i = 0; i < p->n_files; i++)
		p->files[i] = (struct wav_reader)WAV_READER_INIT;
	for (i = 0; i < p->n_files; i++) {
		r = wav_reader_open(p->paths[i], &p->files[i], why);
		if (r)
			return mixplay_fail(p->paths[i], r > 0 ? why : strerror(-r), 1);
		p->n_left += p->files[i].n_frames;
	}
	return p->n_left ? 0 : mixplay_fail(p->paths[0], "has no frames", 1);
}

static void
mixplay_close_files(struct mixplay *p)
{
	int i;

	for (i = 0; p->files && i < p->n_files; i++)
		wav_reader_close(&p->files[i]);
	free(p->files);
}

/* The name to ask for: the first file's, without folder and ".wav", in letters the mixer takes. */
static void
mixplay_default_name(const char *path, char ret[NAME + 1])
{
	const char *slash = strrchr(path, '/');
	char *p;

	(void)snprintf(ret, NAME + 1, "%s", slash ? slash + 1 : path);
	p = strrchr(ret, '.');
	if (p && p != ret)
		*p = 0;
	for (p = ret; *p; p++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-",
			    *p))
			*p = '-';
	}
}

static int
mixplay_join(struct mixplay *p, char ret_name[NAME + 1])
{
	struct mixer_join_args args = {.name = p->name};
	struct mixer_join_reply reply;
	struct tern_error error;
	char name[NAME + 1];
	int r;

	mixplay_default_name(p->paths[0], name);
	if (!args.name)
		args.name = name;
	r = mixer_join(p->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixplay_refused(r, error.text);
	p->id = reply.id;
	(void)snprintf(ret_name, NAME + 1, "%s", reply.player);
	mixer_join_reply_clear(&reply);
	return 0;
}

/* Fill a block from the files; it may begin in one and end in another. */
static int
mixplay_read(struct mixplay *p, char *samples, size_t n_frames)
{
	while (n_frames) {
		ssize_t n = wav_reader_read(&p->files[p->at], samples, n_frames);

		if (n < 0)
			return mixplay_fail(p->paths[p->at], strerror((int)-n), 1);
		if (!n)
			p->at++;
		samples += 2 * n;
		n_frames -= (size_t)n;
	}
	return 0;
}

/* Wait for the oldest call under way. */
static int
mixplay_wait(struct mixplay *p)
{
	tern_call *call = p->calls[p->head];
	struct tern_error error;
	int r;

	r = mixer_play_finish(call, TERN_FOREVER, NULL, &error);
	p->head = (p->head + 1) % WINDOW_MAX;
	p->n_calls--;
	(void)tern_call_unref(call); /* NULL */
	return r < 0 ? mixplay_refused(r, error.text) : 0;
}

/*
 * The next call of Play, with memory for its block in the mixer's reach; what is out already may have to
 * come back first.
 */
static int
mixplay_new(struct mixplay *p, const struct mixer_play_args *args, tern_message **ret)
{
	int r;

	for (;;) {
		r = mixer_play_new(p->bus, MIXER_INTERFACE, args, ret);
		if (r != -EAGAIN || !p->n_calls)
			return r < 0 ? mixplay_refused(r, tern_last_error()->text) : 0;
		r = mixplay_wait(p);
		if (r)
			return r;
	}
}

static int
mixplay_send(struct mixplay *p)
{
	size_t n = p->n_left < MIX_BLOCK ? (size_t)p->n_left : MIX_BLOCK;
	void *samples;
	struct mixer_play_args args = {
		.id = p->id, .last = n == p->n_left, .block = {.size = 2 * n, .lend = &samples}};
	tern_message *m;
	tern_call *call;
	int r, status;

	status = mixplay_new(p, &args, &m);
	if (status)
		return status;
	p->n_left -= n;
	p->n_played += n;
	status = mixplay_read(p, samples, n);
	if (!status) {
		r = tern_send(m, TERN_FOREVER, 0, &call);
		if (r < 0)
			status = mixplay_refused(r, tern_last_error()->text);
	}
	(void)tern_message_unref(m); /* NULL */
	if (status)
		return status;
	p->calls[(p->head + p->n_calls) % WINDOW_MAX] = call;
	p->n_calls++;
	return 0;
}

static int
mixplay_play(struct mixplay *p)
{
	char name[NAME + 1];
	int r;

	r = mixplay_join(p, name);
	while (!r && (p->n_left || p->n_calls)) {
		if (p->n_left && p->n_calls < p->window)
			r = mixplay_send(p);
		else
			r = mixplay_wait(p);
	}
	while (p->n_calls)
		(void)tern_call_unref(p->calls[(p->head + --p->n_calls) % WINDOW_MAX]); /* NULL */
	if (!r)
		printf("%s: played %llu frames\n", name, (unsigned long long)p->n_played);
	return r;
}

static int
mixplay_parse(struct mixplay *p, int argc, char **argv)
{
	static const struct option options[] = {
		{"name", required_argument, NULL, 'n'},
		{"window", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "n:w:h", options, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(usage, stdout);
			exit(0);
		}
		if (c == '?')
			return 2;
		if (c == 'n')
			p->name = optarg;
		if (c == 'w') {
			p->window = strtoul(optarg, &end, 10);
			if (*end || end == optarg || p->window < 1 || p->window > WINDOW_MAX)
				return mixplay_fail(optarg, "not a window, 1 to 16", 2);
		}
	}
	p->paths = argv + optind;
	p->n_files = argc - optind;
	return p->n_files ? 0 : mixplay_fail("", "no FILE.wav; see --help", 2);
}

int
main(int argc, char **argv)
{
	struct mixplay p = {.window = WINDOW};
	int status;

	status = mixplay_parse(&p, argc, argv);
	if (!status)
		status = mixplay_open_files(&p);
	if (!status) {
		if (tern_open(NULL, &p.bus) < 0)
			status = mixplay_fail("", tern_last_error()->text, 3);
		else
			status = mixplay_play(&p);
		(void)tern_close(p.bus); /* NULL */
	}
	mixplay_close_files(&p);
	return status;
}
