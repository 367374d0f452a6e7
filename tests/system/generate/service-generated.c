/* SPDX-License-Identifier: MIT */

/* service-generated: the same with what `tern generate c` makes */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "service.h"
#include "test-tern.h"

static tern_service *service;
static tern_topic *shouted;
static tern_state *count;
static uint64_t n_shouts;

static int
echo(tern_call *call, tern_message *m, const struct test_echo_args *args, void *user)
{
	struct test_echo_reply reply = {.b = args->b, .i = args->i, .u = args->u, .f = args->f, .s = args->s,
		.y = args->y, .a = args->a};

	return test_echo_return(call, &reply);
}

static int
index_(tern_call *call, tern_message *m, const struct test_index_args *args, void *user)
{
	struct test_index_reply_by_name_entry *entries = calloc(args->items.n + 1, sizeof(*entries));
	struct test_index_reply reply = {.by_name = {.items = entries, .n = args->items.n}};
	int r = 0;

	must(entries != NULL);
	for (size_t i = 0; i < args->items.n; i++) {
		entries[i].key = args->items.items[i].name;
		entries[i].value = args->items.items[i];
		if (entries[i].value.kind == TEST_KIND_OTHER_)
			r = -EBADMSG;
	}
	if (r == 0)
		r = test_index_return(call, &reply);
	free(entries);
	return r;
}

static int
maybe(tern_call *call, tern_message *m, const struct test_maybe_args *args, void *user)
{
	return test_maybe_return(call, &(struct test_maybe_reply){.x = args->x, .item = args->item});
}

static int
sum(tern_call *call, tern_message *m, const struct test_sum_args *args, void *user)
{
	void *filled;
	struct test_sum_reply reply = {.filled = {.size = args->data.size, .lend = &filled}};
	tern_message *answer;
	int r;

	for (size_t i = 0; i < args->data.size; i++)
		reply.sum += ((const uint8_t *)args->data.data)[i];
	must_be(test_sum_reply_new(call, &reply, &answer), 0);
	memset(filled, 7, args->data.size);
	r = tern_reply_message(answer);
	(void)tern_message_unref(answer);
	return r;
}

static int
open_(tern_call *call, tern_message *m, const struct test_open_args *args, void *user)
{
	int r, fd = open(args->path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	r = test_open_return(call, &(struct test_open_reply){.file = fd});
	(void)close(fd);
	return r;
}

static int
fail_(tern_call *call, tern_message *m, const struct test_fail_args *args, void *user)
{
	if (strcmp(args->how, "Plain") == 0)
		return test_plain_return(call, NULL, "plainly not");
	if (strcmp(args->how, "Detailed") == 0)
		return test_detailed_return(
			call, &(struct test_detailed){.code = -3, .kind = TEST_KIND_LARGE}, "in detail");
	return test_fail_return(call, NULL);
}

static int
shout(tern_call *call, tern_message *m, const struct test_shout_args *args, void *user)
{
	struct test_shouted event = {.words = {.items = args->words.items, .n = args->words.n}};
	struct test_shouts value = {0};

	event.n = value.n = ++n_shouts;
	if (args->words.n > 0)
		value.last = args->words.items[args->words.n - 1];
	must_be(test_shouts_set(count, &value), 0);
	must_be(test_shouted_publish(shouted, &event), 0);
	return test_shout_return(call, NULL);
}

static int
count_up(tern_call *call, tern_message *m, const struct test_count_args *args, void *user)
{
	struct test_count_reply reply = {0};
	int r = 0;

	for (uint64_t n = 1; n <= args->to && r == 0; n++) {
		r = test_count_output_put(call, &(struct test_count_output){.n = n});
		reply.sum += n;
	}
	return r < 0 ? r : test_count_return(call, &reply);
}

static void
collected(tern_call *call, const struct tern_event *event, void *user)
{
	static struct test_collect_reply reply;
	struct test_collect_input part;

	if (event->kind == TERN_PART) {
		must_be(test_collect_input_read(event->message, &part), 0);
		reply.size += part.piece.size;
		return;
	}
	if (event->kind == TERN_END)
		must_be(test_collect_return(call, &reply), 0);
	reply.size = 0;
	(void)tern_call_unref(call);
}

static int
collect(tern_call *call, tern_message *m, const struct test_collect_args *args, void *user)
{
	return tern_call_follow(tern_call_ref(call), collected, NULL);
}

void
service_start(tern_bus *bus)
{
	static const struct test_ops ops = {.echo = echo, .index = index_, .maybe = maybe, .sum = sum, .open = open_,
		.fail = fail_, .shout = shout, .count = count_up, .collect = collect};
	static const struct test_server server = {.ops = &ops};
	static const char *const tags[] = {"loud", NULL};

	must_be(test_serve(bus, TEST_INTERFACE, &server, &service), 0);
	must_be(test_shouted_topic(bus, tags, &shouted), 0);
	must_be(test_shouts_keep(service, 256, &count), 0);
	must_be(test_shouts_set(count, &(struct test_shouts){.n = 0}), 0);
}

void
service_stop(void)
{
	(void)tern_state_free(count);
	(void)tern_topic_free(shouted);
	(void)tern_service_free(service);
}
