/* SPDX-License-Identifier: MIT */

/*
 * generate-every: values by chance, through what was generated for them, and back
 *
 * The caller makes CBOR of the types of the interface without generated code. The service reads it into
 * structs and answers with these; what comes back must say the same. So whatever a type is made of is read
 * and written as the interface says.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "every-tern.h"
#include "fixture.h"
#include "interface/interface.h"

enum { ROUNDS = 150, MOST_DEPTH = 6, MOST_FDS = 12, ROOM = 1 << 20 };

static struct private_bus place;
static _Atomic uint32_t *words;

/* -------- the service: gives back what it gets -------- */

static_assert(offsetof(struct every_everything_reply, message_) == sizeof(struct every_everything_args),
	"the same fields");

static int
everything(tern_call *call, tern_message *m, const struct every_everything_args *args, void *user)
{
	struct every_everything_reply reply = {0};

	memcpy(&reply, args, sizeof(*args));
	return every_everything_return(call, &reply);
}

static int
long_one(tern_call *call, tern_message *m, const struct every_long_one_args *args, void *user)
{
	struct every_long_one_reply reply = {0};

	memcpy(&reply, args, sizeof(*args));
	return every_long_one_return(call, &reply);
}

static int
long_inside(tern_call *call, tern_message *m, const struct every_long_inside_args *args, void *user)
{
	struct every_long_inside_reply reply = {0};

	reply.long_ = args->long_;
	return every_long_inside_return(call, &reply);
}

static void
serve(void *user)
{
	static const struct every_ops ops = {
		.everything = everything, .long_one = long_one, .long_inside = long_inside};
	static const struct every_server server = {.ops = &ops};
	tern_service *service;
	tern_bus *bus;

	must_be(tern_open(place.address, &bus), 0);
	must_be(every_serve(bus, EVERY_INTERFACE, &server, &service), 0);
	tell(words);
	for (;;) {
		struct tern_event event = {.size = sizeof(event)};

		(void)tern_next(bus, TERN_FOREVER, &event);
		(void)tern_message_unref(event.message);
		(void)tern_call_unref(event.call);
	}
}

/* -------- values by chance -------- */

struct maker {
	struct tern_cbor_writer w;
	const struct interface *i;
	uint64_t n_fds;
};

static uint32_t
chance(uint32_t n)
{
	return (uint32_t)random() % n;
}

static void make(struct maker *k, const struct interface_type *type, uint32_t depth);

static void
make_text(struct maker *k)
{
	static const char *const texts[] = {"", "a", "\xc3\xa4\xf0\x9f\x98\x80", "\"*/\\", "true"};
	char long_text[300];

	if (chance(20) > 0) {
		tern_cbor_put_string(&k->w, texts[chance(5)]);
		return;
	}
	memset(long_text, 'x', sizeof(long_text));
	tern_cbor_put_text(&k->w, long_text, sizeof(long_text));
}

static void
make_struct(struct maker *k, const struct interface_type *type, uint32_t depth)
{
	const struct interface_field *field = type_fields(k->i, type);
	bool is_there[INTERFACE_MAX_FIELDS];
	size_t n = 0;

	for (; field; field = field_next(k->i, field)) {
		is_there[field->item.order] = !field->type.is_optional || (depth < MOST_DEPTH && chance(2));
		n += is_there[field->item.order];
	}
	tern_cbor_put_map(&k->w, n);
	for (field = type_fields(k->i, type); field; field = field_next(k->i, field)) {
		struct interface_type there = field->type;

		there.is_optional = false; /* null would be left out on the way back */
		if (!is_there[field->item.order])
			continue;
		tern_cbor_put_string(&k->w, interface_name(k->i, &field->item));
		make(k, &there, depth + 1);
	}
}

static void
make_elements(struct maker *k, const struct interface_type *type, uint32_t depth)
{
	size_t n = depth >= MOST_DEPTH ? 0 : chance(4);
	char key[16];

	if (type->kind == KIND_MAP)
		tern_cbor_put_map(&k->w, n);
	else
		tern_cbor_put_array(&k->w, n);
	for (size_t e = 0; e < n; e++) {
		(void)snprintf(key, sizeof(key), "key %zu", e);
		if (type->kind == KIND_MAP)
			tern_cbor_put_string(&k->w, key);
		make(k, type_elements(k->i, type), depth + 1);
	}
}

static void
make_word(struct maker *k, const struct interface_type *type)
{
	const struct interface_item *value = type_values(k->i, type);

	for (uint32_t n = chance(type->n); n > 0; n--)
		value = value_next(k->i, value);
	tern_cbor_put_string(&k->w, interface_name(k->i, value));
}

static bool
has_fds(const struct interface *i, const struct interface_type *type)
{
	return (type->kind == KIND_ARRAY || type->kind == KIND_MAP) && type_elements(i, type)->kind == KIND_FD;
}

static void
make(struct maker *k, const struct interface_type *type, uint32_t depth)
{
	static const double numbers[] = {0.5, -1e300, 3, 0};
	static const uint64_t uints[] = {0, 23, 24, 65536, UINT64_MAX};
	static const int64_t ints[] = {0, -1, INT64_MIN, INT64_MAX, 1000};

	if (type->is_optional && (depth >= MOST_DEPTH || chance(2))) {
		tern_cbor_put_null(&k->w);
		return;
	}
	if (type->kind == KIND_NAMED)
		type = &type_member(k->i, type)->types[0];
	switch (type->kind) {
	case KIND_BOOL:
		tern_cbor_put_bool(&k->w, chance(2));
		break;
	case KIND_INT:
		tern_cbor_put_int(&k->w, ints[chance(5)]);
		break;
	case KIND_UINT:
		tern_cbor_put_uint(&k->w, uints[chance(5)]);
		break;
	case KIND_FLOAT:
		tern_cbor_put_double(&k->w, numbers[chance(4)]);
		break;
	case KIND_STRING:
		make_text(k);
		break;
	case KIND_BYTES:
		tern_cbor_put_bytes(&k->w, "\0\1\2", chance(4));
		break;
	case KIND_FD:
		tern_cbor_put_tag(&k->w, TERN_CBOR_TAG_FD);
		tern_cbor_put_uint(&k->w, k->n_fds++);
		break;
	case KIND_OBJECT:
		(void)tern_cbor_pack(&k->w, "{x:[id],y:{}}", (int64_t)chance(1000), 0.25);
		break;
	case KIND_ANY:
		(void)tern_cbor_pack(&k->w, chance(2) ? "[sn]" : "s", "x");
		break;
	case KIND_STRUCT:
		make_struct(k, type, depth);
		break;
	case KIND_ENUM:
		make_word(k, type);
		break;
	default:
		make_elements(k, type, has_fds(k->i, type) && k->n_fds > MOST_FDS / 2 ? MOST_DEPTH : depth);
	}
}

/* -------- there and back -------- */

/* In words. Which number a descriptor has does not matter. */
static char *
words_of(const void *cbor, size_t size)
{
	static const char FD[] = "1952805486(";
	char *text = malloc(ROOM), *at;
	size_t n;

	must(text != NULL);
	must_be(tern_cbor_diag(cbor, size, text, ROOM, &n), 0);
	for (at = strstr(text, FD); at; at = strstr(at, FD)) {
		at += strlen(FD);
		n = strspn(at, "0123456789");
		memmove(at, at + n, strlen(at + n) + 1);
	}
	return text;
}

static void
compare(const void *cbor, size_t size, tern_message *reply)
{
	char *sent, *back;
	const void *part;
	size_t part_size;

	must_be(tern_message_part(reply, 0, &part, &part_size), 0);
	sent = words_of(cbor, size);
	back = words_of(part, part_size);
	if (strcmp(sent, back) != 0)
		fprintf(stderr, "sent %s\nback %s\n", sent, back);
	must(strcmp(sent, back) == 0);
	free(sent);
	free(back);
}

static void
send_one(tern_bus *bus, const struct interface *i, const char *member, int fd)
{
	static uint8_t buf[ROOM];
	const struct interface_member *method = interface_find(i, member, strlen(member));
	struct maker k = {.i = i};
	struct tern_error error;
	tern_message *m, *reply;
	tern_call *call;
	size_t size;
	int r;

	tern_cbor_writer_init(&k.w, buf, sizeof(buf));
	make(&k, &method->types[METHOD_IN], 0);
	must_be(tern_cbor_writer_finish(&k.w, &size), 0);
	must(k.n_fds <= TERN_MAX_FDS);
	must_be(tern_message_new_call(bus, EVERY_INTERFACE, member, &m), 0);
	must_be(tern_message_append(m, buf, size), 0);
	for (uint64_t n = 0; n < k.n_fds; n++)
		must_be(tern_message_attach(m, fd), n);
	must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
	r = tern_call_wait(call, LONG_NS, &reply, &error);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", member, error.text);
	must_be(r, 0);
	must_be(tern_message_fd(reply, k.n_fds), -ENOENT);
	must(k.n_fds == 0 || tern_message_fd(reply, k.n_fds - 1) >= 0);
	compare(buf, size, reply);
	(void)tern_message_unref(reply);
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
}

static void
setup(void)
{
	fixture_setup();
	private_bus_start(&place, NULL);
	words = shared_new(sizeof(uint32_t));
}

static void
teardown(void)
{
	(void)shared_free((void *)words, sizeof(uint32_t));
	private_bus_stop(&place);
	fixture_teardown();
}

START_TEST(every_value_comes_back)
{
	static const char *const methods[] = {"Everything", "LongOne", "LongInside"};
	struct interface *i;
	pid_t pid = child_start(serve, NULL);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	tern_bus *bus;

	must(fd >= 0);
	wait_for(words, 1);
	must_be(interface_parse(every_interface, strlen(every_interface), &i, NULL), 0);
	must_be(tern_open(place.address, &bus), 0);
	srandom((unsigned int)_i);
	for (int n = 0; n < ROUNDS; n++)
		send_one(bus, i, methods[n % 3], fd);
	(void)tern_close(bus);
	(void)interface_free(i);
	(void)close(fd);
	child_kill(pid);
}
END_TEST

/* What a service cannot have said, so that it does not leave it, and what it may. */
START_TEST(unsaid_words_are_refused_and_unknown_ones_read)
{
	ck_assert_ptr_null(every_word_to_string(EVERY_WORD_OTHER_));
	ck_assert_int_eq(every_word_from_string("not a word"), EVERY_WORD_OTHER_);
	ck_assert_int_eq(every_word_from_string("OK"), EVERY_WORD_OK_2);
	ck_assert_str_eq(every_word_to_string(EVERY_WORD_NOT_OK), "notOk");
	ck_assert_str_eq(every_word_to_string(EVERY_WORD_NOT_OK_2), "not_ok");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("generate-every");
	TCase *tcase = tcase_create("generate-every");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_value_comes_back, 1, is_long() ? 100 : 4);
	tcase_add_test(tcase, unsaid_words_are_refused_and_unknown_ones_read);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
