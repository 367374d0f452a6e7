/* SPDX-License-Identifier: MIT */

/*
 * cbor-fault: what may be wrong with CBOR, by name and in words
 */

#include "base/attribute.h"
#include "wire/cbor.h"

static const struct {
	const char *name, *text;
} faults[TERN_CBOR_N_FAULTS] = {
	[TERN_CBOR_OK] = {"tern.cbor.Ok", "nothing is wrong"},
	[TERN_CBOR_E_TRUNCATED] = {"tern.cbor.Truncated", "the data ends inside an item"},
	[TERN_CBOR_E_RESERVED] = {"tern.cbor.Reserved", "a first byte that RFC 8949 reserves"},
	[TERN_CBOR_E_SIMPLE] = {"tern.cbor.Simple", "a simple value below 32 in two bytes"},
	[TERN_CBOR_E_BREAK] = {"tern.cbor.Break", "a break where nothing is open"},
	[TERN_CBOR_E_CHUNK] = {"tern.cbor.Chunk",
		"a piece of a string that is not such a string with a length"},
	[TERN_CBOR_E_ODD] = {"tern.cbor.Odd", "a map that ends between key and value"},
	[TERN_CBOR_E_COUNT] = {"tern.cbor.Count", "more elements announced than bytes are left"},
	[TERN_CBOR_E_UTF8] = {"tern.cbor.Utf8", "a text that is not UTF-8"},
	[TERN_CBOR_E_DEPTH] = {"tern.cbor.Depth", "nested deeper than 32"},
	[TERN_CBOR_E_ITEMS] = {"tern.cbor.Items", "more than 16777216 items"},
	[TERN_CBOR_E_TRAILING] = {"tern.cbor.Trailing",
		"more data after what should be the last item"},
	[TERN_CBOR_E_DUPLICATE] = {"tern.cbor.Duplicate", "the same key twice in a map"},
	[TERN_CBOR_E_KEY] = {"tern.cbor.Key", "a key that is an array, a map, a tag or in pieces"},
	[TERN_CBOR_E_KEYS] = {"tern.cbor.Keys", "too many keys in no order: sort them"},
	[TERN_CBOR_E_UNSORTED] = {"tern.cbor.Unsorted", "keys that are not in deterministic order"},
	[TERN_CBOR_E_LONG] = {"tern.cbor.Long",
		"an encoding that is not the shortest with a length"},
	[TERN_CBOR_E_TYPE] = {"tern.cbor.Type", "a value of another type"},
	[TERN_CBOR_E_RANGE] = {"tern.cbor.Range", "a number that does not fit"},
	[TERN_CBOR_E_PIECES] = {"tern.cbor.Pieces", "a string in pieces"},
	[TERN_CBOR_E_LENGTH] = {"tern.cbor.Length", "an array with another number of elements"},
	[TERN_CBOR_E_MISSING] = {"tern.cbor.Missing", "a map without a member that is needed"},
	[TERN_CBOR_E_NUL] = {"tern.cbor.Nul", "a text with a NUL character"},
	[TERN_CBOR_E_DESCRIPTOR] = {"tern.cbor.Descriptor",
		"a file descriptor that did not come along"},
	[TERN_CBOR_E_PART] = {"tern.cbor.Part", "bytes in a part that the message does not have"},
};

static_assert(TERN_CBOR_MAX_DEPTH == 32, "said in words above");
static_assert(TERN_CBOR_MAX_ITEMS == 16777216, "said in words above");

_public_ const char *
tern_cbor_fault_name(uint32_t code)
{
	return code < TERN_CBOR_N_FAULTS ? faults[code].name : "tern.cbor.Unknown";
}

_public_ const char *
tern_cbor_fault_text(uint32_t code)
{
	return code < TERN_CBOR_N_FAULTS ? faults[code].text
					 : "a fault that this version does not know";
}
