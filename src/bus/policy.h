/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * policy: who may own, call, hear and tap a name
 *
 *      entry               matches
 *      org.example.Mixer   this name
 *      org.example.*       names that have more elements behind org.example
 *      *                   all names, and programs that own none
 *
 * The entry that matches most of a name decides, alone: what it does not say
 * nobody may. There is always an entry "*". Nothing takes a right away from
 * somebody who has it by another word of the same list, so the order of words
 * and of entries does not matter.
 *
 * Numbers only: whoever reads the file turns the names of users and groups into
 * numbers, and fails if there are none. A policy has up to 64 groups, so the
 * groups of a program are a word: bit i says that it is in groups[i].
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum policy_right {
	POLICY_OWN,
	POLICY_CALL,
	POLICY_HEAR,
	POLICY_TAP,
	N_POLICY,
};

enum {
	POLICY_MAX_GROUPS = 64,
	POLICY_MAX_WORDS = 64,	   /* of one list */
	POLICY_MAX_ENTRIES = 4096, /* of a policy */
};

#define POLICY_NO_ID UINT32_MAX /* no user's and no group's number */

/* Who is meant by a word of a list. */
enum policy_who {
	POLICY_ANYBODY,
	POLICY_SAME_USER, /* as the program that is called, heard or tapped; of own: as ternd */
	POLICY_USER,
	POLICY_GROUP,
};

struct policy_word {
	enum policy_who who;
	uint32_t id; /* of a user; of a group its place in groups */
};

/* Empty: nobody. */
struct policy_list {
	uint32_t n;
	struct policy_word words[POLICY_MAX_WORDS];
};

struct policy_entry {
	struct policy_list *lists[N_POLICY]; /* NULL: nobody */
	uint32_t line;			     /* of the file; 0: built in */
	UT_hash_handle hh;
	size_t size;
	char text[];
};

struct policy {
	struct policy_entry *entries; /* by text */
	struct policy_entry *all;     /* "*" */
	struct policy_list connect;   /* besides ternd's own user */
	uint32_t n_groups;
	uint32_t groups[POLICY_MAX_GROUPS];
};

/* Whose rights are in question. */
struct policy_subject {
	uint32_t uid;
	uint64_t groups; /* policy_groups() */
};

enum {
	_POLICY_E_OK,
	POLICY_E_EXISTS,
	POLICY_E_LIMIT,
};

/* policy_new() - with an entry "*" alone, which says nothing. Return: 0 or -ENOMEM */
int policy_new(struct policy **ret);

/* policy_free() - returns NULL; NULL is fine */
struct policy *policy_free(struct policy *policy);

/**
 * policy_add() - an entry that says nothing yet
 * @text: "a.b", "a.b.*" or "*", checked by policy_pattern_check(); for "*" the one there is
 * @line: where it is, not 0
 * @ret: belongs to the policy; with POLICY_E_EXISTS the one that was there before
 *
 * Return: 0, POLICY_E_EXISTS, POLICY_E_LIMIT or -ENOMEM.  Threads: owner.  Blocks: never.
 */
int policy_add(struct policy *policy, const char *text, size_t size, uint32_t line, struct policy_entry **ret);

/* policy_entry_list() - the list of a right, made if it is not there; NULL: no memory */
struct policy_list *policy_entry_list(struct policy_entry *entry, enum policy_right right);

/**
 * policy_list_add() - one more who may
 * @id: number of the user or group
 *
 * Return: 0 or POLICY_E_LIMIT (words, or groups).  Threads: owner.  Blocks: never.
 */
int policy_list_add(struct policy *policy, struct policy_list *list, enum policy_who who, uint32_t id);

/**
 * policy_pattern_check() - is this the text of an entry?
 * @ret_at: where it goes wrong, in bytes; may be NULL
 *
 * Return: 0 or NAME_E_*.  Threads: any.  Blocks: never.
 */
int policy_pattern_check(const char *text, size_t size, size_t *ret_at);

/* policy_groups() - which of the policy's groups are among these */
uint64_t policy_groups(const struct policy *policy, const uint32_t *groups, size_t n);

/* policy_is_open() - everybody may call and hear everything: nobody has to look closer */
bool policy_is_open(const struct policy *policy);

/* policy_find() - the entry that decides about a name; a NULL name: about a program without one */
const struct policy_entry *policy_find(const struct policy *policy, const char *name, size_t size);

/**
 * policy_list_allows() - is the subject meant by one of its words?
 * @same: the user that POLICY_SAME_USER means
 */
bool policy_list_allows(const struct policy_list *list, const struct policy_subject *subject, uint32_t same);

/* policy_entry_allows() - has the entry a list for this right that means the subject? */
bool policy_entry_allows(
	const struct policy_entry *entry, enum policy_right right, const struct policy_subject *subject, uint32_t same);
