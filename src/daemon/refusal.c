/* SPDX-License-Identifier: MIT */

/* refusal: the failures that ternd answers with, in words */

#include <stdarg.h>
#include <stdio.h>

#include "daemon/refusal.h"
#include "io/socket.h"
#include "wire/utf8.h"

/* clean() - as it may be shown, and sent: a path may be anything, and text may have been cut */
static void
clean(char *text)
{
	bool is_utf8 = utf8_is_valid(text, strlen(text));

	for (char *c = text; *c; c++)
		if ((uint8_t)*c < ' ' || *c == 0x7f || (!is_utf8 && *c & 0x80))
			*c = '?';
}

int
refusal_set(struct refusal *refusal, uint32_t code, const char *error, const char *format, ...)
{
	va_list ap;

	refusal->code = code;
	refusal->error = error;
	refusal->peer = 0;
	va_start(ap, format);
	(void)vsnprintf(refusal->text, sizeof(refusal->text), format, ap); /* cut if it must be */
	va_end(ap);
	clean(refusal->text);
	return -(int)code;
}

int
refusal_set_quota(struct refusal *refusal, const struct bus *bus)
{
	const struct bus_exceeded *e = &bus->exceeded;
	bool is_shared = e->limit < bus->quota.limits[e->kind]; /* with users who came meanwhile */

	return refusal_set(refusal, EDQUOT, "tern.Quota",
		"user %u has %llu of the %llu %s that a user may have%s: end programs that hold them (tern status "
		"--programs), have them give some up, or start ternd with %s",
		e->uid, (unsigned long long)e->used, (unsigned long long)e->limit, quota_kind_name(e->kind),
		is_shared ? " while others have some, too" : "",
		e->kind == QUOTA_FDS ? "a higher RLIMIT_NOFILE" : "a higher limit (ternd.conf(5), [limits])");
}

int
refusal_set_errno(struct refusal *refusal, int error)
{
	char memory[128];
	const char *text = strerror_r(-error, memory, sizeof(memory));

	if (error == -EMFILE)
		return refusal_set(refusal, EMFILE, "tern.NoDescriptors",
			"ternd has no descriptors left: raise its limit (RLIMIT_NOFILE), or end "
			"programs");
	(void)refusal_set(
		refusal, (uint32_t)-error, "tern.System", "ternd could not do it: %s", text);
	return error;
}

void
refusal_fill(const struct refusal *refusal, struct control_failed *ret)
{
	*ret = (struct control_failed){
		.code = refusal->code,
		.error = {refusal->error, strlen(refusal->error)},
		.text = {refusal->text, strlen(refusal->text)},
		.peer = refusal->peer,
	};
}

void
refusal_send(const struct refusal *refusal, struct client *client, uint64_t serial)
{
	struct control control = {.type = CONTROL_FAILED, .serial = serial};

	if (refusal->code == EDQUOT)
		turn_refused(client);
	refusal_fill(refusal, &control.failed);
	(void)client_send(client, &control, NULL, 0, CLIENT_MUST); /* who is gone need not know */
}

void
refusal_send_fd(const struct refusal *refusal, int fd, uint8_t *out)
{
	struct control control = {.type = CONTROL_FAILED};
	struct iovec iov = {.iov_base = out};
	int r;

	refusal_fill(refusal, &control.failed);
	r = control_encode(&control, out, CONTROL_MAX_PACKET, &iov.iov_len);
	assert(r == 0);
	(void)socket_send(
		fd, &iov, 1, NULL, 0); /* an empty socket takes it; if not, it is hung up on */
}

struct quoted
quote(const struct control_text *text)
{
	struct quoted quoted = {.text = ""};

	assert(text->size <= CONTROL_MAX_TEXT);
	if (text->text)
		memcpy(quoted.text, text->text, text->size);
	for (size_t i = 0; i < text->size; i++)
		if ((uint8_t)quoted.text[i] < ' ' || quoted.text[i] == 0x7f)
			quoted.text[i] = '?';
	return quoted;
}
