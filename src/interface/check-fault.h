/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * check-fault: what is wrong with a value, and the way to it
 *
 * The way is put together from its end, as the check returns from one level after the
 * other: so a value that is right costs nothing for it.
 */

#include <tern/cbor.h>

#include "interface/check.h"

struct fault_path {
	char way[128]; /* filled from the end */
	uint32_t at;   /* where it begins; the size: empty */
	bool is_cut;   /* there was no room for more */
	char why[160];
};

/* All return CHECK_E_INVALID. */

/* fault_why() - what is wrong, where the way begins */
int fault_why(struct fault_path *f, const char *format, ...) _printf_(2, 3);

/* fault_found() - a value of another type; `found` is from tern_cbor_peek() */
int fault_found(struct fault_path *f, const struct interface_type *type, int found);

/* fault_unknown() - a name that is none of the fields or values of this type */
int fault_unknown(struct fault_path *f, const struct interface *i,
	const struct interface_type *type, const char *name, size_t size);

/* The value is in this field, at this place of an array, behind this key of a map. */
int fault_field(struct fault_path *f, const char *name);
int fault_index(struct fault_path *f, uint64_t index);
int fault_key(struct fault_path *f, const char *key, size_t size);

/* fault_cbor() - the bytes are at fault */
int fault_cbor(struct fault_path *f, const struct tern_cbor_fault *fault);

/* fault_text() - all of it for people */
int fault_text(const struct fault_path *f, struct check_fault *ret);
