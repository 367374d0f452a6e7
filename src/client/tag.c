/* SPDX-License-Identifier: MIT */

/* tag: see tag.h */

#include <stdlib.h>

#include "client/error.h"
#include "client/tag.h"
#include "wire/utf8.h"

/* tag_hash() - FNV-1a: only compared inside of this process, on strings that ternd or we checked */
static uint64_t
tag_hash(const char *text, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

int
tags_write(const char *const *tags, uint8_t to[TERN_MAX_HEADER], uint16_t *ret_size, uint8_t *ret_n)
{
	size_t size = 0, n = 0;

	for (; tags && tags[n]; n++) {
		size_t length = strlen(tags[n]);

		if (length == 0 || !utf8_is_valid(tags[n], length))
			return error_set(-EINVAL, ERROR_INVALID, "tag %zu is empty or not UTF-8", n + 1);
		if (length > TERN_MAX_TAG)
			return error_set(-E2BIG, ERROR_TOO_BIG, "tag %zu has more than 255 bytes", n + 1);
		if (n == TERN_MAX_TAGS)
			return error_set(-E2BIG, ERROR_TOO_BIG, "a 17th tag: at most 16 tags go together");
		if (size + length + 2 > TERN_MAX_HEADER - 3)
			return error_set(-E2BIG, ERROR_TOO_BIG, "the tags have more than 1 KiB together");
		to[size] = (uint8_t)length;
		/* Not memcpy(): for a length with such a bound compilers make it a slow `rep movs`. */
		(void)stpcpy((char *)to + size + 1, tags[n]);
		size += length + 2;
	}
	*ret_size = (uint16_t)size;
	*ret_n = (uint8_t)n;
	return 0;
}

int
tags_encode(const char *const *tags, uint8_t **ret, uint16_t *ret_size, uint8_t *ret_n)
{
	uint8_t encoded[TERN_MAX_HEADER], *bytes;
	int r;

	r = tags_write(tags, encoded, ret_size, ret_n);
	if (r < 0)
		return r;
	bytes = malloc(*ret_size ? *ret_size : 1);
	if (!bytes)
		return error_errno(-ENOMEM, "tags");
	*ret = memcpy(bytes, encoded, *ret_size);
	return 0;
}

void
tags_hash(const uint8_t **cursor, uint8_t n, struct tag *ret)
{
	for (uint8_t i = 0; i < n; i++) {
		ret[i].text = wire_tag_next(cursor, &ret[i].size);
		ret[i].hash = tag_hash(ret[i].text, ret[i].size);
	}
}

int
tags_split(const uint8_t *tags, uint8_t n, struct tag **ret)
{
	struct tag *split = calloc(n ? n : 1, sizeof(*split));

	if (!split)
		return error_errno(-ENOMEM, "tags");
	tags_hash(&tags, n, split);
	*ret = split;
	return 0;
}

static bool
is_tap(const char *tag, size_t size)
{
	return size == sizeof(TERN_TAG_TAP) - 1 && memcmp(tag, TERN_TAG_TAP, size) == 0;
}

bool
tags_are_tap(const uint8_t *tags, uint16_t size)
{
	return size == sizeof(TERN_TAG_TAP) + 1 && is_tap((const char *)tags + 1, tags[0]);
}

bool
tags_have_tap(const uint8_t *tags, uint8_t n)
{
	while (n-- > 0) {
		uint8_t size;
		const char *tag = wire_tag_next(&tags, &size);

		if (is_tap(tag, size))
			return true;
	}
	return false;
}

static bool
tag_is_among(const struct tag *tag, const struct tag *tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tags[i].hash == tag->hash && tags[i].size == tag->size &&
			memcmp(tags[i].text, tag->text, tag->size) == 0)
			return true;
	return false;
}

bool
tags_match(const struct tag *rule, size_t n_rule, const struct tag *message, size_t n_message)
{
	for (size_t i = 0; i < n_rule; i++)
		if (!tag_is_among(&rule[i], message, n_message))
			return false;
	return true;
}
