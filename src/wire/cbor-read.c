/* SPDX-License-Identifier: MIT */

/*
 * cbor-read: a cursor over CBOR that anybody may have written
 *
 * reader_load() takes one head off the buffer and holds it against everything
 * known at that point; peek tells its type, get takes it. So each byte is fetched
 * once, and what was checked is what is used.
 *
 * Time: linear. Stack: constant. No allocation, no recursion.
 */

#include "base/attribute.h"
#include "wire/cbor.h"

static uint64_t
reader_offset(const struct tern_cbor_reader *r)
{
	return (uint64_t)(r->at - r->start);
}

static uint64_t
reader_remaining(const struct tern_cbor_reader *r)
{
	return (uint64_t)(r->end - r->at);
}

int
cbor_reader_fail(struct tern_cbor_reader *r, uint32_t code, uint64_t offset)
{
	if (r->fault.code == TERN_CBOR_OK) {
		r->fault.code = code;
		r->fault.offset = offset;
	}
	r->loaded = false;
	return -EBADMSG;
}

static int
reader_fail(struct tern_cbor_reader *r, uint32_t code)
{
	return cbor_reader_fail(r, code, r->item);
}

bool
cbor_reader_is_key(const struct tern_cbor_reader *r)
{
	uint32_t top = r->depth - 1;

	return r->depth > 0 && (r->kind[top] & CBOR_FRAME_MAJOR) == CBOR_MAJOR_MAP &&
	       r->left[top] % 2 == 0;
}

/* -------- heads -------- */

static int
reader_argument(struct tern_cbor_reader *r)
{
	size_t n = (size_t)1 << (r->info - CBOR_INFO_1);

	if (n > reader_remaining(r))
		return reader_fail(r, TERN_CBOR_E_TRUNCATED);
	r->argument = 0;
	for (size_t i = 0; i < n; i++)
		r->argument = r->argument << 8 | r->at[i];
	r->at += n;
	return 0;
}

/* The type of a head of the last major type; breaks are seen to elsewhere. */
static int
reader_classify_other(struct tern_cbor_reader *r)
{
	r->type = TERN_CBOR_SIMPLE;
	if (r->info > CBOR_INFO_1)
		r->type = TERN_CBOR_FLOAT;
	else if (r->info == CBOR_INFO_1 && r->argument < 32)
		return reader_fail(r, TERN_CBOR_E_SIMPLE);
	else if (r->info == CBOR_FALSE || r->info == CBOR_TRUE)
		r->type = TERN_CBOR_BOOL;
	else if (r->info == CBOR_NULL)
		r->type = TERN_CBOR_NULL;
	else if (r->info == CBOR_UNDEFINED)
		r->type = TERN_CBOR_UNDEFINED;
	return 0;
}

/* The type, and whether what is announced can be there at all. */
static int
reader_classify(struct tern_cbor_reader *r, uint8_t major)
{
	static const uint8_t types[] = {TERN_CBOR_UINT, TERN_CBOR_NINT, TERN_CBOR_BYTES,
		TERN_CBOR_TEXT, TERN_CBOR_ARRAY, TERN_CBOR_MAP, TERN_CBOR_TAG};
	uint64_t remaining = reader_remaining(r);

	if (major == CBOR_MAJOR_OTHER)
		return reader_classify_other(r);
	r->type = types[major];
	if (r->info == CBOR_INFO_INDEFINITE)
		return 0;
	if ((major == CBOR_MAJOR_BYTES || major == CBOR_MAJOR_TEXT) && r->argument > remaining)
		return reader_fail(r, TERN_CBOR_E_TRUNCATED);
	if (major == CBOR_MAJOR_ARRAY && r->argument > remaining)
		return reader_fail(r, TERN_CBOR_E_COUNT);
	if (major == CBOR_MAJOR_MAP && r->argument > remaining / 2)
		return reader_fail(r, TERN_CBOR_E_COUNT);
	if (major == CBOR_MAJOR_TAG && remaining == 0)
		return reader_fail(r, TERN_CBOR_E_TRUNCATED);
	return 0;
}

/* A break: it must close something, and a map not between key and value. */
static int
reader_break(struct tern_cbor_reader *r)
{
	uint32_t top = r->depth - 1;

	if (r->depth == 0 || !(r->kind[top] & CBOR_FRAME_OPEN))
		return reader_fail(r, TERN_CBOR_E_BREAK);
	if ((r->kind[top] & CBOR_FRAME_MAJOR) == CBOR_MAJOR_MAP && r->left[top] % 2)
		return reader_fail(r, TERN_CBOR_E_ODD);
	r->type = TERN_CBOR_END;
	return 0;
}

/* What an open string admits: pieces of its own type that have a length. */
static int
reader_check_piece(struct tern_cbor_reader *r, uint8_t major)
{
	uint8_t frame = r->depth ? r->kind[r->depth - 1] & CBOR_FRAME_MAJOR : CBOR_MAJOR_ARRAY;

	if (frame != CBOR_MAJOR_BYTES && frame != CBOR_MAJOR_TEXT)
		return 0;
	if (major != frame || r->info == CBOR_INFO_INDEFINITE)
		return reader_fail(r, TERN_CBOR_E_CHUNK);
	return 0;
}

static int
reader_head(struct tern_cbor_reader *r)
{
	uint8_t first = *r->at++;
	uint8_t major = first >> 5;
	int e;

	r->info = first & 0x1f;
	r->argument = r->info;
	if (first == CBOR_BREAK)
		return error_trace(reader_break(r));
	if (r->info >= CBOR_INFO_1 && r->info <= CBOR_INFO_8) {
		e = reader_argument(r);
		if (e)
			return error_trace(e);
	} else if (r->info > CBOR_INFO_8 &&
		   (r->info != CBOR_INFO_INDEFINITE || major < CBOR_MAJOR_BYTES ||
			   major > CBOR_MAJOR_MAP)) {
		return reader_fail(r, TERN_CBOR_E_RESERVED);
	}
	e = reader_check_piece(r, major);
	if (e)
		return error_trace(e);
	if (r->n_items++ >= TERN_CBOR_MAX_ITEMS)
		return reader_fail(r, TERN_CBOR_E_ITEMS);
	return error_trace(reader_classify(r, major));
}

/* See to it that the head of the next item is there; 1: there is no next item. */
static int
reader_load(struct tern_cbor_reader *r)
{
	int e;

	if (r->fault.code)
		return -EBADMSG;
	if (!r->loaded) {
		if (r->depth > 0 && !(r->kind[r->depth - 1] & CBOR_FRAME_OPEN) &&
			r->left[r->depth - 1] == 0)
			return 1;
		r->item = reader_offset(r);
		if (r->at == r->end)
			return r->depth == 0 ? 1 : reader_fail(r, TERN_CBOR_E_TRUNCATED);
		e = reader_head(r);
		if (e)
			return error_trace(e);
		r->loaded = true;
	}
	return r->type == TERN_CBOR_END;
}

int
cbor_reader_expect(struct tern_cbor_reader *r, uint8_t type)
{
	int e = reader_load(r);

	if (e < 0)
		return error_trace(e);
	if (e > 0) {
		r->item = r->loaded ? r->item : reader_offset(r);
		return reader_fail(r, r->depth == 0 ? TERN_CBOR_E_TRUNCATED : TERN_CBOR_E_LENGTH);
	}
	return r->type == type ? 0 : reader_fail(r, TERN_CBOR_E_TYPE);
}

/* -------- frames -------- */

void
cbor_reader_take(struct tern_cbor_reader *r)
{
	r->loaded = false;
	if (r->depth == 0)
		return;
	if (r->kind[r->depth - 1] & CBOR_FRAME_OPEN)
		r->left[r->depth - 1]++;
	else
		r->left[r->depth - 1]--;
}

void
cbor_reader_done(struct tern_cbor_reader *r)
{
	while (r->depth > 0 && r->kind[r->depth - 1] == CBOR_MAJOR_TAG &&
		r->left[r->depth - 1] == 0)
		r->depth--;
}

int
cbor_reader_push(struct tern_cbor_reader *r, uint8_t kind, uint64_t left)
{
	if (r->depth == TERN_CBOR_MAX_DEPTH)
		return reader_fail(r, TERN_CBOR_E_DEPTH);
	cbor_reader_take(r);
	r->kind[r->depth] = kind;
	r->left[r->depth] = left;
	r->depth++;
	return 0;
}

static int
reader_enter(struct tern_cbor_reader *r, uint8_t type, uint8_t major, size_t *ret_n)
{
	bool open;
	uint64_t n;
	int e = cbor_reader_expect(r, type);

	if (e)
		return error_trace(e);
	open = r->info == CBOR_INFO_INDEFINITE;
	n = r->argument;
	if (open)
		e = cbor_reader_push(r, major | CBOR_FRAME_OPEN, 0);
	else
		e = cbor_reader_push(r, major, major == CBOR_MAJOR_MAP ? 2 * n : n);
	if (e)
		return error_trace(e);
	if (ret_n)
		*ret_n = open ? TERN_CBOR_INDEFINITE : (size_t)n;
	return 0;
}

/* -------- life cycle -------- */

_public_ void
tern_cbor_reader_init(struct tern_cbor_reader *r, const void *buf, size_t size)
{
	/* The stack is not cleared: what is above depth is never read. */
	r->start = buf;
	r->at = buf;
	r->end = size ? r->at + size : r->at;
	r->fault = (struct tern_cbor_fault){0};
	r->argument = 0;
	r->item = 0;
	r->n_items = 0;
	r->depth = 0;
	r->loaded = false;
	r->type = TERN_CBOR_END;
	r->info = 0;
	r->hooks = NULL;
}

_public_ int
tern_cbor_reader_finish(struct tern_cbor_reader *r)
{
	if (r->fault.code)
		return -EBADMSG;
	if (r->loaded)
		return cbor_reader_fail(r, TERN_CBOR_E_TRAILING, r->item);
	if (r->depth > 0 || r->at != r->end)
		return cbor_reader_fail(r, TERN_CBOR_E_TRAILING, reader_offset(r));
	return 0;
}

_public_ int
tern_cbor_peek(struct tern_cbor_reader *r)
{
	int e = reader_load(r);

	if (e < 0)
		return error_trace(e);
	return e > 0 ? TERN_CBOR_END : r->type;
}

/* -------- containers -------- */

_public_ int
tern_cbor_enter_array(struct tern_cbor_reader *r, size_t *ret_n)
{
	return error_trace(reader_enter(r, TERN_CBOR_ARRAY, CBOR_MAJOR_ARRAY, ret_n));
}

_public_ int
tern_cbor_enter_map(struct tern_cbor_reader *r, size_t *ret_n)
{
	return error_trace(reader_enter(r, TERN_CBOR_MAP, CBOR_MAJOR_MAP, ret_n));
}

int
cbor_reader_step(struct tern_cbor_reader *r)
{
	const void *bytes;
	uint64_t tag;
	size_t size;

	switch (tern_cbor_peek(r)) {
	case TERN_CBOR_END:
		r->loaded = false;
		r->depth--;
		break;
	case TERN_CBOR_ARRAY:
		return error_trace(tern_cbor_enter_array(r, NULL));
	case TERN_CBOR_MAP:
		return error_trace(tern_cbor_enter_map(r, NULL));
	case TERN_CBOR_TAG:
		return error_trace(tern_cbor_get_tag(r, &tag));
	case TERN_CBOR_BYTES:
	case TERN_CBOR_TEXT:
		if (r->info == CBOR_INFO_INDEFINITE)
			return error_trace(tern_cbor_enter_string(r));
		return error_trace(cbor_reader_string(r, r->type, &bytes, &size));
	default:
		cbor_reader_take(r);
	}
	cbor_reader_done(r);
	return r->fault.code ? -EBADMSG : 0;
}

_public_ int
tern_cbor_skip(struct tern_cbor_reader *r)
{
	uint32_t depth = r->depth;
	int e = reader_load(r);

	if (e > 0)
		return error_trace(cbor_reader_expect(r, TERN_CBOR_END));
	/* A tag that was read before goes with its content: then depth ends lower. */
	while (e == 0) {
		e = cbor_reader_step(r);
		if (r->depth <= depth)
			break;
	}
	return error_trace(e);
}

_public_ int
tern_cbor_get_raw(struct tern_cbor_reader *r, const void **ret, size_t *ret_size)
{
	const uint8_t *first;
	int e = reader_load(r);

	if (e < 0)
		return error_trace(e);
	first = r->start + r->item;
	e = tern_cbor_skip(r);
	if (e)
		return error_trace(e);
	*ret = first;
	*ret_size = (size_t)(r->at - first);
	return 0;
}

_public_ int
tern_cbor_leave(struct tern_cbor_reader *r)
{
	uint32_t depth = r->depth;

	/* Tags still waiting for their content are inside what is left. */
	while (depth > 0 && r->kind[depth - 1] == CBOR_MAJOR_TAG)
		depth--;
	if (depth == 0)
		return -EINVAL;
	while (r->depth >= depth) {
		int e = cbor_reader_step(r);

		if (e)
			return error_trace(e);
	}
	return 0;
}
