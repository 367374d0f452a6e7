/* SPDX-License-Identifier: MIT */

/* worker_streams: parts there, and the same number of them back; see worker.h */

#include <errno.h>

#include "worker.h"

#define STREAM_NS UINT64_C(100000000) /* two that stream to each other wait for nothing */
#define PUT_NS	  UINT64_C(5000000)

enum { MAX_PARTS = 60 };

/* may_end() - 0, or how a stream may end where others die, are slow, or wait for each other */
static int
may_end(int r)
{
	if (r != -ECANCELED && r != -EPIPE && r != -ECONNRESET && r != -ENODATA && r != -EALREADY && r != -ESHUTDOWN)
		(void)may_fail(r);
	return r;
}

static int
put(struct worker *worker, tern_call *call, const struct stamp *stamp, uint64_t timeout)
{
	tern_message *part;
	int r = may_end(tern_message_new_part(call, &part));

	if (r < 0)
		return r;
	r = stamp_write(stamp, part, dice_is(&worker->dice, 30));
	if (r == 0)
		r = tern_call_put_message(part, timeout, dice_is(&worker->dice, 40) ? TERN_BATCH : 0);
	(void)tern_message_unref(part); /* always NULL */
	return may_end(r);
}

/* --- the service's side --- */

static void
flow_end(struct flow *flow)
{
	(void)tern_call_unref(flow->call); /* always NULL */
	*flow = (struct flow){0};
}

void
flows_end(struct worker *worker)
{
	for (size_t i = 0; i < MAX_FLOWS; i++)
		if (worker->flows[i].call)
			flow_end(&worker->flows[i]);
}

/* part_came() - it goes back. Return: false, the caller does not take it. */
static bool
part_came(struct flow *flow, tern_message *m)
{
	struct stamp stamp;

	stamp_read(&stamp, m);
	must_be(stamp.life, flow->life);
	must_be(stamp.number, ++flow->n_parts);
	count_one(flow->worker, COUNT_PARTS);
	stamp.size = random_size(&flow->worker->dice);
	return put(flow->worker, flow->call, &stamp, PUT_NS) == 0;
}

static void
on_part(tern_call *call, const struct tern_event *event, void *user)
{
	struct flow *flow = user;

	must(flow->call == call);
	if (event->kind == TERN_WRITABLE || (event->kind == TERN_PART && part_came(flow, event->message)))
		return;
	if (event->kind == TERN_PART)
		(void)may_end(tern_reply_error(call, "org.example.Soak.Slow", "take what comes"));
	else if (event->kind == TERN_END)
		(void)may_end(tern_reply(call, "u", flow->n_parts));
	else
		must_be(event->kind, TERN_CANCEL);
	flow_end(flow);
}

int
stream_came(struct worker *worker, tern_call *call, tern_message *m)
{
	struct stamp stamp;

	stamp_read(&stamp, m);
	must(stamp.life < MAX_LIVES);
	must_be(tern_call_sender(call), load_acq(&worker->world->lives[stamp.life].peer));
	for (size_t i = 0; i < MAX_FLOWS; i++) {
		struct flow *flow = &worker->flows[i];

		if (flow->call)
			continue;
		*flow = (struct flow){.worker = worker, .call = tern_call_ref(call), .life = stamp.life};
		must_be(tern_call_follow(call, on_part, flow), 0);
		return 0;
	}
	return 0; /* no place: dropped, which answers it */
}

/* --- the caller's --- */

/* take_back() - what was put, and then how many those were */
static void
take_back(struct worker *worker, tern_call *call, uint64_t n)
{
	tern_message *m;
	uint64_t came = 0, told;
	struct stamp stamp;

	while (may_end(tern_call_wait(call, TERN_DEFAULT, &m, NULL)) == 0) {
		bool is_part = tern_message_kind(m) == TERN_PART;

		if (is_part) {
			stamp_read(&stamp, m);
			must_be(stamp.life, worker->life);
			must_be(stamp.number, ++came);
			count_one(worker, COUNT_PARTS);
		} else {
			must_be(tern_message_unpack(m, "u", &told), 0);
			must_be(told, n);
			must_be(came, n);
		}
		(void)tern_message_unref(m); /* always NULL */
		if (!is_part)
			return;
	}
}

void
stream_any(struct worker *worker)
{
	struct stamp stamp = {.life = worker->life};
	char storage[32];
	const char *service = somebody(worker, &worker->dice, storage, sizeof(storage));
	uint64_t n = dice_below(&worker->dice, MAX_PARTS);
	tern_message *m;
	tern_call *call;
	int r;

	if (is_own(worker, service) || may_fail(tern_message_new_call(worker->bus, service, "Do", &m)) < 0)
		return;
	must_be(stamp_write(&stamp, m, false), 0);
	r = may_fail(tern_send(m, STREAM_NS, TERN_STREAM, &call));
	(void)tern_message_unref(m); /* always NULL */
	if (r < 0)
		return;
	while (r == 0 && stamp.number < n) {
		stamp.number++;
		stamp.size = random_size(&worker->dice);
		r = put(worker, call, &stamp, TERN_DEFAULT);
	}
	if (r == 0 && may_end(tern_call_end(call)) == 0)
		take_back(worker, call, n);
	(void)tern_call_unref(call); /* always NULL */
}
