/* SPDX-License-Identifier: MIT */

/*
 * command-ping: is a service there, and how long does a call to it take?
 *
 * It is called by a name that no service has: every program on the bus answers a call, if only
 * with an error, once it comes round to its messages. So any answer is one.
 */

#include <stdio.h>
#include <stdlib.h>
#include <tern/call.h>
#include <time.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/name.h"
#include "cli/plain.h"

#define PING_MEMBER "tern.Ping"

enum {
	OPTION_COUNT = OPTION_OWN,
	OPTION_INTERVAL,
	OPTION_TIMEOUT,
};

enum {
	MAX_COUNT = 1000000,
};

struct ping {
	const struct cli *cli;
	const char *service;
	uint64_t count, interval_ns, timeout_ns;
	uint64_t *times; /* of the answers, n of them */
	uint64_t n;
};

static void
ping_deinit(struct ping *ping)
{
	free(ping->times);
}

static int
read_option(struct cli *cli, int id, struct ping *ping)
{
	switch (id) {
	case OPTION_COUNT:
		if (command_number(cli, 1, &ping->count))
			return STATUS_USAGE;
		if (ping->count > MAX_COUNT)
			return command_usage(cli, "at most %d calls", MAX_COUNT);
		return STATUS_OK;
	case OPTION_INTERVAL:
		return command_duration(cli, &ping->interval_ns);
	case OPTION_TIMEOUT:
		return command_duration(cli, &ping->timeout_ns);
	default:
		if (ping->service)
			return command_usage(cli, "one SERVICE at a time");
		ping->service = cli->words.value;
		return STATUS_OK;
	}
}

static int
say_ping_failed(tern_bus *bus, const struct ping *ping, int r, const struct tern_error *error)
{
	switch (r) {
	case -ENXIO:
		name_suggest(bus, ping->service);
		return STATUS_NO_BUS;
	case -ETIME:
		report("%s did not answer in time", ping->service);
		return STATUS_TIMEOUT;
	case -EHOSTDOWN:
		if (strcmp(error->name, "tern.StartFailed") == 0)
			report("%s", error->text);
		else
			report("%s died before it answered", ping->service);
		return STATUS_LOST;
	default:
		return connect_failed("the call failed", r, error->text[0] ? error : NULL);
	}
}

/* call_once() - Return: STATUS_*; if not 0 it is said why */
static int
call_once(tern_bus *bus, const struct ping *ping, uint64_t *ret_ns)
{
	struct tern_error error = {"", ""};
	tern_message *m, *reply = NULL;
	tern_call *call;
	uint64_t begin = clock_now_ns();
	int r;

	r = tern_message_new_call(bus, ping->service, PING_MEMBER, &m);
	if (r)
		return say_ping_failed(bus, ping, r, tern_last_error());
	r = tern_send(m, ping->timeout_ns, 0, &call);
	(void)tern_message_unref(m); /* always NULL */
	if (r)
		return say_ping_failed(bus, ping, r, tern_last_error());
	r = tern_call_wait(call, TERN_FOREVER, &reply, &error);
	(void)tern_call_unref(call); /* always NULL */
	(void)tern_message_unref(reply); /* as above */
	if (r && r != -EREMOTEIO)
		return say_ping_failed(bus, ping, r, &error);
	*ret_ns = clock_now_ns() - begin;
	return STATUS_OK;
}

static void
say_answer(const struct ping *ping, uint64_t ns)
{
	if (ping->cli->json)
		(void)printf("{\"n\":%llu,\"ns\":%llu}\n", (unsigned long long)ping->n,
			(unsigned long long)ns); /* main() asks whether it was written */
	else
		(void)printf("answer %llu in %.3f ms\n", (unsigned long long)ping->n,
			(double)ns / 1e6); /* as above */
}

static int
compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
say_summary(const struct ping *ping)
{
	if (ping->cli->json || ping->n < 2)
		return;
	qsort(ping->times, ping->n, sizeof(*ping->times), compare_times);
	(void)printf("%llu answers: least %.3f, median %.3f, most %.3f ms\n",
		(unsigned long long)ping->n, (double)ping->times[0] / 1e6,
		(double)ping->times[ping->n / 2] / 1e6,
		(double)ping->times[ping->n - 1] / 1e6); /* main() asks */
}

static int
ping_all(tern_bus *bus, struct ping *ping)
{
	const struct timespec pause = {.tv_sec = (time_t)(ping->interval_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ping->interval_ns % NSEC_PER_SEC)};
	uint64_t ns = 0;
	int r;

	while (ping->n < ping->count) {
		if (ping->n > 0)
			(void)nanosleep(&pause, NULL); /* a signal that does not end it: a shorter one */
		r = call_once(bus, ping, &ns);
		if (r)
			return r;
		ping->times[ping->n++] = ns;
		say_answer(ping, ns);
		if (command_output())
			return STATUS_OTHER;
	}
	return STATUS_OK;
}

static int
run_ping(struct cli *cli)
{
	_cleanup_(ping_deinit) struct ping ping = {
		.cli = cli, .count = 1, .interval_ns = NSEC_PER_SEC, .timeout_ns = TERN_DEFAULT};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = id == OPTION_BAD ? cli->status : read_option(cli, id, &ping);
		if (id == OPTION_BAD || r)
			return r;
	}
	if (!ping.service)
		return command_usage(cli, "SERVICE is missing");
	ping.times = calloc(ping.count, sizeof(*ping.times));
	if (!ping.times)
		return STATUS_OTHER;
	r = connect_bus(cli, &bus);
	if (r == STATUS_OK)
		r = ping_all(bus, &ping);
	say_summary(&ping);
	return r;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_COUNT, 'n', "count", "COUNT", "call so many times; else once"},
	{OPTION_INTERVAL, 'i', "interval", "TIME", "wait so long in between: 0, 250ms; else 1"},
	{OPTION_TIMEOUT, 't', "timeout", "TIME",
		"wait so long for each answer: 2, 250ms, forever; else 25"},
	OPTIONS_OF_ALL,
};

const struct command command_ping = {
	.name = "ping",
	.operands = "SERVICE",
	.summary = "Call a service, and tell how long its answer took.",
	.about = "Any answer counts, also that there is no such member. The first call makes the link\n"
		 "and takes longer. With -j each answer is an object: n, ns.\n"
		 "\n"
		 "examples:\n"
		 "  tern ping org.example.Mixer\n"
		 "  tern ping -n 100 -i 0 :17\n",
	.completes = COMPLETES_SERVICE COMPLETES_NOTHING,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_ping,
};
