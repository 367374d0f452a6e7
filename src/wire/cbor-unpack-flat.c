/* SPDX-License-Identifier: MIT */

/*
 * cbor-unpack-flat: what most messages are, in one pass over format and data together
 *
 * A value, or one array or map of a few, without options, in the order of the format, each in one piece. Only what
 * is surely right is taken here. Anything else is left to the cursor, which begins again: it knows the rest of
 * the language, and says what is wrong.
 */

#include "base/attribute.h"
#include "wire/cbor-flat.h"
#include "wire/cbor-format.h"
#include "wire/cbor.h"
#include "wire/utf8.h"

#define FLAT_MAX 8u

struct flat_value {
	char letter;
	const char *name; /* in the format */
	size_t name_size;
	void *ret, *ret_size;
	const uint8_t *bytes; /* of a string */
	uint64_t number;      /* its size, or what it is */
};

struct flat {
	const uint8_t *at, *end;
	const char *format;
	size_t memory; /* needed for strings */
	unsigned int n;
	struct flat_value values[FLAT_MAX];
};

/* -------- heads -------- */

static bool
take_argument(struct flat *f, size_t n, uint64_t *ret)
{
	uint64_t argument = 0;

	if ((size_t)(f->end - f->at) < n)
		return false;
	for (size_t i = 0; i < n; i++)
		argument = argument << 8 | f->at[i];
	f->at += n;
	*ret = argument;
	return true;
}

static inline bool
take_head(struct flat *f, uint8_t *ret_major, uint64_t *ret)
{
	uint8_t first, info;

	if (f->at == f->end)
		return false;
	first = *f->at++;
	info = first & 0x1f;
	*ret_major = first >> 5;
	*ret = info;
	if (info < CBOR_INFO_1)
		return true;
	return info <= CBOR_INFO_8 && take_argument(f, (size_t)1 << (info - CBOR_INFO_1), ret);
}

static inline bool
take_bytes(struct flat *f, uint8_t major, const uint8_t **ret, uint64_t *ret_size)
{
	uint8_t found;
	uint64_t size;

	if (!take_head(f, &found, &size) || found != major || size > (size_t)(f->end - f->at))
		return false;
	*ret = f->at;
	*ret_size = size;
	f->at += size;
	return true;
}

/* -------- values -------- */

static bool
take_text(struct flat *f, struct flat_value *v)
{
	if (!take_bytes(f, CBOR_MAJOR_TEXT, &v->bytes, &v->number) || !utf8_is_valid(v->bytes, v->number))
		return false;
	if (v->letter == 't')
		return true;
	if (!v->ret || (v->number && memchr(v->bytes, 0, v->number)))
		return false;
	f->memory += v->number + 1;
	return true;
}

static bool
take_integer(struct flat *f, struct flat_value *v)
{
	uint8_t major;

	if (!take_head(f, &major, &v->number))
		return false;
	if (major == CBOR_MAJOR_UINT)
		return v->letter == 'u' || v->number <= INT64_MAX;
	if (major != CBOR_MAJOR_NINT || v->letter == 'u' || v->number > INT64_MAX)
		return false;
	v->number = ~v->number; /* -1 - n */
	return true;
}

static bool
take_bool(struct flat *f, struct flat_value *v)
{
	uint8_t first;

	if (f->at == f->end)
		return false;
	first = *f->at++;
	v->number = first == (CBOR_MAJOR_OTHER << 5 | CBOR_TRUE);
	return v->number || first == (CBOR_MAJOR_OTHER << 5 | CBOR_FALSE);
}

/* take_value() - the letter the format is at, and the item the data are at */
static inline bool
take_value(struct flat *f, struct flat_value *v, va_list *ap)
{
	v->letter = *f->format++;
	switch (v->letter) {
	case 'y':
		v->ret = va_arg(*ap, void *);
		v->ret_size = va_arg(*ap, void *);
		return take_bytes(f, CBOR_MAJOR_BYTES, &v->bytes, &v->number);
	case 't':
		v->ret = va_arg(*ap, void *);
		v->ret_size = va_arg(*ap, void *);
		return take_text(f, v);
	case 's':
		v->ret = va_arg(*ap, void *);
		return take_text(f, v);
	case 'u':
	case 'i':
		v->ret = va_arg(*ap, void *);
		return take_integer(f, v);
	case 'b':
		v->ret = va_arg(*ap, void *);
		return take_bool(f, v);
	default:
		return false;
	}
}

/* -------- containers -------- */

/* take_name() - of the format, and the same of the data; one that came before is wrong in both */
static bool
take_name(struct flat *f, struct flat_value *v)
{
	const uint8_t *key;
	uint64_t size;

	v->name = f->format;
	while (format_is_name_char(*f->format))
		f->format++;
	v->name_size = (size_t)(f->format - v->name);
	if (v->name_size == 0 || *f->format++ != ':')
		return false;
	for (const struct flat_value *before = f->values; before < v; before++)
		if (before->name_size == v->name_size && memcmp(before->name, v->name, v->name_size) == 0)
			return false;
	return take_bytes(f, CBOR_MAJOR_TEXT, &key, &size) && size == v->name_size &&
		memcmp(key, v->name, size) == 0;
}

/* take_members() - between the brackets */
static bool
take_members(struct flat *f, bool is_map, va_list *ap)
{
	uint8_t major;
	uint64_t n;

	f->format++;
	if (!take_head(f, &major, &n) || major != (is_map ? CBOR_MAJOR_MAP : CBOR_MAJOR_ARRAY) || n == 0 || n > FLAT_MAX)
		return false;
	for (f->n = 0; f->n < n; f->n++) {
		struct flat_value *v = &f->values[f->n];

		if (f->n && *f->format == ',')
			f->format++;
		else if (f->n && is_map)
			return false;
		if ((is_map && !take_name(f, v)) || !take_value(f, v, ap))
			return false;
	}
	return *f->format++ == (is_map ? '}' : ']');
}

/* -------- all of it -------- */

/* set() - what the caller wanted. Return: what is left of the memory. */
static char *
set(const struct flat_value *v, char *memory)
{
	switch (v->letter) {
	case 'b':
		*(bool *)v->ret = v->number;
		break;
	case 'i':
		*(int64_t *)v->ret = (int64_t)v->number;
		break;
	case 'u':
		*(uint64_t *)v->ret = v->number;
		break;
	case 's':
		memcpy(memory, v->bytes, v->number);
		memory[v->number] = '\0';
		*(const char **)v->ret = memory;
		return memory + v->number + 1;
	default: /* t y */
		*(const void **)v->ret = v->bytes;
	}
	return memory;
}

static inline bool
set_all(struct flat *f, const struct tern_cbor_hooks *hooks)
{
	char *memory = NULL;

	if (f->memory) {
		memory = hooks && hooks->memory ? hooks->memory(hooks->user, f->memory) : NULL;
		if (!memory)
			return false;
	}
	for (unsigned int i = 0; i < f->n; i++) {
		const struct flat_value *v = &f->values[i];

		if (v->ret)
			memory = set(v, memory);
		if ((v->letter == 'y' || v->letter == 't') && v->ret_size)
			*(size_t *)v->ret_size = v->number;
	}
	return true;
}

/* unpack_bytes() - "y" alone: a payload that is its program's own affair */
static inline bool
unpack_bytes(const uint8_t *at, size_t size, va_list ap)
{
	const uint8_t **ret;
	size_t head = 1, n, *ret_size;
	va_list outputs;

	if (size < 3)
		return false;
	n = at[0] ^ CBOR_MAJOR_BYTES << 5; /* what is left of it is info, or too large */
	if (n == CBOR_INFO_1 || n == CBOR_INFO_2) {
		head = n == CBOR_INFO_1 ? 2 : 3;
		n = n == CBOR_INFO_1 ? at[1] : (size_t)at[1] << 8 | at[2];
	} else if (n > CBOR_INFO_1) {
		return false;
	}
	if (head + n != size)
		return false;
	va_copy(outputs, ap);
	ret = va_arg(outputs, const uint8_t **);
	ret_size = va_arg(outputs, size_t *);
	va_end(outputs);
	if (ret)
		*ret = at + head;
	if (ret_size)
		*ret_size = n;
	return true;
}

bool
cbor_unpack_flat(const void *buf, size_t size, const struct tern_cbor_hooks *hooks, const char *format, va_list ap)
{
	struct flat f; /* values are set as they come */
	va_list outputs;
	bool done;

	if (format[0] == 'y' && !format[1] && unpack_bytes(buf, size, ap))
		return true;
	f.at = buf;
	f.end = size ? f.at + size : f.at;
	f.format = format;
	f.memory = 0;
	f.n = 1;
	va_copy(outputs, ap);
	if (*format == '[' || *format == '{')
		done = take_members(&f, *format == '{', &outputs);
	else
		done = take_value(&f, &f.values[0], &outputs);
	va_end(outputs);
	return done && *f.format == '\0' && f.at == f.end && set_all(&f, hooks);
}
