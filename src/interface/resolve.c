/* SPDX-License-Identifier: MIT */

/*
 * resolve: what can be seen only when the whole text was read
 *
 * Names of types lead to members; each type has a value that ends; no state has a
 * descriptor. The last two go from type to type until nothing changes, so that
 * types may name each other in any order; recursion is only into brackets.
 */

#include "base/near.h"
#include "interface/parser.h"

enum {
	MARK_FD = 1,	 /* a descriptor is in there somewhere */
	MARK_FINITE = 2, /* it has a value that ends */
};

static uint32_t
member_types(const struct interface_member *member)
{
	return member->kind == MEMBER_METHOD ? N_METHOD_TYPES : 1;
}

static struct interface_member *
first_member(const struct parser *p)
{
	return (struct interface_member *)interface_members(p->tree); /* the tree is still ours */
}

static struct interface_member *
next_member(const struct parser *p, struct interface_member *member)
{
	return (struct interface_member *)member_next(p->tree, member); /* as above */
}

/* -------- names -------- */

static void
resolve_name(struct parser *p, struct interface_type *type)
{
	struct span name = {type->ref, type->ref + type->n};
	char word[INTERFACE_MAX_NAME + 1];
	const struct interface_member *member;
	const char *near;

	member = interface_find(p->tree, p->text + name.at, type->n);
	memcpy(word, p->text + name.at, type->n);
	word[type->n] = '\0';
	type->n = 0;
	type->ref = member ? parser_ref(p, member) : 0;
	if (member && member->kind == MEMBER_TYPE)
		return;
	near = p->faults->n < INTERFACE_MAX_FAULTS ? interface_near(p->tree, MEMBER_TYPE, word)
						   : NULL; /* nobody would read it */
	/* a fault is kept, and there is nothing to stop: the results of these are not needed */
	if (member)
		(void)parser_fault(p, name, "'%s' is the name of %s %s; a type is wanted", word,
			*member_keyword(member->kind) == 'e' ? "an" : "a",
			member_keyword(member->kind));
	else if (near)
		(void)parser_fault(
			p, name, "there is no type '%s'; did you mean '%s'?", word, near);
	else
		(void)parser_fault(p, name,
			"there is no type '%s'; say what it is with: type %s (...)", word, word);
}

static void
resolve_type(struct parser *p, struct interface_type *type)
{
	struct interface_field *field;

	if (type->kind == KIND_NAMED)
		resolve_name(p, type);
	if (type->kind == KIND_ARRAY || type->kind == KIND_MAP)
		resolve_type(p, (struct interface_type *)type_elements(p->tree, type));
	if (type->kind != KIND_STRUCT)
		return;
	field = (struct interface_field *)type_fields(p->tree, type);
	for (; field; field = (struct interface_field *)field_next(p->tree, field))
		resolve_type(p, &field->type);
}

/* -------- marks -------- */

/* The marks of a type so far. @may_end: a value need not have this. */
static uint8_t
type_marks(const struct parser *p, const struct interface_type *type, bool may_end)
{
	const struct interface_field *field;
	uint8_t marks = MARK_FINITE;

	may_end = may_end || type->is_optional;
	switch (type->kind) {
	case KIND_FD:
		return MARK_FD | MARK_FINITE;
	case KIND_NAMED:
		return type_member(p->tree, type)->marks | (may_end ? MARK_FINITE : 0);
	case KIND_ARRAY:
	case KIND_MAP:
		return type_marks(p, type_elements(p->tree, type), true);
	case KIND_STRUCT:
		for (field = type_fields(p->tree, type); field;
			field = field_next(p->tree, field)) {
			uint8_t more = type_marks(p, &field->type, may_end);

			marks |= more & MARK_FD;
			marks &= more | MARK_FD;
		}
		return marks;
	default:
		return MARK_FINITE;
	}
}

static void
mark_types(struct parser *p)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (struct interface_member *m = first_member(p); m; m = next_member(p, m)) {
			uint8_t marks = type_marks(p, &m->types[0], false);

			changed = changed || marks != m->marks;
			m->marks = marks;
		}
	}
}

void
parser_resolve(struct parser *p)
{
	struct interface_member *m;

	for (m = first_member(p); m; m = next_member(p, m))
		for (uint32_t i = 0; i < member_types(m); i++)
			resolve_type(p, &m->types[i]);
	if (p->faults->n > 0)
		return;
	mark_types(p);
	for (m = first_member(p); m; m = next_member(p, m)) {
		const char *name = interface_name(p->tree, &m->item);
		struct span where = {m->source, m->source + m->item.name_size};

		/* as above: the fault is kept, and the next may have one, too */
		if (m->kind == MEMBER_TYPE && !(m->marks & MARK_FINITE))
			(void)parser_fault(p, where,
				"'%s' would never end, for each has another inside: "
				"make one of them optional with '?', or an array",
				name);
		if (m->kind == MEMBER_STATE && m->marks & MARK_FD)
			(void)parser_fault(p, where,
				"'%s' has a descriptor in it; state is read from memory, where "
				"none can be",
				name);
	}
}
