/* SPDX-License-Identifier: MIT */

/* volume: strtod in the C locale is enough, a program here never sets another */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "volume.h"

static int
volume_parse_number(const char *text, double *ret)
{
	const char *digits = text + strspn(text, "+-");
	char *end;
	double x;

	/* strtod would also take spaces, hexadecimal numbers, "inf" and "nan" */
	if (digits - text > 1 || strpbrk(digits, "xX"))
		return -EINVAL;
	if (!isdigit((unsigned char)digits[0]) && digits[0] != '.')
		return -EINVAL;
	x = strtod(text, &end);
	if (end == text || !strcmp(end, ".")) /* "." alone */
		return -EINVAL;
	if (*end == '%') {
		x /= 100;
		end++;
	}
	if (*end)
		return -EINVAL;
	*ret = x;
	return 0;
}

int
volume_parse(const char *text, uint32_t *ret)
{
	double x;
	int r;

	r = volume_parse_number(text, &x);
	if (r)
		return r;
	if (!(x >= 0 && x <= 2))
		return -ERANGE;
	*ret = (uint32_t)lround(x * MIX_UNITY);
	return 0;
}

int
volume_parse_shift(const char *text, int32_t *ret)
{
	double x;
	int r;

	r = volume_parse_number(text, &x);
	if (r)
		return r;
	if (!(x >= -2 && x <= 2))
		return -ERANGE;
	*ret = (int32_t)lround(x * MIX_UNITY);
	return 0;
}

const char *
volume_print(uint32_t volume, char ret[VOLUME_TEXT])
{
	(void)snprintf(ret, VOLUME_TEXT, "%.5f", (double)volume / MIX_UNITY);
	return ret;
}
