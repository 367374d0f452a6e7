/* SPDX-License-Identifier: MIT */

/*
 * judge: asks the code of ternd what a policy allows, for evaluate.py, which has its own opinion
 *
 * Commands, one a line, each answered with a line:
 *
 *      policy BYTES system|session     and the file behind it     ok, or bad LINE
 *      peer K UID GROUP,…                                         ok (K is 0 or 1)
 *      names K NAME…                   what it owns               ok
 *      own K NAME, call K NAME, withheld K, link, tap K, hear K, connect K
 *                                      K to the other one         a number
 */

#include <stdio.h>

#include "base/attribute.h"
#include "bus/access.h"
#include "bus/name.h"
#include "daemon/config.h"

enum {
	OWN_UID = 100, /* ternd's */
	MAX_GROUPS = 16,
};

static struct bus bus;
static struct config config;
static struct bus_peer *peers[2];
static uint32_t groups[2][MAX_GROUPS];
static size_t n_groups[2];

/* --- a host that need not know --- */

static void
name_changed(void *user, const struct bus_name *name)
{
}

static void
name_event(void *user, struct bus_peer *peer, const struct control_event *event)
{
}

static void
owner_news(void *user, struct bus_peer *peer, const struct bus_name *name)
{
}

static const struct bus_host host = {
	.name_changed = name_changed,
	.name_event = name_event,
	.owner_lost = owner_news,
	.owner_gained = owner_news,
};

/* --- users u0 … u5 are 100 …, groups g0 … g5 are 200 … --- */

static int
find(const char *name, char letter, uint32_t first, uint32_t *ret)
{
	if (name[0] != letter || name[1] < '0' || name[1] > '5' || name[2])
		return -ENOENT;
	*ret = first + (uint32_t)(name[1] - '0');
	return 0;
}

static int
user_of(const char *name, uint32_t *ret)
{
	return find(name, 'u', 100, ret);
}

static int
group_of(const char *name, uint32_t *ret)
{
	return find(name, 'g', 200, ret);
}

static const struct config_names names = {user_of, group_of};

/* --- commands --- */

static void
drop_peers(void)
{
	for (size_t i = 0; i < 2; i++)
		peers[i] = bus_disconnect(peers[i]);
}

static void
take_policy(char *rest)
{
	struct config_error error = {""};
	size_t size = strtoull(rest, &rest, 10);
	char *text = malloc(size + 1);
	struct config next;
	int r;

	assert(text && fread(text, 1, size, stdin) == size);
	r = config_parse(&next, "file", text, size, !strncmp(rest, " system", 7), &names, &error);
	free(text);
	if (r) {
		printf("bad %s\n", strncmp(error.text, "file:", 5) ? "" : strtok(error.text + 5, ":"));
		return;
	}
	drop_peers();
	config_deinit(&config);
	config = next;
	bus.policy = config.policy;
	puts("ok");
}

static void
take_peer(size_t k, char *rest)
{
	struct bus_identity identity = {.uid = (uint32_t)strtoul(rest, &rest, 10)};

	peers[k] = bus_disconnect(peers[k]);
	for (n_groups[k] = 0; (*rest == ' ' || *rest == ',') && n_groups[k] < MAX_GROUPS;)
		groups[k][n_groups[k]++] = (uint32_t)strtoul(rest + 1, &rest, 10);
	if (bus_connect(&bus, &identity, &peers[k]))
		abort();
	peers[k]->groups = policy_groups(config.policy, groups[k], n_groups[k]);
	puts("ok");
}

static struct control_text
as_text(const char *name)
{
	return (struct control_text){name, strlen(name)};
}

static void
take_names(size_t k, char *rest)
{
	char *at = NULL, *name;

	peers[k]->is_guessed = true; /* what it owns is not in question here */
	for (name = strtok_r(rest, " ", &at); name; name = strtok_r(NULL, " ", &at)) {
		struct control_own own = {.name = as_text(name)};

		if (bus_own(peers[k], &own))
			abort();
	}
	peers[k]->is_guessed = false;
	puts("ok");
}

static uint32_t
answer(const char *command, size_t k, char *rest)
{
	struct policy_subject who = {peers[k]->uid, peers[k]->groups};
	struct control_text name = as_text(rest);

	if (!strcmp(command, "own"))
		return access_own(peers[k], &name);
	if (!strcmp(command, "call"))
		return access_call(peers[k], peers[!k], &name);
	if (!strcmp(command, "withheld"))
		return access_withheld(peers[k], peers[!k]);
	if (!strcmp(command, "tap"))
		return access_tap(peers[k], peers[!k]->uid);
	if (!strcmp(command, "hear"))
		return access_hear_user(peers[k], peers[!k]->uid);
	if (!strcmp(command, "link"))
		return access_link(peers[0], peers[1]);
	assert(!strcmp(command, "connect"));
	return policy_list_allows(&config.policy->connect, &who, POLICY_NO_ID);
}

static void
run(char *line)
{
	char *rest = line + strcspn(line, " ");
	size_t k = 0;

	if (*rest)
		*rest++ = '\0';
	if (!strcmp(line, "policy")) {
		take_policy(rest);
		return;
	}
	if (*rest) {
		k = rest[0] == '1';
		rest += rest[1] ? 2 : 1;
	}
	if (!strcmp(line, "peer"))
		take_peer(k, rest);
	else if (!strcmp(line, "names"))
		take_names(k, rest);
	else
		printf("%u\n", answer(line, k, rest));
}

int
main(void)
{
	static char line[64 << 10];

	bus_init(&bus, 1, &host, NULL);
	bus.own_uid = OWN_UID;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		run(line);
	}
	drop_peers();
	bus_deinit(&bus);
	config_deinit(&config);
	return 0;
}
