/* SPDX-License-Identifier: MIT */

/* command-check: is this the text of an interface? */

#include <json-c/json.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "cli/source.h"
#include "interface/print.h"

enum {
	OPTION_PRINT = OPTION_OWN,
};

struct check_run {
	struct json_object *faults; /* NULL: text for people */
	bool print;
};

static void
put_plain(void *user, enum print_kind kind, const char *text, size_t size)
{
	(void)fwrite(text, 1, size, stdout); /* main() asks */
}

/* One file: a status, or what it is worse by. */
static int
check_file(const struct check_run *run, const char *path)
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
	if (r == 0) {
		if (run->print)
			interface_print(tree, put_plain, NULL);
		return STATUS_OK;
	}
	if (!run->faults)
		source_print_faults(stdout, &source, &faults);
	else if (source_add_faults(run->faults, &source, &faults))
		return STATUS_OTHER;
	return STATUS_FAULTS;
}

static int
print_json(struct json_object *faults)
{
	_cleanup_(freep) char *text = json_print(faults, isatty(STDOUT_FILENO));

	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

static int
run_check(struct cli *cli)
{
	_cleanup_(json_putp) struct json_object *faults = json_object_new_array();
	_cleanup_(freep) const char **paths = NULL;
	struct check_run run = {0};
	size_t n_paths = 0, most = 0;
	int id, status = STATUS_OK;

	for (char **word = cli->words.words; *word; word++)
		most++;
	paths = calloc(most + 1, sizeof(*paths));
	if (!paths || !faults)
		return STATUS_OTHER;
	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_OPERAND)
			paths[n_paths++] = cli->words.value;
		run.print = run.print || id == OPTION_PRINT;
	}
	if (n_paths == 0)
		return command_usage(cli, "check needs a FILE, or - for standard input");
	if (cli->json && run.print)
		return command_usage(cli, "--print is text, --json is not");
	run.faults = cli->json ? faults : NULL;
	for (size_t i = 0; i < n_paths; i++) {
		int worse = check_file(&run, paths[i]);

		status = MAX(status, worse);
	}
	return cli->json && print_json(faults) ? STATUS_OTHER : status;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_PRINT, 'p', "print", NULL, "the text of files that are right, as tern writes it"},
	{OPTION_JSON, 'j', "json", NULL, "JSON instead of text for people"},
	OPTION_OF_HELP,
};

const struct command command_check = {
	.name = "check",
	.operands = "FILE…",
	.summary = "Say what is wrong with the text of an interface.",
	.about = "FILE is text as in tern-interface(5), Varlink's language too; - is standard "
		 "input.\n"
		 "Each fault is told with its place; nothing is said of a file that is right.\n",
	.completes = COMPLETES_FILE,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_check,
};
