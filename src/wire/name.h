/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * name: how services and tags may be spelled
 *
 * A name is 1 to 255 bytes: elements of [A-Za-z0-9_-] with dots between them.
 * `tern` and what begins with `tern.` are ternd's own. ":17" is no name but the
 * peer with that id. A tag is 1 to 255 bytes of UTF-8 without NUL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_MAX_SIZE = 255,
};

/* What is wrong with a name or a tag. */
enum {
	_NAME_E_OK,
	NAME_E_EMPTY,
	NAME_E_LONG,
	NAME_E_CHARACTER,
	NAME_E_ELEMENT,	 /* nothing before, behind or between dots */
	NAME_E_RESERVED, /* tern, tern.* */
};

/**
 * name_check() - may a service be called this?
 * @ret_at: where it goes wrong, in bytes; may be NULL
 *
 * Return: 0 or NAME_E_*.  Threads: any.  Blocks: never.
 */
int name_check(const char *name, size_t size, size_t *ret_at);

/* tag_check() - may a tag, or a label, be this? As name_check(); that it is UTF-8 is the codec's to
 * see */
int tag_check(const char *tag, size_t size, size_t *ret_at);

/* name_strerror() - a NAME_E_* in words, as the end of a sentence */
const char *name_strerror(int error);

/* name_is_reserved() - is it tern, or does it begin with "tern."? */
bool name_is_reserved(const char *name, size_t size);

/* name_is_id() - does it begin with a colon? */
bool name_is_id(const char *name, size_t size);

/**
 * name_get_id() - the peer id of ":id", decimal, without leading zeros
 *
 * Return: true and the id, or false.  Threads: any.  Blocks: never.
 */
bool name_get_id(const char *name, size_t size, uint64_t *ret_id);
