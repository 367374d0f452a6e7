/* SPDX-License-Identifier: MIT */

/* packet: the socket beside the rings; see packet.h. Senders and readers stand in the same order. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "base/hook.h"
#include "io/socket.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"

#define CLOCK_SLACK_NS NSEC_PER_SEC
#define HELLO_MAX_FDS  2u

static int
packet_send(struct link *link, const void *body, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)body, .iov_len = size};
	int r;

	if (link->fd < 0 || link->closed)
		return LINK_E_CLOSED;
	r = socket_send(link->fd, &iov, 1, fds, n_fds);
	if (r == SOCKET_E_FULL)
		return LINK_E_FULL;
	if (r == SOCKET_E_CLOSED)
		return LINK_E_CLOSED;
	return error_fold(r);
}

int
packet_send_hello(struct link *link)
{
	struct {
		struct packet_hello hello;
		uint64_t later[MINOR_AHEAD]; /* fields */
	} said = {.hello = {
		.letter = PACKET_HELLO,
		.has_doorbell = link->same_domain,
		.major_min = SHM_MAJOR,
		.major_max = SHM_MAJOR,
		.minor = SHM_MINOR,
		.features = -(uint64_t)MINOR_AHEAD,
		.clock = clock_now_ns() - (uint64_t)clock_offset_ns(),
	}};
	int fds[HELLO_MAX_FDS] = {link->own.fd, link->endpoint->doorbell};

	return packet_send(link, &said, sizeof(said), fds, link->same_domain ? 2 : 1);
}

int
packet_send_page(struct link *link)
{
	static const char page = PACKET_PAGE;

	return packet_send(link, &page, 1, &link->endpoint->page.fd, 1);
}

int
packet_send_drops(struct link *link)
{
	struct packet_segment packet = {.letter = PACKET_DROP};
	int r = 0;

	while (link->n_untold > 0 && r == 0) {
		packet.id = link->known[link->n_known + link->n_untold - 1];
		r = packet_send(link, &packet, sizeof(packet), NULL, 0);
		link->n_untold -= r == 0;
	}
	if (r == LINK_E_CLOSED)
		link->n_untold = 0;
	return r;
}

int
packet_send_segment(struct link *link, uint32_t id, int fd)
{
	struct packet_segment packet = {.letter = PACKET_SEGMENT, .id = id};
	int r = packet_send_drops(link); /* first: the partner has so many at a time */

	return r ? r : packet_send(link, &packet, sizeof(packet), &fd, 1);
}

void
packet_send_drop(struct link *link, uint32_t id)
{
	for (size_t i = 0; i < link->n_known; i++) {
		if (link->known[i] != id)
			continue;
		link->known[i] = link->known[--link->n_known];
		link->known[link->n_known] = id; /* right before those that are not told yet */
		link->n_untold++;
		link->endpoint->has_untold |= packet_send_drops(link) != 0;
		return;
	}
}

int
packet_send_fds(struct link *link, uint32_t first, const int *fds, uint8_t n)
{
	struct packet_fds packet = {.letter = PACKET_FDS, .n = n, .first = first};

	return packet_send(link, &packet, sizeof(packet), fds, n);
}

int
packet_send_bell(struct link *link)
{
	static const char bell = PACKET_BELL;

	return packet_send(link, &bell, 1, NULL, 0);
}

/* wrong() - remember what the partner did, for the error's text */
static int
wrong(struct link *link, const char *why)
{
	link->why = why;
	return -EBADMSG;
}

/* hello_adopt() - find control words, releases and ring in the partner's segment */
static int
hello_adopt(struct link *link, const struct segment *segment)
{
	struct shm_part control, releases, ring;
	struct head head;

	if (head_check(segment->base, segment->size, SHM_KIND_LINK, &head))
		return wrong(link, "hello: not a link's segment of this version");
	control = head.parts[LINK_PART_CONTROL];
	releases = head.parts[LINK_PART_RELEASES];
	ring = head.parts[LINK_PART_RING];
	if (control.size < sizeof(struct shm_control) || ring.size < LINK_RING_SIZE ||
		(ring.size & (ring.size - 1)) || releases.size < LINK_N_RELEASES * 8 ||
		(releases.size & (releases.size - 1)))
		return wrong(link, "hello: a part of the segment is too small");
	link->partner_words = (const struct shm_control *)(segment->base + control.off.off);
	link->partner_releases = (const _Atomic uint64_t *)(segment->base + releases.off.off);
	link->partner_n_releases = releases.size / 8;
	link->in = (struct ring_in){
		.base = segment->base + ring.off.off,
		.size = ring.size,
		.produced = &link->partner_words->produced,
		.consumed = &link->words->consumed,
	};
	return 0;
}

/* map_segment() - what is a segment lingers nowhere: its descriptor is closed here */
static int
map_segment(struct segment *ret, int *fd, size_t min, size_t max)
{
	int r = segment_open(ret, *fd, min, max);

	if (r == 0)
		*fd = fd_close(*fd);
	return r;
}

static int
hello_map(struct link *link, int *fd)
{
	int r = map_segment(&link->partner_segment, fd, LINK_SIZE, LINK_MAX_MAPPED);

	if (r)
		return r < 0 ? r : wrong(link, segment_strerror(r));
	return hello_adopt(link, &link->partner_segment);
}

/*
 * is_doorbell() - can it be rung without a wait or a signal? A pipe or a socket is of another type; an eventfd, as all
 * that is behind no inode of its own, has none.
 */
static bool
is_doorbell(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	return flags >= 0 && flags & O_NONBLOCK && fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == 0;
}

static int
read_hello(struct link *link, const void *bytes, size_t size, int *fds, size_t n_fds)
{
	struct packet_hello hello;
	int r;

	if (size < sizeof(hello))
		return wrong(link, "hello: truncated");
	memcpy(&hello, bytes, sizeof(hello));
	if (link->ready)
		return wrong(link, "hello: said twice");
	if (hello.major_min > SHM_MAJOR || hello.major_max < SHM_MAJOR)
		return wrong(link, "hello: no common version");
	if (hello.clock > clock_now_ns() - (uint64_t)clock_offset_ns() + CLOCK_SLACK_NS)
		return wrong(link, "hello: the partner's clock is ahead; not the same machine?");
	if (n_fds != 1u + (hello.has_doorbell != 0))
		return wrong(link, "hello: wrong number of descriptors");
	if (hello.has_doorbell && link->same_domain && !is_doorbell(fds[1]))
		return wrong(link, "hello: the doorbell is not a non-blocking eventfd");
	r = hello_map(link, &fds[0]);
	if (r < 0)
		return error_trace(r);
	if (hello.has_doorbell && link->same_domain)
		link->doorbell = fd_steal(&fds[1]);
	link->out.consumed = &link->partner_words->consumed;
	link->ready = true;
	return 0;
}

static int
read_page(struct link *link, int *fds, size_t n_fds)
{
	struct head head;
	int r;

	if (n_fds != 1)
		return wrong(link, "page: without its descriptor");
	if (link->page)
		return wrong(link, "page: sent twice");
	r = map_segment(&link->partner_page, &fds[0], PAGE_SIZE, 1u << 20);
	if (r)
		return r < 0 ? r : wrong(link, segment_strerror(r));
	if (head_check(link->partner_page.base, link->partner_page.size, SHM_KIND_PAGE, &head) ||
		head.parts[0].size < sizeof(struct shm_page)) {
		segment_deinit(&link->partner_page);
		return wrong(link, "page: not a peer's page of this version");
	}
	link->page = (const struct shm_page *)(link->partner_page.base + head.parts[0].off.off);
	return 0;
}

static int
read_segment(struct link *link, const void *bytes, size_t size, int *fds, size_t n_fds)
{
	struct packet_segment packet;
	struct remote *remote;
	int r;

	if (size < sizeof(packet) || n_fds != 1)
		return wrong(link, "segment: truncated, or without its descriptor");
	memcpy(&packet, bytes, sizeof(packet));
	for (remote = link->remotes; remote; remote = remote->next)
		if (remote->id == packet.id)
			return wrong(link, "segment: number used twice");
	if (packet.id == 0 || link->n_remotes >= LINK_MAX_SEGMENTS)
		return wrong(link, "segment: too many, or number 0");
	if (!shares_has(link->shares, SHARE_SEGMENTS, 1))
		return wrong(link, "segment: too many of this user's");
	remote = calloc(1, sizeof(*remote));
	if (!remote)
		return -ENOMEM;
	remote->memory = SEGMENT_INIT;
	r = map_segment(&remote->memory, &fds[0], PAGE_SIZE,
		MIN(SEGMENT_SIZE_MAX, LINK_MAX_MAPPED - link->mapped));
	if (r) {
		free(remote);
		return r < 0 ? r : wrong(link, segment_strerror(r));
	}
	remote->id = packet.id;
	remote->refs = 1;
	remote->shares = link->shares;
	shares_take(link->shares, SHARE_SEGMENTS, 1);
	remote->next = link->remotes;
	link->remotes = remote;
	link->n_remotes++;
	link->mapped += remote->memory.size;
	link->looked += remote->memory.size;
	return 0;
}

static int
read_drop(struct link *link, const void *bytes, size_t size)
{
	struct packet_segment packet;

	if (size < sizeof(packet))
		return wrong(link, "drop: truncated");
	memcpy(&packet, bytes, sizeof(packet));
	for (struct remote **at = &link->remotes; *at; at = &(*at)->next) {
		struct remote *remote = *at;

		if (remote->id != packet.id)
			continue;
		if (remote == link->in_ring)
			return wrong(link, "drop: the ring's own segment");
		*at = remote->next;
		link->n_remotes--;
		link->mapped -= remote->memory.size;
		(void)remote_unref(remote); /* messages may keep it */
		return 0;
	}
	return wrong(link, "drop: no such segment");
}

static int
read_fds(struct link *link, const void *bytes, size_t size, int *fds, size_t n_fds)
{
	struct packet_fds packet;

	if (size < sizeof(packet))
		return wrong(link, "descriptors: truncated");
	memcpy(&packet, bytes, sizeof(packet));
	if (packet.n == 0 || packet.n != n_fds)
		return wrong(link, "descriptors: other than announced");
	if (link->n_fds + n_fds > LINK_MAX_WAITING)
		return wrong(link, "descriptors: too many that no message names");
	if (link->n_fds == 0)
		link->fd_first = packet.first;
	if (packet.first != link->fd_first + link->n_fds)
		return wrong(link, "descriptors: out of sequence");
	for (size_t i = 0; i < n_fds; i++)
		link->fds[link->n_fds++] = fd_steal(&fds[i]);
	shares_take(link->shares, SHARE_FDS, n_fds);
	return 0;
}

static int
packet_dispatch(struct link *link, const uint8_t *bytes, size_t size, int *fds, size_t n_fds)
{
	uint8_t letter = size ? bytes[0] : 0;

	if (!link->ready && letter != PACKET_HELLO && letter != PACKET_BELL)
		return wrong(link, "something came before hello");
	if (n_fds > 0 && letter != PACKET_HELLO && letter != PACKET_PAGE && letter != PACKET_SEGMENT &&
		letter != PACKET_FDS)
		return wrong(link, "a descriptor came that was not announced");
	switch (letter) {
	case PACKET_HELLO:
		return read_hello(link, bytes, size, fds, n_fds);
	case PACKET_PAGE:
		return read_page(link, fds, n_fds);
	case PACKET_SEGMENT:
		return read_segment(link, bytes, size, fds, n_fds);
	case PACKET_DROP:
		return read_drop(link, bytes, size);
	case PACKET_FDS:
		return read_fds(link, bytes, size, fds, n_fds);
	default:
		return wrong(link, "a packet of no known kind");
	}
}

bool
packet_must_wait(const struct link *link)
{
	struct packet_fds packet;

	if (likely(shares_has(link->shares, SHARE_FDS, WIRE_MAX_FDS)))
		return false;
	return socket_peek(link->fd, &packet, sizeof(packet)) == sizeof(packet) && packet.letter == PACKET_FDS &&
	       link->n_fds + packet.n <= LINK_MAX_WAITING && !shares_has(link->shares, SHARE_FDS, packet.n);
}

int
packet_read(struct link *link, bool *ret_rang)
{
	uint8_t bytes[PACKET_MAX];
	int fds[WIRE_MAX_FDS];
	size_t size, n_fds;
	int r;

	r = socket_recv(link->fd, bytes, sizeof(bytes), &size, fds, WIRE_MAX_FDS, &n_fds);
	if (r == SOCKET_E_EMPTY)
		return 0;
	if (r == SOCKET_E_CLOSED)
		return LINK_E_CLOSED;
	if (r == SOCKET_E_TRUNCATED)
		return wrong(link, "a packet or its descriptors did not fit");
	if (r == SOCKET_E_FDS)
		return wrong(link, "too many descriptors came with a packet");
	if (r)
		return error_fold(r);
	HOOK_HEARD();
	if (size == 1 && bytes[0] == PACKET_BELL && n_fds == 0) {
		*ret_rang = true;
		return 1;
	}
	r = packet_dispatch(link, bytes, size, fds, n_fds);
	socket_discard_fds(fds, n_fds); /* those that were kept are -1 */
	return r < 0 ? r : 1;
}
