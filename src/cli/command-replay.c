/* SPDX-License-Identifier: MIT */

/* command-replay: say again what is in a file of `tern record` */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <tern/loop.h>
#include <tern/stream.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/pcapng.h"
#include "cli/plain.h"
#include "cli/replay-answer.h"
#include "cli/traffic-wish.h"
#include "cli/recording.h"

enum {
	OPTION_SPEED = OPTION_TRAFFIC_OWN,
	OPTION_AS_FAST,
	OPTION_TO,
	OPTION_COMPARE,
	MOST_UNDER_WAY = 1024, /* calls; then answers are waited for */
	PROGRESS_MS = 250,
};

/* Why a message is not said again. */
enum skipped {
	SKIPPED_CUT,
	SKIPPED_FDS,
	SKIPPED_STATE,
	SKIPPED_NAMELESS,
	N_SKIPPED,
};

static const char *const SKIPPED[N_SKIPPED] = {
	[SKIPPED_CUT] = "cut off in the file",
	[SKIPPED_FDS] = "with descriptors, which no file can keep",
	[SKIPPED_STATE] = "changes of values, which only their services can publish",
	[SKIPPED_NAMELESS] = "to no name: --to says to which",
};

struct replay {
	struct cli *cli;
	struct traffic_filter filter;
	struct traffic_pairs pairs;
	struct replay_names names;
	const char *path, *to;
	double speed; /* 0: as fast as may be */
	bool compares;
	tern_bus *bus;
	FILE *file;
	struct pcapng_reader reader;
	struct replay_answers answers;
	uint64_t first, last; /* times in the file */
	uint64_t begin;
	uint64_t n_events, n_calls, n_parts, n_skipped[N_SKIPPED];
	bool is_watched; /* standard error is a terminal: how far it is is told there */
	bool shows;	 /* such a line stands there */
	uint64_t next_progress;
	off_t file_size; /* 0: unknown */
};

static void
replay_deinit(struct replay *r)
{
	replay_answers_deinit(&r->answers);
	replay_names_deinit(&r->names);
	traffic_pairs_deinit(&r->pairs);
	pcapng_reader_deinit(&r->reader);
	if (r->file && r->file != stdin)
		(void)fclose(r->file); /* was only read */
	(void)tern_close(r->bus); /* always NULL */
}

static void
topic_freep(tern_topic **topic)
{
	(void)tern_topic_free(*topic); /* always NULL */
}

/* -------- one message -------- */

static bool
skip(struct replay *r, enum skipped why)
{
	r->n_skipped[why]++;
	return true;
}

static bool
is_tern(const char *text)
{
	return strncmp(text, "tern.", 5) == 0;
}

/* is_skipped() - what cannot be said again; what libraries and ternd say is not counted */
static bool
is_skipped(struct replay *r, const struct traffic *t)
{
	if (t->kind == TRAFFIC_CALL && is_tern(t->member))
		return true;
	for (uint32_t i = 0; i < t->n_tags; i++)
		if (is_tern(t->tags[i]))
			return skip(r, SKIPPED_STATE);
	if (t->n_fds > 0)
		return skip(r, SKIPPED_FDS);
	if (traffic_is_cut(t))
		return skip(r, SKIPPED_CUT);
	return t->kind == TRAFFIC_CALL && !r->to && (!*t->service || *t->service == ':') && skip(r, SKIPPED_NAMELESS);
}

static int
put_parts(tern_message *m, const struct traffic *t)
{
	int result = tern_message_set_type(m, t->type);

	if (result == 0 && t->trace)
		result = tern_message_set_trace(m, t->trace);
	for (uint32_t i = 0; i < t->n_parts && result == 0; i++)
		result = tern_message_append(m, t->parts[i].bytes, (size_t)t->parts[i].size);
	return result;
}

static int
publish(struct replay *r, const struct traffic *t)
{
	_cleanup_(topic_freep) tern_topic *topic = NULL;
	_cleanup_(message_unrefp) tern_message *m = NULL;
	const char *tags[TERN_MAX_TAGS + 1] = {NULL};
	int result;

	memcpy(tags, t->tags, t->n_tags * sizeof(tags[0]));
	result = tern_topic_new(r->bus, tags, &topic);
	if (result == 0)
		result = tern_message_new_event(topic, &m);
	if (result == 0)
		result = put_parts(m, t);
	if (result == 0)
		result = tern_publish_message(m, 0);
	r->n_events += result == 0;
	return result;
}

/* send_call() - its deadline is as far away as it was */
static int
send_call(struct replay *r, const struct traffic *t)
{
	uint64_t timeout = t->deadline > t->stamp ? t->deadline - t->stamp : t->is_stream ? TERN_FOREVER : TERN_DEFAULT;
	uint32_t flags = (t->no_reply ? TERN_NO_REPLY : 0) | (t->is_stream ? TERN_STREAM : 0);
	_cleanup_(message_unrefp) tern_message *m = NULL;
	tern_call *call = NULL;
	int result;

	result = tern_message_new_call(r->bus, r->to ? r->to : t->service, t->member, &m);
	if (result == 0)
		result = put_parts(m, t);
	if (result == 0)
		result = tern_send(m, timeout, flags, t->no_reply ? NULL : &call);
	if (result == 0 && t->is_stream)
		result = tern_call_follow(call, NULL, NULL);
	r->n_calls += result == 0;
	if (t->no_reply)
		return result == -ENXIO ? 0 : result;
	if (result == 0)
		return replay_answers_expect(&r->answers, t, call);
	return result == -ENXIO || result == -ETIME ? replay_answers_failed(&r->answers, t, result) : result;
}


/* -------- when -------- */

/* take() - answers, until then */
static int
take(struct replay *r, uint64_t until)
{
	int result = 0;

	while (result == 0) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t now = clock_now_ns();

		result = tern_next(r->bus, until > now ? until - now : 0, &event);
		if (result == 0 && (event.kind == TERN_PART || event.kind == TERN_REPLY || event.kind == TERN_ERROR))
			replay_answers_came(&r->answers, &event);
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
	}
	return result == -ETIME ? 0 : result;
}

/* wait_turn() - until the message is due, and there are not too many calls under way */
static int
wait_turn(struct replay *r, const struct traffic *t)
{
	uint64_t due = 0;
	int result;

	if (!r->first)
		r->first = t->time;
	if (r->speed > 0 && t->time > r->first)
		due = clock_deadline_ns(r->begin, (uint64_t)((double)(t->time - r->first) / r->speed));
	r->last = MAX(r->last, t->time);
	result = take(r, due);
	while (result == 0 && replay_answers_n_open(&r->answers) >= MOST_UNDER_WAY)
		result = take(r, clock_now_ns() + NSEC_PER_MSEC);
	return result;
}

/* -------- streams -------- */

/* put() - a part, when the other side has read enough for it. A call that is over takes no more. */
static int
put(struct replay *r, const struct traffic *t, tern_call *call)
{
	_cleanup_(message_unrefp) tern_message *part = NULL;
	int result, taken = 0;

	if (traffic_is_cut(t)) {
		(void)skip(r, SKIPPED_CUT); /* counted */
		return 0;
	}
	result = tern_message_new_part(call, &part);
	if (result == 0)
		result = put_parts(part, t);
	if (result < 0)
		return result;
	while (taken == 0 && (result = tern_call_put_message(part, TERN_DEFAULT, TERN_NONBLOCK)) == -EAGAIN)
		taken = take(r, clock_now_ns() + NSEC_PER_MSEC);
	r->n_parts += result == 0;
	return result == -ENOMEM ? result : taken;
}

/* go_on() - what a caller said after its call */
static int
go_on(struct replay *r, const struct traffic *t)
{
	tern_call *call = replay_answers_call(&r->answers, t);
	int result = 0;

	if (!call)
		return 0;
	(void)tern_call_ref(call); /* itself; its answer may come meanwhile */
	if (t->kind == TRAFFIC_PART)
		result = put(r, t, call);
	else if (t->kind == TRAFFIC_END)
		(void)tern_call_end(call); /* over already: as good, as the next */
	else
		(void)tern_call_cancel(call);
	(void)tern_call_unref(call); /* always NULL */
	return result;
}

/* say() - Return: 0, or a negative errno */
static int
say(struct replay *r, const struct traffic *t)
{
	if (t->kind != TRAFFIC_CALL && t->kind != TRAFFIC_EVENT)
		return go_on(r, t);
	if (is_skipped(r, t))
		return 0;
	return t->kind == TRAFFIC_EVENT ? publish(r, t) : send_call(r, t);
}

/* -------- the file -------- */

/* read_one() - Return: 0; PCAPNG_E_END; else STATUS_* + 16, and it is said why */
static int
read_one(struct replay *r, struct traffic *ret)
{
	struct pcapng_packet packet;
	const char *wrong;
	int result;

	do {
		result = pcapng_next(&r->reader, &packet);
	} while (result == 0 && packet.linktype != PCAPNG_LINKTYPE);
	if (result == PCAPNG_E_END)
		return result;
	if (result == PCAPNG_E_INVALID)
		report("%s: %s", r->path, r->reader.fault);
	else if (result < 0)
		report("%s cannot be read: %s", r->path, strerror(-result));
	if (result)
		return -EBADMSG;
	wrong = recording_read(packet.bytes, packet.size, ret);
	ret->time = packet.time_ns;
	if (!wrong)
		return 0;
	report("%s: the record at byte %" PRIu64 " is not one of tern's: %s", r->path, packet.offset, wrong);
	return -EBADMSG;
}

/* one() - of those in the file. Return: 0, or a negative errno. */
static int
one(struct replay *r, const struct traffic *t)
{
	struct traffic_pair pair;
	bool is_wanted;
	int result;

	if (t->kind == TRAFFIC_EVENT && t->from == TERN_PEER_BUS)
		return replay_names_learn(&r->names, t);
	is_wanted = traffic_match(&r->filter, &r->pairs, t, &pair);
	if (t->kind == TRAFFIC_REPLY || t->kind == TRAFFIC_ERROR || (t->kind == TRAFFIC_PART && t->is_back))
		return pair.number ? replay_answers_recorded(&r->answers, t) : 0;
	if (!is_wanted || t->kind == TRAFFIC_GAP)
		return 0;
	result = wait_turn(r, t);
	return result ? result : say(r, t);
}

/* finish() - wait for the last answers, each of which has a deadline */
static int
finish(struct replay *r)
{
	int result = take(r, 0);

	replay_answers_give_up(&r->answers);
	while (result == 0 && replay_answers_n_open(&r->answers) > 0)
		result = take(r, clock_now_ns() + 20 * NSEC_PER_MSEC);
	return result;
}

/* show_progress() - of what takes its time: a line that the next one is written over */
static void
show_progress(struct replay *r, bool is_end)
{
	uint64_t now = clock_now_ns();
	off_t at = ftello(r->file);

	if (!r->is_watched || (is_end ? !r->shows : now < r->next_progress))
		return;
	r->shows = !is_end;
	r->next_progress = now + PROGRESS_MS * NSEC_PER_MSEC;
	if (!is_end && r->file_size > 0 && at >= 0)
		(void)fprintf(stderr, "%3d %%, ", (int)(100 * at / r->file_size)); /* nowhere else to complain, as all here */
	if (!is_end)
		(void)fprintf(stderr, "%" PRIu64 " messages", r->n_events + r->n_calls);
	(void)fputs("\033[K\r", stderr);
	(void)fflush(stderr);
}

static int
say_all(struct replay *r)
{
	int result, status = STATUS_OK;
	struct traffic t;

	r->begin = clock_now_ns();
	r->next_progress = r->begin + NSEC_PER_SEC;
	while ((result = read_one(r, &t)) == 0) {
		show_progress(r, false);
		result = one(r, &t);
		if (result < 0)
			break;
	}
	if (result == -EBADMSG)
		status = STATUS_OTHER; /* said; what came before it was said, too */
	else if (result < 0)
		return connect_failed("it cannot go on", result, NULL);
	result = finish(r);
	show_progress(r, true);
	if (result < 0)
		return connect_failed("answers are missing", result, NULL);
	return status;
}

/* -------- the sum -------- */

static void
say_sum(const struct replay *r)
{
	double took = (double)(clock_now_ns() - r->begin) / (double)NSEC_PER_SEC;
	double lasted = r->first ? (double)(r->last - r->first) / (double)NSEC_PER_SEC : 0;
	const struct replay_counts *counts = &r->answers.counts;

	(void)printf("%" PRIu64 " events and %" PRIu64 " calls in %.2f s, which took %.2f s when they were recorded\n",
		r->n_events, r->n_calls, took, lasted); /* main() asks whether it was written, as all here */
	for (size_t i = 0; i < N_SKIPPED; i++)
		if (r->n_skipped[i])
			(void)printf("%" PRIu64 " left out: %s\n", r->n_skipped[i], SKIPPED[i]);
	if (counts->streams)
		(void)printf("%" PRIu64 " came to nothing: they stream, which this file does not tell of them\n", counts->streams);
	if (r->n_parts)
		(void)printf("streams: %" PRIu64 " parts put\n", r->n_parts);
	if (counts->open)
		(void)printf("given up: %" PRIu64 " streams that went on when the recording ended\n", counts->open);
	(void)printf("answers: %" PRIu64 " replies, %" PRIu64 " errors, %" PRIu64 " none\n", counts->replies, counts->errors,
		counts->failed);
	if (r->compares)
		(void)printf("compared: %" PRIu64 " the same, %" PRIu64 " different\n", counts->same, counts->different);
}

static void
add(struct json_object *object, const char *key, uint64_t number)
{
	(void)json_object_object_add(object, key, json_object_new_uint64(number)); /* of memory: it is not there */
}

static void
say_sum_json(const struct replay *r)
{
	_cleanup_(json_putp) struct json_object *object = json_object_new_object();
	const struct replay_counts *counts = &r->answers.counts;
	_cleanup_(freep) char *text = NULL;
	uint64_t skipped = counts->streams;

	for (size_t i = 0; i < N_SKIPPED; i++)
		skipped += r->n_skipped[i];
	add(object, "events", r->n_events);
	add(object, "calls", r->n_calls);
	add(object, "parts", r->n_parts);
	add(object, "skipped", skipped);
	add(object, "replies", counts->replies);
	add(object, "errors", counts->errors);
	add(object, "failed", counts->failed);
	if (r->compares) {
		add(object, "same", counts->same);
		add(object, "different", counts->different);
	}
	text = json_print(object, false);
	(void)puts(text ? text : "{}"); /* main() asks */
}

/* -------- what is asked for -------- */

static int
read_speed(struct replay *r)
{
	const char *word = r->cli->words.value;
	char *end;

	r->speed = strtod(word, &end);
	if (end == word || *end || !isfinite(r->speed) || r->speed < 1e-6 || r->speed > 1e9)
		return command_usage(r->cli, "'%s' is no speed; 1, 0.5 and 100 are", word);
	return STATUS_OK;
}

static int
read_word(struct replay *r, int id)
{
	struct traffic_wish wish = {.filter = r->filter};
	int status;

	switch (id) {
	case OPTION_SPEED:
		return read_speed(r);
	case OPTION_AS_FAST:
		r->speed = 0;
		return STATUS_OK;
	case OPTION_TO:
		r->to = r->cli->words.value;
		return STATUS_OK;
	case OPTION_COMPARE:
		r->compares = true;
		return STATUS_OK;
	case OPTION_OPERAND:
		if (!r->path) {
			r->path = r->cli->words.value;
			return STATUS_OK;
		}
		break;
	default:
		break;
	}
	status = traffic_wish_read(r->cli, id, &wish);
	r->filter = wish.filter;
	return status;
}

static int
open_file(struct replay *r)
{
	struct stat st;

	r->file = strcmp(r->path, "-") == 0 ? stdin : fopen(r->path, "re");
	if (!r->file) {
		report("%s cannot be read: %m", r->path);
		return STATUS_OTHER;
	}
	if (fstat(fileno(r->file), &st) == 0 && S_ISREG(st.st_mode))
		r->file_size = st.st_size;
	pcapng_reader_init(&r->reader, r->file);
	return STATUS_OK;
}

/* end_status() - of one that went to its end */
static int
end_status(struct replay *r)
{
	const struct replay_counts *counts = &r->answers.counts;

	if (counts->missing > 0 && counts->missing == r->answers.n_calls && r->n_events == 0) {
		if (r->to)
			name_suggest(r->bus, r->to);
		else
			report("none of the services that were called is on %s", tern_address(r->bus));
		return STATUS_NO_BUS;
	}
	return counts->different ? STATUS_REMOTE : STATUS_OK;
}

static int
run_replay(struct cli *cli)
{
	_cleanup_(replay_deinit) struct replay r = {.cli = cli, .speed = 1, .is_watched = isatty(STDERR_FILENO)};
	int id, status;

	while ((id = command_next(cli)) != OPTION_END) {
		status = id == OPTION_BAD ? cli->status : read_word(&r, id);
		if (id == OPTION_BAD || status)
			return status;
	}
	if (!r.path)
		return command_usage(cli, "which FILE? - is standard input");
	r.filter.owns = replay_names_own;
	r.filter.user = &r.names;
	replay_answers_init(&r.answers, cli->json, r.compares);
	status = open_file(&r);
	if (status == STATUS_OK)
		status = connect_bus(cli, &r.bus);
	if (status)
		return status;
	status = say_all(&r);
	if (cli->json)
		say_sum_json(&r);
	else
		say_sum(&r);
	return status == STATUS_OK ? end_status(&r) : status;
}

static const struct option_spec OPTIONS[] = {
	OPTIONS_OF_FILTER,
	{OPTION_SPEED, 'x', "speed", "FACTOR", "so many times as fast as it was; 1", NULL},
	{OPTION_AS_FAST, 0, "as-fast", NULL, "as fast as may be", NULL},
	{OPTION_TO, 0, "to", "SERVICE", "all calls to this one", NULL},
	{OPTION_COMPARE, 'c', "compare", NULL, "tell where an answer is not the one in the file", NULL},
	OPTIONS_OF_ALL,
};

const struct command command_replay = {
	.name = "replay",
	.operands = "FILE [TAG…]",
	.completes = COMPLETES_FILE COMPLETES_TAG,
	.summary = "Publish and call again what 'tern record' has kept.",
	.about = "Events with their tags, calls with their arguments, both at the pace of the recording. With\n"
		 "--compare the exit status is 1 if an answer differs. - is standard input.\n"
		 "\n"
		 "examples:\n"
		 "  tern replay mixer.pcapng --speed 2\n"
		 "  tern replay mixer.pcapng --compare --to org.example.NewMixer\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_replay,
};
