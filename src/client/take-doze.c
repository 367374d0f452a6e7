/* SPDX-License-Identifier: MIT */

/* take-doze: links that are not looked at: all of them for a sleep, those without traffic for long */

#include "base/atomic.h"
#include "base/hook.h"
#include "client/take.h"

/* can_take() - something in the ring, and if it is shared, committed */
static bool
can_take(struct partner *partner)
{
	int r = link_look(partner->link);

	partner->bus->n_looks++;
	if (r < 0 || partner->link->closed)
		return true; /* the round sees to it */
	if (take_can_tell(partner))
		return true;
	if (r == 0 || queue_is_full(partner->bus, partner))
		return false;
	if (!partner->has_head) {
		r = link_peek(partner->link, &partner->head);
		if (r <= 0)
			return r < 0;
		partner->has_head = true;
		partner->head_seen = 0;
	}
	return link_is_committed(partner->link, &partner->head);
}

void
take_heat_all(tern_bus *bus)
{
	struct partner *partner;

	if (!bus->dozing)
		return;
	bus->dozing = false;
	if (!RULE(HEAT_ALL))
		return;
	DL_FOREACH (bus->hot, partner)
		if (partner->link->attention == ATTENTION_DOZING)
			link_attend(partner->link, ATTENTION_HOT);
}

bool
take_doze(tern_bus *bus)
{
	struct partner *partner;
	bool found = false;

	if (bus->to_self.n || take_daemon_spoke(bus) || load_rlx(&bus->kicked)) {
		store_rlx(&bus->kicked, 0); /* a round follows */
		return false;
	}
	STOP_POINT("before-doze");
	DL_FOREACH (bus->hot, partner) {
		if (RULE(PUBLISH_ROOM))
			link_publish(partner->link);
		if (partner->link->attention == ATTENTION_HOT)
			link_attend(partner->link, ATTENTION_DOZING);
	}
	bus->dozing = true;
	STOP_POINT("dozing");
	/*
	 * Attention must be visible before the last look: a sender pushes, fences and reads attention. With
	 * both fences one of the two sees the other (A1, A2); release and acquire do not give that.
	 */
	if (RULE(SLEEP_FENCE))
		fence_seq();
	if (!RULE(SLEEP_LOOK))
		return true;
	DL_FOREACH (bus->hot, partner)
		found = found || can_take(partner);
	if (take_daemon_spoke(bus))
		found = true;
	STOP_POINT("doze-looked");
	if (found)
		take_heat_all(bus);
	HOOK_DRAIN(SLEEP_FENCE);
	return !found;
}

void
take_chill_idle(tern_bus *bus)
{
	struct partner *partner, *before, *chilled = NULL;
	uint32_t n_idle = bus->n_hot;

	STOP_POINT("before-chill");
	for (partner = bus->hot ? bus->hot->prev : NULL; partner && n_idle > HOOK_MAX_HOT(MAX_HOT); partner = before) {
		before = partner == bus->hot ? NULL : partner->prev;
		if (!partner->link->ready || partner->link->closed)
			continue;
		n_idle--;
		if (RULE(UNCOMMITTED_HOT) && !ring_in_is_empty(&partner->link->in))
			continue;
		link_publish(partner->link);
		partner_chill(partner);
		chilled = chilled ? chilled : partner;
	}
	if (!chilled || !RULE(CHILL_LOOK))
		return;
	fence_seq(); /* as in take_doze(): announced, fenced, looked at once more */
	for (partner = bus->cold; partner; partner = before) {
		bool last = partner == chilled;

		bus->n_looks++;
		before = partner->next;
		if (RULE(UNCOMMITTED_HOT) ? link_look(partner->link) != 0 || take_has_lost(partner)
					  : can_take(partner)) {
			partner_heat(partner);
			take_look(partner);
		}
		if (last)
			break;
	}
}
