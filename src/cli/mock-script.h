/* SPDX-License-Identifier: MIT */
#pragma once

/* mock-script: one process a call that a script answers; what mock.c and mock-script.c share */

#include <json-c/json_object.h>

#include "cli/argument.h"
#include "cli/mock.h"

struct mock_bytes {
	void *bytes;
	size_t size; /* 0: none */
};

/* mock_encode() - a value as CBOR, if it is of this type. Return: 0; ARGUMENT_E_INVALID, and @why; -ENOMEM. */
int mock_encode(const struct mock *mock, const struct interface_type *type, struct json_object *value,
	struct mock_bytes *ret, struct argument_fault *why);

/* mock_say() - a line about a call: what came, or what was answered */
void mock_say(const struct mock *mock, const char *kind, const char *member, struct json_object *value, const char *text);

/* mock_reply(), mock_reply_error() - answer, and say it; always 0 */
int mock_reply(struct mock *mock, tern_call *call, const char *member, const struct mock_bytes *bytes);
int mock_reply_error(struct mock *mock, tern_call *call, const char *member, const char *name, const char *text);

/* mock_script_run() - have a call answered by the script, now or when one of those that run has ended; always 0 */
int mock_script_run(
	struct mock *mock, tern_call *call, const struct interface_member *method, struct json_object *arguments);

/* mock_script_end_all() - nobody is answered any more */
void mock_script_end_all(struct mock *mock);
