/* SPDX-License-Identifier: MIT */

/*
 * json-text: JSON text, read strictly, and written so that a terminal may show it
 *
 * The grammar is json-c's business. scan_text() looks at what json-c 0.16 lets
 * pass: it walks over the strings and the words between them, without minding
 * how they nest. A member that is twice in its object shows in the sums: the
 * text then has more members than the tree. json-c also loses some characters
 * written as surrogate pairs (those with D8 to DF in the middle: U+1D800, …);
 * join_pairs() writes them as themselves.
 */

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/plain.h"

#define MAX_DEPTH 128 /* a $map takes three levels; the writer of CBOR has its own limit */

struct scan {
	const char *text;
	size_t size;
	size_t at;
	size_t n_pairs;	  /* surrogate pairs */
	size_t n_members; /* colons outside strings */
	bool has_nul;	  /* in the string seen last */
	size_t string;	  /* where that began */
	struct json_fault *fault;
};

int
json_fault_set(struct json_fault *fault, size_t offset, const char *format, ...)
{
	va_list ap;

	fault->offset = offset;
	va_start(ap, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, ap); /* may be cut */
	va_end(ap);
	return JSON_E_INVALID;
}

/* utf8_length() - bytes of the character at text[0], 0: none */
static size_t
utf8_length(const char *text, size_t size)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)text[0];
	size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t character;

	if (n < 2 || first > 0xf4)
		return first > 0xf4 ? 0 : n;
	if (n > size)
		return 0;
	character = first & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if (((uint8_t)text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | ((uint8_t)text[i] & 0x3f);
	}
	if (character < LEAST[n] || character > 0x10ffff ||
		(character >= 0xd800 && character < 0xe000))
		return 0;
	return n;
}

bool
json_is_text(const char *text, size_t size, size_t *ret_offset)
{
	for (size_t i = 0, n; i < size; i += n) {
		n = utf8_length(text + i, size - i);
		if (n == 0) {
			*ret_offset = i;
			return false;
		}
	}
	return true;
}

static bool
scan_hex4(const struct scan *s, size_t at, uint32_t *ret)
{
	char digits[5] = "";

	if (s->size - at < 4 || strspn(s->text + at, "0123456789abcdefABCDEF") < 4)
		return false;
	memcpy(digits, s->text + at, 4);
	*ret = (uint32_t)strtoul(digits, NULL, 16);
	return true;
}

/* scan_escape() - at a backslash; json-c knows the letters, but not what belongs together */
static int
scan_escape(struct scan *s)
{
	uint32_t high, low;
	size_t start = s->at;

	s->at += 2;
	if (s->at > s->size || s->text[start + 1] != 'u' || !scan_hex4(s, s->at, &high))
		return 0;
	s->at += 4;
	if (high == 0)
		s->has_nul = true;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high < 0xdc00 && s->size - s->at >= 6 && s->text[s->at] == '\\' &&
		s->text[s->at + 1] == 'u' && scan_hex4(s, s->at + 2, &low) && low >= 0xdc00 &&
		low <= 0xdfff) {
		s->at += 6;
		s->n_pairs++;
		return 0;
	}
	return json_fault_set(s->fault, start, "half a surrogate pair");
}

static int
scan_string(struct scan *s)
{
	s->string = s->at++;
	s->has_nul = false;
	while (s->at < s->size && s->text[s->at] != '"') {
		uint8_t c = (uint8_t)s->text[s->at];
		size_t n;
		int r;

		if (c < 0x20)
			return json_fault_set(
				s->fault, s->at, "byte 0x%02x must be escaped in a string", c);
		if (c == '\\') {
			r = scan_escape(s);
			if (r)
				return r;
			continue;
		}
		n = utf8_length(s->text + s->at, s->size - s->at);
		if (n == 0)
			return json_fault_set(s->fault, s->at, "not UTF-8");
		s->at += n;
	}
	s->at++; /* json-c finds a string without an end */
	return 0;
}

/* is_number() - the grammar of RFC 8259, 6 */
static bool
is_number(const char *word)
{
	static const char DIGITS[] = "0123456789";

	word += *word == '-';
	if (*word == '0')
		word++;
	else if (*word && strchr(DIGITS, *word))
		word += strspn(word, DIGITS);
	else
		return false;
	if (*word == '.') {
		size_t n = strspn(++word, DIGITS);

		if (n == 0)
			return false;
		word += n;
	}
	if (*word == 'e' || *word == 'E') {
		word++;
		word += *word == '+' || *word == '-';
		if (!*word)
			return false;
		word += strspn(word, DIGITS);
	}
	return !*word;
}

static int
scan_word(struct scan *s)
{
	size_t start = s->at, n = strcspn(s->text + s->at, " \t\r\n\"[]{},:");
	_cleanup_(freep) char *word = NULL;
	int r = 0;

	n = MIN(n, s->size - s->at);
	s->at += MAX(n, 1U); /* a NUL is a word of its own */
	word = strndup(s->text + start, n);
	if (!word)
		return -ENOMEM;
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0 || strcmp(word, "null") == 0)
		return 0;
	if (!is_number(word))
		return json_fault_set(s->fault, start, "'%.40s' is no JSON value", word);
	errno = 0;
	if (word[strcspn(word, ".eE")]) {
		if (strtod(word, NULL) > 1.7976931348623157e308 ||
			strtod(word, NULL) < -1.7976931348623157e308)
			r = ERANGE;
	} else if (word[0] == '-') {
		(void)strtoll(word, NULL, 10); /* errno tells */
		r = errno;
	} else {
		(void)strtoull(word, NULL, 10);
		r = errno;
	}
	return r ? json_fault_set(s->fault, start, "%.60s is out of range", word) : 0;
}

/* scan_text() - find what json-c lets pass; `text` has a NUL behind its end */
static int
scan_text(struct scan *s)
{
	int r = 0;

	while (r == 0 && s->at < s->size) {
		char c = s->text[s->at];

		if (c == '"') {
			r = scan_string(s);
		} else if (c == ':') {
			if (s->has_nul)
				return json_fault_set(
					s->fault, s->string, "a name of a member with a NUL in it");
			s->n_members++;
			s->at++;
		} else if (c && strchr(" \t\r\n[]{},", c)) {
			s->at++;
		} else {
			r = scan_word(s);
		}
	}
	return r;
}

/* join_pairs() - write surrogate pairs, which are all whole, as characters: in place, since that is
 * shorter */
static size_t
join_pairs(char *text, size_t size)
{
	struct scan s = {.text = text, .size = size};
	size_t out = 0;
	uint32_t high, low;

	while (s.at < size) {
		if (text[s.at] != '\\') {
			text[out++] = text[s.at++];
		} else if (text[s.at + 1] == 'u' && scan_hex4(&s, s.at + 2, &high) &&
			   high >= 0xd800 && high < 0xdc00 && scan_hex4(&s, s.at + 8, &low)) {
			uint32_t c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);

			text[out++] = (char)(0xf0 | c >> 18);
			text[out++] = (char)(0x80 | (c >> 12 & 0x3f));
			text[out++] = (char)(0x80 | (c >> 6 & 0x3f));
			text[out++] = (char)(0x80 | (c & 0x3f));
			s.at += 12;
		} else {
			text[out++] = text[s.at++];
			text[out++] = text[s.at++];
		}
	}
	text[out] = '\0';
	return out;
}

static size_t
count_members(struct json_object *value)
{
	size_t n = 0;

	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member)
		{
			(void)key; /* the macro names it */
			n += 1 + count_members(member);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			n += count_members(json_object_array_get_idx(value, i));
	}
	return n;
}

static int
parse_text(const char *text, size_t size, struct json_object **ret, struct json_fault *fault)
{
	struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	enum json_tokener_error error;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*ret = json_tokener_parse_ex(
		tokener, text, (int)size + 1); /* with the NUL: no more follows */
	error = json_tokener_get_error(tokener);
	fault->offset = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (error == json_tokener_success)
		return 0;
	if (error == json_tokener_error_parse_eof || error == json_tokener_continue)
		return json_fault_set(fault, size, "the text ends too early");
	return json_fault_set(fault, fault->offset, "%s", json_tokener_error_desc(error));
}

int
json_read(const char *text, size_t size, struct json_object **ret, struct json_fault *ret_fault)
{
	_cleanup_(freep) char *copy = NULL;
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct scan scan = {.size = size, .fault = ret_fault};
	int r;

	if (size >= INT32_MAX)
		return json_fault_set(ret_fault, 0, "longer than 2 GiB");
	copy = malloc(size + 1); /* both below want a NUL behind the end */
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, size);
	copy[size] = '\0';
	scan.text = copy;
	if (memchr(copy, '\0', size))
		return json_fault_set(ret_fault, strlen(copy), "a NUL byte");
	r = parse_text(copy, size, &value, ret_fault);
	if (r == 0)
		r = scan_text(&scan);
	if (r == 0 && scan.n_pairs > 0) {
		json_putp(&value);
		value = NULL;
		r = parse_text(copy, join_pairs(copy, size), &value, ret_fault);
	}
	if (r)
		return r;
	if (count_members(value) != scan.n_members)
		return json_fault_set(ret_fault, 0, "an object has a member twice");
	*ret = steal(value);
	return 0;
}

/* escape_hidden() - what plain.h does not show as it is: it occurs in strings only, where \u is allowed */
static char *
escape_hidden(const char *text)
{
	size_t n = strlen(text), n_found = 0, skip;
	char *copy, *out;
	uint32_t c;

	for (size_t i = 0; i < n; i++)
		n_found += plain_hidden(text + i, n - i, &c) > 0;
	copy = out = malloc(n + 5 * n_found + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < n; i += MAX(skip, 1U)) {
		skip = text[i] == '\n' ? 0 : plain_hidden(text + i, n - i, &c); /* what is between the values */
		if (skip)
			out += sprintf(out, "\\u%04x", c);
		else
			*out++ = text[i];
	}
	*out = '\0';
	return copy;
}

char *
json_print(struct json_object *value, bool for_people)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text;

	flags |= for_people ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
			    : JSON_C_TO_STRING_PLAIN;
	text = json_object_to_json_string_ext(value, flags);
	return text ? escape_hidden(text) : NULL;
}
