/* SPDX-License-Identifier: MIT */

/* domain: a small table by user id and label; see domain.h */

#include <stdlib.h>
#include <utlist.h>

#include "client/bus.h"
#include "client/domain.h"

static bool
is_of(const struct domain *domain, const struct identity *identity)
{
	return domain->uid == identity->uid && strcmp(domain->label, identity->label) == 0;
}

/* --- users --- */

static struct user *
user_get(tern_bus *bus, uint32_t uid)
{
	struct user *user;

	DL_FOREACH (bus->users, user) {
		if (user->uid != uid)
			continue;
		user->refs++;
		return user;
	}
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->refs = 1;
	user->uid = uid;
	shares_init(&user->shares, &bus->endpoint.budgets);
	DL_APPEND(bus->users, user);
	return user;
}

static struct user *
user_unref(tern_bus *bus, struct user *user)
{
	if (user && --user->refs == 0) {
		DL_DELETE(bus->users, user);
		free(user);
	}
	return NULL;
}

/* --- domains --- */

struct domain *
domain_get(tern_bus *bus, const struct identity *identity, bool is_own)
{
	struct domain *domain;
	uint32_t n = 0;

	if (is_own)
		return &bus->own;
	DL_FOREACH (bus->domains, domain) {
		if (is_of(domain, identity))
			return domain_ref(bus, domain);
		n++;
	}
	domain = n < MAX_DOMAINS ? calloc(1, sizeof(*domain)) : NULL;
	if (!domain)
		return NULL;
	domain->refs = 1;
	domain->uid = identity->uid;
	memcpy(domain->label, identity->label, sizeof(domain->label));
	domain->user = user_get(bus, identity->uid);
	if (!domain->user) {
		free(domain);
		return NULL;
	}
	domain->pool = POOL_INIT(&bus->endpoint);
	DL_APPEND(bus->domains, domain);
	return domain;
}

struct domain *
domain_ref(tern_bus *bus, struct domain *domain)
{
	domain->refs += domain != &bus->own;
	return domain;
}

struct domain *
domain_unref(tern_bus *bus, struct domain *domain)
{
	if (!domain || domain == &bus->own || --domain->refs > 0)
		return NULL;
	DL_DELETE(bus->domains, domain);
	pool_deinit(&domain->pool);
	(void)user_unref(bus, domain->user); /* always NULL */
	free(domain);
	return NULL;
}
