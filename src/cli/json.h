/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * json: values as JSON text, in both directions, without loss
 *
 *   CBOR                          JSON
 *   integer, -2^63 … 2^64 - 1     12, -3
 *   integer below -2^63           {"$int": "-18446744073709551616"}
 *   float                         0.5, 2.0, 1e+300: always with a point or an exponent
 *   NaN, infinities               {"$float": "NaN"}, "Infinity", "-Infinity"
 *   text                          "text"
 *   bytes                         {"$bytes": "AQID"}   base64url without padding, wherever in the message
 *   array                         [1, 2]
 *   map with text keys            {"key": 1}
 *   any other map                 {"$map": [[1, "one"], [2, "two"]]}
 *   true, false, null             true, false, null
 *   undefined, simple values      {"$simple": 23}
 *   tagged value                  {"$tag": 0, "value": "2026-01-01T00:00:00Z"}
 *
 * A map is "any other" if a key is not a text, begins with `$`, or has a NUL in
 * it; so an object with a `$` in a key never means anything but the above, and is
 * refused when it is none of them. Reading an integer keeps it one, and so with a
 * float. json-c does the parsing; where even its strict mode lets things pass (a
 * member twice, numbers out of range, lone surrogates, control bytes in
 * strings, NaN, `1.`), json_read() is stricter.
 *
 * Threads: any, each object by one at a time. Blocks: never. A JSON null is a
 * NULL pointer, as json-c has it. Nesting is limited to 32 levels of CBOR.
 */

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	JSON_E_INVALID =
		1, /* the text, the tree or the CBOR is not what it should be: see the fault */
};

/* What is wrong, and at which byte of the input (0 for trees, which have no bytes). */
struct json_fault {
	size_t offset;
	char text[120];
};

/*
 * json_read() - read one JSON text, strictly
 * @ret: the caller's, json_object_put(); NULL for null
 *
 * Return: 0; JSON_E_INVALID; -ENOMEM.
 */
int json_read(
	const char *text, size_t size, struct json_object **ret, struct json_fault *ret_fault);

/*
 * json_print() - write JSON text on one line, or on several for people
 *
 * The text has no control bytes except newlines, also none of those beyond ASCII: a terminal may
 * show it.
 *
 * Return: a C string, the caller's to free(); NULL: no memory.
 */
char *json_print(struct json_object *value, bool for_people);

/*
 * json_to_cbor() - encode a tree
 * @ret: the caller's to free()
 *
 * Return: 0; JSON_E_INVALID a `$` object that is none; -ENOMEM.
 */
int json_to_cbor(
	struct json_object *value, void **ret, size_t *ret_size, struct json_fault *ret_fault);

/* json_to_cbor_with() - the same with so many descriptors beside it, which the tree may name */
int json_to_cbor_with(struct json_object *value, uint32_t n_fds, void **ret, size_t *ret_size,
	struct json_fault *ret_fault);

/*
 * json_from_cbor() - decode one item
 * @ret: the caller's, json_object_put(); NULL for null
 *
 * Return: 0; JSON_E_INVALID not one valid item of CBOR, or a key twice; -ENOMEM.
 */
int json_from_cbor(
	const void *cbor, size_t size, struct json_object **ret, struct json_fault *ret_fault);

struct tern_cbor_hooks;

/* json_from_hooked() - the same of a message, whose parts hooks->part() knows: bytes that lie there are {"$bytes": …} */
int json_from_hooked(const void *cbor, size_t size, const struct tern_cbor_hooks *hooks,
	struct json_object **ret, struct json_fault *ret_fault);

/* json_new_bytes() - {"$bytes": …}. Return: 0; -ENOMEM. */
int json_new_bytes(const void *bytes, size_t size, struct json_object **ret);

/* json_new_text() - a C string as it is; {"$bytes": …} if it is no UTF-8. NULL: no memory. */
struct json_object *json_new_text(const char *text);

/* json_is_text() - is this UTF-8 (no surrogates, nothing overlong, at most U+10FFFF)? */
bool json_is_text(const char *text, size_t size, size_t *ret_offset);

static inline void
json_putp(struct json_object **value)
{
	(void)json_object_put(*value); /* how many others hold it does not matter */
}

/* json_fault_set() - say what is wrong; always JSON_E_INVALID */
int json_fault_set(struct json_fault *fault, size_t offset, const char *format, ...)
	__attribute__((__format__(__printf__, 3, 4)));
