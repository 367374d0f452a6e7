/* SPDX-License-Identifier: MIT */

/* take-look: is there anything in the rings? */

#include "base/hook.h"
#include "client/take.h"

static void
found_add(tern_bus *bus, struct partner *partner)
{
	if (partner->round == bus->n_rounds)
		return;
	partner->round = bus->n_rounds;
	partner->round_records = partner->round_bytes = 0;
	assert(bus->n_found < bus->max_found);
	bus->found[bus->n_found++] = partner;
}

bool
take_can_tell(struct partner *partner)
{
	return take_has_lost(partner) && !queue_is_full(partner->bus, partner);
}

/* look_link() - a new link's hello may lie in the socket still, and records beyond it in the ring */
static int
look_link(struct partner *partner)
{
	bool rang;
	int r = 0;

	if (unlikely(!partner->link->ready) && !partner->link->closed && RULE(HELLO_LOOK))
		r = link_read_socket(partner->link, &rang); /* closed: seen below, in the link */
	partner->bus->n_looks++;
	return r < 0 ? r : link_look(partner->link);
}

void
take_look(struct partner *partner)
{
	tern_bus *bus = partner->bus;
	int r = look_link(partner);

	if (r < 0) {
		partner_broke(partner);
		r = 0;
	}
	if (r > 0 || partner->link->closed || take_has_lost(partner))
		found_add(bus, partner);
}

void
take_look_hot(tern_bus *bus)
{
	struct partner *partner, *next;

	for (partner = bus->hot; partner; partner = next) {
		next = partner->next;
		take_look(partner);
		STOP_POINT("look");
	}
}

bool
take_has_news(tern_bus *bus)
{
	struct partner *partner;

	if (take_daemon_spoke(bus))
		return true;
	DL_FOREACH (bus->hot, partner) {
		const struct ring_in *in = &partner->link->in;

		if (partner->link->ready && load_rlx(in->produced) != in->seen) { /* looked at again */
			ring_in_prefetch(in);
			return true;
		}
		if (partner->uncommitted && link_is_committed(partner->link, &partner->head))
			return true;
	}
	return false;
}
