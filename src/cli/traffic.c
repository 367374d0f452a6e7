/* SPDX-License-Identifier: MIT */

/* traffic: see traffic.h */

#include "cli/traffic.h"

#include <stdlib.h>
#include <string.h>

#include "base/attribute.h"
#include "base/hash.h"

#define MOST_CALLS 65536u /* not answered: beyond, the oldest is forgotten */

static const char *const KINDS[TRAFFIC_N_KINDS] = {
	"unknown", "call", "reply", "error", "event", "cancel", "part", "end", "gap"};

const char *
traffic_kind_name(uint32_t kind)
{
	return KINDS[kind < TRAFFIC_N_KINDS ? kind : 0];
}

uint32_t
traffic_kind_read(const char *name, size_t size)
{
	for (uint32_t i = 1; i < TRAFFIC_N_KINDS; i++)
		if (strlen(KINDS[i]) == size && memcmp(KINDS[i], name, size) == 0)
			return i;
	return 0;
}

bool
traffic_is_cut(const struct traffic *t)
{
	for (uint32_t i = 0; i < t->n_parts; i++)
		if (t->parts[i].there < t->parts[i].size)
			return true;
	return false;
}

/* -------- the calls under way -------- */

struct call_key {
	uint64_t from, serial;
};

struct traffic_call {
	struct call_key key;
	uint64_t number, begin;
	tern_peer to;
	bool is_wanted, no_reply;
	UT_hash_handle hh;
	size_t member_at; /* in names */
	char names[];	  /* service NUL member NUL */
};

void
traffic_pairs_deinit(struct traffic_pairs *pairs)
{
	struct traffic_call *call, *next;

	HASH_ITER (hh, pairs->calls, call, next) {
		HASH_DEL(pairs->calls, call);
		free(call);
	}
	free(pairs->last);
	*pairs = (struct traffic_pairs){0};
}

static struct traffic_call *
call_find(struct traffic_pairs *pairs, const struct call_key *key)
{
	struct traffic_call *call;

	HASH_FIND(hh, pairs->calls, key, sizeof(*key), call);
	return call;
}

/* call_remove() - it is the last one now, and there until the next */
static void
call_remove(struct traffic_pairs *pairs, struct traffic_call *call)
{
	HASH_DEL(pairs->calls, call);
	free(pairs->last);
	pairs->last = call;
}

static struct traffic_call *
call_add(struct traffic_pairs *pairs, const struct traffic *t, bool wanted)
{
	size_t service_size = strlen(t->service) + 1, member_size = strlen(t->member) + 1;
	struct traffic_call *call = calloc(1, sizeof(*call) + service_size + member_size);
	struct traffic_call *old;

	if (!call)
		return NULL;
	call->key = (struct call_key){t->from, t->serial};
	call->number = ++pairs->n_calls;
	call->begin = t->stamp;
	call->to = t->to;
	call->is_wanted = wanted;
	call->no_reply = t->no_reply;
	call->member_at = service_size;
	memcpy(call->names, t->service, service_size);
	memcpy(call->names + service_size, t->member, member_size);
	old = call_find(pairs, &call->key);
	if (old)
		call_remove(pairs, old); /* a lie, or another bus's */
	if (HASH_COUNT(pairs->calls) >= MOST_CALLS) {
		call_remove(pairs, pairs->calls);
		pairs->n_forgotten++;
	}
	HASH_ADD(hh, pairs->calls, key, sizeof(call->key), call);
	if (hash_added(call, hh))
		return call;
	free(call);
	return NULL;
}

bool
traffic_pair(struct traffic_pairs *pairs, const struct traffic *t, bool wanted, struct traffic_pair *ret)
{
	const struct call_key key = {t->is_back ? t->to : t->from, t->reference};
	struct traffic_call *call = NULL;

	*ret = (struct traffic_pair){.service = "", .member = ""};
	if (t->kind == TRAFFIC_CALL)
		call = call_add(pairs, t, wanted);
	else if (t->kind != TRAFFIC_EVENT && t->kind != TRAFFIC_GAP)
		call = call_find(pairs, &key);
	if (!call)
		return false;
	*ret = (struct traffic_pair){
		.number = call->number,
		.begin = call->begin,
		.from = call->key.from,
		.to = call->to,
		.is_wanted = call->is_wanted,
		.service = call->names,
		.member = call->names + call->member_at,
	};
	if (t->kind == TRAFFIC_REPLY || t->kind == TRAFFIC_ERROR || (t->kind == TRAFFIC_CALL && t->no_reply))
		call_remove(pairs, call);
	return true;
}

uint64_t
traffic_n_open(const struct traffic_pairs *pairs)
{
	return HASH_COUNT(pairs->calls);
}

/* -------- what is wanted -------- */

/* has_name() - is this one of its tags, alone or behind the interface that it is of? */
static bool
has_name(const struct traffic *t, const char *name)
{
	for (uint32_t i = 0; i < t->n_tags; i++) {
		size_t size = strlen(t->tags[i]), n = strlen(name);

		if (size >= n && strcmp(t->tags[i] + size - n, name) == 0 &&
			(size == n || t->tags[i][size - n - 1] == '.'))
			return true;
	}
	return false;
}

static bool
has_tag(const struct traffic *t, const char *tag)
{
	for (uint32_t i = 0; i < t->n_tags; i++)
		if (strcmp(t->tags[i], tag) == 0)
			return true;
	return false;
}

static bool
wants_event(const struct traffic_filter *filter, const struct traffic *t)
{
	for (uint32_t i = 0; i < filter->n_tags; i++)
		if (!has_tag(t, filter->tags[i]))
			return false;
	if (filter->member && !has_name(t, filter->member))
		return false;
	return !filter->service || (filter->owns && filter->owns(filter->user, filter->service, t->from));
}

static bool
wants_call(const struct traffic_filter *filter, const struct traffic *t)
{
	if (filter->n_tags > 0)
		return false;
	if (filter->service && strcmp(filter->service, t->service) != 0)
		return false;
	return !filter->member || strcmp(filter->member, t->member) == 0;
}

bool
traffic_match(
	const struct traffic_filter *filter, struct traffic_pairs *pairs, const struct traffic *t, struct traffic_pair *ret)
{
	bool is_paired, is_wanted;

	is_wanted = t->kind == TRAFFIC_CALL    ? wants_call(filter, t)
		    : t->kind == TRAFFIC_EVENT ? wants_event(filter, t)
		    : t->kind == TRAFFIC_GAP   ? true
					       : filter->n_tags == 0 && !filter->service && !filter->member;
	is_paired = traffic_pair(pairs, t, is_wanted, ret);
	if (is_paired && t->kind != TRAFFIC_CALL)
		is_wanted = ret->is_wanted;
	return is_wanted && (!filter->kinds || filter->kinds & UINT32_C(1) << t->kind);
}
