/* SPDX-License-Identifier: MIT */

/* worker_events: publishing, hearing, and what must have been heard; see worker.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker.h"

/* --- publishing --- */

void
publish_on(struct worker *worker, uint32_t topic, uint32_t flags, uint64_t size)
{
	struct stamp stamp = {
		.life = worker->life,
		.order = ++worker->orders[0],
		.number = worker->numbers[topic] + 1,
		.topic = topic,
		.size = size,
		.has_fd = dice_is(&worker->dice, 5),
	};
	tern_message *m;
	int r;

	store_rel(&worker->self->begun[topic], stamp.number);
	/*
	 * Who subscribes from now on may read the new number, and need not hear this event; who has read the
	 * old one must. So the number is to be seen before the rules are looked at.
	 */
	fence_seq();
	must_be(tern_message_new_event(worker->topics[topic], &m), 0);
	r = stamp_write(&stamp, m, dice_is(&worker->dice, 30));
	if (r == 0)
		r = tern_publish_message(m, flags);
	if (r < 0)
		must_be(r, -EAGAIN); /* nobody has it: the number is the next one's */
	else
		worker->numbers[topic] = stamp.number;
	(void)tern_message_unref(m); /* always NULL */
}

void
publish_any(struct worker *worker)
{
	uint32_t flags = (dice_is(&worker->dice, 30) ? TERN_NONBLOCK : 0) |
		(dice_is(&worker->dice, 40) ? TERN_BATCH : 0);
	uint32_t n = dice_is(&worker->dice, 10) ? dice_below(&worker->dice, 60) : 1;
	uint32_t topic = dice_below(&worker->dice, N_TOPICS);

	for (uint32_t i = 0; i < n; i++)
		publish_on(worker, topic, flags, random_size(&worker->dice));
}

/* --- hearing --- */

void
order_came(struct worker *worker, const struct stamp *stamp, bool styled, bool again)
{
	uint64_t *last;

	must(stamp->life < MAX_LIVES && stamp->stream < N_STREAMS);
	if (!stamp->order)
		return;
	last = &worker->came[stamp->life][stamp->stream][styled];
	must(stamp->order > *last || (again && stamp->order == *last));
	*last = stamp->order;
}

/* sub_told() - how many gaps tell of, that may have been this life's */
static bool
is_told(const struct sub *sub, const struct heard *heard, uint64_t missing)
{
	return sub->worker->habit == HABIT_LATEST || sub->is_over || missing <= (sub->styled ? sub->told : heard->told);
}

static void
heard(struct sub *sub, tern_message *m)
{
	struct worker *worker = sub->worker;
	struct stamp stamp;
	struct heard *of;
	uint64_t before;

	if (tern_message_sender(m) == TERN_PEER_BUS || tern_message_version(m))
		return; /* a name, or a value; who has no tags hears those too */
	stamp_read(&stamp, m);
	must(stamp.life < MAX_LIVES && stamp.topic < N_TOPICS);
	must_be(tern_message_sender(m), load_acq(&worker->world->lives[stamp.life].peer));
	must_be(topic_mask((uint32_t)stamp.topic) & sub->mask, sub->mask);
	must(sub->sender == MAX_LIVES || sub->sender == stamp.life);
	if (worker->habit != HABIT_KEEP && worker->habit != HABIT_LATEST)
		order_came(worker, &stamp, sub->styled, true);
	must(!sub->is_over);
	of = &sub->heard[stamp.life];
	must(stamp.number > of->last[stamp.topic]); /* neither twice nor late */
	before = MAX(of->last[stamp.topic], of->base[stamp.topic]);
	of->last[stamp.topic] = stamp.number;
	if (stamp.number > before + 1)
		of->missing += stamp.number - before - 1;
	if (!is_told(sub, of, of->missing))
		(void)fprintf(stderr, "worker %u: %llu of life %llu are missing before %llu, told %llu\n",
			worker->number, (unsigned long long)of->missing, (unsigned long long)stamp.life,
			(unsigned long long)stamp.number, (unsigned long long)(sub->styled ? sub->told : of->told));
	must(is_told(sub, of, of->missing));
	count_one(worker, COUNT_EVENTS);
	keep(worker, m, &stamp);
}

static void
gap_told(struct sub *sub)
{
	must(!sub->is_over);
	sub->is_over = sub->worker->habit == HABIT_DISCONNECT;
	count_one(sub->worker, COUNT_GAPS);
}

static void
on_event(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct sub *sub = user;

	must(sub->subscription == s);
	if (m) {
		heard(sub, m);
		return;
	}
	must(lost > 0);
	sub->told += lost;
	gap_told(sub);
}

static struct sub *
sub_of(struct worker *worker, const tern_subscription *s)
{
	for (size_t i = 0; i < MAX_SUBS; i++)
		if (worker->subs[i].subscription == s && s)
			return &worker->subs[i];
	must(!"a subscription of ours");
	return NULL;
}

void
event_came(struct worker *worker, const struct tern_event *event)
{
	struct sub *sub = sub_of(worker, event->subscription);

	must(!sub->styled);
	must_be(event->peer, tern_message_sender(event->message));
	heard(sub, event->message);
}

void
gap_came(struct worker *worker, const struct tern_event *event)
{
	struct sub *sub = sub_of(worker, event->subscription);
	uint32_t n = load_acq(&worker->world->n_lives);

	must(!sub->styled && event->lost > 0);
	for (uint32_t i = 0; i < n; i++)
		if (load_acq(&worker->world->lives[i].peer) == event->peer)
			sub->heard[i].told += event->lost;
	gap_told(sub);
}

/* --- subscriptions --- */

void
unsubscribe(struct sub *sub)
{
	sub->subscription = tern_subscription_free(sub->subscription);
	free(sub->heard);
	sub->heard = NULL;
}

/* sub_begin() - what was begun before now may be missing */
static void
sub_begin(struct sub *sub)
{
	const struct world *world = sub->worker->world;
	uint32_t n = load_acq(&world->n_lives);

	sub->heard = calloc(MAX_LIVES, sizeof(*sub->heard));
	must(sub->heard != NULL);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t topic = 0; topic < N_TOPICS; topic++)
			sub->heard[i].base[topic] = load_acq(&world->lives[i].begun[topic]);
}

void
subscribe_any(struct worker *worker)
{
	static const uint32_t policies[][3] = {
		[HABIT_USUAL] = {TERN_WAIT, TERN_DROP_NEWEST, TERN_DROP_NEWEST},
		[HABIT_KEEP] = {TERN_WAIT, TERN_DROP_NEWEST, TERN_DROP_OLDEST},
		[HABIT_LATEST] = {TERN_LATEST, TERN_LATEST, TERN_LATEST},
		[HABIT_DISCONNECT] = {TERN_DISCONNECT, TERN_DISCONNECT, TERN_DISCONNECT},
	};
	struct sub *sub = &worker->subs[dice_below(&worker->dice, MAX_SUBS)];
	struct tern_rule rule = {.size = sizeof(rule)};
	const char *tags[N_TAGS + 1];
	char sender[32];
	int r;

	if (sub->subscription) {
		unsubscribe(sub);
		return;
	}
	*sub = (struct sub){.worker = worker, .styled = dice_is(&worker->dice, 30)};
	for (uint32_t n = dice_below(&worker->dice, 3); n > 0; n--)
		sub->mask |= 1u << dice_below(&worker->dice, N_TAGS);
	rule.policy = policies[worker->habit][dice_below(&worker->dice, 3)];
	rule.tags = mask_tags(sub->mask, tags);
	sub->sender = dice_is(&worker->dice, 15) ? dice_below(&worker->dice, load_acq(&worker->world->n_lives))
						 : MAX_LIVES;
	if (sub->sender != MAX_LIVES && load_acq(&worker->world->lives[sub->sender].peer) == 0)
		sub->sender = MAX_LIVES; /* it is opening only now */
	if (sub->sender != MAX_LIVES) {
		(void)snprintf(sender, sizeof(sender), ":%llu",
			(unsigned long long)load_acq(&worker->world->lives[sub->sender].peer));
		rule.sender = sender;
	}
	r = tern_subscribe(worker->bus, &rule, sub->styled ? on_event : NULL, sub, &sub->subscription);
	if (r < 0)
		must(r == -ETIME || (r == -ENOTCONN && worker->world->kills)); /* ternd is stopped, or gone */
	else
		sub_begin(sub);
}

/* --- the end --- */

/* is_heard() - all of a life, by one subscription; *total grows by what is missing */
static bool
is_heard(const struct sub *sub, uint32_t number, uint64_t *total)
{
	const struct life *life = &sub->worker->world->lives[number];
	const struct heard *of = &sub->heard[number];
	uint64_t missing = of->missing;

	for (uint32_t topic = 0; topic < N_TOPICS; topic++) {
		uint64_t before = MAX(of->last[topic], of->base[topic]), end = load_acq(&life->begun[topic]);

		if ((topic_mask(topic) & sub->mask) == sub->mask && end > before)
			missing += end - before;
	}
	*total += missing;
	return is_told(sub, of, missing);
}

bool
is_all_heard(struct worker *worker, bool say)
{
	bool all = true;

	for (size_t i = 0; i < MAX_SUBS; i++) {
		struct sub *sub = &worker->subs[i];
		uint32_t n = load_acq(&worker->world->n_lives);
		uint64_t total = 0;

		for (uint32_t life = 0; sub->subscription && life < n; life++) {
			bool heard_it = load_acq(&worker->world->lives[life].state) != LIFE_OPEN ||
				(sub->sender != MAX_LIVES && sub->sender != life) ||
				is_heard(sub, life, &total);

			if (!heard_it && say)
				(void)fprintf(stderr, "worker %u, subscription %zu: of life %u are missing %llu\n",
					worker->number, i, life, (unsigned long long)total);
			all = all && heard_it;
		}
	}
	return all;
}

/* --- messages that stay for a while: what they say must stay too --- */

static void
release_one(struct kept *kept, bool closed)
{
	struct stamp stamp;

	if (!kept->m)
		return;
	if (!closed) { /* else its sender has its memory back */
		stamp_read(&stamp, kept->m);
		must_be(stamp.order, kept->stamp.order);
		must_be(stamp.number, kept->stamp.number);
	}
	kept->m = tern_message_unref(kept->m);
}

void
keep(struct worker *worker, tern_message *m, const struct stamp *stamp)
{
	struct kept *kept = &worker->kept[dice_below(&worker->dice, MAX_KEPT)];

	if (!dice_is(&worker->dice, 20))
		return;
	release_one(kept, false);
	*kept = (struct kept){tern_message_ref(m), *stamp};
}

void
release_kept(struct worker *worker)
{
	for (size_t i = 0; i < MAX_KEPT; i++)
		release_one(&worker->kept[i], worker->bus == NULL);
}
