/* SPDX-License-Identifier: MIT */

/*
 * cbor-number: doubles by trying more and more digits, big numbers by dividing by ten
 */

#include <math.h>
#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-number.h"

#define DOUBLE_DIGITS  17 /* are always enough */
#define PLAIN_EXPONENT 21 /* up to here numbers are printed without one, as ECMAScript does */

/*
 * Is this text, or the one with the next last digit, read back as the value? Then it is
 * in text. The next one matters at powers of two, whose neighbours are not equally
 * far: 2^-24 is ...53906|25, which is printed as ...539062 and needs ...539063.
 */
static bool
is_read_back(char *text, double value)
{
	char *last = strchr(text, 'e') - 1;

	if (strtod(text, NULL) == value)
		return true;
	if (*last == '9')
		return false;
	++*last;
	return strtod(text, NULL) == value;
}

/*
 * The shortest digits that are read back as this value, and the power of ten of
 * the first. Only digits are looked at, so that any decimal point will do.
 */
static int
double_digits(double value, char digits[DOUBLE_DIGITS + 1])
{
	char text[64];
	const char *c;
	size_t n = 0;

	for (int precision = 0; precision < DOUBLE_DIGITS; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision, value);
		if (is_read_back(text, value))
			break;
	}
	for (c = text; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9')
			digits[n++] = *c;
	digits[n] = '\0';
	return atoi(c + 1);
}

/* Digits with a point, and zeros before or after where they are needed. */
static char *
print_digits(char *out, const char *digits, int point)
{
	int n = (int)strlen(digits);

	if (point <= 0)
		out = stpcpy(out, "0.");
	for (int i = point; i < 0; i++)
		*out++ = '0';
	for (int i = 0; i < MAX(n, point); i++) {
		if (i == point && i > 0)
			*out++ = '.';
		*out++ = i < n ? digits[i] : '0';
	}
	return point >= n ? stpcpy(out, ".0") : out;
}

static void
print_finite(char *out, double value)
{
	char digits[DOUBLE_DIGITS + 1];
	int exponent = double_digits(value, digits);
	int point = exponent + 1; /* digits before the point */
	bool is_plain = point > -6 && point <= PLAIN_EXPONENT;

	out = print_digits(out, digits, is_plain ? point : 1);
	if (is_plain)
		*out = '\0';
	else
		(void)sprintf(out, "e%+d", exponent); /* at most five bytes */
}

void
number_print_double(double value, char text[NUMBER_ROOM])
{
	if (isnan(value)) {
		(void)strcpy(text, "NaN");
		return;
	}
	if (signbit(value))
		*text++ = '-';
	if (isinf(value))
		(void)strcpy(text, "Infinity");
	else
		print_finite(text, fabs(value));
}

/* number = number / 10; returns the remainder */
static unsigned
bignum_divide(uint8_t *number, size_t size)
{
	unsigned rest = 0;

	for (size_t i = 0; i < size; i++) {
		rest = rest << 8 | number[i];
		number[i] = (uint8_t)(rest / 10);
		rest %= 10;
	}
	return rest;
}

static bool
bignum_is_zero(const uint8_t *number, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (number[i])
			return false;
	return true;
}

void
number_print_big(bool is_negative, const uint8_t *bytes, size_t size, char text[NUMBER_ROOM])
{
	uint8_t number[1 + NUMBER_MAX_BIG] = {0}; /* one more byte: adding 1 may carry */
	char digits[NUMBER_ROOM];
	size_t at = sizeof(digits) - 1;

	assert(size <= NUMBER_MAX_BIG);
	if (size > 0)
		memcpy(number + 1, bytes, size);
	for (size_t i = 1 + size; is_negative && i > 0; i--)
		if (++number[i - 1] != 0)
			break;
	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + bignum_divide(number, 1 + size));
	} while (!bignum_is_zero(number, 1 + size));
	if (is_negative)
		*text++ = '-';
	(void)strcpy(text, digits + at);
}
