/* SPDX-License-Identifier: MIT */

/*
 * cbor-pack: C values to CBOR by a format
 *
 * First all arguments are fetched and checked, then all is written: a map must
 * say how many members it has before the first, and nothing shall be written
 * of what is refused.
 */

#include "base/attribute.h"
#include "wire/cbor-format.h"
#include "wire/cbor.h"
#include "wire/utf8.h"

struct value {
	bool is_absent; /* an optional member, or inside of one, that is left out */
	union {
		int64_t i;
		uint64_t u;
		double d;
		const void *bytes;
		void **lend; /* p: where to say what was lent; then i, the part's number */
	};
	union {
		size_t size;
		tern_cbor_put_fn *fn;
	};
};

struct packer {
	struct format format;
	struct value values[TERN_CBOR_MAX_VALUES];
	va_list arguments;
};

static void
fetch_pointer(struct packer *p, struct value *v)
{
	v->bytes = va_arg(p->arguments, const void *);
	v->size = va_arg(p->arguments, size_t);
}

/* Fetch what the letter takes, in the order the caller gave it. */
static void
fetch_value(struct packer *p, uint8_t index)
{
	const struct format_node *node = &p->format.nodes[index];
	struct value *v = &p->values[index];

	v->is_absent = node->parent != FORMAT_NO_PARENT && p->values[node->parent].is_absent;
	if (node->is_optional && !va_arg(p->arguments, int))
		v->is_absent = true;
	switch (node->letter) {
	case 'b':
	case 'h':
		v->i = va_arg(p->arguments, int);
		break;
	case 'i':
		v->i = va_arg(p->arguments, int64_t);
		break;
	case 'u':
		v->u = va_arg(p->arguments, uint64_t);
		break;
	case 'd':
		v->d = va_arg(p->arguments, double);
		break;
	case 's':
		v->bytes = va_arg(p->arguments, const char *);
		v->size = v->bytes && !v->is_absent ? strlen(v->bytes) : 0;
		break;
	case 't':
	case 'y':
	case 'v':
	case '*':
		fetch_pointer(p, v);
		break;
	case 'p':
		v->size = va_arg(p->arguments, size_t);
		v->lend = va_arg(p->arguments, void **);
		break;
	case 'f':
		v->fn = va_arg(p->arguments, tern_cbor_put_fn *);
		v->bytes = va_arg(p->arguments, const void *);
		break;
	default: /* n [ { take nothing */
		break;
	}
}

static bool
elements_are_valid(const struct value *v, char element)
{
	const char *const *strings = v->bytes;

	if (v->size > 0 && !v->bytes)
		return false;
	for (size_t i = 0; element == 's' && i < v->size; i++)
		if (!strings[i] || !utf8_is_valid(strings[i], strlen(strings[i])))
			return false;
	return true;
}

static bool
value_is_valid(
	const struct format_node *node, const struct value *v, const struct tern_cbor_hooks *hooks)
{
	switch (node->letter) {
	case 's':
		return v->bytes && utf8_is_valid(v->bytes, v->size);
	case 't':
		return (v->bytes || v->size == 0) && utf8_is_valid(v->bytes, v->size);
	case 'y':
		return v->bytes || v->size == 0;
	case 'v':
		return v->bytes && tern_cbor_check(v->bytes, v->size, 0, NULL) == 0;
	case 'h':
		return hooks && hooks->attach;
	case 'p':
		return hooks && hooks->lend && v->lend;
	case 'f':
		return v->fn != NULL;
	case '*':
		return elements_are_valid(v, node->element);
	default:
		return true;
	}
}

static int
attach_descriptor(struct packer *p, uint8_t index, const struct tern_cbor_hooks *hooks)
{
	int r = hooks->attach(hooks->user, (int)p->values[index].i);

	if (r < 0) {
		(void)format_argument_error(
			hooks->error, &p->format.nodes[index], "the descriptor cannot be sent");
		return error_trace(r);
	}
	p->values[index].i = r;
	return 0;
}

static int
lend_part(struct value *v, const struct tern_cbor_hooks *hooks)
{
	int r = hooks->lend(hooks->user, v->size, v->lend);

	if (r < 0)
		return error_trace(r); /* told by who lends */
	v->i = r;
	return 0;
}

/* Descriptors and parts come last: what is with the message then, is its owner's to take back. */
static int
check_values(struct packer *p, const struct tern_cbor_hooks *hooks)
{
	int e;

	for (uint8_t i = 0; i < p->format.n_nodes; i++) {
		const struct format_node *node = &p->format.nodes[i];

		if (!p->values[i].is_absent && !value_is_valid(node, &p->values[i], hooks))
			return format_argument_error(hooks ? hooks->error : NULL, node,
				"a NULL, not UTF-8, no whole item, or no way to send it");
	}
	for (uint8_t i = 0; i < p->format.n_nodes; i++) {
		if (p->values[i].is_absent)
			continue;
		e = 0;
		if (p->format.nodes[i].letter == 'h')
			e = attach_descriptor(p, i, hooks);
		else if (p->format.nodes[i].letter == 'p')
			e = lend_part(&p->values[i], hooks);
		if (e)
			return error_trace(e);
	}
	return 0;
}

static void
put_elements(struct tern_cbor_writer *w, const struct value *v, char element)
{
	tern_cbor_put_array(w, v->size);
	for (size_t i = 0; i < v->size; i++) {
		switch (element) {
		case 'b':
			tern_cbor_put_bool(w, ((const bool *)v->bytes)[i]);
			break;
		case 'i':
			tern_cbor_put_int(w, ((const int64_t *)v->bytes)[i]);
			break;
		case 'u':
			tern_cbor_put_uint(w, ((const uint64_t *)v->bytes)[i]);
			break;
		case 'd':
			tern_cbor_put_double(w, ((const double *)v->bytes)[i]);
			break;
		default:
			tern_cbor_put_string(w, ((const char *const *)v->bytes)[i]);
		}
	}
}

/* How many members of a map, or elements of an array, are there. */
static size_t
count_children(const struct packer *p, uint8_t index)
{
	size_t n = 0;

	for (uint8_t i = index + 1; i < p->format.nodes[index].next; i = p->format.nodes[i].next)
		n += !p->values[i].is_absent;
	return n;
}

static void
put_value(struct tern_cbor_writer *w, const struct packer *p, uint8_t index)
{
	const struct format_node *node = &p->format.nodes[index];
	const struct value *v = &p->values[index];

	if (node->name_size)
		tern_cbor_put_text(w, node->name, node->name_size);
	switch (node->letter) {
	case 'b':
		tern_cbor_put_bool(w, v->i != 0);
		break;
	case 'i':
		tern_cbor_put_int(w, v->i);
		break;
	case 'u':
		tern_cbor_put_uint(w, v->u);
		break;
	case 'd':
		tern_cbor_put_double(w, v->d);
		break;
	case 's':
	case 't':
		tern_cbor_put_text(w, v->bytes, v->size);
		break;
	case 'y':
		tern_cbor_put_bytes(w, v->bytes, v->size);
		break;
	case 'v':
		tern_cbor_put_raw(w, v->bytes, v->size);
		break;
	case 'h':
		tern_cbor_put_tag(w, TERN_CBOR_TAG_FD);
		tern_cbor_put_int(w, v->i);
		break;
	case 'p':
		tern_cbor_put_tag(w, TERN_CBOR_TAG_PART);
		tern_cbor_put_int(w, v->i);
		break;
	case 'f':
		v->fn(w, v->bytes);
		break;
	case 'n':
		tern_cbor_put_null(w);
		break;
	case '*':
		put_elements(w, v, node->element);
		break;
	case '[':
		tern_cbor_put_array(w, count_children(p, index));
		break;
	default:
		tern_cbor_put_map(w, count_children(p, index));
	}
}

/* What went wrong while values were put. Functions that use formats have told it better already. */
static int
put_error(const struct tern_cbor_writer *w, const struct packer *p, struct tern_error *error)
{
	if (w->error == -EINVAL && !(error && *error->name))
		return format_argument_error(
			error, &p->format.nodes[0], "does not fit what was written before, or is too deep");
	return error_trace(w->error);
}

static int
put_all(struct tern_cbor_writer *w, const struct packer *p, const struct tern_cbor_hooks *hooks)
{
	const struct tern_cbor_hooks *before = w->hooks;
	struct tern_error *error = hooks ? hooks->error : NULL;

	if (error)
		*error->name = '\0';
	w->hooks = hooks;
	for (uint8_t i = 0; i < p->format.n_nodes && !w->error; i++)
		if (!p->values[i].is_absent)
			put_value(w, p, i);
	w->hooks = before;
	return w->error ? put_error(w, p, error) : 0;
}

_public_ int
tern_cbor_packv(struct tern_cbor_writer *w, const struct tern_cbor_hooks *hooks, const char *format,
	va_list ap)
{
	struct packer p; /* large: only what the format has is ever set and read */
	size_t at;

	if (w->error)
		return error_trace(w->error);
	if (!hooks)
		hooks = w->hooks;
	w->error = format_parse(&p.format, format, &at);
	if (w->error)
		return format_error(hooks ? hooks->error : NULL, format, at);
	va_copy(p.arguments, ap);
	for (uint8_t i = 0; i < p.format.n_nodes; i++)
		fetch_value(&p, i);
	va_end(p.arguments);
	w->error = check_values(&p, hooks);
	if (w->error)
		return error_trace(w->error);
	return put_all(w, &p, hooks);
}

_public_ int
tern_cbor_pack(struct tern_cbor_writer *w, const char *format, ...)
{
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_packv(w, NULL, format, ap);
	va_end(ap);
	return error_trace(e);
}
