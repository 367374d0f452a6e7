/* SPDX-License-Identifier: MIT */

/* complete: what a word that is being typed may become */

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/connect.h"
#include "cli/guide.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/offer.h"

#define MOST_MS	      700 /* for all of it */
#define MOST_OPERANDS 16

struct completion {
	const char *word; /* that is typed */
	const char *lead; /* in front of what is printed: --option= of --option=WORD; else "" */
	const char *address;
	const struct command *command; /* NULL: none yet */
	const char *operands[MOST_OPERANDS];
	size_t n_operands;
	tern_bus *bus;
};

/* offer() - one that the word may become, if it begins so; only the first line of `about` */
static void
offer(const struct completion *c, const char *word, const char *end, const char *about)
{
	size_t n = strlen(c->word);

	if (strncmp(word, c->word, n) != 0)
		return;
	(void)printf("%s%s%s", c->lead, word, end); /* whoever asked sees that nothing comes, as below */
	if (about && *about && *about != '@')
		(void)printf("\t%.*s", (int)strcspn(about, "\r\n\t"), about);
	(void)putchar('\n');
}

static void
offer_words(const struct completion *c, const char *words)
{
	char copy[256], *rest = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", words); /* fits: they are ours */
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		offer(c, word, "", NULL);
}

static void
offer_commands(const struct completion *c)
{
	for (size_t i = 0; COMMANDS[i]; i++)
		offer(c, COMMANDS[i]->name, "", COMMANDS[i]->summary);
}

static void
offer_options(const struct completion *c, const struct option_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "--%s", specs[i].name); /* fits */
		offer(c, name, "", specs[i].help);
	}
}

/* -------- what is on the bus -------- */

/* has_bus() - is there one? Opened when it is needed first. */
static bool
has_bus(struct completion *c)
{
	if (!c->bus && tern_open(c->address, &c->bus) < 0)
		c->bus = NULL;
	return c->bus;
}

/* offer_startable() - services that run when they are called */
static void
offer_startable(struct completion *c)
{
	_cleanup_(json_putp) struct json_object *services = NULL;

	if (ask_pages(c->bus, "Services", "services", &services) < 0)
		return; /* a ternd of an earlier version */
	for (size_t i = 0; i < json_object_array_length(services); i++) {
		struct json_object *service = json_object_array_get_idx(services, i);

		if (strcmp(ask_text(service, "state"), "running") != 0)
			offer(c, ask_text(service, "name"), "", "starts when it is called");
	}
}

static void
offer_services(struct completion *c)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	char program[64];

	if (!has_bus(c) || name_list_get(c->bus, &list) < 0)
		return;
	offer(c, "tern", "", "ternd");
	for (size_t i = 0; i < list.n; i++) {
		name_program(list.names[i].pid, program);
		offer(c, list.names[i].name, "", program);
	}
	offer_startable(c);
}

static struct interface *
interface_of(struct completion *c, const char *service)
{
	struct interface *i;
	tern_peer owner;

	if (has_bus(c) && *service != ':' && strcmp(service, "tern") != 0 && tern_lookup(c->bus, service, &owner) < 0)
		return NULL; /* Tab starts nothing */
	if (!has_bus(c) || offer_get(c->bus, service, MOST_MS * UINT64_C(1000000), &i, NULL) != 0)
		return NULL;
	return i;
}

static void
offer_members(struct completion *c, enum member_kind kind)
{
	_cleanup_(interface_freep) struct interface *i = c->n_operands ? interface_of(c, c->operands[0]) : NULL;
	const struct interface_member *m = i ? interface_members(i) : NULL;

	for (; m; m = member_next(i, m))
		if (m->kind == kind)
			offer(c, interface_name(i, &m->item), "", interface_docs(i, &m->item));
}

/* offer_tags() - INTERFACE.Event of the service whose name the word begins with */
static void
offer_tags(struct completion *c)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	_cleanup_(interface_freep) struct interface *i = NULL;
	const struct interface_member *m;
	char tag[2 * INTERFACE_MAX_NAME + 300];

	if (!has_bus(c) || name_list_get(c->bus, &list) < 0)
		return;
	for (size_t k = 0; k < list.n && !i; k++)
		if (strncmp(list.names[k].name, c->word, strlen(list.names[k].name)) == 0)
			i = interface_of(c, list.names[k].name);
	if (!i)
		offer_services(c);
	for (m = i ? interface_members(i) : NULL; m; m = member_next(i, m)) {
		(void)snprintf(tag, sizeof(tag), "%s.%s", interface_name(i, &i->item),
			interface_name(i, &m->item)); /* fits */
		if (m->kind == MEMBER_EVENT)
			offer(c, tag, "", interface_docs(i, &m->item));
	}
}

/* -------- arguments -------- */

static bool
is_given(const struct completion *c, const char *name)
{
	size_t n = strlen(name);

	for (size_t k = 2; k < c->n_operands; k++)
		if (strncmp(c->operands[k], name, n) == 0 && argument_key(c->operands[k]) == n)
			return true;
	return false;
}

static const struct interface_field *
field_named(const struct interface *i, const struct interface_type *type, const char *word, size_t n)
{
	const struct interface_field *field = type_fields(i, type);

	while (field && (field->item.name_size != n || memcmp(interface_name(i, &field->item), word, n) != 0))
		field = field_next(i, field);
	return field;
}

/* offer_value() - the word is KEY=… */
static void
offer_value(struct completion *c, const struct interface *i, const struct interface_type *type, size_t n_key)
{
	const struct interface_field *field = field_named(i, type, c->word, n_key);
	struct completion inner = *c;
	const struct interface_item *item;
	char lead[INTERFACE_MAX_NAME + 2];

	if (!field || c->word[n_key] != '=')
		return;
	(void)snprintf(lead, sizeof(lead), "%.*s=", (int)n_key, c->word); /* fits */
	inner.lead = lead;
	inner.word = c->word + n_key + 1;
	type = guide_resolve(i, &field->type);
	if (type->kind == KIND_BOOL)
		offer_words(&inner, "true false");
	if (type->kind == KIND_ENUM)
		for (item = type_values(i, type); item; item = value_next(i, item))
			offer(&inner, interface_name(i, item), "", interface_docs(i, item));
	if (*inner.word == '@')
		(void)puts(":file"); /* as above */
}

static void
offer_fields(struct completion *c)
{
	_cleanup_(interface_freep) struct interface *i = c->n_operands > 1 ? interface_of(c, c->operands[0]) : NULL;
	const struct interface_member *m = i ? interface_find(i, c->operands[1], strlen(c->operands[1])) : NULL;
	const struct interface_type *type = m && m->kind == MEMBER_METHOD ? &m->types[METHOD_IN] : NULL;
	const struct interface_field *field;
	size_t n_key = argument_key(c->word);
	char text[80];

	if (*c->word == '@')
		(void)puts(":file"); /* as above */
	if (!type || guide_resolve(i, type)->kind != KIND_STRUCT)
		return;
	type = guide_resolve(i, type);
	if (n_key) {
		offer_value(c, i, type, n_key);
		return;
	}
	for (field = type_fields(i, type); field; field = field_next(i, field))
		if (!is_given(c, interface_name(i, &field->item)))
			offer(c, interface_name(i, &field->item), "=",
				guide_describe(i, &field->type, text, sizeof(text)));
}

static void
offer_operand(struct completion *c)
{
	const char *kinds = c->command->completes;
	size_t n = kinds ? strlen(kinds) : 0;

	switch (n ? kinds[MIN(c->n_operands, n - 1)] : 0) {
	case 's': /* service */
		offer_services(c);
		break;
	case 'm': /* method */
		offer_members(c, MEMBER_METHOD);
		break;
	case 'a': /* field */
		offer_fields(c);
		break;
	case 'v': /* state */
		offer_members(c, MEMBER_STATE);
		break;
	case 't': /* tag */
		offer_tags(c);
		break;
	case 'c': /* command */
		offer_commands(c);
		break;
	case 'w': /* word */
		offer_words(c, c->command->words);
		break;
	case 'f': /* file */
		(void)puts(":file"); /* as above */
		break;
	case 'p': /* program */
		(void)puts(c->n_operands ? ":file" : ":program"); /* as above */
		break;
	}
}

/* -------- where in the line -------- */

static void
offer_option_value(struct completion *c, const struct option_spec *spec)
{
	if (spec->words)
		offer_words(c, spec->words);
	else if (strcmp(spec->value, "NAME") == 0 || strcmp(spec->value, "SERVICE") == 0)
		offer_services(c);
	else if (strcmp(spec->value, "FILE") == 0)
		(void)puts(":file"); /* as above */
}

static const struct option_spec *
spec_of(const struct option_reader *r, const char *name, size_t n)
{
	for (size_t i = 0; i < r->n_specs; i++)
		if (strlen(r->specs[i].name) == n && strncmp(r->specs[i].name, name, n) == 0)
			return &r->specs[i];
	return NULL;
}

/* offer_here() - all words before the typed one were understood; `r` has the options of this place */
static void
offer_here(struct completion *c, const struct option_reader *r)
{
	const char *equals = strchr(c->word, '=');
	const struct option_spec *spec;
	char lead[64];

	if (r->operands_only || c->word[0] != '-') {
		if (c->command)
			offer_operand(c);
		else
			offer_commands(c);
		return;
	}
	if (!equals || strncmp(c->word, "--", 2) != 0) {
		offer_options(c, r->specs, r->n_specs);
		return;
	}
	spec = spec_of(r, c->word + 2, (size_t)(equals - c->word - 2));
	if (!spec || !spec->value)
		return;
	(void)snprintf(lead, sizeof(lead), "--%s=", spec->name); /* fits */
	c->lead = lead;
	c->word = equals + 1;
	offer_option_value(c, spec);
	c->lead = "";
}

/* last_option() - the option whose value comes next; NULL: none waits for one */
static const struct option_spec *
last_option(const struct option_reader *r, char *const *words)
{
	const char *last = NULL;

	for (; *words; words++)
		last = *words;
	if (!last || last[0] != '-' || !last[1])
		return NULL;
	for (size_t i = 0; i < r->n_specs; i++)
		if (last[1] == '-' ? strcmp(last + 2, r->specs[i].name) == 0
				   : r->specs[i].letter == last[strlen(last) - 1])
			return r->specs[i].value ? &r->specs[i] : NULL;
	return NULL;
}

/* walk() - through the words in front. Return: the last id. */
static int
walk(struct completion *c, struct option_reader *r)
{
	int id;

	while ((id = option_next(r)) != OPTION_END && id != OPTION_BAD) {
		if (id == OPTION_BUS)
			c->address = r->value;
		if (id != OPTION_OPERAND)
			continue;
		if (!c->command)
			return id;
		r->operands_only |= c->command->operands_last;
		if (c->n_operands < MOST_OPERANDS)
			c->operands[c->n_operands++] = r->value;
	}
	return id;
}

static void
complete(struct completion *c, char **before)
{
	struct option_reader r;
	const struct option_spec *spec;

	option_reader_init(&r, OPTIONS_BEFORE, N_OPTIONS_BEFORE, before);
	if (walk(c, &r) == OPTION_OPERAND) {
		c->command = commands_find(r.value);
		if (!c->command)
			return;
		option_reader_init(&r, c->command->options, c->command->n_options, r.words);
		(void)walk(c, &r); /* what is not understood is no matter */
	}
	spec = r.operands_only ? NULL : last_option(&r, before);
	if (spec)
		offer_option_value(c, spec);
	else
		offer_here(c, &r);
}

static void
out_of_time(int number)
{
	_exit(STATUS_TIMEOUT); /* what there is does not come in time */
}

int
complete_run(char *const *words)
{
	const struct itimerval time = {.it_value.tv_usec = MOST_MS * 1000};
	struct completion c = {.lead = ""};
	_cleanup_(freep) char **before = NULL;
	size_t n = 0;

	while (words[n])
		n++;
	before = calloc(n + 1, sizeof(*before));
	if (!before || n == 0)
		return STATUS_OK;
	memcpy(before, words, (n - 1) * sizeof(*before));
	c.word = words[n - 1];
	(void)signal(SIGALRM, out_of_time);
	(void)setitimer(ITIMER_REAL, &time, NULL); /* cannot fail */
	complete(&c, before);
	(void)tern_close(c.bus); /* always NULL */
	return STATUS_OK;
}
