/* SPDX-License-Identifier: MIT */

/* cbor-get-packed: what the functions behind the f of a format are made of */

#include "base/attribute.h"
#include "wire/cbor.h"

_public_ int
tern_cbor_get_packed(struct tern_cbor_reader *r, const char *format, ...)
{
	const void *item;
	va_list ap;
	size_t size;
	int e;

	e = tern_cbor_get_raw(r, &item, &size);
	if (e)
		return error_trace(e);
	va_start(ap, format);
	e = tern_cbor_unpackv(item, size, r->hooks, format, ap);
	va_end(ap);
	return error_trace(e);
}

_public_ void *
tern_cbor_memory(struct tern_cbor_reader *r, size_t size)
{
	void *memory = r->hooks && r->hooks->memory ? r->hooks->memory(r->hooks->user, size) : NULL;

	return memory ? memset(memory, 0, size) : NULL;
}

/* count_elements() - of what was entered; of a map, keys and values */
static int
count_elements(const struct tern_cbor_reader *r, size_t *ret)
{
	struct tern_cbor_reader look = *r;
	size_t n = 0;

	for (; tern_cbor_peek(&look) > 0; n++)
		if (tern_cbor_skip(&look) < 0)
			break;
	*ret = n;
	return look.fault.code ? -EBADMSG : 0;
}

/* get_elements() - of an array or a map that was entered */
static int
get_elements(struct tern_cbor_reader *r, size_t n, size_t size, tern_cbor_get_fn *fn, void **ret)
{
	size_t all;
	char *items;
	int e = 0;

	if (__builtin_mul_overflow(MAX(n, (size_t)1), size, &all))
		return -ENOMEM;
	items = tern_cbor_memory(r, all);
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n && !e; i++)
		e = fn(r, items + i * size);
	if (!e)
		e = tern_cbor_leave(r);
	if (!e)
		*ret = items;
	return error_trace(e);
}

_public_ int
tern_cbor_get_array(
	struct tern_cbor_reader *r, size_t size, tern_cbor_get_fn *fn, void **ret, size_t *ret_n)
{
	size_t n;
	int e;

	e = tern_cbor_enter_array(r, &n);
	if (!e && n == TERN_CBOR_INDEFINITE)
		e = count_elements(r, &n);
	if (!e)
		e = get_elements(r, n, size, fn, ret);
	if (!e)
		*ret_n = n;
	return error_trace(e);
}

_public_ int
tern_cbor_get_map(
	struct tern_cbor_reader *r, size_t size, tern_cbor_get_fn *fn, void **ret, size_t *ret_n)
{
	size_t n;
	int e;

	e = tern_cbor_enter_map(r, &n);
	if (!e && n == TERN_CBOR_INDEFINITE) {
		e = count_elements(r, &n);
		n /= 2;
	}
	if (!e)
		e = get_elements(r, n, size, fn, ret);
	if (!e)
		*ret_n = n;
	return error_trace(e);
}
