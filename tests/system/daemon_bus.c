/* SPDX-License-Identifier: MIT */

/* daemon-bus: names, rules and links over real sockets and tables, and the end of those who had
 * them */

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "io/socket.h"
#include "raw.h"
#include "shm/names.h"
#include "shm/peers.h"
#include "shm/rules.h"
#include "shm/tags.h"
#include "shm/versions.h"
#include "tern/cbor.h"

static struct ternd ternd;
static struct raw a, b, c;
static struct peers peers;
static struct names names;
static struct rules rules;
static struct versions versions;

/* Three clients; the tables as the first one has them. */
static void
setup(void)
{
	ternd_start(&ternd, NULL);
	raw_join(&a, &ternd);
	ck_assert_int_eq(peers_open(&peers, raw_fd(&a, CONTROL_TABLE_PEERS)), 0);
	ck_assert_int_eq(names_open(&names, raw_fd(&a, CONTROL_TABLE_NAMES)), 0);
	ck_assert_int_eq(rules_open(&rules, raw_fd(&a, CONTROL_TABLE_RULES)), 0);
	ck_assert_int_eq(versions_open(&versions, raw_fd(&a, CONTROL_TABLE_VERSIONS)), 0);
	raw_join(&b, &ternd);
	raw_join(&c, &ternd);
}

static void
teardown(void)
{
	raw_close(&a);
	raw_close(&b);
	raw_close(&c);
	peers_deinit(&peers);
	names_deinit(&names);
	rules_deinit(&rules);
	versions_deinit(&versions);
	ternd_stop(&ternd);
}

static uint64_t
owner_of(const char *name)
{
	struct name_entry entry;
	int r = names_lookup(&names, name, strlen(name), &entry);

	if (r == TABLE_E_NOT_FOUND)
		return 0;
	ck_assert_int_eq(r, 0);
	return entry.owner;
}

static void
expect_done(const struct raw *raw, uint32_t state)
{
	ck_assert_str_eq(control_type_name(raw->control.type), "done");
	ck_assert_uint_eq(raw->control.done.state, state);
}

/* The packet in hand is a name event with these tags. */
static void
expect_event(const struct raw *raw, const char *tags, uint64_t old, uint64_t new)
{
	const struct control_event *event = &raw->control.event;
	uint64_t came_old, came_new;
	char text[1024] = "", wanted[1024];

	snprintf(wanted, sizeof(wanted), "%s org.tern.Bus.%s", tags, tags[0] == 'n' ? "New" : "Gone");
	ck_assert_str_eq(control_type_name(raw->control.type), "event");
	for (size_t i = 0; i < event->tags.n; i++) {
		strncat(text, i ? " " : "", 2);
		strncat(text, event->tags.items[i].text, event->tags.items[i].size);
	}
	ck_assert_str_eq(text, wanted);
	ck_assert_int_eq(tern_cbor_unpack(event->payload.bytes, event->payload.size, NULL,
				 "{old:u,new:u}", &came_old, &came_new),
		0);
	ck_assert_uint_eq(came_old, old);
	ck_assert_uint_eq(came_new, new);
}

/* --- names --- */

START_TEST(own)
{
	char pid[32];

	raw_own(&b, "org.example.Mixer", 0, "audio");
	expect_done(&b, CONTROL_OWNED);
	ck_assert_uint_eq(owner_of("org.example.Mixer"), b.id);
	raw_own(&c, "org.example.Mixer", 0, NULL);
	snprintf(pid, sizeof(pid), "process %d ", (int)getpid());
	raw_expect_failed(&c, EEXIST, "tern.NameTaken", pid);
	ck_assert_uint_eq(c.control.failed.peer, b.id);
	raw_own(&c, "org.example.Mixer", CONTROL_OWN_QUEUE, NULL);
	expect_done(&c, CONTROL_QUEUED);
	raw_name(&b, CONTROL_DISOWN, "org.example.Mixer");
	expect_done(&b, 0);
	raw_expect(&c, CONTROL_OWNER_GAINED);
	ck_assert_uint_eq(owner_of("org.example.Mixer"), c.id);
	raw_own(&c, "org.example.Mixer", CONTROL_OWN_REPLACEABLE, NULL);
	raw_own(&b, "org.example.Mixer", CONTROL_OWN_REPLACE, NULL);
	expect_done(&b, CONTROL_OWNED);
	raw_expect(&c, CONTROL_OWNER_LOST);
	ck_assert_mem_eq(c.control.name.name.text, "org.example.Mixer", 17);
	raw_name(&b, CONTROL_LOOKUP, "org.example.Mixer");
	ck_assert_uint_eq(b.control.found.peer, b.id);
	raw_name(&b, CONTROL_DISOWN, "org.example.Mixer");
	ck_assert_uint_eq(owner_of("org.example.Mixer"), 0);
	raw_name(&b, CONTROL_LOOKUP, "tern");
	ck_assert_uint_eq(b.control.found.peer, CONTROL_PEER_TERND);
}
END_TEST

/* Where the kernel does not refuse them for ternd, it does. */
START_TEST(descriptors_are_refused)
{
	struct control ping = {.type = CONTROL_PING, .serial = ++b.serial};
	uint8_t packet[CONTROL_MAX_PACKET];
	struct iovec iov = {.iov_base = packet};
	int r;

	ck_assert_int_eq(control_encode(&ping, packet, sizeof(packet), &iov.iov_len), 0);
	r = socket_send(b.fd, &iov, 1, &b.fd, 1);
	if (r == 0) {
		ck_assert(raw_receive(&b));
		raw_expect_failed(&b, EINVAL, "tern.Descriptors", "takes no descriptors");
	} else {
		ck_assert_int_eq(r, SOCKET_E_REFUSED);
	}
	raw_ping(&b);
}
END_TEST

START_TEST(bad_names)
{
	char long_name[257];

	raw_own(&b, "a b", 0, NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName",
		"\"a b\" is no name: it has a character that may not be there (byte 1)");
	raw_own(&b, "a\x1b[2Jb", 0, NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName", "\"a?[2Jb\"");
	raw_own(&b, "", 0, NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName", "is empty");
	raw_own(&b, "a..b", 0, NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName", "empty element");
	raw_own(&b, "tern.x", 0, NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName", "reserved");
	memset(long_name, 'n', 256);
	long_name[256] = '\0';
	raw_own(&b, long_name, 0, NULL);
	raw_expect_failed(&b, E2BIG, "tern.BadMessage", "own, name");
	long_name[255] = '\0';
	raw_own(&b, long_name, 0, NULL);
	expect_done(&b, CONTROL_OWNED);
	raw_own(&b, "x", 8, NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadFlags", "0x8");
	raw_own(&b, "x", 0, "");
	raw_expect_failed(&b, EINVAL, "tern.BadTag", "label");
	raw_name(&b, CONTROL_DISOWN, "x");
	raw_expect_failed(&b, ENXIO, "tern.NotOwner", "\"x\"");
	raw_name(&b, CONTROL_LOOKUP, "x");
	raw_expect_failed(&b, ENXIO, "tern.NoSuchName", "nobody owns \"x\"");
}
END_TEST

START_TEST(name_events)
{
	uint64_t inbox;

	raw_own(&b, "org.example.One", 0, "audio");
	raw_rule(&a, 1, "tern", "org.example");
	/* the present one came before the answer; raw_rule() passed over it. Again, by hand: */
	struct control rule = {
		.type = CONTROL_RULE_ADD, .rule_add = {.rule = 2, .sender = raw_text("tern")}};

	raw_send(&a, &rule);
	raw_expect(&a, CONTROL_EVENT);
	ck_assert_uint_eq(a.control.event.rule, 2);
	expect_event(&a, "new org.example.One org.example org audio", 0, b.id);
	raw_expect(&a, CONTROL_DONE);
	inbox = peers_inbox(&peers, a.slot);
	raw_own(&b, "org.example.Two", CONTROL_OWN_REPLACEABLE, NULL);
	ck_assert_uint_ne(peers_inbox(&peers, a.slot), inbox); /* bumped before b had its answer */
	raw_expect(&a, CONTROL_EVENT);
	expect_event(&a, "new org.example.Two org.example org", 0, b.id);
	ck_assert_uint_eq(a.control.event.rule, 0);
	raw_own(&c, "org.example.Two", CONTROL_OWN_REPLACE, "video");
	raw_expect(&a, CONTROL_EVENT);
	expect_event(&a, "gone org.example.Two org.example org", b.id, c.id);
	raw_expect(&a, CONTROL_EVENT);
	expect_event(&a, "new org.example.Two org.example org video", b.id, c.id);
	raw_close(&c);
	raw_expect(&a, CONTROL_EVENT);
	expect_event(&a, "gone org.example.Two org.example org video", c.id, 0);
	ck_assert(raw_is_quiet(&a)); /* once, though two rules match */
}
END_TEST

/* --- rules --- */

START_TEST(rule)
{
	uint32_t index = versions_of_tag("volume", 6);
	uint64_t version = versions_load(&versions, index);
	struct table_cursor cursor = {0};
	struct rule entry;

	raw_rule(&b, 7, NULL, "volume");
	expect_done(&b, 0);
	ck_assert_uint_ne(versions_load(&versions, index), version);
	ck_assert_int_eq(rules_next(&rules, &cursor, &entry), 0);
	ck_assert_uint_eq(entry.subscriber, b.id);
	ck_assert_uint_eq(entry.id, 7);
	ck_assert_uint_eq(entry.kind, RULE_TAG);
	raw_rule(&b, 7, NULL, "other");
	raw_expect_failed(&b, EEXIST, "tern.RuleExists", "7");
	raw_rule(&b, 8, "tern", "new"); /* for ternd alone: no publisher sees it */
	ck_assert_int_eq(rules_next(&rules, &cursor, &entry), TABLE_E_END);
	version = versions_load(&versions, index);
	struct control remove = {.type = CONTROL_RULE_REMOVE, .rule_remove = {7}};

	raw_ask(&b, &remove);
	expect_done(&b, 0);
	ck_assert_uint_ne(versions_load(&versions, index), version);
	cursor = (struct table_cursor){0};
	ck_assert_int_eq(rules_next(&rules, &cursor, &entry), TABLE_E_END);
	raw_ask(&b, &remove);
	raw_expect_failed(&b, ENXIO, "tern.NoSuchRule", "7");
}
END_TEST

/* Rules for ternd alone are quickest; the limit is the user's, not the connection's. */
START_TEST(too_many_rules)
{
	char says[80];
	uint64_t n = 1;

	for (;; n++) {
		raw_rule(n % 2 ? &b : &c, n, "tern", "gone");
		if ((n % 2 ? &b : &c)->control.type == CONTROL_FAILED)
			break;
	}
	ck_assert_uint_eq(n, (16 << 10) + 1);
	snprintf(says, sizeof(says), "user %u has 16384 of the 16384 rules",
		(unsigned int)geteuid());
	raw_expect_failed(&b, EDQUOT, "tern.Quota", says);
	raw_close(&c);
	raw_ping(&a);
	raw_rule(&b, n, "tern", "gone");
	expect_done(&b, 0);
}
END_TEST

START_TEST(bad_rules)
{
	struct control control = {.type = CONTROL_RULE_ADD};
	struct tern_cbor_writer w;
	uint8_t packet[256];
	size_t size;

	raw_ask(&b, &control);
	raw_expect_failed(&b, EINVAL, "tern.BadRule", "not 0");
	control.rule_add.rule = 1;
	control.rule_add.policy = 77;
	raw_ask(&b, &control);
	raw_expect_failed(&b, EINVAL, "tern.BadPolicy", "77");
	raw_rule(&b, 1, "a b", NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName", "a b");
	raw_rule(&b, 1, ":x", NULL);
	raw_expect_failed(&b, EINVAL, "tern.BadName", "no peer");
	raw_rule(&b, 1, NULL, "");
	raw_expect_failed(&b, EINVAL, "tern.BadTag", "is empty");
	/* 17 tags */
	tern_cbor_writer_init(&w, packet, sizeof(packet));
	tern_cbor_put_map(&w, 4);
	tern_cbor_put_string(&w, "type");
	tern_cbor_put_uint(&w, CONTROL_RULE_ADD);
	tern_cbor_put_string(&w, "serial");
	tern_cbor_put_uint(&w, 99);
	tern_cbor_put_string(&w, "rule");
	tern_cbor_put_uint(&w, 1);
	tern_cbor_put_string(&w, "tags");
	tern_cbor_put_array(&w, 17);
	for (int i = 0; i < 17; i++)
		tern_cbor_put_string(&w, "t");
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	raw_send_bytes(&b, packet, size);
	ck_assert(raw_receive(&b));
	raw_expect_failed(&b, E2BIG, "tern.BadMessage", "rule-add, tags");
	ck_assert_uint_eq(b.control.serial, 99);
}
END_TEST

/* --- links --- */

static void
name_of(const struct raw *raw, char *ret)
{
	snprintf(ret, 32, ":%llu", (unsigned long long)raw->id);
}

static void
expect_linked(int one, int other)
{
	struct iovec iov = {(void *)"hi", 2};
	char text[8];
	size_t size;

	ck_assert_int_eq(socket_send(one, &iov, 1, NULL, 0), 0);
	ck_assert_int_eq(socket_recv(other, text, sizeof(text), &size, NULL, 0, NULL), 0);
	ck_assert_mem_eq(text, "hi", 2);
}

START_TEST(introduce)
{
	char id[32];

	raw_own(&b, "x.y", 0, NULL);
	raw_name(&a, CONTROL_INTRODUCE, "x.y");
	ck_assert_str_eq(control_type_name(a.control.type), "introduced");
	ck_assert_uint_eq(a.control.link.peer, b.id);
	ck_assert_uint_eq(a.control.link.pid, (uint32_t)getpid());
	ck_assert(a.control.link.initiator && a.control.link.same_domain);
	ck_assert_uint_eq(a.n_fds, 1);
	raw_expect(&b, CONTROL_LINK);
	ck_assert_uint_eq(b.control.serial, 0);
	ck_assert_uint_eq(b.control.link.peer, a.id);
	ck_assert_uint_eq(b.control.link.link, a.control.link.link);
	ck_assert(!b.control.link.initiator);
	expect_linked(a.fds[0], b.fds[0]);
	raw_name(&b, CONTROL_INTRODUCE, "nobody");
	raw_expect_failed(&b, ENXIO, "tern.NoSuchName", "nobody");
	raw_name(&b, CONTROL_INTRODUCE, ":12345");
	raw_expect_failed(&b, ENXIO, "tern.NoSuchPeer", ":12345");
	raw_name(&b, CONTROL_INTRODUCE, ":1");
	raw_expect_failed(&b, ENXIO, "tern.NoSuchPeer", ":1");
	raw_name(&b, CONTROL_INTRODUCE, "x.y");
	raw_expect_failed(&b, EINVAL, "tern.Itself", "itself");
	name_of(&a, id);
	raw_name(&b, CONTROL_INTRODUCE, id);
	raw_expect_failed(&b, EALREADY, "tern.AlreadyLinked", "already");
	ck_assert_uint_eq(b.control.failed.peer, a.id);
}
END_TEST

START_TEST(introduced_again)
{
	struct control unlink = {.type = CONTROL_UNLINK};
	uint64_t first;
	char id[32];

	name_of(&b, id);
	raw_name(&a, CONTROL_INTRODUCE, id);
	first = a.control.link.link;
	unlink.unlink = (struct control_unlink){b.id, first + 1};
	raw_ask(&a, &unlink); /* not that one */
	raw_name(&a, CONTROL_INTRODUCE, id);
	raw_expect_failed(&a, EALREADY, "tern.AlreadyLinked", "");
	unlink.unlink.link = first;
	raw_ask(&a, &unlink);
	raw_name(&a, CONTROL_INTRODUCE, id);
	ck_assert_str_eq(control_type_name(a.control.type), "introduced");
	ck_assert_uint_ne(a.control.link.link, first);
	unlink.unlink = (struct control_unlink){a.id, first};
	raw_ask(&b, &unlink); /* b hears late that the first one ended */
	raw_name(&a, CONTROL_INTRODUCE, id);
	raw_expect_failed(&a, EALREADY, "tern.AlreadyLinked", "");
}
END_TEST

/* Both ask at once: one is answered, the other finds the link before its refusal. */
START_TEST(both_at_once)
{
	for (int round = 0; round < 50; round++) {
		struct control to_b = {.type = CONTROL_INTRODUCE}, to_a = to_b, unlink;
		struct raw *winner, *loser;
		char id_a[32], id_b[32];
		uint64_t number;

		name_of(&a, id_a);
		name_of(&b, id_b);
		to_a.name.name = raw_text(id_a);
		to_b.name.name = raw_text(id_b);
		raw_send(&a, &to_b);
		raw_send(&b, &to_a);
		ck_assert(raw_receive(&a) && raw_receive(&b));
		winner = a.control.type == CONTROL_INTRODUCED ? &a : &b;
		loser = winner == &a ? &b : &a;
		ck_assert_str_eq(control_type_name(winner->control.type), "introduced");
		ck_assert_str_eq(control_type_name(loser->control.type), "link");
		expect_linked(winner->fds[0], loser->fds[0]);
		number = winner->control.link.link;
		ck_assert(raw_receive(loser));
		raw_expect_failed(loser, EALREADY, "tern.AlreadyLinked", "");
		unlink = (struct control){.type = CONTROL_UNLINK, .unlink = {loser->id, number}};
		raw_ask(winner, &unlink);
	}
}
END_TEST

/* --- who does not read --- */

/* Names come and go until nothing more fits into b's socket. */
static void
flood(struct raw *from, int n, const char *label)
{
	for (int i = 0; i < n; i++) {
		raw_own(from, "n.n", 0, label);
		raw_name(from, CONTROL_DISOWN, "n.n");
	}
}

START_TEST(busy)
{
	char id[32];

	raw_rule(&b, 1, "tern", NULL);
	flood(&a, 600, NULL);
	name_of(&b, id);
	raw_name(&c, CONTROL_INTRODUCE, id);
	raw_expect_failed(&c, EAGAIN, "tern.Busy", "does not read");
	for (int i = 0; i < 1200; i++)
		raw_expect(&b, CONTROL_EVENT);
	raw_ping(&b);
	raw_name(&c, CONTROL_INTRODUCE, id);
	ck_assert_str_eq(control_type_name(c.control.type), "introduced");
}
END_TEST

/* Links that are not taken are descriptors in flight: there is an end to them, too. */
START_TEST(links_not_taken)
{
	struct raw *many = calloc(80, sizeof(*many));
	char id[32];
	int n = 0;

	ck_assert_ptr_nonnull(many);
	name_of(&b, id);
	for (int i = 0; i < 80; i++) {
		raw_join(&many[i], &ternd);
		raw_name(&many[i], CONTROL_INTRODUCE, id);
		if (many[i].control.type == CONTROL_INTRODUCED)
			n++;
		else
			raw_expect_failed(&many[i], EAGAIN, "tern.Busy", "does not read");
	}
	ck_assert_int_eq(n, 64);
	for (int i = 0; i < n; i += b.control.type == CONTROL_LINK)
		ck_assert(raw_receive(&b)); /* tables that have grown are among them */
	raw_name(&many[79], CONTROL_INTRODUCE, id);
	ck_assert_str_eq(control_type_name(many[79].control.type), "introduced");
	for (int i = 0; i < 80; i++)
		raw_close(&many[i]);
	free(many);
}
END_TEST

START_TEST(dropped_events_are_told)
{
	uint64_t came = 0, lost = 0;
	const int n = 10000;
	char label[256] = "";

	memset(label, 'l', sizeof(label) - 1);

	raw_rule(&b, 1, "tern", NULL);
	flood(&a, n, label);
	while (came + lost < 2 * (uint64_t)n) {
		raw_expect(&b, CONTROL_EVENT);
		lost += b.control.event.lost;
		came += b.control.event.tags.n > 0;
	}
	ck_assert_uint_eq(came + lost, 2 * (uint64_t)n);
	ck_assert_uint_gt(lost, 0); /* else the test shows nothing: more are needed */
	raw_ping(&b);
	ck_assert(raw_is_quiet(&b));
}
END_TEST

/* --- growing --- */

START_TEST(growth)
{
	struct raw *many = calloc(150, sizeof(*many));
	struct name_entry name;
	struct peer_entry peer;
	char text[32];
	int n_tables = 0;

	ck_assert_ptr_nonnull(many);
	for (int i = 0; i < 150; i++) {
		raw_join(&many[i], &ternd);
		snprintf(text, sizeof(text), "n%d.x", i);
		raw_own(&many[i], text, 0, NULL);
		raw_rule(&many[i], 1, NULL, text);
	}
	ck_assert_int_eq(peers_find(&peers, many[149].id, &peer), TABLE_E_MOVED);
	while (!raw_is_quiet(&a)) {
		raw_expect(&a, CONTROL_TABLE);
		ck_assert_uint_eq(a.n_fds, 1);
		if (a.control.table.kind == CONTROL_TABLE_PEERS) {
			peers_deinit(&peers);
			ck_assert_int_eq(peers_open(&peers, a.fds[0]), 0);
		} else if (a.control.table.kind == CONTROL_TABLE_NAMES) {
			names_deinit(&names);
			ck_assert_int_eq(names_open(&names, a.fds[0]), 0);
		}
		n_tables++;
	}
	ck_assert_int_ge(n_tables, 4); /* peers, names, rules and tags, some of them twice */
	ck_assert_int_eq(peers_find(&peers, many[149].id, &peer), 0);
	ck_assert_int_eq(names_lookup(&names, "n149.x", 6, &name), 0);
	ck_assert_uint_eq(name.owner, many[149].id);
	for (int i = 0; i < 150; i++)
		raw_close(&many[i]);
	free(many);
	raw_ping(&a);
	ck_assert_int_eq(peers_find(&peers, a.id, &peer), 0);
}
END_TEST

/* --- death --- */

static pid_t
fork_owner(int *ret_id)
{
	int pair[2];
	pid_t pid;

	ck_assert_int_eq(pipe(pair), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		raw_join(&c, &ternd);
		raw_own(&c, "dead.man", 0, "walking");
		raw_rule(&c, 1, NULL, "volume");
		raw_name(&c, CONTROL_INTRODUCE, "x.y");
		(void)!write(pair[1], &c.id, sizeof(c.id));
		for (;;)
			pause();
	}
	pair[1] = fd_close(pair[1]);
	*ret_id = pair[0];
	return pid;
}

/* Who asks finds a name free whose owner hung up before, though ternd has not read that, nor what came ahead of it. */
START_TEST(hung_up)
{
	struct control request = {.type = CONTROL_OWN, .own = {raw_text("x.y"), 0}};
	struct raw owner, next;

	raw_join(&owner, &ternd);
	raw_join(&next, &ternd);
	raw_own(&owner, "x.y", 0, NULL);
	raw_own(&next, "x.y", CONTROL_OWN_QUEUE, NULL);
	ck_assert_int_eq(kill(ternd.pid, SIGSTOP), 0);
	raw_send(&owner, &request);
	raw_close(&owner);
	raw_close(&next);
	raw_send(&a, &request);
	ck_assert_int_eq(kill(ternd.pid, SIGCONT), 0);
	raw_expect(&a, CONTROL_DONE);
	ck_assert_uint_eq(a.control.done.state, CONTROL_OWNED);
}
END_TEST

/* Who waited for it has it then, and not who asks. */
START_TEST(hung_up_before_another)
{
	struct control request = {.type = CONTROL_OWN, .own = {raw_text("x.y"), 0}};
	struct raw owner;

	raw_join(&owner, &ternd);
	raw_own(&owner, "x.y", 0, NULL);
	raw_own(&b, "x.y", CONTROL_OWN_QUEUE, NULL);
	ck_assert_int_eq(kill(ternd.pid, SIGSTOP), 0);
	raw_close(&owner);
	raw_send(&a, &request);
	ck_assert_int_eq(kill(ternd.pid, SIGCONT), 0);
	raw_expect(&a, CONTROL_FAILED);
	raw_expect_failed(&a, EEXIST, "tern.NameTaken", "belongs");
	raw_expect(&b, CONTROL_OWNER_GAINED);
}
END_TEST

START_TEST(killed)
{
	struct table_cursor cursor = {0};
	struct rule entry;
	struct peer_entry peer;
	uint64_t id;
	pid_t pid;
	int fd;

	raw_own(&a, "x.y", 0, NULL);
	raw_rule(&b, 1, "tern", "dead.man");
	pid = fork_owner(&fd);
	ck_assert_int_eq(read(fd, &id, sizeof(id)), sizeof(id));
	fd = fd_close(fd);
	raw_expect(&b, CONTROL_EVENT);
	expect_event(&b, "new dead.man dead walking", 0, id);
	raw_expect(&a, CONTROL_LINK);
	ck_assert_int_eq(rules_next(&rules, &cursor, &entry), 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	raw_expect(&b, CONTROL_EVENT);
	expect_event(&b, "gone dead.man dead walking", id, 0);
	ck_assert_uint_eq(owner_of("dead.man"), 0);
	raw_ping(&b);
	ck_assert_int_eq(peers_find(&peers, id, &peer), TABLE_E_NOT_FOUND);
	cursor = (struct table_cursor){0};
	ck_assert_int_eq(rules_next(&rules, &cursor, &entry), TABLE_E_END);
	struct control stats = {.type = CONTROL_STATS};

	raw_ask(&b, &stats);
	ck_assert_uint_eq(b.control.counts.peers, 3);
	ck_assert_uint_eq(b.control.counts.names, 1);
	ck_assert_uint_eq(b.control.counts.rules, 1);
	ck_assert_uint_eq(b.control.counts.links, 0);
	ck_assert_uint_eq(b.control.counts.domains, 1);
	ck_assert_uint_eq(b.control.counts.users.n, 1);
	ck_assert_uint_eq(b.control.counts.users.items[0].peers, 3);
}
END_TEST

/* Connect, talk, die, many times: descriptors and memory are back where they were. */
static unsigned long
count_fds(pid_t pid)
{
	char command[64];
	unsigned long n;
	FILE *file;

	if (geteuid() != 0)
		return 0; /* ternd cannot be looked into; it counts by itself, too */
	snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", (int)pid);
	file = popen(command, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &n), 1);
	ck_assert_int_eq(pclose(file), 0);
	return n;
}

START_TEST(nothing_leaks)
{
	unsigned long before = count_fds(ternd.pid);
	struct control stats = {.type = CONTROL_STATS};
	uint64_t bytes;

	raw_ask(&a, &stats);
	bytes = a.control.counts.users.items[0].bytes;
	raw_close(&c);
	for (int i = 0; i < 500; i++) {
		raw_join(&c, &ternd);
		raw_own(&c, "x.y", 0, "l");
		raw_own(&b, "x.y", CONTROL_OWN_QUEUE, NULL);
		raw_rule(&c, 1, NULL, "t");
		raw_name(&a, CONTROL_INTRODUCE, "x.y");
		raw_close(&c);
		raw_ping(&b);
		raw_name(&b, CONTROL_DISOWN, "x.y");
	}
	raw_join(&c, &ternd);
	ck_assert_uint_eq(count_fds(ternd.pid), before);
	raw_ask(&a, &stats);
	ck_assert_uint_eq(a.control.counts.users.items[0].bytes, bytes);
	ck_assert_uint_eq(a.control.counts.users.items[0].fds, 3 + 3);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("daemon-bus"), *descriptors = tcase_create("descriptors");
	Suite *suite = suite_create("daemon-bus");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, own);
	tcase_add_test(tcase, bad_names);
	tcase_add_test(tcase, name_events);
	tcase_add_test(tcase, rule);
	tcase_add_test(tcase, bad_rules);
	tcase_add_test(tcase, too_many_rules);
	tcase_add_test(tcase, introduce);
	tcase_add_test(tcase, introduced_again);
	tcase_add_test(tcase, both_at_once);
	tcase_add_test(tcase, busy);
	tcase_add_test(tcase, links_not_taken);
	tcase_add_test(tcase, dropped_events_are_told);
	tcase_add_test(tcase, growth);
	tcase_add_test(tcase, hung_up);
	tcase_add_test(tcase, hung_up_before_another);
	tcase_add_test(tcase, killed);
	tcase_add_test(tcase, nothing_leaks);
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(descriptors, 60);
	tcase_add_checked_fixture(descriptors, setup, teardown);
	tcase_add_test(descriptors, descriptors_are_refused);
	suite_add_tcase(suite, descriptors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
