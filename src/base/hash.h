/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * hash: uthash as the library and ternd use it
 *
 * Two settings: running out of memory is an answer, not the end of the
 * process (look at hash_added() after every HASH_ADD), and the hash has a secret
 * key, so that nobody outside can choose names that all fall into one chain.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_NONFATAL_OOM		   1
#define HASH_FUNCTION(key, size, ret_hash) ((ret_hash) = hash_secret((key), (size)))

extern uint64_t hash_key[2]; /* odd; ternd draws it by lot, before the first table */

static inline unsigned int
hash_secret(const void *key, size_t size)
{
	const uint8_t *p = key;
	uint64_t hash = hash_key[0] ^ size, word;

	for (; size > 0; size -= size < 8 ? size : 8, p += 8) {
		word = 0;
		memcpy(&word, p, size < 8 ? size : 8);
		hash = (hash ^ word) * hash_key[1];
		hash ^= hash >> 32;
	}
	hash *= hash_key[0] | 1;
	return (unsigned int)(hash ^ (hash >> 32));
}

#include <uthash.h>
#include <utlist.h>

/*
 * What HASH_ADD seldom does is done elsewhere: uthash would put more than half a kilobyte of it into each place that
 * adds. And most tables here are small, and there are many: they begin so.
 */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS      4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U
#ifndef HASH_OUT_OF_LINE
#undef HASH_MAKE_TABLE
#undef HASH_EXPAND_BUCKETS
#define HASH_MAKE_TABLE(hh, head, oomed)                                                           \
	((oomed) = !hash_make(&(head)->hh, (char *)&(head)->hh - (char *)(head)))
#define HASH_EXPAND_BUCKETS(hh, tbl, oomed) ((oomed) = !hash_expand(tbl))
#endif

/* hash_make() - a table for a first element, whose handle is `offset` bytes into it; false: no memory */
bool hash_make(UT_hash_handle *first, ptrdiff_t offset);

/* hash_expand() - twice as many buckets; false: no memory, and it is as it was */
bool hash_expand(UT_hash_table *table);

/* hash_added() - did the HASH_ADD of this element find memory? */
#define hash_added(element, hh) ((element)->hh.tbl != NULL)
