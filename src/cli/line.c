/* SPDX-License-Identifier: MIT */

/* line: a line that was typed, as words */

#include "base/attribute.h"
#include "cli/line.h"

#define BLANKS " \t\r\n"

void
line_deinit(struct line *line)
{
	for (size_t i = 0; i < line->n; i++)
		free(line->words[i]);
	free(line->words);
	*line = (struct line){0};
}

/* read_quoted() - up to the quote's end. Return: behind it; NULL: there is none. */
static const char *
read_quoted(const char *text, char quote, char **to)
{
	for (; *text != quote; text++) {
		if (!*text)
			return NULL;
		if (quote == '"' && *text == '\\' && (text[1] == '"' || text[1] == '\\'))
			text++;
		*(*to)++ = *text;
	}
	return text + 1;
}

/* read_word() - into `to`, which has room for all. Return: behind it; NULL: it is open at its end. */
static const char *
read_word(const char *text, char *to)
{
	while (text && *text && !strchr(BLANKS, *text)) {
		if (*text == '\'' || *text == '"') {
			text = read_quoted(text + 1, *text, &to);
		} else if (*text == '\\') {
			if (text[1])
				*to++ = text[1];
			text = text[1] ? text + 2 : NULL;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
	return text;
}

static int
add_word(struct line *line, char *word)
{
	char **more = realloc(line->words, (line->n + 2) * sizeof(*more));

	if (!more) {
		free(word);
		return -ENOMEM;
	}
	line->words = more;
	line->words[line->n++] = word;
	line->words[line->n] = NULL;
	return 0;
}

int
line_read(const char *text, struct line *ret)
{
	_cleanup_(line_deinit) struct line line = {0};
	int r = 0;

	line.words = calloc(1, sizeof(*line.words));
	if (!line.words)
		return -ENOMEM;
	text += strspn(text, BLANKS);
	while (r == 0 && text && *text && *text != '#') {
		char *word = malloc(strlen(text) + 1);

		if (!word)
			return -ENOMEM;
		text = read_word(text, word);
		r = add_word(&line, word);
		line.is_open_word = !text || !*text;
		if (text)
			text += strspn(text, BLANKS);
	}
	if (r)
		return r;
	*ret = line;
	line = (struct line){0};
	return text ? 0 : LINE_E_OPEN;
}
