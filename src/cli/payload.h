/* SPDX-License-Identifier: MIT */
#pragma once

/* payload: what a message says, as JSON; and how a value is put into one */

#include <json-c/json_object.h>
#include <tern/message.h>

#include "cli/guide.h"

static inline void
message_unrefp(tern_message **m)
{
	(void)tern_message_unref(*m); /* always NULL */
}

enum {
	PAYLOAD_E_NONE = 1, /* the message has no payload */
	PAYLOAD_E_INVALID,  /* the value cannot be sent: see the text */
};

struct payload_fault {
	char text[128];
};

/*
 * payload_get() - the value of the first part
 * @ret: the caller's, json_object_put(); NULL for null
 *
 * CBOR and JSON become their values, plain text a text. What is neither (or not what its
 * content type says) becomes bytes.
 *
 * Return: 0; PAYLOAD_E_NONE; a negative errno.  Blocks: never.
 */
int payload_get(tern_message *m, struct json_object **ret);

/* payload_read() - the same of bytes with this content type. Return: 0; -ENOMEM. */
int payload_read(const char *type, const void *bytes, size_t size, struct json_object **ret);

struct tern_cbor_hooks;

/* payload_read_hooked() - the same; bytes may lie in parts, which hooks->part() knows */
int payload_read_hooked(const char *type, const void *bytes, size_t size, const struct tern_cbor_hooks *hooks,
	struct json_object **ret);

/*
 * payload_put_guided() - add a value as a part, with the descriptors that belong to it, before any others
 *
 * Return: 0; PAYLOAD_E_INVALID; a negative errno.
 */
int payload_put_guided(tern_message *m, const struct guided *g, struct payload_fault *ret_fault);
