/* SPDX-License-Identifier: MIT */

/* command-monitor: show what is said on the bus, as far as it may be seen */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <tern/error.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/plain.h"
#include "cli/table.h"
#include "cli/traffic-live.h"
#include "cli/traffic-show.h"
#include "cli/traffic-wish.h"

enum {
	OPTION_FULL = OPTION_TRAFFIC_OWN,
};

struct monitor {
	const struct cli *cli;
	struct traffic_wish wish;
	struct live live;
	struct traffic_pairs pairs;
	bool is_full, is_interrupted;
	uint64_t begin;
	uint64_t n_shown, n_of_kind[TRAFFIC_N_KINDS], n_lost;
};

static void
monitor_deinit(struct monitor *m)
{
	traffic_pairs_deinit(&m->pairs);
	live_close(&m->live);
}

static int
show(struct monitor *m, const struct traffic *t, const struct traffic_pair *pair)
{
	struct traffic_words words = {
		.from = live_peer_words(&m->live, t->from),
		.to = t->to ? live_peer_words(&m->live, t->to) : "",
		.pair = pair,
		.is_full = m->is_full,
	};
	char fault[256];
	int r;

	if (live_offers_check(&m->live.offers, m->live.bus, t, pair, fault))
		words.fault = fault;
	r = m->cli->json ? traffic_print_json(stdout, t, &words) : traffic_print(stdout, t, &words);

	if (r < 0)
		return connect_failed("a message cannot be shown", r, NULL);
	return command_output(); /* a reader behind a pipe has it at once */
}

/* one() - of those that came. Return: STATUS_*. */
static int
one(struct monitor *m, const struct traffic *t)
{
	struct traffic_pair pair;

	if (!traffic_match(&m->wish.filter, &m->pairs, t, &pair))
		return STATUS_OK;
	m->n_of_kind[t->kind]++;
	m->n_lost += t->lost;
	m->n_shown += t->kind != TRAFFIC_GAP;
	return show(m, t, &pair);
}

/* ended() - why there is no more. Return: STATUS_*. */
static int
ended(struct monitor *m, int r)
{
	switch (r) {
	case -EINTR:
		m->is_interrupted = true; /* behind the ^C on the terminal */
		return STATUS_OK; /* who watched has seen enough */
	case -ETIME:
		if (m->wish.count == 0)
			return STATUS_OK; /* it was asked to watch so long */
		report("%" PRIu64 " of %" PRIu64 " messages came in time", m->n_shown, m->wish.count);
		return STATUS_TIMEOUT;
	case -ECONNRESET:
		report("the bus at %s is gone, and nobody is left who could be heard", tern_address(m->live.bus));
		return STATUS_LOST;
	default:
		return connect_failed("no more messages", r, NULL);
	}
}

static int
watch(struct monitor *m)
{
	uint64_t end = clock_deadline_ns(clock_now_ns(), m->wish.timeout_ns);
	int r = STATUS_OK;

	while (r == STATUS_OK && (m->wish.count == 0 || m->n_shown < m->wish.count)) {
		uint64_t now = clock_now_ns();
		struct traffic t;

		r = live_next(&m->live, end == UINT64_MAX ? TERN_FOREVER : end > now ? end - now : 0, &t);
		if (r < 0)
			return ended(m, r);
		r = one(m, &t);
	}
	return r;
}

/* say_sum() - for people who look */
static void
say_sum(const struct monitor *m)
{
	double s = (double)(clock_now_ns() - m->begin) / (double)NSEC_PER_SEC;
	static const char *const several[] = {
		[TRAFFIC_CALL] = "calls",
		[TRAFFIC_REPLY] = "replies",
		[TRAFFIC_ERROR] = "errors",
		[TRAFFIC_EVENT] = "events",
		[TRAFFIC_CANCEL] = "cancellations",
		[TRAFFIC_PART] = "parts of streams",
		[TRAFFIC_END] = "ends of streams",
	};
	const char *between = "";

	static_assert(ARRAY_SIZE(several) == TRAFFIC_GAP, "all but gaps");
	(void)printf("%s-- %.1f s:", m->is_interrupted ? "\n" : "", s); /* main() asks whether it was written, as all here */
	for (uint32_t i = 1; i < TRAFFIC_GAP; i++) {
		if (m->n_of_kind[i] == 0)
			continue;
		(void)printf("%s %" PRIu64 " %s", between, m->n_of_kind[i],
			m->n_of_kind[i] == 1 ? traffic_kind_name(i) : several[i]);
		between = ",";
	}
	if (!*between)
		(void)printf(" nothing");
	if (m->n_lost)
		(void)printf("; up to %" PRIu64 " missed", m->n_lost);
	if (traffic_n_open(&m->pairs))
		(void)printf("; %" PRIu64 " calls not answered, or not seen to be", traffic_n_open(&m->pairs));
	(void)putchar('\n');
}

static int
run_monitor(struct cli *cli)
{
	_cleanup_(monitor_deinit) struct monitor m = {.cli = cli, .wish = TRAFFIC_WISH_INIT};
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		m.is_full |= id == OPTION_FULL;
		r = id == OPTION_FULL ? STATUS_OK : traffic_wish_read(cli, id, &m.wish);
		if (r)
			return r;
	}
	m.wish.filter.owns = live_owns;
	m.wish.filter.user = &m.live;
	r = live_open(&m.live, cli, &m.wish.filter);
	if (r)
		return r;
	live_until_interrupted(&m.live);
	traffic_wish_ready(&m.wish);
	m.begin = clock_now_ns();
	r = watch(&m);
	if (!cli->json && table_has_legend(cli))
		say_sum(&m);
	return r;
}

static const struct option_spec OPTIONS[] = {
	OPTIONS_OF_TRAFFIC,
	{OPTION_FULL, 'l', "full", NULL, "values however long they are"},
	OPTION_OF_TABLES,
	OPTIONS_OF_ALL,
};

const struct command command_monitor = {
	.name = "monitor",
	.operands = "[TAG…]",
	.completes = COMPLETES_TAG,
	.summary = "Show what is said on the bus: calls, their answers, events.",
	.about = "All events that have these tags; without tags all there are, and the calls and answers of\n"
		 "programs of the same user (of root: of all). Answers tell how long the call took. With -j\n"
		 "each line is an object: kind, time (since 1970, ns), stamp (host time, ns), from, program,\n"
		 "pid, to, service, member, error, serial, took (ns), tags, type, payload, sizes, cut, fds, fault:\n"
		 "what does not fit the interface of the service, if it has one.\n"
		 "\n"
		 "examples:\n"
		 "  tern monitor\n"
		 "  tern monitor -s org.example.Mixer -k call,error\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_monitor,
};
