/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * value: one state value in a segment of its own, written by its owner, read by whoever has it
 *
 *        0  struct shm_head; part 0 is the word, part 1 the places
 *      128  struct shm_value: the version, and how many bytes lie in each place
 *      192  VALUE_N_PLACES places, each at a cache line
 *
 * Version v lies in place v % VALUE_N_PLACES. The writer fills the next place and then stores the version; a
 * reader copies the place of the version it saw, and looks whether the writer can have come round to it since.
 * So a reader gets a whole value, wakes nobody, and is in nobody's way; and while it copies, the writer may
 * put in VALUE_N_PLACES - 2 new ones before it has to begin again. What fits a cache line takes a reader two of them.
 *
 * Writers  the owner, one thread at a time
 * Edges    V1 store-release version -> load-acquire version: the place is filled
 *          V2 version, release fence, size and words of the next place -> size, words, acquire fence, load version:
 *             who copied a word of a later value sees that the version before that one is out
 * Commit   V1. An owner killed before it leaves the value before, whole.
 * Repair   none
 * Trust    the owner may write anything at any time: a size is read once and held against the room, tries are
 *          bounded in number and bytes; what is in the copy is checked by who reads it
 * Progress the owner wait-free; readers as far as the owner lets them
 *
 * The idea of several places, so that a writer at full speed does not keep readers from ever finishing, is
 * old: a sequence lock with more than one buffer.
 */

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attribute.h"
#include "shm/segment.h"

#define VALUE_N_PLACES 4u
#define VALUE_MAX      (UINT32_C(64) << 20) /* bytes of a value */
#define VALUE_TRIES    64u
#define VALUE_VAIN     (UINT32_C(256) << 20) /* after so many bytes copied in vain a reader gives up, too */

enum {
	VALUE_PART_WORD,
	VALUE_PART_PLACES,
};

enum value_answer {
	VALUE_E_NONE = 1, /* nothing was written yet */
	VALUE_E_SIZE,     /* longer than there is room for; the size is told */
	VALUE_E_BUSY,     /* the writer came round VALUE_TRIES times, or for VALUE_VAIN bytes */
	VALUE_E_FORMAT,   /* not a value's segment, or one that says what cannot be */
};

struct shm_value {
	alignas(CACHE_LINE) _Atomic uint64_t version; /* the newest whole one; 0: none yet */
	_Atomic uint64_t sizes[VALUE_N_PLACES];       /* bytes in each place */
	_Atomic uint64_t ended;                       /* not 0: its owner keeps it no more */
	uint64_t reserved[2];
};

typedef _Atomic uint64_t shm_place_word;

/* Either end. The owner's version is its own; a reader does not trust the shared one beyond its copy. */
struct value {
	struct segment memory;
	struct shm_value *word;
	uint8_t *places;
	uint64_t version; /* the owner's */
	uint32_t max, stride;
};

#define VALUE_INIT ((struct value){.memory = SEGMENT_INIT})

/*
 * value_create() - a segment for values of at most max bytes; version 0
 *
 * Return: 0, -E2BIG over VALUE_MAX, or as segment_create().  Threads: any.  Blocks: while memory is found.
 */
int value_create(struct value *ret, uint32_t max);

/*
 * value_write() - this is the value now. Return: its version; 0 where it is longer than max.
 *
 * Threads: one at a time.  Blocks: never.
 */
uint64_t value_write(struct value *value, const void *bytes, size_t size);

/*
 * value_open() - map a partner's value; fd is borrowed
 *
 * Return: 0, VALUE_E_FORMAT, or a negative errno.  Threads: any.  Blocks: never.
 */
int value_open(struct value *ret, int fd);

/*
 * value_read() - copy the newest whole value
 * @to: room bytes; what is in it after an answer other than 0 is undefined
 * @ret_size: set on success and with VALUE_E_SIZE
 * @ret_version: set on success; versions that one reader sees never fall
 *
 * Return: 0 or VALUE_E_*.  Threads: any, any number at once.  Blocks: never.
 */
int value_read(const struct value *value, void *to, size_t room, size_t *ret_size, uint64_t *ret_version);

/* value_end() - there will be no other version; the last can be read still. Threads: the owner. Blocks: never. */
void value_end(struct value *value);
/* value_is_ended() - says its owner so? Threads: any. Blocks: never. */
bool value_is_ended(const struct value *value);

/* value_version() - the newest one; 0 none. Threads: any. Blocks: never. */
uint64_t value_version(const struct value *value);

/* value_deinit() - VALUE_INIT is fine */
void value_deinit(struct value *value);
