/* SPDX-License-Identifier: MIT */

/* service-by-hand: with formats, and what they cannot say by cursor */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "service.h"
#include "test-tern.h" /* of which only the text is used */

static tern_service *service;
static tern_topic *shouted;
static tern_state *count;
static uint64_t n_shouts;

static int
echo(tern_call *call, tern_message *m, void *user)
{
	const void *y, *a;
	const char *s;
	size_t y_size, a_size;
	uint64_t u;
	int64_t i;
	double f;
	bool b;
	int r;

	r = tern_message_unpack(m, "{b:b,i:i,u:u,f:d,s:s,y:y,a:v}", &b, &i, &u, &f, &s, &y, &y_size, &a, &a_size);
	if (r < 0)
		return r;
	return tern_reply(call, "{b:b,i:i,u:u,f:d,s:s,y:y,a:v}", b, i, u, f, s, y, y_size, a, a_size);
}

struct items {
	const void *cbor;
	size_t size;
};

/* put_index() - the items under their names; the caller has sorted them */
static void
put_index(struct tern_cbor_writer *w, const void *value)
{
	const struct items *items = value;
	struct tern_cbor_reader r;
	const char *name;
	char memory[256];
	const void *item;
	size_t size, n = 0;

	tern_cbor_reader_init(&r, items->cbor, items->size);
	must_be(tern_cbor_enter_array(&r, &n), 0);
	tern_cbor_put_map(w, n);
	while (tern_cbor_peek(&r) > 0) {
		struct tern_cbor_strings strings = {.buf = memory, .size = sizeof(memory)};

		must_be(tern_cbor_get_raw(&r, &item, &size), 0);
		must_be(tern_cbor_unpack(item, size, &strings, "{name:s}", &name), 0);
		tern_cbor_put_string(w, name);
		tern_cbor_put_raw(w, item, size);
	}
}

/* is_item() - has the item all that it must have? */
static bool
is_item(struct tern_cbor_reader *r)
{
	struct tern_cbor_strings strings;
	const char *name, *kind, *note;
	uint64_t sizes[16];
	char memory[1024];
	const void *item;
	size_t size, n = 16;

	strings = (struct tern_cbor_strings){.buf = memory, .size = sizeof(memory)};
	return tern_cbor_get_raw(r, &item, &size) == 0 &&
	       tern_cbor_unpack(item, size, &strings, "{name:s,kind:s,sizes:*u,?note:s}", &name, &kind, sizes, &n,
		       &note) == 0 &&
	       (strcmp(kind, "small") == 0 || strcmp(kind, "large") == 0);
}

static int
index_(tern_call *call, tern_message *m, void *user)
{
	struct tern_cbor_reader cursor;
	struct items items;
	int r;

	r = tern_message_unpack(m, "{items:v}", &items.cbor, &items.size);
	if (r < 0)
		return r;
	tern_cbor_reader_init(&cursor, items.cbor, items.size);
	if (tern_cbor_enter_array(&cursor, NULL) < 0)
		return -EBADMSG;
	while (tern_cbor_peek(&cursor) > 0)
		if (!is_item(&cursor))
			return -EBADMSG;
	return tern_reply(call, "{by_name:f}", put_index, &items);
}

static int
maybe(tern_call *call, tern_message *m, void *user)
{
	const void *x = NULL, *item = NULL;
	size_t x_size = 0, size = 0;
	int r;

	r = tern_message_unpack(m, "{?x:v,?item:v}", &x, &x_size, &item, &size);
	if (r < 0)
		return r;
	return tern_reply(call, "{?x:v,?item:v}", x != NULL, x, x_size, item != NULL, item, size);
}

static int
sum(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	const void *data;
	uint64_t all = 0;
	void *filled;
	size_t size;
	int r;

	r = tern_message_unpack(m, "{data:y}", &data, &size);
	if (r < 0)
		return r;
	for (size_t i = 0; i < size; i++)
		all += ((const uint8_t *)data)[i];
	must_be(tern_message_new_reply(call, &reply), 0);
	must_be(tern_message_pack(reply, "{sum:u,filled:p}", all, size, &filled), 0);
	memset(filled, 7, size);
	r = tern_reply_message(reply);
	(void)tern_message_unref(reply);
	return r;
}

static int
open_(tern_call *call, tern_message *m, void *user)
{
	const char *path;
	int r, fd;

	r = tern_message_unpack(m, "{path:s}", &path);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	r = tern_reply(call, "{file:h}", fd);
	(void)close(fd);
	return r;
}

static int
fail_(tern_call *call, tern_message *m, void *user)
{
	tern_message *error;
	const char *how;
	int r;

	r = tern_message_unpack(m, "{how:s}", &how);
	if (r < 0)
		return r;
	if (strcmp(how, "Plain") == 0)
		return tern_reply_error(call, SERVICE ".Plain", "plainly not");
	if (strcmp(how, "Detailed") != 0)
		return tern_reply(call, NULL);
	must_be(tern_message_new_error(call, SERVICE ".Detailed", &error), 0);
	must_be(tern_message_pack(error, "{text:s,code:i,kind:s}", "in detail", INT64_C(-3), "large"), 0);
	r = tern_reply_message(error);
	(void)tern_message_unref(error);
	return r;
}

static int
shout(tern_call *call, tern_message *m, void *user)
{
	const char *words[16];
	size_t n = 16;
	int r;

	r = tern_message_unpack(m, "{words:*s}", words, &n);
	if (r < 0)
		return r;
	n_shouts++;
	must_be(tern_state_set(count, "{n:u,?last:s}", n_shouts, n > 0, n > 0 ? words[n - 1] : NULL), 0);
	must_be(tern_publish(shouted, "{words:*s,n:u}", words, n, n_shouts), 0);
	return tern_reply(call, NULL);
}

static int
count_up(tern_call *call, tern_message *m, void *user)
{
	uint64_t to, sum_ = 0;
	int r = tern_message_unpack(m, "{to:u}", &to);

	for (uint64_t n = 1; n <= to && r == 0; n++) {
		r = tern_call_put(call, "{n:u}", n);
		sum_ += n;
	}
	return r < 0 ? r : tern_reply(call, "{sum:u}", sum_);
}

static void
collected(tern_call *call, const struct tern_event *event, void *user)
{
	static uint64_t size;
	const void *piece;
	size_t n;

	if (event->kind == TERN_PART) {
		must_be(tern_message_unpack(event->message, "{piece:y}", &piece, &n), 0);
		size += n;
		return;
	}
	if (event->kind == TERN_END)
		must_be(tern_reply(call, "{size:u}", size), 0);
	size = 0;
	(void)tern_call_unref(call);
}

static int
collect(tern_call *call, tern_message *m, void *user)
{
	return tern_call_follow(tern_call_ref(call), collected, NULL);
}

void
service_start(tern_bus *bus)
{
	static const struct tern_method methods[] = {{"Echo", echo}, {"Index", index_}, {"Maybe", maybe}, {"Sum", sum},
		{"Open", open_}, {"Fail", fail_}, {"Shout", shout}, {"Count", count_up}, {"Collect", collect}};
	static const char *const tags[] = {SERVICE ".Shouted", "loud", NULL};

	must_be(tern_serve(bus, SERVICE, test_interface, methods, sizeof(methods) / sizeof(*methods), NULL, &service), 0);
	must_be(tern_topic_new(bus, tags, &shouted), 0);
	must_be(tern_state_new(service, "Shouts", 256, &count), 0);
	must_be(tern_state_set(count, "{n:u}", UINT64_C(0)), 0);
}

void
service_stop(void)
{
	(void)tern_state_free(count);
	(void)tern_topic_free(shouted);
	(void)tern_service_free(service);
}
