/* SPDX-License-Identifier: MIT */

/* link-receive: looking, taking, giving back; see link.h */

#include <stdlib.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/hook.h"
#include "io/socket.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"

void
link_note_processor(struct link *link)
{
	store_rlx(&link->words->cpu, link->endpoint->cpu); /* a hint */
}

void
link_attend(struct link *link, enum attention attention)
{
	uint64_t word;

	if (attention != ATTENTION_HOT && RULE(NEW_EPOCH))
		link->epoch++;
	link->attention = attention;
	word = ATTENTION_WORD(link->epoch, attention);
	link_note_processor(link); /* in the same line */
	if (attention == ATTENTION_HOT)
		store_rlx(&link->words->attention, word); /* seen late: a bell too many */
	else
		STORE_FENCED(SLEEP_FENCE, store_rlx, &link->words->attention, word); /* A2 */
}

static int
wrong(struct link *link, const char *why)
{
	link->why = why;
	return -EBADMSG;
}

static struct remote *
remote_find(struct link *link, uint32_t id)
{
	for (struct remote *remote = link->remotes; remote; remote = remote->next)
		if (remote->id == id)
			return remote;
	return NULL;
}

static void link_drop_fds(struct link *link, uint32_t first);

/*
 * read_on() - what the record in hand needs may still be in the socket, behind the descriptors of records before it, which
 * nobody will take any more. Return: 1, or what says that it is not there.
 */
static int
read_on(struct link *link)
{
	bool rang;
	int r = packet_read(link, &rang);

	if (link->n_fds > 0)
		link_drop_fds(link, link->fd_first + link->n_fds);
	return r;
}

/* remote_get() - a segment that a record names was sent before it, so it may still be in the socket */
static struct remote *
remote_get(struct link *link, uint32_t id)
{
	struct remote *remote = remote_find(link, id);
	uint64_t looked = link->looked;

	for (uint32_t n = 0; !remote && link->fd >= 0 && n < LINK_MAX_PACKETS; n++) {
		if (link->looked - looked >= LINK_MAX_MAPPED || read_on(link) != 1) /* what else is wrong shows at the next look */
			break;
		remote = remote_find(link, id);
	}
	return remote;
}

/* link_follow() - the ring goes on in another segment */
static int
link_follow(struct link *link, const struct wire_header *header)
{
	struct remote *remote, *old = link->in_ring;
	struct shm_part ring;
	struct head head;

	remote = header->reference <= UINT32_MAX
		? remote_get(link, (uint32_t)header->reference)
		: NULL;
	if (!remote || remote == old)
		return wrong(link, "moved: no such segment");
	if (head_check(remote->memory.base, remote->memory.size, SHM_KIND_RING, &head))
		return wrong(link, "moved: not a ring of this version");
	ring = head.parts[0];
	if (ring.size <= link->in.size || (ring.size & (ring.size - 1)))
		return wrong(link, "moved: not a larger ring");
	ring_in_pop(&link->in, header->size);
	link->in.base = remote->memory.base + ring.off.off;
	link->in.size = ring.size;
	link->in_ring = remote;
	link_publish(link); /* until it is seen that the old ring was left, the sender may use no more than that had */
	for (struct remote **at = &link->remotes; old && *at; at = &(*at)->next) {
		if (*at != old)
			continue;
		*at = old->next;
		link->n_remotes--;
		link->mapped -= old->memory.size;
		(void)remote_unref(old); /* nothing lies in a ring but records */
		break;
	}
	return 0;
}

/* has_page() - the page is sent before the first shared record, so it may still be in the socket */
static bool
has_page(struct link *link)
{
	uint64_t looked = link->looked;

	for (uint32_t n = 0; !link->page && link->fd >= 0 && n < LINK_MAX_PACKETS; n++)
		if (link->looked - looked >= LINK_MAX_MAPPED || read_on(link) != 1) /* what else is wrong shows at the next look */
			break;
	return link->page != NULL;
}

int
link_peek(struct link *link, struct wire_header *ret)
{
	for (;;) {
		struct shm_ring_record record;
		const uint8_t *bytes;
		int r;

		r = ring_in_peek(&link->in, &record, &bytes);
		if (r < 0)
			return wrong(link, "a record's size is impossible");
		if (r == 0)
			return 0;
		if (record.size < sizeof(*ret))
			return wrong(link, "a record is shorter than its header");
		copy_once(ret, bytes, sizeof(*ret));
		ret->size = record.size; /* what was checked, not what stands there now */
		if (likely(record.tag != WIRE_MOVED)) {
			ret->kind = record.tag;
			ret->flags = record.flags;
			if (unlikely(ret->flags & WIRE_SHARED && !link->page) && !has_page(link))
				return wrong(link, "a shared record came before the page");
			return 1;
		}
		r = link_follow(link, ret);
		if (r < 0)
			return error_trace(r);
	}
}

bool
link_is_committed(const struct link *link, const struct wire_header *header)
{
	if (!(header->flags & WIRE_SHARED) || !RULE(COMMIT))
		return true;
	return load_acq(&link->page->commit) >= header->reference; /* C2 */
}

int
link_take(struct link *link, const struct wire_header *header, uint8_t *to, struct wire_places *ret)
{
	const size_t skip = sizeof(*header); /* the copy that was decided on is the caller's */
	uint64_t index = link->in.tail & (link->in.size - 1);

	copy_once(to + skip, link->in.base + index + skip, header->size - skip);
	ring_in_pop(&link->in, header->size);
	return wire_check_pieces(header, to, ret) < 0 ? wrong(link, "a record's lengths do not fit") : 0;
}

void
link_skip(struct link *link, const struct wire_header *header)
{
	ring_in_pop(&link->in, header->size);
}

uint64_t
link_lost(const struct link *link)
{
	return link->ready ? load_rlx(&link->partner_words->lost) : 0; /* a number, nothing hangs on it */
}

uint64_t
link_produced(const struct link *link)
{
	uint64_t produced;

	if (!link->ready)
		return 0;
	/* R2, though no bytes are read: what was pushed before something that is known here is counted */
	produced = load_acq(link->in.produced);
	return link->in.tail + MIN(produced - link->in.tail, (uint64_t)link->in.size);
}

/* ring_for_room() - A4: after what was given back is visible, does the partner wait for it? */
static void
ring_for_room(struct link *link)
{
	uint64_t word;

	if (!link->ready)
		return;
	if (RULE(GIVE_FENCE))
		fence_seq(); /* publish, then look at the room word: without it both sides may miss */
	word = load_rlx(&link->partner_words->room);
	STOP_POINT("room-read");
	if (!(word & 1) || word == link->room_rung)
		return;
	link->room_rung = word;
	if (!link_ring_doorbell(link))
		(void)packet_send_bell(link); /* a full socket has bells enough in it */
}

void
link_publish(struct link *link)
{
	if (ring_in_publish(&link->in))
		ring_for_room(link);
}

/* link_settle() - nothing is left: who waits for that is told now, and not only before this end sleeps */
static void
link_settle(struct link *link)
{
	if (link->in.published == link->in.tail || !RULE(PUBLISH_ROOM))
		return;
	if (load_rlx(&link->partner_words->room) & 1) /* seen late: at the next look */
		link_publish(link);
}

int
link_look(struct link *link)
{
	int r;

	if (unlikely(!link->ready))
		return 0;
	r = ring_in_look(&link->in);
	if (r == 0)
		link_settle(link);
	return likely(r >= 0) ? r : wrong(link, "its produced position is impossible");
}

int
link_part(struct link *link, const struct wire_part *part, struct remote **ret_remote,
	const uint8_t **ret)
{
	struct remote *remote = remote_get(link, part->segment);

	if (!remote)
		return wrong(link, "a part lies in a segment that was not sent");
	if (part->offset > remote->memory.size || part->size > remote->memory.size - part->offset)
		return wrong(link, "a part lies outside of its segment");
	remote->refs++;
	*ret_remote = remote;
	*ret = remote->memory.base + part->offset;
	return 0;
}

/* link_drop_fds() - close those with numbers below first: their record was skipped */
static void
link_drop_fds(struct link *link, uint32_t first)
{
	uint32_t n = MIN(first - link->fd_first, link->n_fds);

	if ((int32_t)(first - link->fd_first) <= 0)
		return;
	socket_discard_fds(link->fds, n); /* not asked for */
	shares_give(link->shares, SHARE_FDS, n);
	link->n_fds -= n;
	link->fd_first += n;
	memmove(link->fds, link->fds + n, link->n_fds * sizeof(*link->fds));
}

int
link_take_fds(struct link *link, const struct wire_header *header, int *ret_fds)
{
	uint32_t n = 0;
	bool rang;

	link_drop_fds(link, header->first_fd);
	while (link->n_fds < header->n_fds && link->fd >= 0 && n++ < LINK_MAX_PACKETS &&
		packet_read(link, &rang) == 1)
		link_drop_fds(link, header->first_fd);
	if (link->n_fds < header->n_fds || link->fd_first != header->first_fd)
		return wrong(link, "a message names descriptors that were not sent");
	memcpy(ret_fds, link->fds, header->n_fds * sizeof(*ret_fds));
	shares_give(link->shares, SHARE_FDS, header->n_fds);
	link->n_fds -= header->n_fds;
	link->fd_first += header->n_fds;
	memmove(link->fds, link->fds + header->n_fds, link->n_fds * sizeof(*link->fds));
	return 0;
}

void
link_release(struct link *link, uint32_t slot, uint32_t generation)
{
	uint64_t n;

	if (link->closed || !link->ready)
		return;
	n = load_rlx(&link->words->released); /* own word, one writer */
	store_rlx(&link->releases[n & (LINK_N_RELEASES - 1)], (uint64_t)generation << 32 | slot);
	store_rel(&link->words->released, n + 1); /* L1 */
	ring_for_room(link);
}

int
link_collect(struct link *link)
{
	uint64_t released;

	if (!link->ready || link->n_out == 0)
		return 0;
	released = load_acq(&link->partner_words->released); /* L2 */
	if (released - link->taken_releases > link->n_out)
		return wrong(link, "it gave back more than was lent");
	for (; link->taken_releases != released; link->taken_releases++) {
		uint64_t entry = load_rlx(&link->partner_releases[link->taken_releases &
			(link->partner_n_releases - 1)]); /* ordered by L2 */
		uint32_t slot = (uint32_t)entry;
		struct lent *lent = &link->lent[slot & (LINK_N_RELEASES - 1)];

		if (slot >= LINK_N_RELEASES || !lent->block ||
			lent->generation != (uint32_t)(entry >> 32))
			return wrong(link, "it gave back what was not lent");
		link_count_lent(link, lent->block, -1);
		lent->block = block_unref(lent->block);
		lent->generation++;
		lent->next_free = link->first_free;
		link->first_free = slot;
	}
	return 0;
}
