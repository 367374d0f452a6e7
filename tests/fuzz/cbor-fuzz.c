/* SPDX-License-Identifier: MIT */

/*
 * cbor-fuzz: any bytes through the CBOR codec, held against libcbor and against itself
 *
 * 1. Whatever libcbor makes of an item, the cursor does: the same tree, the same length,
 *    or both refuse it.
 * 2. Walking, skipping, checking and printing find the same fault at the same place.
 * 3. What is read and written again is not longer, means the same, and is the same
 *    if it was deterministic.
 * 4. Unpacking by any format stays in its memory.
 *
 * Known of libcbor 0.8, and no difference: it refuses tags 6 … 20 in one byte and all
 * simple values but the four with a name, takes text that is not UTF-8, nests deeper
 * than we do, and allocates for announced elements before they are there.
 */

#include <cbor.h>
#include <math.h>
#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-format.h"
#include "wire/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A difference. The driver keeps the input. */
#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* -------- 1: libcbor -------- */

static void same_item(struct tern_cbor_reader *r, const cbor_item_t *item);

static void
same_string(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	bool is_text = cbor_isa_string(item);
	const void *bytes = NULL;
	const char *text;
	size_t size;

	if (is_text) {
		require(tern_cbor_get_text(r, &text, &size) == 0);
		require(size == cbor_string_length(item));
		require(size == 0 || memcmp(text, cbor_string_handle(item), size) == 0);
		return;
	}
	require(tern_cbor_get_bytes(r, &bytes, &size) == 0);
	require(size == cbor_bytestring_length(item));
	require(size == 0 || memcmp(bytes, cbor_bytestring_handle(item), size) == 0);
}

static void
same_pieces(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	bool is_text = cbor_isa_string(item);
	size_t n = is_text ? cbor_string_chunk_count(item) : cbor_bytestring_chunk_count(item);
	cbor_item_t **pieces =
		is_text ? cbor_string_chunks_handle(item) : cbor_bytestring_chunks_handle(item);

	require(tern_cbor_enter_string(r) == 0);
	for (size_t i = 0; i < n; i++)
		same_string(r, pieces[i]);
	require(tern_cbor_peek(r) == TERN_CBOR_END);
	require(tern_cbor_leave(r) == 0);
}

static void
same_array(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	size_t n;

	require(tern_cbor_enter_array(r, &n) == 0);
	require((n == TERN_CBOR_INDEFINITE) == cbor_array_is_indefinite(item));
	require(n == TERN_CBOR_INDEFINITE || n == cbor_array_size(item));
	for (size_t i = 0; i < cbor_array_size(item); i++)
		same_item(r, cbor_array_handle(item)[i]);
	require(tern_cbor_peek(r) == TERN_CBOR_END);
	require(tern_cbor_leave(r) == 0);
}

static void
same_map(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	size_t n;

	require(tern_cbor_enter_map(r, &n) == 0);
	require((n == TERN_CBOR_INDEFINITE) == cbor_map_is_indefinite(item));
	require(n == TERN_CBOR_INDEFINITE || n == cbor_map_size(item));
	for (size_t i = 0; i < cbor_map_size(item); i++) {
		same_item(r, cbor_map_handle(item)[i].key);
		same_item(r, cbor_map_handle(item)[i].value);
	}
	require(tern_cbor_peek(r) == TERN_CBOR_END);
	require(tern_cbor_leave(r) == 0);
}

static void
same_tag(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	cbor_item_t *content = cbor_tag_item(item);
	uint64_t tag;

	require(tern_cbor_get_tag(r, &tag) == 0);
	require(tag == cbor_tag_value(item));
	same_item(r, content);
	cbor_decref(&content);
}

static void
same_float_or_simple(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	double value, other;
	bool b;

	if (cbor_float_ctrl_is_ctrl(item)) {
		if (cbor_is_bool(item)) {
			require(tern_cbor_get_bool(r, &b) == 0);
			require(b == cbor_get_bool(item));
		} else if (cbor_is_null(item)) {
			require(tern_cbor_get_null(r) == 0);
		} else {
			require(cbor_is_undef(item));
			require(tern_cbor_get_undefined(r) == 0);
		}
		return;
	}
	other = cbor_float_get_float(item);
	require(tern_cbor_get_double(r, &value) == 0);
	require(isnan(value) ? isnan(other) : cbor_double_bits(value) == cbor_double_bits(other));
}

static void
same_item(struct tern_cbor_reader *r, const cbor_item_t *item)
{
	uint64_t u;

	switch (cbor_typeof(item)) {
	case CBOR_TYPE_UINT:
		require(tern_cbor_get_uint(r, &u) == 0);
		require(u == cbor_get_int(item));
		break;
	case CBOR_TYPE_NEGINT:
		require(tern_cbor_get_nint(r, &u) == 0);
		require(u == cbor_get_int(item));
		break;
	case CBOR_TYPE_BYTESTRING:
		if (cbor_bytestring_is_indefinite(item))
			same_pieces(r, item);
		else
			same_string(r, item);
		break;
	case CBOR_TYPE_STRING:
		if (cbor_string_is_indefinite(item))
			same_pieces(r, item);
		else
			same_string(r, item);
		break;
	case CBOR_TYPE_ARRAY:
		same_array(r, item);
		break;
	case CBOR_TYPE_MAP:
		same_map(r, item);
		break;
	case CBOR_TYPE_TAG:
		same_tag(r, item);
		break;
	case CBOR_TYPE_FLOAT_CTRL:
		same_float_or_simple(r, item);
	}
}

/* Go over one item, and tell whether it has anything in it that libcbor does not know. */
static uint32_t
walk_item(struct tern_cbor_reader *r, bool *ret_unknown)
{
	*ret_unknown = false;
	do {
		int type = tern_cbor_peek(r);

		if (type < 0)
			break;
		if (type == TERN_CBOR_SIMPLE ||
			(type == TERN_CBOR_TAG && r->info > 5 && r->info < 21))
			*ret_unknown = true;
		if (cbor_reader_step(r) < 0)
			break;
	} while (r->depth > 0);
	return r->fault.code;
}

/* Of what has an inside, libcbor sees only at its end that it is no piece of a string. */
static bool
is_opening(uint8_t first)
{
	return first >> 5 >= CBOR_MAJOR_ARRAY || (first & 0x1f) == CBOR_INFO_INDEFINITE;
}

/* libcbor and we agree on the item at the start of data. Return: its length; 0: there is none. */
static size_t
compare_item(const uint8_t *data, size_t size)
{
	struct tern_cbor_reader r;
	struct cbor_load_result result;
	cbor_item_t *item;
	bool has_unknown;
	uint32_t fault;
	size_t length;

	tern_cbor_reader_init(&r, data, size);
	fault = walk_item(&r, &has_unknown);
	if (fault == TERN_CBOR_E_COUNT || fault == TERN_CBOR_E_UTF8 || fault == TERN_CBOR_E_DEPTH)
		return 0;
	if (fault == TERN_CBOR_E_CHUNK && is_opening(data[r.fault.offset]))
		return 0;
	length = (size_t)(r.at - r.start);
	item = cbor_load(data, size, &result);
	if (!has_unknown)
		require((item != NULL) == (fault == TERN_CBOR_OK));
	if (!item)
		return fault ? 0 : length;
	require(!has_unknown);
	require(result.read == length);
	tern_cbor_reader_init(&r, data, length);
	same_item(&r, item);
	require(tern_cbor_reader_finish(&r) == 0);
	cbor_decref(&item);
	return length;
}

/* -------- 2: every way through it -------- */

static struct tern_cbor_fault
fault_of_steps(const uint8_t *data, size_t size)
{
	struct tern_cbor_reader r;

	tern_cbor_reader_init(&r, data, size);
	while (tern_cbor_peek(&r) > 0 || (r.depth > 0 && !r.fault.code))
		(void)cbor_reader_step(&r); /* a fault ends the loop */
	(void)tern_cbor_reader_finish(&r);  /* the fault tells */
	return r.fault;
}

static struct tern_cbor_fault
fault_of_skips(const uint8_t *data, size_t size)
{
	struct tern_cbor_reader r;
	const void *raw;
	size_t raw_size, total = 0;

	tern_cbor_reader_init(&r, data, size);
	while (tern_cbor_peek(&r) > 0) {
		if (tern_cbor_get_raw(&r, &raw, &raw_size) < 0)
			break;
		require(raw == data + total);
		total += raw_size;
	}
	require(r.fault.code || total == size);
	return r.fault;
}

static bool
same_fault(struct tern_cbor_fault a, struct tern_cbor_fault b)
{
	return a.code == b.code && a.offset == b.offset;
}

/* Only the check looks at keys; otherwise all find the same, and never one past another. */
static struct tern_cbor_fault
compare_faults(const uint8_t *data, size_t size)
{
	struct tern_cbor_fault steps = fault_of_steps(data, size), check = {0};

	require(same_fault(steps, fault_of_skips(data, size)));
	(void)tern_cbor_check(data, size, TERN_CBOR_SEQUENCE, &check); /* the fault tells */
	require(check.offset <= size);
	if (check.code == TERN_CBOR_E_DUPLICATE || check.code == TERN_CBOR_E_KEY ||
		check.code == TERN_CBOR_E_KEYS)
		require(!steps.code || check.offset <= steps.offset);
	else
		require(same_fault(steps, check));
	return steps;
}

static char *
print(const uint8_t *data, size_t size, bool is_good)
{
	size_t length = 0, same = 0;
	char *text;
	int e = tern_cbor_diag(data, size, NULL, 0, &length);

	require(e == (is_good ? -ENOBUFS : -EBADMSG));
	if (!is_good)
		return NULL;
	text = malloc(length + 1);
	require(text);
	require(tern_cbor_diag(data, size, text, length + 1, &same) == 0);
	require(same == length && strlen(text) == length);
	for (size_t i = 0; i < length; i++)
		require(text[i] >= 0x20 && text[i] < 0x7f);
	return text;
}

/* -------- 3: read and written again -------- */

static void
copy_string(struct tern_cbor_reader *r, struct tern_cbor_writer *w, int type)
{
	bool is_text = type == TERN_CBOR_TEXT;
	const void *bytes;
	const char *text;
	size_t size;

	if (r->info == CBOR_INFO_INDEFINITE) {
		require(tern_cbor_enter_string(r) == 0);
		if (is_text)
			tern_cbor_open_text(w);
		else
			tern_cbor_open_bytes(w);
	} else if (is_text) {
		require(tern_cbor_get_text(r, &text, &size) == 0);
		tern_cbor_put_text(w, text, size);
	} else {
		require(tern_cbor_get_bytes(r, &bytes, &size) == 0);
		tern_cbor_put_bytes(w, bytes, size);
	}
}

static void
copy_container(struct tern_cbor_reader *r, struct tern_cbor_writer *w, int type)
{
	uint64_t tag;
	size_t n;

	if (type == TERN_CBOR_TAG) {
		require(tern_cbor_get_tag(r, &tag) == 0);
		tern_cbor_put_tag(w, tag);
	} else if (type == TERN_CBOR_ARRAY) {
		require(tern_cbor_enter_array(r, &n) == 0);
		tern_cbor_put_array(w, n);
	} else {
		require(tern_cbor_enter_map(r, &n) == 0);
		tern_cbor_put_map(w, n);
	}
}

static void
copy_other(struct tern_cbor_reader *r, struct tern_cbor_writer *w, int type)
{
	uint8_t simple;
	double d;
	bool b;

	if (type == TERN_CBOR_BOOL) {
		require(tern_cbor_get_bool(r, &b) == 0);
		tern_cbor_put_bool(w, b);
	} else if (type == TERN_CBOR_NULL) {
		require(tern_cbor_get_null(r) == 0);
		tern_cbor_put_null(w);
	} else if (type == TERN_CBOR_UNDEFINED) {
		require(tern_cbor_get_undefined(r) == 0);
		tern_cbor_put_undefined(w);
	} else if (type == TERN_CBOR_SIMPLE) {
		require(tern_cbor_get_simple(r, &simple) == 0);
		tern_cbor_put_simple(w, simple);
	} else {
		require(tern_cbor_get_double(r, &d) == 0);
		tern_cbor_put_double(w, d);
	}
}

static void
copy_item(struct tern_cbor_reader *r, struct tern_cbor_writer *w, int type)
{
	uint64_t u;

	switch (type) {
	case TERN_CBOR_END:
		if (r->kind[r->depth - 1] & CBOR_FRAME_OPEN)
			tern_cbor_put_break(w);
		require(tern_cbor_leave(r) == 0);
		break;
	case TERN_CBOR_UINT:
		require(tern_cbor_get_uint(r, &u) == 0);
		tern_cbor_put_uint(w, u);
		break;
	case TERN_CBOR_NINT:
		require(tern_cbor_get_nint(r, &u) == 0);
		tern_cbor_put_nint(w, u);
		break;
	case TERN_CBOR_TEXT:
	case TERN_CBOR_BYTES:
		copy_string(r, w, type);
		break;
	case TERN_CBOR_TAG:
	case TERN_CBOR_ARRAY:
	case TERN_CBOR_MAP:
		copy_container(r, w, type);
		break;
	default:
		copy_other(r, w, type);
	}
}

static void
compare_copy(const uint8_t *data, size_t size, const char *text)
{
	struct tern_cbor_fault before = {0}, after = {0};
	_cleanup_(freep) uint8_t *copy = malloc(size ? size : 1);
	_cleanup_(freep) char *text_after = NULL;
	struct tern_cbor_reader r;
	struct tern_cbor_writer w;
	size_t length;
	int type;

	require(copy);
	tern_cbor_reader_init(&r, data, size);
	tern_cbor_writer_init(&w, copy, size);
	while ((type = tern_cbor_peek(&r)) > 0 || r.depth > 0)
		copy_item(&r, &w, type);
	require(tern_cbor_reader_finish(&r) == 0);
	require(tern_cbor_writer_finish(&w, &length) == 0);
	(void)tern_cbor_check(data, size, TERN_CBOR_SEQUENCE, &before); /* the faults tell */
	(void)tern_cbor_check(copy, length, TERN_CBOR_SEQUENCE, &after);
	require(before.code == after.code);
	text_after = print(copy, length, true);
	require(strcmp(text, text_after) == 0);
	if (tern_cbor_check(data, size, TERN_CBOR_SEQUENCE | TERN_CBOR_DETERMINISTIC, NULL) == 0)
		require(length == size && memcmp(copy, data, size) == 0);
}

/* -------- 4: unpacking -------- */

static void
unpack_strings(const uint8_t *data, size_t size)
{
	static const char *const formats[] = {
		"s", "[sss]", "{?a:s,?b:[s{?c:s}],?d:{?a:s}}", "[s,v]"};
	const char *texts[4] = {"", "", "", ""};
	size_t n[2];

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tern_cbor_strings strings = {malloc(size ? size : 1), size, 0};
		int e = tern_cbor_unpack(data, size, &strings, formats[i], &texts[0], &texts[1],
			&texts[2], &texts[3]);

		require(e == 0 || e == -EBADMSG);
		require(strings.used <= size);
		for (size_t k = 0; e == 0 && k < (i == 3 ? 1 : ARRAY_SIZE(texts)); k++)
			require(strlen(texts[k]) <= size);
		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			texts[k] = "";
		free(strings.buf);
	}
	for (int is_text = 0; is_text < 2; is_text++) {
		struct tern_cbor_strings strings = {malloc(size ? size : 1), size, 0};

		if (tern_cbor_unpack(data, size, &strings, is_text ? "t" : "y", &texts[0], n) == 0)
			require(n[0] < size);
		free(strings.buf);
	}
}

static void
unpack_arrays(const uint8_t *data, size_t size)
{
	struct tern_cbor_strings strings = {malloc(size ? size : 1), size, 0};
	const char *texts[8];
	int64_t numbers[8];
	double doubles[8];
	bool flags[8];
	size_t n = 8;

	if (tern_cbor_unpack(data, size, &strings, "*s", texts, &n) == 0)
		for (size_t i = 0; i < n; i++)
			require(strlen(texts[i]) <= size);
	require(n <= 8);
	n = 8;
	(void)tern_cbor_unpack(data, size, NULL, "*i", numbers, &n); /* memory is the question */
	require(n <= 8);
	n = 8;
	(void)tern_cbor_unpack(data, size, NULL, "*u", numbers, &n);
	n = 8;
	(void)tern_cbor_unpack(data, size, NULL, "*d", doubles, &n);
	n = 8;
	(void)tern_cbor_unpack(data, size, NULL, "*b", flags, &n);
	free(strings.buf);
}

static void
unpack_item(const uint8_t *data, size_t size)
{
	const void *item = NULL;
	size_t item_size = 0;
	int e = tern_cbor_unpack(data, size, NULL, "v", &item, &item_size);

	if (e == 0)
		require(item == data && item_size == size);
	(void)tern_cbor_unpack(data, size, NULL, "{?a:v,?b:{},?c:[]}", &item, &item_size);
	unpack_strings(data, size);
	unpack_arrays(data, size);
}

/* A format is the programmer's, but nobody's shall crash us. */
static void
parse_format(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = malloc(size + 1);
	struct format format;
	size_t at = SIZE_MAX;

	require(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (format_parse(&format, text, &at) < 0) {
		require(at <= strlen(text));
		return;
	}
	require(format.n_nodes <= TERN_CBOR_MAX_VALUES);
	for (uint8_t i = 0; i < format.n_nodes; i++) {
		require(format.nodes[i].next > i && format.nodes[i].next <= format.n_nodes);
		require(i == 0 ? format.nodes[i].parent == FORMAT_NO_PARENT
			       : format.nodes[i].parent < i);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tern_cbor_fault fault = compare_faults(data, size);
	_cleanup_(freep) char *text = print(data, size, fault.code == TERN_CBOR_OK);
	size_t at = 0, length;

	while (at < size) {
		length = compare_item(data + at, size - at);
		if (length == 0)
			break;
		at += length;
	}
	if (text)
		compare_copy(data, size, text);
	unpack_item(data, size);
	parse_format(data, size);
	return 0;
}
