/* SPDX-License-Identifier: MIT */

/* sender: see sender.h */

#include <stdlib.h>
#include <string.h>

#include "client/daemon.h"
#include "client/sender.h"
#include "wire/name.h"

static bool
is_name(const struct sender *sender)
{
	return sender->text && name_check(sender->text, strlen(sender->text), NULL) == 0;
}

int
sender_init(struct sender *sender, const char *text)
{
	sender->text = text ? strdup(text) : NULL;
	return text && !sender->text ? -ENOMEM : 0;
}

void
sender_deinit(struct sender *sender)
{
	free(sender->text);
	sender->text = NULL;
}

int
sender_follow(tern_bus *bus, struct sender *sender)
{
	const char *tags[] = {sender->text, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = "tern", .tags = tags};

	if (!is_name(sender))
		return 0; /* what is wrong with it is told with the rule itself */
	sender->rule = ++bus->last_rule;
	return daemon_rule_add(bus, sender->rule, &rule);
}

void
sender_unfollow(tern_bus *bus, struct sender *sender)
{
	if (sender->rule)
		(void)daemon_rule_remove(bus, sender->rule, true); /* without a subscription it is heard in vain */
	sender->rule = 0;
}

/* --- former owners --- */

/* is_old() - was it pushed, or dropped, before its sender had lost the name? */
static bool
is_old(const struct former_owner *former, const struct origin *origin)
{
	if (!origin->partner)
		return origin->stamp <= former->position;
	if (!origin->partner->in_table)
		return true; /* it has another link, and this one is drained to where its end was */
	if (origin->partner->link->in.tail > former->position)
		return false;
	return !origin->n_dropped || origin->partner->lost_told - origin->n_dropped < former->lost;
}

/* is_heard() - nothing of it is left that counts */
static bool
is_heard(tern_bus *bus, const struct former_owner *former)
{
	const struct partner *partner = partner_find(bus, former->peer);

	if (former->peer == bus->id)
		return bus->to_self.n == 0;
	return !partner || (partner->link->in.tail >= former->position && partner->lost_told >= former->lost);
}

static void
formers_remove(struct sender *sender, uint32_t i)
{
	sender->n_formers--;
	memmove(&sender->formers[i], &sender->formers[i + 1],
		(sender->n_formers - i) * sizeof(sender->formers[0]));
}

static void
former_note(tern_bus *bus, struct former_owner *former)
{
	struct partner *partner = partner_find(bus, former->peer);

	if (former->peer == bus->id)
		former->position = bus->to_self_stamp;
	if (!partner)
		return;
	if (!partner->link->ready)
		take_hello(partner); /* it may have pushed behind its hello */
	former->position = link_produced(partner->link);
	former->lost = link_lost(partner->link);
}

/* retire() - from here on it is not the owner any more. Return: false, the oldest was forgotten. */
static bool
retire(tern_bus *bus, struct sender *sender, tern_peer peer)
{
	bool all = true;

	for (uint32_t i = sender->n_formers; i-- > 0;)
		if (sender->formers[i].peer == peer || is_heard(bus, &sender->formers[i]))
			formers_remove(sender, i);
	if (sender->n_formers == SENDER_FORMERS) {
		formers_remove(sender, 0);
		all = false;
	}
	sender->formers[sender->n_formers] = (struct former_owner){.peer = peer};
	former_note(bus, &sender->formers[sender->n_formers++]);
	return all;
}

/* --- matching --- */

static int
name_matches(tern_bus *bus, const struct sender *sender, const struct origin *origin)
{
	tern_peer owner;
	int r;

	if (origin->peer == sender->owner)
		return 1;
	for (uint32_t i = 0; i < sender->n_formers; i++)
		if (sender->formers[i].peer == origin->peer && is_old(&sender->formers[i], origin))
			return 1;
	r = daemon_owner(bus, sender->text, &owner); /* asks the tables alone: ternd's answer comes to this thread */
	if (r == -EAGAIN)
		return r;
	return r == 0 && owner == origin->peer;
}

int
sender_matches(tern_bus *bus, const struct sender *sender, const struct origin *origin)
{
	if (!sender->text)
		return 1;
	if (strcmp(sender->text, "tern") == 0)
		return origin->peer == TERN_PEER_BUS;
	if (sender->text[0] == ':')
		return strtoull(sender->text + 1, NULL, 10) == origin->peer;
	return name_matches(bus, sender, origin);
}

bool
sender_changed(tern_bus *bus, struct sender *sender, const char *name, size_t size, tern_peer old, tern_peer new)
{
	tern_peer before = sender->owner;
	bool all = true;

	if (!sender->rule || strlen(sender->text) != size || memcmp(sender->text, name, size) != 0)
		return true;
	if (old && old != new)
		all = retire(bus, sender, old);
	if (before && before != old && before != new)
		all &= retire(bus, sender, before);
	sender->owner = new;
	return all;
}

bool
sender_uncertain(tern_bus *bus, struct sender *sender)
{
	if (!sender->rule)
		return false;
	if (sender->owner)
		(void)retire(bus, sender, sender->owner); /* who is missed: the caller tells anyway */
	sender->owner = 0;
	return true;
}
