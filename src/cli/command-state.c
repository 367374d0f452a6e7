/* SPDX-License-Identifier: MIT */

/* command-state: print a value that a service keeps; once, or whenever it changes */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/loop.h>
#include <tern/state.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/offer.h"
#include "cli/payload.h"
#include "cli/plain.h"
#include "cli/show.h"

enum {
	OPTION_COUNT = OPTION_OWN,
	OPTION_TIMEOUT,
	OPTION_LATEST,
};

struct watcher {
	const struct cli *cli;
	tern_bus *bus;
	tern_state *state;
	const char *service, *name;
	uint32_t policy;
	uint64_t count; /* end after so many; 0: never */
	uint64_t n_seen, version; /* the last */
	uint64_t timeout_ns;
};

static void
state_freep(tern_state **state)
{
	(void)tern_state_free(*state); /* always NULL */
}

static void
subscription_freep(tern_subscription **s)
{
	(void)tern_subscription_free(*s); /* always NULL */
}

static int
read_words(struct cli *cli, struct watcher *w)
{
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = STATUS_OK;
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_COUNT)
			r = command_number(cli, 1, &w->count);
		else if (id == OPTION_TIMEOUT)
			r = command_duration(cli, &w->timeout_ns);
		else if (id == OPTION_LATEST)
			w->policy = TERN_LATEST;
		else if (!w->service)
			w->service = cli->words.value;
		else if (!w->name)
			w->name = cli->words.value;
		else
			r = command_usage(cli, "one SERVICE and one NAME, not also '%s'", cli->words.value);
		if (r)
			return r;
	}
	if (!w->service)
		return command_usage(cli, "SERVICE and NAME are missing");
	return w->name ? STATUS_OK : command_usage(cli, "the NAME of a value of %s is missing", w->service);
}

static int
say_no_value(const struct watcher *w)
{
	struct interface *offer = NULL;
	const char *near = NULL;

	if (offer_get(w->bus, w->service, w->timeout_ns ? w->timeout_ns : TERN_DEFAULT, &offer, NULL) == 0)
		near = interface_near(offer, MEMBER_STATE, w->name);
	report("%s has no value '%s'%s%s%s", w->service, w->name, near ? "; did you mean " : "", near ? near : "",
		near ? "?" : "");
	(void)interface_free(offer); /* always NULL */
	return STATUS_REMOTE;
}

/* open_value() - Return: STATUS_*; if not 0 it is said why */
static int
open_value(struct watcher *w)
{
	int r = tern_state_open(w->bus, w->service, w->name, &w->state);

	switch (r) {
	case 0:
		return STATUS_OK;
	case -ENOENT:
		return say_no_value(w);
	case -ENXIO:
		name_suggest(w->bus, w->service);
		return STATUS_NO_BUS;
	case -ETIME:
		report("%s did not answer in time", w->service);
		return STATUS_TIMEOUT;
	case -EPROTO:
		report("what %s gives as '%s' is no value", w->service, w->name);
		return STATUS_REMOTE;
	default:
		return connect_failed("the value cannot be had", r, NULL);
	}
}

/* --- get --- */

/* read_value() - Return: 0 or a negative errno; *ret is the caller's to free() */
static int
read_value(tern_state *state, void **ret, size_t *ret_size)
{
	_cleanup_(freep) void *bytes = NULL;
	size_t room = 0;
	int r;

	while ((r = tern_state_read(state, bytes, room, ret_size, NULL)) == -ENOBUFS) {
		free(bytes);
		room = *ret_size; /* at most what a value may have */
		bytes = malloc(room);
		if (!bytes)
			return -ENOMEM;
	}
	*ret = steal(bytes);
	return r;
}

static int
print_value(const struct cli *cli, struct json_object *value)
{
	_cleanup_(freep) char *text = NULL;

	if (!cli->json) {
		show_value(stdout, value);
		return STATUS_OK;
	}
	text = json_print(value, isatty(STDOUT_FILENO));
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks whether it was written */
	return STATUS_OK;
}

static int
get(struct watcher *w)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) void *bytes = NULL;
	struct json_fault fault;
	size_t size;
	int r;

	r = read_value(w->state, &bytes, &size);
	if (r == -ENODATA) {
		report("%s has not set '%s' yet", w->service, w->name);
		return STATUS_REMOTE;
	}
	if (r) {
		report("'%s' of %s cannot be read: %s", w->name, w->service, strerror(-r));
		return r == -ESTALE ? STATUS_LOST : connect_status(r);
	}
	r = json_from_cbor(bytes, size, &value, &fault);
	if (r == JSON_E_INVALID)
		r = json_new_bytes(bytes, size, &value);
	return r ? STATUS_OTHER : print_value(w->cli, value);
}

/* run_with() - what both commands do before and after */
static int
run_with(struct cli *cli, struct watcher *w, int (*fn)(struct watcher *w))
{
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	_cleanup_(state_freep) tern_state *state = NULL;
	int r;

	r = read_words(cli, w);
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r)
		return r;
	w->cli = cli;
	w->bus = bus;
	if (w->timeout_ns != TERN_DEFAULT) {
		r = tern_set_option(bus, TERN_OPT_TIMEOUT, w->timeout_ns);
		if (r)
			return connect_failed("the time cannot be set", r, NULL);
	}
	r = open_value(w);
	state = w->state;
	return r ? r : fn(w);
}

static int
run_get(struct cli *cli)
{
	struct watcher w = {.timeout_ns = TERN_DEFAULT};

	return run_with(cli, &w, get);
}

/* --- watch --- */

/* print_lost() - what is missing before this version, unless that was asked for */
static void
print_lost(const struct watcher *w, uint64_t version)
{
	uint64_t n = version - w->version - 1;

	if (w->version == 0 || n == 0 || w->policy == TERN_LATEST)
		return;
	if (w->cli->json)
		(void)printf("{\"lost\":%llu}\n", (unsigned long long)n); /* print_line() asks */
	else
		(void)printf("-- %llu changes were lost\n", (unsigned long long)n); /* as above */
}

static int
print_version(struct watcher *w, tern_message *m)
{
	_cleanup_(json_putp) struct json_object *value = NULL, *line = NULL;
	_cleanup_(freep) char *text = NULL;
	int r;

	r = payload_get(m, &value);
	if (r < 0)
		return connect_failed("a value cannot be read", r, NULL);
	print_lost(w, tern_message_version(m));
	w->version = tern_message_version(m);
	w->n_seen++;
	if (w->cli->json) {
		line = json_object_new_object();
		json_object_object_add(line, "version", json_object_new_uint64(w->version));
		json_object_object_add(line, "value", json_object_get(value));
	}
	text = json_print(w->cli->json ? line : value, false);
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* as above */
	return STATUS_OK;
}

/* print_line() - whatever came; a reader behind a pipe has it at once */
static int
print_line(struct watcher *w, const struct tern_event *event)
{
	size_t size;
	int r = STATUS_OK;

	if (event->kind == TERN_EVENT) {
		r = print_version(w, event->message);
	} else if (event->kind == TERN_LOST && tern_state_read(w->state, NULL, 0, &size, NULL) == -ESTALE) {
		report("%s is gone", w->service);
		r = STATUS_LOST;
	}
	return command_output() ? STATUS_OTHER : r;
}

static int
say_end(const struct watcher *w, int r)
{
	if (r == -ETIME && w->count == 0)
		return STATUS_OK; /* it was asked to watch so long */
	if (r == -ETIME) {
		report("%llu of %llu values came in time", (unsigned long long)w->n_seen, (unsigned long long)w->count);
		return STATUS_TIMEOUT;
	}
	if (r == -ECONNRESET) {
		report("the bus and %s are gone", w->service);
		return STATUS_LOST;
	}
	return connect_failed("no more values", r, NULL);
}

static int
watch(struct watcher *w)
{
	_cleanup_(subscription_freep) tern_subscription *subscription = NULL;
	uint64_t end = w->timeout_ns == TERN_DEFAULT ? UINT64_MAX : clock_deadline_ns(clock_now_ns(), w->timeout_ns);
	int r;

	r = tern_state_subscribe(w->state, w->policy, NULL, NULL, &subscription);
	if (r)
		return connect_failed("the value cannot be watched", r, NULL);
	while (w->count == 0 || w->n_seen < w->count) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t now = clock_now_ns();

		r = tern_next(w->bus, end == UINT64_MAX ? TERN_FOREVER : end > now ? end - now : 0, &event);
		if (r)
			return say_end(w, r);
		r = print_line(w, &event);
		(void)tern_message_unref(event.message); /* always NULL */
		(void)tern_call_unref(event.call);       /* always NULL */
		if (r)
			return r;
	}
	return STATUS_OK;
}

static int
run_watch(struct cli *cli)
{
	struct watcher w = {.policy = TERN_DROP_NEWEST, .timeout_ns = TERN_DEFAULT};

	return run_with(cli, &w, watch);
}

static const struct option_spec OPTIONS_GET[] = {
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "wait so long for the service: 2, 250ms, forever; else 25"},
	OPTIONS_OF_ALL,
};

const struct command command_get = {
	.name = "get",
	.operands = "SERVICE NAME",
	.summary = "Print a value that a service keeps.",
	.about = "The service is asked for it once, and then it is read as memory.\n"
		 "\n"
		 "examples:\n"
		 "  tern get org.example.Mixer Master\n"
		 "  tern get -j org.example.Mixer Master | jq .\n",
	.completes = COMPLETES_SERVICE COMPLETES_STATE,
	.options = OPTIONS_GET,
	.n_options = ARRAY_SIZE(OPTIONS_GET),
	.run = run_get,
};

static const struct option_spec OPTIONS_WATCH[] = {
	{OPTION_COUNT, 'n', "count", "COUNT", "end after so many values"},
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "end after this time: 2, 250ms, 1h"},
	{OPTION_LATEST, 'l', "latest", NULL, "when this is too slow: leave out all but the newest"},
	OPTIONS_OF_ALL,
};

const struct command command_watch = {
	.name = "watch",
	.operands = "SERVICE NAME",
	.summary = "Print a value that a service keeps now, and whenever it changes.",
	.about = "One a line, as JSON. With -j each line is an object: version and value; where versions\n"
		 "were lost because this was too slow, lost: so many. With both -n and --timeout\n"
		 "it is exit status 4 if fewer came.\n"
		 "\n"
		 "examples:\n"
		 "  tern watch org.example.Mixer Master\n"
		 "  tern watch -n 1 org.example.Mixer Master      as soon as there is one\n",
	.completes = COMPLETES_SERVICE COMPLETES_STATE,
	.options = OPTIONS_WATCH,
	.n_options = ARRAY_SIZE(OPTIONS_WATCH),
	.run = run_watch,
};
