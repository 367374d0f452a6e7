/* SPDX-License-Identifier: MIT */

/* command-generate: other languages' words for what an interface says */

#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/command.h"
#include "cli/generate-c.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "cli/schema.h"
#include "cli/source.h"

/* What is asked for besides. */
struct wishes {
	const char *folder; /* of what is written; NULL: this one */
	const char *prefix; /* of names; NULL: the interface's */
};

static int
generate_schema(const struct cli *cli, const struct interface *tree, const struct wishes *wishes)
{
	_cleanup_(json_putp) struct json_object *schema = NULL;
	_cleanup_(freep) char *text = NULL;

	if (wishes->folder || wishes->prefix)
		return command_usage(cli, "-o and -p are for C; a schema is printed");
	schema = schema_new(tree);
	text = schema ? json_print(schema, true) : NULL;
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

static int
write_file(const struct wishes *wishes, const char *prefix, const char *suffix, const char *text)
{
	_cleanup_(freep) char *path = NULL;
	bool is_written;
	FILE *file;

	if (asprintf(&path, "%s/%s-tern.%s", wishes->folder ? wishes->folder : ".", prefix, suffix) < 0)
		return STATUS_OTHER;
	file = fopen(path, "we");
	is_written = file && fputs(text, file) >= 0;
	if (file && fclose(file) != 0)
		is_written = false;
	if (is_written)
		return STATUS_OK;
	report("%s cannot be written: %s", path, strerror(errno));
	return STATUS_OTHER;
}

static int
generate_source(const struct cli *cli, const struct interface *tree, const struct wishes *wishes)
{
	_cleanup_(freep) char *header = NULL, *source = NULL;
	char prefix[GENERATE_MAX_PREFIX + 1];
	int r;

	r = generate_c(tree, wishes->prefix, &header, &source, prefix);
	if (r == -EINVAL)
		return command_usage(cli,
			"'%s' cannot begin names of C: small letters, digits and single '_', no word of C, nor of the generator",
			wishes->prefix);
	if (r < 0) {
		report("%s", strerror(-r));
		return STATUS_OTHER;
	}
	r = write_file(wishes, prefix, "h", header);
	return r == STATUS_OK ? write_file(wishes, prefix, "c", source) : r;
}

typedef int generate_fn(const struct cli *cli, const struct interface *tree, const struct wishes *wishes);

static const struct {
	const char *name;
	generate_fn *generate;
} GENERATORS[] = {
	{"c", generate_source},
	{"json-schema", generate_schema},
};

static int
unknown_generator(const struct cli *cli, const char *name)
{
	struct near near = {.word = name};

	for (size_t i = 0; i < ARRAY_SIZE(GENERATORS); i++)
		near_offer(&near, GENERATORS[i].name);
	if (near.nearest)
		return command_usage(
			cli, "'%s' cannot be generated; did you mean '%s'?", name, near.nearest);
	return command_usage(cli, "'%s' cannot be generated; c and json-schema can", name);
}

static int
generate_from(const struct cli *cli, generate_fn *generate, const char *path, const struct wishes *wishes)
{
	_cleanup_(source_deinit) struct source source = {0};
	_cleanup_(interface_freep) struct interface *tree = NULL;
	struct interface_faults faults;
	int r;

	r = source_read(&source, path);
	if (r == 0)
		r = interface_parse(source.text, source.size, &tree, &faults);
	if (r < 0) {
		report("%s cannot be read: %s", path, strerror(-r));
		return STATUS_OTHER;
	}
	if (r == 0)
		return generate(cli, tree, wishes);
	source_print_faults(stderr, &source, &faults);
	return STATUS_FAULTS;
}

enum {
	OPTION_FOLDER = OPTION_OWN,
	OPTION_PREFIX,
};

static int
run_generate(struct cli *cli)
{
	const char *operands[2] = {NULL, NULL};
	struct wishes wishes = {0};
	size_t n = 0;
	int id;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_FOLDER)
			wishes.folder = cli->words.value;
		else if (id == OPTION_PREFIX)
			wishes.prefix = cli->words.value;
		else if (n == ARRAY_SIZE(operands))
			return command_usage(cli, "one FILE, not '%s' too", cli->words.value);
		else
			operands[n++] = cli->words.value;
	}
	if (n == 0)
		return command_usage(cli, "generate what? c or json-schema");
	for (size_t i = 0; i < ARRAY_SIZE(GENERATORS); i++) {
		if (strcmp(GENERATORS[i].name, operands[0]) != 0)
			continue;
		if (n == 1)
			return command_usage(cli,
				"generate %s needs a FILE, or - for standard input", operands[0]);
		return generate_from(cli, GENERATORS[i].generate, operands[1], &wishes);
	}
	return unknown_generator(cli, operands[0]);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_FOLDER, 'o', "output", "FOLDER", "where PREFIX-tern.h and PREFIX-tern.c go; by default, here"},
	{OPTION_PREFIX, 'p', "prefix", "PREFIX", "what all names of C begin with; by default, the interface's last word"},
	OPTION_OF_HELP,
};

const struct command command_generate = {
	.name = "generate",
	.operands = "c|json-schema FILE",
	.summary = "Make C, or a JSON Schema, out of an interface.",
	.about = "FILE is the text of an interface, - is standard input. C is a header and a source for programs that\n"
		 "serve it or call it. The schema is printed, of draft 2020-12, and of values as this tool reads and\n"
		 "prints them.\n",
	.completes = COMPLETES_WORD COMPLETES_FILE,
	.words = "c json-schema",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_generate,
};
