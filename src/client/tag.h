/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * tag: sets of tags: as they stand in a record, and split up for comparing
 *
 * Encoded: each tag as a length byte, its bytes, NUL. A set is small (16 at most), so a subset test
 * compares each with each, by hash first.
 */

#include "client/event.h"

/*
 * tags_encode() - a NULL-ended list
 * @ret: heap, the caller's
 * Return: 0, -EINVAL (empty, not UTF-8), -E2BIG (17th, 256 bytes, 1 KiB in all), -ENOMEM; recorded.
 */
int tags_encode(const char *const *tags, uint8_t **ret, uint16_t *ret_size, uint8_t *ret_n);

/* tags_write() - the same into memory of the caller's. Return: as above, without -ENOMEM. */
int tags_write(const char *const *tags, uint8_t to[TERN_MAX_HEADER], uint16_t *ret_size, uint8_t *ret_n);

/* tags_split() - texts borrowed from the encoded ones. @ret: heap, the caller's. */
int tags_split(const uint8_t *tags, uint8_t n, struct tag **ret);

/* tags_hash() - the same into memory of the caller's; the cursor moves behind the last */
void tags_hash(const uint8_t **cursor, uint8_t n, struct tag *ret);

/* tags_are_tap() - are these encoded ones those of a copy for taps (tap.h)? */
bool tags_are_tap(const uint8_t *tags, uint16_t size);

/* tags_have_tap() - is its tag among them? */
bool tags_have_tap(const uint8_t *tags, uint8_t n);

/* tags_match() - are all of the rule's on the message? */
bool tags_match(const struct tag *rule, size_t n_rule, const struct tag *message, size_t n_message);
