/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-format: the format language of tern/cbor.h, parsed
 *
 * A format becomes an array of nodes in the order of its letters, which is the
 * order of the arguments. A container's first child comes right after it;
 * `next` leads past a node and all inside it, so to the next sibling.
 *
 *     {name:s,?pos:[ii]}    0 {      next 5
 *                           1 s      next 2   parent 0   name
 *                           2 [      next 5   parent 0   pos, optional
 *                           3 i      next 4   parent 2
 *                           4 i      next 5   parent 2
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tern/cbor.h"

enum {
	FORMAT_NO_PARENT = 0xff,
};

struct format_node {
	char letter;  /* b i u d s t y h n v p f [ { or * */
	char element; /* of * */
	bool is_optional;
	uint8_t parent, next;
	uint8_t n_children;
	uint16_t name_size; /* 0: no name */
	const char *name;   /* in the format */
};

struct format {
	uint8_t n_nodes;
	struct format_node nodes[TERN_CBOR_MAX_VALUES];
};

/* format_is_name_char() - may it stand in the name of a member? */
static inline bool
format_is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

/*
 * format_parse() - take a format apart
 *
 * @text must outlive @f, which points into it.  Time: linear in its length, but for
 * the names within one map, which are compared with each other.
 * Return: 0, or -EINVAL with *ret_at the place in @text.  Threads: any.  Blocks: never.
 */
int format_parse(struct format *f, const char *text, size_t *ret_at);

/* format_error() - say in @error, if there is one, where a format is wrong; returns -EINVAL */
int format_error(struct tern_error *error, const char *text, size_t at);

/* format_argument_error() - say in @error, if there is one, which argument is of no use; -EINVAL */
int format_argument_error(
	struct tern_error *error, const struct format_node *node, const char *reason);
