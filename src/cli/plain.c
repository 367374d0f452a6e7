/* SPDX-License-Identifier: MIT */

/* plain: text of others, shown so that it cannot play tricks on a terminal */

#include <stdarg.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/plain.h"

size_t
plain_hidden(const char *text, size_t size, uint32_t *ret)
{
	const uint8_t *c = (const uint8_t *)text;
	uint32_t u;

	if (size >= 1 && (c[0] < 0x20 || c[0] == 0x7f)) {
		*ret = c[0];
		return 1;
	}
	if (size >= 2 && c[0] >= 0xc2 && c[0] < 0xe0) {
		*ret = u = (c[0] & 0x1fU) << 6 | (c[1] & 0x3fU);
		return u < 0xa0 || u == 0x61c ? 2 : 0;
	}
	if (size < 3 || (c[0] & 0xf0) != 0xe0)
		return 0;
	*ret = u = (c[0] & 0xfU) << 12 | (c[1] & 0x3fU) << 6 | (c[2] & 0x3fU);
	return u == 0x200b || u == 0x200e || u == 0x200f || (u >= 0x2028 && u <= 0x202e) || (u >= 0x2060 && u <= 0x206f) ||
		u == 0xfeff ? 3 : 0;
}

static void
print_escaped(FILE *out, uint32_t c)
{
	if (c == '\n')
		(void)fputs("\\n", out); /* ferror() is asked at the end */
	else if (c == '\t')
		(void)fputs("\\t", out);
	else
		(void)fprintf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
}

void
plain_print(FILE *out, const char *text, size_t size, bool lines)
{
	size_t bad, n;
	uint32_t c;

	if (json_is_text(text, size, &bad))
		bad = size; /* the next byte that is no UTF-8 */
	for (size_t i = 0; i < size; i += n) {
		n = plain_hidden(text + i, bad - i, &c);
		if (i == bad) {
			print_escaped(out, (uint8_t)text[i]);
			n = 1;
			bad = json_is_text(text + i + 1, size - i - 1, &bad) ? size : i + 1 + bad;
		} else if (n && !(lines && (c == '\n' || c == '\t'))) {
			print_escaped(out, c);
		} else {
			(void)fputc(text[i], out); /* as above */
			n = 1;
		}
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
