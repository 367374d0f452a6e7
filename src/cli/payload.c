/* SPDX-License-Identifier: MIT */

/* payload: what a message says, as JSON; and how a value is put into one */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/cbor.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/payload.h"

static bool
is_type(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return strncasecmp(type, wanted, n) == 0 && (!type[n] || type[n] == ';');
}

/* read_as() - by its content type; JSON_E_INVALID: it is something else */
static int
read_as(const char *type, const void *bytes, size_t size, const struct tern_cbor_hooks *hooks,
	struct json_object **ret)
{
	struct json_fault fault;
	size_t offset;

	if (!*type || is_type(type, "application/cbor"))
		return json_from_hooked(bytes, size, hooks, ret, &fault);
	if (is_type(type, "application/json"))
		return json_read(bytes, size, ret, &fault);
	if (is_type(type, "text/plain") && size <= INT32_MAX &&
		json_is_text(bytes, size, &offset)) {
		*ret = json_object_new_string_len(bytes, (int)size);
		return *ret ? 0 : -ENOMEM;
	}
	return JSON_E_INVALID;
}

int
payload_read(const char *type, const void *bytes, size_t size, struct json_object **ret)
{
	return payload_read_hooked(type, bytes, size, NULL, ret);
}

int
payload_read_hooked(const char *type, const void *bytes, size_t size, const struct tern_cbor_hooks *hooks,
	struct json_object **ret)
{
	int r = read_as(type, bytes, size, hooks, ret);

	return r == JSON_E_INVALID ? json_new_bytes(bytes, size, ret) : r;
}

static int
part_of(void *user, uint64_t number, const void **ret, size_t *ret_size)
{
	return number == 0 ? -ENOENT : tern_message_part(user, number, ret, ret_size);
}

int
payload_get(tern_message *m, struct json_object **ret)
{
	const struct tern_cbor_hooks hooks = {.user = m, .part = part_of};
	const void *bytes;
	size_t size;
	int r;

	if (tern_message_n_parts(m) == 0)
		return PAYLOAD_E_NONE;
	r = tern_message_part(m, 0, &bytes, &size);
	if (r)
		return r;
	if (size == 0)
		return PAYLOAD_E_NONE;
	return payload_read_hooked(tern_message_type(m), bytes, size, &hooks, ret);
}

int
payload_put_guided(tern_message *m, const struct guided *g, struct payload_fault *ret_fault)
{
	_cleanup_(freep) void *cbor = NULL;
	struct json_fault fault;
	size_t size;
	int r;

	for (uint32_t i = 0; i < g->n_fds; i++) {
		r = tern_message_attach(m, g->fds[i]);
		if (r < 0)
			return r;
	}
	r = json_to_cbor_with(g->value, g->n_fds, &cbor, &size, &fault);
	if (r == JSON_E_INVALID) {
		(void)snprintf(
			ret_fault->text, sizeof(ret_fault->text), "%s", fault.text); /* fits */
		return PAYLOAD_E_INVALID;
	}
	return r ? r : tern_message_append(m, cbor, size);
}
