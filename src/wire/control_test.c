/* SPDX-License-Identifier: MIT */

/* control: every message comes back as it was written; nothing else is taken for one */

#include <check.h>
#include <stdio.h>

#include "base/attribute.h"
#include "tern/cbor.h"
#include "wire/control.h"

#define TEXT(s) ((struct control_text){(s), sizeof(s) - 1})

static uint8_t packet[CONTROL_MAX_PACKET];
static size_t packet_size;

static int
decode(struct control *ret, const char **ret_where)
{
	return control_decode(ret, packet, packet_size, ret_where);
}

static struct control
round_trip(const struct control *in)
{
	struct control out;
	uint8_t again[sizeof(packet)];
	size_t size;

	ck_assert_int_eq(control_encode(in, packet, sizeof(packet), &packet_size), 0);
	ck_assert_int_eq(decode(&out, NULL), 0);
	ck_assert_int_eq(control_encode(&out, again, sizeof(again), &size), 0);
	ck_assert_mem_eq(again, packet, size);
	ck_assert_uint_eq(size, packet_size);
	ck_assert_uint_eq(out.type, in->type);
	ck_assert_uint_eq(out.serial, in->serial);
	return out;
}

static void
assert_text(const struct control_text *text, const char *expected)
{
	ck_assert_uint_eq(text->size, strlen(expected));
	ck_assert_mem_eq(text->text, expected, text->size);
}

START_TEST(hello)
{
	struct control out,
		in = {
			.type = CONTROL_HELLO,
			.serial = 1,
			.hello = {1, 3, 2, UINT64_MAX, 77, {(const uint8_t *)"token", 5},
				TEXT("org.example.Mixer")},
		};

	out = round_trip(&in);
	ck_assert_uint_eq(out.hello.major_min, 1);
	ck_assert_uint_eq(out.hello.major_max, 3);
	ck_assert_uint_eq(out.hello.minor, 2);
	ck_assert_uint_eq(out.hello.features, UINT64_MAX);
	ck_assert_uint_eq(out.hello.clock, 77);
	ck_assert_mem_eq(out.hello.token.bytes, "token", 5);
	assert_text(&out.hello.introduce, "org.example.Mixer");
}
END_TEST

START_TEST(welcome)
{
	struct control out,
		in = {
			.type = CONTROL_WELCOME,
			.serial = 1,
			.welcome =
				{
					.major = 1,
					.instance = 9,
					.peer = 5,
					.clock = 4,
					.slot = 3,
					.domain = 2,
					.tables = {2, {CONTROL_TABLE_NAMES, CONTROL_TABLE_RULES}},
					.introduced = CONTROL_LINKED,
					.link = {.peer = 8,
						.link = 1,
						.uid = 1000,
						.label = TEXT("x"),
						.initiator = true},
				},
		};

	out = round_trip(&in);
	ck_assert_uint_eq(out.welcome.peer, 5);
	ck_assert_uint_eq(out.welcome.tables.n, 2);
	ck_assert_uint_eq(out.welcome.tables.items[1], CONTROL_TABLE_RULES);
	ck_assert_uint_eq(out.welcome.link.peer, 8);
	ck_assert_uint_eq(out.welcome.link.uid, 1000);
	ck_assert(out.welcome.link.initiator);
	ck_assert(!out.welcome.link.same_domain);
	ck_assert_uint_eq(out.welcome.failed.code, 0);
	ck_assert_ptr_null(out.welcome.failed.error.text);
}
END_TEST

START_TEST(rule)
{
	struct control out, in = {
				    .type = CONTROL_RULE_ADD,
				    .serial = 2,
				    .rule_add = {7, CONTROL_WAIT, TEXT("tern"),
					    {2, {TEXT("new"), TEXT("org")}}, 3, 4},
			    };

	out = round_trip(&in);
	ck_assert_uint_eq(out.rule_add.rule, 7);
	ck_assert_uint_eq(out.rule_add.policy, CONTROL_WAIT);
	assert_text(&out.rule_add.sender, "tern");
	ck_assert_uint_eq(out.rule_add.tags.n, 2);
	assert_text(&out.rule_add.tags.items[1], "org");
	ck_assert_uint_eq(out.rule_add.queue, 3);
	ck_assert_uint_eq(out.rule_add.max_rate, 4);
	in.rule_add.tags.n = 0;
	in.rule_add.sender = (struct control_text){0};
	out = round_trip(&in);
	ck_assert_uint_eq(out.rule_add.tags.n, 0);
	ck_assert_ptr_null(out.rule_add.sender.text);
}
END_TEST

START_TEST(own_and_event)
{
	struct control out, in = {
				    .type = CONTROL_OWN,
				    .serial = 3,
				    .own = {TEXT("a.b"), CONTROL_OWN_QUEUE, {1, {TEXT("audio")}}},
			    };

	out = round_trip(&in);
	assert_text(&out.own.name, "a.b");
	ck_assert_uint_eq(out.own.flags, CONTROL_OWN_QUEUE);
	assert_text(&out.own.labels.items[0], "audio");

	in = (struct control){.type = CONTROL_EVENT};
	for (in.event.tags.n = 0; in.event.tags.n < CONTROL_MAX_EVENT_TAGS; in.event.tags.n++)
		in.event.tags.items[in.event.tags.n] = TEXT("new");
	in.event.payload = (struct control_bytes){(const uint8_t *)"\xa0", 1};
	in.event.lost = 12;
	out = round_trip(&in);
	ck_assert_uint_eq(out.event.tags.n, CONTROL_MAX_EVENT_TAGS);
	ck_assert_uint_eq(out.event.payload.size, 1);
	ck_assert_uint_eq(out.event.lost, 12);
}
END_TEST

START_TEST(counts)
{
	struct control out, in = {.type = CONTROL_COUNTS, .serial = 4};

	in.counts.peers = 3;
	in.counts.users.n = CONTROL_MAX_USERS;
	for (size_t i = 0; i < CONTROL_MAX_USERS; i++)
		in.counts.users.items[i] = (struct control_user){.uid = i, .fds = i + 1};
	out = round_trip(&in);
	ck_assert_uint_eq(out.counts.peers, 3);
	ck_assert_uint_eq(out.counts.users.n, CONTROL_MAX_USERS);
	ck_assert_uint_eq(out.counts.users.items[9].uid, 9);
	ck_assert_uint_eq(out.counts.users.items[9].fds, 10);
}
END_TEST

START_TEST(call_and_reply)
{
	static uint8_t large[CONTROL_MAX_REPLY];
	struct control out, in = {CONTROL_REPLY, 4, .reply = {{large, sizeof(large)}}};

	out = round_trip(&in);
	ck_assert_uint_eq(out.reply.payload.size, sizeof(large));
	in = (struct control){CONTROL_CALL, 4, .call = {TEXT("Status"), {large, CONTROL_MAX_CALL}}};
	out = round_trip(&in);
	assert_text(&out.call.member, "Status");
	ck_assert_uint_eq(out.call.payload.size, CONTROL_MAX_CALL);
	in.call.payload.size++;
	ck_assert_int_eq(control_encode(&in, packet, sizeof(packet), &packet_size), 0);
	ck_assert_int_eq(decode(&out, NULL), CONTROL_E_LIMIT);
}
END_TEST

/* The smallest message of every type, and that no beginning of it passes. */
START_TEST(truncated)
{
	for (uint32_t type = 0; type < 80; type++) {
		struct control out, in = {.type = type, .serial = 5};

		if (!strcmp(control_type_name(type), "unknown")) {
			ck_assert_int_eq(
				control_encode(&in, packet, sizeof(packet), &packet_size), -EINVAL);
			continue;
		}
		out = round_trip(&in);
		for (size_t n = 0; n < packet_size; n++)
			ck_assert_int_eq(
				control_decode(&out, packet, n, NULL), CONTROL_E_MALFORMED);
		packet[packet_size] = 0;
		ck_assert_int_eq(
			control_decode(&out, packet, packet_size + 1, NULL), CONTROL_E_MALFORMED);
	}
}
END_TEST

static int
decode_text(const char *hex, const char **ret_where, struct control *ret)
{
	packet_size = strlen(hex) / 2;
	for (size_t i = 0; i < packet_size; i++) {
		unsigned int byte;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		packet[i] = (uint8_t)byte;
	}
	return decode(ret, ret_where);
}

#define TYPE   "6474797065"	/* "type" */
#define SERIAL "6673657269616c" /* "serial" */
#define RULE   "6472756c65"	/* "rule" */
#define CODE   "64636f6465"	/* "code" */

START_TEST(refused)
{
	struct control c;
	const char *where;

	/* ping, with the keys in another order, and one that is not known */
	ck_assert_int_eq(decode_text("a3" SERIAL "05" CODE "8301a0f6" TYPE "0a", &where, &c), 0);
	ck_assert_uint_eq(c.serial, 5);
	ck_assert_uint_eq(c.type, CONTROL_PING);
	/* no serial; no type; not a map; type is a text; serial is negative */
	ck_assert_int_eq(decode_text("a1" TYPE "0a", &where, &c), CONTROL_E_MALFORMED);
	ck_assert_str_eq(where, "serial");
	ck_assert_int_eq(decode_text("a1" SERIAL "05", &where, &c), CONTROL_E_MALFORMED);
	ck_assert_int_eq(decode_text("820a05", &where, &c), CONTROL_E_MALFORMED);
	ck_assert_int_eq(
		decode_text("a2" TYPE "6161" SERIAL "05", &where, &c), CONTROL_E_MALFORMED);
	ck_assert_int_eq(decode_text("a2" TYPE "0a" SERIAL "20", &where, &c), CONTROL_E_MALFORMED);
	/* a key twice; a key that is a number */
	ck_assert_int_eq(
		decode_text("a3" TYPE "0a" SERIAL "05" TYPE "0a", &where, &c), CONTROL_E_MALFORMED);
	ck_assert_int_eq(
		decode_text("a3" TYPE "0a" SERIAL "050101", &where, &c), CONTROL_E_MALFORMED);
	/* an unknown type keeps its serial, so that it can be answered */
	ck_assert_int_eq(decode_text("a2" TYPE "1863" SERIAL "05", &where, &c), CONTROL_E_TYPE);
	ck_assert_uint_eq(c.serial, 5);
	/* rule-remove without a rule; with a text; rule-add with a policy beyond 32 bits */
	ck_assert_int_eq(decode_text("a2" TYPE "05" SERIAL "05", &where, &c), CONTROL_E_FIELD);
	ck_assert_str_eq(where, "rule");
	ck_assert_int_eq(
		decode_text("a3" TYPE "05" SERIAL "05" RULE "6131", &where, &c), CONTROL_E_FIELD);
	ck_assert_int_eq(decode_text("a4" TYPE "04" SERIAL "05" RULE "01"
				     "66706f6c696379"
				     "1b0000000100000000",
				 &where, &c),
		CONTROL_E_FIELD);
	ck_assert_str_eq(where, "policy");
}
END_TEST

START_TEST(limits)
{
	struct control c = {.type = CONTROL_OWN, .serial = 1};
	struct tern_cbor_writer w;
	char long_name[300];
	const char *where;

	memset(long_name, 'n', sizeof(long_name));
	c.own.name = (struct control_text){long_name, 256};
	ck_assert_int_eq(control_encode(&c, packet, sizeof(packet), &packet_size), 0);
	ck_assert_int_eq(decode(&c, &where), CONTROL_E_LIMIT);
	ck_assert_str_eq(where, "name");

	/* 17 tags; 5 tags of 255 bytes */
	for (size_t many = 0; many < 2; many++) {
		tern_cbor_writer_init(&w, packet, sizeof(packet));
		tern_cbor_put_map(&w, 4);
		tern_cbor_put_string(&w, "type");
		tern_cbor_put_uint(&w, CONTROL_RULE_ADD);
		tern_cbor_put_string(&w, "serial");
		tern_cbor_put_uint(&w, 1);
		tern_cbor_put_string(&w, "rule");
		tern_cbor_put_uint(&w, 1);
		tern_cbor_put_string(&w, "tags");
		tern_cbor_put_array(&w, many ? 17 : 5);
		for (size_t i = 0; i < (many ? 17u : 5u); i++)
			tern_cbor_put_text(&w, long_name, many ? 1 : 255);
		ck_assert_int_eq(tern_cbor_writer_finish(&w, &packet_size), 0);
		ck_assert_int_eq(decode(&c, &where), CONTROL_E_LIMIT);
		ck_assert_str_eq(where, "tags");
	}
	c = (struct control){.type = CONTROL_PING, .serial = 1};
	ck_assert_int_eq(control_encode(&c, packet, 4, &packet_size), -EMSGSIZE);
}
END_TEST

/* The line of docs/protocol.md with this vector; the page is what others write their programs from.
 */
static size_t
read_vector(const char *name, uint8_t *ret, size_t room)
{
	char line[512], *hex;
	size_t size = 0;
	unsigned int byte;
	FILE *page = fopen(SOURCE_ROOT "/docs/protocol.md", "re");

	ck_assert_ptr_nonnull(page);
	while (size == 0 && fgets(line, sizeof(line), page)) {
		hex = line + 4 + strlen(name) + 1;
		if (strncmp(line, "    ", 4) || strncmp(line + 4, name, strlen(name)) ||
			hex[-1] != ' ')
			continue;
		for (; size < room && sscanf(hex, "%2x", &byte) == 1; hex += 2)
			ret[size++] = (uint8_t)byte;
	}
	ck_assert_int_eq(fclose(page), 0);
	return size;
}

START_TEST(vectors)
{
	const struct control messages[] = {
		{CONTROL_HELLO, 1,
			.hello = {1, 1, 0, 0, 1000000000, {0}, TEXT("org.example.Mixer")}},
		{CONTROL_OWN, 2, .own = {TEXT("org.example.Mixer"), 1, {1, {TEXT("audio")}}}},
		{CONTROL_RULE_ADD, 3,
			.rule_add = {7, 3, TEXT("tern"), {2, {TEXT("new"), TEXT("org.example")}}}},
		{CONTROL_CALL, 2,
			.call = {TEXT("Peers"), {(const uint8_t *)"\xa1\x65" "after\x07", 8}}},
		{CONTROL_DONE, 2},
		{CONTROL_FAILED, 2, .failed = {17, TEXT("tern.NameTaken"), TEXT("no"), 4294967298}},
		{CONTROL_LINK, 0, .link = {4294967298, 1, 1000, 1000, 77, {0}, true, false}},
		{CONTROL_TABLE, 0, .table = {CONTROL_TABLE_NAMES, 1}},
	};
	uint8_t vector[256];
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		size = read_vector(control_type_name(messages[i].type), vector, sizeof(vector));
		(void)round_trip(&messages[i]);
		ck_assert_uint_eq(packet_size, size);
		ck_assert_mem_eq(packet, vector, size);
	}
}
END_TEST

/* Bytes changed at random: never a crash, and whatever passes can be written again. */
START_TEST(garbage)
{
	struct control c = {
		.type = CONTROL_WELCOME,
		.serial = 1,
		.welcome =
			{
				.major = 1,
				.instance = 9,
				.peer = 5,
				.tables = {2, {1, 2}},
				.introduced = 2,
				.token = {(const uint8_t *)"0123456789abcdef", 16},
				.link = {.peer = 8, .label = TEXT("x")},
				.failed = {.code = 3, .error = TEXT("tern.X"), .text = TEXT("no")},
			},
	};
	uint8_t good[1024], again[sizeof(packet)];
	uint64_t random = 1;
	size_t size, n;

	ck_assert_int_eq(control_encode(&c, good, sizeof(good), &size), 0);
	for (int round = 0; round < 20000; round++) {
		memcpy(packet, good, size);
		for (int i = 0; i < 1 + round % 4; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			packet[(random >> 33) % size] = (uint8_t)(random >> 25);
		}
		if (control_decode(&c, packet, size, NULL) == 0)
			ck_assert_int_eq(control_encode(&c, again, sizeof(again), &n), 0);
	}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("control");
	Suite *suite = suite_create("control");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, hello);
	tcase_add_test(tcase, welcome);
	tcase_add_test(tcase, rule);
	tcase_add_test(tcase, own_and_event);
	tcase_add_test(tcase, counts);
	tcase_add_test(tcase, call_and_reply);
	tcase_add_test(tcase, truncated);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, vectors);
	tcase_add_test(tcase, garbage);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
