/* SPDX-License-Identifier: MIT */

/* command-generate: other languages' words for what an interface says */

#include <json-c/json.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "cli/schema.h"
#include "cli/source.h"

static int
generate_schema(const struct interface *tree)
{
	_cleanup_(json_putp) struct json_object *schema = schema_new(tree);
	_cleanup_(freep) char *text = schema ? json_print(schema, true) : NULL;

	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

static const struct {
	const char *name;
	int (*generate)(const struct interface *tree);
} GENERATORS[] = {
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
	return command_usage(cli, "'%s' cannot be generated; json-schema can", name);
}

static int
generate_from(int (*generate)(const struct interface *tree), const char *path)
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
		return generate(tree);
	source_print_faults(stderr, &source, &faults);
	return STATUS_FAULTS;
}

static int
run_generate(struct cli *cli)
{
	const char *operands[2] = {NULL, NULL};
	size_t n = 0;
	int id;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (n == ARRAY_SIZE(operands))
			return command_usage(cli, "one FILE, not '%s' too", cli->words.value);
		operands[n++] = cli->words.value;
	}
	if (n == 0)
		return command_usage(cli, "generate what? json-schema");
	for (size_t i = 0; i < ARRAY_SIZE(GENERATORS); i++) {
		if (strcmp(GENERATORS[i].name, operands[0]) != 0)
			continue;
		if (n == 1)
			return command_usage(cli,
				"generate %s needs a FILE, or - for standard input", operands[0]);
		return generate_from(GENERATORS[i].generate, operands[1]);
	}
	return unknown_generator(cli, operands[0]);
}

static const struct option_spec OPTIONS[] = {
	OPTION_OF_HELP,
};

const struct command command_generate = {
	.name = "generate",
	.operands = "json-schema FILE",
	.summary = "Make a JSON Schema out of an interface.",
	.about = "FILE is the text of an interface, - is standard input. The schema is of draft "
		 "2020-12,\n"
		 "and of values as this tool reads and prints them.\n",
	.completes = COMPLETES_WORD COMPLETES_FILE,
	.words = "json-schema",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_generate,
};
