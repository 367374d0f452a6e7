/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-vectors: the examples of RFC 8949, appendix A, in its order
 *
 * Each row: the encoding, its diagnostic notation there, the letter of the format
 * language that takes it (a small one: [ or { for a container), and if no letter
 * but v takes it, the name of the fault that `i` is refused with.
 */

#include <stddef.h>

struct cbor_vector {
	const char *hex;
	const char *diag;
	const char *format; /* what unpacks it; "" only v does */
	const char *fault;  /* of unpacking with `i`, if format is not "i" */
};

static const struct cbor_vector cbor_vectors[] = {
	{"00", "0", "i", NULL},
	{"01", "1", "i", NULL},
	{"0a", "10", "i", NULL},
	{"17", "23", "i", NULL},
	{"1818", "24", "i", NULL},
	{"1819", "25", "i", NULL},
	{"1864", "100", "i", NULL},
	{"1903e8", "1000", "i", NULL},
	{"1a000f4240", "1000000", "i", NULL},
	{"1b000000e8d4a51000", "1000000000000", "i", NULL},
	{"1bffffffffffffffff", "18446744073709551615", "u", "tern.cbor.Range"},
	{"c249010000000000000000", "18446744073709551616", "", "tern.cbor.Type"},
	{"3bffffffffffffffff", "-18446744073709551616", "", "tern.cbor.Range"},
	{"c349010000000000000000", "-18446744073709551617", "", "tern.cbor.Type"},
	{"20", "-1", "i", NULL},
	{"29", "-10", "i", NULL},
	{"3863", "-100", "i", NULL},
	{"3903e7", "-1000", "i", NULL},
	{"f90000", "0.0", "d", "tern.cbor.Type"},
	{"f98000", "-0.0", "d", "tern.cbor.Type"},
	{"f93c00", "1.0", "d", "tern.cbor.Type"},
	{"fb3ff199999999999a", "1.1", "d", "tern.cbor.Type"},
	{"f93e00", "1.5", "d", "tern.cbor.Type"},
	{"f97bff", "65504.0", "d", "tern.cbor.Type"},
	{"fa47c35000", "100000.0", "d", "tern.cbor.Type"},
	{"fa7f7fffff", "3.4028234663852886e+38", "d", "tern.cbor.Type"},
	{"fb7e37e43c8800759c", "1.0e+300", "d", "tern.cbor.Type"},
	{"f90001", "5.960464477539063e-8", "d", "tern.cbor.Type"},
	{"f90400", "0.00006103515625", "d", "tern.cbor.Type"},
	{"f9c400", "-4.0", "d", "tern.cbor.Type"},
	{"fbc010666666666666", "-4.1", "d", "tern.cbor.Type"},
	{"f97c00", "Infinity", "d", "tern.cbor.Type"},
	{"f97e00", "NaN", "d", "tern.cbor.Type"},
	{"f9fc00", "-Infinity", "d", "tern.cbor.Type"},
	{"fa7f800000", "Infinity", "d", "tern.cbor.Type"},
	{"fa7fc00000", "NaN", "d", "tern.cbor.Type"},
	{"faff800000", "-Infinity", "d", "tern.cbor.Type"},
	{"fb7ff0000000000000", "Infinity", "d", "tern.cbor.Type"},
	{"fb7ff8000000000000", "NaN", "d", "tern.cbor.Type"},
	{"fbfff0000000000000", "-Infinity", "d", "tern.cbor.Type"},
	{"f4", "false", "b", "tern.cbor.Type"},
	{"f5", "true", "b", "tern.cbor.Type"},
	{"f6", "null", "n", "tern.cbor.Type"},
	{"f7", "undefined", "", "tern.cbor.Type"},
	{"f0", "simple(16)", "", "tern.cbor.Type"},
	{"f8ff", "simple(255)", "", "tern.cbor.Type"},
	{"c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")", "",
		"tern.cbor.Type"},
	{"c11a514b67b0", "1(1363896240)", "", "tern.cbor.Type"},
	{"c1fb41d452d9ec200000", "1(1363896240.5)", "", "tern.cbor.Type"},
	{"d74401020304", "23(h'01020304')", "", "tern.cbor.Type"},
	{"d818456449455446", "24(h'6449455446')", "", "tern.cbor.Type"},
	{"d82076687474703a2f2f7777772e6578616d706c652e636f6d", "32(\"http://www.example.com\")", "",
		"tern.cbor.Type"},
	{"40", "h''", "y", "tern.cbor.Type"},
	{"4401020304", "h'01020304'", "y", "tern.cbor.Type"},
	{"60", "\"\"", "s", "tern.cbor.Type"},
	{"6161", "\"a\"", "s", "tern.cbor.Type"},
	{"6449455446", "\"IETF\"", "s", "tern.cbor.Type"},
	{"62225c", "\"\\\"\\\\\"", "s", "tern.cbor.Type"},
	{"62c3bc", "\"\\u00fc\"", "s", "tern.cbor.Type"},
	{"63e6b0b4", "\"\\u6c34\"", "s", "tern.cbor.Type"},
	{"64f0908591", "\"\\ud800\\udd51\"", "s", "tern.cbor.Type"},
	{"80", "[]", "[]", "tern.cbor.Type"},
	{"83010203", "[1, 2, 3]", "[iii]", "tern.cbor.Type"},
	{"8301820203820405", "[1, [2, 3], [4, 5]]", "[i[ii][ii]]", "tern.cbor.Type"},
	{"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
		"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, "
		"23, 24, 25]",
		"[iiiii iiiii iiiii iiiii iiiii]", "tern.cbor.Type"},
	{"a0", "{}", "{}", "tern.cbor.Type"},
	{"a201020304", "{1: 2, 3: 4}", "{}", "tern.cbor.Type"},
	{"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}", "{a:i,b:[ii]}", "tern.cbor.Type"},
	{"826161a161626163", "[\"a\", {\"b\": \"c\"}]", "[s{b:s}]", "tern.cbor.Type"},
	{"a56161614161626142616361436164614461656145",
		"{\"a\": \"A\", \"b\": \"B\", \"c\": \"C\", \"d\": \"D\", \"e\": \"E\"}",
		"{a:s,b:s,c:s,d:s,e:s}", "tern.cbor.Type"},
	{"5f42010243030405ff", "(_ h'0102', h'030405')", "y", "tern.cbor.Type"},
	{"7f657374726561646d696e67ff", "(_ \"strea\", \"ming\")", "s", "tern.cbor.Type"},
	{"9fff", "[_ ]", "[]", "tern.cbor.Type"},
	{"9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]", "[i[ii][ii]]", "tern.cbor.Type"},
	{"9f01820203820405ff", "[_ 1, [2, 3], [4, 5]]", "[i[ii][ii]]", "tern.cbor.Type"},
	{"83018202039f0405ff", "[1, [2, 3], [_ 4, 5]]", "[i[ii][ii]]", "tern.cbor.Type"},
	{"83019f0203ff820405", "[1, [_ 2, 3], [4, 5]]", "[i[ii][ii]]", "tern.cbor.Type"},
	{"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
		"[_ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, "
		"23, 24, 25]",
		"[iiiii iiiii iiiii iiiii iiiii]", "tern.cbor.Type"},
	{"bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}", "{a:i,b:[ii]}",
		"tern.cbor.Type"},
	{"826161bf61626163ff", "[\"a\", {_ \"b\": \"c\"}]", "[s{b:s}]", "tern.cbor.Type"},
	{"bf6346756ef563416d7421ff", "{_ \"Fun\": true, \"Amt\": -2}", "{Amt:i,Fun:b}",
		"tern.cbor.Type"},
};
