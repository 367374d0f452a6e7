/* SPDX-License-Identifier: MIT */

/* command-doctor: what is wrong with a setup */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "cli/colour.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/doctor.h"
#include "cli/json.h"
#include "cli/plain.h"

/* --- findings --- */

static struct finding *
last(struct doctor *doctor)
{
	return &doctor->findings[doctor->n_findings - 1];
}

static void
add(struct doctor *doctor, const char *check, bool is_note)
{
	doctor->n_findings = MIN(doctor->n_findings + 1, (size_t)MAX_FINDINGS); /* the last one stands for all others */
	*last(doctor) = (struct finding){.check = check, .is_note = is_note};
}

void
doctor_wrong(struct doctor *doctor, const char *check, const char *format, ...)
{
	va_list ap;

	add(doctor, check, false);
	va_start(ap, format);
	(void)vsnprintf(last(doctor)->what, FINDING_TEXT, format, ap); /* may be cut, as all here */
	va_end(ap);
}

void
doctor_note(struct doctor *doctor, const char *check, const char *format, ...)
{
	va_list ap;

	add(doctor, check, true);
	va_start(ap, format);
	(void)vsnprintf(last(doctor)->what, FINDING_TEXT, format, ap);
	va_end(ap);
}

void
doctor_why(struct doctor *doctor, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(last(doctor)->why, FINDING_TEXT, format, ap);
	va_end(ap);
}

void
doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(last(doctor)->remedy, FINDING_TEXT, format, ap);
	va_end(ap);
}

/* --- showing them --- */

static void
show_line(const char *head, enum colour colour, const char *text)
{
	(void)printf("%s%s%s", colour_begin(stdout, colour), head, colour_end(stdout, colour)); /* main() asks, as below */
	plain_print(stdout, text, strlen(text), false);
	(void)putchar('\n');
}

static void
show(const struct doctor *doctor, size_t n_wrong)
{
	for (size_t i = 0; i < doctor->n_findings; i++) {
		const struct finding *finding = &doctor->findings[i];

		show_line(finding->is_note ? "note: " : "wrong: ", finding->is_note ? COLOUR_WARNING : COLOUR_BAD, finding->what);
		show_line("  why: ", COLOUR_FAINT, finding->why);
		show_line("  do:  ", COLOUR_GOOD, finding->remedy);
	}
	if (n_wrong)
		(void)printf("%zu thing%s wrong\n", n_wrong, n_wrong == 1 ? " is" : "s are");
	else
		(void)printf("%snothing is wrong%s: %zu things were looked at\n", colour_begin(stdout, COLOUR_GOOD),
			colour_end(stdout, COLOUR_GOOD), doctor->n_checks);
}

static struct json_object *
json_of_finding(const struct finding *finding)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "check", json_object_new_string(finding->check));
	json_object_object_add(object, "wrong", json_object_new_boolean(!finding->is_note));
	json_object_object_add(object, "what", json_new_text(finding->what));
	json_object_object_add(object, "why", json_new_text(finding->why));
	json_object_object_add(object, "do", json_new_text(finding->remedy));
	return object;
}

static void
show_json(const struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	_cleanup_(freep) char *text = NULL;

	for (size_t i = 0; i < doctor->n_findings; i++)
		(void)json_object_array_add(array, json_of_finding(&doctor->findings[i])); /* short of memory: short */
	text = json_print(array, isatty(STDOUT_FILENO));
	(void)puts(text ? text : "[]"); /* main() asks */
}

static int
examine(const struct cli *cli, struct doctor *doctor)
{
	size_t n_wrong = 0;

	doctor->given = cli->address;
	doctor_place(doctor);
	doctor_machine(doctor);
	doctor_bus(doctor);
	doctor->bus = tern_close(doctor->bus);
	for (size_t i = 0; i < doctor->n_findings; i++)
		n_wrong += !doctor->findings[i].is_note;
	if (cli->json)
		show_json(doctor);
	else
		show(doctor, n_wrong);
	return n_wrong ? STATUS_FAULTS : STATUS_OK;
}

static int
run_doctor(struct cli *cli)
{
	_cleanup_(freep) struct doctor *doctor = NULL;
	int id;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		return command_usage(cli, "doctor takes no '%s'", cli->words.value);
	}
	doctor = calloc(1, sizeof(*doctor));
	return doctor ? examine(cli, doctor) : STATUS_OTHER;
}

static const struct option_spec OPTIONS[] = {
	OPTIONS_OF_ALL,
};

const struct command command_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "Say what is wrong with a setup, and what to do.",
	.about = "Looks at where the bus should be, at its socket and at ternd; at limits, memory,\n"
		 "processors and what the kernel can do; at what users hold; and at programs that do\n"
		 "not take in their messages. Exit status 1: something is wrong. Notes do not count.\n"
		 "With -j an array of objects: check, wrong, what, why, do.\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.completes = COMPLETES_NOTHING,
	.run = run_doctor,
};
