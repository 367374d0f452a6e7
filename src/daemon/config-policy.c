/* SPDX-License-Identifier: MIT */

/* config-policy: [policy] and [name …] of ternd.conf */

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "base/near.h"
#include "daemon/config-section.h"
#include "wire/name.h"

#define BLANKS " \t,"

/* --- users and groups --- */

static int
system_user(const char *name, uint32_t *ret_uid)
{
	struct passwd *entry;

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	*ret_uid = entry->pw_uid;
	return 0;
}

static int
system_group(const char *name, uint32_t *ret_gid)
{
	struct group *entry;

	errno = 0;
	entry = getgrnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	*ret_gid = entry->gr_gid;
	return 0;
}

const struct config_names config_system_names = {system_user, system_group};

static bool
get_number(const char *text, uint32_t *ret)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value >= POLICY_NO_ID)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* A look-up that fails, for whatever reason, is an error: never a number, and never everybody. */
static int
get_id(struct config_parse *p, bool is_group, const char *text, uint32_t *ret)
{
	const char *kind = is_group ? "group" : "user";
	int r;

	if (get_number(text, ret))
		return 0;
	r = is_group ? p->names->group(text, ret) : p->names->user(text, ret);
	if (r == 0 && *ret != POLICY_NO_ID)
		return 0;
	if (r == 0 || r == -ENOENT || r == -ESRCH)
		return config_fail(p, "there is no %s \"%s\" on this machine: write one that there is, or a number", kind,
			text);
	return config_fail(p, "the %s \"%s\" cannot be looked up (%s): write its number", kind, text, strerror(-r));
}

/* --- lists --- */

static int
fail_word(struct config_parse *p, const char *word)
{
	struct near near = {.word = word};

	near_offer(&near, "same-user");
	near_offer(&near, "none");
	if (near.nearest)
		return config_fail(p, "\"%s\" is nobody: did you mean %s?", word, near.nearest);
	return config_fail(
		p, "\"%s\" is nobody: write user:NAME, group:NAME, same-user, * or none, with blanks between", word);
}

static int
add_word(struct config_parse *p, struct policy_list *list, const char *word, bool has_same)
{
	enum policy_who who = POLICY_ANYBODY;
	uint32_t id = 0;
	int r = 0;

	if (!strncmp(word, "user:", 5)) {
		who = POLICY_USER;
		r = get_id(p, false, word + 5, &id);
	} else if (!strncmp(word, "group:", 6)) {
		who = POLICY_GROUP;
		r = get_id(p, true, word + 6, &id);
	} else if (!strcmp(word, "same-user") && has_same) {
		who = POLICY_SAME_USER;
	} else if (strcmp(word, "*") != 0) {
		r = fail_word(p, word);
	}
	if (r)
		return r;
	if (policy_list_add(p->config->policy, list, who, id) == 0)
		return 0;
	return config_fail(p, "a list has %d words at most, and a file %d groups", POLICY_MAX_WORDS, POLICY_MAX_GROUPS);
}

static int
set_list(struct config_parse *p, struct policy_list *list, const char *value, bool has_same)
{
	char text[CONFIG_MAX_LINE + 1], *rest = NULL, *word;
	bool is_none = false;
	uint32_t n = 0;
	int r;

	(void)snprintf(text, sizeof(text), "%s", value); /* fits */
	for (word = strtok_r(text, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest), n++) {
		is_none |= !strcmp(word, "none");
		r = is_none ? 0 : add_word(p, list, word, has_same);
		if (r)
			return r;
	}
	if (n == 0)
		return config_fail(p, "nobody is named: write none for nobody, * for everybody");
	if (is_none && n > 1)
		return config_fail(p, "none is written alone");
	return 0;
}

/* --- [policy] --- */

static const char *const policy_keys[] = {"connect", NULL};

static int
set_policy(struct config_parse *p, unsigned int key, const char *value)
{
	return set_list(p, &p->config->policy->connect, value, false);
}

const struct config_section config_section_policy = {
	.name = "policy",
	.keys = policy_keys,
	.set = set_policy,
};

/* --- [name …] --- */

static const char *const name_keys[] = {"own", "call", "hear", "tap", NULL}; /* enum policy_right */

static int
begin_name(struct config_parse *p, const char *name)
{
	size_t at;
	int r = policy_pattern_check(name, strlen(name), &at);

	if (r)
		return config_fail(p,
			"\"%s\" is no name: it %s (byte %zu); write a name, org.example.* for those below it, or *", name,
			name_strerror(r), at);
	r = policy_add(p->config->policy, name, strlen(name), p->line, &p->entry);
	if (r == POLICY_E_EXISTS)
		return config_fail(p, "[name %s] is there already, in line %u: write all of it there", name,
			p->entry->line);
	if (r == POLICY_E_LIMIT)
		return config_fail(p, "there are more than %d names", POLICY_MAX_ENTRIES);
	return r;
}

static int
set_name(struct config_parse *p, unsigned int key, const char *value)
{
	struct policy_list *list = policy_entry_list(p->entry, key);

	return list ? set_list(p, list, value, true) : -ENOMEM;
}

const struct config_section config_section_name = {
	.name = "name",
	.has_argument = true,
	.keys = name_keys,
	.begin = begin_name,
	.set = set_name,
};

/* --- what holds without --- */

int
config_policy_default(struct policy *policy, bool is_system)
{
	struct policy_list *lists[N_POLICY];

	if (policy->all->line > 0 || is_system)
		return 0;
	for (unsigned int i = 0; i < N_POLICY; i++) {
		lists[i] = policy_entry_list(policy->all, i);
		if (!lists[i])
			return -ENOMEM;
		if (i != POLICY_TAP)
			(void)policy_list_add(policy, lists[i], POLICY_ANYBODY, 0); /* it is the first */
	}
	(void)policy_list_add(policy, lists[POLICY_TAP], POLICY_SAME_USER, 0);
	(void)policy_list_add(policy, lists[POLICY_TAP], POLICY_USER, 0);
	return 0;
}
