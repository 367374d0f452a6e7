/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * interface: what a service offers, as a tree made from its text
 *
 * docs/interface.md has the language. A tree is one block of memory that begins
 * with struct interface and has no pointers in it: its parts name each other
 * by their distance from the start, 0 for none. So a part costs little, a
 * tree can be moved as bytes, and checking a value needs no second form.
 *
 *     interface org.example.Mixer
 *     type Player (name: string, volumes: []uint)
 *     method List() -> (players: []Player)
 *
 *     interface ─► member TYPE "Player"
 *        [0] STRUCT 2 ─► field "name" STRING ─► field "volumes" ARRAY ─► UINT
 *                  ─► member METHOD "List"
 *        [IN] STRUCT 0  [IN_STREAM] NONE  [OUT_STREAM] NONE
 *        [OUT] STRUCT 1 ─► field "players" ARRAY ─► NAMED ─► member "Player"
 *
 * A tree never changes.  Threads: any.  Blocks: never.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"

enum {
	INTERFACE_MAX_SIZE = 256 << 10, /* bytes of text */
	INTERFACE_MAX_MEMBERS = 1024,
	INTERFACE_MAX_ITEMS = 8192, /* members, fields and values together */
	INTERFACE_MAX_FIELDS = 512, /* in one struct, or values in one enum */
	INTERFACE_MAX_DEPTH = 16,   /* of brackets in each other */
	INTERFACE_MAX_NAME = 127,   /* bytes, of a member, a field or a value */
	INTERFACE_MAX_FAULTS = 8,   /* kept; more are only counted */
};

/* What a type is. */
enum interface_kind {
	KIND_NONE, /* of a stream: there is none */
	KIND_BOOL,
	KIND_INT,
	KIND_UINT,
	KIND_FLOAT,
	KIND_STRING,
	KIND_BYTES,
	KIND_FD,
	KIND_OBJECT, /* any map */
	KIND_ANY,    /* any one value */
	KIND_STRUCT,
	KIND_ENUM,
	KIND_ARRAY,
	KIND_MAP,
	KIND_NAMED, /* what a member of kind MEMBER_TYPE says */
	N_KINDS,
};

enum member_kind {
	MEMBER_TYPE,
	MEMBER_METHOD,
	MEMBER_ERROR,
	MEMBER_EVENT,
	MEMBER_STATE,
	N_MEMBER_KINDS,
};

/* The types of a method; the other members have one, [0]. */
enum {
	METHOD_IN,	   /* the arguments, of the call itself */
	METHOD_IN_STREAM,  /* of each message that follows the call */
	METHOD_OUT_STREAM, /* of each message that comes before the answer */
	METHOD_OUT,	   /* of the answer, which ends the call */
	N_METHOD_TYPES,
};

struct interface_type {
	uint8_t kind;
	uint8_t is_optional;
	uint16_t n;   /* STRUCT, ENUM: fields, values */
	uint32_t ref; /* STRUCT, ENUM: the first; ARRAY, MAP: type of the elements; NAMED: member */
};

/* What has a name: the interface, a member, a field; nothing else for a value of an enum. */
struct interface_item {
	uint32_t next;
	uint32_t name;
	uint16_t name_size;
	uint16_t order; /* among its siblings, from 0 */
	uint32_t docs;
	uint32_t notes;
};

struct interface_field {
	struct interface_item item;
	struct interface_type type;
};

struct interface_member {
	struct interface_item item;
	uint32_t source; /* where its name was in the text, in bytes */
	uint8_t kind;
	uint8_t marks; /* while the tree is made */
	uint16_t reserved;
	struct interface_type types[]; /* 1, or N_METHOD_TYPES */
};

struct interface {
	struct interface_item item;
	uint32_t members;
	uint32_t n_members;
	uint32_t size; /* of the block */
};

/* What is wrong with a text. */
struct interface_fault {
	uint32_t line;	 /* from 1 */
	uint32_t column; /* from 1, in characters */
	uint32_t offset; /* in bytes */
	uint32_t size;	 /* of what is at fault; 0 at the end of the text */
	char text[192];	 /* what is wrong and what to do, for people; no control characters */
};

struct interface_faults {
	uint32_t n; /* found; the first INTERFACE_MAX_FAULTS of them are here */
	struct interface_fault items[INTERFACE_MAX_FAULTS];
};

enum {
	INTERFACE_E_INVALID = 1,
};

/**
 * interface_parse() - make the tree of a text, which anybody may have written
 * @ret: the caller's, interface_free()
 * @ret_faults: set with INTERFACE_E_INVALID; may be NULL
 *
 * Time: linear, but for names, which are compared with their siblings. Memory:
 * four times the size and 64 KiB at most while it runs, then what the tree needs.
 *
 * Return: 0; INTERFACE_E_INVALID; -ENOMEM.  Threads: any.  Blocks: never.
 */
int interface_parse(
	const char *text, size_t size, struct interface **ret, struct interface_faults *ret_faults);

/* interface_free() - returns NULL */
struct interface *interface_free(struct interface *i);
DEFINE_FREEP(struct interface, interface_free)

/**
 * interface_find() - the member with this name, of whatever kind
 *
 * Return: the member, the tree's; NULL.  Threads: any.  Blocks: never.
 */
const struct interface_member *interface_find(
	const struct interface *i, const char *name, size_t size);

/* interface_near() - the name of a member of this kind that may have been meant; NULL: none */
const char *interface_near(const struct interface *i, enum member_kind kind, const char *name);

/**
 * interface_tag() - what documentation says behind @tag at the beginning of a line
 * @docs: from interface_docs(), may be NULL
 * @tag: "since", "deprecated"
 *
 * Return: the rest of that line, in @docs; NULL: no such line.  Threads: any.  Blocks: never.
 */
const char *interface_tag(const char *docs, const char *tag, size_t *ret_size);

/* member_keyword() - "method" for MEMBER_METHOD; kind_keyword() - "int" for KIND_INT: constants */
const char *member_keyword(enum member_kind kind);
const char *kind_keyword(enum interface_kind kind);

/* -------- walking about -------- */

static inline const void *
interface_at(const struct interface *i, uint32_t ref)
{
	return ref ? (const char *)i + ref : NULL;
}

/* interface_name() - a C string, never NULL; of i->item: the name of the interface */
static inline const char *
interface_name(const struct interface *i, const struct interface_item *item)
{
	return interface_at(i, item->name);
}

/* interface_docs() - the comment right above, lines ended by '\n' but for the last; NULL: none */
static inline const char *
interface_docs(const struct interface *i, const struct interface_item *item)
{
	return interface_at(i, item->docs);
}

/* interface_notes() - comments above that, with an empty line between, which are about no item */
static inline const char *
interface_notes(const struct interface *i, const struct interface_item *item)
{
	return interface_at(i, item->notes);
}

/* interface_members() - the first in the text; member_next() - the one behind; NULL: no more */
static inline const struct interface_member *
interface_members(const struct interface *i)
{
	return interface_at(i, i->members);
}

static inline const struct interface_member *
member_next(const struct interface *i, const struct interface_member *member)
{
	return interface_at(i, member->item.next);
}

/* type_fields(), type_values() - the first of a STRUCT, of an ENUM; NULL: it has none */
static inline const struct interface_field *
type_fields(const struct interface *i, const struct interface_type *type)
{
	return interface_at(i, type->ref);
}

static inline const struct interface_field *
field_next(const struct interface *i, const struct interface_field *field)
{
	return interface_at(i, field->item.next);
}

static inline const struct interface_item *
type_values(const struct interface *i, const struct interface_type *type)
{
	return interface_at(i, type->ref);
}

static inline const struct interface_item *
value_next(const struct interface *i, const struct interface_item *value)
{
	return interface_at(i, value->next);
}

/* type_elements() - what an ARRAY or a MAP is of */
static inline const struct interface_type *
type_elements(const struct interface *i, const struct interface_type *type)
{
	return interface_at(i, type->ref);
}

/* type_member() - whom a NAMED type names */
static inline const struct interface_member *
type_member(const struct interface *i, const struct interface_type *type)
{
	return interface_at(i, type->ref);
}
