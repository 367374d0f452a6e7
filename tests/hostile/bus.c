/* SPDX-License-Identifier: MIT */

/* bus: what is said to ternd: malformed, too large, too much, and not read */

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "io/socket.h"
#include "client/daemon-state.h"
#include "shm/hash.h"
#include "shm/names.h"

/* say() - these bytes, to ternd as a stranger; it hangs up */
static void
say(struct attack *attack, const void *bytes, size_t size)
{
	int fd = hand_connect(attack);

	expect(hand_send_bytes(fd, bytes, size));
	hand_expect_end(fd);
}

static void
nonsense(struct attack *attack)
{
	for (int i = 0; i < 20; i++) {
		uint64_t words[8];

		for (size_t j = 0; j < ARRAY_SIZE(words); j++)
			words[j] = attack_random(attack);
		say(attack, words, 1 + (size_t)(attack_random(attack) % sizeof(words)));
	}
}

static void
too_large(struct attack *attack)
{
	static const uint8_t bytes[CONTROL_MAX_PACKET + 1] = {0xa1};

	say(attack, bytes, sizeof(bytes));
}

static void
too_deep(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET];

	memset(bytes, 0x81, sizeof(bytes)); /* arrays in arrays */
	say(attack, bytes, sizeof(bytes));
	memset(bytes, 0xbf, sizeof(bytes)); /* maps without end */
	say(attack, bytes, sizeof(bytes));
	memset(bytes, 0xc0, sizeof(bytes)); /* tags of tags */
	say(attack, bytes, sizeof(bytes));
}

/* counts_lie() - heads that announce more than there is */
static void
counts_lie(struct attack *attack)
{
	static const uint8_t map[] = {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t text[] = {0xa1, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t array[] = {0xa1, 0x61, 'a', 0x9a, 0xff, 0xff, 0xff, 0xff};

	say(attack, map, sizeof(map));
	say(attack, text, sizeof(text));
	say(attack, array, sizeof(array));
}

static void
no_hello(struct attack *attack)
{
	struct control ping = {.type = CONTROL_PING};
	int fd = hand_connect(attack);

	expect(hand_send(fd, &ping, 1));
	hand_expect_end(fd);
}

static void
strangers(struct attack *attack)
{
	int fds[300];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (socket_connect_now(attack->scene->place.address + strlen("unix:"), &fds[i]) < 0)
			fds[i] = -1; /* its queue is full: as well */
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

static void
hello_twice(struct attack *attack)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {.major_min = 1, .major_max = 1}}, answer;
	uint8_t bytes[CONTROL_MAX_PACKET];
	int fd = hand_join(attack, &answer, bytes);

	control.hello.clock = clock_now_ns() - (uint64_t)clock_offset_ns();
	expect(hand_send(fd, &control, 2) && hand_receive(fd, &answer, bytes, NULL));
	expect(answer.type == CONTROL_FAILED && answer.failed.code == EPROTO);
}

/* --- requests that are refused --- */

/* ask() - Return: the errno of the answer, 0 done */
static uint32_t
ask(int fd, struct control *control)
{
	static uint64_t serial = 100;
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int link;

	expect(hand_send(fd, control, ++serial));
	do {
		expect(hand_receive(fd, &answer, bytes, &link));
		(void)fd_close(link);
	} while (answer.serial != serial);
	return answer.type == CONTROL_FAILED ? answer.failed.code : 0;
}

static void
malformed_requests(struct attack *attack)
{
	static const uint8_t unknown[] = {0xa2, 0x64, 't', 'y', 'p', 'e', 0x19, 0x30, 0x39, 0x66, 's', 'e', 'r', 'i', 'a', 'l', 0x07};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);

	for (uint32_t type = 2; type < 90; type++) { /* each kind, nothing in it */
		uint8_t packet[] = {0xa2, 0x64, 't', 'y', 'p', 'e', 0x18, (uint8_t)type, 0x66, 's', 'e', 'r', 'i', 'a', 'l', 0x07};

		expect(hand_send_bytes(fd, packet, sizeof(packet)));
		expect(hand_receive(fd, &answer, bytes, NULL) && answer.serial == 7);
	}
	expect(hand_send_bytes(fd, unknown, sizeof(unknown)) && hand_receive(fd, &answer, bytes, NULL));
	expect(answer.type == CONTROL_FAILED && answer.failed.code == EOPNOTSUPP);
}

static void
others_things(struct attack *attack)
{
	struct control own = {.type = CONTROL_OWN, .own = {{VICTIM, strlen(VICTIM)}, CONTROL_OWN_REPLACE, {0}}};
	struct control disown = {.type = CONTROL_DISOWN, .name = {{VICTIM, strlen(VICTIM)}}};
	struct control unlink = {.type = CONTROL_UNLINK};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control welcome;
	int fd = hand_join(attack, &welcome, bytes);

	expect(ask(fd, &own) == EEXIST && ask(fd, &disown) == ENXIO);
	for (uint64_t i = 1; i < 200; i++) {
		unlink.unlink.peer = (welcome.welcome.peer & ~UINT64_C(0xffffffff)) + i % 10;
		unlink.unlink.link = i;
		(void)ask(fd, &unlink); /* done, whatever there is: nothing of others' */
	}
}

static void
wrong_claims(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET], token[CONTROL_MAX_TOKEN];
	struct control welcome;
	uint64_t instance;

	(void)hand_join(attack, &welcome, bytes);
	instance = welcome.welcome.peer & ~UINT64_C(0xffffffff);
	for (uint64_t i = 0; i < 12; i++) {
		struct control hello = {.type = CONTROL_HELLO, .hello = {.major_min = 1, .major_max = 1}};
		int fd = hand_connect(attack);

		memset(token, (int)i, sizeof(token));
		hello.hello.clock = clock_now_ns() - (uint64_t)clock_offset_ns();
		hello.hello.claim = instance + i;
		hello.hello.token = (struct control_bytes){token, i % 2 ? CONTROL_TOKEN_SIZE : sizeof(token)};
		expect(hand_send(fd, &hello, 1) && hand_receive(fd, &welcome, bytes, NULL));
		expect(welcome.type != CONTROL_WELCOME || welcome.welcome.peer != instance + i);
		(void)socket_close(fd);
	}
}

static void
descriptors(struct attack *attack)
{
	struct control control = {.type = CONTROL_PING, .serial = 5};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	struct iovec iov = {.iov_base = bytes};
	int fd = hand_join(attack, &answer, bytes), fds[SOCKET_MAX_FDS];

	fds[0] = eventfd(0, EFD_CLOEXEC);
	for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
		fds[i] = fds[0];
	expect(control_encode(&control, bytes, sizeof(bytes), &iov.iov_len) == 0);
	(void)socket_send(fd, &iov, 1, fds, ARRAY_SIZE(fds)); /* refused by the kernel, or closed by ternd */
	(void)socket_send(fd, &iov, 1, fds, 1);
	expect(ask(fd, &(struct control){.type = CONTROL_PING}) == 0 || true);
}

/* --- much --- */

static void
requests_unread(struct attack *attack)
{
	struct control stats = {.type = CONTROL_STATS};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);
	uint64_t began = 0;

	while (!attack_is_over(&began))
		(void)hand_send(fd, &stats, 9); /* full: it is not read from any more */
}

static void
too_many_connections(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control hello = {.type = CONTROL_HELLO, .hello = {.major_min = 1, .major_max = 1}}, answer;
	int n = 0;

	for (; n < 20000; n++) {
		int fd;

		if (socket_connect(attack->scene->place.address + strlen("unix:"), &fd) < 0)
			break;
		hello.hello.clock = clock_now_ns() - (uint64_t)clock_offset_ns();
		if (!hand_send(fd, &hello, 1) || !hand_receive(fd, &answer, bytes, NULL))
			break;
		if (answer.type == CONTROL_FAILED)
			break;
		if (n >= 200) /* as many as take a while; the quota's own test is elsewhere */
			break;
	}
	expect(n >= 100);
}

static void
names_without_end(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);
	uint64_t began = 0;
	char name[64];

	for (uint64_t i = 0; !attack_is_over(&began); i++) {
		struct control own = {.type = CONTROL_OWN};

		(void)snprintf(name, sizeof(name), "org.example.hostile.n%llu", (unsigned long long)i);
		own.own.name = (struct control_text){name, strlen(name)};
		if (ask(fd, &own) == EDQUOT)
			break;
	}
}

/* names_that_collide() - the seed is in the table that all can read: names of one bucket are chosen by it */
static void
names_that_collide(struct attack *attack)
{
	uint64_t began = 0, i = 0;
	struct table_walk walk;
	tern_peer owner;
	char name[64];
	size_t size;

	attack_join(attack);
	expect(tern_lookup(attack->bus, VICTIM, &owner) == 0); /* maps the table */
	while (!attack_is_over(&began)) {
		if (table_begin(&walk, &attack->bus->daemon->names.table) != 0)
			expect(tern_lookup(attack->bus, VICTIM, &owner) == 0); /* it has moved */
		do
			size = (size_t)snprintf(name, sizeof(name), "org.example.h%llu", (unsigned long long)i++);
		while ((hash_bytes(walk.seed, name, size) & 255) != 0);
		if (tern_own(attack->bus, name, 0, NULL) < 0)
			break;
	}
}

static void
rules_without_end(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);
	uint64_t began = 0;
	char tag[64];

	for (uint64_t i = 1; !attack_is_over(&began); i++) {
		struct control rule = {.type = CONTROL_RULE_ADD, .rule_add = {.rule = i, .tags = {.n = 16}}};

		(void)snprintf(tag, sizeof(tag), "hostile%llu", (unsigned long long)i);
		for (size_t j = 0; j < 16; j++)
			rule.rule_add.tags.items[j] = (struct control_text){tag, strlen(tag)};
		if (ask(fd, &rule) == EDQUOT)
			break;
	}
}

/* rules_for_the_pair() - thousands that hear what the pair publishes, of one who never reads */
static void
rules_for_the_pair(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);

	for (uint64_t i = 1; i <= 100; i++) {
		struct control rule = {.type = CONTROL_RULE_ADD, .rule_add = {.rule = i, .tags = {.n = 1}, .policy = (uint32_t)(i % 5)}};

		rule.rule_add.tags.items[0] = (struct control_text){"tick", 4};
		if (ask(fd, &rule) != 0)
			break;
	}
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

static void
introductions_unread(struct attack *attack)
{
	struct control control = {.type = CONTROL_INTRODUCE, .name = {{VICTIM, strlen(VICTIM)}}};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);

	for (uint64_t i = 0; i < 600; i++)
		(void)hand_send(fd, &control, 2 + i);
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

/* links_come_and_go() - the victim is introduced again and again */
static void
links_come_and_go(struct attack *attack)
{
	struct control introduce = {.type = CONTROL_INTRODUCE, .name = {{VICTIM, strlen(VICTIM)}}};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);
	uint64_t began = 0;

	while (!attack_is_over(&began)) {
		struct control unlink = {.type = CONTROL_UNLINK};
		int link;

		expect(hand_send(fd, &introduce, 3));
		do
			expect(hand_receive(fd, &answer, bytes, &link));
		while (answer.serial != 3);
		if (answer.type == CONTROL_FAILED)
			continue;
		(void)fd_close(link);
		unlink.unlink.peer = answer.link.peer;
		unlink.unlink.link = answer.link.link;
		expect(ask(fd, &unlink) == 0);
	}
}

static void
watches_all(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET], words[CONTROL_MAX_WORDS];
	struct control answer, watch = {.type = CONTROL_WATCH, .watch = {{words, sizeof(words)}}};
	int fd = hand_join(attack, &answer, bytes);

	memset(words, 0xff, sizeof(words));
	for (int i = 0; i < 50; i++)
		(void)ask(fd, &watch);
	for (int i = 0; i < 2000; i++)
		(void)hand_send(fd, &watch, 5); /* and reads nothing */
}

static void
calls_ternd_wrongly(struct attack *attack)
{
	static const char *const members[] = {"Status", "Peers", "Names", "Limits", "tern.Interface", "tern.State", "Nothing"};
	uint8_t bytes[CONTROL_MAX_PACKET], payload[CONTROL_MAX_CALL];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);

	for (int i = 0; i < 100; i++) {
		const char *member = members[(size_t)i % ARRAY_SIZE(members)];
		struct control call = {.type = CONTROL_CALL, .call = {.member = {member, strlen(member)}}};

		for (size_t j = 0; j < sizeof(payload); j++)
			payload[j] = (uint8_t)attack_random(attack);
		call.call.payload = (struct control_bytes){payload, attack_random(attack) % sizeof(payload)};
		(void)ask(fd, &call);
	}
}

static void
taps(struct attack *attack)
{
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd = hand_join(attack, &answer, bytes);
	struct control rule = {.type = CONTROL_RULE_ADD, .rule_add = {.rule = 1, .tags = {.n = 1}}};

	rule.rule_add.tags.items[0] = (struct control_text){CONTROL_TAG_TAP, strlen(CONTROL_TAG_TAP)};
	(void)ask(fd, &rule); /* of the same user it is let: then the pair makes copies for one who reads none */
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

#define REFUSED "refused, with the reason"
#define HUNG_UP "refused, with the reason; hung up on"
#define NOTHING "nothing"

static const struct behaviour items[] = {
	{"ternd-nonsense", "random bytes instead of hello", NOTHING, HUNG_UP, NULL, 0, nonsense},
	{"ternd-too-large", "a packet of 64 KiB and a byte", NOTHING, HUNG_UP, NULL, 0, too_large},
	{"ternd-too-deep", "arrays in arrays, maps in maps, tags of tags, 65,536 deep", NOTHING, HUNG_UP, NULL, 0, too_deep},
	{"ternd-counts-lie", "heads that announce 2^64 items", NOTHING, HUNG_UP, NULL, 0, counts_lie},
	{"ternd-no-hello", "a request before hello", NOTHING, HUNG_UP, NULL, 0, no_hello},
	{"ternd-strangers", "three hundred connections that say nothing", NOTHING, "refused beyond 256", NULL, 0, strangers},
	{"ternd-hello-twice", "hello, and hello", NOTHING, REFUSED, NULL, 0, hello_twice},
	{"ternd-malformed", "each kind of request without what it needs", NOTHING, REFUSED, NULL, 0, malformed_requests},
	{"ternd-others-things", "takes over names and unlinks links of others", NOTHING, REFUSED, NULL, 0, others_things},
	{"ternd-wrong-claims", "claims to be others, with tokens by chance", NOTHING, "is somebody new", NULL, 0, wrong_claims},
	{"ternd-descriptors", "253 descriptors with a request", NOTHING, "refused by the kernel, or by ternd", NULL, 0,
		descriptors},
	{"ternd-unread", "asks, and reads no answer", NOTHING, "is not read from any more", NULL, 0, requests_unread},
	{"ternd-connections", "two hundred connections", NOTHING, NOTHING, NULL, 0, too_many_connections},
	{"ternd-names", "takes names as fast as it can", NOTHING, "refused beyond its quota", NULL, 0, names_without_end},
	{"ternd-names-collide", "takes names that are chosen to collide", NOTHING, "refused beyond its quota", NULL, 0,
		names_that_collide},
	{"ternd-rules", "adds rules with 16 tags as fast as it can", NOTHING, "refused beyond its quota", NULL, 0,
		rules_without_end},
	{"ternd-rules-for-pair", "a hundred rules for what the pair publishes, and reads nothing", NOTHING, "gaps", NULL, ONCE,
		rules_for_the_pair},
	{"ternd-introductions", "is introduced over and over, and reads nothing", NOTHING, "refused: linked already", NULL, 0,
		introductions_unread},
	{"ternd-links-come-and-go", "is introduced to the victim and hangs up, over and over", "links that come and go",
		NOTHING, NULL, 0, links_come_and_go},
	{"ternd-watches", "watches all words, and reads nothing", NOTHING, "is not read from any more", NULL, 0, watches_all},
	{"ternd-calls", "calls ternd as a service, with random arguments", NOTHING, REFUSED, NULL, 0, calls_ternd_wrongly},
	{"ternd-tap", "taps everybody, and reads nothing", NOTHING, "of another user: refused; else it loses copies", NULL, ONCE,
		taps},
};

const struct behaviours bus_behaviours = {"ternd", items, ARRAY_SIZE(items)};
