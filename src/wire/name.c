/* SPDX-License-Identifier: MIT */

/* name: how services and tags may be spelled */

#include "base/attribute.h"
#include "wire/name.h"

static const char reserved[] = "tern";

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int
check_characters(const char *name, size_t size, size_t *ret_at)
{
	for (size_t i = 0; i < size; i++) {
		*ret_at = i;
		if (name[i] == '.') {
			if (i == 0 || i + 1 == size || name[i - 1] == '.')
				return NAME_E_ELEMENT;
		} else if (!is_name_char(name[i])) {
			return NAME_E_CHARACTER;
		}
	}
	return 0;
}

int
name_check(const char *name, size_t size, size_t *ret_at)
{
	size_t unused;
	int r;

	if (!ret_at)
		ret_at = &unused;
	*ret_at = 0;
	if (size == 0)
		return NAME_E_EMPTY;
	if (size > NAME_MAX_SIZE)
		return NAME_E_LONG;
	r = check_characters(name, size, ret_at);
	if (r)
		return r;
	*ret_at = 0;
	return name_is_reserved(name, size) ? NAME_E_RESERVED : 0;
}

int
tag_check(const char *tag, size_t size, size_t *ret_at)
{
	const char *nul;

	if (ret_at)
		*ret_at = 0;
	if (size == 0)
		return NAME_E_EMPTY;
	if (size > NAME_MAX_SIZE)
		return NAME_E_LONG;
	nul = memchr(tag, '\0', size);
	if (!nul)
		return 0;
	if (ret_at)
		*ret_at = (size_t)(nul - tag);
	return NAME_E_CHARACTER;
}

const char *
name_strerror(int error)
{
	switch (error) {
	case NAME_E_EMPTY:
		return "is empty";
	case NAME_E_LONG:
		return "is longer than 255 bytes";
	case NAME_E_CHARACTER:
		return "has a character that may not be there";
	case NAME_E_ELEMENT:
		return "has an empty element: dots stand between elements";
	case NAME_E_RESERVED:
		return "is reserved for ternd";
	default:
		return "is well";
	}
}

bool
name_is_reserved(const char *name, size_t size)
{
	size_t n = sizeof(reserved) - 1;

	return size >= n && !memcmp(name, reserved, n) && (size == n || name[n] == '.');
}

bool
name_is_id(const char *name, size_t size)
{
	return size > 0 && name[0] == ':';
}

bool
name_get_id(const char *name, size_t size, uint64_t *ret_id)
{
	uint64_t id = 0;

	if (size < 2 || name[0] != ':' || name[1] == '0')
		return false;
	for (size_t i = 1; i < size; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		if (__builtin_mul_overflow(id, 10, &id) ||
			__builtin_add_overflow(id, (uint64_t)(name[i] - '0'), &id))
			return false;
	}
	*ret_id = id;
	return true;
}
