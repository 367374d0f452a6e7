/* SPDX-License-Identifier: MIT */

/*
 * cbor-format: one pass, no recursion; what is open is found by the parent links
 */

#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-format.h"

static_assert((int)TERN_CBOR_MAX_VALUES < (int)FORMAT_NO_PARENT, "indices are a byte");

struct parser {
	struct format *format;
	const char *at;
	uint8_t open;  /* the container we are in */
	bool is_first; /* nothing in it yet */
};

static void
skip_spaces(struct parser *p)
{
	while (*p->at == ' ')
		p->at++;
}

/* What *X may be an array of. */
static bool
is_element(char c)
{
	return c == 'b' || c == 'i' || c == 'u' || c == 'd' || c == 's';
}

static bool
is_letter(char c)
{
	switch (c) {
	case 't':
	case 'y':
	case 'h':
	case 'n':
	case 'v':
	case 'p':
	case 'f':
	case '*':
	case '[':
	case '{':
		return true;
	default:
		return is_element(c);
	}
}

/* Another node inside what is open. */
static struct format_node *
add_node(struct parser *p, char letter)
{
	struct format *f = p->format;
	struct format_node *node;

	if (f->n_nodes == TERN_CBOR_MAX_VALUES)
		return NULL;
	node = &f->nodes[f->n_nodes++];
	*node = (struct format_node){.letter = letter, .parent = p->open, .next = f->n_nodes};
	if (p->open != FORMAT_NO_PARENT)
		f->nodes[p->open].n_children++;
	return node;
}

static bool
has_name(const struct format *f, uint8_t map, const char *name, size_t size)
{
	for (uint8_t i = map + 1; i < f->n_nodes; i = f->nodes[i].next) {
		const struct format_node *n = &f->nodes[i];

		if (n->name_size == size && memcmp(n->name, name, size) == 0)
			return true;
	}
	return false;
}

static int
parse_name(struct parser *p, bool *ret_optional, const char **ret_name, size_t *ret_size)
{
	*ret_optional = *p->at == '?';
	if (*ret_optional)
		p->at++;
	skip_spaces(p);
	*ret_name = p->at;
	while (format_is_name_char(*p->at))
		p->at++;
	*ret_size = (size_t)(p->at - *ret_name);
	if (*ret_size == 0 || *ret_size > UINT16_MAX)
		return -EINVAL;
	if (has_name(p->format, p->open, *ret_name, *ret_size))
		return -EINVAL;
	skip_spaces(p);
	if (*p->at != ':')
		return -EINVAL;
	p->at++;
	skip_spaces(p);
	return 0;
}

/* A letter, or the opening of a container. */
static int
parse_value(struct parser *p)
{
	bool in_map = p->open != FORMAT_NO_PARENT && p->format->nodes[p->open].letter == '{';
	bool is_optional = false;
	struct format_node *node;
	const char *name = NULL;
	size_t size = 0;

	if (in_map && parse_name(p, &is_optional, &name, &size) < 0)
		return -EINVAL;
	if (!is_letter(*p->at))
		return -EINVAL;
	node = add_node(p, *p->at);
	if (!node)
		return -EINVAL;
	p->at++;
	node->is_optional = is_optional;
	node->name = name;
	node->name_size = (uint16_t)size;
	p->is_first = false;
	if (node->letter == '*') {
		if (!is_element(*p->at))
			return -EINVAL;
		node->element = *p->at++;
	} else if (node->letter == '[' || node->letter == '{') {
		p->open = (uint8_t)(p->format->n_nodes - 1);
		p->is_first = true;
	}
	return 0;
}

static void
close_container(struct parser *p)
{
	struct format_node *node = &p->format->nodes[p->open];

	node->next = p->format->n_nodes;
	p->open = node->parent;
	p->is_first = false;
	p->at++;
}

/* One step inside a container: its end, or a separator and a value. */
static int
parse_inside(struct parser *p)
{
	bool in_map = p->format->nodes[p->open].letter == '{';

	if (*p->at == (in_map ? '}' : ']')) {
		close_container(p);
		return 0;
	}
	if (!p->is_first && *p->at == ',') {
		p->at++;
		skip_spaces(p);
	} else if (!p->is_first && in_map) {
		return -EINVAL;
	}
	return error_trace(parse_value(p));
}

/* parse_single() - most formats are one letter */
static bool
parse_single(struct format *f, const char *text)
{
	if (!text[0] || text[1] || !is_letter(text[0]) || text[0] == '*' || text[0] == '[' ||
		text[0] == '{')
		return false;
	f->n_nodes = 1;
	f->nodes[0] = (struct format_node){.letter = text[0], .parent = FORMAT_NO_PARENT, .next = 1};
	return true;
}

int
format_parse(struct format *f, const char *text, size_t *ret_at)
{
	struct parser p = {.format = f, .at = text, .open = FORMAT_NO_PARENT, .is_first = true};
	int e = 0;

	if (parse_single(f, text))
		return 0;
	f->n_nodes = 0;
	skip_spaces(&p);
	if (*p.at != '\0')
		e = parse_value(&p);
	skip_spaces(&p);
	while (!e && p.open != FORMAT_NO_PARENT) {
		e = parse_inside(&p);
		skip_spaces(&p);
	}
	if (!e && *p.at == '\0')
		return 0;
	*ret_at = (size_t)(p.at - text);
	return -EINVAL;
}

int
format_error(struct tern_error *error, const char *text, size_t at)
{
	if (error) {
		(void)snprintf(error->name, sizeof(error->name), "tern.cbor.Format");
		(void)snprintf(error->text, sizeof(error->text),
			"the format is not understood at character %zu: %.32s", at + 1, text + at);
	}
	return -EINVAL;
}

int
format_argument_error(struct tern_error *error, const struct format_node *node, const char *reason)
{
	if (error) {
		(void)snprintf(error->name, sizeof(error->name), "tern.cbor.Argument");
		(void)snprintf(error->text, sizeof(error->text), "%c%s%.*s: %s", node->letter,
			node->name_size ? " of " : "", MIN((int)node->name_size, 64),
			node->name_size ? node->name : "", reason);
	}
	return -EINVAL;
}
