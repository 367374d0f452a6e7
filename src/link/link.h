/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * link: one end of a private two-way connection through shared memory
 *
 * Each end owns a segment (shm/control.h) and maps the other's. Over the socket between them go,
 * as packets that begin with a letter: `h` hello with the segment and the doorbell; `p` the page, before the
 * first shared record; `s` a segment that records will name; `d` a segment that is gone; `f` descriptors of the next record; `b` a bell.
 * Everything else goes through the rings.
 *
 *   new: hello sent, partner treated as cold ── hello came: ready ── end-of-file: closed, drained ── freed
 *
 * A link knows one partner. Order over several links, calls and events are the client's.
 *
 * Threads: everything under the owner's lock, but link_look() and what it reads, which belong to the one
 *          thread that takes things in. Blocks: never.
 * Errors:  -EBADMSG the partner broke the protocol; link->why says how; the link is to be closed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "io/identity.h"
#include "link/endpoint.h"
#include "link/pool.h"
#include "link/shares.h"
#include "shm/control.h"
#include "shm/ring.h"
#include "shm/segment.h"
#include "wire/header.h"

#define LINK_MAX_SEGMENTS  1024u                 /* of the partner's, mapped at once */
#define LINK_MAX_MAPPED    (UINT64_C(4) << 30)   /* bytes of them */
#define LINK_MAX_LENT      (UINT64_C(256) << 20) /* bytes of blocks that are out on one link */
#define LINK_PACE          (UINT64_C(4) << 20)   /* bytes of them that a partner who is waited for is behind */
#define LINK_MAX_WAITING   256u                  /* descriptors of records that are not taken yet */
#define LINK_MAX_PACKETS   4096u                 /* taken at a time: more than a socket holds by default */
#define LINK_MAX_LOOKED    (UINT64_C(256) << 20) /* bytes of segments, which are looked through, taken at a time, and one more */
#define LINK_MAX_RING      (UINT32_C(256) << 10)
#define LINK_MAX_INLINE    8192u                 /* bytes of a record, whatever the ring */
#define LINK_RECORD_MIN    (LINK_RING_SIZE / 4)  /* bytes of a record that every ring takes */
#define LINK_GROWTH        4u                    /* a ring is left for one of so many times its size */
#define LINK_MOVED_SIZE    96u                   /* kept free in every ring, to leave it */

enum link_answer {
	LINK_E_FULL = 1, /* no room now */
	LINK_E_CLOSED,   /* the other end hung up */
};

/* A segment of the partner's. Counted: by the link, and by every message with a part in it. */
struct remote {
	struct segment memory;
	uint32_t id;
	uint32_t refs;
	struct remote *next;
	struct shares *shares; /* of whose it is; NULL: of the own domain */
};

/* A place in the list of blocks that are out on this link. */
struct lent {
	struct block *block; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct link {
	/* what every record that goes out touches: two lines */
	alignas(CACHE_LINE) struct ring_out out;
	struct shm_control *words;
	const struct shm_control *partner_words;
	uint64_t moved_at;       /* position where the old ring is left */
	struct segment old_ring; /* after the first move, until the partner has left it */
	uint64_t rung;           /* attention word that was answered with a bell */
	int doorbell;            /* the partner's; -1: none */
	bool ready;              /* the partner's hello is here */
	bool closed;             /* the socket is at its end, or broken */
	bool told_page;          /* the partner has the own page */
	bool same_domain;
	/* and every one that comes in: one more */
	struct ring_in in;
	const struct shm_page *page; /* NULL: it was not sent yet */
	const char *why; /* what the partner did wrong, NULL: nothing */
	struct shares *shares; /* of the partner's user; borrowed, lives as long as the link; NULL: of the own domain */

	struct endpoint *endpoint;
	struct link *prev, *next; /* endpoint->links */
	struct identity partner;
	uint64_t id; /* the partner's peer id */
	int fd;      /* the socket; -1 once closed */

	/* own segment */
	struct segment own;
	_Atomic uint64_t *releases;
	struct segment ring; /* after the first move */
	uint64_t epoch;
	uint64_t room_epoch;
	enum attention attention;

	/* the partner's */
	struct segment partner_segment, partner_page;
	const _Atomic uint64_t *partner_releases;
	uint32_t partner_n_releases;
	uint64_t room_rung; /* its room word that was answered with a bell */
	uint64_t taken_releases;
	struct remote *in_ring; /* NULL: the first */
	struct remote *remotes;
	uint32_t n_remotes;
	uint64_t mapped; /* bytes of remotes */
	uint64_t looked; /* bytes of all there ever were */

	/* descriptors */
	uint32_t next_fd;  /* number of the next one sent */
	uint32_t fds_before, fds_behind; /* sent with records before and behind fds_at, maybe not taken yet */
	uint64_t fds_at;                 /* position in the own ring */
	uint32_t fd_first; /* number of fds[0] */
	uint32_t n_fds;
	bool holds; /* the socket is not read on: packet_must_wait() */
	int fds[LINK_MAX_WAITING];

	/* lent blocks */
	struct pool pool;
	struct lent lent[LINK_N_RELEASES];
	uint32_t first_free, n_out;
	uint64_t lent_bytes;
	uint32_t *known; /* segments the partner was told of; behind them those that it was not told to drop yet */
	size_t n_known, n_untold;
};

static_assert(offsetof(struct link, in) == 2 * CACHE_LINE, "two lines");

/*
 * link_new() - begin a link over a connected socket; hello is sent at once
 * @fd: consumed on success
 *
 * A partner that has gone already is no error here: what it said before it went can be read.
 *
 * Return: 0, or -ENOMEM, -EMFILE.
 */
int link_new(struct endpoint *endpoint, int fd, bool same_domain, struct link **ret);

/* link_hang_up() - close the socket; what was taken stays readable */
void link_hang_up(struct link *link);

struct link *link_free(struct link *link);
DEFINE_FREEP(struct link, link_free)

/*
 * link_read_socket() - take everything the socket holds, of a partner that floods it a share
 * What finds no room among the descriptors of its user stays there, and what is behind it: link->holds is set. Records that
 * name it are found all the same; who watches the socket must not do so by level then, nor wait to read of its end.
 * @ret_rang: a bell was among it
 * Return: 0, or LINK_E_CLOSED (link->closed is set; the ring is still to be drained), or -EBADMSG.
 */
int link_read_socket(struct link *link, bool *ret_rang);

/* --- sending (link-send.c) --- */

struct out_part {
	const void *bytes;   /* inline, or NULL */
	struct block *block; /* lent, or NULL */
	uint64_t size;
};

/* What a record takes of a link besides its size. */
struct link_load {
	uint32_t n_lent, n_fds;
	uint64_t lent_bytes;
	bool is_paced; /* its sender waits rather than be further ahead than LINK_PACE, or four such messages */
};

/*
 * A record to be written: drawn, so that it is copied into the rings as it is, but for `lost`; or by its pieces.
 * Of the latter the header's lengths of strings, tags, parts and fds are set; the rest is computed.
 */
struct outgoing {
	struct wire_header *header; /* drawn: the whole record, header->size bytes */
	bool is_drawn;		    /* then it takes nothing else of a link, and what follows is not looked at but for load */
	const char *strings[3];	    /* service, member, type */
	const uint8_t *tags;	    /* as they stand in the record */
	const struct out_part *parts;
	struct link_load load;
};

/* link_record_max() - largest record this link takes now */
uint32_t link_record_max(const struct link *link);

/* link_plan() - set inline_size, WIRE_INLINE, size and load from the parts. Return: the record's size in the ring. */
uint32_t link_plan(struct outgoing *out);

/*
 * link_draw() - the record as it will stand in the rings, if it takes nothing else of a link
 * @image: aligned as a header is, room for size bytes
 * Return: is it there? Then @ret is it, drawn.
 */
bool link_draw(const struct outgoing *out, void *image, size_t size, struct outgoing *ret);

/*
 * link_finish_drawn() - a drawn record ends with one inline part, or none
 * @payload: where in the record it is; behind it there are RING_ALIGN bytes more, which are overwritten
 */
static inline void
link_finish_drawn(struct wire_header *header, uint32_t payload, uint8_t n_parts, uint32_t size)
{
	uint32_t end = payload + size;

	header->flags |= n_parts ? WIRE_INLINE : 0;
	header->n_parts = n_parts;
	header->inline_size = size;
	header->size = ALIGN_TO(end, RING_ALIGN);
	memset((uint8_t *)header + end, 0, RING_ALIGN); /* nothing of this program's memory goes along */
}

/*
 * link_room() - is there room for this record, for its lent parts and its descriptors?
 * @is_event: the last eighth of the ring is not for events
 * A partner that gives nothing back is lent no more than LINK_MAX_LENT, or one message however large.
 * Moves to a larger ring where the partner keeps up. Return: 0, LINK_E_FULL, LINK_E_CLOSED, -EBADMSG.
 */
int link_room(struct link *link, uint32_t size, const struct link_load *load, bool is_event);

/* link_is_roomy() - surely yes, at a glance, for a record that takes nothing else; false says nothing */
static inline bool
link_is_roomy(const struct link *link, uint32_t size, bool is_event)
{
	uint32_t reserve = LINK_MOVED_SIZE + RING_ALIGN + (is_event ? link->out.size / 8 : 0);

	return link->ready && !link->closed && link->out.tail >= link->moved_at && !link->old_ring.base &&
		ring_out_is_roomy(&link->out, size, reserve);
}

/*
 * link_announce() - let the partner know the segments of the parts, and send the descriptors
 * Before link_push(). Return: 0, LINK_E_FULL the socket is full, LINK_E_CLOSED, -ENOMEM.
 */
int link_announce(struct link *link, struct outgoing *out, const int *fds);

/* link_tell_drops() - of segments that are gone, if its socket was full. Return: is there more to tell? */
bool link_tell_drops(struct link *link);

/* link_push() - write and publish one record; room was asked for, segments announced */
void link_push(struct link *link, const struct outgoing *out);

/* link_count_lost() - n events were dropped instead */
void link_count_lost(struct link *link, uint64_t n);

/* link_is_awake() - it looks at this link, and need not be rung (edge A1; the caller has fenced) */
static inline bool
link_is_awake(const struct link *link)
{
	return link->ready && ATTENTION_STATE(load_rlx(&link->partner_words->attention)) == ATTENTION_HOT;
}

/*
 * link_ring() - ring the partner if it asks for it (edge A1; the caller has fenced)
 * @cold, @dozing: which kinds of sleep to answer
 */
void link_ring(struct link *link, bool cold, bool dozing);

/* link_ring_doorbell() - its eventfd, unconditionally. Return: false, there is none, or it does not take it. */
bool link_ring_doorbell(struct link *link);

/* link_ring_again() - ring over the socket whatever was rung before */
void link_ring_again(struct link *link);

/* link_want_room() - set the room word and fence; look for room again after it (edge A3) */
void link_want_room(struct link *link, bool want);

/* --- receiving (link-receive.c) --- */

/* link_note_processor() - tell the partner where endpoint->cpu says this end last took in */
void link_note_processor(struct link *link);

/* link_attend() - say how this end wants to be rung; a new epoch for dozing and cold. The caller fences. */
void link_attend(struct link *link, enum attention attention);

/* link_look() - does anything wait in the ring? Return: 1, 0, -EBADMSG. */
int link_look(struct link *link);

/*
 * link_peek() - the next record's header, in private memory; follows the ring when it moves
 * Return: 1, 0, -EBADMSG.
 */
int link_peek(struct link *link, struct wire_header *ret);

/* link_is_committed() - may this record be taken yet? (edge C2) */
bool link_is_committed(const struct link *link, const struct wire_header *header);

/*
 * link_take() - copy the record that was peeked out of the ring and check it; it is done with
 * @to: header->size bytes; those of the header stay as they are
 * @ret: where the pieces lie in it
 * Return: 0 or -EBADMSG.
 */
int link_take(struct link *link, const struct wire_header *header, uint8_t *to, struct wire_places *ret);

/* link_skip() - drop the record that was peeked (never committed) */
void link_skip(struct link *link, const struct wire_header *header);

/* link_lost() - how many events the partner dropped on this link so far */
uint64_t link_lost(const struct link *link);

/* link_produced() - the position up to which the partner has pushed by now, at most a ring ahead; 0 before its hello */
uint64_t link_produced(const struct link *link);

/* link_publish() - give room back and wake a partner that waits for it (edge A4) */
void link_publish(struct link *link);

/* link_part() - where a lent part lies. *ret_remote is a reference. Return: 0 or -EBADMSG. */
int link_part(struct link *link, const struct wire_part *part, struct remote **ret_remote,
	const uint8_t **ret);

struct remote *remote_unref(struct remote *remote);

/* link_take_fds() - the descriptors of a record; owned by the caller. Return: 0 or -EBADMSG. */
int link_take_fds(struct link *link, const struct wire_header *header, int *ret_fds);

/* link_release() - give a lent part back (edge L1) */
void link_release(struct link *link, uint32_t slot, uint32_t generation);

/* link_count_lent() - a block went out on this link (1), or came back (-1) */
static inline void
link_count_lent(struct link *link, const struct block *block, int n)
{
	link->n_out += (uint32_t)n;
	link->lent_bytes += (uint64_t)n * block->size;
	if (n > 0)
		shares_take(link->shares, SHARE_LENT, block->size);
	else
		shares_give(link->shares, SHARE_LENT, block->size);
}

/* link_collect() - take what the partner gave back (edge L2). Return: 0 or -EBADMSG. */
int link_collect(struct link *link);
