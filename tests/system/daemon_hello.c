/* SPDX-License-Identifier: MIT */

/* daemon-hello: coming in, and being kept out with a reason */

#include <check.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "io/socket.h"
#include "raw.h"
#include "shm/names.h"
#include "shm/peers.h"
#include "shm/rules.h"
#include "shm/tags.h"
#include "shm/versions.h"

static struct ternd ternd;
static struct raw a, b;

static void
setup(void)
{
	ternd_start(&ternd, NULL);
	a.fd = b.fd = -1;
}

static void
teardown(void)
{
	raw_close(&a);
	raw_close(&b);
	ternd_stop(&ternd);
}

static void
say_hello(struct raw *raw, uint32_t min, uint32_t max, int64_t clock_error_ns)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {min, max, 0}};

	raw_connect(raw, &ternd);
	control.hello.clock = raw_clock() + (uint64_t)clock_error_ns;
	raw_send(raw, &control);
	ck_assert(raw_receive(raw));
}

START_TEST(welcome)
{
	struct peers peers;
	struct names names;
	struct rules rules;
	struct tags tags;
	struct versions versions;
	struct peer_entry entry;

	raw_join(&a, &ternd);
	ck_assert_uint_eq(a.n_fds, 5);
	ck_assert_uint_eq(a.control.welcome.major, 1);
	ck_assert_uint_eq(a.control.welcome.token.size, CONTROL_TOKEN_SIZE);
	ck_assert_uint_eq(a.id >> 32, a.control.welcome.instance);
	ck_assert_int_eq(peers_open(&peers, raw_fd(&a, CONTROL_TABLE_PEERS)), 0);
	ck_assert_int_eq(names_open(&names, raw_fd(&a, CONTROL_TABLE_NAMES)), 0);
	ck_assert_int_eq(rules_open(&rules, raw_fd(&a, CONTROL_TABLE_RULES)), 0);
	ck_assert_int_eq(tags_open(&tags, raw_fd(&a, CONTROL_TABLE_TAGS)), 0);
	ck_assert_int_eq(versions_open(&versions, raw_fd(&a, CONTROL_TABLE_VERSIONS)), 0);
	ck_assert(table_is_complete(&peers.table) && table_is_complete(&names.table));
	ck_assert(table_is_complete(&rules.table) && table_is_complete(&tags.table));
	ck_assert_int_eq(peers_find(&peers, a.id, &entry), 0);
	ck_assert_uint_eq(entry.pid, (uint32_t)getpid());
	ck_assert_uint_eq(entry.uid, geteuid());
	ck_assert_uint_eq(entry.slot, a.slot);
	raw_join(&b, &ternd);
	ck_assert_uint_ne(a.id, b.id);
	ck_assert_uint_ne(a.slot, b.slot);
	ck_assert_int_eq(peers_find(&peers, b.id, &entry), 0);
	peers_deinit(&peers);
	names_deinit(&names);
	rules_deinit(&rules);
	tags_deinit(&tags);
	versions_deinit(&versions);
}
END_TEST

START_TEST(bad_version)
{
	say_hello(&a, 2, 3, 0);
	raw_expect_failed(&a, EPROTO, "tern.Version", "the program 2 to 3: update ternd");
	raw_expect_closed(&a);
	say_hello(&b, 0, 0, 0);
	raw_expect_failed(&b, EPROTO, "tern.Version", "update the program");
	raw_expect_closed(&b);
	raw_close(&a);
	say_hello(&a, 1, 7, 0);
	ck_assert_uint_eq(a.control.type, CONTROL_WELCOME);
}
END_TEST

START_TEST(bad_clock)
{
	say_hello(&a, 1, 1, 2 * (int64_t)NSEC_PER_SEC);
	raw_expect_failed(&a, EPROTO, "tern.Clock", "ahead");
	raw_expect_closed(&a);
	/* who is behind may have waited long, and is asked again */
	say_hello(&b, 1, 1, -2 * (int64_t)NSEC_PER_SEC);
	for (int i = 0; i < 2; i++) {
		struct control control = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};

		raw_expect_failed(&b, EAGAIN, "tern.Clock", "behind");
		control.hello.clock = raw_clock() - 2 * NSEC_PER_SEC;
		raw_send(&b, &control);
		ck_assert(raw_receive(&b));
	}
	raw_expect_failed(&b, EPROTO, "tern.Clock", "behind");
	raw_expect_closed(&b);
	raw_close(&a);
	say_hello(&a, 1, 1, (int64_t)NSEC_PER_SEC / 2);
	ck_assert_uint_eq(a.control.type, CONTROL_WELCOME);
}
END_TEST

/* A hello that waited while ternd was stopped is no wrong clock: it is asked for again. */
START_TEST(stopped)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};

	ck_assert_int_eq(kill(ternd.pid, SIGSTOP), 0);
	raw_connect(&a, &ternd);
	control.hello.clock = raw_clock();
	raw_send(&a, &control);
	ck_assert_int_eq(usleep(1500000), 0);
	ck_assert(raw_is_quiet(&a));
	ck_assert_int_eq(kill(ternd.pid, SIGCONT), 0);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EAGAIN, "tern.Clock", "behind");
	control.hello.clock = raw_clock();
	raw_send(&a, &control);
	raw_expect(&a, CONTROL_WELCOME);
}
END_TEST

START_TEST(truncated_hello)
{
	struct control control = {.type = CONTROL_HELLO, .serial = 1, .hello = {1, 1, 0}};
	uint8_t packet[256];
	size_t size;

	control.hello.clock = raw_clock();
	ck_assert_int_eq(control_encode(&control, packet, sizeof(packet), &size), 0);
	for (size_t n = 1; n < size; n += 7) {
		raw_connect(&a, &ternd);
		raw_send_bytes(&a, packet, n);
		ck_assert(raw_receive(&a));
		raw_expect_failed(&a, EBADMSG, "tern.BadMessage", "one CBOR map");
		raw_expect_closed(&a);
		raw_close(&a);
	}
}
END_TEST

START_TEST(oversized_packet)
{
	static uint8_t packet[CONTROL_MAX_PACKET + 1];

	raw_connect(&a, &ternd);
	raw_send_bytes(&a, packet, sizeof(packet));
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EMSGSIZE, "tern.TooLarge", "65536 bytes");
	raw_expect_closed(&a);
	raw_join(&b, &ternd);
	raw_send_bytes(&b, packet, sizeof(packet));
	ck_assert(raw_receive(&b));
	raw_expect_failed(&b, EMSGSIZE, "tern.TooLarge", "65536 bytes");
	raw_expect_closed(&b);
}
END_TEST

START_TEST(no_hello)
{
	struct control control = {.type = CONTROL_PING};

	raw_connect(&a, &ternd);
	raw_send(&a, &control);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EPROTO, "tern.NoHello", "not ping");
	raw_expect_closed(&a);
	raw_join(&b, &ternd);
	control = (struct control){.type = CONTROL_HELLO, .hello = {1, 1, 0}};
	raw_ask(&b, &control);
	raw_expect_failed(&b, EPROTO, "tern.HelloTwice", "already");
	raw_ping(&b);
}
END_TEST

START_TEST(descriptor)
{
	struct control control = {.type = CONTROL_PING, .serial = 9};
	uint8_t packet[64];
	struct iovec iov = {.iov_base = packet};
	int r;

	raw_join(&a, &ternd);
	ck_assert_int_eq(control_encode(&control, packet, sizeof(packet), &iov.iov_len), 0);
	r = socket_send(a.fd, &iov, 1, &a.fd, 1);
	if (r == SOCKET_E_REFUSED) { /* by the kernel, on ternd's behalf */
		raw_ping(&a);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EINVAL, "tern.Descriptors", "takes no descriptors");
	ck_assert_uint_eq(a.control.serial, 9);
	raw_ping(&a);
}
END_TEST

START_TEST(bad_requests)
{
	struct control control = {.type = CONTROL_PING};
	uint8_t packet[64];
	size_t size;

	raw_join(&a, &ternd);
	ck_assert_int_eq(control_encode(&control, packet, sizeof(packet), &size), 0);
	raw_send_bytes(&a, packet, size);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EINVAL, "tern.BadSerial", "not 0");
	control.type = CONTROL_DONE; /* an answer is no request */
	raw_ask(&a, &control);
	raw_expect_failed(&a, EOPNOTSUPP, "tern.UnknownRequest", "done");
	raw_send_bytes(&a, "\xa2\x64type\x18\x63\x66serial\x18\x77", 17);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EOPNOTSUPP, "tern.UnknownRequest", "unknown");
	ck_assert_uint_eq(a.control.serial, 0x77);
	raw_send_bytes(&a, "\xa2\x64type\x02\x66serial\x18\x78", 16); /* own, without a name */
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EBADMSG, "tern.BadMessage", "own, name");
	raw_ping(&a);
	raw_send_bytes(&a, "\xff", 1);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, EBADMSG, "tern.BadMessage", "CBOR");
	raw_expect_closed(&a);
}
END_TEST

/* Bytes of any kind, before and after hello; an honest client does not notice. */
START_TEST(garbage)
{
	struct control control = {.type = CONTROL_OWN, .serial = 3, .own = {raw_text("x.y"), 7}};
	uint8_t good[128], packet[128];
	uint64_t random = 5;
	size_t size;

	raw_join(&b, &ternd);
	ck_assert_int_eq(control_encode(&control, good, sizeof(good), &size), 0);
	for (int round = 0; round < 300; round++) {
		raw_connect(&a, &ternd);
		if (round % 2) {
			raw_close(&a);
			raw_join(&a, &ternd);
		}
		for (int i = 0; i < 8; i++) {
			struct iovec iov = {packet, size};

			memcpy(packet, good, size);
			for (int j = 0; j < 3; j++) {
				random = random * UINT64_C(6364136223846793005) +
					 1442695040888963407;
				packet[(random >> 33) % size] = (uint8_t)(random >> 25);
			}
			if (socket_send(a.fd, &iov, 1, NULL, 0))
				break;
		}
		raw_close(&a);
		raw_ping(&b);
	}
}
END_TEST

START_TEST(introduced_at_once)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};
	struct iovec iov = {(void *)"hi", 2};
	char text[8];
	size_t size;

	raw_join(&a, &ternd);
	raw_own(&a, "x.y", 0, NULL);
	raw_connect(&b, &ternd);
	control.hello.clock = raw_clock();
	control.hello.introduce = raw_text("x.y");
	raw_send(&b, &control);
	raw_expect(&b, CONTROL_WELCOME);
	ck_assert_uint_eq(b.control.welcome.introduced, CONTROL_LINKED);
	ck_assert_uint_eq(b.control.welcome.link.peer, a.id);
	ck_assert_uint_eq(b.n_fds, 6);
	raw_expect(&a, CONTROL_LINK);
	ck_assert_uint_eq(a.control.link.peer, b.control.welcome.peer);
	ck_assert_int_eq(socket_send(b.fds[5], &iov, 1, NULL, 0), 0);
	ck_assert_int_eq(socket_recv(a.fds[0], text, sizeof(text), &size, NULL, 0, NULL), 0);
	ck_assert_mem_eq(text, "hi", 2);
	raw_close(&b);
	raw_connect(&b, &ternd);
	control.hello.introduce = raw_text("nobody");
	raw_send(&b, &control);
	raw_expect(&b, CONTROL_WELCOME);
	ck_assert_uint_eq(b.control.welcome.introduced, CONTROL_NOT_LINKED);
	ck_assert_uint_eq(b.control.welcome.failed.code, ENXIO);
	ck_assert_uint_eq(b.n_fds, 5);
}
END_TEST

/* Run as somebody else; the child tells by its exit status what came: an errno, or 0 for welcome.
 */
static int
hello_as(uint32_t uid)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
			_exit(125);
		say_hello(&a, 1, 1, 0);
		_exit(a.control.type == CONTROL_WELCOME ? 0 : (int)a.control.failed.code);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(other_users)
{
	if (geteuid() != 0)
		return; /* nobody else can be tried */
	ck_assert_int_eq(hello_as(65533), EPERM);
	ternd_stop(&ternd);
	ternd_start(&ternd, (const char *[]){"--allow-uid", "65533", NULL});
	ck_assert_int_eq(hello_as(65533), 0);
	ck_assert_int_eq(hello_as(65532), EPERM);
}
END_TEST

START_TEST(one_at_an_address)
{
	char command[256];
	struct stat;
	uint64_t instance;

	raw_join(&a, &ternd);
	instance = a.control.welcome.instance;
	snprintf(command, sizeof(command),
		"%s --address unix:%s 2>&1 | grep -q 'a bus runs there already'", getenv("TERND"),
		ternd.path);
	ck_assert_int_eq(system(command), 0);
	raw_ping(&a);
	/* a killed one leaves its socket; the next takes the place */
	ternd_kill(&ternd);
	raw_expect_closed(&a);
	ternd_start_at(&ternd, NULL);
	raw_join(&b, &ternd);
	ck_assert_uint_ne(b.control.welcome.instance, instance);
	ck_assert_uint_ne(b.id, a.id);
	snprintf(command, sizeof(command), "%s.journal", ternd.path);
	ck_assert_int_eq(unlink(command), 0); /* it waits for the first one still */
}
END_TEST

static unsigned long
count_switches(pid_t pid)
{
	unsigned long n, sum = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		char *colon = strstr(line, "ctxt_switches:");

		if (colon && sscanf(colon, "ctxt_switches: %lu", &n) == 1)
			sum += n;
	}
	ck_assert_int_eq(fclose(file), 0);
	return sum;
}

START_TEST(idle)
{
	unsigned long before;

	raw_join(&a, &ternd);
	raw_own(&a, "x.y", 0, NULL);
	raw_rule(&a, 1, NULL, "x");
	raw_join(&b, &ternd);
	raw_name(&b, CONTROL_INTRODUCE, "x.y");
	ck_assert_int_eq(usleep(100000), 0);
	before = count_switches(ternd.pid);
	ck_assert_int_eq(usleep(1000000), 0);
	ck_assert_uint_eq(count_switches(ternd.pid), before);
}
END_TEST

/* Who says nothing is told, and hung up on; then nothing is left that would wake ternd. */
START_TEST(silence)
{
	unsigned long before;

	if (!getenv("TERND_IMPATIENT"))
		return;
	ternd_stop(&ternd);
	ck_assert_int_eq(setenv("TERND", getenv("TERND_IMPATIENT"), 1), 0);
	ternd_start(&ternd, NULL);
	raw_connect(&a, &ternd);
	raw_join(&b, &ternd);
	ck_assert(raw_receive(&a));
	raw_expect_failed(&a, ETIME, "tern.NoHello", "in time");
	raw_expect_closed(&a);
	raw_ping(&b);
	ck_assert_int_eq(usleep(100000), 0);
	before = count_switches(ternd.pid);
	ck_assert_int_eq(usleep(500000), 0);
	ck_assert_uint_eq(count_switches(ternd.pid), before);
}
END_TEST

START_TEST(out_of_descriptors)
{
	struct rlimit limit = {60, 60};
	struct raw *many = calloc(100, sizeof(*many));
	struct control hello = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};
	unsigned long before;
	int n = 0, refused = 0;

	ck_assert_ptr_nonnull(many);
	ck_assert_int_eq(prlimit(ternd.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	raw_join(&a, &ternd); /* its quota knows nothing of that */
	for (; n < 100; n++) {
		raw_connect(&many[n], &ternd);
		hello.hello.clock = raw_clock();
		raw_send(&many[n], &hello);
		ck_assert(raw_receive(&many[n]));
		if (many[n].control.type == CONTROL_WELCOME)
			continue;
		raw_expect_failed(&many[n], EMFILE, "tern.NoDescriptors", "RLIMIT_NOFILE");
		refused++;
	}
	ck_assert_int_gt(refused, 40);
	raw_ping(&a);
	before = count_switches(ternd.pid);
	ck_assert_int_eq(usleep(300000), 0);
	ck_assert_uint_le(count_switches(ternd.pid), before + 2);
	for (int i = 0; i < n; i++)
		raw_close(&many[i]);
	free(many);
	raw_ping(&a);
	raw_join(&b, &ternd);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("daemon-hello");
	Suite *suite = suite_create("daemon-hello");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, welcome);
	tcase_add_test(tcase, bad_version);
	tcase_add_test(tcase, bad_clock);
	tcase_add_test(tcase, stopped);
	tcase_add_test(tcase, truncated_hello);
	tcase_add_test(tcase, oversized_packet);
	tcase_add_test(tcase, no_hello);
	tcase_add_test(tcase, descriptor);
	tcase_add_test(tcase, bad_requests);
	tcase_add_test(tcase, garbage);
	tcase_add_test(tcase, introduced_at_once);
	tcase_add_test(tcase, other_users);
	tcase_add_test(tcase, one_at_an_address);
	tcase_add_test(tcase, idle);
	tcase_add_test(tcase, silence);
	tcase_add_test(tcase, out_of_descriptors);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
