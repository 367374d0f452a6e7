/* SPDX-License-Identifier: MIT */

/* ledger: what the processes of the scene hold, and what ternd holds for each user */

#include <dirent.h>
#include <stdio.h>

#include "attack.h"

static const char *const HOLDERS[N_HOLDERS] = {"ternd", "the pair's server", "the pair's client", "the victim"};
static const char *const KINDS[] = {"connections", "names", "rules", "links", "bytes", "descriptors"};

uint32_t
ledger_fds(pid_t pid)
{
	char path[64];
	uint32_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	expect(dir != NULL);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* is_shared() - of a memfd: all that tern shares lies in such; but ternd's tables grow with the bus, and old ones are kept */
static bool
is_shared(const char *line)
{
	static const char *const tables[] = {"-peers", "-names", "-rules", "-tags", "-versions"};
	const char *name = strstr(line, "/memfd:tern");

	for (size_t i = 0; name && i < ARRAY_SIZE(tables); i++)
		if (strstr(name, tables[i]))
			return false;
	return name != NULL;
}

uint32_t
ledger_maps(pid_t pid)
{
	char line[512];
	uint32_t n = 0;
	FILE *maps;

	(void)snprintf(line, sizeof(line), "/proc/%d/maps", (int)pid);
	maps = fopen(line, "re");
	expect(maps != NULL);
	while (fgets(line, sizeof(line), maps))
		n += is_shared(line);
	(void)fclose(maps);
	return n;
}

void
ledger_take(int ternd, const pid_t pids[N_HOLDERS], struct ledger *ret)
{
	struct control control = {.type = CONTROL_STATS};
	uint8_t bytes[CONTROL_MAX_PACKET];

	*ret = (struct ledger){0};
	for (size_t i = 0; i < N_HOLDERS; i++) {
		ret->fds[i] = ledger_fds(pids[i]);
		ret->maps[i] = ledger_maps(pids[i]);
	}
	expect(hand_send(ternd, &control, 1));
	do
		expect(hand_receive(ternd, &control, bytes, NULL)); /* tables may have moved */
	while (control.type != CONTROL_COUNTS);
	for (size_t i = 0; i < control.counts.users.n; i++) {
		const struct control_user *user = &control.counts.users.items[i];
		const uint64_t charges[] = {user->peers, user->names, user->rules, user->links, user->bytes, user->fds};

		memcpy(ret->charges[user->uid == OTHER_USER], charges, sizeof(charges));
	}
}

const char *
ledger_compare(const struct ledger *before, const struct ledger *now)
{
	static char text[TEXT_SIZE];

	for (size_t i = 0; i < N_HOLDERS; i++) {
		if (now->fds[i] > before->fds[i]) {
			(void)snprintf(text, sizeof(text), "%s has %u descriptors, not %u", HOLDERS[i], now->fds[i],
				before->fds[i]);
			return text;
		}
		if (now->maps[i] > before->maps[i]) {
			(void)snprintf(text, sizeof(text), "%s has %u mappings, not %u", HOLDERS[i], now->maps[i],
				before->maps[i]);
			return text;
		}
	}
	for (size_t user = 0; user < 2; user++)
		for (size_t kind = 0; kind < ARRAY_SIZE(KINDS); kind++) {
			uint64_t a = before->charges[user][kind], b = now->charges[user][kind];

			if (b <= a)
				continue;
			(void)snprintf(text, sizeof(text), "%s user is charged %llu %s, not %llu", user ? "the other" : "the own",
				(unsigned long long)b, KINDS[kind], (unsigned long long)a);
			return text;
		}
	return NULL;
}
