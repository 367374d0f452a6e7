/* SPDX-License-Identifier: MIT */

/* check-fault: what is wrong with a value, and the way to it */

#include <stdarg.h>
#include <stdio.h>

#include "base/near.h"
#include "interface/check-fault.h"

#define MOST_OFFERED 64 /* names: what is wrong must not cost more than what is right */

/* plain() - a name of the peer's as printable ASCII, cut to fit */
static const char *
plain(const char *name, size_t size, char buf[48])
{
	size_t n = MIN(size, (size_t)44);

	for (size_t i = 0; i < n; i++)
		buf[i] = name[i] >= ' ' && name[i] <= '~' && name[i] != '"' ? name[i] : '?';
	strcpy(buf + n, size > n ? "..." : "");
	return buf;
}

int
fault_why(struct fault_path *f, const char *format, ...)
{
	va_list ap;

	f->at = sizeof(f->way);
	f->is_cut = false;
	va_start(ap, format);
	(void)vsnprintf(f->why, sizeof(f->why), format, ap); /* may be cut */
	va_end(ap);
	return CHECK_E_INVALID;
}

static const char *
found_name(int found)
{
	static const char *const NAMES[] = {
		[TERN_CBOR_END] = "nothing",
		[TERN_CBOR_UINT] = "int",
		[TERN_CBOR_NINT] = "int below 0",
		[TERN_CBOR_BYTES] = "bytes",
		[TERN_CBOR_TEXT] = "string",
		[TERN_CBOR_ARRAY] = "array",
		[TERN_CBOR_MAP] = "map",
		[TERN_CBOR_TAG] = "a tag",
		[TERN_CBOR_BOOL] = "bool",
		[TERN_CBOR_NULL] = "null",
		[TERN_CBOR_UNDEFINED] = "undefined",
		[TERN_CBOR_SIMPLE] = "a simple value",
		[TERN_CBOR_FLOAT] = "float",
	};

	return NAMES[found];
}

int
fault_found(struct fault_path *f, const struct interface_type *type, int found)
{
	const char *expected = kind_keyword(type->kind);

	if (type->kind == KIND_STRUCT || type->kind == KIND_OBJECT)
		expected = "map";
	else if (type->kind == KIND_ENUM)
		expected = "string";
	return fault_why(f, "expected %s, found %s", expected, found_name(found));
}

int
fault_unknown(struct fault_path *f, const struct interface *i, const struct interface_type *type,
	const char *name, size_t size)
{
	const char *what = type->kind == KIND_ENUM ? "is no value here" : "is no field here";
	char text[48];
	struct near near = {.word = plain(name, size, text)};
	const struct interface_item *item = type_values(i, type);

	for (; item && item->order < MOST_OFFERED; item = value_next(i, item))
		near_offer(&near, interface_name(i, item));
	if (near.nearest)
		return fault_why(f, "\"%s\" %s; did you mean \"%s\"?", text, what, near.nearest);
	return fault_why(f, "\"%s\" %s", text, what);
}

/* Put a piece in front; "..." stands for the first that has no room, and for all before it. */
static int
way_add(struct fault_path *f, const char *piece)
{
	bool is_name = f->at < sizeof(f->way) && f->way[f->at] != '[';
	size_t n = strlen(piece);

	if (f->is_cut)
		return CHECK_E_INVALID;
	f->is_cut = n + sizeof("....") > f->at;
	if (is_name)
		f->way[--f->at] = '.';
	if (f->is_cut) {
		piece = "...";
		n = strlen(piece);
	}
	f->at -= (uint32_t)n;
	memcpy(f->way + f->at, piece, n);
	return CHECK_E_INVALID;
}

int
fault_field(struct fault_path *f, const char *name)
{
	return way_add(f, name);
}

int
fault_index(struct fault_path *f, uint64_t index)
{
	char piece[32];

	(void)snprintf(piece, sizeof(piece), "[%llu]", (unsigned long long)index); /* fits */
	return way_add(f, piece);
}

int
fault_key(struct fault_path *f, const char *key, size_t size)
{
	char piece[64], text[48];

	(void)snprintf(piece, sizeof(piece), "[\"%s\"]", plain(key, size, text)); /* fits */
	return way_add(f, piece);
}

int
fault_cbor(struct fault_path *f, const struct tern_cbor_fault *fault)
{
	return fault_why(f, "%s, at byte %llu", tern_cbor_fault_text(fault->code),
		(unsigned long long)fault->offset);
}

int
fault_text(const struct fault_path *f, struct check_fault *ret)
{
	int n = (int)(sizeof(f->way) - f->at);

	if (ret)
		(void)snprintf(ret->text, sizeof(ret->text), "%.*s%s%s", n, f->way + f->at,
			n ? ": " : "", f->why); /* may be cut */
	return CHECK_E_INVALID;
}
