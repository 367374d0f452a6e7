/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * head: the first 128 bytes of every segment
 *
 * They say what the segment is, which version of the format it follows, and
 * where its parts are. The parts of each kind are numbered by the module that
 * owns the kind (its enum is the index into @parts); a part that is not there
 * has offset 0. docs/shm-format.md draws it.
 *
 * Layout   0 magic · 8 major · 10 minor · 12 kind · 16 size · 24 head_size ·
 *          28 n_parts · 32 parts[12] {offset, size}
 * Writers  the owner, once, before the segment is handed out
 * Trust    the owner may change it later all the same: head_check() reads each
 *          word once into a private copy, checks the copy, and that is what
 *          the reader goes on with
 * Versions another major is refused; a greater minor may have a longer head,
 *          more parts, and longer parts, and is read as far as it is known
 */

#include "base/attribute.h"
#include "base/minor.h"

#define SHM_MAGIC      UINT64_C(0x6d68732e6e726574) /* "tern.shm" as bytes, little-endian */
#define SHM_MAJOR      1
#define SHM_MINOR      (0 + MINOR_AHEAD)
#define SHM_HEAD_PARTS 12
#define SHM_PART_ALIGN CACHE_LINE

enum shm_kind {
	SHM_KIND_LINK = 1, /* control line, ring, releases, maybe blocks of one end of a link */
	SHM_KIND_RING,	   /* a bigger ring that a link moved to */
	SHM_KIND_BLOCKS,   /* payloads */
	SHM_KIND_PAGE,	   /* a peer's page with its commit word */
	SHM_KIND_PEERS,
	SHM_KIND_NAMES,
	SHM_KIND_RULES,
	SHM_KIND_TAGS,
	SHM_KIND_VERSIONS,
	SHM_KIND_STATE,
	N_SHM_KINDS,
};

enum {
	HEAD_E_MAGIC = 1, /* not one of ours, or too short to tell */
	HEAD_E_VERSION,	  /* another major version */
	HEAD_E_KIND,	  /* of ours, but not what was announced */
	HEAD_E_SIZE,	  /* says another size than the segment has, or a head that cannot be */
	HEAD_E_PART,	  /* a part outside the segment, unaligned, or over its head */
};

/* An offset into a segment: a type of its own, so that it is never taken for a pointer or a size.
 */
struct shm_off {
	uint32_t off;
};

struct shm_part {
	struct shm_off off;
	uint32_t size;
};

struct shm_head {
	_Atomic uint64_t magic;
	_Atomic uint16_t major;
	_Atomic uint16_t minor;
	_Atomic uint32_t kind;
	_Atomic uint64_t size;
	_Atomic uint32_t head_size;
	_Atomic uint32_t n_parts;
	_Atomic(struct shm_part) parts[SHM_HEAD_PARTS];
};

/* The private, checked copy. Parts that the segment does not have are {0, 0}. */
struct head {
	uint16_t minor;
	uint32_t kind;
	uint64_t size;
	struct shm_part parts[SHM_HEAD_PARTS];
};

#define HEAD_INIT ((struct head){0})

/**
 * head_init() - write the head of a fresh segment, as yet without parts
 * @head: the begin of the owner's mapping of @size bytes, zeroed, not yet handed out
 *
 * Threads: owner.  Blocks: never.
 */
void head_init(struct shm_head *head, enum shm_kind kind, size_t size);

/**
 * head_set_part() - say where part number @index lies
 * @offset: a multiple of SHM_PART_ALIGN, behind the head
 * @size: in bytes; the part must end within the segment
 *
 * Our own layout, so a mistake in it is asserted. Before the hand-out only.
 *
 * Threads: owner.  Blocks: never.
 */
void head_set_part(struct shm_head *head, unsigned int index, uint32_t offset, uint32_t size);

/**
 * head_check() - read and check the head of a foreign segment
 * @base: the mapping, @size bytes as the kernel told
 * @ret_head: set on success to a copy that no other process can change; may be NULL
 *
 * A checked part lies within the segment and behind the head, and begins at a
 * multiple of SHM_PART_ALIGN. Whether it is long enough is for its owner to
 * check (parts are never laid over each other by us, but that is not checked).
 *
 * Return: 0 or a HEAD_E_* answer.  Threads: any.  Blocks: never.
 */
int head_check(const void *base, size_t size, enum shm_kind kind, struct head *ret_head);

/* head_strerror() - a constant text for a HEAD_E_* answer */
const char *head_strerror(int answer);

/* head_valid() - whether @head, a private copy, keeps every promise of head_check() */
bool head_valid(const struct head *head);
