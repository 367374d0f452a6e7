/* SPDX-License-Identifier: MIT */

/* command-subscribe: print events as they come, one a line */

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <tern/loop.h>
#include <time.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/colour.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/payload.h"
#include "cli/plain.h"

enum {
	OPTION_COUNT = OPTION_OWN,
	OPTION_TIMEOUT,
	OPTION_SENDER,
	OPTION_POLICY,
	OPTION_QUEUE,
	OPTION_RATE,
	OPTION_READY,
};

#define POLICIES    "drop-newest drop-oldest latest wait disconnect"
#define MOST_QUEUED 65536 /* as struct tern_rule has it */

struct listener {
	const struct cli *cli;
	tern_bus *bus;
	const char *tags[TERN_MAX_TAGS + 1]; /* NULL-ended */
	size_t n_tags;
	const char *sender;
	uint32_t policy, queue, max_rate;
	uint64_t count; /* end after so many; 0: never */
	uint64_t n_heard;
	uint64_t timeout_ns; /* end after so long */
	int ready_fd;	     /* -1: none */
};

static void
subscription_freep(tern_subscription **s)
{
	(void)tern_subscription_free(*s); /* always NULL */
}

/* -------- what was asked for -------- */

static int
read_policy(const struct cli *cli, uint32_t *ret)
{
	static const char *const WORDS[] = {
		[TERN_DROP_NEWEST] = "drop-newest",
		[TERN_DROP_OLDEST] = "drop-oldest",
		[TERN_LATEST] = "latest",
		[TERN_WAIT] = "wait",
		[TERN_DISCONNECT] = "disconnect",
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(WORDS); i++)
		if (strcmp(cli->words.value, WORDS[i]) == 0) {
			*ret = i;
			return STATUS_OK;
		}
	return command_usage(cli, "'%s' is no policy; " POLICIES " are", cli->words.value);
}

/* read_count() - a number that the rule has a place for */
static int
read_count(const struct cli *cli, uint64_t most, uint32_t *ret)
{
	uint64_t number;
	int r;

	r = command_number(cli, 1, &number);
	if (r)
		return r;
	if (number > most)
		return command_usage(cli, "%s is more than %llu", cli->words.value, (unsigned long long)most);
	*ret = (uint32_t)number;
	return STATUS_OK;
}

static int
read_ready_fd(const struct cli *cli, int *ret)
{
	uint64_t number;
	int r;

	r = command_number(cli, 0, &number);
	if (r)
		return r;
	if (number > INT32_MAX || fcntl((int)number, F_GETFD) < 0)
		return command_usage(cli, "descriptor %s is not open", cli->words.value);
	*ret = (int)number;
	return STATUS_OK;
}

static int
read_option(struct cli *cli, int id, struct listener *l)
{
	switch (id) {
	case OPTION_COUNT:
		return command_number(cli, 1, &l->count);
	case OPTION_TIMEOUT:
		return command_duration(cli, &l->timeout_ns);
	case OPTION_SENDER:
		l->sender = cli->words.value;
		return STATUS_OK;
	case OPTION_POLICY:
		return read_policy(cli, &l->policy);
	case OPTION_QUEUE:
		return read_count(cli, MOST_QUEUED, &l->queue);
	case OPTION_RATE:
		return read_count(cli, UINT32_MAX, &l->max_rate);
	case OPTION_READY:
		return read_ready_fd(cli, &l->ready_fd);
	default:
		if (l->n_tags == TERN_MAX_TAGS)
			return command_usage(cli, "a rule has %d tags at most", TERN_MAX_TAGS);
		l->tags[l->n_tags++] = cli->words.value;
		return STATUS_OK;
	}
}

/* -------- what is printed -------- */

/* sender_words() - `program[pid]`, or the number of a peer that is gone */
static void
sender_words(tern_bus *bus, tern_peer sender, char ret[96])
{
	struct tern_identity identity = {.size = sizeof(identity)};
	char program[64] = "";

	if (sender == TERN_PEER_BUS) {
		(void)strcpy(ret, "ternd");
		return;
	}
	if (tern_identify(bus, sender, &identity) == 0)
		name_program(identity.pid, program);
	if (program[0])
		(void)snprintf(ret, 96, "%s[%u]", program, identity.pid); /* fits */
	else
		(void)snprintf(ret, 96, ":%llu", (unsigned long long)sender); /* fits */
}

/* print_time() - a stamp as the time of day */
static void
print_time(uint64_t stamp)
{
	struct timespec now;
	struct tm tm;
	int64_t ns;
	time_t s;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: the clock exists */
	ns = (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec -
	     ((int64_t)clock_now_ns() - clock_offset_ns() - (int64_t)stamp);
	s = (time_t)(ns / (int64_t)NSEC_PER_SEC);
	if (!localtime_r(&s, &tm))
		return;
	(void)printf("%02d:%02d:%02d.%03d ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(ns % (int64_t)NSEC_PER_SEC / (int64_t)NSEC_PER_MSEC)); /* print_line() asks */
}

static void
print_text_event(struct listener *l, tern_message *m, struct json_object *value, bool has_value)
{
	_cleanup_(freep) char *text = NULL;
	const char *tag;
	char sender[96];

	sender_words(l->bus, tern_message_sender(m), sender);
	(void)fputs(colour_begin(stdout, COLOUR_FAINT), stdout); /* print_line() asks */
	print_time(tern_message_stamp(m));
	plain_print(stdout, sender, strlen(sender), false);
	(void)printf("%s%s", colour_end(stdout, COLOUR_FAINT), colour_begin(stdout, COLOUR_NAME)); /* as above */
	for (size_t i = 0; (tag = tern_message_tag(m, i)); i++) {
		(void)putchar(' '); /* as above */
		plain_print(stdout, tag, strlen(tag), false);
	}
	(void)fputs(colour_end(stdout, COLOUR_NAME), stdout); /* as above */
	if (has_value) {
		text = json_print(value, false);
		(void)printf("  %s", text ? text : "(no memory)"); /* as above */
	}
	(void)putchar('\n'); /* as above */
}

static struct json_object *
json_line(const char *kind, tern_peer sender)
{
	struct json_object *line = json_object_new_object();
	char text[32];

	(void)snprintf(text, sizeof(text), ":%llu", (unsigned long long)sender); /* fits */
	json_object_object_add(line, "kind", json_object_new_string(kind));
	json_object_object_add(line, "sender", json_object_new_string(text));
	return line;
}

static void
print_json_line(struct json_object *line)
{
	_cleanup_(freep) char *text = json_print(line, false);

	if (text)
		(void)puts(text); /* print_line() asks */
}

static void
print_json_event(tern_message *m, struct json_object *value, bool has_value)
{
	_cleanup_(json_putp) struct json_object *line = json_line("event", tern_message_sender(m));
	struct json_object *tags = json_object_new_array();
	const char *tag;

	for (size_t i = 0; (tag = tern_message_tag(m, i)); i++)
		json_object_array_add(tags, json_new_text(tag));
	json_object_object_add(line, "stamp", json_object_new_uint64(tern_message_stamp(m)));
	json_object_object_add(line, "tags", tags);
	if (has_value)
		json_object_object_add(line, "payload", json_object_get(value));
	print_json_line(line);
}

static int
print_event(struct listener *l, tern_message *m)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	int r;

	r = payload_get(m, &value);
	if (r < 0)
		return connect_failed("an event cannot be read", r, NULL);
	if (l->cli->json)
		print_json_event(m, value, r == 0);
	else
		print_text_event(l, m, value, r == 0);
	return STATUS_OK;
}

static void
print_gap(struct listener *l, tern_peer sender, uint64_t lost)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	char words[96];

	if (l->cli->json) {
		line = json_line("gap", sender);
		json_object_object_add(line, "lost", json_object_new_uint64(lost));
		print_json_line(line);
		return;
	}
	sender_words(l->bus, sender, words);
	(void)printf("-- up to %llu events of ", (unsigned long long)lost); /* print_line() asks */
	plain_print(stdout, words, strlen(words), false);
	(void)puts(" were lost"); /* as above */
}

static int
say_over(void)
{
	report("this was too slow, and hears no more");
	return STATUS_LOST;
}

/* print_line() - whatever came; a reader behind a pipe has it at once */
static int
print_line(struct listener *l, const struct tern_event *event)
{
	int r = STATUS_OK;

	if (event->kind == TERN_EVENT) {
		r = print_event(l, event->message);
		l->n_heard++;
	} else if (event->kind == TERN_GAP) {
		print_gap(l, event->peer, event->lost);
		r = l->policy == TERN_DISCONNECT ? say_over() : STATUS_OK;
	}
	return command_output() ? STATUS_OTHER : r;
}

/* -------- listening -------- */

static int
listen_on(struct listener *l)
{
	uint64_t now = clock_now_ns(), end = clock_deadline_ns(now, l->timeout_ns);
	int r;

	while (l->count == 0 || l->n_heard < l->count) {
		struct tern_event event = {.size = sizeof(event)};

		now = clock_now_ns();
		r = tern_next(l->bus,
			end == UINT64_MAX ? TERN_FOREVER
			: end > now	  ? end - now
					  : 0,
			&event);
		if (r == -ETIME && l->count == 0)
			return STATUS_OK; /* it was asked to listen so long */
		if (r == -ETIME) {
			report("%llu of %llu events came in time", (unsigned long long)l->n_heard,
				(unsigned long long)l->count);
			return STATUS_TIMEOUT;
		}
		if (r == -ECONNRESET) {
			report("the bus at %s is gone, and nobody is left who could be heard",
				tern_address(l->bus));
			return STATUS_LOST;
		}
		if (r)
			return connect_failed("no more events", r, NULL);
		r = print_line(l, &event);
		(void)tern_message_unref(event.message); /* always NULL */
		(void)tern_call_unref(event.call);	 /* always NULL */
		if (r)
			return r;
	}
	return STATUS_OK;
}

static int
subscribe(struct listener *l)
{
	_cleanup_(subscription_freep) tern_subscription *subscription = NULL;
	const struct tern_rule rule = {
		.size = sizeof(rule), .policy = l->policy, .sender = l->sender, .tags = l->tags,
		.queue = l->queue, .max_rate = l->max_rate};
	int r;

	r = tern_subscribe(l->bus, &rule, NULL, NULL, &subscription);
	if (r)
		return connect_failed("this cannot be subscribed to", r, NULL);
	if (l->ready_fd >= 0) {
		if (write(l->ready_fd, "\n", 1) != 1)
			report("descriptor %d cannot be written: %m", l->ready_fd);
		l->ready_fd = fd_close(l->ready_fd);
	}
	return listen_on(l);
}

static int
run_subscribe(struct cli *cli)
{
	struct listener l = {
		.cli = cli, .policy = TERN_DROP_NEWEST, .timeout_ns = UINT64_MAX, .ready_fd = -1};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = id == OPTION_BAD ? cli->status : read_option(cli, id, &l);
		if (id == OPTION_BAD || r)
			return r;
	}
	r = connect_bus(cli, &bus);
	if (r)
		return r;
	l.bus = bus;
	return subscribe(&l);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_COUNT, 'n', "count", "COUNT", "end after so many events"},
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "end after this time: 2, 250ms, 1h"},
	{OPTION_SENDER, 's', "sender", "NAME",
		"only from the owner of this name, of :ID, or tern itself"},
	{OPTION_POLICY, 'p', "policy", "POLICY",
		"when this is too slow: drop-newest (usual), drop-oldest, latest, wait, disconnect", POLICIES},
	{OPTION_QUEUE, 0, "queue", "COUNT", "drop-oldest, latest: how many each publisher keeps; 64"},
	{OPTION_RATE, 0, "max-rate", "COUNT", "no more than so many a second of each publisher"},
	{OPTION_READY, 0, "ready-fd", "FD",
		"write a newline there, and close it, once nothing can be missed"},
	OPTIONS_OF_ALL,
};

const struct command command_subscribe = {
	.name = "subscribe",
	.operands = "[TAG…]",
	.summary = "Print the events that have all these tags, one a line.",
	.about = "Without tags, all events. With -j each line is an object: kind (event or gap),\n"
		 "sender, stamp (host time, ns), tags, payload; of a gap sender and lost. With "
		 "both -n\n"
		 "and --timeout it is exit status 4 if fewer came.\n"
		 "\n"
		 "examples:\n"
		 "  tern subscribe lamp -n 1\n"
		 "  tern subscribe new --sender tern      who comes\n",
	.completes = COMPLETES_TAG,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_subscribe,
};
