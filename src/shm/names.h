/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * names: which peer owns a name, and the labels it was announced with
 *
 * One record a name, as long as its strings are: a plain name takes two or
 * three units (64 or 96 bytes), the longest with all labels 42. A change of
 * owner is a new record, live before the old one dies, so that a name which
 * has an owner at every instant is found at every instant.
 */

#include "shm/table.h"

enum {
	NAMES_TEXT_MAX = 255,	 /* bytes of a name, and of a label */
	NAMES_LABELS_MAX = 16,	 /* labels of a name */
	NAMES_LABELS_SIZE = 1024 /* bytes of all labels, each with the byte of its length */
};

/* struct shm_name - a record; the name follows, and for each label a byte of length and its text */
struct shm_name {
	struct shm_record record;
	uint64_t owner;
	uint64_t serial;
	uint16_t name_size;
	uint16_t labels_size;
	uint16_t n_labels;
	uint16_t reserved;
};

struct names {
	struct table table;
};

/* struct name_entry - what the table tells of a name */
struct name_entry {
	uint64_t owner;	 /* peer id */
	uint64_t serial; /* grows with every change of an owner on this bus */
	uint16_t name_size;
	uint16_t labels_size;
	uint16_t n_labels;
	char name[NAMES_TEXT_MAX + 1]; /* ends in a zero byte */
	uint8_t labels[NAMES_LABELS_SIZE];
};

extern const struct table_type names_type;

/* names_open() - map the table that ternd sent; as table_open() */
int names_open(struct names *ret, int fd);

/* names_deinit() - unmap; a zeroed one is fine */
void names_deinit(struct names *names);

/**
 * names_lookup() - who owns this name?
 *
 * Return: 0, TABLE_E_NOT_FOUND, TABLE_E_MOVED, TABLE_E_BUSY, or
 * -EBADMSG (the table is broken).  Threads: any.  Blocks: never.
 */
int names_lookup(const struct names *names, const char *name, size_t size, struct name_entry *ret);

/* names_owner() - names_lookup() for who wants the owner and nothing else: a small copy, no labels */
int names_owner(const struct names *names, const char *name, size_t size, uint64_t *ret_owner);

/* names_next() - iterate; as table_next(), and -EBADMSG */
int names_next(const struct names *names, struct table_cursor *cursor, struct name_entry *ret);

/**
 * name_label() - the next label of an entry
 * @at: where to go on; begin with 0
 * @ret: borrowed from @entry, not ended by a zero byte
 *
 * Return: true while there is one.  Threads: any.  Blocks: never.
 */
bool name_label(const struct name_entry *entry, size_t *at, struct table_text *ret);
