/* SPDX-License-Identifier: MIT */

/*
 * link-parts: what a message carries: in its record, in lent blocks, in memory of its own
 *
 * Each scene runs over each way (links.h): the child calls, the test serves.
 */

#include "links.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "link/link.h"

/* --- inline records --- */

enum {
	N_INLINE = 64,
};

static size_t
inline_size(uint64_t i, size_t part)
{
	return (i * 37 + part * 11) % 180;
}

/* inline_ask() - calls with 0 to 8 parts; the answer has the same in the other order */
static void
inline_ask(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	for (uint64_t i = 0; i < N_INLINE; i++) {
		size_t n = i % (TERN_MAX_PARTS + 1);
		uint8_t bytes[256];
		tern_message *m, *reply;
		tern_call *call;

		must_be(tern_message_new_call(bus, ground_service(ground), "Turn", &m), 0);
		for (size_t k = 0; k < n; k++) {
			fill(bytes, inline_size(i, k), i + k);
			must_be(tern_message_append(m, bytes, inline_size(i, k)), 0);
		}
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_message_append(m, "", 0), -EBUSY); /* sealed */
		must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
		must_be(tern_message_n_parts(reply), n);
		for (size_t k = 0; k < n; k++) {
			const void *part;
			size_t size;

			must_be(tern_message_part(reply, k, &part, &size), 0);
			must_be(size, inline_size(i, n - 1 - k));
			must(is_filled(part, size, i + n - 1 - k));
		}
		(void)tern_message_unref(reply); /* always NULL, as here all the next */
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
	}
	(void)tern_close(bus);
}

static int
turn(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;

	must_be(tern_message_new_reply(call, &reply), 0);
	for (size_t k = tern_message_n_parts(m); k-- > 0;) {
		const void *part;
		size_t size;

		must_be(tern_message_part(m, k, &part, &size), 0);
		must_be(tern_message_append(reply, part, size), 0);
	}
	must_be(tern_reply_message(reply), 0);
	(void)tern_message_unref(reply);
	return 0;
}

START_TEST(small_parts_travel_inside)
{
	static const struct tern_method methods[] = {{"Turn", turn}};
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	unsigned int n_blocks;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 1, NULL, &service);
	pid = ground_child(&ground, inline_ask);
	next_of(bus, TERN_LOST, &event);
	must_be(mapped_as("tern-blocks", &n_blocks), 0); /* nobody lent anything */
	child_end(pid);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- lent parts are read in place --- */

enum {
	LENT_SIZE = 100000,
	/* words */
	LENT_CHANGE = 0,
	LENT_CHANGED = 1,
	/* numbers */
	LENT_INODE = 0,
};

/* lent_give() - lend, send, and change a byte when told to; then the same from the reply */
static void
lent_give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	struct mapping mapping;
	tern_message *m, *reply;
	const volatile void *view;
	const void *part;
	tern_call *call;
	uint8_t *bytes;
	size_t size;

	must_be(tern_message_new_call(bus, ground_service(ground), "Look", &m), 0);
	must_be(tern_message_lend(m, LENT_SIZE, (void **)&bytes), 0);
	must(mapping_of(bytes, &mapping));
	ground->numbers[LENT_INODE] = mapping.inode;
	fill(bytes, LENT_SIZE, 1);
	must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
	wait_for(&ground->words[LENT_CHANGE], 1);
	bytes[77] ^= 0xff;
	tell(&ground->words[LENT_CHANGED]);
	must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);

	must_be(tern_message_part(reply, 0, &part, &size), 0);
	must_be(size, LENT_SIZE);
	must(is_filled(part, size, 2));
	must_be(tern_message_view(reply, 0, &view, &size), 0);
	must(mapping_of(view, &mapping));
	must(strcmp(mapping.name, "tern-blocks") == 0);
	must_be(mapping.inode, ground->numbers[LENT_INODE]); /* of the reply now */
	must((part == view) == !ground_is_foreign(ground));
	(void)tern_message_unref(reply); /* always NULL, as here all the next */
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
	(void)tern_close(bus);
}

/* look_closely() - the view is the sender's memory; the part is stable where the sender is
 * another's */
static void
look_closely(struct ground *ground, tern_message *m)
{
	const volatile uint8_t *view;
	const uint8_t *part;
	struct mapping mapping;
	uint8_t before;
	size_t size;

	must_be(tern_message_part(m, 0, (const void **)&part, &size), 0);
	must_be(size, LENT_SIZE);
	must(is_filled(part, size, 1));
	must_be(tern_message_view(m, 0, (const volatile void **)&view, &size), 0);
	must_be(size, LENT_SIZE);
	must(mapping_of(view, &mapping));
	must(strcmp(mapping.name, "tern-blocks") == 0);
	must_be(mapping.inode, ground->numbers[LENT_INODE]);
	must((part == view) == !ground_is_foreign(ground));
	before = view[77];
	tell(&ground->words[LENT_CHANGE]);
	wait_for(&ground->words[LENT_CHANGED], 1);
	must_be(view[77], before ^ 0xff);
	must_be(part[77], ground_is_foreign(ground) ? before : before ^ 0xff);
	must(mprotect((void *)mapping.begin, mapping.end - mapping.begin, PROT_READ | PROT_WRITE) <
		0);
}

static int
look(tern_call *call, tern_message *m, void *user)
{
	struct ground *ground = user;
	struct mapping mapping;
	tern_message *reply;
	void *bytes;

	look_closely(ground, m);
	must_be(tern_message_new_reply(call, &reply), 0);
	must_be(tern_message_lend(reply, LENT_SIZE, &bytes), 0);
	must(mapping_of(bytes, &mapping));
	ground->numbers[LENT_INODE] = mapping.inode;
	fill(bytes, LENT_SIZE, 2);
	must_be(tern_reply_message(reply), 0);
	(void)tern_message_unref(reply);
	return 0;
}

/* serve_one() - serve this method until the child is gone */
static void
serve_one(struct ground *ground, const char *member, tern_method_fn *fn, void (*child)(void *))
{
	struct tern_method method = {member, fn};
	tern_service *service;
	struct tern_event event;
	tern_bus *bus = ground_server(ground, &method, 1, ground, &service);
	pid_t pid = ground_child(ground, child);

	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

START_TEST(lent_parts_are_read_in_place)
{
	struct ground ground;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	serve_one(&ground, "Look", look, lent_give);
	ground_end(&ground);
}
END_TEST

/* --- bytes of a value that lie in a part --- */

enum {
	FIRST_SIZE = 5000,
	SECOND_SIZE = 3,
};

/* put_list() - a value too large for the space in the message, so that it is packed twice */
static void
put_list(struct tern_cbor_writer *w, const void *value)
{
	tern_cbor_put_array(w, *(const size_t *)value);
	for (size_t i = 0; i < *(const size_t *)value; i++)
		tern_cbor_pack(w, "{i:u}", (uint64_t)i);
}

static void
named_give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	for (size_t n = 0; n < 2000; n += 999) {
		tern_message *m, *reply;
		void *first, *second;
		tern_call *call;
		uint64_t sum;

		must_be(tern_message_new_call(bus, ground_service(ground), "Named", &m), 0);
		must_be(tern_message_pack(m, "{a:p,fd:h,list:f,b:p,no:u}", (size_t)FIRST_SIZE, &first, 0, put_list, &n, SIZE_MAX, &second, UINT64_C(0)), -E2BIG);
		must_be(tern_message_n_parts(m), 0);
		must_be(tern_message_fd(m, 0), -ENOENT);
		must_be(tern_message_pack(m, "{a:p,fd:h,list:f,b:p}", (size_t)FIRST_SIZE, &first, 0, put_list, &n, (size_t)SECOND_SIZE, &second), 0);
		must_be(tern_message_n_parts(m), 3);
		fill(first, FIRST_SIZE, 1);
		fill(second, SECOND_SIZE, 2);
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
		must_be(tern_message_unpack(reply, "{sum:u}", &sum), 0);
		must(sum == FIRST_SIZE + SECOND_SIZE + n);
		(void)tern_message_unref(reply); /* always NULL, as here all the next */
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
	}
	must_be(tern_call_sync(bus, ground_service(ground), "Named", NULL, NULL, "{a:p}", (size_t)1, &(void *){NULL}), -EINVAL);
	(void)tern_close(bus);
}

static int
named(tern_call *call, tern_message *m, void *user)
{
	const void *first, *second, *part, *list;
	size_t first_size, second_size, size, n;
	struct tern_cbor_reader r;
	int fd;

	must_be(tern_message_unpack(m, "{a:y,b:y,fd:h,list:v}", &first, &first_size, &second, &second_size, &fd,
		&list, &size), 0);
	must(is_filled(first, FIRST_SIZE, 1) && is_filled(second, SECOND_SIZE, 2));
	tern_cbor_reader_init(&r, list, size);
	must_be(tern_cbor_enter_array(&r, &n), 0);
	must_be(tern_message_part(m, 1, &part, &size), 0);
	must(part == first);
	return tern_reply(call, "{sum:u}", (uint64_t)(first_size + second_size + n));
}

START_TEST(values_name_parts)
{
	struct ground ground;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	serve_one(&ground, "Named", named, named_give);
	ground_end(&ground);
}
END_TEST

/* --- how much is copied --- */

enum {
	COPY_LIMIT = 1 << 20,
};

static void
large_give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	for (int more = 0; more < 2; more++) {
		tern_message *m;
		tern_call *call;
		void *bytes;

		must_be(tern_message_new_call(bus, ground_service(ground), "Copy", &m), 0);
		must_be(tern_message_lend(m, COPY_LIMIT + (size_t)more, &bytes), 0);
		fill(bytes, COPY_LIMIT + (size_t)more, 3);
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_call_wait(call, LONG_NS, NULL, NULL), 0);
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
	}
	(void)tern_close(bus);
}

static int
copy(tern_call *call, tern_message *m, void *user)
{
	struct ground *ground = user;
	const volatile void *view;
	const void *part, *again;
	size_t size;
	int r = tern_message_part(m, 0, &part, &size);

	if (ground_is_foreign(ground) && r < 0) {
		must_be(r, -E2BIG);
		must(strcmp(tern_last_error()->name, "tern.TooBig") == 0);
		must(strstr(tern_last_error()->text, "tern_message_view") != NULL);
		must_be(tern_message_view(m, 0, &view, &size), 0);
		must_be(size, COPY_LIMIT + 1);
		must(is_filled((const void *)view, size, 3)); /* it holds still today */
		must_be(tern_message_unpack(m, "u", &(uint64_t){0}), -E2BIG);
	} else {
		must_be(r, 0);
		must(is_filled(part, size, 3));
		must_be(tern_message_part(m, 0, &again, &size), 0);
		must(again == part); /* copied once */
		must(!ground_is_foreign(ground) || size == COPY_LIMIT);
	}
	return tern_reply(call, NULL);
}

START_TEST(foreign_parts_are_copied_up_to_a_limit)
{
	struct ground ground;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	serve_one(&ground, "Copy", copy, large_give);
	ground_end(&ground);
}
END_TEST

/* --- parts of all sizes; all come back --- */

static const size_t SIZES[] = {0, 1, 255, 256, 257, 2047, 2048, 2049, 4096, 65535, 65536, 65537,
	1000000, 5u << 20, POOL_BLOCK_MAX, POOL_BLOCK_MAX + 1};

/* Memory of a block's own is there until its release, which follows the reply, is collected. */
static bool
falls_to(struct ground *ground, tern_bus *bus, unsigned int n_before)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	unsigned int n = UINT_MAX;

	for (int i = 0; i < 5000 && n > n_before; i++) {
		tern_message *m;
		void *bytes;

		must_be(tern_message_new_call(bus, ground_service(ground), "Size", &m), 0);
		must_be(tern_message_lend(m, 1, &bytes), 0);
		(void)tern_message_unref(m);
		(void)mapped_as("tern-blocks", &n);
		(void)nanosleep(&tick, NULL); /* cut short or not: look again */
	}
	return n <= n_before;
}

static void
sizes_give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	unsigned int n_before = 0;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(SIZES); i++) {
		size_t size = SIZES[i % ARRAY_SIZE(SIZES)];
		tern_message *m;
		tern_call *call;
		void *bytes;

		must_be(tern_message_new_call(bus, ground_service(ground), "Size", &m), 0);
		must_be(tern_message_lend(m, size, &bytes), 0);
		fill(bytes, size, i);
		must_be(tern_message_set_trace(m, i), 0);
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_call_wait(call, LONG_NS, NULL, NULL), 0);
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
		if (size == POOL_BLOCK_MAX)
			(void)mapped_as("tern-blocks", &n_before);
		else if (size > POOL_BLOCK_MAX)
			must(falls_to(ground, bus, n_before));
	}
	(void)tern_close(bus);
}

static int
size_up(tern_call *call, tern_message *m, void *user)
{
	const volatile void *view;
	struct mapping mapping;
	size_t size;

	must_be(tern_message_view(m, 0, &view, &size), 0);
	must_be(size, SIZES[tern_message_trace(m) % ARRAY_SIZE(SIZES)]);
	must(is_filled((const void *)view, size, tern_message_trace(m)));
	if (size > POOL_BLOCK_MAX) {
		must(mapping_of(view, &mapping));
		must(mapping.end - mapping.begin < size + 65536); /* nothing else lies there */
		/* and of those before it none is left here either: it was told so before this one
		 */
		must_be(n_mapped("tern-blocks", POOL_BLOCK_MAX + 4097, POOL_BLOCK_MAX + 65536), 1);
	}
	return tern_reply(call, NULL);
}

START_TEST(parts_have_any_size)
{
	struct ground ground;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	serve_one(&ground, "Size", size_up, sizes_give);
	ground_end(&ground);
}
END_TEST

/* --- given back in any order --- */

enum {
	N_ROUNDS = 400,
	N_KEPT = 24,
	KEPT_SIZE = 3000,
};

struct shelf {
	tern_message *kept[N_KEPT];
	uint64_t n;
	uint64_t random;
};

static void
shelf_check(tern_message *m)
{
	must_be(tern_message_n_parts(m), TERN_MAX_PARTS);
	for (size_t k = 0; k < TERN_MAX_PARTS; k++) {
		const volatile void *view;
		size_t size;

		must_be(tern_message_view(m, k, &view, &size), 0);
		must_be(size, KEPT_SIZE + k);
		must(is_filled((const void *)view, size, tern_message_trace(m) * 8 + k));
	}
}

/* shelve() - keep this one, give another back, whichever; the first stays for ever */
static int
shelve(tern_call *call, tern_message *m, void *user)
{
	struct shelf *shelf = user;
	size_t i;

	shelf_check(m);
	shelf->random = shelf->random * 6364136223846793005u + 1442695040888963407u;
	i = shelf->n < N_KEPT ? shelf->n : 1 + (shelf->random >> 33) % (N_KEPT - 1);
	if (shelf->kept[i])
		shelf_check(shelf->kept[i]); /* nobody wrote over it meanwhile */
	(void)tern_message_unref(shelf->kept[i]);
	shelf->kept[i] = tern_message_ref(m);
	shelf->n++;
	return tern_reply(call, NULL);
}

static void
order_give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	for (uint64_t i = 0; i < N_ROUNDS; i++) {
		tern_message *m;
		tern_call *call;
		void *bytes;

		must_be(tern_message_new_call(bus, ground_service(ground), "Shelve", &m), 0);
		for (size_t k = 0; k < TERN_MAX_PARTS; k++) {
			must_be(tern_message_lend(m, KEPT_SIZE + k, &bytes), 0);
			fill(bytes, KEPT_SIZE + k, i * 8 + k);
		}
		must_be(tern_message_lend(m, 1, &bytes), -E2BIG);
		must_be(tern_message_append(m, "", 1), -E2BIG);
		must_be(tern_message_set_trace(m, i), 0);
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_call_wait(call, LONG_NS, NULL, NULL), 0);
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
	}
	(void)tern_close(bus);
}

START_TEST(parts_go_back_in_any_order)
{
	static const struct tern_method methods[] = {{"Shelve", shelve}};
	struct ground ground;
	struct shelf shelf = {.random = 1};
	struct tern_event event;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 1, &shelf, &service);
	pid = ground_child(&ground, order_give);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	must_be(shelf.n, N_ROUNDS);
	for (size_t i = 0; i < N_KEPT; i++) {
		shelf_check(shelf.kept[i]); /* its owner is gone, the memory is not */
		(void)tern_message_unref(shelf.kept[i]);
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- nothing grows --- */

enum {
	N_STEADY = 10000,
	STEADY_SIZE = 5000,
	SEEN_EARLY = 0,
	SEEN_LATE = 1,
};

static void
steady_give(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	uint64_t late;
	unsigned int n;

	for (uint64_t i = 0; i < N_STEADY; i++) {
		tern_message *m;
		void *bytes;

		must_be(tern_message_new_call(bus, ground_service(ground), "Take", &m), 0);
		must_be(tern_message_lend(m, STEADY_SIZE, &bytes), 0);
		memset(bytes, (int)i, STEADY_SIZE);
		must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
		(void)tern_message_unref(m);
	}
	late = mapped_as("tern-blocks", &n);
	must(late > 0);
	must(late < N_STEADY * (uint64_t)STEADY_SIZE /
			    8); /* 256 may be out at once, however slow the reader */
	must_be(tern_call_sync(bus, ground_service(ground), "Done", NULL, NULL, NULL), 0);
	(void)tern_close(bus);
}

static int
take(tern_call *call, tern_message *m, void *user)
{
	const volatile uint8_t *view;
	uint64_t *n = user;
	size_t size;

	must_be(tern_message_view(m, 0, (const volatile void **)&view, &size), 0);
	must_be(size, STEADY_SIZE);
	must_be(view[0], (uint8_t)*n); /* in order */
	must_be(view[size - 1], (uint8_t)*n);
	(*n)++;
	return 0;
}

static int
done(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, NULL);
}

START_TEST(blocks_return)
{
	static const struct tern_method methods[] = {{"Take", take}, {"Done", done}};
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	uint64_t n = 0;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 2, &n, &service);
	pid = ground_child(&ground, steady_give);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	must_be(n, N_STEADY);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- a reader that gives nothing back hurts itself alone --- */

static const char *const LARGE[] = {"large", NULL};

enum {
	N_LARGE = 80, /* more than may be lent at all, were they all kept */
	LARGE_SIZE = 15 << 20,
	/* words */
	HEARING = 0,
	HEARD = 1, /* by the one who gives back */
	HOARDED = 2,
};

/* hear_large() - all of them, or what it is given as long as it keeps them */
static void
hear_large(struct ground *ground, bool keep, uint32_t policy)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = policy, .tags = LARGE};
	struct tern_event events[N_LARGE];
	tern_subscription *subscription;
	uint64_t n = 0, lost = 0;
	tern_bus *bus;

	must_be(tern_open(ground->place.address, &bus), 0);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	tell(&ground->words[HEARING]);
	while (n + lost < N_LARGE) {
		events[n] = (struct tern_event){.size = sizeof(*events)};
		must_be(tern_next(bus, LONG_NS, &events[n]), 0);
		lost += events[n].kind == TERN_GAP ? events[n].lost : 0;
		if (events[n].kind != TERN_EVENT)
			continue;
		if (!keep)
			let_go(&events[n]);
		n++;
		if (!keep)
			tell(&ground->words[HEARD]);
	}
	must(keep ? n > 0 && n * LARGE_SIZE <= LINK_MAX_LENT : n == N_LARGE);
	for (uint64_t i = 0; keep && i < n; i++)
		let_go(&events[i]);
	tell(&ground->words[HOARDED]);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
}

static void
hoard(void *user)
{
	hear_large(user, true, TERN_DROP_NEWEST);
}

static void
give_back(void *user)
{
	hear_large(user, false, TERN_WAIT);
}

START_TEST(who_keeps_all_hurts_himself)
{
	struct ground ground;
	tern_topic *topic;
	tern_message *m;
	pid_t pids[2];
	tern_bus *bus;
	void *bytes;

	if (!ground_begin(&ground, _i ? BY_USERS : BY_BUS))
		return;
	pids[0] = child_start_as(_i ? USER_A : getuid(), hoard, &ground);
	pids[1] = child_start(give_back, &ground);
	bus = ground_client(&ground);
	wait_for(&ground.words[HEARING], 2);
	must_be(tern_topic_new(bus, LARGE, &topic), 0);
	for (uint32_t i = 0; i < N_LARGE; i++) {
		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_lend(m, LARGE_SIZE, &bytes), 0);
		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m); /* always NULL */
		wait_for(&ground.words[HEARD], i + 1);
	}
	wait_for(&ground.words[HOARDED], 2);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	(void)tern_topic_free(topic); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-parts");
	TCase *tcase = tcase_create("parts");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, small_parts_travel_inside, 0, N_WAYS);
	tcase_add_loop_test(tcase, lent_parts_are_read_in_place, 0, N_WAYS);
	tcase_add_loop_test(tcase, values_name_parts, 0, N_WAYS);
	tcase_add_loop_test(tcase, foreign_parts_are_copied_up_to_a_limit, 0, N_WAYS);
	tcase_add_loop_test(tcase, parts_have_any_size, 0, N_WAYS);
	tcase_add_loop_test(tcase, parts_go_back_in_any_order, 0, N_WAYS);
	tcase_add_loop_test(tcase, blocks_return, 0, N_WAYS);
	tcase_add_loop_test(tcase, who_keeps_all_hurts_himself, 0, 2);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
