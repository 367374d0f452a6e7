/* SPDX-License-Identifier: MIT */

/* plain: text of others, shown so that it cannot play tricks on a terminal */

#include <stdarg.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/plain.h"

static void
print_escaped(FILE *out, uint8_t c)
{
	if (c == '\n')
		(void)fputs("\\n", out); /* ferror() is asked at the end */
	else if (c == '\t')
		(void)fputs("\\t", out);
	else
		(void)fprintf(out, "\\x%02x", c);
}

void
plain_print(FILE *out, const char *text, size_t size, bool lines)
{
	for (size_t i = 0, bad = 0; i < size; i++) {
		uint8_t c = (uint8_t)text[i];
		size_t good;

		if (i >= bad && !json_is_text(text + i, size - i, &good))
			bad = i + good; /* the next byte that is no UTF-8 */
		else if (i >= bad)
			bad = size;
		if (lines && (c == '\n' || c == '\t'))
			(void)fputc(c, out); /* as above */
		else if (c < 0x20 || c == 0x7f || i == bad)
			print_escaped(out, c);
		else if (c == 0xc2 && i + 1 < size && (uint8_t)text[i + 1] < 0xa0)
			print_escaped(out, (uint8_t)text[++i]);
		else
			(void)fputc(c, out); /* as above */
		if (i == bad)
			bad = i + 1;
	}
}

/* One write a line: a private bus's keeper may have something to say at the same time. */
void
report(const char *format, ...)
{
	char text[1024], line[4 * sizeof(text) + 16];
	FILE *out = fmemopen(line, sizeof(line), "w");
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap); /* may be cut */
	va_end(ap);
	if (!out)
		return;		    /* no memory, not even for this */
	(void)fputs("tern: ", out); /* fits, with every byte as \xHH */
	plain_print(out, text, strlen(text), false);
	(void)fputc('\n', out);	   /* as above */
	(void)fclose(out);	   /* as above */
	(void)fputs(line, stderr); /* nowhere else to complain */
}
