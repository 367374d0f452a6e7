/* SPDX-License-Identifier: MIT */

/*
 * Tests of link-receive and link-send: records, moves, releases and positions that are wrong are
 * told apart by the words in link->why.
 */

#include "link/ends_test.h"

/* raw_record() - put a record into the ring by hand; nothing of it is checked */
static void
raw_record(const struct wire_header *header, const struct wire_part *part)
{
	uint64_t at = raw.words->produced;

	memcpy(raw.ring + at, header, sizeof(*header));
	if (part)
		memcpy(raw.ring + at + 88, part, sizeof(*part));
	store_rel(&raw.words->produced, at + header->size);
}

/* take_raw() - as far as the message layer would go. Return: of the first that failed. */
static int
take_raw(void)
{
	struct wire_header header;
	struct wire_places places;
	uint8_t record[512];
	struct remote *remote;
	const uint8_t *bytes;
	int fds[WIRE_MAX_FDS], r;

	r = link_look(a);
	if (r == 1)
		r = link_peek(a, &header);
	if (r != 1)
		return r;
	ck_assert_uint_le(header.size, sizeof(record));
	r = link_take(a, &header, record, &places);
	if (r == 0 && header.n_parts == 1 && !(header.flags & WIRE_INLINE)) {
		struct wire_part part = part_at(record, &header, 0);

		r = link_part(a, &part, &remote, &bytes);
		if (r == 0)
			(void)remote_unref(remote); /* always NULL */
	}
	if (r == 0 && header.n_fds) {
		r = link_take_fds(a, &header, fds);
		for (int i = 0; r == 0 && i < header.n_fds; i++)
			(void)fd_close(fds[i]);
	}
	return r;
}

static void
broken(const char *why)
{
	ck_assert_int_eq(take_raw(), -EBADMSG);
	ck_assert_str_eq(a->why, why);
}

START_TEST(records_that_are_wrong)
{
	struct wire_header header = {.size = 128, .kind = WIRE_EVENT, .n_parts = 1};
	struct wire_part part = {.segment = 4, .size = 100, .offset = 0};

	raw_packet(PACKET_SEGMENT, 4, &raw.page.fd, 1);
	switch (_i) {
	case 0:
		raw_record(&header, &part);
		ck_assert_int_eq(take_raw(), 0); /* the part is there: read from the socket */
		return;
	case 1:
		part.segment = 5;
		raw_record(&header, &part);
		return broken("a part lies in a segment that was not sent");
	case 2:
		part.offset = PAGE_SIZE - 99;
		raw_record(&header, &part);
		return broken("a part lies outside of its segment");
	case 3:
		part.offset = UINT64_MAX - 50;
		raw_record(&header, &part);
		return broken("a part lies outside of its segment");
	case 4:
		part.size = UINT64_MAX;
		raw_record(&header, &part);
		return broken("a part lies outside of its segment");
	case 5:
		header.n_fds = 1;
		raw_record(&header, &part);
		return broken("a message names descriptors that were not sent");
	case 6:
		header.n_fds = 2;
		header.first_fd = 1;
		raw_fds(2, 0, 2);
		raw_record(&header, &part);
		return broken("a message names descriptors that were not sent");
	case 7:
		header.n_fds = 1;
		header.first_fd = 1;
		raw_fds(2, 0, 2);
		raw_record(&header, &part);
		ck_assert_int_eq(take_raw(), 0); /* number 0 was skipped, and closed */
		return;
	case 8:
		header.inline_size = 4000;
		raw_record(&header, &part);
		return broken("a record's lengths do not fit");
	case 9:
		header.size = 64;
		raw_record(&header, NULL);
		return broken("a record is shorter than its header");
	case 10:
		header.size = 96;
		raw_record(&header, NULL);
		((struct wire_header *)raw.ring)->size = LINK_RING_SIZE;
		return broken("a record's size is impossible");
	case 11:
		store_rel(&raw.words->produced, 2 * LINK_RING_SIZE);
		return broken("its produced position is impossible");
	default:
		store_rel(&raw.words->produced, 24);
		return broken("its produced position is impossible");
	}
}
END_TEST

/* The page is read from the socket as soon as a shared record asks for it, and says what may be taken. */
START_TEST(shared_records_need_the_page)
{
	struct shm_page *page = (struct shm_page *)(raw.page.base + PAGE_WORDS_AT);
	struct wire_header header = {
		.size = 128, .kind = WIRE_EVENT, .flags = WIRE_SHARED, .reference = 3};

	if (_i)
		raw_send("p", 1, &raw.page.fd, 1);
	raw_record(&header, NULL);
	if (!_i)
		return broken("a shared record came before the page");
	ck_assert_int_eq(link_look(a), 1);
	ck_assert_int_eq(link_peek(a, &header), 1);
	store_rel(&page->commit, 2); /* a test */
	ck_assert(!link_is_committed(a, &header));
	store_rel(&page->commit, 3); /* likewise */
	ck_assert(link_is_committed(a, &header));
}
END_TEST

static void
raw_moved(uint64_t to)
{
	struct wire_header header = {.size = 96, .kind = WIRE_MOVED, .reference = to};

	raw_record(&header, NULL);
}

/* Segments sent and taken back: who looks for one is held up by no more than may be mapped, who reads by less. */
START_TEST(segments_sent_and_taken_back)
{
	enum { PIECE = 64 << 20 };
	struct wire_header header = {.size = 128, .kind = WIRE_EVENT, .n_parts = 1};
	struct wire_part part = {.segment = 4, .size = 100, .offset = 0};
	struct segment large = SEGMENT_INIT;
	uint64_t looked = a->looked;
	bool rang;

	ck_assert_int_eq(segment_create(&large, "tern-raw", PIECE), 0);
	for (uint64_t i = 0; i < LINK_MAX_MAPPED / PIECE; i++) {
		raw_packet(PACKET_SEGMENT, 8, &large.fd, 1);
		raw_packet(PACKET_DROP, 8, NULL, 0);
	}
	raw_packet(PACKET_SEGMENT, 4, &raw.page.fd, 1);
	raw_record(&header, &part);
	if (_i) {
		ck_assert_int_eq(link_read_socket(a, &rang), 0);
		ck_assert_uint_eq(a->looked - looked, LINK_MAX_LOOKED);
		looked = a->looked;
	}
	if (_i)
		ck_assert_int_eq(take_raw(), 0); /* what is left is less */
	else
		broken("a part lies in a segment that was not sent");
	ck_assert_uint_le(a->looked - looked, LINK_MAX_MAPPED);
	segment_deinit(&large);
}
END_TEST

/* ring_of() - a ring's segment of this size of ring */
static struct segment
ring_of(uint32_t size, uint32_t kind)
{
	struct segment segment = SEGMENT_INIT;
	struct shm_head *head;

	ck_assert_int_eq(segment_create(&segment, "tern-raw", LINK_RING_AT + size), 0);
	head = (struct shm_head *)segment.base;
	head_init(head, kind, segment.size);
	head_set_part(head, 0, LINK_RING_AT, size);
	return segment;
}

START_TEST(moved_to_the_wrong_place)
{
	static const struct {
		uint32_t size, kind;
		uint64_t to;
		const char *why; /* NULL: it is right */
	} moves[] = {
		{32768, SHM_KIND_RING, 6, NULL},
		{32768, SHM_KIND_RING, 7, "moved: no such segment"},
		{32768, SHM_KIND_RING, (UINT64_C(1) << 32) + 6, "moved: no such segment"},
		{32768, SHM_KIND_BLOCKS, 6, "moved: not a ring of this version"},
		{4096, SHM_KIND_RING, 6, "moved: not a larger ring"},
		{16384 + 64, SHM_KIND_RING, 6, "moved: not a larger ring"},
	};
	struct segment segment = ring_of(moves[_i].size, moves[_i].kind);

	raw_packet(PACKET_SEGMENT, 6, &segment.fd, 1);
	raw_moved(moves[_i].to);
	if (moves[_i].why) {
		broken(moves[_i].why);
	} else {
		ck_assert_int_eq(take_raw(), 0);
		ck_assert_ptr_nonnull(a->in_ring);
		raw_packet(PACKET_DROP, 6, NULL, 0);
		refused("drop: the ring's own segment");
	}
	segment_deinit(&segment);
}
END_TEST

START_TEST(moved_to_where_it_is)
{
	struct segment segment = ring_of(32768, SHM_KIND_RING);
	struct wire_header header = {.size = 96, .kind = WIRE_MOVED, .reference = 6};

	raw_packet(PACKET_SEGMENT, 6, &segment.fd, 1);
	raw_moved(6);
	ck_assert_int_eq(take_raw(), 0);
	memcpy(segment.base + LINK_RING_AT + 96, &header, sizeof(header));
	store_rel(&raw.words->produced, 192);
	broken("moved: no such segment");
	segment_deinit(&segment);
}
END_TEST

/* --- what it says as a reader --- */

static void
raw_release(uint32_t slot, uint32_t generation)
{
	uint64_t n = raw.words->released;

	store_rlx(&raw.releases[n % LINK_N_RELEASES], (uint64_t)generation << 32 | slot); /* ours */
	store_rel(&raw.words->released, n + 1);
}

START_TEST(releases_that_are_wrong)
{
	struct block *block;
	const char *why = "it gave back what was not lent";

	ck_assert_int_eq(pool_take(&a->pool, 1000, &block), 0);
	ck_assert_int_eq(push(a, "", block, 0), 0);
	ck_assert_int_eq(push(a, "", block, 0), 0);
	(void)block_unref(block); /* the link has it */
	ck_assert_uint_eq(a->n_out, 2);
	switch (_i) {
	case 0:
		raw_release(0, 1);
		raw_release(1, 1);
		ck_assert_int_eq(link_collect(a), 0);
		ck_assert_uint_eq(a->n_out, 0);
		return;
	case 1:
		raw_release(2, 1); /* a free place */
		break;
	case 2:
		raw_release(0, 2); /* another generation */
		break;
	case 3:
		raw_release(0, 0);
		break;
	case 4:
		raw_release(LINK_N_RELEASES, 1); /* no place at all */
		break;
	case 5:
		raw_release(UINT32_MAX, 1);
		break;
	case 6:
		raw_release(0, 1);
		raw_release(0, 1); /* twice */
		break;
	case 7:
		raw_release(0, 1);
		ck_assert_int_eq(link_collect(a), 0);
		ck_assert_int_eq(pool_take(&a->pool, 1000, &block), 0);
		ck_assert_int_eq(push(a, "", block, 0), 0); /* in the same place */
		(void)block_unref(block);
		raw_release(0, 1); /* the one that was there before */
		break;
	case 8:
		store_rel(&raw.words->released, 3);
		why = "it gave back more than was lent";
		break;
	default:
		store_rel(&raw.words->released, UINT64_MAX);
		why = "it gave back more than was lent";
	}
	ck_assert_int_eq(link_collect(a), -EBADMSG);
	ck_assert_str_eq(a->why, why);
}
END_TEST

START_TEST(consumed_that_lies)
{
	char text[1000] = "";
	int r;

	memset(text, 'x', sizeof(text) - 1);
	store_rel(&raw.words->consumed, _i ? 1u << 20 : 64);
	do
		r = push(a, text, NULL, 0); /* until it has to look */
	while (r == 0 && a->out.head < 4 * LINK_RING_SIZE);
	if (_i == 0) { /* 64 is inside of a record, but that is the reader's loss */
		ck_assert_int_eq(r, LINK_E_FULL);
		store_rel(&raw.words->consumed, 0);
		r = push(a, text, NULL, 0); /* and back */
	}
	ck_assert_int_eq(r, -EBADMSG);
	ck_assert_str_eq(a->why, "its consumed position is impossible");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-receive");
	TCase *tcase = tcase_create("raw");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_greeted, teardown_raw);
	tcase_add_loop_test(tcase, records_that_are_wrong, 0, 13);
	tcase_add_loop_test(tcase, segments_sent_and_taken_back, 0, 2);
	tcase_add_loop_test(tcase, shared_records_need_the_page, 0, 2);
	tcase_add_loop_test(tcase, moved_to_the_wrong_place, 0, 6);
	tcase_add_test(tcase, moved_to_where_it_is);
	tcase_add_loop_test(tcase, releases_that_are_wrong, 0, 10);
	tcase_add_loop_test(tcase, consumed_that_lies, 0, 2);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
