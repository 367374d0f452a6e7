/* SPDX-License-Identifier: MIT */

/* mixd: options, and one loop over calls, lost players, the timer and signals */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "mixd.h"

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000, GRACE_MS = 200, GRACE_MAX_MS = 60000 };

static const char usage[] =
	"mixd [-o FILE.wav] [--alsa[=DEVICE]] [--once] [--paused] [--grace MS]\n"
	"\n"
	"Mixes the sound of all players on the bus (mixplay) and is told by mixctl how loud.\n"
	"\n"
	"  -o FILE.wav       write the mix to a file, which is replaced\n"
	"  --alsa[=DEVICE]   play it through a sound card, \"default\" unless said\n"
	"  --once            leave when the last player ended\n"
	"  --paused          do not begin before `mixctl resume`\n"
	"  --grace MS        how long a player without sound may hold up the others (200)\n"
	"\n"
	"Exit status: 0 stopped by SIGTERM, SIGINT or --once; 1 an output failed; 2 wrong usage;\n"
	"3 no bus, or the name " MIXER_INTERFACE " is taken.\n";

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: the clock exists */
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Have the timer ring at a time, unless it rings before that anyway. */
static void
mixd_set_timer(struct mixd *d, uint64_t at_ns)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S),
			.tv_nsec = (long)(at_ns % NS_PER_S)},
	};

	if (d->timer_set <= at_ns)
		return;
	d->timer_set = at_ns;
	(void)timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &when, NULL); /* a valid time */
}

/* End the loop, also from inside a handler: the timer makes tern_next() return. */
static void
mixd_end(struct mixd *d, int error)
{
	d->done = true;
	if (!d->error)
		d->error = error;
	mixd_set_timer(d, 1);
}

static void
mixd_flush(struct mixd *d)
{
	size_t i;
	int r;

	for (i = 0; i < MIXD_SINKS && d->sinks[i]; i++) {
		r = d->sinks[i]->ops->flush(d->sinks[i]);
		if (r)
			mixd_end(d, r);
	}
}

static void
mixd_waiter_free(struct mixd *d, struct mixd_waiter **link)
{
	struct mixd_waiter *waiter = *link;

	*link = waiter->next;
	d->n_waiters--;
	(void)tern_call_unref(waiter->call); /* NULL */
	free(waiter);
}

void
mixd_forget_waiters(struct mixd *d)
{
	struct mixd_waiter **link = &d->waiters;

	while (*link) {
		if (tern_call_is_cancelled((*link)->call))
			mixd_waiter_free(d, link);
		else
			link = &(*link)->next;
	}
}

static void
mixd_answer_waiters(struct mixd *d)
{
	uint64_t position = desk_position(d->desk);
	struct mixd_waiter **link = &d->waiters;

	while (*link) {
		struct mixd_waiter *waiter = *link;

		if (position < waiter->position || desk_n_ready(d->desk) < waiter->n_players) {
			link = &waiter->next;
			continue;
		}
		/* who is gone need not hear it */
		(void)mixer_wait_return(waiter->call, &(struct mixer_wait_reply){.position = position});
		mixd_waiter_free(d, link);
	}
}

void
mixd_run(struct mixd *d)
{
	uint64_t deadline;
	int r;

	r = desk_run(d->desk, now_ns(), &deadline);
	if (r) {
		mixd_end(d, r);
		return;
	}
	mixd_set_timer(d, deadline);
	mixd_show(d);
	if (d->waiters)
		mixd_answer_waiters(d);
	if (desk_players(d->desk))
		return;
	mixd_flush(d);
	if (d->bus_lost || (d->once && d->seen))
		mixd_end(d, 0); /* nobody can come any more, or nobody is to */
}

/* The timer, or a signal. */
static void
mixd_on_descriptor(struct mixd *d, int signals)
{
	struct signalfd_siginfo signal;
	uint64_t n;

	if (read(signals, &signal, sizeof(signal)) > 0)
		mixd_end(d, 0);
	if (read(d->timer, &n, sizeof(n)) > 0)
		d->timer_set = DESK_NEVER;
	if (!d->done)
		mixd_run(d);
}

static int
mixd_loop(struct mixd *d, int signals)
{
	while (!d->done) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(d->bus, TERN_FOREVER, &event);

		if (r == -EINTR)
			continue;
		if (r == -ECONNRESET) { /* the bus is gone; the links to the players are not */
			d->bus_lost = true;
			mixd_run(d);
			continue;
		}
		if (r < 0)
			return r;
		if (event.kind == TERN_FD)
			mixd_on_descriptor(d, signals);
		if (event.kind == TERN_LOST)
			desk_leave(d->desk, event.peer);
		if (event.kind == TERN_LOST || event.kind == TERN_CANCEL) {
			mixd_forget_waiters(d);
			mixd_run(d);
		}
		(void)tern_message_unref(event.message); /* NULL, as the next */
		(void)tern_call_unref(event.call);
	}
	return 0;
}

/* Mix until the end; then everything that plays is ended, and told so. */
static int
mixd_play_on(struct mixd *d)
{
	tern_watch *watches[2];
	sigset_t mask;
	int signals, r;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL); /* valid arguments, all four */
	signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (signals < 0 || d->timer < 0)
		return -errno;
	r = tern_watch_fd(d->bus, signals, POLLIN, NULL, NULL, &watches[0]);
	if (r < 0)
		return r;
	r = tern_watch_fd(d->bus, d->timer, POLLIN, NULL, NULL, &watches[1]);
	if (r < 0)
		return r;

	r = mixd_loop(d, signals);
	desk_stop(d->desk);
	mixd_flush(d);
	while (d->waiters) {
		(void)mixer_dropped_return(d->waiters->call, NULL, "the mixer ends");
		mixd_waiter_free(d, &d->waiters);
	}
	(void)tern_watch_free(watches[1]); /* NULL, as the next */
	(void)tern_watch_free(watches[0]);
	(void)close(d->timer);
	(void)close(signals);
	return r;
}

static int
mixd_fail(const char *what, const char *why, int status)
{
	fprintf(stderr, "mixd: %s%s%s\n", what, *what ? ": " : "", why);
	return status;
}

/* The service, its states, and the topic that is not a player's. */
static int
mixd_begin(struct mixd *d)
{
	static const char *const tags[] = {"mixer", DESK_ALL, NULL};
	int r;

	d->server = (struct mixer_server){.ops = &mixd_methods, .user = d};
	d->master_changed = d->volumes_changed = true;
	r = mixer_serve(d->bus, MIXER_INTERFACE, &d->server, &d->service);
	if (!r)
		r = mixer_volume_changed_topic(d->bus, tags, &d->volume_for_all);
	if (!r)
		r = mixer_master_keep(d->service, 64, &d->master);
	if (!r)
		r = mixer_volumes_keep(d->service, MIXD_VOLUMES, &d->volumes);
	if (!r)
		mixd_show(d);
	return r;
}

/* Serve on a bus that is open.  Return: the exit status. */
static int
mixd_serve(struct mixd *d)
{
	int r, status = 0;

	r = mixd_begin(d);
	if (r < 0)
		status = mixd_fail(MIXER_INTERFACE, tern_last_error()->text, 3);
	else
		r = mixd_play_on(d);
	(void)tern_state_free(d->volumes); /* NULL, as all here */
	(void)tern_state_free(d->master);
	(void)tern_topic_free(d->volume_for_all);
	(void)tern_service_free(d->service);
	if (status)
		return status;
	if (r < 0 || d->bus_lost)
		return mixd_fail("the bus is gone", strerror(r < 0 ? -r : ECONNRESET), 3);
	return d->error ? mixd_fail("output", strerror(-d->error), 1) : 0;
}

static int
mixd_main(struct mixd *d)
{
	int r, status;

	r = tern_open(NULL, &d->bus);
	if (r < 0)
		return mixd_fail("", tern_last_error()->text, 3);
	status = mixd_serve(d);
	(void)tern_close(d->bus); /* NULL */
	return status;
}

static int
mixd_add_sink(struct mixd *d, int option, const char *where)
{
	size_t i = d->sinks[0] ? 1 : 0;
	const char *why = NULL;
	int r;

	if (d->sinks[i])
		return mixd_fail(where, "one output too many", 2);
	if (option == 'o')
		r = sink_new_wav(where, &d->sinks[i]);
	else
		r = sink_new_alsa(where, &d->sinks[i], &why);
	return r ? mixd_fail(where, why ? why : strerror(-r), 1) : 0;
}

static int
mixd_parse(struct mixd *d, int argc, char **argv, bool *ret_paused, unsigned long *ret_grace)
{
	static const struct option options[] = {
		{"alsa", optional_argument, NULL, 'a'},
		{"once", no_argument, NULL, '1'},
		{"paused", no_argument, NULL, 'p'},
		{"grace", required_argument, NULL, 'g'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	char *end;
	int c, r;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(usage, stdout);
			exit(0);
		}
		if (c == '?')
			return 2;
		if (c == '1')
			d->once = true;
		if (c == 'p')
			*ret_paused = true;
		if (c == 'g') {
			*ret_grace = strtoul(optarg, &end, 10);
			if (*end || end == optarg || *ret_grace > GRACE_MAX_MS)
				return mixd_fail(optarg, "not milliseconds, 0 to 60000", 2);
		}
		if (c == 'o' || c == 'a') {
			r = mixd_add_sink(d, c, optarg ? optarg : "default");
			if (r)
				return r;
		}
	}
	if (optind < argc)
		return mixd_fail(argv[optind], "mixd takes options only; see --help", 2);
	return d->sinks[0] ? 0 : mixd_fail("", "where to? -o FILE.wav or --alsa; see --help", 2);
}

int
main(int argc, char **argv)
{
	struct mixd d = {.timer = -1, .timer_set = DESK_NEVER};
	unsigned long grace_ms = GRACE_MS;
	bool paused = false;
	int i, status;

	status = mixd_parse(&d, argc, argv, &paused, &grace_ms);
	if (!status && desk_new(&mixd_ops, &d, (uint64_t)grace_ms * NS_PER_MS, &d.desk) < 0)
		status = mixd_fail("", strerror(ENOMEM), 1);
	if (!status) {
		if (paused)
			(void)desk_pause(d.desk, 0); /* at 0 */
		status = mixd_main(&d);
	}
	(void)desk_free(d.desk); /* NULL */
	for (i = 0; i < MIXD_SINKS; i++) {
		if (d.sinks[i])
			d.sinks[i]->ops->free(d.sinks[i]);
	}
	return status;
}
