/* SPDX-License-Identifier: MIT */

/* cbor-flat: see cbor-flat.h */

#include <endian.h>

#include "base/attribute.h"
#include "wire/cbor-flat.h"
#include "wire/cbor-format.h"
#include "wire/cbor.h"
#include "wire/utf8.h"

#define HEAD_MAX	9u
#define MAX_VALUES	23u /* in an array: its head is one byte then, and can be written last */
#define MAX_MEMBERS	8u  /* of a map: each name is compared with those before it */

struct flat {
	uint8_t *at, *end;
	va_list arguments;
};

struct member {
	const char *name;
	size_t size;
};

/* room_for() - a head and so many bytes behind it */
static inline bool
room_for(const struct flat *f, size_t size)
{
	size_t room = (size_t)(f->end - f->at);

	return room >= HEAD_MAX && size <= room - HEAD_MAX;
}

/* put_head() - with room for the longest */
static inline void
put_head(struct flat *f, uint8_t major, uint64_t argument)
{
	uint8_t info;
	uint64_t bytes;

	if (argument < CBOR_INFO_1) {
		*f->at++ = (uint8_t)(major << 5 | argument);
		return;
	}
	if (argument <= UINT8_MAX) {
		*f->at++ = (uint8_t)(major << 5 | CBOR_INFO_1);
		*f->at++ = (uint8_t)argument;
		return;
	}
	info = argument <= UINT16_MAX ? CBOR_INFO_2 : argument <= UINT32_MAX ? CBOR_INFO_4 : CBOR_INFO_8;
	*f->at = (uint8_t)(major << 5 | info);
	bytes = htobe64(argument << (64 - (8u << (info - CBOR_INFO_1))));
	memcpy(f->at + 1, &bytes, sizeof(bytes));
	f->at += 1 + ((size_t)1 << (info - CBOR_INFO_1));
}

static inline bool
put_string(struct flat *f, uint8_t major, const void *bytes, size_t size)
{
	if (!room_for(f, size) || (!bytes && size > 0))
		return false;
	if (major == CBOR_MAJOR_TEXT && !utf8_is_valid(bytes, size))
		return false;
	put_head(f, major, size);
	if (size > 0)
		memcpy(f->at, bytes, size);
	f->at += size;
	return true;
}

static bool
put_double(struct flat *f, double value)
{
	uint64_t bits;
	uint8_t info = cbor_double_shrink(value, &bits);

	*f->at = (uint8_t)(CBOR_MAJOR_OTHER << 5 | info);
	bits = htobe64(bits << (64 - (8u << (info - CBOR_INFO_1))));
	memcpy(f->at + 1, &bits, sizeof(bits));
	f->at += 1 + ((size_t)1 << (info - CBOR_INFO_1));
	return true;
}

/* put_value() - what the letter takes. Return: false, another letter, or wrong, or no room. */
static inline bool
put_value(struct flat *f, char letter)
{
	const void *bytes;
	int64_t i;

	if (!room_for(f, 0))
		return false;
	switch (letter) {
	case 'y':
		bytes = va_arg(f->arguments, const void *);
		return put_string(f, CBOR_MAJOR_BYTES, bytes, va_arg(f->arguments, size_t));
	case 's':
		bytes = va_arg(f->arguments, const char *);
		return bytes && put_string(f, CBOR_MAJOR_TEXT, bytes, strlen(bytes));
	case 't':
		bytes = va_arg(f->arguments, const char *);
		return put_string(f, CBOR_MAJOR_TEXT, bytes, va_arg(f->arguments, size_t));
	case 'u':
		put_head(f, CBOR_MAJOR_UINT, va_arg(f->arguments, uint64_t));
		return true;
	case 'i':
		i = va_arg(f->arguments, int64_t);
		put_head(f, i < 0 ? CBOR_MAJOR_NINT : CBOR_MAJOR_UINT, i < 0 ? ~(uint64_t)i : (uint64_t)i);
		return true;
	case 'b':
		put_head(f, CBOR_MAJOR_OTHER, va_arg(f->arguments, int) ? CBOR_TRUE : CBOR_FALSE);
		return true;
	case 'd':
		return put_double(f, va_arg(f->arguments, double));
	case 'n':
		put_head(f, CBOR_MAJOR_OTHER, CBOR_NULL);
		return true;
	default:
		return false;
	}
}

/* put_array() - from behind the bracket. Return: behind the other one, or NULL. */
static const char *
put_array(struct flat *f, const char *format)
{
	uint8_t *head = f->at;
	uint8_t n = 0;

	if (!room_for(f, 0))
		return NULL;
	f->at++;
	for (; *format != ']'; n++) {
		if (n > 0 && *format == ',')
			format++;
		if (n == MAX_VALUES || !put_value(f, *format))
			return NULL;
		format++;
	}
	*head = (uint8_t)(CBOR_MAJOR_ARRAY << 5 | n);
	return format + 1;
}

/* put_name() - of the n-th member. Return: at the letter of its value, or NULL. */
static const char *
put_name(struct flat *f, const char *format, struct member *members, uint8_t n)
{
	size_t size = 0;

	while (format_is_name_char(format[size]))
		size++;
	if (size == 0 || size > UINT8_MAX || format[size] != ':' || !room_for(f, size))
		return NULL;
	for (uint8_t i = 0; i < n; i++)
		if (members[i].size == size && memcmp(members[i].name, format, size) == 0)
			return NULL;
	members[n] = (struct member){.name = format, .size = size};
	put_head(f, CBOR_MAJOR_TEXT, size);
	memcpy(f->at, format, size);
	f->at += size;
	return format + size + 1;
}

/* put_map() - from behind the brace. Return: behind the other one, or NULL. */
static const char *
put_map(struct flat *f, const char *format)
{
	struct member members[MAX_MEMBERS];
	uint8_t *head = f->at;
	uint8_t n = 0;

	if (!room_for(f, 0))
		return NULL;
	f->at++;
	for (; *format != '}'; n++) {
		if (n > 0 && *format++ != ',')
			return NULL;
		if (n == MAX_MEMBERS)
			return NULL;
		format = put_name(f, format, members, n);
		if (!format || !put_value(f, *format))
			return NULL;
		format++;
	}
	*head = (uint8_t)(CBOR_MAJOR_MAP << 5 | n);
	return format + 1;
}

size_t
cbor_pack_flat(uint8_t *to, size_t room, const char *format, va_list ap)
{
	struct flat f = {.at = to, .end = to + room};

	va_copy(f.arguments, ap);
	if (*format == '[')
		format = put_array(&f, format + 1);
	else if (*format == '{')
		format = put_map(&f, format + 1);
	else
		format = put_value(&f, *format) ? format + 1 : NULL;
	va_end(f.arguments);
	return format && !*format ? (size_t)(f.at - to) : 0;
}
