/* SPDX-License-Identifier: MIT */

/* watch: see watch.h */

#include <stdlib.h>
#include <string.h>

#include "daemon/client.h"
#include "daemon/watch.h"

static_assert(VERSIONS_N_WORDS / 8 == CONTROL_MAX_WORDS, "a bit a word");

static void
unlist(struct watched *watched)
{
	if (watched->is_listed)
		DL_DELETE(watched->client->server->watched, watched);
	watched->is_listed = false;
}

int
watch_words(struct client *client, const uint8_t *words, size_t size)
{
	struct watched *watched = client->watched;
	int r;

	if (!watched) {
		r = bus_charge(&client->server->bus, &client->watched_charge, client->user, QUOTA_BYTES, sizeof(*watched));
		if (r)
			return r;
		watched = calloc(1, sizeof(*watched));
		if (!watched) {
			quota_release(&client->watched_charge);
			return -ENOMEM;
		}
		watched->client = client;
		client->watched = watched;
	}
	unlist(watched);
	memset(watched->words, 0, sizeof(watched->words));
	if (size)
		memcpy(watched->words, words, MIN(size, sizeof(watched->words)));
	DL_APPEND(client->server->watched, watched);
	watched->is_listed = true;
	return 0;
}

void
watch_tell(struct server *server, const struct domain_tables *own, uint32_t index)
{
	static const struct control told = {.type = CONTROL_LISTENERS};
	struct watched *watched, *next;

	DL_FOREACH_SAFE (server->watched, watched, next) {
		struct client *client = watched->client;

		if (!client->peer || client->peer->domain->tables != own || !(watched->words[index / 8] >> index % 8 & 1))
			continue;
		unlist(watched);
		(void)client_send(client, &told, NULL, 0, CLIENT_MUST); /* gone: it needs none */
	}
}

void
watch_end(struct client *client)
{
	if (!client->watched)
		return;
	unlist(client->watched);
	free(client->watched);
	client->watched = NULL;
	quota_release(&client->watched_charge);
}
