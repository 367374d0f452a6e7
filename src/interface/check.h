/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * check: is this value what the interface says?
 *
 * A cursor over CBOR that anybody may have written, against a type of the tree as it
 * is: no allocation, recursion as deep as CBOR may be nested (TERN_CBOR_MAX_DEPTH, some
 * 300 bytes of stack a level). The usual value takes one short pass (check-quick.h); what is
 * unusual or wrong a second, which knows why. Fields in the order of the interface are found
 * at once.
 *
 * What comes to a service must be just what the interface says: an argument that the
 * service does not know may be the one that matters, or is a slip of the fingers. Whoever
 * answers or publishes may be newer than its readers: with CHECK_OPEN fields
 * and values of enums that the interface does not have are passed over.
 */

#include "interface/interface.h"

enum {
	CHECK_OPEN = 1, /* the writer may know more than this interface */
};

enum {
	CHECK_E_INVALID = 1,
};

struct check {
	const struct interface *interface;
	const struct interface_type *type; /* of it; of any kind */
	uint32_t n_fds;			   /* descriptors that came along */
	uint32_t n_parts;		   /* of the message; bytes may lie in all but the first */
	uint32_t flags;
};

/* "volume.left: expected int, found string"; printable ASCII whatever the peer wrote */
struct check_fault {
	char text[256];
};

/**
 * check_payload() - is this one value of that type?
 * @ret: set with CHECK_E_INVALID; may be NULL
 *
 * No bytes at all are a struct without fields. Time: linear in size, but for fields in
 * no order, which are looked for. The payload must not change meanwhile.
 *
 * Return: 0; CHECK_E_INVALID.  Threads: any.  Blocks: never.
 */
int check_payload(
	const struct check *check, const void *cbor, size_t size, struct check_fault *ret);
