/* SPDX-License-Identifier: MIT */

/* duration: how long, as people write it */

#include "base/attribute.h"
#include "cli/duration.h"

#define LONGEST_S (100.0 * 366 * 24 * 3600)

static const struct {
	const char *name;
	double ns;
} UNITS[] = {
	{"", 1e9},
	{"us", 1e3},
	{"ms", 1e6},
	{"s", 1e9},
	{"m", 60e9},
	{"h", 3600e9},
};

int
duration_read(const char *text, uint64_t *ret_ns)
{
	size_t length = strspn(text, "0123456789.");
	double number;
	char *end;

	if (strcmp(text, "forever") == 0) {
		*ret_ns = UINT64_MAX;
		return 0;
	}
	if (length == 0)
		return DURATION_E_INVALID; /* a sign, blanks, what only strtod() understands */
	number = strtod(text, &end);
	if (end != text + length)
		return DURATION_E_INVALID;
	for (size_t i = 0; i < ARRAY_SIZE(UNITS); i++) {
		if (strcmp(end, UNITS[i].name) != 0)
			continue;
		if (number * UNITS[i].ns > LONGEST_S * 1e9)
			return DURATION_E_INVALID;
		*ret_ns = (uint64_t)(number * UNITS[i].ns);
		return 0;
	}
	return DURATION_E_INVALID;
}
