/* SPDX-License-Identifier: MIT */

/*
 * cbor-float: floats between their widths, by their bits
 *
 *     half    s eeeee mmmmmmmmmm                 bias 15
 *     single  s eeeeeeee m{23}                   bias 127
 *     double  s e{11} m{52}                      bias 1023
 */

#include <float.h>
#include <math.h>

#include "base/attribute.h"
#include "wire/cbor.h"

uint64_t
cbor_double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

double
cbor_bits_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

double
cbor_float_bits_double(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return (double)value;
}

double
cbor_half_to_double(uint16_t half)
{
	uint64_t sign = (uint64_t)(half >> 15) << 63;
	uint64_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;

	if (exponent == 0x1f)
		return cbor_bits_double(sign | UINT64_C(0x7ff) << 52 | mantissa << 42);
	if (exponent != 0)
		return cbor_bits_double(sign | (exponent + 1023 - 15) << 52 | mantissa << 42);
	/* Subnormal: mantissa times 2^-24, exact in a double. */
	return (sign ? -1.0 : 1.0) * (double)mantissa * 0x1p-24;
}

/* The half with the value of these bits of a single, if there is one; not for NaN. */
static bool
float_bits_shrink(uint32_t single, uint16_t *ret_half)
{
	uint32_t sign = single >> 31 << 15;
	uint32_t exponent = single >> 23 & 0xff, mantissa = single & 0x7fffff;
	uint32_t shift;

	if ((single & 0x7fffffff) == 0 || exponent == 0xff) {
		*ret_half = (uint16_t)(sign | (exponent ? 0x7c00 : 0));
		return true;
	}
	if (exponent >= 127 - 14 && exponent <= 127 + 15) {
		if (mantissa & 0x1fff)
			return false;
		*ret_half = (uint16_t)(sign | (exponent - 127 + 15) << 10 | mantissa >> 13);
		return true;
	}
	if (exponent < 127 - 24 || exponent > 127 - 15)
		return false;
	/* A subnormal half: the hidden bit becomes visible and moves right. */
	mantissa |= 0x800000;
	shift = 127 - 14 - exponent + 13;
	if (mantissa & ((UINT32_C(1) << shift) - 1))
		return false;
	*ret_half = (uint16_t)(sign | mantissa >> shift);
	return true;
}

uint8_t
cbor_double_shrink(double value, uint64_t *ret_bits)
{
	uint32_t single;
	uint16_t half;
	float narrow;

	if (isnan(value)) {
		*ret_bits = 0x7e00;
		return CBOR_INFO_2;
	}
	*ret_bits = cbor_double_bits(value);
	if (!isinf(value) && fabs(value) > (double)FLT_MAX)
		return CBOR_INFO_8;
	narrow = (float)value;
	if (cbor_double_bits((double)narrow) != *ret_bits)
		return CBOR_INFO_8;
	memcpy(&single, &narrow, sizeof(single));
	*ret_bits = single;
	if (!float_bits_shrink(single, &half))
		return CBOR_INFO_4;
	*ret_bits = half;
	return CBOR_INFO_2;
}
