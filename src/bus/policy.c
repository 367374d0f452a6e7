/* SPDX-License-Identifier: MIT */

/* policy: see the header */

#include "bus/policy.h"

#include "base/attribute.h"
#include "wire/name.h"

static struct policy_entry *
entry_new(const char *text, size_t size)
{
	struct policy_entry *entry = calloc(1, sizeof(*entry) + size + 1);

	if (!entry)
		return NULL;
	entry->size = size;
	memcpy(entry->text, text, size);
	return entry;
}

static struct policy_entry *
entry_free(struct policy_entry *entry)
{
	if (!entry)
		return NULL;
	for (int i = 0; i < N_POLICY; i++)
		free(entry->lists[i]);
	free(entry);
	return NULL;
}

int
policy_new(struct policy **ret)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	policy->all = entry_new("*", 1);
	if (!policy->all) {
		free(policy);
		return -ENOMEM;
	}
	*ret = policy;
	return 0;
}

struct policy *
policy_free(struct policy *policy)
{
	struct policy_entry *entry, *next;

	if (!policy)
		return NULL;
	HASH_ITER (hh, policy->entries, entry, next) {
		HASH_DEL(policy->entries, entry);
		entry = entry_free(entry);
	}
	policy->all = entry_free(policy->all);
	free(policy);
	return NULL;
}

int
policy_add(struct policy *policy, const char *text, size_t size, uint32_t line, struct policy_entry **ret)
{
	struct policy_entry *entry;

	assert(policy_pattern_check(text, size, NULL) == 0 && line > 0);
	HASH_FIND(hh, policy->entries, text, size, entry);
	if (size == 1 && text[0] == '*')
		entry = policy->all;
	if (entry) {
		*ret = entry;
		if (entry->line > 0)
			return POLICY_E_EXISTS;
		entry->line = line;
		return 0;
	}
	if (HASH_COUNT(policy->entries) >= POLICY_MAX_ENTRIES)
		return POLICY_E_LIMIT;
	entry = entry_new(text, size);
	if (!entry)
		return -ENOMEM;
	entry->line = line;
	HASH_ADD_KEYPTR(hh, policy->entries, entry->text, entry->size, entry);
	if (!hash_added(entry, hh)) {
		entry = entry_free(entry);
		return -ENOMEM;
	}
	*ret = entry;
	return 0;
}

struct policy_list *
policy_entry_list(struct policy_entry *entry, enum policy_right right)
{
	if (!entry->lists[right])
		entry->lists[right] = calloc(1, sizeof(*entry->lists[right]));
	return entry->lists[right];
}

/* Return: its place; POLICY_MAX_GROUPS: there is none left. */
static uint32_t
place_group(struct policy *policy, uint32_t gid)
{
	for (uint32_t i = 0; i < policy->n_groups; i++)
		if (policy->groups[i] == gid)
			return i;
	if (policy->n_groups == POLICY_MAX_GROUPS)
		return POLICY_MAX_GROUPS;
	policy->groups[policy->n_groups] = gid;
	return policy->n_groups++;
}

int
policy_list_add(struct policy *policy, struct policy_list *list, enum policy_who who, uint32_t id)
{
	assert(id != POLICY_NO_ID);
	if (list->n == POLICY_MAX_WORDS)
		return POLICY_E_LIMIT;
	if (who == POLICY_GROUP) {
		id = place_group(policy, id);
		if (id == POLICY_MAX_GROUPS)
			return POLICY_E_LIMIT;
	}
	list->words[list->n++] = (struct policy_word){who, id};
	return 0;
}

int
policy_pattern_check(const char *text, size_t size, size_t *ret_at)
{
	if (size == 1 && text[0] == '*')
		return 0;
	if (size > 2 && text[size - 2] == '.' && text[size - 1] == '*')
		size -= 2;
	return name_check(text, size, ret_at);
}

uint64_t
policy_groups(const struct policy *policy, const uint32_t *groups, size_t n)
{
	uint64_t word = 0;

	for (uint32_t i = 0; i < policy->n_groups; i++)
		for (size_t k = 0; k < n; k++)
			if (groups[k] == policy->groups[i])
				word |= UINT64_C(1) << i;
	return word;
}

static bool
is_anybody(const struct policy_list *list)
{
	for (uint32_t i = 0; list && i < list->n; i++)
		if (list->words[i].who == POLICY_ANYBODY)
			return true;
	return false;
}

bool
policy_is_open(const struct policy *policy)
{
	return !policy->entries && is_anybody(policy->all->lists[POLICY_CALL]) &&
	       is_anybody(policy->all->lists[POLICY_HEAR]);
}

/* The longest first: the name itself, then each "prefix.*". */
const struct policy_entry *
policy_find(const struct policy *policy, const char *name, size_t size)
{
	const struct policy_entry *entry;
	char text[NAME_MAX_SIZE + 2];

	if (!name || !policy->entries)
		return policy->all;
	assert(size <= NAME_MAX_SIZE);
	HASH_FIND(hh, policy->entries, name, size, entry);
	memcpy(text, name, size);
	for (size_t at = size; !entry && at-- > 1;) {
		if (name[at] != '.')
			continue;
		text[at + 1] = '*';
		HASH_FIND(hh, policy->entries, text, at + 2, entry);
	}
	return entry ? entry : policy->all;
}

static bool
word_means(const struct policy_word *word, const struct policy_subject *subject, uint32_t same)
{
	switch (word->who) {
	case POLICY_ANYBODY:
		return true;
	case POLICY_SAME_USER:
		return subject->uid == same && same != POLICY_NO_ID;
	case POLICY_USER:
		return subject->uid == word->id;
	case POLICY_GROUP:
		return subject->groups >> word->id & 1;
	}
	return false;
}

bool
policy_list_allows(const struct policy_list *list, const struct policy_subject *subject, uint32_t same)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (word_means(&list->words[i], subject, same))
			return true;
	return false;
}

bool
policy_entry_allows(
	const struct policy_entry *entry, enum policy_right right, const struct policy_subject *subject, uint32_t same)
{
	return entry->lists[right] && policy_list_allows(entry->lists[right], subject, same);
}
