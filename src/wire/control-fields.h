/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * control-fields: what each control message consists of, as data
 *
 * One table a message; control.c walks it to write and to read. A nested map
 * has a table of its own whose offsets count from the beginning of its struct.
 */

#include "wire/control.h"

enum field_kind {
	FIELD_U64,
	FIELD_U32,
	FIELD_BOOL,
	FIELD_TEXT,  /* struct control_text, at most max bytes */
	FIELD_BYTES, /* struct control_bytes, at most max bytes */
	FIELD_TEXTS, /* {size_t n; struct control_text items[max]}, at most max_size bytes in all */
	FIELD_NUMBERS, /* {size_t n; uint32_t items[max]} */
	FIELD_MAP,     /* a struct of the fields in sub */
	FIELD_MAPS,    /* {size_t n; a struct of stride bytes items[max]} of the fields in sub */
};

struct field {
	const char *key; /* NULL ends a table */
	uint8_t key_size;
	uint8_t kind; /* enum field_kind */
	bool required;
	uint16_t offset;
	uint16_t max;
	uint16_t max_size;
	uint16_t stride;
	const struct field *sub;
};

struct control_form {
	uint32_t type; /* enum control_type; 0 ends the list */
	const char *name;
	const struct field *fields;
};

/* control_form() - what a message of this type consists of; NULL: not known */
const struct control_form *control_form(uint32_t type);
