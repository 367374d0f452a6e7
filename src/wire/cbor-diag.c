/* SPDX-License-Identifier: MIT */

/*
 * cbor-diag: CBOR for people (RFC 8949, section 8)
 *
 * The printer keeps a frame for each of the reader's, with what to print when the
 * reader has left it. Output is ASCII and does not depend on the locale.
 * Time: linear. Stack: constant. No allocation, no recursion.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-number.h"
#include "wire/cbor.h"
#include "wire/utf8.h"

enum {
	TAG_POSITIVE_BIGNUM = 2,
	TAG_NEGATIVE_BIGNUM = 3,
};

struct frame {
	const char *close;
	bool is_map;
	uint64_t n; /* items so far */
};

struct printer {
	struct tern_cbor_reader reader;
	char *out;
	size_t room, used;
	uint32_t depth;
	struct frame frames[TERN_CBOR_MAX_DEPTH + 1]; /* [0]: the buffer */
};

/* -------- text -------- */

static void
print_char(struct printer *p, char c)
{
	if (p->used + 1 < p->room)
		p->out[p->used] = c;
	p->used++;
}

static void
print(struct printer *p, const char *text)
{
	while (*text)
		print_char(p, *text++);
}

static _printf_(2, 3) void print_format(struct printer *p, const char *format, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap); /* long enough for each use */
	va_end(ap);
	print(p, text);
}

static void
print_code_point(struct printer *p, uint32_t c)
{
	if (c == '"' || c == '\\')
		print_format(p, "\\%c", (char)c);
	else if (c >= 0x20 && c < 0x7f)
		print_char(p, (char)c);
	else if (c == '\n')
		print(p, "\\n");
	else if (c == '\t')
		print(p, "\\t");
	else if (c == '\r')
		print(p, "\\r");
	else if (c < 0x10000)
		print_format(p, "\\u%04" PRIx32, c);
	else
		print_format(p, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((c - 0x10000) >> 10),
			0xdc00 + ((c - 0x10000) & 0x3ff));
}

static void
print_text(struct printer *p, const char *text, size_t size)
{
	size_t n;

	print_char(p, '"');
	for (size_t i = 0; i < size; i += n)
		print_code_point(p, utf8_next(text + i, &n));
	print_char(p, '"');
}

static void
print_bytes(struct printer *p, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	print(p, "h'");
	for (size_t i = 0; i < size; i++) {
		print_char(p, digits[bytes[i] >> 4]);
		print_char(p, digits[bytes[i] & 0xf]);
	}
	print_char(p, '\'');
}

/* -------- numbers -------- */

static void
print_double(struct printer *p, double value)
{
	char text[NUMBER_ROOM];

	number_print_double(value, text);
	print(p, text);
}

static void
print_bignum(struct printer *p, bool is_negative, const uint8_t *bytes, size_t size)
{
	char text[NUMBER_ROOM];

	number_print_big(is_negative, bytes, size, text);
	print(p, text);
}

static void
print_nint(struct printer *p, uint64_t argument)
{
	uint8_t bytes[sizeof(argument)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(argument >> (8 * (sizeof(bytes) - 1 - i)));
	print_bignum(p, true, bytes, sizeof(bytes));
}

/* -------- frames -------- */

static void
open_frame(struct printer *p, const char *open, const char *close, bool is_map)
{
	print(p, open);
	p->frames[++p->depth] = (struct frame){.close = close, .is_map = is_map};
}

/* Print the ends of all that the reader has left. */
static void
close_frames(struct printer *p)
{
	while (p->depth > p->reader.depth)
		print(p, p->frames[p->depth--].close);
}

static void
print_separator(struct printer *p)
{
	struct frame *frame = &p->frames[p->depth];

	if (frame->n > 0)
		print(p, frame->is_map && frame->n % 2 ? ": " : ", ");
	frame->n++;
}

/* -------- items -------- */

static int
item_integer(struct printer *p, int type)
{
	uint64_t value;
	int e;

	if (type == TERN_CBOR_UINT) {
		e = tern_cbor_get_uint(&p->reader, &value);
		if (!e)
			print_format(p, "%" PRIu64, value);
		return error_trace(e);
	}
	e = tern_cbor_get_nint(&p->reader, &value);
	if (!e)
		print_nint(p, value);
	return error_trace(e);
}

static int
item_string(struct printer *p, int type)
{
	const void *bytes;
	const char *text;
	size_t size;
	int e;

	if (p->reader.info == CBOR_INFO_INDEFINITE) {
		e = tern_cbor_enter_string(&p->reader);
		if (!e && tern_cbor_peek(&p->reader) == TERN_CBOR_END)
			open_frame(p, type == TERN_CBOR_TEXT ? "\"\"_" : "''_", "", false);
		else if (!e)
			open_frame(p, "(_ ", ")", false);
		return error_trace(e);
	}
	if (type == TERN_CBOR_TEXT) {
		e = tern_cbor_get_text(&p->reader, &text, &size);
		if (!e)
			print_text(p, text, size);
		return error_trace(e);
	}
	e = tern_cbor_get_bytes(&p->reader, &bytes, &size);
	if (!e)
		print_bytes(p, bytes, size);
	return error_trace(e);
}

static int
item_container(struct printer *p, int type)
{
	bool is_map = type == TERN_CBOR_MAP;
	size_t n;
	int e;

	e = is_map ? tern_cbor_enter_map(&p->reader, &n) : tern_cbor_enter_array(&p->reader, &n);
	if (e)
		return error_trace(e);
	if (is_map)
		open_frame(p, n == TERN_CBOR_INDEFINITE ? "{_ " : "{", "}", true);
	else
		open_frame(p, n == TERN_CBOR_INDEFINITE ? "[_ " : "[", "]", false);
	return 0;
}

static int
item_tag(struct printer *p)
{
	struct tern_cbor_reader *r = &p->reader;
	const void *bytes;
	uint64_t tag;
	size_t size;
	int e = tern_cbor_get_tag(r, &tag);

	if (e)
		return error_trace(e);
	if ((tag == TAG_POSITIVE_BIGNUM || tag == TAG_NEGATIVE_BIGNUM) &&
		tern_cbor_peek(r) == TERN_CBOR_BYTES && r->argument <= NUMBER_MAX_BIG &&
		r->info != CBOR_INFO_INDEFINITE) {
		e = tern_cbor_get_bytes(r, &bytes, &size);
		if (!e)
			print_bignum(p, tag == TAG_NEGATIVE_BIGNUM, bytes, size);
		return error_trace(e);
	}
	print_format(p, "%" PRIu64, tag);
	open_frame(p, "(", ")", false);
	return 0;
}

static int
item_other(struct printer *p, int type)
{
	struct tern_cbor_reader *r = &p->reader;
	uint8_t simple;
	double d;
	bool b;
	int e;

	switch (type) {
	case TERN_CBOR_BOOL:
		e = tern_cbor_get_bool(r, &b);
		print(p, !e && b ? "true" : "false");
		return error_trace(e);
	case TERN_CBOR_NULL:
		print(p, "null");
		return error_trace(tern_cbor_get_null(r));
	case TERN_CBOR_UNDEFINED:
		print(p, "undefined");
		return error_trace(tern_cbor_get_undefined(r));
	case TERN_CBOR_SIMPLE:
		e = tern_cbor_get_simple(r, &simple);
		if (!e)
			print_format(p, "simple(%u)", simple);
		return error_trace(e);
	default:
		e = tern_cbor_get_double(r, &d);
		if (!e)
			print_double(p, d);
		return error_trace(e);
	}
}

static int
print_item(struct printer *p, int type)
{
	print_separator(p);
	switch (type) {
	case TERN_CBOR_UINT:
	case TERN_CBOR_NINT:
		return error_trace(item_integer(p, type));
	case TERN_CBOR_TEXT:
	case TERN_CBOR_BYTES:
		return error_trace(item_string(p, type));
	case TERN_CBOR_ARRAY:
	case TERN_CBOR_MAP:
		return error_trace(item_container(p, type));
	case TERN_CBOR_TAG:
		return error_trace(item_tag(p));
	default:
		return error_trace(item_other(p, type));
	}
}

static int
print_all(struct printer *p)
{
	for (;;) {
		int type = tern_cbor_peek(&p->reader);
		int e;

		if (type < 0)
			return error_trace(type);
		if (type == TERN_CBOR_END && p->reader.depth == 0)
			return 0;
		e = type == TERN_CBOR_END ? tern_cbor_leave(&p->reader) : print_item(p, type);
		if (e)
			return error_trace(e);
		close_frames(p);
	}
}

_public_ int
tern_cbor_diag(const void *buf, size_t size, char *out, size_t room, size_t *ret_size)
{
	struct printer p; /* frames are set when they are opened */
	int e;

	tern_cbor_reader_init(&p.reader, buf, size);
	p.out = out;
	p.room = out ? room : 0;
	p.used = 0;
	p.depth = 0;
	p.frames[0] = (struct frame){0};
	e = print_all(&p);
	if (p.room > 0)
		out[MIN(p.used, p.room - 1)] = '\0';
	if (e)
		return error_trace(e);
	*ret_size = p.used;
	return p.used < p.room ? 0 : -ENOBUFS;
}
