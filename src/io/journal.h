/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * journal: entries in a file, where a kill does not reach them
 *
 * The file is mapped and written with plain stores: no system call, and whole
 * whenever the process is killed, since an entry counts only from the store of
 * `used` on, which comes last.
 *
 *      file:   head │ entry │ entry │ … │ used ── room
 *      entry:  size, kind, peer │ bytes, up to a multiple of 8
 *
 * The file is ours alone (0600; whoever uses it has a lock, as a listener's),
 * and worth something only while the machine runs: another boot's is begun
 * anew. Its version is major and minor: of a greater minor there may be other
 * kinds of entries, and more in each, behind what is known. When most of it is history a new one is written beside it, with what
 * still counts, and takes its place.
 */

#include <limits.h>

#include "base/attribute.h"

enum {
	JOURNAL_MAX_ENTRY = 64 << 10, /* bytes */
	JOURNAL_BOOT_SIZE = 40,
};

struct journal_entry {
	uint32_t kind; /* the user's, as the number of whom it is about */
	uint64_t peer;
	const void *bytes; /* in the mapping */
	size_t size;
	size_t at; /* where it is in the file */
};

struct journal {
	char path[PATH_MAX];
	int fd;
	uint8_t *map; /* NULL: nothing is kept */
	size_t size;  /* of file and mapping */
	size_t live;  /* bytes that were used when it was last written anew */
};

#define JOURNAL_INIT ((struct journal){.fd = -1})

/**
 * journal_open() - the journal at @path, or a new one where there is none to be believed
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: never.
 */
int journal_open(struct journal *ret, const char *path);

/* journal_close() - the file stays; JOURNAL_INIT is fine */
void journal_close(struct journal *journal);

/* journal_remove() - nobody is to be waited for: the file goes */
void journal_remove(struct journal *journal);

/**
 * journal_next() - the entry at @at, which begins with 0 and is moved on
 *
 * Return: true; false: there is no more.  Threads: owner.  Blocks: never.
 */
bool journal_next(const struct journal *journal, size_t *at, struct journal_entry *ret);

/**
 * journal_append() - keep one entry more
 * @ret_at: where it is; may be NULL
 *
 * Return: 0, -E2BIG or a negative errno: then it is not kept.  Threads: owner.  Blocks: never.
 */
int journal_append(struct journal *journal, uint32_t kind, uint64_t peer, const void *bytes,
	size_t size, size_t *ret_at);

/* journal_at() - the bytes of the entry at @at, to change them in place by single stores; @ret_size may be NULL */
void *journal_at(const struct journal *journal, size_t at, size_t *ret_size);

/* journal_is_due() - most of it is history: it should be written anew */
bool journal_is_due(const struct journal *journal);

/**
 * journal_begin_anew(), journal_end_anew() - an empty one beside it, and in its place
 *
 * Between the two entries go into *@ret; if anything fails, journal_abandon() it and go on with the old one.
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: never.
 */
int journal_begin_anew(const struct journal *journal, struct journal *ret);
int journal_end_anew(struct journal *journal, struct journal *anew);

/* journal_abandon() - remove what was begun beside it */
void journal_abandon(struct journal *anew);
