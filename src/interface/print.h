/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * print: the text of a tree, in the one way that this program writes it
 *
 * What is printed gives the same tree when it is read, and that prints the same
 * text. Lines end at column 80 where they can; comments are above what they are
 * about. Each token comes with what it is, so that others can colour it.
 */

#include "interface/interface.h"

enum print_kind {
	PRINT_BLANK, /* spaces, ends of lines */
	PRINT_PUNCTUATION,
	PRINT_KEYWORD,
	PRINT_COMMENT,	 /* one line, without its end */
	PRINT_NAME,	 /* of the interface, of a member where it is said what it is */
	PRINT_FIELD,	 /* the name of one */
	PRINT_VALUE,	 /* of an enum */
	PRINT_TYPE,	 /* int, string, ... */
	PRINT_REFERENCE, /* the name of a type where it is used */
};

/* What takes the tokens, in order; the text is lent. */
typedef void print_fn(void *user, enum print_kind kind, const char *text, size_t size);

/**
 * interface_print() - hand over the tokens of the whole text
 *
 * Time: linear in the text. Allocates nothing.  Threads: any.  Blocks: never.
 */
void interface_print(const struct interface *i, print_fn *put, void *user);

/* interface_print_member() - of one member and its comments, ended by a line's end */
void interface_print_member(const struct interface *i, const struct interface_member *member,
	print_fn *put, void *user);

/**
 * interface_text() - the whole text, as memory
 * @ret: a C string, the caller's to free()
 *
 * Return: 0; -ENOMEM.  Threads: any.  Blocks: never.
 */
int interface_text(const struct interface *i, char **ret, size_t *ret_size);
