/* SPDX-License-Identifier: MIT */

/*
 * Tests of link/packet: an end that is played by hand and breaks the protocol in one point is told
 * apart by the words in link->why.
 */

#include "link/ends_test.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "io/socket.h"

START_TEST(a_good_hello_by_hand)
{
	raw_hello();
	ck_assert_int_eq(read_all(a), 0);
	ck_assert(a->ready);
	ck_assert_ptr_null(a->why);
}
END_TEST

START_TEST(hello_of_a_later_minor)
{
	uint8_t longer[sizeof(raw.hello) + 8] = {0};

	raw.hello.minor = 7;
	raw.hello.major_max = SHM_MAJOR + 3;
	memcpy(longer, &raw.hello, sizeof(raw.hello));
	raw_send(longer, sizeof(longer), &raw.segment.fd, 1);
	ck_assert_int_eq(read_all(a), 0);
	ck_assert(a->ready);
}
END_TEST

START_TEST(hello_of_another_version)
{
	raw.hello.major_min = raw.hello.major_max = _i ? SHM_MAJOR + 1 : SHM_MAJOR - 1;
	raw_hello();
	refused("hello: no common version");
}
END_TEST

START_TEST(hello_truncated)
{
	raw_send(&raw.hello, (size_t)_i, &raw.segment.fd, 1);
	refused("hello: truncated");
}
END_TEST

START_TEST(hello_oversized)
{
	uint8_t large[PACKET_MAX + 1] = {0};

	memcpy(large, &raw.hello, sizeof(raw.hello));
	raw_send(large, sizeof(large), &raw.segment.fd, 1);
	refused("a packet or its descriptors did not fit");
}
END_TEST

START_TEST(hello_twice)
{
	raw_hello();
	raw_hello();
	refused("hello: said twice");
}
END_TEST

START_TEST(hello_from_the_future)
{
	raw.hello.clock += 3600 * NSEC_PER_SEC;
	raw_hello();
	refused("hello: the partner's clock is ahead; not the same machine?");
}
END_TEST

START_TEST(hello_with_other_descriptors)
{
	int fds[] = {raw.segment.fd, raw.page.fd, raw.page.fd, raw.page.fd};

	raw.hello.has_doorbell = _i == 1;
	raw_send(&raw.hello, sizeof(raw.hello), fds, (size_t)_i);
	refused("hello: wrong number of descriptors");
}
END_TEST

/* memfd_of() - filled, with these seals */
static int
memfd_of(size_t size, int seals)
{
	int fd = memfd_create("tern-raw", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < size; i += 512)
		ck_assert_int_eq(pwrite(fd, "", 1, (off_t)i), 1);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

START_TEST(hello_with_a_wrong_doorbell)
{
	int fds[] = {raw.segment.fd, -1}, pair[2] = {-1, -1};

	if (_i == 0) {
		fds[1] = eventfd(0, EFD_CLOEXEC); /* a write to it could wait */
	} else if (_i == 1) {
		ck_assert_int_eq(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0); /* or end in SIGPIPE */
		fds[1] = pair[1];
	} else if (_i == 2) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
		fds[1] = pair[1];
	} else {
		fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	a->same_domain = true; /* only there it has one */
	raw.hello.has_doorbell = 1;
	raw_send(&raw.hello, sizeof(raw.hello), fds, 2);
	if (_i < 3) {
		refused("hello: the doorbell is not a non-blocking eventfd");
	} else {
		ck_assert_int_eq(read_all(a), 0);
		ck_assert(a->ready);
	}
	(void)close(fds[1]);
	if (pair[0] >= 0)
		(void)close(pair[0]);
}
END_TEST

START_TEST(hello_without_seals)
{
	static const int seals[] = {0, F_SEAL_SEAL, SEGMENT_SEALS & ~F_SEAL_SHRINK,
		SEGMENT_SEALS & ~F_SEAL_GROW, SEGMENT_SEALS & ~F_SEAL_SEAL, SEGMENT_SEALS & ~0x10};
	int bad = memfd_of(LINK_SIZE, seals[_i]);

	raw_send(&raw.hello, sizeof(raw.hello), &bad, 1);
	(void)fd_close(bad);
	refused(segment_strerror(SEGMENT_E_SEALS));
}
END_TEST

START_TEST(hello_with_no_memory_file)
{
	int bad = open("/dev/null", O_RDWR | O_CLOEXEC);

	raw_send(&raw.hello, sizeof(raw.hello), &bad, 1);
	(void)fd_close(bad);
	refused(segment_strerror(SEGMENT_E_NOT_MEMFD));
}
END_TEST

START_TEST(hello_with_a_small_segment)
{
	int small = memfd_of(4096, SEGMENT_SEALS);

	raw_send(&raw.hello, sizeof(raw.hello), &small, 1);
	(void)fd_close(small);
	refused(segment_strerror(SEGMENT_E_SIZE));
}
END_TEST

START_TEST(hello_with_segments_of_other_kinds)
{
	struct shm_head *head = (struct shm_head *)raw.segment.base;

	if (_i == 0)
		store_rlx(&head->kind, SHM_KIND_RING); /* a test */
	else
		store_rlx(&head->major, 9); /* likewise */
	raw_hello();
	refused("hello: not a link's segment of this version");
}
END_TEST

START_TEST(hello_with_small_parts)
{
	static const struct shm_part parts[][2] = {
		{{{LINK_PART_CONTROL}, 0}, {{LINK_CONTROL_AT}, 64}},
		{{{LINK_PART_RELEASES}, 0}, {{LINK_RELEASES_AT}, 1024}},
		{{{LINK_PART_RELEASES}, 0}, {{LINK_RELEASES_AT}, 2048 + 64}},
		{{{LINK_PART_RING}, 0}, {{LINK_RING_AT}, 4096}},
		{{{LINK_PART_RING}, 0}, {{LINK_RING_AT}, LINK_RING_SIZE - 64}},
		{{{LINK_PART_RING}, 0}, {{0}, 0}},
	};
	struct shm_head *head = (struct shm_head *)raw.segment.base;

	head->parts[parts[_i][0].off.off] = parts[_i][1];
	raw_hello();
	refused("hello: a part of the segment is too small");
}
END_TEST

START_TEST(something_before_hello)
{
	struct packet_segment packet = {.letter = PACKET_SEGMENT, .id = 1};

	raw_send(&packet, sizeof(packet), &raw.page.fd, 1);
	refused("something came before hello");
}
END_TEST

/* --- after hello --- */

static struct budgets budgets;
static struct shares shares;

/* begin_shares() - as of another user's partner, who may have so many */
static void
begin_shares(enum share_kind kind, uint64_t n)
{
	budgets_init(&budgets);
	budgets.of[kind].max = 2 * n;
	shares_init(&shares, &budgets);
	a->shares = &shares;
}

static void
expect_no_share(enum share_kind kind)
{
	ck_assert_ptr_null(link_free(a));
	a = NULL;
	ck_assert_uint_eq(budgets.of[kind].used, 0);
}

START_TEST(more_segments_than_the_share)
{
	begin_shares(SHARE_SEGMENTS, 3);
	for (uint32_t i = 1; i <= 4; i++)
		raw_packet(PACKET_SEGMENT, i, &raw.segment.fd, 1);
	ck_assert_int_eq(read_all(a), -EBADMSG);
	ck_assert_str_eq(a->why, "segment: too many of this user's");
	ck_assert_uint_eq(shares.of[SHARE_SEGMENTS].used, 3);
	expect_no_share(SHARE_SEGMENTS);
}
END_TEST

START_TEST(more_descriptors_than_the_share)
{
	struct wire_header header = {.n_fds = 2};
	int fds[2];

	begin_shares(SHARE_FDS, 3);
	for (uint32_t i = 0; i < 4; i++)
		raw_fds(1, i, 1);
	raw_packet(PACKET_SEGMENT, 1, &raw.segment.fd, 1);
	for (int i = 0; i < 2; i++) { /* it stays there, and what is behind it */
		ck_assert_int_eq(read_all(a), 0);
		ck_assert(a->holds);
		ck_assert_uint_eq(a->n_fds, 3);
		ck_assert_uint_eq(a->n_remotes, 0);
	}
	ck_assert_int_eq(link_take_fds(a, &header, fds), 0);
	socket_discard_fds(fds, header.n_fds);
	ck_assert_int_eq(read_all(a), 0);
	ck_assert(!a->holds);
	ck_assert_uint_eq(a->n_fds, 2);
	ck_assert_uint_eq(a->n_remotes, 1);
	ck_assert_uint_eq(shares.of[SHARE_FDS].used, 2);
	expect_no_share(SHARE_FDS);
}
END_TEST

/* A record's own descriptors are read whatever others have; and so is the segment it needs, behind those that nobody took. */
START_TEST(named_beyond_the_share)
{
	struct wire_header header = {.n_fds = 8};
	const struct wire_part part = {.segment = 1, .size = 1};
	struct remote *remote;
	const uint8_t *bytes;
	int fds[8];

	begin_shares(SHARE_FDS, 3);
	raw_fds(8, 0, 8);
	ck_assert_int_eq(read_all(a), 0);
	ck_assert(a->holds);
	ck_assert_int_eq(link_take_fds(a, &header, fds), 0);
	socket_discard_fds(fds, 8);
	raw_fds(8, 8, 8);
	raw_fds(8, 16, 8);
	raw_packet(PACKET_SEGMENT, 1, &raw.segment.fd, 1);
	ck_assert_int_eq(read_all(a), 0);
	ck_assert(a->holds);
	ck_assert_int_eq(link_part(a, &part, &remote, &bytes), 0);
	(void)remote_unref(remote); /* always NULL */
	ck_assert_uint_eq(a->n_fds, 0);
	ck_assert_uint_eq(shares.of[SHARE_FDS].used, 0);
	expect_no_share(SHARE_FDS);
}
END_TEST

START_TEST(packets_that_are_wrong)
{
	static const uint8_t letters[] = {PACKET_SEGMENT, PACKET_DROP, PACKET_FDS};
	int fds[SOCKET_MAX_FDS];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = raw.page.fd;
	switch (_i) {
	case 0:
		raw_send("?", 1, NULL, 0);
		return refused("a packet of no known kind");
	case 1:
		raw_send("b", 1, fds, 1);
		return refused("a descriptor came that was not announced");
	case 2:
		raw_packet(PACKET_DROP, 1, fds, 1);
		return refused("a descriptor came that was not announced");
	case 3:
		raw_packet(PACKET_SEGMENT, 1, fds, 17);
		return refused("too many descriptors came with a packet");
	case 4:
		raw_packet(PACKET_SEGMENT, 1, fds, SOCKET_MAX_FDS);
		return refused("too many descriptors came with a packet");
	case 5:
		raw_send(letters, 1, fds, 1);
		return refused("segment: truncated, or without its descriptor");
	case 6:
		raw_packet(PACKET_SEGMENT, 1, NULL, 0);
		return refused("segment: truncated, or without its descriptor");
	case 7:
		raw_packet(PACKET_SEGMENT, 5, fds, 1);
		raw_packet(PACKET_SEGMENT, 5, fds, 1);
		return refused("segment: number used twice");
	case 8:
		raw_packet(PACKET_SEGMENT, 0, fds, 1);
		return refused("segment: too many, or number 0");
	case 9:
		raw_send(letters + 1, 1, NULL, 0);
		return refused("drop: truncated");
	case 10:
		raw_packet(PACKET_DROP, 3, NULL, 0);
		return refused("drop: no such segment");
	case 11:
		raw_send(letters + 2, 1, fds, 1);
		return refused("descriptors: truncated");
	case 12:
		raw_fds(0, 0, 0);
		return refused("descriptors: other than announced");
	case 13:
		raw_fds(2, 0, 1);
		return refused("descriptors: other than announced");
	case 14:
		raw_fds(1, 0, 1);
		raw_fds(1, 5, 1);
		return refused("descriptors: out of sequence");
	default:
		for (uint32_t i = 0; i < LINK_MAX_WAITING; i += 16)
			raw_fds(16, i, 16);
		ck_assert_int_eq(read_all(a), 0); /* so many */
		raw_fds(1, LINK_MAX_WAITING, 1);
		return refused("descriptors: too many that no message names");
	}
}
END_TEST

START_TEST(pages_that_are_wrong)
{
	int bad = memfd_of(PAGE_SIZE, F_SEAL_SHRINK);

	if (_i == 0) {
		raw_send("p", 1, NULL, 0);
		refused("page: without its descriptor");
	} else if (_i == 1) {
		raw_send("p", 1, &raw.page.fd, 1);
		raw_send("p", 1, &raw.page.fd, 1);
		refused("page: sent twice");
	} else if (_i == 2) {
		raw_send("p", 1, &raw.segment.fd, 1);
		refused("page: not a peer's page of this version");
	} else {
		raw_send("p", 1, &bad, 1);
		refused(segment_strerror(SEGMENT_E_SEALS));
	}
	ck_assert(!a->page == (_i != 1));
	(void)fd_close(bad);
}
END_TEST

START_TEST(segments_without_seals)
{
	int bad = memfd_of(8192, F_SEAL_SHRINK);

	raw_packet(PACKET_SEGMENT, 1, &bad, 1);
	(void)fd_close(bad);
	refused(segment_strerror(SEGMENT_E_SEALS));
}
END_TEST

START_TEST(segments_without_end)
{
	for (uint32_t i = 1; i <= LINK_MAX_SEGMENTS; i++) {
		raw_packet(PACKET_SEGMENT, i, &raw.page.fd, 1);
		ck_assert_int_eq(read_all(a), 0);
	}
	raw_packet(PACKET_SEGMENT, LINK_MAX_SEGMENTS + 1, &raw.page.fd, 1);
	refused("segment: too many, or number 0");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("packet");
	TCase *hello = tcase_create("hello"), *greeted = tcase_create("packet");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(hello, 60);
	tcase_add_checked_fixture(hello, setup_raw, teardown_raw);
	tcase_add_test(hello, a_good_hello_by_hand);
	tcase_add_test(hello, hello_of_a_later_minor);
	tcase_add_loop_test(hello, hello_of_another_version, 0, 2);
	tcase_add_loop_test(hello, hello_truncated, 2, (int)sizeof(struct packet_hello));
	tcase_add_test(hello, hello_oversized);
	tcase_add_test(hello, hello_twice);
	tcase_add_test(hello, hello_from_the_future);
	tcase_add_loop_test(hello, hello_with_other_descriptors, 0, 5);
	tcase_add_loop_test(hello, hello_with_a_wrong_doorbell, 0, 4);
	tcase_add_loop_test(hello, hello_without_seals, 0, 6);
	tcase_add_test(hello, hello_with_no_memory_file);
	tcase_add_test(hello, hello_with_a_small_segment);
	tcase_add_loop_test(hello, hello_with_segments_of_other_kinds, 0, 2);
	tcase_add_loop_test(hello, hello_with_small_parts, 0, 6);
	tcase_add_test(hello, something_before_hello);
	suite_add_tcase(suite, hello);

	tcase_set_timeout(greeted, 60);
	tcase_add_checked_fixture(greeted, setup_greeted, teardown_raw);
	tcase_add_loop_test(greeted, packets_that_are_wrong, 0, 16);
	tcase_add_loop_test(greeted, pages_that_are_wrong, 0, 4);
	tcase_add_test(greeted, segments_without_seals);
	tcase_add_test(greeted, more_segments_than_the_share);
	tcase_add_test(greeted, more_descriptors_than_the_share);
	tcase_add_test(greeted, named_beyond_the_share);
	tcase_add_test(greeted, segments_without_end);
	suite_add_tcase(suite, greeted);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
