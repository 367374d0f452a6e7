/* SPDX-License-Identifier: MIT */

/*
 * item: memory for the tree, names, and comments as documentation
 *
 * Documentation is the block of comment lines right above an item; what is above
 * that, an empty line between, are notes. Both are kept without the '#', one blank
 * behind it, and blanks at the ends of lines.
 */

#include "interface/parser.h"

void *
parser_grow(struct parser *p, uint32_t size)
{
	void *part = (char *)p->tree + p->used;

	assert(p->used % 4 == 0 && size % 4 == 0);
	if (p->full || size > p->room - p->used) {
		if (!p->full)
			(void)parser_fault(
				p, p->span, "too much for a text of this size"); /* told */
		p->full = true;
		return NULL;
	}
	p->used += size;
	return memset(part, 0, size);
}

/* One line of comments: *at moves behind it. False: there is none with an end of its own. */
static bool
line_take(const struct parser *p, struct span *comments, struct span *ret)
{
	uint32_t at = comments->at;

	if (at >= comments->end)
		return false;
	while (at < comments->end && p->text[at] != '\n' && p->text[at] != '\r')
		at++;
	*ret = (struct span){comments->at, at};
	if (at + 1 < comments->end && p->text[at] == '\r' && p->text[at + 1] == '\n')
		at++;
	comments->at = at + 1;
	return true;
}

/* line_text() - what is behind the '#'; false: the line has none */
static bool
line_text(const struct parser *p, struct span *line)
{
	const char *hash = memchr(p->text + line->at, '#', line->end - line->at);

	if (!hash)
		return false;
	line->at = (uint32_t)(hash - p->text) + 1;
	if (line->at < line->end && p->text[line->at] == ' ')
		line->at++;
	while (line->end > line->at && strchr(" \t", p->text[line->end - 1]))
		line->end--;
	return true;
}

/* comments_split() - where the documentation begins, behind the last empty line */
static uint32_t
comments_split(const struct parser *p, struct span comments)
{
	uint32_t from = comments.at;
	struct span line;

	while (line_take(p, &comments, &line))
		/* the last piece, in front of the token itself, is no line */
		if (!line_text(p, &line) && line.end < comments.at && comments.at <= comments.end)
			from = comments.at;
	return from;
}

/*
 * comments_write() - a text out of comments, behind one that is there already
 *
 * Without empty lines at its beginning and end. Return: the text; 0: nothing to say.
 */
static uint32_t
comments_write(struct parser *p, uint32_t before, struct span comments)
{
	const char *old = interface_at(p->tree, before);
	size_t n = old ? strlen(old) : 0;
	uint32_t room = (uint32_t)n + comments.end - comments.at + 2;
	char *text = parser_grow(p, ALIGN_TO(room, 4u));
	bool has_text = false;
	struct span line;

	if (!text)
		return before;
	if (old)
		memcpy(text, old, n);
	while (line_take(p, &comments, &line)) {
		bool is_comment = line_text(p, &line);

		if (n > 0 && (has_text || is_comment))
			text[n++] = '\n';
		has_text = has_text || is_comment;
		if (!is_comment)
			continue;
		memcpy(text + n, p->text + line.at, line.end - line.at);
		n += line.end - line.at;
	}
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	p->used = parser_ref(p, text) + ALIGN_TO((uint32_t)n + 1, 4u);
	if (has_text && n > 0)
		return parser_ref(p, text);
	p->used = parser_ref(p, text); /* give it back */
	return before;
}

void
item_comment(struct parser *p, struct interface_item *item, struct span comments)
{
	if (memchr(p->text + comments.at, '#', comments.end - comments.at))
		item->docs = comments_write(p, item->docs, comments);
}

int
parser_item(struct parser *p, struct interface_item *item, struct span name, struct span comments)
{
	uint32_t split = comments_split(p, comments), size = name.end - name.at;
	char *text = parser_grow(p, ALIGN_TO(size + 1, 4u));

	if (!text)
		return INTERFACE_E_INVALID;
	if (++p->n_items > INTERFACE_MAX_ITEMS) {
		p->full = true;
		return parser_fault(
			p, name, "more than %d members, fields and values", INTERFACE_MAX_ITEMS);
	}
	memcpy(text, p->text + name.at, size);
	item->name = parser_ref(p, text);
	item->name_size = (uint16_t)size;
	if (memchr(p->text + comments.at, '#', split - comments.at))
		item->notes = comments_write(p, 0, (struct span){comments.at, split});
	item_comment(p, item, (struct span){split, comments.end});
	p->last = item;
	return 0;
}
