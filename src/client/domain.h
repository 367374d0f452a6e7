/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * domain: the trust domains of the partners, each with a pool for the events it may see
 *
 * What lies in a segment can be read by whoever maps it, for as long as he likes. So what is published
 * is written once for each domain that hears it, into memory that no other domain is ever shown. The own
 * domain is part of the handle; another one is there while it has partners or somebody publishes to it.
 *
 * Two partners are of one domain when user id and label are the same. The own user in another user
 * namespace is not the own domain.
 */

#include <stdint.h>

#include "io/identity.h"
#include "link/link.h"
#include "tern/tern.h"

#define MAX_DOMAINS 256u /* other users with links at a time; those beyond get no events with lent parts */

/* Another user. What his programs make this one hold is counted for all of his domains together. */
struct user {
	struct user *prev, *next; /* bus->users */
	uint32_t refs;
	uint32_t uid;
	struct shares shares;
};

struct domain {
	struct domain *prev, *next; /* bus->domains */
	uint32_t refs;              /* of the own domain not counted */
	uint32_t uid;
	char label[IDENTITY_LABEL_SIZE];
	struct user *user; /* counted; NULL: the own domain */
	struct pool pool;
	uint64_t kept_bytes; /* of events that wait for its partners (backlog.h) */
	size_t slot; /* where a publish keeps this domain's copy; a hint */
};

/* domain_get() - the domain of such a partner, with a reference. NULL: too many, or no memory. */
struct domain *domain_get(tern_bus *bus, const struct identity *identity, bool is_own);
struct domain *domain_ref(tern_bus *bus, struct domain *domain);
/* domain_unref() - the last one frees its pool; what is still lent goes with its last reader. Returns NULL. */
struct domain *domain_unref(tern_bus *bus, struct domain *domain);
