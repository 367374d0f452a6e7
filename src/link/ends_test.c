/* SPDX-License-Identifier: MIT */

#include "link/ends_test.h"

#include <dirent.h>

#include "io/socket.h"

struct endpoint ends[2];
struct link *a, *b;
struct raw raw;
static int n_fds_before;

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

int
read_all(struct link *link)
{
	bool rang;

	return link_read_socket(link, &rang);
}

void
setup_both(void)
{
	int pair[2];

	n_fds_before = count_fds();
	ck_assert_int_eq(endpoint_init(&ends[0]), 0);
	ck_assert_int_eq(endpoint_init(&ends[1]), 0);
	ck_assert_int_eq(socket_pair(pair), 0);
	ck_assert_int_eq(link_new(&ends[0], pair[0], true, &a), 0);
	ck_assert_int_eq(link_new(&ends[1], pair[1], true, &b), 0);
	ck_assert_int_eq(read_all(a), 0);
	ck_assert_int_eq(read_all(b), 0);
	ck_assert(a->ready && b->ready);
}

void
teardown_both(void)
{
	ck_assert_ptr_null(link_free(a));
	ck_assert_ptr_null(link_free(b));
	endpoint_deinit(&ends[0]);
	endpoint_deinit(&ends[1]);
	ck_assert_int_eq(count_fds(), n_fds_before);
}

int
push(struct link *link, const char *text, struct block *block, uint64_t trace)
{
	struct out_part parts[2] = {
		{.bytes = text, .size = strlen(text)},
		{.block = block, .size = block ? block->size : 0},
	};
	struct wire_header header = {.kind = WIRE_EVENT, .n_parts = block ? 2 : 1, .trace = trace};
	struct outgoing out = {
		.header = &header,
		.strings = {"", "", ""},
		.parts = parts,
	};
	struct link_load load = {.n_lent = block != NULL, .lent_bytes = block ? block->size : 0};
	int r;

	(void)link_plan(&out);
	r = link_room(link, header.size, &load, false);
	if (r)
		return r;
	r = link_announce(link, &out, NULL);
	if (r == 0)
		link_push(link, &out);
	return r;
}

struct wire_part
part_at(const uint8_t *record, const struct wire_header *header, uint32_t i)
{
	struct wire_places places;
	struct wire_part part;

	wire_places(header, &places);
	memcpy(&part, record + places.parts + i * sizeof(part), sizeof(part));
	return part;
}

static void
make_segments(void)
{
	struct shm_head *head;

	ck_assert_int_eq(segment_create(&raw.segment, "tern-raw", LINK_SIZE), 0);
	head = (struct shm_head *)raw.segment.base;
	head_init(head, SHM_KIND_LINK, raw.segment.size);
	head_set_part(head, LINK_PART_CONTROL, LINK_CONTROL_AT, sizeof(struct shm_control));
	head_set_part(head, LINK_PART_RELEASES, LINK_RELEASES_AT, LINK_N_RELEASES * 8);
	head_set_part(head, LINK_PART_RING, LINK_RING_AT, LINK_RING_SIZE);
	raw.words = (struct shm_control *)(raw.segment.base + LINK_CONTROL_AT);
	raw.releases = (_Atomic uint64_t *)(raw.segment.base + LINK_RELEASES_AT);
	raw.ring = raw.segment.base + LINK_RING_AT;
	ck_assert_int_eq(segment_create(&raw.page, "tern-raw", PAGE_SIZE), 0);
	head = (struct shm_head *)raw.page.base;
	head_init(head, SHM_KIND_PAGE, raw.page.size);
	head_set_part(head, 0, PAGE_WORDS_AT, sizeof(struct shm_page));
}

void
setup_raw(void)
{
	int pair[2];

	n_fds_before = count_fds();
	ck_assert_int_eq(endpoint_init(&ends[0]), 0);
	ck_assert_int_eq(socket_pair(pair), 0);
	ck_assert_int_eq(link_new(&ends[0], pair[0], false, &a), 0);
	raw = (struct raw){.fd = pair[1], .segment = SEGMENT_INIT, .page = SEGMENT_INIT};
	make_segments();
	raw.hello = (struct packet_hello){
		.letter = PACKET_HELLO,
		.major_min = SHM_MAJOR,
		.major_max = SHM_MAJOR,
		.clock = clock_now_ns() - (uint64_t)clock_offset_ns(),
	};
}

void
teardown_raw(void)
{
	ck_assert_ptr_null(link_free(a));
	endpoint_deinit(&ends[0]);
	raw.fd = socket_close(raw.fd);
	segment_deinit(&raw.segment);
	segment_deinit(&raw.page);
	ck_assert_int_eq(count_fds(), n_fds_before);
}

void
raw_send(const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};

	ck_assert_int_eq(socket_send(raw.fd, &iov, 1, fds, n_fds), 0);
}

void
raw_hello(void)
{
	raw_send(&raw.hello, sizeof(raw.hello), &raw.segment.fd, 1);
}

void
refused(const char *why)
{
	ck_assert_int_eq(read_all(a), -EBADMSG);
	ck_assert_str_eq(a->why, why);
	ck_assert(!a->closed); /* to be hung up by who reads it */
	link_hang_up(a);
}

void
setup_greeted(void)
{
	setup_raw();
	raw_hello();
	ck_assert_int_eq(read_all(a), 0);
	ck_assert(a->ready);
}

void
raw_packet(char letter, uint32_t id, const int *fds, size_t n_fds)
{
	struct packet_segment packet = {.letter = (uint8_t)letter, .id = id};

	raw_send(&packet, sizeof(packet), fds, n_fds);
}

void
raw_fds(uint8_t n, uint32_t first, size_t n_sent)
{
	struct packet_fds packet = {.letter = PACKET_FDS, .n = n, .first = first};
	int fds[SOCKET_MAX_FDS] = {0};

	for (size_t i = 0; i < n_sent; i++)
		fds[i] = raw.page.fd;
	raw_send(&packet, sizeof(packet), fds, n_sent);
}
