/* SPDX-License-Identifier: MIT */

/*
 * queue: what was taken in and waits for the program
 *
 * Charge: an item's bytes are charged to its partner, and to the user whose it is, when it is put and returned when it
 * is taken; who has QUEUE_MAX_BYTES or his share in it is not taken from until the program has caught up.
 */

#include <stdlib.h>

#include "client/bus.h"
#include "client/message.h"
#include "client/topic.h"
#include "client/call.h"

void
queue_init(struct queue *queue)
{
	*queue = (struct queue){.last = &queue->first};
}

void
queue_append(struct queue *queue, struct item *item)
{
	item->next = NULL;
	*queue->last = item;
	queue->last = &item->next;
	queue->n++;
}

struct item *
queue_take(struct queue *queue)
{
	struct item *item = queue->first;

	if (!item)
		return NULL;
	queue->first = item->next;
	if (!queue->first)
		queue->last = &queue->first;
	queue->n--;
	return item;
}

/* may_be_short() - may a user have all that he may? Of n, one who has has more than an n+1-th part less what all have. */
static bool
may_be_short(const struct shares *shares)
{
	const struct budget *budget = shares ? shares->of[SHARE_QUEUED].budget : NULL;

	return budget && budget->used > budget->max / (budget->n + budget->expected);
}

static void
item_drop(tern_bus *bus, struct item *item)
{
	if (item->partner) {
		bool was_full = item->partner->queued >= QUEUE_MAX_BYTES || may_be_short(item->partner->link->shares);

		item->partner->queued -= item->bytes;
		shares_give(item->partner->link->shares, SHARE_QUEUED, item->bytes);
		if (was_full)
			lead_kick(bus); /* a leader that sleeps left records in rings */
		(void)partner_unref(item->partner); /* always NULL */
	}
	(void)message_unref_locked(item->message); /* always NULL */
	(void)call_unref_locked(item->call);       /* always NULL */
	(void)topic_unref_locked(item->topic);     /* always NULL */
}

struct item *
item_free(tern_bus *bus, struct item *item)
{
	if (item) {
		item_drop(bus, item);
		(void)spare_put(&bus->spare_items, item); /* NULL */
	}
	return NULL;
}

int
queue_put(tern_bus *bus, const struct item *template)
{
	struct item *item = spare_take(&bus->spare_items, sizeof(*item));

	if (!item) {
		struct item copy = *template;

		copy.partner = NULL; /* nothing was charged */
		item_drop(bus, &copy);
		return -ENOMEM;
	}
	*item = *template;
	if (item->partner) {
		item->bytes = message_weight(item->message);
		item->partner->queued += item->bytes;
		shares_take(item->partner->link->shares, SHARE_QUEUED, item->bytes);
		(void)partner_ref(item->partner); /* itself */
	}
	queue_append(&bus->queue, item);
	lead_queued(bus);
	return 0;
}

void
queue_notice(tern_bus *bus, uint32_t kind, tern_peer peer)
{
	struct item item = {.kind = kind, .peer = peer};

	(void)queue_put(bus, &item); /* out of memory: the loss shows at the next call */
}
