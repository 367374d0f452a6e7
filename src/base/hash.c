/* SPDX-License-Identifier: MIT */

/* hash: the key, and what is done seldom; see hash.h */

#define HASH_OUT_OF_LINE

#include "base/hash.h"

uint64_t hash_key[2] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93)};

/* What HASH_MAKE_TABLE is given: uthash wants the element, and where in it the handle is. */
struct element {
	UT_hash_handle hh;
};

bool
hash_make(UT_hash_handle *first, ptrdiff_t offset)
{
	struct element *element = (struct element *)first;
	int oomed = 0;

	HASH_MAKE_TABLE(hh, element, oomed);
	if (!oomed)
		element->hh.tbl->hho = offset;
	return !oomed;
}

bool
hash_expand(UT_hash_table *table)
{
	int oomed = 0;

	HASH_EXPAND_BUCKETS(hh, table, oomed);
	return !oomed;
}
