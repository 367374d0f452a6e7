/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * guide: the words behind a member as what its interface says they are
 *
 *   KEY=VALUE    VALUE as the type of KEY has it (below); KEY:=JSON and KEY==TEXT as ever
 *   a.b=VALUE    a field of a field, or of a map
 *
 *   bool         true, false, yes, no, on, off
 *   int, uint    12, -3, 0x1f
 *   float        0.5, NaN, Infinity
 *   string       the word as it stands
 *   bytes        hex:00ff, base64:AP8, text:abc, @FILE
 *   fd           @FILE to read, @>FILE to write, @>>FILE to append, @+FILE both; a number: that one
 *   (a, b)       the word
 *   []T, [string]T, object, any, and a struct as a whole: JSON
 *   ?T           null: none; else as T
 *
 * One word that is no KEY=VALUE is JSON for all of them; - is that from standard input, @FILE
 * from a file. Where there is no interface it is as argument.h says.
 *
 * Threads: owner.  Blocks: where files do.
 */

#include <json-c/json_object.h>

#include "cli/argument.h"
#include "interface/interface.h"

#define GUIDE_MOST_FDS 16

/* What the words became. */
struct guided {
	struct json_object *value; /* NULL: null, or nothing */
	bool has_value;
	int fds[GUIDE_MOST_FDS]; /* opened here */
	uint32_t n_fds;
};

/* For whom: `what` is for people, "Set"; type NULL: nobody knows. */
struct guide_target {
	const struct interface *interface;
	const struct interface_type *type;
	const char *what;
};

void guided_deinit(struct guided *g);

/**
 * guide_read() - make the value of n words
 * @ret: guided_deinit() it whatever is returned
 *
 * Return: 0; ARGUMENT_E_INVALID, and @why is set; -ENOMEM.
 */
int guide_read(const struct guide_target *to, char *const *words, size_t n, struct guided *ret,
	struct argument_fault *why);

/**
 * guide_describe() - a type as a few words: "uint", "[]string", "(left: int, …)"
 *
 * Cut where it does not fit. Return: buf.
 */
const char *guide_describe(
	const struct interface *i, const struct interface_type *type, char *buf, size_t size);

/* guide_resolve() - behind names of types: what it is */
const struct interface_type *guide_resolve(
	const struct interface *i, const struct interface_type *type);
