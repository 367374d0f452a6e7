/* SPDX-License-Identifier: MIT */

/*
 * parse: the grammar of docs/interface.md, by recursive descent
 *
 * Recursion is bounded by INTERFACE_MAX_DEPTH. After a fault the parser goes on at the
 * next word that begins a member, so that one run shows several.
 */

#include "base/near.h"
#include "interface/parser.h"
#include "wire/name.h"
#include "wire/utf8.h"

#define ROOM_BESIDES (60u << 10) /* a tree of a small text may be many times its size */

static const char *const KEYWORDS[N_MEMBER_KINDS] = {
	[MEMBER_TYPE] = "type",
	[MEMBER_METHOD] = "method",
	[MEMBER_ERROR] = "error",
	[MEMBER_EVENT] = "event",
	[MEMBER_STATE] = "state",
};

static const char *const KINDS[N_KINDS] = {
	[KIND_NONE] = "nothing",
	[KIND_BOOL] = "bool",
	[KIND_INT] = "int",
	[KIND_UINT] = "uint",
	[KIND_FLOAT] = "float",
	[KIND_STRING] = "string",
	[KIND_BYTES] = "bytes",
	[KIND_FD] = "fd",
	[KIND_OBJECT] = "object",
	[KIND_ANY] = "any",
	[KIND_STRUCT] = "struct",
	[KIND_ENUM] = "enum",
	[KIND_ARRAY] = "array",
	[KIND_MAP] = "map",
	[KIND_NAMED] = "named",
};

static int parse_type(struct parser *p, struct interface_type *type, struct interface_item *owner,
	unsigned int depth);

const char *
member_keyword(enum member_kind kind)
{
	return KEYWORDS[kind];
}

const char *
kind_keyword(enum interface_kind kind)
{
	return KINDS[kind];
}

/* -------- names -------- */

/* What the name of an interface has besides dots. */
static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static bool
span_equals(const struct parser *p, struct span span, const struct interface_item *item)
{
	return span.end - span.at == item->name_size &&
	       !memcmp(p->text + span.at, interface_name(p->tree, item), item->name_size);
}

/* Letters and digits; of a field with single underscores between, of a member from a capital on. */
static int
check_name(struct parser *p, bool is_member, const char *what)
{
	const char *name = p->text + p->span.at;
	uint32_t size = p->span.end - p->span.at;

	if (p->token != TOKEN_WORD)
		return parser_expected(p, what);
	if (size > INTERFACE_MAX_NAME)
		return parser_fault(
			p, p->span, "a name has at most %d characters", INTERFACE_MAX_NAME);
	if (is_member && (name[0] < 'A' || name[0] > 'Z'))
		return parser_fault(p, p->span,
			"expected %s, found '%.*s': it begins with a capital letter", what,
			(int)size, name);
	for (uint32_t i = 0; i < size; i++)
		if (name[i] == '_' && (is_member || i + 1 == size || name[i + 1] == '_'))
			return parser_fault(p, p->span,
				is_member
					? "'%.*s': the name of a member has no underscore"
					: "'%.*s': an underscore stands between letters or digits",
				(int)size, name);
	return 0;
}

/* -------- bodies: structs and enums -------- */

/* The brackets after a name are its own; what is in them has items of its own. */
struct body {
	struct interface_type *type;
	struct interface_item *end; /* the last of its fields or values */
};

static int
body_add(struct parser *p, struct body *body, uint32_t size)
{
	struct interface_type *type = body->type;
	struct interface_item *item;

	for (const struct interface_item *other = interface_at(p->tree, type->ref); other;
		other = value_next(p->tree, other))
		if (span_equals(p, p->span, other))
			return parser_fault(p, p->span,
				"'%s' is there already; names are used once",
				interface_name(p->tree, other));
	if (type->n == INTERFACE_MAX_FIELDS)
		return parser_fault(
			p, p->span, "more than %d in one pair of brackets", INTERFACE_MAX_FIELDS);
	item = parser_grow(p, size);
	if (!item || parser_item(p, item, p->span, parser_take_comments(p)))
		return INTERFACE_E_INVALID;
	item->order = type->n++;
	*(body->end ? &body->end->next : &type->ref) = parser_ref(p, item);
	body->end = item;
	return 0;
}

static int
parse_field(struct parser *p, struct body *body, unsigned int depth)
{
	struct interface_field *field;
	int r = body_add(p, body, sizeof(*field));

	if (r)
		return r;
	field = container_of(body->end, struct interface_field, item);
	parser_next(p);
	parser_next(p); /* the colon, which was seen */
	return parse_type(p, &field->type, &field->item, depth);
}

/* One field or value; the first decides what the brackets are. */
static int
parse_element(struct parser *p, struct body *body, unsigned int depth)
{
	bool is_field = parser_sees(p, ':');
	int r = check_name(p, false, body->type->n ? "a name behind the comma" : "a name or ')'");

	if (r)
		return r;
	if (body->type->n == 0)
		body->type->kind = is_field ? KIND_STRUCT : KIND_ENUM;
	if (body->type->kind == KIND_STRUCT && !is_field) {
		parser_next(p);
		return parser_missing(p, "':' and a type: fields are written name: type");
	}
	if (body->type->kind == KIND_ENUM && is_field)
		return parser_fault(p, p->span,
			"'%.*s' has a type, those before it have none: "
			"either all are fields or all are values",
			(int)(p->span.end - p->span.at), p->text + p->span.at);
	if (is_field)
		return parse_field(p, body, depth);
	r = body_add(p, body, sizeof(struct interface_item));
	if (!r)
		parser_next(p);
	return r;
}

/* '(' fields ')' or '(' values ')'; an empty pair is a struct without fields. */
static int
parse_body(struct parser *p, struct interface_type *type, struct interface_item *owner,
	unsigned int depth)
{
	struct body body = {.type = type};
	int r;

	if (p->token != '(')
		return parser_missing(p, "'('");
	if (depth >= INTERFACE_MAX_DEPTH)
		return parser_fault(p, p->span,
			"more than %d brackets in each other; "
			"give what is inside a name with 'type'",
			INTERFACE_MAX_DEPTH);
	type->kind = KIND_STRUCT;
	parser_next(p);
	while (p->token != ')' || type->n > 0) {
		r = parse_element(p, &body, depth + 1);
		if (r)
			return r;
		if (p->token == ')')
			break;
		if (p->token != ',')
			return parser_missing(p, "',' or ')'");
		parser_next(p);
	}
	item_comment(p, p->last, parser_take_comments(p));
	p->last = owner;
	parser_next(p);
	return 0;
}

/* -------- types -------- */

/* The name is looked up when all are known: until then ref and n say where it is in the text. */
static int
parse_named(struct parser *p, struct interface_type *type)
{
	int r = check_name(p, true, "a type");

	if (r)
		return r;
	type->kind = KIND_NAMED;
	type->ref = p->span.at;
	type->n = (uint16_t)(p->span.end - p->span.at);
	parser_next(p);
	return 0;
}

static int
parse_word_type(struct parser *p, struct interface_type *type)
{
	struct near near;
	char word[32];
	size_t size = p->span.end - p->span.at;

	for (uint8_t kind = KIND_BOOL; kind <= KIND_ANY; kind++)
		if (parser_is_word(p, KINDS[kind])) {
			type->kind = kind;
			parser_next(p);
			return 0;
		}
	if (p->text[p->span.at] < 'a' || size >= sizeof(word))
		return parse_named(p, type);
	memcpy(word, p->text + p->span.at, size);
	word[size] = '\0';
	near = (struct near){.word = word};
	for (uint8_t kind = KIND_BOOL; kind <= KIND_ANY; kind++)
		near_offer(&near, KINDS[kind]);
	if (near.nearest)
		return parser_fault(p, p->span, "there is no type '%s'; did you mean '%s'?", word,
			near.nearest);
	return parser_fault(p, p->span,
		"there is no type '%s': bool, int, uint, float, string, bytes, fd, "
		"object, any, or a name of yours, which begins with a capital letter",
		word);
}

/* [] or [string], and what it is of */
static int
parse_elements(struct parser *p, struct interface_type *type, struct interface_item *owner,
	unsigned int depth)
{
	struct interface_type *elements;

	type->kind = KIND_ARRAY;
	parser_next(p);
	if (parser_is_word(p, "string")) {
		type->kind = KIND_MAP;
		parser_next(p);
	}
	if (p->token != ']')
		return parser_expected(p, "[] for an array or [string] for a map, then a type");
	if (depth >= INTERFACE_MAX_DEPTH)
		return parser_fault(p, p->span,
			"more than %d brackets in each other; "
			"give what is inside a name with 'type'",
			INTERFACE_MAX_DEPTH);
	elements = parser_grow(p, sizeof(*elements));
	if (!elements)
		return INTERFACE_E_INVALID;
	type->ref = parser_ref(p, elements);
	parser_next(p);
	return parse_type(p, elements, owner, depth + 1);
}

static int
parse_type(struct parser *p, struct interface_type *type, struct interface_item *owner,
	unsigned int depth)
{
	if (p->token == '?') {
		type->is_optional = true;
		parser_next(p);
		if (p->token == '?')
			return parser_fault(p, p->span, "one '?' is enough");
	}
	if (p->token == '[')
		return parse_elements(p, type, owner, depth);
	if (p->token == '(')
		return parse_body(p, type, owner, depth);
	if (p->token == TOKEN_WORD)
		return parse_word_type(p, type);
	return parser_expected(p, "a type");
}

/* -------- members -------- */

static int
parse_struct(struct parser *p, struct interface_member *member, size_t which, const char *what)
{
	struct span where = p->span;
	int r;

	if (p->token != '(')
		return parser_missing(p, what);
	r = parse_body(p, &member->types[which], &member->item, 0);
	if (r)
		return r;
	if (member->types[which].kind == KIND_ENUM)
		return parser_fault(
			p, where, "values without types; here stand fields, written name: type");
	return 0;
}

static int
parse_method(struct parser *p, struct interface_member *member)
{
	int r = parse_struct(p, member, METHOD_IN, "'(' and the arguments: () for none");

	if (!r && parser_is_word(p, "stream")) {
		parser_next(p);
		r = parse_struct(
			p, member, METHOD_IN_STREAM, "'(' and what each message of the stream has");
	}
	if (r)
		return r;
	if (p->token != TOKEN_ARROW)
		return parser_missing(p, "'->' and the results: -> () for none");
	parser_next(p);
	member->types[METHOD_OUT].kind = KIND_STRUCT;
	if (parser_is_word(p, "stream")) {
		parser_next(p);
		r = parse_struct(p, member, METHOD_OUT_STREAM,
			"'(' and what each message of the stream has");
		if (r || p->token != '(')
			return r;
	}
	return parse_struct(p, member, METHOD_OUT, "'(' and the results: () for none");
}

static struct interface_member *
member_new(struct parser *p, uint8_t kind, struct span comments)
{
	uint32_t n_types = kind == MEMBER_METHOD ? N_METHOD_TYPES : 1;
	uint32_t size = sizeof(struct interface_member) + n_types * sizeof(struct interface_type);
	struct interface_member *member = parser_grow(p, size);

	if (!member || parser_item(p, &member->item, p->span, comments))
		return NULL;
	member->kind = kind;
	member->source = p->span.at;
	member->item.order = (uint16_t)p->tree->n_members++;
	*(p->members_end ? &p->members_end->item.next : &p->tree->members) = parser_ref(p, member);
	p->members_end = member;
	return member;
}

static int
check_member(struct parser *p, uint8_t kind)
{
	const struct interface_member *other;
	size_t size = p->span.end - p->span.at;

	other = interface_find(p->tree, p->text + p->span.at, size);
	if (other)
		return parser_fault(p, p->span, "'%s' is %s already; names are used once",
			interface_name(p->tree, &other->item), KEYWORDS[other->kind]);
	if (kind == MEMBER_ERROR && p->tree->item.name_size + 1 + size > INTERFACE_MAX_NAME)
		return parser_fault(p, p->span,
			"'%s' and this are longer than %d together, "
			"with a dot: what an error is called",
			interface_name(p->tree, &p->tree->item), INTERFACE_MAX_NAME);
	if (p->tree->n_members == INTERFACE_MAX_MEMBERS) {
		p->full = true;
		return parser_fault(p, p->span, "more than %d members", INTERFACE_MAX_MEMBERS);
	}
	return 0;
}

static uint8_t
keyword_kind(const struct parser *p)
{
	uint8_t kind = 0;

	while (kind < N_MEMBER_KINDS && !parser_is_word(p, KEYWORDS[kind]))
		kind++;
	return kind;
}

static int
parse_no_member(struct parser *p)
{
	struct near near;
	char word[32] = "";
	size_t size = p->span.end - p->span.at;

	if (p->token == TOKEN_WORD && size < sizeof(word))
		memcpy(word, p->text + p->span.at, size);
	near = (struct near){.word = word};
	for (size_t kind = 0; word[0] && kind < N_MEMBER_KINDS; kind++)
		near_offer(&near, KEYWORDS[kind]);
	if (near.nearest)
		return parser_fault(p, p->span, "no member begins with '%s'; did you mean '%s'?",
			word, near.nearest);
	return parser_expected(p, "type, method, error, event or state");
}

static int
parse_member(struct parser *p)
{
	struct interface_member *member;
	uint8_t kind = keyword_kind(p);
	struct span comments;
	int r;

	if (kind == N_MEMBER_KINDS)
		return parse_no_member(p);
	comments = parser_take_comments(p);
	parser_next(p);
	r = check_name(p, true, "a name");
	if (!r)
		r = check_member(p, kind);
	if (r)
		return r;
	member = member_new(p, kind, comments);
	if (!member)
		return INTERFACE_E_INVALID;
	parser_next(p);
	if (kind == MEMBER_METHOD)
		return parse_method(p, member);
	if (kind == MEMBER_TYPE && p->token == '(')
		return parse_body(p, &member->types[0], &member->item, 0);
	return parse_struct(p, member, 0,
		kind == MEMBER_TYPE ? "'(' and fields or values" : "'(' and fields: () for none");
}

/* Is this a word that begins a member? A field or a value may be called the same. */
static bool
is_at_member(const struct parser *p)
{
	return keyword_kind(p) < N_MEMBER_KINDS && !parser_sees(p, ':') && !parser_sees(p, ',') &&
	       !parser_sees(p, ')');
}

/* -------- the whole -------- */

/* The bytes of a character; 0: not UTF-8, or one that could play tricks on a terminal. */
static uint32_t
character_size(const struct parser *p, uint32_t at)
{
	uint8_t c = (uint8_t)p->text[at];
	uint32_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < 0x20 || c == 0x7f)
		return c == '\t' || c == '\n' || c == '\r';
	if (n > p->size - at || !utf8_is_valid(p->text + at, n))
		return 0;
	return c == 0xc2 && (uint8_t)p->text[at + 1] < 0xa0 ? 0 : n;
}

static int
check_text(struct parser *p)
{
	for (uint32_t at = 0, n; at < p->size; at += n) {
		n = character_size(p, at);
		if (n == 0)
			return parser_fault(p, (struct span){at, at + 1},
				"a byte %02x, which is no UTF-8 here, or a control character",
				(uint8_t)p->text[at]);
	}
	return 0;
}

/* A dotted name, which is no token of this language. */
static int
parse_head(struct parser *p)
{
	struct span comments = parser_take_comments(p), name;
	size_t at;
	int r;

	if (!parser_is_word(p, "interface"))
		return parser_expected(p, "'interface' and its name first");
	parser_next(p); /* to where the name begins */
	name = (struct span){p->span.at, p->span.at};
	while (name.end < p->size && (p->text[name.end] == '.' || is_name_char(p->text[name.end])))
		name.end++;
	if (name.at == name.end)
		return parser_expected(p, "a name such as org.example.Mixer behind 'interface'");
	r = name_check(p->text + name.at, name.end - name.at, &at);
	if (r)
		return parser_fault(p, name, "'%.*s' %s", (int)MIN(name.end - name.at, 80u),
			p->text + name.at, name_strerror(r));
	r = parser_item(p, &p->tree->item, name, comments);
	p->at = name.end;
	if (!r)
		parser_next(p);
	return r;
}

static void
parse_text(struct parser *p)
{
	if (check_text(p))
		return;
	parser_next(p);
	if (parse_head(p))
		return;
	while (p->token != TOKEN_END && !p->full) {
		if (parse_member(p) == 0)
			continue;
		while (p->token != TOKEN_END && !p->full && !is_at_member(p))
			parser_next(p);
	}
	item_comment(p, p->last, parser_take_comments(p));
	if (p->faults->n == 0)
		parser_resolve(p);
}

int
interface_parse(
	const char *text, size_t size, struct interface **ret, struct interface_faults *ret_faults)
{
	struct interface_faults faults = {0};
	struct parser p = {.text = text, .size = (uint32_t)size, .faults = &faults};
	_cleanup_(interface_freep) struct interface *tree = NULL;
	void *fitting;

	if (size > INTERFACE_MAX_SIZE) {
		p.size = 0;
		(void)parser_fault(&p, (struct span){0, 0}, "more than %d KiB of text",
			INTERFACE_MAX_SIZE >> 10); /* told below */
	} else {
		p.room = 4 * p.size + ROOM_BESIDES;
		p.used = sizeof(*tree);
		p.tree = tree = malloc(p.room);
		if (!tree)
			return -ENOMEM;
		memset(tree, 0, sizeof(*tree));
		parse_text(&p);
	}
	if (faults.n > 0) {
		if (ret_faults)
			*ret_faults = faults;
		return INTERFACE_E_INVALID;
	}
	tree->size = p.used;
	fitting = realloc(tree, p.used);
	*ret = fitting ? fitting : tree;
	tree = NULL;
	return 0;
}

struct interface *
interface_free(struct interface *i)
{
	free(i);
	return NULL;
}
