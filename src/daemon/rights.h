/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rights: the policy of ternd.conf and those it is about
 *
 * The bus decides (bus/access.h). Here is what needs the kernel, the file, or somebody to be told.
 */

#include "daemon/client.h"
#include "daemon/refusal.h"

/* rights_groups() - those of the policy's groups that whoever made this connection is in */
uint64_t rights_groups(const struct server *server, int fd);

/* rights_connect() - may this one connect? Return: 0, or -EPERM and @refusal */
int rights_connect(const struct server *server, uint32_t uid, uint64_t groups, struct refusal *refusal);

/* rights_say() - tell on standard error who was refused what; a few lines a second, and how many more there were */
void rights_say(struct server *server, const char *format, ...) _printf_(2, 3);

/* rights_tap() - may it have copies of calls, at least those of its own user? Return: 0, or -EPERM and @refusal */
int rights_tap(struct client *client, struct refusal *refusal);

/* rights_refuse_own(), rights_refuse_link() - the bus has said BUS_E_DENIED. Return: -EPERM */
int rights_refuse_own(struct client *client, const struct control_text *name, struct refusal *refusal);
int rights_refuse_link(struct client *client, const struct bus_peer *target, const struct control_text *name,
	struct refusal *refusal);

/* rights_changed(), rights_forbidden() - of struct bus_host: tell the ends */
void rights_changed(void *user, const struct bus_link *link, unsigned int whose, const struct control_text *name,
	bool is_denied);
void rights_forbidden(void *user, const struct bus_link *link);

/**
 * rights_reload() - read the file again; what it does not allow any more ends
 * @ret_error: what is wrong with it
 *
 * With a file that is wrong all stays as it was.
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: while the file is read and users are looked up.
 */
int rights_reload(struct server *server, struct config_error *ret_error);
