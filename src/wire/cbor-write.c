/* SPDX-License-Identifier: MIT */

/*
 * cbor-write: CBOR into the caller's memory, in shortest form
 *
 * The writer keeps account of what it owes, so that a wrong number of elements
 * is found where it was made and not at the reader's. Once something did not
 * fit, only the length is of use; once something was wrong, nothing is.
 * Time: linear in what is written. Stack: constant. No allocation.
 */

#include "base/attribute.h"
#include "wire/cbor.h"
#include "wire/utf8.h"

static void
writer_fail(struct tern_cbor_writer *w)
{
	w->error = -EINVAL;
}

static void
writer_bytes(struct tern_cbor_writer *w, const void *bytes, size_t size)
{
	if (size > SIZE_MAX - w->used) {
		writer_fail(w);
		return;
	}
	if (size > 0 && w->used <= w->size && size <= w->size - w->used)
		memcpy(w->buf + w->used, bytes, size);
	w->used += size;
}

static void
writer_info(struct tern_cbor_writer *w, uint8_t major, uint8_t info, uint64_t argument)
{
	size_t n = info < CBOR_INFO_1 || info > CBOR_INFO_8 ? 0 : (size_t)1 << (info - CBOR_INFO_1);
	uint8_t head[9];

	head[0] = (uint8_t)(major << 5 | info);
	for (size_t i = 0; i < n; i++)
		head[1 + i] = (uint8_t)(argument >> (8 * (n - 1 - i)));
	writer_bytes(w, head, 1 + n);
}

static void
writer_head(struct tern_cbor_writer *w, uint8_t major, uint64_t argument)
{
	uint8_t info;

	if (argument < CBOR_INFO_1)
		info = (uint8_t)argument;
	else if (argument <= UINT8_MAX)
		info = CBOR_INFO_1;
	else if (argument <= UINT16_MAX)
		info = CBOR_INFO_2;
	else
		info = argument <= UINT32_MAX ? CBOR_INFO_4 : CBOR_INFO_8;
	writer_info(w, major, info, argument);
}

/* Whether a string of this major type may come here as a piece, or anything else as an item. */
static bool
frame_admits(uint8_t kind, uint8_t major, bool whole)
{
	uint8_t frame = kind & CBOR_FRAME_MAJOR;

	if (frame == CBOR_MAJOR_BYTES || frame == CBOR_MAJOR_TEXT)
		return frame == major && whole;
	return true;
}

/* An item begins: count it where it lies. False: not allowed, or failed before. */
static bool
writer_item(struct tern_cbor_writer *w, uint8_t major, bool whole)
{
	uint32_t top;

	if (w->error)
		return false;
	if (w->depth == 0)
		return true;
	top = w->depth - 1;
	if (!frame_admits(w->kind[top], major, whole)) {
		writer_fail(w);
		return false;
	}
	if (w->kind[top] & CBOR_FRAME_OPEN)
		w->left[top]++;
	else
		w->left[top]--; /* never 0: full frames are closed at once */
	return true;
}

/* An item is complete: with it everything that was waiting only for it. */
static void
writer_done(struct tern_cbor_writer *w)
{
	while (w->depth > 0) {
		uint32_t top = w->depth - 1;

		if (w->kind[top] & CBOR_FRAME_OPEN || w->left[top] > 0)
			return;
		w->depth--;
	}
}

static void
writer_push(struct tern_cbor_writer *w, uint8_t kind, uint64_t left)
{
	if (w->depth == TERN_CBOR_MAX_DEPTH) {
		writer_fail(w);
		return;
	}
	w->kind[w->depth] = kind;
	w->left[w->depth] = left;
	w->depth++;
	writer_done(w);
}

/* Head of an array or a map with n items inside, or of anything that a break closes. */
static void
writer_open(struct tern_cbor_writer *w, uint8_t major, size_t n, uint64_t n_items)
{
	bool open = n == TERN_CBOR_INDEFINITE;

	if (!writer_item(w, major, false))
		return;
	if (open)
		writer_info(w, major, CBOR_INFO_INDEFINITE, 0);
	else
		writer_head(w, major, n);
	writer_push(w, open ? major | CBOR_FRAME_OPEN : major, open ? 0 : n_items);
}

static void
writer_number(struct tern_cbor_writer *w, uint8_t major, uint64_t argument)
{
	if (!writer_item(w, major, false))
		return;
	writer_head(w, major, argument);
	writer_done(w);
}

static void
writer_string(struct tern_cbor_writer *w, uint8_t major, const void *bytes, size_t size)
{
	if (!writer_item(w, major, true))
		return;
	if (major == CBOR_MAJOR_TEXT && !utf8_is_valid(bytes, size)) {
		writer_fail(w);
		return;
	}
	writer_head(w, major, size);
	writer_bytes(w, bytes, size);
	writer_done(w);
}

_public_ void
tern_cbor_writer_init(struct tern_cbor_writer *w, void *buf, size_t size)
{
	/* The stack is not cleared: what is above depth is never read. */
	w->buf = buf;
	w->size = buf ? size : 0;
	w->used = 0;
	w->error = 0;
	w->depth = 0;
	w->hooks = NULL;
}

_public_ int
tern_cbor_writer_finish(const struct tern_cbor_writer *w, size_t *ret_size)
{
	if (w->error)
		return error_trace(w->error);
	if (w->depth > 0)
		return -EINVAL;
	*ret_size = w->used;
	return w->used > w->size ? -ENOBUFS : 0;
}

_public_ void
tern_cbor_put_uint(struct tern_cbor_writer *w, uint64_t value)
{
	writer_number(w, CBOR_MAJOR_UINT, value);
}

_public_ void
tern_cbor_put_int(struct tern_cbor_writer *w, int64_t value)
{
	if (value < 0)
		writer_number(w, CBOR_MAJOR_NINT, ~(uint64_t)value);
	else
		writer_number(w, CBOR_MAJOR_UINT, (uint64_t)value);
}

_public_ void
tern_cbor_put_nint(struct tern_cbor_writer *w, uint64_t value)
{
	writer_number(w, CBOR_MAJOR_NINT, value);
}

_public_ void
tern_cbor_put_bool(struct tern_cbor_writer *w, bool value)
{
	writer_number(w, CBOR_MAJOR_OTHER, value ? CBOR_TRUE : CBOR_FALSE);
}

_public_ void
tern_cbor_put_null(struct tern_cbor_writer *w)
{
	writer_number(w, CBOR_MAJOR_OTHER, CBOR_NULL);
}

_public_ void
tern_cbor_put_undefined(struct tern_cbor_writer *w)
{
	writer_number(w, CBOR_MAJOR_OTHER, CBOR_UNDEFINED);
}

_public_ void
tern_cbor_put_simple(struct tern_cbor_writer *w, uint8_t value)
{
	if (value >= CBOR_FALSE && value < 32)
		writer_fail(w);
	else
		writer_number(w, CBOR_MAJOR_OTHER, value);
}

_public_ void
tern_cbor_put_double(struct tern_cbor_writer *w, double value)
{
	uint64_t bits;
	uint8_t info = cbor_double_shrink(value, &bits);

	if (!writer_item(w, CBOR_MAJOR_OTHER, false))
		return;
	writer_info(w, CBOR_MAJOR_OTHER, info, bits);
	writer_done(w);
}

_public_ void
tern_cbor_put_bytes(struct tern_cbor_writer *w, const void *bytes, size_t size)
{
	writer_string(w, CBOR_MAJOR_BYTES, bytes, size);
}

_public_ void
tern_cbor_put_text(struct tern_cbor_writer *w, const char *text, size_t size)
{
	writer_string(w, CBOR_MAJOR_TEXT, text, size);
}

_public_ void
tern_cbor_put_string(struct tern_cbor_writer *w, const char *string)
{
	if (!string)
		writer_fail(w);
	else
		writer_string(w, CBOR_MAJOR_TEXT, string, strlen(string));
}

_public_ void
tern_cbor_put_tag(struct tern_cbor_writer *w, uint64_t tag)
{
	if (!writer_item(w, CBOR_MAJOR_TAG, false))
		return;
	writer_head(w, CBOR_MAJOR_TAG, tag);
	writer_push(w, CBOR_MAJOR_TAG, 1);
}

_public_ void
tern_cbor_put_array(struct tern_cbor_writer *w, size_t n)
{
	writer_open(w, CBOR_MAJOR_ARRAY, n, n);
}

_public_ void
tern_cbor_put_map(struct tern_cbor_writer *w, size_t n)
{
	if (n != TERN_CBOR_INDEFINITE && n > SIZE_MAX / 2)
		writer_fail(w);
	else
		writer_open(w, CBOR_MAJOR_MAP, n, 2 * (uint64_t)n);
}

_public_ void
tern_cbor_open_text(struct tern_cbor_writer *w)
{
	writer_open(w, CBOR_MAJOR_TEXT, TERN_CBOR_INDEFINITE, 0);
}

_public_ void
tern_cbor_open_bytes(struct tern_cbor_writer *w)
{
	writer_open(w, CBOR_MAJOR_BYTES, TERN_CBOR_INDEFINITE, 0);
}

_public_ void
tern_cbor_put_break(struct tern_cbor_writer *w)
{
	uint32_t top = w->depth - 1;

	if (w->error)
		return;
	if (w->depth == 0 || !(w->kind[top] & CBOR_FRAME_OPEN) ||
		(w->kind[top] == (CBOR_MAJOR_MAP | CBOR_FRAME_OPEN) && w->left[top] % 2)) {
		writer_fail(w);
		return;
	}
	writer_info(w, CBOR_MAJOR_OTHER, CBOR_INFO_INDEFINITE, 0);
	w->depth--;
	writer_done(w);
}

_public_ void
tern_cbor_put_raw(struct tern_cbor_writer *w, const void *item, size_t size)
{
	if (!writer_item(w, CBOR_MAJOR_ARRAY, false))
		return;
	if (cbor_check_at(item, size, w->depth, 0, NULL) < 0) {
		writer_fail(w);
		return;
	}
	writer_bytes(w, item, size);
	writer_done(w);
}
