/* SPDX-License-Identifier: MIT */

/*
 * link-fuzz: a link whose partner changes all of its memory while it is read, and sends any packets
 *
 * Two good ends say hello and one pushes records of each form. From then on what the reading end maps, its partner's
 * words, releases, rings, page and blocks, is the input's, and so is what comes over the socket. The reader must get
 * through a bounded number of records, or say what is wrong.
 */

#include <stdio.h>
#include <sys/socket.h>

#include "base/attribute.h"
#include "foreign.h"
#include "io/socket.h"
#include "link/link.h"
#include "link/packet.h"

enum {
	N_ROUNDS = 24,
	N_BLOCK = 3000, /* bytes of a lent part */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct endpoint ends[2];
static struct link *a, *b;
static uint64_t sink;

static void
read_socket(struct link *link)
{
	bool rang;

	(void)link_read_socket(link, &rang); /* what it says of the link stands in the link */
}

static bool
begin(void)
{
	int pair[2];

	ends[0] = ends[1] = ENDPOINT_INIT;
	if (endpoint_init(&ends[0]) < 0 || endpoint_init(&ends[1]) < 0 || socket_pair(pair) < 0)
		return false;
	if (link_new(&ends[0], pair[0], true, &a) < 0 || link_new(&ends[1], pair[1], true, &b) < 0)
		return false;
	read_socket(a);
	read_socket(b);
	return a->ready && b->ready;
}

/* push() - as an honest sender does */
static void
push(const char *text, struct block *block, int fd, uint16_t flags)
{
	struct out_part parts[2] = {{.bytes = text, .size = strlen(text)}, {.block = block, .size = N_BLOCK}};
	struct wire_header header = {.kind = WIRE_EVENT, .n_parts = block ? 2 : 1, .flags = flags, .n_fds = fd >= 0};
	struct outgoing out = {.header = &header, .strings = {"org.example.Fuzz", "", ""}, .parts = parts};

	header.service_size = 16;
	header.reference = flags & WIRE_SHARED ? 1 : 0;
	(void)link_plan(&out); /* its size is in the header, too */
	if (link_room(b, header.size, &out.load, false) == 0 && link_announce(b, &out, fd >= 0 ? &fd : NULL) == 0)
		link_push(b, &out);
}

static void
push_all(void)
{
	struct block *block = NULL;

	push("inline", NULL, -1, 0);
	if (pool_take(&b->pool, N_BLOCK, &block) == 0)
		push("lent", block, -1, 0);
	push("a descriptor", NULL, STDIN_FILENO, 0);
	if (endpoint_need_page(&ends[1]) == 0) {
		ends[1].shared = 1;
		push("shared", NULL, -1, WIRE_SHARED);
		endpoint_commit(&ends[1], 1);
	}
	(void)block_unref(block); /* always NULL */
	push("the last", NULL, -1, 0);
}

/* --- the reader --- */

static void
take_part(const struct wire_part *part)
{
	struct remote *remote;
	const uint8_t *bytes;

	if (link_part(a, part, &remote, &bytes) < 0)
		return;
	assert(bytes >= remote->memory.base && part->size <= remote->memory.size);
	assert((size_t)(bytes - remote->memory.base) <= remote->memory.size - part->size);
	for (size_t i = 0; i < part->size; i++)
		sink += bytes[i];
	link_release(a, part->slot, part->generation);
	(void)remote_unref(remote); /* always NULL */
}

/* Return: go on? */
static bool
take_record(void)
{
	struct wire_header header;
	struct wire_places places;
	_Alignas(16) static uint8_t record[LINK_MAX_RING];
	int fds[WIRE_MAX_FDS];

	if (link_look(a) != 1 || link_peek(a, &header) != 1)
		return false;
	assert(header.size <= sizeof(record));
	if (!link_is_committed(a, &header)) {
		link_skip(a, &header);
		return true;
	}
	if (link_take(a, &header, record, &places) < 0)
		return false;
	assert(places.payload <= header.size);
	for (uint32_t i = 0; !(header.flags & WIRE_INLINE) && i < header.n_parts; i++) {
		struct wire_part part;

		memcpy(&part, record + places.parts + i * sizeof(part), sizeof(part));
		if (part.segment) /* else it lies in the record */
			take_part(&part);
	}
	if (header.n_fds && link_take_fds(a, &header, fds) == 0)
		for (int i = 0; i < header.n_fds; i++)
			(void)fd_close(fds[i]);
	return true;
}

/* send_packet() - some bytes, maybe with a descriptor of something */
static void
send_packet(void)
{
	uint8_t packet[PACKET_MAX] = {0};
	size_t size = 1 + foreign_byte() % (sizeof(packet) - 1);
	struct iovec iov = {packet, size};
	int fds[4];
	const int kinds[] = {STDIN_FILENO, b->own.fd, ends[1].page.fd, ends[1].doorbell};
	size_t n_fds = foreign_byte() % 3, n = 0;

	for (size_t i = 0; i < size; i++)
		packet[i] = foreign_byte();
	packet[0] = (uint8_t) "hpsdfb"[packet[0] % 6];
	for (size_t i = 0; i < n_fds; i++) {
		fds[n] = kinds[foreign_byte() % ARRAY_SIZE(kinds)];
		n += fds[n] >= 0;
	}
	(void)socket_send(b->fd, &iov, 1, fds, n); /* a full socket is as good */
}

static void
play(void)
{
	for (int i = 0; i < N_ROUNDS && !a->closed; i++) {
		uint8_t what = foreign_byte();

		if (what > 200)
			send_packet();
		read_socket(a);
		if (!take_record())
			break;
		link_publish(a);
		(void)link_lost(a);
		(void)link_produced(a);
		link_attend(a, what % 3);
		link_ring(a, true, true);
		if (link_collect(a) < 0)
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	foreign_begin(data, size);
	if (begin()) {
		if (size && data[0] % 8) { /* else packets alone */
			push_all();
			read_socket(a);
		}
		foreign_take(a->partner_segment.base, a->partner_segment.size);
		if (a->partner_page.base)
			foreign_take(a->partner_page.base, a->partner_page.size);
		play();
	}
	foreign_begin(NULL, 0);
	a = link_free(a);
	b = link_free(b);
	endpoint_deinit(&ends[0]);
	endpoint_deinit(&ends[1]);
	return 0;
}
