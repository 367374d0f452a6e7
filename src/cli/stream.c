/* SPDX-License-Identifier: MIT */

/* stream: see stream.h */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/payload.h"
#include "cli/stream.h"

/* What the helpers need; it outlives the call, for they may be asleep in the kernel when that is over. */
struct helped {
	const struct stream_order *order;
	tern_call *call;
	_Atomic int status; /* of the lines */
};

/* put_line() - Return: go on? */
static bool
put_line(struct helped *helped, char *line)
{
	_cleanup_(message_unrefp) tern_message *part = NULL;
	int r;

	if (tern_message_new_part(helped->call, &part) < 0)
		return false;
	r = helped->order->fill(part, line, helped->order->user);
	if (r) {
		atomic_store(&helped->status, r);
		(void)tern_call_cancel(helped->call); /* over already: as good */
		return false;
	}
	return tern_call_put_message(part, TERN_DEFAULT, 0) == 0; /* else who waits is told, too */
}

static void *
put_lines(void *user)
{
	struct helped *helped = user;
	char *line = NULL;
	size_t space = 0;
	ssize_t n;
	bool goes_on = true;

	while (goes_on && (n = getline(&line, &space, stdin)) >= 0) {
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		goes_on = line[0] == '\0' || put_line(helped, line);
	}
	free(line);
	if (goes_on)
		(void)tern_call_end(helped->call); /* over already: as good */
	return NULL;
}

static void *
wait_interrupt(void *user)
{
	struct helped *helped = user;
	sigset_t set;
	int number;

	(void)sigemptyset(&set); /* valid, as the next two */
	(void)sigaddset(&set, SIGINT);
	(void)sigwait(&set, &number);
	atomic_store(&helped->status, 128 + SIGINT);
	(void)tern_call_cancel(helped->call); /* over already: as good */
	return NULL;
}

/* start() - the helpers; they go with the process */
static int
start(struct helped *helped)
{
	pthread_t thread;
	sigset_t set;

	(void)sigemptyset(&set); /* valid, as the next */
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* here and in all that follow */
	if (pthread_create(&thread, NULL, wait_interrupt, helped) != 0)
		return -ENOMEM;
	(void)pthread_detach(thread); /* joinable: cannot fail, as below */
	if (!helped->order->puts)
		return tern_call_end(helped->call);
	if (pthread_create(&thread, NULL, put_lines, helped) != 0)
		return -ENOMEM;
	(void)pthread_detach(thread);
	return 0;
}

/* show_all() - Return: STATUS_*, or a negative errno */
static int
show_all(struct helped *helped, struct tern_error *error)
{
	const struct stream_order *order = helped->order;
	bool is_part = true;
	int r, status = 0;

	while (is_part && status == 0) {
		_cleanup_(message_unrefp) tern_message *m = NULL;

		r = tern_call_wait(helped->call, TERN_DEFAULT, &m, error);
		if (r < 0)
			return r;
		is_part = tern_message_kind(m) == TERN_PART;
		status = order->show(m, order->user);
		if (status == 0)
			status = command_output(); /* nobody reads what comes: the stream is given up */
	}
	return status;
}

int
stream_run(const struct stream_order *order, struct tern_error *error)
{
	static struct helped helped;
	int r;

	helped.order = order;
	r = tern_send(order->call, order->timeout_ns, TERN_STREAM, &helped.call);
	if (r == 0)
		r = start(&helped);
	if (r < 0) {
		*error = *tern_last_error();
		return r;
	}
	r = show_all(&helped, error);
	return atomic_load(&helped.status) ? atomic_load(&helped.status) : r;
}
