/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * generate-c: an interface as C: a header and a source on top of <tern/tern.h>
 *
 * First every name is made (generate-c-name.c), since it has to differ from all others; then both texts are
 * written from the tree. Whatever a struct has inside is read and written by formats; what these
 * cannot say (arrays, maps, words, what may be missing) by small functions that their `f` calls:
 *
 *     struct mixer_player     tern_message_unpack(m, "{player:s,state:f,volume:u}", &v->player,
 *                                     get_mixer_player_state, &v->state, &v->volume);
 */

#include <stdio.h>

#include "interface/interface.h"

enum {
	GENERATE_MAX_PREFIX = 64,
};

struct c_word; /* a name that is taken */

struct c_generator {
	const struct interface *i;
	const char *prefix;	      /* of all names: "mixer" */
	char upper[GENERATE_MAX_PREFIX + 1]; /* "MIXER" */
	char **names;		      /* by where in the tree what they name is, in words of 4 bytes */
	uint8_t *uses;		      /* the same: C_* */
	uint8_t kinds[N_KINDS];	      /* C_* of those without a name */
	void *taken;		      /* tsearch(3) */
	bool failed;		      /* no memory: what there is is of no use */
	FILE *out;
};

/* Which functions of a type are needed, and what is done. */
enum {
	C_PUT = 1,
	C_PUT_OPTIONAL = 2, /* where it may be missing */
	C_GET = 4,
	C_GET_OPTIONAL = 8,
	C_DEFINED = 16, /* its struct, or enum, is written */
	C_VISITED = 32,
};

/* -------- names (generate-c-name.c) -------- */

/* c_prefix() - the prefix for an interface, or of what the caller wishes. Return: 0; -EINVAL: it cannot be one. */
int c_prefix(const struct interface *i, const char *wish, char ret[GENERATE_MAX_PREFIX + 1]);

/* c_names_make() - all of them; failures are in g->failed */
void c_names_make(struct c_generator *g);
void c_names_free(struct c_generator *g);

/* c_name() - of what lies there in the tree: a member, a field, a value, a struct, an enum, an array, a map */
const char *c_name(const struct c_generator *g, const void *part);

/* c_op() - of a method, in struct ..._ops */
const char *c_op(const struct c_generator *g, const struct interface_member *method);

/* c_upper() - in capitals. Return: buf. */
const char *c_upper(const char *name, char *buf, size_t size);

/* -------- types (generate-c-type.c) -------- */

/* c_type() - what a NAMED type stands for, else itself */
const struct interface_type *c_type(const struct c_generator *g, const struct interface_type *type);

/* c_is_pointer() - is it `const T *` where it may be missing? */
bool c_is_pointer(const struct c_generator *g, const struct interface_type *type);

/* c_put_type() - "int64_t ", "const char *": to be followed by a name; is_value: as if it could not be missing */
void c_put_type(struct c_generator *g, const struct interface_type *type, bool is_value);

/* c_function() - behind "put_" and "get_": "int64", "mixer_player" */
const char *c_function(const struct c_generator *g, const struct interface_type *type);

/* c_needs_nothing() - can every field be missing? */
bool c_needs_nothing(const struct c_generator *g, const struct interface_type *type);

/* c_has_text() - of an error: has it a field `text`, which is what people read? */
bool c_has_text(const struct c_generator *g, const struct interface_type *type);

/* c_is_stream() - does a method have parts, either way? */
bool c_is_stream(const struct interface_member *method);

/* c_is_long() - too many fields for one format */
bool c_is_long(const struct interface_type *type);

/* c_has_bytes() - may `bytes` be somewhere in it? */
bool c_has_bytes(const struct c_generator *g, const struct interface_type *type);

/* c_mark_uses() - which functions of types the members need; c_uses() - of this one, C_* */
void c_mark_uses(struct c_generator *g);
uint8_t c_uses(struct c_generator *g, const struct interface_type *type);

/* c_mark() - also this of C_*. Return: false: it was before. */
bool c_mark(struct c_generator *g, const struct interface_type *type, uint8_t mark);

/* c_is_packed() - a format has an array of this kind, as *X; c_letter() - of elements like that: X */
bool c_is_packed(const struct c_generator *g, const struct interface_type *array);
char c_letter(const struct interface_type *type);

/*
 * c_put_pack() - ", FORMAT, ARGUMENTS" for the struct v points to; c_put_unpack() - the way back
 * @may_lend: bytes may be lent
 */
void c_put_pack(struct c_generator *g, const struct interface_type *type, const char *before, bool may_lend);
void c_put_unpack(struct c_generator *g, const struct interface_type *type);

/* c_put_pack_all() - also of one that has no fields; with lending */
void c_put_pack_all(struct c_generator *g, const struct interface_type *type);

/* c_put_unpack_some() - for some of its fields */
void c_put_unpack_some(struct c_generator *g, const struct interface_field *field, size_t n);

/* c_put_field_pack() - FORMAT and ARGUMENTS of one field by itself; it is there */
void c_put_field_pack(struct c_generator *g, const struct interface_field *field);
/* c_put_presence() - an expression that tells whether it is there */
void c_put_presence(struct c_generator *g, const struct interface_field *field);

/* -------- texts -------- */

/* c_print() - to the text; what fails stays in the stream, until it is closed */
void c_print(struct c_generator *g, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));

/* c_put_docs() - as a comment, with `more` behind it; nothing if there is neither */
void c_put_docs(struct c_generator *g, const char *indent, const char *docs, const char *more);

void c_write_header(struct c_generator *g);    /* generate-c-header.c */
void c_write_functions(struct c_generator *g); /* generate-c-source.c: of types, all static */
void c_write_source(struct c_generator *g);    /* generate-c-member.c: all of it */

/**
 * generate_c() - both texts
 * @prefix: of all names; NULL: the last element of the interface's name
 * @ret_header, @ret_source: C strings, the caller's to free()
 * @ret_prefix: the one that was taken
 *
 * The same tree gives the same texts. Files are to be called PREFIX-tern.h and PREFIX-tern.c.
 *
 * Return: 0; -EINVAL the prefix is none; -ENOMEM.  Blocks: never.
 */
int generate_c(const struct interface *i, const char *prefix, char **ret_header, char **ret_source,
	char ret_prefix[GENERATE_MAX_PREFIX + 1]);
