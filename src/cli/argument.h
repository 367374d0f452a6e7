/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * argument: the words behind a member, as one value
 *
 *   none                no value
 *   ARG                 that value
 *   ARG ARG …           an array of them
 *   KEY=VALUE …         a map, text keys
 *
 *   ARG, KEY=VALUE      JSON if it is JSON, else text as it stands
 *   KEY:=VALUE          JSON only
 *   KEY==VALUE          text only, whatever it looks like
 *   -                   (alone) JSON from standard input
 *   @FILE               (alone) JSON from a file
 *
 * What begins with { [ or " was meant as JSON and is refused when it is none. A
 * KEY is a letter or _, then letters, digits, _ - and dots; what is to be a text with
 * a = after such a word is given as a JSON string.
 */

#include <json-c/json_object.h>
#include <stddef.h>

enum {
	ARGUMENT_E_INVALID = 1,
};

/* What is wrong, for people. */
struct argument_fault {
	char text[256];
};

/* argument_bad() - say what is wrong; always ARGUMENT_E_INVALID */
int argument_bad(struct argument_fault *why, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* argument_key() - length of the KEY in front of =, := or ==; 0: the word has none */
size_t argument_key(const char *word);

/* argument_json(), argument_text() - one word as JSON only, as text only; results as argument_value() */
int argument_json(const char *word, struct json_object **ret, struct argument_fault *why);
int argument_text(const char *word, struct json_object **ret, struct argument_fault *why);

/*
 * argument_value() - one word: JSON if it is JSON, else text
 * @ret: the caller's; NULL for null
 * @why: set with ARGUMENT_E_INVALID
 *
 * Return: 0; ARGUMENT_E_INVALID; -ENOMEM.  Blocks: never.
 */
int argument_value(const char *word, struct json_object **ret, struct argument_fault *why);

/*
 * argument_read() - the value of n >= 1 words, as above
 *
 * Return, @ret and @why as argument_value().  Blocks: while it reads standard input.
 */
int argument_read(
	char *const *words, size_t n, struct json_object **ret, struct argument_fault *why);

/* argument_input() - JSON from standard input, 64 MiB at most; the same results */
int argument_input(struct json_object **ret, struct argument_fault *why);

/* argument_file() - the same from a file */
int argument_file(const char *path, struct json_object **ret, struct argument_fault *why);
