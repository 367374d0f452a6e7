/* SPDX-License-Identifier: MIT */

/*
 * generate-services: one test for two services, of which one was written by hand and one by the generator
 *
 * It is a caller by formats, and once more one by generated functions.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "service.h"
#include "test-tern.h"

enum { READY, QUIT, N_WORDS };

static struct private_bus place;
static _Atomic uint32_t *words;
static tern_bus *bus;
static pid_t pid;

static void
serve(void *user)
{
	tern_bus *mine;

	must_be(tern_open(place.address, &mine), 0);
	service_start(mine);
	tell(&words[READY]);
	while (!words[QUIT]) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(mine, SHORT_NS, &event) < 0)
			continue;
		(void)tern_message_unref(event.message);
		(void)tern_call_unref(event.call);
	}
	service_stop();
	(void)tern_close(mine);
}

static void
setup(void)
{
	fixture_setup();
	private_bus_start(&place, NULL);
	words = shared_new(N_WORDS * sizeof(uint32_t));
	pid = child_start(serve, NULL);
	wait_for(&words[READY], 1);
	must_be(tern_open(place.address, &bus), 0);
}

static void
teardown(void)
{
	(void)tern_close(bus);
	tell(&words[QUIT]);
	child_end(pid);
	(void)shared_free((void *)words, N_WORDS * sizeof(uint32_t));
	private_bus_stop(&place);
	fixture_teardown();
}

/* next_event() - the next one of this kind */
static struct tern_event
next_event(uint32_t kind)
{
	for (;;) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		if (event.kind == kind)
			return event;
		(void)tern_message_unref(event.message);
		(void)tern_call_unref(event.call);
	}
}

/* -------- by formats -------- */

/* answer_is() - the answer's values, in diagnostic notation */
static void
answer_is(tern_message *reply, const char *wanted)
{
	const void *part = NULL;
	char text[1024];
	size_t size = 0;

	if (tern_message_n_parts(reply) > 0)
		must_be(tern_message_part(reply, 0, &part, &size), 0);
	*text = '\0';
	if (size > 0)
		must_be(tern_cbor_diag(part, size, text, sizeof(text), &size), 0);
	if (strcmp(text, wanted) != 0)
		fprintf(stderr, "answer %s\nwanted %s\n", text, wanted);
	must(strcmp(text, wanted) == 0);
	(void)tern_message_unref(reply);
}

START_TEST(all_types_come_back)
{
	tern_message *reply;

	must_be(tern_call_sync(bus, SERVICE, "Echo", &reply, NULL, "{s:s,b:b,i:i,u:u,f:d,y:y,a:[n]}", "\xc3\xa4", 1,
		INT64_MIN, UINT64_MAX, 0.5, "\0\1", (size_t)2), 0);
	answer_is(reply, "{\"b\": true, \"i\": -9223372036854775808, \"u\": 18446744073709551615, \"f\": 0.5, "
			 "\"s\": \"\\u00e4\", \"y\": h'0001', \"a\": [null]}");
}
END_TEST

static void
put_items(struct tern_cbor_writer *w, const void *value)
{
	static const uint64_t sizes[] = {1, 2, 3};
	const char *kind = value;

	tern_cbor_put_array(w, 2);
	tern_cbor_pack(w, "{name:s,kind:s,sizes:*u,note:s}", "a", kind, sizes, (size_t)3, "first");
	tern_cbor_pack(w, "{name:s,kind:s,sizes:*u}", "b", "large", sizes, (size_t)0);
}

START_TEST(arrays_and_maps_of_structs)
{
	tern_message *reply;

	must_be(tern_call_sync(bus, SERVICE, "Index", &reply, NULL, "{items:f}", put_items, "small"), 0);
	answer_is(reply, "{\"by_name\": {\"a\": {\"name\": \"a\", \"kind\": \"small\", \"sizes\": [1, 2, 3], "
			 "\"note\": \"first\"}, \"b\": {\"name\": \"b\", \"kind\": \"large\", \"sizes\": []}}}");
	must_be(tern_call_sync(bus, SERVICE, "Index", &reply, NULL, "{items:[]}"), 0);
	answer_is(reply, "{\"by_name\": {}}");
}
END_TEST

START_TEST(what_is_missing_stays_missing)
{
	tern_message *reply;

	must_be(tern_call_sync(bus, SERVICE, "Maybe", &reply, NULL, "{}"), 0);
	answer_is(reply, "{}");
	must_be(tern_call_sync(bus, SERVICE, "Maybe", &reply, NULL, "{x:i}", INT64_C(0)), 0);
	answer_is(reply, "{\"x\": 0}");
	must_be(tern_call_sync(bus, SERVICE, "Maybe", &reply, NULL, "{item:{name:s,kind:s,sizes:[]}}", "n", "small"), 0);
	answer_is(reply, "{\"item\": {\"name\": \"n\", \"kind\": \"small\", \"sizes\": []}}");
}
END_TEST

START_TEST(bytes_lie_anywhere)
{
	tern_message *m, *reply;
	const uint8_t *filled;
	tern_call *call;
	uint64_t sum;
	size_t size;
	void *data;

	for (int lent = 0; lent < 2; lent++) {
		must_be(tern_message_new_call(bus, SERVICE, "Sum", &m), 0);
		if (lent) {
			must_be(tern_message_pack(m, "{data:p}", (size_t)3, &data), 0);
			memcpy(data, "\1\2\3", 3);
		} else {
			must_be(tern_message_pack(m, "{data:y}", "\1\2\3", (size_t)3), 0);
		}
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
		must_be(tern_message_unpack(reply, "{sum:u,filled:y}", &sum, &filled, &size), 0);
		must_be(sum, 6);
		must_be(size, 3);
		must_be(tern_message_n_parts(reply), 2);
		must_be(filled[2], 7);
		(void)tern_message_unref(reply);
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
	}
}
END_TEST

START_TEST(descriptors_come_along)
{
	tern_message *reply;
	char byte = 1;
	int fd;

	must_be(tern_call_sync(bus, SERVICE, "Open", &reply, NULL, "{path:s}", "/dev/zero"), 0);
	must_be(tern_message_unpack(reply, "{file:h}", &fd), 0);
	must_be(read(fd, &byte, 1), 1);
	must_be(byte, 0);
	(void)tern_message_unref(reply);
}
END_TEST

START_TEST(errors_have_names_and_values)
{
	struct tern_error error;
	struct tern_event event;
	tern_message *m, *reply;
	tern_call *call;

	must_be(tern_call_sync(bus, SERVICE, "Fail", &reply, &error, "{how:s}", "not"), 0);
	answer_is(reply, "");
	must_be(tern_call_sync(bus, SERVICE, "Fail", NULL, &error, "{how:s}", "Plain"), -EREMOTEIO);
	ck_assert_str_eq(error.name, SERVICE ".Plain");
	ck_assert_str_eq(error.text, "plainly not");
	must_be(tern_message_new_call(bus, SERVICE, "Fail", &m), 0);
	must_be(tern_message_pack(m, "{how:s}", "Detailed"), 0);
	must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
	event = next_event(TERN_ERROR);
	ck_assert_str_eq(tern_message_member(event.message), SERVICE ".Detailed");
	answer_is(event.message, "{\"text\": \"in detail\", \"code\": -3, \"kind\": \"large\"}");
	(void)tern_call_unref(event.call);
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
	struct tern_error error;

	must_be(tern_call_sync(bus, SERVICE, "Echo", NULL, &error, "{b:i}", INT64_C(1)), -EREMOTEIO);
	ck_assert_str_eq(error.name, "tern.InvalidArgument");
	must_be(tern_call_sync(bus, SERVICE, "Echo", NULL, &error, NULL), -EREMOTEIO);
	must_be(tern_call_sync(bus, SERVICE, "Fail", NULL, &error, "{}"), -EREMOTEIO);
	must_be(tern_call_sync(bus, SERVICE, "Index", NULL, &error, "{items:f}", put_items, "huge"), -EREMOTEIO);
	must_be(tern_call_sync(bus, SERVICE, "Index", NULL, &error, "{items:[{}]}"), -EREMOTEIO);
	must_be(tern_call_sync(bus, SERVICE, "None", NULL, &error, NULL), -EREMOTEIO);
	ck_assert_str_eq(error.name, "tern.NoSuchMember");
}
END_TEST

START_TEST(events_and_states_tell_the_same)
{
	static const char *const tags[] = {SERVICE ".Shouted", "loud", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = SERVICE, .tags = tags};
	struct tern_event event;
	tern_subscription *subscription;
	tern_message *value;
	tern_state *state;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	must_be(tern_state_open(bus, SERVICE, "Shouts", &state), 0);
	must_be(tern_state_get(state, &value), 0);
	must_be(tern_message_version(value), 1);
	answer_is(value, "{\"n\": 0}");
	must_be(tern_call_sync(bus, SERVICE, "Shout", NULL, NULL, "{words:[ss]}", "oh", "my"), 0);
	event = next_event(TERN_EVENT);
	answer_is(event.message, "{\"words\": [\"oh\", \"my\"], \"n\": 1}");
	must_be(tern_state_get(state, &value), 0);
	must_be(tern_message_version(value), 2);
	answer_is(value, "{\"n\": 1, \"last\": \"my\"}");
	(void)tern_state_free(state);
	(void)tern_subscription_free(subscription);
}
END_TEST

/* stream() - a call of that kind */
static tern_call *
stream(const char *member, const char *format, uint64_t value)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(bus, SERVICE, member, &m), 0);
	must_be(tern_message_pack(m, format, value), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_STREAM, &call), 0);
	(void)tern_message_unref(m);
	return call;
}

START_TEST(streams_go_either_way)
{
	tern_call *call = stream("Count", "{to:u}", 3);
	char wanted[32];
	tern_message *m;

	for (int n = 1; n <= 3; n++) {
		must_be(tern_call_wait(call, LONG_NS, &m, NULL), 0);
		must_be(tern_message_kind(m), TERN_PART);
		(void)snprintf(wanted, sizeof(wanted), "{\"n\": %d}", n);
		answer_is(m, wanted);
	}
	must_be(tern_call_wait(call, LONG_NS, &m, NULL), 0);
	answer_is(m, "{\"sum\": 6}");
	(void)tern_call_unref(call);

	call = stream("Collect", "{least:u}", 0);
	for (int n = 0; n < 3; n++)
		must_be(tern_call_put(call, "{piece:y}", "abcd", (size_t)4), 0);
	must_be(tern_call_end(call), 0);
	must_be(tern_call_wait(call, LONG_NS, &m, NULL), 0);
	answer_is(m, "{\"size\": 12}");
	(void)tern_call_unref(call);
}
END_TEST

/* -------- by generated functions -------- */

START_TEST(generated_calls_do_the_same)
{
	static const uint64_t sizes[] = {4};
	const struct test_item item = {
		.name = "x", .kind = TEST_KIND_SMALL, .sizes = {.items = sizes, .n = 1}, .note = "y"};
	struct test_index_args many = {.items = {.items = &item, .n = 1}};
	struct test_index_reply index = {0};
	struct test_maybe_reply maybe = {0};
	struct test_open_reply file = {0};
	struct tern_error error;
	int64_t x = 5;
	char byte = 1;

	must_be(test_expect(bus, TEST_INTERFACE), 0);
	must_be(test_index(bus, TEST_INTERFACE, &many, &index, &error), 0);
	must_be(index.by_name.n, 1);
	ck_assert_str_eq(index.by_name.items[0].key, "x");
	ck_assert_str_eq(index.by_name.items[0].value.note, "y");
	must_be(index.by_name.items[0].value.sizes.items[0], 4);
	test_index_reply_clear(&index);
	must_be(test_maybe(bus, TEST_INTERFACE, NULL, &maybe, &error), 0);
	must(!maybe.x && !maybe.item);
	test_maybe_reply_clear(&maybe);
	must_be(test_maybe(bus, TEST_INTERFACE, &(struct test_maybe_args){.x = &x, .item = &item}, &maybe, &error), 0);
	must_be(*maybe.x, 5);
	must_be(maybe.item->kind, TEST_KIND_SMALL);
	test_maybe_reply_clear(&maybe);
	must_be(test_open(bus, TEST_INTERFACE, &(struct test_open_args){.path = "/dev/zero"}, &file, &error), 0);
	must_be(read(file.file, &byte, 1), 1);
	test_open_reply_clear(&file);
	/* what cannot be sent is said before it is */
	must_be(test_open(bus, TEST_INTERFACE, &(struct test_open_args){.path = NULL}, NULL, &error), -EINVAL);
	many.items.items = &(struct test_item){.name = "no kind"};
	must_be(test_index(bus, TEST_INTERFACE, &many, NULL, &error), -EINVAL);
}
END_TEST

START_TEST(generated_bytes_are_lent)
{
	struct test_sum_args args = {.data = {.data = "\1\1", .size = 2}};
	struct test_sum_reply reply = {0};
	struct tern_error error;
	tern_message *m;
	tern_call *call;
	void *data;

	must_be(test_sum(bus, TEST_INTERFACE, &args, &reply, &error), 0);
	must_be(reply.sum, 2);
	test_sum_reply_clear(&reply);
	args.data = (struct tern_bytes){.size = 100000, .lend = &data};
	must_be(test_sum(bus, TEST_INTERFACE, &args, &reply, &error), -EINVAL); /* nobody fills them */
	must_be(test_sum_new(bus, TEST_INTERFACE, &args, &m), 0);
	memset(data, 1, 100000);
	must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
	must_be(test_sum_finish(call, LONG_NS, &reply, &error), 0);
	must_be(reply.sum, 100000);
	must_be(reply.filled.size, 100000);
	must_be(((const uint8_t *)reply.filled.data)[99999], 7);
	test_sum_reply_clear(&reply);
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
}
END_TEST

START_TEST(generated_errors_events_and_states)
{
	struct tern_event event;
	const char *word = "hey";
	struct test_shout_args args = {.words = {.items = &word, .n = 1}};
	struct test_shouts value;
	struct test_shouted shouted;
	struct test_detailed detailed;
	struct tern_error error;
	tern_subscription *subscription;
	tern_state *state;
	tern_call *call;
	uint64_t version;

	must_be(test_fail(bus, TEST_INTERFACE, &(struct test_fail_args){.how = "Plain"}, NULL, &error), -EREMOTEIO);
	must(test_plain_is(&error) && !test_detailed_is(&error));
	must_be(test_fail_begin(bus, TEST_INTERFACE, &(struct test_fail_args){.how = "Detailed"}, TERN_DEFAULT, &call), 0);
	event = next_event(TERN_ERROR);
	must_be(test_detailed_read(event.message, &detailed), 0);
	must_be(detailed.code, -3);
	must_be(detailed.kind, TEST_KIND_LARGE);
	(void)tern_message_unref(event.message);
	(void)tern_call_unref(event.call);
	(void)tern_call_unref(call);

	must_be(test_shouted_subscribe(bus, NULL, NULL, NULL, &subscription), 0);
	must_be(test_shouts_open(bus, TEST_INTERFACE, &state), 0);
	must_be(test_shout(bus, TEST_INTERFACE, &args, NULL, &error), 0);
	event = next_event(TERN_EVENT);
	must(test_shouted_is(event.message));
	must_be(test_shouted_read(event.message, &shouted), 0);
	ck_assert_str_eq(shouted.words.items[0], "hey");
	(void)tern_message_unref(event.message);
	must_be(test_shouts_get(state, &value, &version), 0);
	must_be(version, 2);
	must_be(value.n, 1);
	ck_assert_str_eq(value.last, "hey");
	test_shouts_clear(&value);
	(void)tern_state_free(state);
	(void)tern_subscription_free(subscription);
}
END_TEST

START_TEST(generated_streams)
{
	struct test_count_output output = {0};
	struct test_count_reply count = {0};
	struct test_collect_reply collected = {0};
	struct test_collect_input piece = {.piece = {.size = 100000}};
	struct tern_error error;
	tern_message *m;
	tern_call *call;
	void *data;

	must_be(test_count_begin(bus, TEST_INTERFACE, &(struct test_count_args){.to = 2}, TERN_DEFAULT, &call), 0);
	for (uint64_t n = 1; n <= 2; n++) {
		must_be(test_count_output_next(call, LONG_NS, &output, &count, &error), 0);
		must_be(output.n, n);
		test_count_output_clear(&output);
	}
	must_be(test_count_output_next(call, LONG_NS, &output, &count, &error), -ENODATA);
	must_be(count.sum, 3);
	test_count_reply_clear(&count);
	(void)tern_call_unref(call);

	must_be(test_collect_begin(bus, TEST_INTERFACE, NULL, TERN_DEFAULT, &call), 0);
	piece.piece.lend = &data;
	must_be(test_collect_input_new(call, &piece, &m), 0);
	memset(data, 1, 100000);
	must_be(tern_call_put_message(m, TERN_DEFAULT, 0), 0);
	(void)tern_message_unref(m);
	must_be(test_collect_input_put(call, &(struct test_collect_input){.piece = {.data = "x", .size = 1}}), 0);
	must_be(tern_call_end(call), 0);
	must_be(test_collect_finish(call, LONG_NS, &collected, &error), 0);
	must_be(collected.size, 100001);
	test_collect_reply_clear(&collected);
	(void)tern_call_unref(call);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("generate-services");
	TCase *tcase = tcase_create("generate-services");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, all_types_come_back);
	tcase_add_test(tcase, arrays_and_maps_of_structs);
	tcase_add_test(tcase, what_is_missing_stays_missing);
	tcase_add_test(tcase, bytes_lie_anywhere);
	tcase_add_test(tcase, descriptors_come_along);
	tcase_add_test(tcase, errors_have_names_and_values);
	tcase_add_test(tcase, wrong_arguments_are_refused);
	tcase_add_test(tcase, events_and_states_tell_the_same);
	tcase_add_test(tcase, streams_go_either_way);
	tcase_add_test(tcase, generated_streams);
	tcase_add_test(tcase, generated_calls_do_the_same);
	tcase_add_test(tcase, generated_bytes_are_lent);
	tcase_add_test(tcase, generated_errors_events_and_states);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
