/* SPDX-License-Identifier: MIT */

/*
 * call-table: the calls that are under way
 *
 * Each stands at its serial modulo the table's size, in the list by deadline, and in that of its partner.
 */

#include <stdlib.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"

/* call_link_deadline() - into the list that is soonest first; most are the last */
static void
call_link_deadline(tern_call *call)
{
	tern_call *head = call->bus->deadlines, *at;

	if (!head || head->soon_prev->deadline <= call->deadline) {
		DL_APPEND2(call->bus->deadlines, call, soon_prev, soon_next);
		return;
	}
	for (at = head; at->deadline <= call->deadline; at = at->soon_next)
		;
	DL_PREPEND_ELEM2(call->bus->deadlines, at, call, soon_prev, soon_next);
}

/* calls_place() - where a call of this serial is, if it is there */
static tern_call **
calls_place(tern_bus *bus, uint64_t serial)
{
	return &bus->calls[serial & (bus->max_calls - 1)];
}

/* calls_grow() - to at most half full; serials that differed in the lower bits still do */
static int
calls_grow(tern_bus *bus)
{
	size_t max = MAX(2 * bus->max_calls, (size_t)16), n = bus->max_calls;
	tern_call **old = bus->calls, **calls = calloc(max, sizeof(tern_call *));

	if (!calls)
		return error_errno(-ENOMEM, "call");
	bus->calls = calls;
	bus->max_calls = max;
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*calls_place(bus, old[i]->serial) = old[i];
	free(old);
	return 0;
}

/* calls_add() - under the next serial whose place is free */
static int
calls_add(tern_bus *bus, tern_call *call)
{
	if (2 * bus->n_calls >= bus->max_calls && calls_grow(bus) < 0)
		return -ENOMEM;
	do {
		call->serial = ++bus->last_serial;
	} while (*calls_place(bus, call->serial));
	*calls_place(bus, call->serial) = call;
	bus->n_calls++;
	return 0;
}

tern_call *
calls_find(tern_bus *bus, uint64_t serial)
{
	tern_call *call = bus->max_calls ? *calls_place(bus, serial) : NULL;

	return call && call->serial == serial ? call : NULL;
}

int
call_link(tern_call *call)
{
	if (calls_add(call->bus, call) < 0)
		return -ENOMEM;
	call_link_deadline(call);
	if (call->partner)
		DL_APPEND(call->partner->calls, call);
	call->sent = true;
	store_rlx(&call->refs, 2); /* the table's too; nobody else knows of it yet */
	return 0;
}

bool
call_take_out(tern_call *call)
{
	tern_bus *bus = call->bus;

	if (!call->sent)
		return false;
	call->sent = false;
	*calls_place(bus, call->serial) = NULL;
	bus->n_calls--;
	DL_DELETE2(bus->deadlines, call, soon_prev, soon_next);
	if (call->partner)
		DL_DELETE(call->partner->calls, call);
	if (unlikely(call->starting))
		daemon_start_forget(call);
	return true;
}

void
call_unlink(tern_call *call)
{
	if (call_take_out(call))
		(void)call_unref_locked(call); /* always NULL */
}
