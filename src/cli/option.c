/* SPDX-License-Identifier: MIT */

/* option: the words of a command line, one at a time */

#include <stdio.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/option.h"

static int
option_bad(struct option_reader *r, const char *what, int length, const char *word)
{
	(void)snprintf(r->text, sizeof(r->text), "%s '%.*s'", what, length, word); /* may be cut */
	return OPTION_BAD;
}

static int
option_unknown(struct option_reader *r, const char *word, const char *name, size_t length)
{
	char wanted[32] = "";
	struct near near = {.word = wanted};

	if (length < sizeof(wanted))
		memcpy(wanted, name, length);
	for (size_t i = 0; wanted[0] && i < r->n_specs; i++)
		near_offer(&near, r->specs[i].name);
	(void)option_bad(r, "unknown option", 64, word);
	if (near.nearest) {
		size_t n = strlen(r->text);

		(void)snprintf(
			r->text + n, sizeof(r->text) - n, "; did you mean --%s?", near.nearest);
	}
	return OPTION_BAD;
}

/* option_take_value() - the value is in the word itself (`rest`), or it is the next word */
static int
option_take_value(struct option_reader *r, const struct option_spec *spec, const char *rest)
{
	if (!rest) {
		rest = *r->words;
		if (!rest) {
			(void)snprintf(r->text, sizeof(r->text), "--%s needs a value: %s",
				spec->name, spec->value);
			return OPTION_BAD;
		}
		r->words++;
	}
	r->value = rest;
	return spec->id;
}

static int
option_letter(struct option_reader *r)
{
	char letter = *r->joined++;
	const char *rest = *r->joined ? r->joined : NULL;

	for (size_t i = 0; i < r->n_specs; i++) {
		if (r->specs[i].letter != letter)
			continue;
		if (r->specs[i].value) {
			r->joined = NULL;
			return option_take_value(r, &r->specs[i], rest);
		}
		r->joined = rest;
		return r->specs[i].id;
	}
	(void)snprintf(r->text, sizeof(r->text),
		"unknown option '-%c'; '--' goes before words that are none", letter);
	return OPTION_BAD;
}

static int
option_long(struct option_reader *r, const char *word)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);

	for (size_t i = 0; i < r->n_specs; i++) {
		const struct option_spec *spec = &r->specs[i];

		if (strlen(spec->name) != length || memcmp(spec->name, name, length) != 0)
			continue;
		if (spec->value)
			return option_take_value(r, spec, equals ? equals + 1 : NULL);
		if (equals)
			return option_bad(r, "no value belongs to", 64, word);
		return spec->id;
	}
	return option_unknown(r, word, name, length);
}

static bool
is_operand(const char *word)
{
	if (word[0] != '-' || !word[1])
		return true;
	return (word[1] >= '0' && word[1] <= '9') || word[1] == '.';
}

void
option_reader_init(
	struct option_reader *r, const struct option_spec *specs, size_t n_specs, char **words)
{
	*r = (struct option_reader){.specs = specs, .n_specs = n_specs, .words = words};
}

int
option_next(struct option_reader *r)
{
	const char *word;

	r->value = NULL;
	if (r->joined)
		return option_letter(r);
	word = *r->words;
	if (!word)
		return OPTION_END;
	r->words++;
	if (!r->operands_only && strcmp(word, "--") == 0) {
		r->operands_only = true;
		return option_next(r); /* once: from now on no word is special */
	}
	if (r->operands_only || is_operand(word)) {
		r->value = word;
		return OPTION_OPERAND;
	}
	if (word[1] == '-')
		return option_long(r, word);
	r->joined = word + 1;
	return option_letter(r);
}
