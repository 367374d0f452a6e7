/* SPDX-License-Identifier: MIT */

/* self-services: what ternd tells of services that it can start; see self-services.h */

#include "base/clock.h"
#include "bus/name.h"
#include "daemon/self-services.h"
#include "daemon/start.h"
#include "tern/cbor.h"
#include "wire/utf8.h"

enum {
	PAGE_ROOM = CONTROL_MAX_REPLY - 1024,
	PAGE_SERVICES = 128, /* for each of which its file is looked for */
	ITEM_ROOM = 64, /* besides texts */
};

struct item {
	struct control_text name;
	struct service_path path;
	const struct start *start; /* NULL: it was never called */
	bool is_owned;
};

static const char *
state_of(const struct item *item)
{
	if (item->is_owned || (item->start && item->start->phase == START_RUNNING))
		return "running";
	if (item->start && item->start->phase == START_STARTING)
		return "starting";
	return item->start && item->start->n_failures > 0 ? "failed" : "resting";
}

static void
put_text(struct tern_cbor_writer *w, const char *key, const char *text)
{
	tern_cbor_put_string(w, key);
	tern_cbor_put_string(w, utf8_is_valid(text, strlen(text)) ? text : "?");
}

static void
put_item(struct tern_cbor_writer *w, const struct item *item)
{
	const struct start *start = item->start;
	uint64_t now = clock_now_ns();
	bool has_why = start && start->why[0] && !item->is_owned;
	bool has_pid = start && start->pid;
	bool has_rest = start && start->not_before_ns > now;

	tern_cbor_put_map(w, 3u + has_why + has_pid + has_rest);
	tern_cbor_put_string(w, "name");
	tern_cbor_put_text(w, item->name.text, item->name.size);
	put_text(w, "file", item->path.text);
	put_text(w, "state", state_of(item));
	if (has_why)
		put_text(w, "fault", start->why);
	if (has_pid) {
		tern_cbor_put_string(w, "pid");
		tern_cbor_put_uint(w, start->pid);
	}
	if (has_rest) {
		tern_cbor_put_string(w, "rests");
		tern_cbor_put_uint(w, start->not_before_ns - now);
	}
}

/* find() - Return: is its file still there? */
static bool
find(struct server *server, const char *name, struct item *ret)
{
	ret->name = (struct control_text){name, strlen(name)};
	ret->start = start_find(server, &ret->name);
	ret->is_owned = bus_find_name(&server->bus, &ret->name);
	return service_dirs_find(&server->service_dirs, &ret->name, &ret->path);
}

static size_t
room_of(const struct item *item)
{
	return ITEM_ROOM + item->name.size + strlen(item->path.text) + (item->start ? strlen(item->start->why) : 0);
}

/* count() - how many of them make one page; those whose file has just gone count as nothing */
static size_t
count(struct server *server, char **names, size_t n, size_t *ret_there)
{
	struct item item;
	size_t room = 0, i;

	*ret_there = 0;
	for (i = 0; i < MIN(n, (size_t)PAGE_SERVICES); i++) {
		if (!find(server, names[i], &item))
			continue;
		room += room_of(&item);
		if (room > PAGE_ROOM)
			break;
		(*ret_there)++;
	}
	return i;
}

int
self_services(struct server *server, struct tern_cbor_writer *w, uint64_t after)
{
	const struct service_names *all;
	size_t n_page, n_there;
	struct item item;
	int r = service_dirs_list(&server->service_dirs, &all);

	if (r)
		return r;
	after = MIN(after, all->n);
	n_page = count(server, all->names + after, all->n - after, &n_there);
	tern_cbor_put_map(w, 1u + (after + n_page < all->n));
	tern_cbor_put_string(w, "services");
	tern_cbor_put_array(w, n_there);
	for (size_t i = 0; i < n_page && n_there > 0; i++)
		if (find(server, all->names[after + i], &item)) {
			put_item(w, &item);
			n_there--;
		}
	if (after + n_page < all->n) {
		tern_cbor_put_string(w, "next");
		tern_cbor_put_uint(w, after + n_page);
	}
	return 0;
}
