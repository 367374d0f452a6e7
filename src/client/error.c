/* SPDX-License-Identifier: MIT */

/* error: see error.h */

#include <stdarg.h>
#include <stdio.h>

#include "client/error.h"
#include "tern/bus.h"

static _Thread_local struct tern_error last;

int
error_set(int r, const char *name, const char *format, ...)
{
	va_list ap;

	(void)snprintf(last.name, sizeof(last.name), "%s", name); /* cut is fine */
	va_start(ap, format);
	(void)vsnprintf(last.text, sizeof(last.text), format, ap); /* cut is fine */
	va_end(ap);
	return r;
}

int
error_errno(int r, const char *what)
{
	char buffer[96];

	return error_set(r, ERROR_FAILED, "%s: %s%s", what, strerror_r(-r, buffer, sizeof(buffer)),
		r == -EMFILE ? ": close some, or raise the limit (ulimit -n)" : "");
}

void
error_clear(void)
{
	last.name[0] = '\0';
}

int
error_or(int r, const char *what)
{
	return last.name[0] ? r : error_errno(r, what);
}

struct tern_error *
error_get(void)
{
	return &last;
}

void
error_fill(struct tern_error *error, const char *name, const char *text)
{
	(void)snprintf(error->name, sizeof(error->name), "%s", name); /* cut is fine */
	(void)snprintf(error->text, sizeof(error->text), "%s", text); /* cut is fine */
}

_public_ const struct tern_error *
tern_last_error(void)
{
	return &last;
}
