/* SPDX-License-Identifier: MIT */

/*
 * link-broken: what a program is told when the other end of its link breaks the protocol
 *
 * The test listens by hand and answers wrongly; the child dials and calls, and finds each wrong in
 * words of its own. (All that can be wrong is in src/link/packet_test.c and link-receive_test.c.)
 */

#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "io/listener.h"
#include "io/socket.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"
#include "tern/tern.h"

enum wrong {
	VERSION,
	TRUNCATED,
	OVERSIZED,
	SEALS,
	DESCRIPTOR,
	TOO_MANY,
	FUTURE,
	TWICE,
	N_WRONGS,
};

static const char *const SAID[N_WRONGS] = {
	[VERSION] = "no common version",
	[TRUNCATED] = "hello: truncated",
	[OVERSIZED] = "did not fit",
	[SEALS] = "seals",
	[DESCRIPTOR] = "not announced",
	[TOO_MANY] = "too many descriptors",
	[FUTURE] = "clock is ahead",
	[TWICE] = "said twice",
};

struct scene {
	struct private_bus place;
	enum wrong wrong;
};

/* call() - the child: the call fails, and says why; the handle goes on to say that nobody is there
 */
static void
call(void *user)
{
	struct scene *scene = user;
	struct tern_error error = {0};
	struct tern_event event = {.size = sizeof(event)};
	tern_bus *bus;
	int r;

	must_be(tern_dial(scene->place.address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	r = tern_call_sync(bus, NULL, "Anything", NULL, &error, NULL);
	must_be(r, -ECONNRESET);
	if (!strstr(error.text, SAID[scene->wrong]))
		(void)fprintf(stderr, "said: %s: %s\n", error.name, error.text);
	must(strstr(error.text, SAID[scene->wrong]) != NULL);
	must(strcmp(error.name, "tern.ProtocolBroken") == 0);
	do
		must_be(tern_next(bus, LONG_NS, &event), 0);
	while (event.kind == TERN_LINKED);
	must_be(event.kind, TERN_LOST);
	must(tern_call_sync(bus, NULL, "Anything", NULL, NULL, NULL) < 0); /* nobody is there */
	(void)tern_close(bus);
}

/* link_segment_of() - as a link has it, or a memfd without seals */
static int
link_segment_of(struct segment *segment, bool sealed)
{
	struct shm_head *head;
	int fd;

	if (!sealed) {
		fd = memfd_create("tern-link", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		must(fd >= 0);
		must_be(ftruncate(fd, LINK_SIZE), 0);
		return fd;
	}
	must_be(segment_create(segment, "tern-link", LINK_SIZE), 0);
	head = (struct shm_head *)segment->base;
	head_init(head, SHM_KIND_LINK, segment->size);
	head_set_part(head, LINK_PART_CONTROL, LINK_CONTROL_AT, sizeof(struct shm_control));
	head_set_part(head, LINK_PART_RELEASES, LINK_RELEASES_AT, LINK_N_RELEASES * 8);
	head_set_part(head, LINK_PART_RING, LINK_RING_AT, LINK_RING_SIZE);
	return fcntl(segment->fd, F_DUPFD_CLOEXEC, 0);
}

static void
send_packet(int fd, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};

	must_be(socket_send(fd, &iov, 1, fds, n_fds), 0);
}

/* answer() - say hello, but not as one should */
static void
answer(int fd, enum wrong wrong)
{
	struct segment link = SEGMENT_INIT;
	struct packet_hello hello = {
		.letter = PACKET_HELLO,
		.major_min = SHM_MAJOR + (wrong == VERSION),
		.major_max = SHM_MAJOR + (wrong == VERSION),
		.clock = clock_now_ns() - (uint64_t)clock_offset_ns() +
			 (wrong == FUTURE ? 3600 * NSEC_PER_SEC : 0),
	};
	int fds[20] = {link_segment_of(&link, wrong != SEALS)};
	uint8_t bytes[PACKET_MAX + 1] = {0};

	memcpy(bytes, &hello, sizeof(hello));
	for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
		fds[i] = fds[0];
	send_packet(fd, bytes,
		wrong == TRUNCATED   ? sizeof(hello) - 1
		: wrong == OVERSIZED ? sizeof(bytes)
				     : sizeof(hello),
		fds, 1);
	if (wrong == DESCRIPTOR)
		send_packet(fd, "b", 1, fds, 1);
	else if (wrong == TOO_MANY)
		send_packet(fd, "s0000000", 8, fds, ARRAY_SIZE(fds));
	else if (wrong == TWICE)
		send_packet(fd, bytes, sizeof(hello), fds, 1);
	(void)fd_close(fds[0]);
	segment_deinit(&link);
}

START_TEST(the_caller_is_told)
{
	struct scene scene = {.wrong = (enum wrong)_i};
	struct listener listener = LISTENER_INIT;
	struct pollfd ready = {.events = POLLIN};
	pid_t pid;
	int fd;

	private_bus_place(&scene.place);
	must_be(listener_open(&listener, scene.place.address + strlen("unix:"), 0600), 0);
	pid = child_start(call, &scene);
	ready.fd = listener.fd;
	must_be(poll(&ready, 1, (int)(LONG_NS / NSEC_PER_MSEC)), 1);
	must_be(socket_accept(listener.fd, &fd), 0);
	answer(fd, scene.wrong);
	child_end(pid);
	(void)socket_close(fd);
	listener_deinit(&listener);
	private_bus_stop(&scene.place);
}
END_TEST

/* --- and who listens goes on --- */

static int
echo(tern_call *c, tern_message *m, void *user)
{
	return tern_reply(c, "u", UINT64_C(1));
}

static void
call_well(void *user)
{
	struct scene *scene = user;
	tern_bus *bus;

	must_be(tern_dial(scene->place.address, &bus), 0);
	must_be(tern_call_sync(bus, NULL, "Echo", NULL, NULL, NULL), 0);
	(void)tern_close(bus);
}

static void
next_lost(tern_bus *bus)
{
	struct tern_event event;

	do {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
	} while (event.kind == TERN_LINKED);
	must_be(event.kind, TERN_LOST);
}

START_TEST(the_listener_goes_on)
{
	static const struct tern_method methods[] = {{"Echo", echo}};
	struct scene scene;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	private_bus_place(&scene.place);
	must_be(tern_listen(scene.place.address, &bus), 0);
	must_be(tern_serve(bus, NULL, NULL, methods, 1, NULL, &service), 0);
	for (int wrong = 0; wrong < N_WRONGS; wrong++) {
		int fd;

		must_be(socket_connect(scene.place.address + strlen("unix:"), &fd), 0);
		answer(fd, (enum wrong)wrong);
		next_lost(bus);
		(void)socket_close(fd);
	}
	pid = child_start(call_well, &scene);
	next_lost(bus);
	child_end(pid);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	private_bus_stop(&scene.place);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-broken");
	TCase *tcase = tcase_create("broken");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, the_caller_is_told, 0, N_WRONGS);
	tcase_add_test(tcase, the_listener_goes_on);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
