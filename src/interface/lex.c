/* SPDX-License-Identifier: MIT */

/*
 * lex: the tokens of a text, the comments between them, and faults with their place
 */

#include <stdarg.h>
#include <stdio.h>

#include "interface/parser.h"
#include "wire/utf8.h"

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_word_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/* What Varlink takes for blank besides those of ASCII; n is what the character has of bytes. */
static uint32_t
blank_size(const char *at)
{
	size_t n;
	uint32_t c;

	if (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		return 1;
	if (!(*at & 0x80))
		return 0;
	c = utf8_next(at, &n);
	if (c == 0xa0 || c == 0xfeff || c == 0x1680 || c == 0x180e ||
		(c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
		c == 0x205f || c == 0x3000)
		return (uint32_t)n;
	return 0;
}

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* gap_end() - behind the blanks and comments at this place; *ret_line: where the first line ends */
static uint32_t
gap_end(const struct parser *p, uint32_t at, uint32_t *ret_line)
{
	bool is_comment = false;
	uint32_t n;

	*ret_line = UINT32_MAX;
	for (; at < p->size; at += n) {
		if (is_line_end(p->text[at])) {
			is_comment = false;
			*ret_line = MIN(*ret_line, at);
		}
		is_comment = is_comment || p->text[at] == '#';
		n = is_comment ? 1 : blank_size(p->text + at);
		if (n == 0)
			break;
	}
	*ret_line = MIN(*ret_line, at);
	return at;
}

static int
token_at(struct parser *p)
{
	const char *at = p->text + p->at;
	uint32_t left = p->size - p->at, n = 1;

	if (left == 0)
		return TOKEN_END;
	if (is_letter(*at)) {
		while (n < left && is_word_char(at[n]))
			n++;
		p->at += n;
		return TOKEN_WORD;
	}
	if (left > 1 && at[0] == '-' && at[1] == '>') {
		p->at += 2;
		return TOKEN_ARROW;
	}
	p->at++;
	if (strchr("()[],:?", *at))
		return *at;
	while (p->at < p->size && (p->text[p->at] & 0xc0) == 0x80)
		p->at++; /* the whole character */
	return TOKEN_UNKNOWN;
}

void
parser_next(struct parser *p)
{
	uint32_t from = p->at, line;

	p->behind = from;
	if (p->waiting.at < p->waiting.end && p->last)
		item_comment(p, p->last, p->waiting);
	p->at = gap_end(p, from, &line);
	if (!p->last)
		line = from; /* nothing is in front of it */
	else if (line > from)
		item_comment(p, p->last, (struct span){from, line});
	p->waiting = (struct span){line, p->at};
	p->span.at = p->at;
	p->token = token_at(p);
	p->span.end = p->at;
}

bool
parser_is_word(const struct parser *p, const char *word)
{
	size_t n = strlen(word);

	return p->token == TOKEN_WORD && p->span.end - p->span.at == n &&
	       !memcmp(p->text + p->span.at, word, n);
}

bool
parser_sees(const struct parser *p, char c)
{
	uint32_t line, at = gap_end(p, p->at, &line);

	return at < p->size && p->text[at] == c;
}

struct span
parser_take_comments(struct parser *p)
{
	struct span comments = p->waiting;

	p->waiting.at = p->waiting.end;
	return comments;
}

/* -------- faults -------- */

static void
fault_place(const struct parser *p, struct interface_fault *fault, struct span where)
{
	fault->line = 1;
	fault->column = 1;
	for (uint32_t i = 0; i < where.at; i++) {
		char c = p->text[i];

		if (c == '\n' || (c == '\r' && (i + 1 == p->size || p->text[i + 1] != '\n'))) {
			fault->line++;
			fault->column = 1;
		} else if ((c & 0xc0) != 0x80) {
			fault->column++;
		}
	}
	fault->offset = where.at;
	fault->size = where.end - where.at;
}

int
parser_fault(struct parser *p, struct span where, const char *format, ...)
{
	struct interface_fault *fault;
	va_list ap;

	if (p->faults->n++ >= INTERFACE_MAX_FAULTS)
		return INTERFACE_E_INVALID;
	fault = &p->faults->items[p->faults->n - 1];
	fault_place(p, fault, where);
	va_start(ap, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, ap); /* may be cut */
	va_end(ap);
	return INTERFACE_E_INVALID;
}

static int
expected_at(struct parser *p, struct span where, const char *what)
{
	uint32_t size = MIN(p->span.end - p->span.at, 40u);

	if (p->token == TOKEN_END)
		return parser_fault(p, where, "expected %s; here the text ends", what);
	return parser_fault(
		p, where, "expected %s, found '%.*s'", what, (int)size, p->text + p->span.at);
}

int
parser_expected(struct parser *p, const char *what)
{
	return expected_at(p, p->span, what);
}

int
parser_missing(struct parser *p, const char *what)
{
	uint32_t line;

	if (gap_end(p, p->behind, &line) > line)
		return expected_at(p, (struct span){p->behind, p->behind}, what);
	return expected_at(p, p->span, what);
}
