/* SPDX-License-Identifier: MIT */

/* command-record: keep what is said on the bus in a file */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/pcapng.h"
#include "cli/plain.h"
#include "cli/recording.h"
#include "cli/traffic-live.h"
#include "cli/traffic-wish.h"

enum {
	OPTION_SIZE = OPTION_TRAFFIC_OWN,
	USUAL_SIZE = 262144,
	MOST_SIZE = PCAPNG_BLOCK_MAX / 2,
	PROGRESS_MS = 500,
};

struct recorder {
	const struct cli *cli;
	struct traffic_wish wish;
	struct live live;
	struct traffic_pairs pairs;
	const char *path;
	int fd;
	bool is_watched; /* standard error is a terminal */
	struct pcapng_writer file;
	int error; /* of it; 0 none */
	uint64_t most; /* bytes of a message */
	uint64_t begin, last; /* times of the first and the last */
	uint64_t since;	      /* who owned which name then goes along, and does not count */
	uint64_t n, n_missed, n_cut;
	uint64_t next_progress;
};

static void
recorder_deinit(struct recorder *r)
{
	traffic_pairs_deinit(&r->pairs);
	live_close(&r->live);
	pcapng_writer_deinit(&r->file);
	if (r->fd > STDERR_FILENO)
		r->fd = fd_close(r->fd);
}

/* -------- writing -------- */

static int
cannot_write(const struct recorder *r)
{
	report("%s cannot be written: %s; what came before that is in it", r->path, strerror(-r->error));
	return STATUS_OTHER;
}

/* size_of() - what the record would be if nothing was left out */
static uint64_t
size_of(const struct traffic *t, size_t head)
{
	uint64_t size = head;

	for (uint32_t i = 0; i < t->n_parts; i++)
		size += t->parts[i].size;
	return size;
}

/* join() - the bytes of the parts in one piece. Return: borrowed of the parts, or *ret_owned; NULL: no memory. */
static const void *
join(const struct traffic *t, uint64_t size, uint8_t **ret_owned)
{
	uint64_t at = 0;

	if (size == 0 || t->parts[0].there >= size)
		return size ? t->parts[0].bytes : (const void *)"";
	*ret_owned = malloc(size);
	for (uint32_t i = 0; *ret_owned && i < t->n_parts && at < size; i++) {
		size_t n = (size_t)MIN(t->parts[i].there, size - at);

		if (n)
			memcpy(*ret_owned + at, t->parts[i].bytes, n);
		at += n;
	}
	return *ret_owned;
}

/* keep() - Return: 0, or a negative errno */
static int
keep(struct recorder *r, const struct traffic *t)
{
	_cleanup_(freep) uint8_t *owned = NULL;
	uint8_t head[RECORDING_HEAD_MAX];
	uint64_t rest_size;
	const void *rest;
	size_t head_size;

	head_size = recording_write(t, r->most, head, &rest_size);
	rest = join(t, rest_size, &owned);
	if (!rest)
		return -ENOMEM;
	if (!r->begin)
		r->begin = t->time;
	r->last = t->time;
	r->n += t->kind != TRAFFIC_GAP && (t->from != TERN_PEER_BUS || t->stamp > r->since);
	r->n_missed += t->lost;
	r->n_cut += size_of(t, 0) > rest_size;
	return pcapng_packet(&r->file, t->time, head, head_size, rest, rest_size, size_of(t, head_size));
}

/* -------- until the end -------- */

static void
show_progress(struct recorder *r, bool is_end)
{
	uint64_t now = clock_now_ns();

	if (!r->is_watched || (!is_end && now < r->next_progress))
		return;
	r->next_progress = now + PROGRESS_MS * NSEC_PER_MSEC;
	(void)fprintf(stderr, "\r%" PRIu64 " messages, %.1f MB%s", r->n, (double)r->file.n_bytes / 1e6,
		is_end ? "" : " "); /* nowhere else to complain, as all here */
	if (is_end && r->n_missed)
		(void)fprintf(stderr, "; up to %" PRIu64 " missed", r->n_missed);
	if (is_end && r->n_cut)
		(void)fprintf(stderr, "; %" PRIu64 " cut off", r->n_cut);
	if (is_end)
		(void)fputc('\n', stderr);
	(void)fflush(stderr);
}

/* next() - the next message; before it waits, what came is in the file */
static int
next(struct recorder *r, uint64_t end, struct traffic *t)
{
	uint64_t now, until;
	int result;

	result = live_next(&r->live, 0, t);
	if (result != -ETIME)
		return result;
	r->error = pcapng_flush(&r->file);
	if (r->error < 0)
		return r->error;
	now = clock_now_ns();
	until = r->is_watched ? MIN(end, now + PROGRESS_MS * NSEC_PER_MSEC) : end;
	return live_next(&r->live, until == UINT64_MAX ? TERN_FOREVER : until > now ? until - now : 0, t);
}

static int
ended(const struct recorder *r, int result)
{
	switch (result) {
	case -EINTR:
		return STATUS_OK;
	case -ETIME:
		if (r->wish.count == 0)
			return STATUS_OK;
		report("%" PRIu64 " of %" PRIu64 " messages came in time", r->n, r->wish.count);
		return STATUS_TIMEOUT;
	case -ECONNRESET:
		report("the bus at %s is gone, and nobody is left who could be heard", tern_address(r->live.bus));
		return STATUS_LOST;
	default:
		return connect_failed("no more messages", result, NULL);
	}
}

static int
record(struct recorder *r)
{
	uint64_t end = clock_deadline_ns(clock_now_ns(), r->wish.timeout_ns);

	while (r->wish.count == 0 || r->n < r->wish.count) {
		struct traffic_pair pair;
		struct traffic t;
		int result;

		show_progress(r, false);
		result = next(r, end, &t);
		if (r->error < 0)
			return cannot_write(r);
		if (result == -ETIME && clock_now_ns() < end)
			continue; /* that was for the progress */
		if (result < 0)
			return ended(r, result);
		if (!traffic_match(&r->wish.filter, &r->pairs, &t, &pair))
			continue;
		r->error = keep(r, &t);
		if (r->error < 0)
			return cannot_write(r);
	}
	return STATUS_OK;
}

static int
finish(struct recorder *r, int status)
{
	if (r->error == 0) {
		r->error = pcapng_end(&r->file, r->begin, r->last, r->n, r->n_missed);
		if (r->error < 0)
			status = cannot_write(r);
	}
	show_progress(r, true);
	return status;
}

static int
open_file(struct recorder *r)
{
	if (strcmp(r->path, "-") != 0) {
		r->fd = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* it may have secrets in it */
		if (r->fd >= 0)
			return STATUS_OK;
		report("%s cannot be written: %m", r->path);
		return STATUS_OTHER;
	}
	r->fd = STDOUT_FILENO;
	r->path = "standard output";
	if (isatty(r->fd))
		return command_usage(r->cli, "standard output is a terminal: name a file, or send it to a program");
	return STATUS_OK;
}

static int
start(struct recorder *r)
{
	int status;

	status = live_open(&r->live, r->cli, &r->wish.filter);
	if (status)
		return status;
	r->since = r->live.since;
	r->live.since = 0;
	status = open_file(r);
	if (status)
		return status;
	live_until_interrupted(&r->live);
	r->error = pcapng_begin(&r->file, r->fd, tern_address(r->live.bus), "tern " TERN_VERSION);
	if (r->error < 0)
		return cannot_write(r);
	traffic_wish_ready(&r->wish);
	return finish(r, record(r));
}

static int
read_size(struct recorder *r)
{
	int status = command_number(r->cli, 0, &r->most);

	if (status == STATUS_OK && r->most > MOST_SIZE)
		return command_usage(r->cli, "at most %d bytes of a message can be kept", MOST_SIZE);
	return status;
}

static int
read_word(struct recorder *r, struct cli *cli, int id)
{
	if (id == OPTION_SIZE)
		return read_size(r);
	if (id == OPTION_OPERAND && !r->path) {
		r->path = cli->words.value;
		return STATUS_OK;
	}
	return traffic_wish_read(cli, id, &r->wish);
}

static int
run_record(struct cli *cli)
{
	_cleanup_(recorder_deinit) struct recorder r = {
		.cli = cli,
		.wish = TRAFFIC_WISH_INIT,
		.fd = -1,
		.file = {.fd = -1},
		.most = USUAL_SIZE,
		.is_watched = isatty(STDERR_FILENO),
	};
	int id, status;

	while ((id = command_next(cli)) != OPTION_END) {
		status = id == OPTION_BAD ? cli->status : read_word(&r, cli, id);
		if (id == OPTION_BAD || status)
			return status;
	}
	if (!r.path)
		return command_usage(cli, "which FILE? - is standard output");
	r.wish.filter.owns = live_owns;
	r.wish.filter.user = &r.live;
	return start(&r);
}

static const struct option_spec OPTIONS[] = {
	OPTIONS_OF_TRAFFIC,
	{OPTION_SIZE, 0, "size", "BYTES", "keep so many bytes of a message at most; 262144", NULL},
	OPTIONS_OF_ALL,
};

const struct command command_record = {
	.name = "record",
	.operands = "FILE [TAG…]",
	.completes = COMPLETES_FILE COMPLETES_TAG,
	.summary = "Keep what is said on the bus in a file, for Wireshark and for 'tern replay'.",
	.about = "The same messages that 'tern monitor' shows, until an interrupt. The file is in the\n"
		 "pcapng format; - is standard output.\n"
		 "\n"
		 "examples:\n"
		 "  tern record mixer.pcapng -s org.example.Mixer\n"
		 "  tern record - | wireshark -k -i -\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_record,
};
