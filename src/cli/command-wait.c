/* SPDX-License-Identifier: MIT */

/*
 * command-wait: until services are there, or gone
 *
 * Name events tell it; the names that are there already come first, as events too. Nothing is
 * asked for again and again.
 */

#include <stdio.h>
#include <tern/loop.h>
#include <tern/message.h>
#include <tern/name.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/plain.h"

enum {
	OPTION_TIMEOUT = OPTION_OWN,
	OPTION_GONE,
};

struct waiter {
	tern_bus *bus;
	const char **services; /* n of them, NULL-ended */
	size_t n;
	tern_subscription **subscriptions;
	uint64_t timeout_ns;
	bool gone;
};

static void
waiter_deinit(struct waiter *w)
{
	for (size_t i = 0; w->subscriptions && i < w->n; i++)
		(void)tern_subscription_free(w->subscriptions[i]); /* always NULL */
	free(w->subscriptions);
	free(w->services);
	(void)tern_close(w->bus); /* always NULL */
}

/* missing() - the first service that is not as it should be; NULL: all are */
static const char *
missing(const struct waiter *w)
{
	tern_peer owner;

	for (size_t i = 0; i < w->n; i++)
		if ((tern_lookup(w->bus, w->services[i], &owner) == 0) == w->gone)
			return w->services[i];
	return NULL;
}

/* listen_all() - before anybody looks, so that nothing is missed between */
static int
listen_all(struct waiter *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const char *const tags[] = {w->services[i], NULL};
		const struct tern_rule rule = {.size = sizeof(rule), .sender = "tern", .tags = tags};
		int r = tern_subscribe(w->bus, &rule, NULL, NULL, &w->subscriptions[i]);

		if (r)
			return connect_failed("the names cannot be heard of", r, NULL);
	}
	return STATUS_OK;
}

static int
wait_for(struct waiter *w)
{
	uint64_t end = clock_deadline_ns(clock_now_ns(), w->timeout_ns);
	const char *service;

	while ((service = missing(w))) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t now = clock_now_ns();
		int r = tern_next(w->bus, end == UINT64_MAX ? TERN_FOREVER : end > now ? end - now : 0, &event);

		(void)tern_message_unref(event.message); /* always NULL */
		(void)tern_call_unref(event.call);	 /* always NULL */
		if (r == -ETIME) {
			report("%s is %s", service, w->gone ? "still there" : "not there yet");
			return STATUS_TIMEOUT;
		}
		if (r == -ECONNRESET) {
			report("the bus at %s is gone", tern_address(w->bus));
			return STATUS_LOST;
		}
		if (r)
			return connect_failed("it cannot be waited for", r, NULL);
	}
	return STATUS_OK;
}

static int
read_words(struct cli *cli, struct waiter *w)
{
	size_t most = 0;
	int id, r;

	for (char **word = cli->words.words; *word; word++)
		most++;
	w->services = calloc(most + 1, sizeof(*w->services));
	w->subscriptions = calloc(most + 1, sizeof(*w->subscriptions));
	if (!w->services || !w->subscriptions)
		return STATUS_OTHER;
	while ((id = command_next(cli)) != OPTION_END) {
		r = STATUS_OK;
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_TIMEOUT)
			r = command_duration(cli, &w->timeout_ns);
		else if (id == OPTION_GONE)
			w->gone = true;
		else if (cli->words.value[0] == ':')
			r = command_usage(cli, "numbers such as %s never come back: wait for names", cli->words.value);
		else
			w->services[w->n++] = cli->words.value;
		if (r)
			return r;
	}
	return w->n ? STATUS_OK : command_usage(cli, "SERVICE is missing");
}

/* check_names() - what can be no name would be waited for forever */
static int
check_names(const struct cli *cli, const struct waiter *w)
{
	for (size_t i = 0; i < w->n; i++) {
		tern_message *m = NULL;
		int r = tern_message_new_call(w->bus, w->services[i], "tern.Ping", &m); /* not sent */

		(void)tern_message_unref(m); /* always NULL */
		if (r == -EINVAL)
			return command_usage(cli, "%s", tern_last_error()->text);
	}
	return STATUS_OK;
}

static int
run_wait(struct cli *cli)
{
	_cleanup_(waiter_deinit) struct waiter w = {.timeout_ns = UINT64_MAX};
	int r;

	r = read_words(cli, &w);
	if (r == STATUS_OK)
		r = connect_bus(cli, &w.bus);
	if (r == STATUS_OK)
		r = check_names(cli, &w);
	if (r == STATUS_OK)
		r = listen_all(&w);
	return r ? r : wait_for(&w);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "give up after this time: 2, 250ms, 1h; else never"},
	{OPTION_GONE, 'g', "gone", NULL, "wait until none of them is there"},
	{OPTION_BUS, 0, "bus", "ADDRESS", "the bus to use: unix:PATH"},
	OPTION_OF_HELP,
};

const struct command command_wait = {
	.name = "wait",
	.operands = "SERVICE…",
	.summary = "Wait until all these services are there.",
	.about = "The bus tells it the moment that they are; nothing is asked for meanwhile. With a\n"
		 "time-out it is exit status 4 if they did not come.\n"
		 "\n"
		 "examples:\n"
		 "  tern wait org.example.Mixer -t 5 && tern call org.example.Mixer List\n",
	.completes = COMPLETES_SERVICE,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_wait,
};
