/* SPDX-License-Identifier: MIT */

/*
 * cbor-unpack-value: single items and strings
 */

#include "base/attribute.h"
#include "wire/cbor-unpack.h"

#define EXACT_INTEGERS (INT64_C(1) << 53) /* doubles hold all of them up to here */

int
unpack_fail(struct unpacker *u, uint32_t code)
{
	return cbor_reader_fail(&u->reader, code, u->reader.item);
}

/* -------- single values -------- */

static int
take_unsigned(struct unpacker *u, uint64_t *ret)
{
	if (tern_cbor_peek(&u->reader) == TERN_CBOR_NINT)
		return unpack_fail(u, TERN_CBOR_E_RANGE);
	return error_trace(tern_cbor_get_uint(&u->reader, ret));
}

static int
take_double(struct unpacker *u, double *ret)
{
	int type = tern_cbor_peek(&u->reader);
	int64_t i;
	int e;

	if (type != TERN_CBOR_UINT && type != TERN_CBOR_NINT)
		return error_trace(tern_cbor_get_double(&u->reader, ret));
	e = tern_cbor_get_int(&u->reader, &i);
	if (e)
		return error_trace(e);
	if (i > EXACT_INTEGERS || i < -EXACT_INTEGERS)
		return unpack_fail(u, TERN_CBOR_E_RANGE);
	*ret = (double)i;
	return 0;
}

static int
take_descriptor(struct unpacker *u, int64_t *ret)
{
	uint64_t item, tag, index;
	int e, fd;

	(void)tern_cbor_peek(&u->reader); /* for where it is; the next line has the answer */
	item = u->reader.item;
	e = tern_cbor_get_tag(&u->reader, &tag);
	if (!e && tag != TERN_CBOR_TAG_FD)
		e = cbor_reader_fail(&u->reader, TERN_CBOR_E_TYPE, item);
	if (!e)
		e = tern_cbor_get_uint(&u->reader, &index);
	if (e)
		return error_trace(e);
	fd = u->hooks->descriptor(u->hooks->user, index);
	if (fd < 0)
		return cbor_reader_fail(&u->reader, TERN_CBOR_E_DESCRIPTOR, item);
	*ret = fd;
	return 0;
}

/* -------- strings -------- */

int
unpack_next_piece(struct tern_cbor_reader *r, bool is_text, const void **ret, size_t *ret_size)
{
	const char *text;
	int e = tern_cbor_peek(r);

	if (e <= 0)
		return e < 0 ? e : 1;
	if (!is_text)
		return error_trace(tern_cbor_get_bytes(r, ret, ret_size));
	e = tern_cbor_get_text(r, &text, ret_size);
	if (e)
		return error_trace(e);
	*ret = text;
	return 0;
}

/* Go through the pieces of a string, to know its size and that there is no NUL in it. */
static int
take_pieces(struct unpacker *u, char letter, struct string *ret)
{
	struct tern_cbor_reader *r = &u->reader;
	const uint8_t *start = r->start + r->item;
	size_t total = 0, size;
	const void *piece;
	int e;

	if (!u->hooks || !u->hooks->memory)
		return unpack_fail(u, TERN_CBOR_E_PIECES);
	e = tern_cbor_enter_string(r);
	while (!e) {
		e = unpack_next_piece(r, letter != 'y', &piece, &size);
		if (e)
			break;
		if (letter == 's' && memchr(piece, 0, size))
			return unpack_fail(u, TERN_CBOR_E_NUL);
		total += size;
	}
	if (e < 0)
		return error_trace(e);
	e = tern_cbor_leave(r);
	if (e)
		return error_trace(e);
	*ret = (struct string){start, total, (size_t)(r->at - start)};
	return 0;
}

static int
take_whole(struct unpacker *u, char letter, struct string *ret)
{
	const void *bytes;
	const char *text;
	size_t size;
	int e;

	if (letter == 'y') {
		e = tern_cbor_get_bytes(&u->reader, &bytes, &size);
	} else {
		e = tern_cbor_get_text(&u->reader, &text, &size);
		bytes = e ? NULL : text;
	}
	if (e)
		return error_trace(e);
	if (letter == 's' && memchr(bytes, 0, size))
		return unpack_fail(u, TERN_CBOR_E_NUL);
	*ret = (struct string){bytes, size, 0};
	return 0;
}

/* Bytes that lie in a part of the message. */
static int
take_part(struct unpacker *u, struct string *ret)
{
	uint64_t item = u->reader.item, tag, number;
	const void *bytes;
	size_t size;
	int e;

	e = tern_cbor_get_tag(&u->reader, &tag);
	if (!e && tag != TERN_CBOR_TAG_PART)
		e = cbor_reader_fail(&u->reader, TERN_CBOR_E_TYPE, item);
	if (!e)
		e = tern_cbor_get_uint(&u->reader, &number);
	if (e)
		return error_trace(e);
	e = u->hooks && u->hooks->part ? u->hooks->part(u->hooks->user, number, &bytes, &size) : -ENOENT;
	if (e == -ENOENT)
		return cbor_reader_fail(&u->reader, TERN_CBOR_E_PART, item);
	if (e)
		return error_trace(e);
	*ret = (struct string){bytes, size, 0};
	return 0;
}

/*
 * A head is at least a byte, so that a string and its NUL need no more memory
 * than the item has bytes; that is the promise of the `memory` hook.
 */
static int
take_string(struct unpacker *u, char letter, struct string *ret)
{
	int type = letter == 'y' ? TERN_CBOR_BYTES : TERN_CBOR_TEXT;
	int found = tern_cbor_peek(&u->reader), e;
	bool in_pieces = found == type && u->reader.info == CBOR_INFO_INDEFINITE;

	if (letter == 'y' && found == TERN_CBOR_TAG)
		return error_trace(take_part(u, ret));
	e = in_pieces ? take_pieces(u, letter, ret) : take_whole(u, letter, ret);
	if (e)
		return error_trace(e);
	if (letter == 's')
		u->memory_needed += ret->size + 1;
	else if (in_pieces)
		u->memory_needed += ret->size;
	return 0;
}

static int
take_item(struct unpacker *u, struct string *ret)
{
	const void *bytes;
	size_t size;
	int e = tern_cbor_get_raw(&u->reader, &bytes, &size);

	if (e)
		return error_trace(e);
	*ret = (struct string){bytes, size, 0};
	return 0;
}

/* -------- any letter -------- */

int
unpack_scalar(struct unpacker *u, char letter, struct slot *slot)
{
	bool b;
	int e;

	switch (letter) {
	case 'b':
		e = tern_cbor_get_bool(&u->reader, &b);
		slot->i = e ? 0 : b;
		return error_trace(e);
	case 'i':
		return error_trace(tern_cbor_get_int(&u->reader, &slot->i));
	case 'u':
		return error_trace(take_unsigned(u, &slot->u));
	case 'd':
		return error_trace(take_double(u, &slot->d));
	case 'h':
		return error_trace(take_descriptor(u, &slot->i));
	case 'n':
		return error_trace(tern_cbor_get_null(&u->reader));
	case 'v':
	case 'f':
		return error_trace(take_item(u, &slot->s));
	default: /* s t y */
		return error_trace(take_string(u, letter, &slot->s));
	}
}
