/* SPDX-License-Identifier: MIT */

/* packets: the link's socket: wrong packets, wrong descriptors, half a hello */

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "io/socket.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)

/* memory() - a memfd of this size, nothing in it, with these seals */
static int
memory(uint64_t size, unsigned int flags, int seals)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	expect(fd >= 0);
	expect(ftruncate(fd, (off_t)size) == 0);
	expect(seals == 0 || fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

static void
end_with_segment(struct attack *attack, int fd)
{
	attack_link(attack);
	expect(fd >= 0 && attack_segment(attack, 5, fd));
	attack_expect_end(attack);
}

/* --- memory that is not what it should be --- */

static void
unsealed(struct attack *attack)
{
	end_with_segment(attack, memory(1 << 16, 0, 0));
}

static void
one_seal_missing(struct attack *attack)
{
	end_with_segment(attack, memory(1 << 16, 0, SEALS & ~F_SEAL_SHRINK));
}

static void
sparse(struct attack *attack)
{
	end_with_segment(attack, memory(1 << 20, 0, SEALS));
}

static void
huge(struct attack *attack)
{
	end_with_segment(attack, memory(UINT64_C(1) << 40, 0, SEALS));
}

static void
huge_pages(struct attack *attack)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

	if (fd < 0) { /* there are none on this machine: something else that is no memory of ours */
		fd = memory(1 << 20, 0, SEALS);
	} else {
		expect(ftruncate(fd, 2 << 20) == 0);
		expect(fcntl(fd, F_ADD_SEALS, SEALS) == 0);
	}
	end_with_segment(attack, fd);
}

static void
a_device(struct attack *attack)
{
	end_with_segment(attack, open("/dev/zero", O_RDWR | O_CLOEXEC));
}

static void
a_file(struct attack *attack)
{
	end_with_segment(attack, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

static void
an_eventfd(struct attack *attack)
{
	end_with_segment(attack, eventfd(0, EFD_CLOEXEC));
}

/* --- numbers --- */

static void
number_twice(struct attack *attack)
{
	struct segment blocks;

	attack_link(attack);
	attack_blocks(&blocks, 1 << 16);
	expect(attack_segment(attack, 5, blocks.fd));
	expect(attack_segment(attack, 5, blocks.fd));
	attack_expect_end(attack);
}

static void
number_0(struct attack *attack)
{
	struct segment blocks;

	attack_link(attack);
	attack_blocks(&blocks, 1 << 16);
	expect(attack_segment(attack, 0, blocks.fd));
	attack_expect_end(attack);
}

static void
too_many_segments(struct attack *attack)
{
	struct segment blocks;

	attack_link(attack);
	attack_blocks(&blocks, 4096);
	for (uint32_t id = 1; id <= LINK_MAX_SEGMENTS + 1; id++)
		while (!attack_segment(attack, id, blocks.fd))
			(void)usleep(100); /* the victim takes them in; it may end the link only after the last one */
	attack_expect_end(attack);
}

/* segments_come_and_go() - as fast as they can, large ones: each has to be looked through */
static void
segments_come_and_go(struct attack *attack)
{
	struct segment blocks;
	uint64_t began = 0;

	attack_link(attack);
	attack_blocks(&blocks, 64 << 20);
	while (!attack_is_over(&began)) {
		struct packet_segment drop = {.letter = PACKET_DROP, .id = 5};

		if (!attack_segment(attack, 5, blocks.fd))
			continue;
		while (!attack_packet(attack, &drop, sizeof(drop), NULL, 0))
			(void)usleep(100);
	}
	attack_expect_goes_on(attack);
}

/* --- descriptors --- */

static void
descriptor_unannounced(struct attack *attack)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	attack_link(attack);
	expect(attack_packet(attack, "b", 1, &fd, 1));
	attack_expect_end(attack);
}

static void
descriptors_253(struct attack *attack)
{
	int fds[SOCKET_MAX_FDS];

	attack_link(attack);
	fds[0] = eventfd(0, EFD_CLOEXEC);
	for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
		fds[i] = fds[0];
	expect(attack_packet(attack, "f\x10\0\0\0\0\0\0", 8, fds, ARRAY_SIZE(fds)));
	attack_expect_end(attack);
}

/* send_fds() - announced, with this number */
static bool
send_fds(struct attack *attack, uint32_t first, const int *fds, uint8_t n)
{
	struct packet_fds packet = {.letter = PACKET_FDS, .n = n, .first = first};

	return attack_packet(attack, &packet, sizeof(packet), fds, n);
}

static void
descriptors_nobody_names(struct attack *attack)
{
	int fds[WIRE_MAX_FDS];

	attack_link(attack);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	for (uint32_t first = 0; first <= LINK_MAX_WAITING; first += WIRE_MAX_FDS)
		expect(send_fds(attack, first, fds, WIRE_MAX_FDS));
	attack_expect_end(attack);
}

static void
descriptors_out_of_turn(struct attack *attack)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	attack_link(attack);
	expect(send_fds(attack, 0, &fd, 1) && send_fds(attack, 7, &fd, 1));
	attack_expect_end(attack);
}

/* descriptors_with_calls() - as many as may come, with each call; what the program does not take is closed */
static void
descriptors_with_calls(struct attack *attack)
{
	int fds[WIRE_MAX_FDS];
	uint64_t began = 0;
	uint32_t first = 0;

	attack_link(attack);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	while (!attack_is_over(&began)) {
		struct record record;
		struct wire_header *header = record_call(attack, &record, "Take");

		if (!send_fds(attack, first, fds, WIRE_MAX_FDS))
			continue;
		header->first_fd = first;
		header->n_fds = WIRE_MAX_FDS;
		header->flags |= WIRE_NO_REPLY;
		attack_push_record(attack, header);
		first += WIRE_MAX_FDS;
		if (first % LINK_MAX_WAITING == 0)
			attack_expect_goes_on(attack); /* so many may wait, and no more */
	}
	attack_expect_goes_on(attack);
}

/* lingering() - a TCP socket that close() would wait for: 2 s, for what its other end never reads */
static int
lingering(void)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 2};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	static const char bytes[1 << 16];
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	expect(listening >= 0 && fd >= 0);
	expect(bind(listening, (struct sockaddr *)&address, size) == 0 && listen(listening, 1) == 0);
	expect(getsockname(listening, (struct sockaddr *)&address, &size) == 0);
	(void)connect(fd, (struct sockaddr *)&address, size); /* is under way, or there */
	expect(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		; /* until nothing more goes in */
	return fd;
}

static void
lingering_sockets(struct attack *attack)
{
	int fds[8];

	attack_link(attack);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = lingering();
	expect(attack_packet(attack, "x", 1, fds, ARRAY_SIZE(fds)));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]); /* the last one to have it is the victim */
	attack_expect_end(attack);
}

/* sockets_in_circles() - each waits in the other, and its own end of the link in both */
static void
sockets_in_circles(struct attack *attack)
{
	struct iovec iov = {.iov_base = (char[]){'x'}, .iov_len = 1};

	attack_link(attack);
	for (int i = 0; i < 100; i++) {
		int pair[2];

		expect(socket_pair(pair) == 0);
		expect(socket_send(pair[0], &iov, 1, pair, 2) == 0);
		expect(socket_send(pair[1], &iov, 1, &attack->link->fd, 1) == 0);
		if (!attack_packet(attack, "x", 1, pair, 2))
			expect(i > 0);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
	attack_expect_end(attack);
}

/* --- packets --- */

static void
end_with_packet(struct attack *attack, const void *bytes, size_t size)
{
	attack_link(attack);
	expect(attack_packet(attack, bytes, size, NULL, 0));
	attack_expect_end(attack);
}

static void
unknown_letter(struct attack *attack)
{
	end_with_packet(attack, "Q", 1);
}

static void
oversized(struct attack *attack)
{
	static const uint8_t bytes[PACKET_MAX + 1] = {PACKET_BELL};

	end_with_packet(attack, bytes, sizeof(bytes));
}

static void
truncated(struct attack *attack)
{
	end_with_packet(attack, "s\0\0", 3);
}

static void
page_without_page(struct attack *attack)
{
	end_with_packet(attack, "p", 1);
}

static void
empty_packets(struct attack *attack)
{
	attack_link(attack);
	expect(send(attack->link->fd, "", 0, MSG_NOSIGNAL) == 0);
	attack_expect_end(attack);
}

/* byte_storm() - bells, as many as the socket takes */
static void
byte_storm(struct attack *attack)
{
	uint64_t began = 0;

	attack_link(attack);
	while (!attack_is_over(&began))
		attack_ring(attack);
	attack_expect_goes_on(attack);
}

static void
half_closed(struct attack *attack)
{
	attack_link(attack);
	expect(shutdown(attack->link->fd, SHUT_WR) == 0);
	attack_expect_end(attack);
}

static void
deaf(struct attack *attack)
{
	struct record record;

	attack_link(attack);
	expect(shutdown(attack->link->fd, SHUT_RD) == 0);
	attack_push_record(attack, record_call(attack, &record, "Echo"));
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

/* --- hello --- */

/* hello_by_hand() - a hello, spoiled by fn, of which the last size bytes are not sent */
static void
hello_by_hand(struct attack *attack, void (*spoil)(struct packet_hello *hello), size_t size)
{
	struct segment segment;
	int fd = hand_introduce(attack);
	struct packet_hello hello = hand_hello(&segment);
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof(hello) - size};

	if (spoil)
		spoil(&hello);
	expect(socket_send(fd, &iov, 1, &segment.fd, 1) == 0);
	hand_expect_end(fd);
}

static void
version_of_tomorrow(struct packet_hello *hello)
{
	hello->major_min = hello->major_max = SHM_MAJOR + 1;
}

static void
clock_ahead(struct packet_hello *hello)
{
	hello->clock += 3600 * NSEC_PER_SEC;
}

static void
doorbell_missing(struct packet_hello *hello)
{
	hello->has_doorbell = 1;
}

static void
hello_version(struct attack *attack)
{
	hello_by_hand(attack, version_of_tomorrow, 0);
}

static void
hello_ahead(struct attack *attack)
{
	hello_by_hand(attack, clock_ahead, 0);
}

static void
hello_without_doorbell(struct attack *attack)
{
	hello_by_hand(attack, doorbell_missing, 0);
}

static void
hello_cut(struct attack *attack)
{
	hello_by_hand(attack, NULL, 7);
}

static void
hello_never(struct attack *attack)
{
	(void)hand_introduce(attack);
	(void)usleep(A_WHILE_NS / NSEC_PER_USEC);
}

static void
hello_trickles(struct attack *attack)
{
	struct iovec iov = {.iov_base = (char[]){'h'}, .iov_len = 1};
	int fd = hand_introduce(attack);

	expect(socket_send(fd, &iov, 1, NULL, 0) == 0);
	hand_expect_end(fd);
}

/* hello_after_bells() - which may come before it; but it never does */
static void
hello_after_bells(struct attack *attack)
{
	struct iovec iov = {.iov_base = (char[]){'b'}, .iov_len = 1};
	int fd = hand_introduce(attack);
	uint64_t began = 0;

	while (!attack_is_over(&began))
		(void)socket_send(fd, &iov, 1, NULL, 0); /* full: bells enough */
}

static void
hello_twice(struct attack *attack)
{
	struct segment segment;
	struct packet_hello hello = hand_hello(&segment);

	attack_link(attack);
	expect(attack_packet(attack, &hello, sizeof(hello), &segment.fd, 1));
	attack_expect_end(attack);
}

static void
page_twice(struct attack *attack)
{
	attack_link(attack);
	expect(endpoint_need_page(&attack->bus->endpoint) == 0);
	expect(packet_send_page(attack->link) == 0 && packet_send_page(attack->link) == 0);
	attack_expect_end(attack);
}

#define ENDS	"the link ends"
#define NOTHING "nothing"

static const struct behaviour items[] = {
	{"unsealed", "memory that it could still change in size", ENDS, ENDS, "lacks seals", 0, unsealed},
	{"one-seal-missing", "memory that it could make smaller", ENDS, ENDS, "lacks seals", 0, one_seal_missing},
	{"sparse", "memory that is not there: a reader would pay for it", ENDS, ENDS, "has holes", 0, sparse},
	{"huge", "a terabyte", ENDS, ENDS, "size is outside the limits", 0, huge},
	{"huge-pages", "memory of huge pages, which can run out when they are read", ENDS, ENDS, "the ", 0, huge_pages},
	{"a-device", "/dev/zero instead of memory", ENDS, ENDS, "is not a memfd", 0, a_device},
	{"a-file", "a file instead of memory", ENDS, ENDS, "is not a memfd", 0, a_file},
	{"an-eventfd", "an eventfd instead of memory", ENDS, ENDS, "is not a memfd", 0, an_eventfd},
	{"number-twice", "two segments with one number", ENDS, ENDS, "number used twice", 0, number_twice},
	{"number-0", "a segment with the number 0", ENDS, ENDS, "number 0", 0, number_0},
	{"too-many-segments", "1,025 segments", ENDS, ENDS, "segment: too many", 0, too_many_segments},
	{"segments-come-and-go", "sends and takes back 64 MiB, over and over", "work", NOTHING, NULL, 0, segments_come_and_go},
	{"descriptor-unannounced", "a descriptor that comes with a bell", ENDS, ENDS, "was not announced", 0,
		descriptor_unannounced},
	{"descriptors-253", "253 descriptors at once", ENDS, ENDS, "too many descriptors", 0, descriptors_253},
	{"descriptors-nobody-names", "descriptors that no message names", ENDS, ENDS, "too many that no message names", 0,
		descriptors_nobody_names},
	{"descriptors-out-of-turn", "descriptors with leaping numbers", ENDS, ENDS, "out of sequence", 0,
		descriptors_out_of_turn},
	{"descriptors-with-calls", "16 descriptors with each call", "the calls; what it does not take is closed", NOTHING, NULL,
		0, descriptors_with_calls},
	{"lingering-sockets", "TCP sockets that take 2 s each to close", ENDS, ENDS, "was not announced", 0,
		lingering_sockets},
	{"sockets-in-circles", "sockets that wait in each other", ENDS, ENDS, "was not announced", 0, sockets_in_circles},
	{"unknown-letter", "a packet of no known kind", ENDS, ENDS, "no known kind", 0, unknown_letter},
	{"oversized", "a packet of 65 bytes", ENDS, ENDS, "did not fit", 0, oversized},
	{"truncated", "a segment's packet of 3 bytes", ENDS, ENDS, "truncated", 0, truncated},
	{"page-without-page", "a page without its descriptor", ENDS, ENDS, "page: without its descriptor", 0,
		page_without_page},
	{"page-twice", "a second page", ENDS, ENDS, "page: sent twice", 0, page_twice},
	{"empty-packets", "an empty packet, which looks like the end", "the link ends, as if it had hung up", ENDS, NULL, 0,
		empty_packets},
	{"byte-storm", "as many bells as the socket takes", "work", NOTHING, NULL, 0, byte_storm},
	{"half-closed", "closes the socket to one side", "the link ends, as if it had hung up", ENDS, NULL, 0, half_closed},
	{"deaf", "closes the socket to the other side", NOTHING, "no bells", NULL, 0, deaf},
	{"hello-version", "a link of another major version", ENDS, ENDS, NULL, 0, hello_version},
	{"hello-ahead", "a hello with a clock an hour ahead", ENDS, ENDS, NULL, 0, hello_ahead},
	{"hello-without-doorbell", "a hello with a doorbell that is not there", ENDS, ENDS, NULL, 0, hello_without_doorbell},
	{"hello-cut", "a hello that is cut short", ENDS, ENDS, NULL, 0, hello_cut},
	{"hello-never", "a link without a hello", "a link over which nothing comes", NOTHING, NULL, 0, hello_never},
	{"hello-trickles", "a hello byte by byte", ENDS, ENDS, NULL, 0, hello_trickles},
	{"hello-after-bells", "bells, and never a hello", "work", NOTHING, NULL, 0, hello_after_bells},
	{"hello-twice", "a second hello with other memory", ENDS, ENDS, "said twice", 0, hello_twice},
};

const struct behaviours packets_behaviours = {"the socket of a link", items, ARRAY_SIZE(items)};
