/* SPDX-License-Identifier: MIT */

/*
 * cbor-get: what the cursor looked at, as C values
 *
 * Each function takes the next item if it is what it says. The head was checked when
 * it was looked at (cbor-read.c); here are the types, the ranges and UTF-8.
 */

#include "base/attribute.h"
#include "wire/cbor.h"
#include "wire/utf8.h"

/* -------- single items -------- */

_public_ int
tern_cbor_get_uint(struct tern_cbor_reader *r, uint64_t *ret)
{
	int e = cbor_reader_expect(r, TERN_CBOR_UINT);

	if (e)
		return error_trace(e);
	*ret = r->argument;
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_nint(struct tern_cbor_reader *r, uint64_t *ret)
{
	int e = cbor_reader_expect(r, TERN_CBOR_NINT);

	if (e)
		return error_trace(e);
	*ret = r->argument;
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_int(struct tern_cbor_reader *r, int64_t *ret)
{
	int type = tern_cbor_peek(r);
	int e = cbor_reader_expect(r, type == TERN_CBOR_NINT ? TERN_CBOR_NINT : TERN_CBOR_UINT);

	if (e)
		return error_trace(e);
	if (r->argument > INT64_MAX)
		return cbor_reader_fail(r, TERN_CBOR_E_RANGE, r->item);
	*ret = type == TERN_CBOR_NINT ? -1 - (int64_t)r->argument : (int64_t)r->argument;
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_bool(struct tern_cbor_reader *r, bool *ret)
{
	int e = cbor_reader_expect(r, TERN_CBOR_BOOL);

	if (e)
		return error_trace(e);
	*ret = r->info == CBOR_TRUE;
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_null(struct tern_cbor_reader *r)
{
	int e = cbor_reader_expect(r, TERN_CBOR_NULL);

	if (e)
		return error_trace(e);
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_undefined(struct tern_cbor_reader *r)
{
	int e = cbor_reader_expect(r, TERN_CBOR_UNDEFINED);

	if (e)
		return error_trace(e);
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_simple(struct tern_cbor_reader *r, uint8_t *ret)
{
	int e = cbor_reader_expect(r, TERN_CBOR_SIMPLE);

	if (e)
		return error_trace(e);
	*ret = (uint8_t)r->argument;
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_double(struct tern_cbor_reader *r, double *ret)
{
	int e = cbor_reader_expect(r, TERN_CBOR_FLOAT);

	if (e)
		return error_trace(e);
	if (r->info == CBOR_INFO_2)
		*ret = cbor_half_to_double((uint16_t)r->argument);
	else if (r->info == CBOR_INFO_4)
		*ret = cbor_float_bits_double((uint32_t)r->argument);
	else
		*ret = cbor_bits_double(r->argument);
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_tag(struct tern_cbor_reader *r, uint64_t *ret)
{
	uint64_t tag;
	int e = cbor_reader_expect(r, TERN_CBOR_TAG);

	if (e)
		return error_trace(e);
	tag = r->argument;
	e = cbor_reader_push(r, CBOR_MAJOR_TAG, 1);
	if (e)
		return error_trace(e);
	*ret = tag;
	return 0;
}

/* -------- strings -------- */

int
cbor_reader_string(struct tern_cbor_reader *r, uint8_t type, const void **ret, size_t *ret_size)
{
	const uint8_t *bytes;
	int e = cbor_reader_expect(r, type);

	if (e)
		return error_trace(e);
	bytes = r->at;
	if (r->info == CBOR_INFO_INDEFINITE)
		return cbor_reader_fail(r, TERN_CBOR_E_PIECES, r->item);
	if (type == TERN_CBOR_TEXT && !utf8_is_valid(bytes, (size_t)r->argument))
		return cbor_reader_fail(r, TERN_CBOR_E_UTF8, r->item);
	*ret = bytes;
	*ret_size = (size_t)r->argument;
	r->at += r->argument;
	cbor_reader_take(r);
	cbor_reader_done(r);
	return 0;
}

_public_ int
tern_cbor_get_bytes(struct tern_cbor_reader *r, const void **ret, size_t *ret_size)
{
	return error_trace(cbor_reader_string(r, TERN_CBOR_BYTES, ret, ret_size));
}

_public_ int
tern_cbor_get_text(struct tern_cbor_reader *r, const char **ret, size_t *ret_size)
{
	const void *bytes;
	int e = cbor_reader_string(r, TERN_CBOR_TEXT, &bytes, ret_size);

	if (e)
		return error_trace(e);
	*ret = bytes;
	return 0;
}

_public_ int
tern_cbor_enter_string(struct tern_cbor_reader *r)
{
	bool is_text = tern_cbor_peek(r) == TERN_CBOR_TEXT;
	uint8_t major = is_text ? CBOR_MAJOR_TEXT : CBOR_MAJOR_BYTES;
	int e = cbor_reader_expect(r, is_text ? TERN_CBOR_TEXT : TERN_CBOR_BYTES);

	if (e)
		return error_trace(e);
	if (r->info == CBOR_INFO_INDEFINITE)
		return error_trace(cbor_reader_push(r, major | CBOR_FRAME_OPEN, 0));
	/* The head stays loaded: inside the frame it is the head of the only piece. */
	e = cbor_reader_push(r, major, 1);
	r->loaded = e == 0;
	return error_trace(e);
}
