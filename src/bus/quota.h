/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * quota: what each user's peers hold of what is shared, and how much they may
 *
 * Counted per user id, not per connection: more connections give no more. Of
 * some things there is only so much for all users together; of those each user
 * may have a share (base/share.h), so that none keeps the others out. A charge is made before the thing is used and goes back in the destructor of
 * the thing it was made for, so nothing can be held that is not counted.
 *
 *      struct thing { struct quota_charge charge; … };
 *      r = quota_charge(&thing->charge, user, QUOTA_NAMES, 1);    then use it
 *      quota_release(&thing->charge);                             in thing_free()
 */

#include <stdint.h>

#include "base/attribute.h"
#include "base/hash.h"
#include "base/share.h"

#define QUOTA_LIMIT_MAX (UINT64_C(1) << 40) /* no limit is set higher */

/* What is counted. */
enum quota_kind {
	QUOTA_PEERS, /* connections */
	QUOTA_NAMES, /* owned or waited for */
	QUOTA_RULES,
	QUOTA_LINKS, /* asked for by this user */
	QUOTA_BYTES, /* strings and waiting packets in ternd's memory */
	QUOTA_FDS,   /* descriptors that ternd holds */
	QUOTA_HALF_OPEN, /* connections that have not said hello */
	QUOTA_STARTS,	 /* calls that wait for a service to be started */
	N_QUOTA,
};

enum {
	_QUOTA_E_OK,
	QUOTA_E_EXCEEDED,
};

struct quota {
	uint64_t limits[N_QUOTA]; /* per user */
	struct budget budgets[N_QUOTA]; /* of all users */
	struct quota_user *users;
};

/* One user id. Counted: lives as long as a peer or a charge of it. */
struct quota_user {
	struct quota *quota;
	uint32_t uid;
	uint32_t refs;
	struct share held[N_QUOTA];
	UT_hash_handle hh;
};

struct quota_charge {
	struct quota_user *user;
	enum quota_kind kind;
	uint64_t amount;
};

/* quota_default() - an honest limit */
uint64_t quota_default(enum quota_kind kind);

/* quota_init() - no users, honest defaults; limits may change at any time: what users have stays theirs */
void quota_init(struct quota *quota);

/* quota_deinit() - all charges have been released, all users are gone */
void quota_deinit(struct quota *quota);

/* quota_user_get() - the user with this id; a reference. Return: 0 or -ENOMEM */
int quota_user_get(struct quota *quota, uint32_t uid, struct quota_user **ret);

/* quota_user_unref() - NULL is fine; returns NULL */
struct quota_user *quota_user_unref(struct quota_user *user);

/**
 * quota_charge() - count @amount of @kind to a user
 * @charge: zeroed; set on success
 *
 * Return: 0 or QUOTA_E_EXCEEDED.  Threads: owner.  Blocks: never.
 */
int quota_charge(struct quota_charge *charge, struct quota_user *user, enum quota_kind kind,
	uint64_t amount);

/* quota_release() - give it back; a zeroed charge is fine; leaves a zeroed one */
void quota_release(struct quota_charge *charge);

/* quota_max() - how much a user may have now: the limit, or its share of what there is */
uint64_t quota_max(const struct quota_user *user, enum quota_kind kind);

/* quota_kind_name() - "names", "rules", … */
const char *quota_kind_name(enum quota_kind kind);

/* quota_kind_find() - one whose limit may be set, by its name. Descriptors are none: theirs is the process's. N_QUOTA: none */
enum quota_kind quota_kind_find(const char *name, size_t size);
