/* SPDX-License-Identifier: MIT */

/* bells: doorbells that are stolen, filled, changed, or no doorbells */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <unistd.h>

#include "attack.h"
#include "io/socket.h"

/* steal_edges() - whoever has an eventfd can read it, and so takes an edge from who sleeps on it */
static void
steal_edges(struct attack *attack)
{
	uint64_t began = 0, count;
	struct record record;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		(void)!read(attack->link->doorbell, &count, sizeof(count));
		if (attack_has_room(attack, 512))
			attack_push_record(attack, record_event(attack, &record, "hostile"));
	}
	attack_expect_goes_on(attack);
}

static void
fill(struct attack *attack)
{
	static const uint64_t most = UINT64_MAX - 1;
	uint64_t count;
	struct record record;

	attack_link(attack);
	(void)!read(attack->link->doorbell, &count, sizeof(count));
	expect(write(attack->link->doorbell, &most, sizeof(most)) == sizeof(most));
	for (int i = 0; i < 20; i++)
		attack_push_record(attack, record_event(attack, &record, "hostile"));
	attack_expect_goes_on(attack);
	expect(read(attack->link->doorbell, &count, sizeof(count)) == sizeof(count)); /* for who comes next */
}

static void
storm(struct attack *attack)
{
	static const uint64_t one = 1;
	uint64_t began = 0;

	attack_link(attack);
	while (!attack_is_over(&began))
		(void)!write(attack->link->doorbell, &one, sizeof(one));
	attack_expect_goes_on(attack);
}

/* make_blocking() - for all who have it: the next that finds it full would wait */
static void
make_blocking(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	expect(fcntl(attack->link->doorbell, F_SETFL, 0) == 0);
	for (int i = 0; i < 20; i++)
		attack_push_record(attack, record_event(attack, &record, "hostile"));
	attack_expect_goes_on(attack);
	expect(fcntl(attack->link->doorbell, F_SETFL, O_NONBLOCK) == 0);
}

/* requeue() - who can read a word can move those who sleep on it; nobody here sleeps on a word */
static void
requeue(struct attack *attack)
{
	static uint32_t own;
	uint64_t began = 0;

	attack_link(attack);
	while (!attack_is_over(&began)) {
		uint32_t *word = (uint32_t *)(uintptr_t)&attack->link->partner_words->attention;

		(void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
		(void)syscall(SYS_futex, word, FUTEX_REQUEUE, 0, (void *)(uintptr_t)INT32_MAX, &own, 0);
	}
	attack_expect_goes_on(attack);
}

/* hello_with() - this as the doorbell */
static void
hello_with(struct attack *attack, int doorbell)
{
	struct segment segment;
	int link = hand_introduce(attack);
	struct packet_hello hello = hand_hello(&segment);
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof(hello)};
	int fds[2] = {segment.fd, doorbell};

	expect(doorbell >= 0);
	hello.has_doorbell = 1;
	expect(socket_send(link, &iov, 1, fds, 2) == 0);
	hand_expect_end(link);
}

static void
a_pipe(struct attack *attack)
{
	int fds[2];

	expect(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
	hello_with(attack, fds[1]);
}

static void
that_blocks(struct attack *attack)
{
	hello_with(attack, eventfd(0, EFD_CLOEXEC));
}

static void
a_socket(struct attack *attack)
{
	int fds[2];

	expect(socket_pair(fds) == 0);
	hello_with(attack, fds[0]);
}

/* that_is_another() - of a kind that looks like an eventfd, and refuses to be written to */
static void
that_is_another(struct attack *attack)
{
	struct segment segment;
	int link = hand_introduce(attack);
	struct packet_hello hello = hand_hello(&segment);
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof(hello)};
	int fds[2] = {segment.fd, epoll_create1(EPOLL_CLOEXEC)};

	expect(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
	hello.has_doorbell = 1;
	expect(socket_send(link, &iov, 1, fds, 2) == 0);
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

#define ENDS	"the link ends"
#define NOTHING "nothing"

static const struct behaviour items[] = {
	{"doorbell-stolen", "reads the victim's doorbell", "bells over the socket, after 100 ms for who waits for an answer",
		NOTHING, NULL, SAME_USER, steal_edges},
	{"doorbell-full", "fills the victim's doorbell", "bells over the socket", NOTHING, NULL, SAME_USER, fill},
	{"doorbell-storm", "rings the victim's doorbell all the time", "work", NOTHING, NULL, SAME_USER, storm},
	{"doorbell-made-blocking", "clears O_NONBLOCK of the victim's doorbell", "nothing, as long as it is not full, too",
		NOTHING, NULL, SAME_USER, make_blocking},
	{"requeue", "moves whoever sleeps on a shared word", "nothing: nobody does", NOTHING, NULL, 0, requeue},
	{"doorbell-pipe", "a pipe as its doorbell", ENDS, ENDS, NULL, SAME_USER, a_pipe},
	{"doorbell-blocks", "a doorbell that blocks", ENDS, ENDS, NULL, SAME_USER, that_blocks},
	{"doorbell-socket", "a socket as its doorbell", ENDS, ENDS, NULL, SAME_USER, a_socket},
	{"doorbell-other", "an epoll set as its doorbell", "nothing: it is rung over the socket", NOTHING, NULL, SAME_USER,
		that_is_another},
};

const struct behaviours bells_behaviours = {"bells", items, ARRAY_SIZE(items)};
