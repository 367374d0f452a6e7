/* SPDX-License-Identifier: MIT */

/* link-send: room, segments, records, bells; see link.h */

#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/hook.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"

#define PLAN_MAX (UINT32_C(1) << 30)

uint32_t
link_record_max(const struct link *link)
{
	return MIN(link->out.size / 4, LINK_MAX_INLINE);
}

uint32_t
link_plan(struct outgoing *out)
{
	struct wire_header *header = out->header;
	uint64_t size = 0;

	out->load = (struct link_load){.n_fds = header->n_fds};
	for (uint32_t i = 0; i < header->n_parts; i++) {
		if (!out->parts[i].block) {
			size += ALIGN_TO(out->parts[i].size, (uint64_t)8);
			continue;
		}
		out->load.n_lent++;
		out->load.lent_bytes += out->parts[i].block->size;
	}
	if (header->n_parts == 1 && !out->parts[0].block) {
		header->flags |= WIRE_INLINE;
		size = out->parts[0].size;
	} else {
		header->flags &= (uint16_t)~WIRE_INLINE;
	}
	header->inline_size = (uint32_t)MIN(size, (uint64_t)PLAN_MAX); /* larger than any ring is enough to know */
	header->size = ALIGN_TO(wire_size(header), RING_ALIGN);
	return header->size;
}

/* link_move() - go on in a ring of four times the size; there is room for the record that says so */
static int
link_move(struct link *link)
{
	struct wire_header header = {.size = LINK_MOVED_SIZE, .kind = WIRE_MOVED};
	struct segment segment = SEGMENT_INIT;
	uint32_t size = MIN(link->out.size * LINK_GROWTH, LINK_MAX_RING);
	uint32_t id = endpoint_next_segment(link->endpoint);
	int r;

	r = segment_create(&segment, "tern-ring", LINK_RING_AT + size);
	if (r < 0)
		return error_trace(r);
	head_init((struct shm_head *)segment.base, SHM_KIND_RING, segment.size);
	head_set_part((struct shm_head *)segment.base, 0, LINK_RING_AT, size);
	r = packet_send_segment(link, id, segment.fd);
	if (r) {
		segment_deinit(&segment);
		return r;
	}
	segment_close_fd(&segment);
	header.reference = id;
	memcpy(ring_out_begin(&link->out, header.size), &header, sizeof(header));
	link->moved_at = link->out.head + header.size;
	ring_out_end(&link->out, header.size);
	link->old_ring = link->ring;
	link->ring = segment;
	link->out.base = segment.base + LINK_RING_AT;
	link->out.size = size;
	return 0;
}

/* link_may_move() - the partner keeps up, the last move is over, and there is a larger size */
static bool
link_may_move(struct link *link)
{
	if (!link->ready || link->out.size >= LINK_MAX_RING || link->out.tail < link->moved_at)
		return false;
	if (link->out.tail - link->moved_at < link->out.size)
		return false;
	return ring_out_room(&link->out, LINK_MOVED_SIZE, 0) == 1;
}

/* link_leave_old_ring() - the partner has read it to its end */
static void
link_leave_old_ring(struct link *link)
{
	if (link->old_ring.base && link->out.tail >= link->moved_at)
		segment_deinit(&link->old_ring);
}

/*
 * out_room() - room in the ring, and for the partner to see
 *
 * Until the partner has left the old ring it holds produced against the old size, and no more may be
 * produced than that.
 */
static int
out_room(struct link *link, uint32_t size, uint32_t reserve)
{
	uint32_t unseen = link->out.size - link->out.size / LINK_GROWTH;
	int r;

	if (likely(link->out.tail >= link->moved_at))
		return ring_out_room(&link->out, size, reserve);
	r = ring_out_room(&link->out, size, reserve + unseen);
	if (r == 0 && link->out.tail >= link->moved_at) /* just seen */
		r = ring_out_room(&link->out, size, reserve);
	return r;
}

/* out_look() - how far the partner has come. Return: 0, -EBADMSG. */
static int
out_look(struct link *link)
{
	int r = ring_out_look(&link->out);

	if (r < 0)
		link->why = "its consumed position is impossible";
	return r;
}

/* may_lend() - each block counts on each link that it is out on: who keeps them uses up his own share */
static bool
may_lend(const struct link *link, const struct link_load *load)
{
	if (LINK_N_RELEASES - link->n_out < load->n_lent)
		return false;
	if (link->shares && link->shares->of[SHARE_LENT].used > 0 &&
		!shares_has(link->shares, SHARE_LENT, load->lent_bytes))
		return false;
	return link->n_out == 0 || link->lent_bytes + load->lent_bytes <= LINK_MAX_LENT;
}

/*
 * is_ahead() - is the partner behind by more than a waiting sender lets it be?
 *
 * Blocks that go round while they are in the caches are several times as fast as those that wait for their turn in
 * memory. What it has taken in and keeps is not behind: who sleeps has said that nothing is left in the ring.
 */
static bool
is_ahead(const struct link *link, const struct link_load *load)
{
	return load->is_paced && link->lent_bytes + load->lent_bytes > MAX(LINK_PACE, 4 * load->lent_bytes) &&
		ring_out_used(&link->out) > 0;
}

/* lent_room() - may these blocks go out too? Also, blocks are free again for the next that is lent. */
static int
lent_room(struct link *link, const struct link_load *load)
{
	int r = link_collect(link);

	if (r == 0 && is_ahead(link, load))
		r = out_look(link);
	if (r < 0)
		return error_trace(r);
	return may_lend(link, load) && !is_ahead(link, load) ? 0 : LINK_E_FULL;
}

/*
 * fds_room() - will the partner keep this many descriptors more for records that it did not take?
 *
 * They are counted in two lots, divided at a position of the ring: whose records were consumed are
 * not counted any more.
 */
static int
fds_room(struct link *link, uint32_t n_fds)
{
	int r;

	if (link->fds_before + link->fds_behind + n_fds <= LINK_MAX_WAITING)
		return 0;
	r = out_look(link);
	if (r < 0)
		return error_trace(r);
	while (link->fds_before + link->fds_behind > 0 && link->out.tail >= link->fds_at) {
		link->fds_before = link->fds_behind;
		link->fds_behind = 0;
		link->fds_at = link->out.head;
	}
	return link->fds_before + link->fds_behind + n_fds > LINK_MAX_WAITING ? LINK_E_FULL : 0;
}

int
link_room(struct link *link, uint32_t size, const struct link_load *load, bool is_event)
{
	uint32_t reserve = LINK_MOVED_SIZE + RING_ALIGN;
	int r = 0;

	if (unlikely(link->closed))
		return LINK_E_CLOSED;
	if (load->n_lent)
		r = lent_room(link, load);
	if (load->n_fds && r == 0)
		r = fds_room(link, load->n_fds);
	if (r)
		return r;
	if (is_event)
		reserve += link->out.size / 8;
	r = out_room(link, size, reserve);
	if (unlikely(r == 0) && link_may_move(link)) {
		r = link_move(link);
		if (r == LINK_E_CLOSED)
			return r; /* but short of memory or descriptors it stays in the ring it has */
		if (is_event)
			reserve = LINK_MOVED_SIZE + RING_ALIGN + link->out.size / 8;
		r = out_room(link, size, reserve);
	}
	link_leave_old_ring(link);
	if (r < 0) {
		link->why = "its consumed position is impossible";
		return r;
	}
	return r ? 0 : LINK_E_FULL;
}

/* link_introduce() - the partner has this segment, or gets it now */
static int
link_introduce(struct link *link, const struct pool_segment *segment)
{
	uint32_t *known;
	int r;

	for (size_t i = link->n_known; i-- > 0;)
		if (link->known[i] == segment->id)
			return 0;
	known = reallocarray(link->known, link->n_known + link->n_untold + 1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	link->known = known;
	r = packet_send_segment(link, segment->id, segment->memory.fd);
	if (r)
		return r;
	link->known[link->n_known++] = segment->id; /* what was not told was told before it */
	return 0;
}

bool
link_tell_drops(struct link *link)
{
	(void)packet_send_drops(link); /* else it stays in the list, or the link is at its end */
	return link->n_untold > 0;
}

/* link_tell_page() - where the partner sees how far shared records are committed */
static int
link_tell_page(struct link *link)
{
	int r = endpoint_need_page(link->endpoint);

	if (r == 0)
		r = packet_send_page(link);
	link->told_page = r == 0;
	return r;
}

int
link_announce(struct link *link, struct outgoing *out, const int *fds)
{
	int r;

	if (unlikely(out->header->flags & WIRE_SHARED && !link->told_page)) {
		r = link_tell_page(link);
		if (r)
			return r;
	}
	if (likely(out->load.n_lent + out->load.n_fds == 0))
		return 0;
	for (uint32_t i = 0; i < out->header->n_parts; i++) {
		if (!out->parts[i].block)
			continue;
		r = link_introduce(link, out->parts[i].block->segment);
		if (r)
			return r;
	}
	if (out->header->n_fds == 0)
		return 0;
	r = packet_send_fds(link, link->next_fd, fds, out->header->n_fds);
	if (r)
		return r;
	out->header->first_fd = link->next_fd;
	link->next_fd += out->header->n_fds;
	link->fds_behind += out->header->n_fds;
	return 0;
}

/* lend() - note that the partner now holds this block too */
static void
lend(struct link *link, struct block *block, struct wire_part *ret)
{
	uint32_t slot = link->first_free;
	struct lent *lent = &link->lent[slot];

	assert(slot < LINK_N_RELEASES && !lent->block);
	link->first_free = lent->next_free;
	link_count_lent(link, block, 1);
	lent->block = block_ref(block);
	*ret = (struct wire_part){
		.segment = block->segment->id,
		.slot = slot,
		.generation = lent->generation,
		.offset = block->offset,
	};
}

/* put_parts() - lent ones are noted on the link */
static void
put_parts(struct link *link, const struct outgoing *out, uint8_t *record)
{
	struct wire_places places;
	uint8_t *payload;
	uint64_t at = 0;

	wire_places(out->header, &places);
	payload = record + places.payload;
	if (out->header->flags & WIRE_INLINE) {
		if (out->parts[0].size)
			memcpy(payload, out->parts[0].bytes, out->parts[0].size);
		return;
	}
	for (uint32_t i = 0; i < out->header->n_parts; i++) {
		struct wire_part part = {.offset = at};

		if (out->parts[i].block) {
			lend(link, out->parts[i].block, &part);
		} else if (out->parts[i].size) {
			uint64_t size = ALIGN_TO(out->parts[i].size, (uint64_t)8);

			memset(payload + at + size - 8, 0, 8);
			memcpy(payload + at, out->parts[i].bytes, out->parts[i].size);
			at += size;
		}
		part.size = out->parts[i].size;
		memcpy(record + places.parts + i * sizeof(part), &part, sizeof(part));
	}
}

static void
put_record(struct link *link, const struct outgoing *out, uint8_t *record)
{
	memcpy(record, out->header, sizeof(*out->header));
	wire_put_strings(record, out->header, out->strings, out->tags);
	put_parts(link, out, record);
}

bool
link_draw(const struct outgoing *out, void *image, size_t size, struct outgoing *ret)
{
	if (out->header->size > size || out->load.n_lent || out->load.n_fds)
		return false;
	memset((uint8_t *)image + out->header->size - RING_ALIGN, 0, RING_ALIGN); /* where no payload comes */
	if (out->is_drawn)
		memcpy(image, out->header, out->header->size);
	else
		put_record(NULL, out, image); /* nothing is lent */
	*ret = (struct outgoing){.header = image, .is_drawn = true};
	return true;
}

void
link_push(struct link *link, const struct outgoing *out)
{
	uint32_t size = out->header->size;
	uint8_t *record = ring_out_begin(&link->out, size);

	if (likely(out->is_drawn))
		memcpy(record, out->header, size);
	else
		put_record(link, out, record);
	((struct wire_header *)record)->lost = load_rlx(&link->words->lost); /* own word, one writer */
	ring_out_end(&link->out, size);
}

void
link_count_lost(struct link *link, uint64_t n)
{
	/* own word, one writer; the reader needs no more than the number */
	store_rlx(&link->words->lost, load_rlx(&link->words->lost) + n);
	link->endpoint->n_lost += n;
}

/* bell_socket() - a byte; a full socket holds bells enough, and its reader will look */
static bool
bell_socket(struct link *link)
{
	int r = packet_send_bell(link);

	return r == 0 || r == LINK_E_FULL;
}

bool
link_ring_doorbell(struct link *link)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	static const uint64_t one = 1;

	return link->doorbell >= 0 && write(link->doorbell, &one, sizeof(one)) == sizeof(one);
}

static void
note_bell(struct link *link, uint64_t word)
{
	link->rung = word;
	link->endpoint->n_bells++;
}

void
link_ring(struct link *link, bool cold, bool dozing)
{
	uint64_t word;

	if (unlikely(!link->ready)) {
		HOOK_DRAIN(SEND_FENCE);
		if (cold ? RULE(UNKNOWN_COLD) : dozing && RULE(UNKNOWN_DOZING)) /* it may sleep either way */
			(void)bell_socket(link); /* a closed link is noticed by its reader */
		return;
	}
	word = load_rlx(&link->partner_words->attention); /* A1: ordered by the caller's fence */
	STOP_POINT("attention-read");
	HOOK_DRAIN(SEND_FENCE);
	if (ATTENTION_STATE(word) == ATTENTION_HOT || word == link->rung)
		return;
	if (ATTENTION_STATE(word) == ATTENTION_DOZING) {
		if (dozing && (link_ring_doorbell(link) || bell_socket(link)))
			note_bell(link, word);
	} else if (cold && bell_socket(link)) {
		note_bell(link, word);
	}
}

void
link_ring_again(struct link *link)
{
	(void)bell_socket(link); /* best effort: asked again later */
	link->endpoint->n_bells++;
}

void
link_want_room(struct link *link, bool want)
{
	link->room_epoch += want;
	STORE_FENCED(ROOM_FENCE, store_rlx, &link->words->room,
		link->room_epoch << 1 | want); /* A3: ordered by the fence */
	if (want && RULE(ROOM_FENCE))
		fence_seq(); /* store room, then look at consumed: without it both sides may miss */
}
