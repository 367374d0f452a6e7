/* SPDX-License-Identifier: MIT */

/* quota: counts per user id; see the header */

#include "bus/quota.h"

static const uint64_t DEFAULTS[N_QUOTA] = {
	[QUOTA_PEERS] = 10 << 10,
	[QUOTA_NAMES] = 16 << 10,
	[QUOTA_RULES] = 16 << 10,
	[QUOTA_LINKS] = 64 << 10,
	[QUOTA_BYTES] = 64 << 20,
	[QUOTA_FDS] = 16 << 10,
	[QUOTA_HALF_OPEN] = 256,
	[QUOTA_STARTS] = 256,
};

uint64_t
quota_default(enum quota_kind kind)
{
	return DEFAULTS[kind];
}

void
quota_init(struct quota *quota)
{
	*quota = (struct quota){0};
	memcpy(quota->limits, DEFAULTS, sizeof(DEFAULTS));
	for (enum quota_kind kind = 0; kind < N_QUOTA; kind++)
		quota->budgets[kind] = (struct budget){.max = UINT64_MAX, .expected = 1};
	quota->budgets[QUOTA_BYTES].max = 512 << 20;
}

void
quota_deinit(struct quota *quota)
{
	assert(!quota->users);
}

int
quota_user_get(struct quota *quota, uint32_t uid, struct quota_user **ret)
{
	struct quota_user *user;

	HASH_FIND(hh, quota->users, &uid, sizeof(uid), user);
	if (!user) {
		user = calloc(1, sizeof(*user));
		if (!user)
			return -ENOMEM;
		user->quota = quota;
		user->uid = uid;
		for (enum quota_kind kind = 0; kind < N_QUOTA; kind++)
			user->held[kind].budget = &quota->budgets[kind];
		HASH_ADD(hh, quota->users, uid, sizeof(user->uid), user);
		if (!hash_added(user, hh)) {
			free(user);
			return -ENOMEM;
		}
	}
	user->refs++;
	*ret = user;
	return 0;
}

struct quota_user *
quota_user_unref(struct quota_user *user)
{
	if (!user)
		return NULL;
	assert(user->refs > 0);
	if (--user->refs == 0) {
		HASH_DEL(user->quota->users, user);
		free(user);
	}
	return NULL;
}

int
quota_charge(
	struct quota_charge *charge, struct quota_user *user, enum quota_kind kind, uint64_t amount)
{
	uint64_t max = quota_max(user, kind), used = user->held[kind].used;

	assert(!charge->user);
	if (used > max || amount > max - used)
		return QUOTA_E_EXCEEDED;
	share_take(&user->held[kind], amount);
	user->refs++;
	*charge = (struct quota_charge){user, kind, amount};
	return 0;
}

void
quota_release(struct quota_charge *charge)
{
	if (!charge->user)
		return;
	share_give(&charge->user->held[charge->kind], charge->amount);
	(void)quota_user_unref(charge->user); /* always NULL */
	*charge = (struct quota_charge){0};
}

uint64_t
quota_max(const struct quota_user *user, enum quota_kind kind)
{
	return MIN(user->quota->limits[kind], share_max(&user->held[kind]));
}

const char *
quota_kind_name(enum quota_kind kind)
{
	static const char *const names[N_QUOTA] = {
		"connections",
		"names",
		"rules",
		"links",
		"bytes",
		"descriptors",
		"half-open",
		"starts",
	};

	return kind < N_QUOTA ? names[kind] : "things";
}

enum quota_kind
quota_kind_find(const char *name, size_t size)
{
	enum quota_kind kind = 0;

	for (; kind < N_QUOTA; kind++) {
		const char *known = quota_kind_name(kind);

		if (kind != QUOTA_FDS && strlen(known) == size && memcmp(known, name, size) == 0)
			break;
	}
	return kind;
}
