/* SPDX-License-Identifier: MIT */
#pragma once

/* offer: what a service says it offers, asked of the service itself */

#include <tern/bus.h>

#include "interface/interface.h"

enum {
	OFFER_E_NONE = 1, /* it says nothing */
	OFFER_E_INVALID,  /* what it says is no interface: see the fault */
};

/**
 * offer_get() - the interface of a service, by its member tern.Interface
 * @ret: the caller's, interface_free()
 * @ret_fault: set with OFFER_E_INVALID; may be NULL
 *
 * What the service sends is anybody's text, parsed as such; with all limits of interface_parse().
 *
 * Return: 0; OFFER_E_*; -ENXIO no such service; what tern_send() and tern_call_wait() return.
 * Threads: any.  Blocks: up to @timeout_ns.
 */
int offer_get(tern_bus *bus, const char *service, uint64_t timeout_ns, struct interface **ret,
	struct interface_fault *ret_fault);

/* offer_get_text() - the same, as it was given: anybody's; @ret is the caller's to free() */
int offer_get_text(tern_bus *bus, const char *service, uint64_t timeout_ns, char **ret);
