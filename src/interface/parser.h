/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * parser: what the files that make a tree share
 *
 * The tree grows upwards in a block of a size that is fixed by that of the text,
 * so nothing moves while it is made, and no text can ask for more.
 *
 * Comments. What is between two tokens is a gap. A comment in it on the line of the
 * first token belongs to the item that was there last; the rest waits for the next
 * token: if an item begins there it is the item's, otherwise it, too, goes to the last.
 * So none is lost, wherever it stands.
 */

#include "interface/interface.h"

enum {
	TOKEN_END = 1, /* punctuation is its own character */
	TOKEN_WORD,    /* a letter, then letters, digits and underscores */
	TOKEN_ARROW,
	TOKEN_UNKNOWN,
};

/* A piece of the text, in bytes from its start. */
struct span {
	uint32_t at, end;
};

struct parser {
	const char *text;
	uint32_t size;
	uint32_t at; /* behind the token */
	int token;
	struct span span;	/* of the token */
	uint32_t behind;	/* where the token before it ends */
	struct span waiting;	/* comments in front of it */
	struct interface *tree; /* the block */
	uint32_t room;		/* its size */
	uint32_t used;
	uint32_t n_items;
	bool full;		     /* there is no going on, and that is told */
	struct interface_item *last; /* whose a comment behind something is; NULL: nobody's yet */
	struct interface_member *members_end;
	struct interface_faults *faults;
};

/* parser_next() - go to the next token */
void parser_next(struct parser *p);

/* parser_is_word() - is the token this word? */
bool parser_is_word(const struct parser *p, const char *word);

/* parser_sees() - does this character come next behind the token, after blanks and comments? */
bool parser_sees(const struct parser *p, char c);

/* parser_take_comments() - what waits in front of the token, for the item that begins there */
struct span parser_take_comments(struct parser *p);

/* parser_fault() - something is wrong at a place of the text; always INTERFACE_E_INVALID */
int parser_fault(struct parser *p, struct span where, const char *format, ...) _printf_(3, 4);

/* parser_expected() - the token is not what has to be there; always INTERFACE_E_INVALID */
int parser_expected(struct parser *p, const char *what);

/* parser_missing() - the same, told behind the token before where this one is on another line */
int parser_missing(struct parser *p, const char *what);

/* parser_grow() - zeroed memory of the block, a multiple of 4; NULL: none left, which is told */
void *parser_grow(struct parser *p, uint32_t size);

static inline uint32_t
parser_ref(const struct parser *p, const void *part)
{
	return (uint32_t)((const char *)part - (const char *)p->tree);
}

/*
 * parser_item() - give an item in the block a name, and make comments into its notes and docs
 *
 * Return: 0, and the item is p->last; INTERFACE_E_INVALID: too many, or no memory left.
 */
int parser_item(
	struct parser *p, struct interface_item *item, struct span name, struct span comments);

/* item_comment() - more documentation for an item; what has no room is a fault */
void item_comment(struct parser *p, struct interface_item *item, struct span comments);

/* parser_resolve() - names of types lead somewhere, types have values: or faults say which not */
void parser_resolve(struct parser *p);
