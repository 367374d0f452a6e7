/* SPDX-License-Identifier: MIT */

/*
 * tern-bench: tern beside the bare primitives and the peers, in the same minutes
 *
 * Usage: tern-bench [--pin cross|same|one|free] [--seconds S] [--repeats R] [--tsv] [--only PATTERN]
 *                   [WORKLOAD...]
 *        tern-bench --list
 *
 * Without a workload: all of them.
 * Exit status: 0 done (a missing peer is no failure), 1 a run failed, 2 wrong usage, 130 stopped.
 */

#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>

#include "process.h"
#include "report.h"
#include "run.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_STOPPED = 130 };

static const struct workload *const workloads[] = {
	&workload_rpc_hot,
	&workload_rpc_blocking,
	&workload_rpc_default,
	&workload_rpc_links,
	&workload_rpc_busy,
	&workload_rpc_payload_64,
	&workload_rpc_payload_4k,
	&workload_rpc_payload_64k,
	&workload_rpc_payload_1m,
	&workload_rpc_payload_16m,
	&workload_stream,
	&workload_unheard,
	&workload_match_scale,
	&workload_lookup_scale,
	&workload_clients,
	&workload_idle,
	&workload_connect,
	&workload_connect_program,
	&workload_churn,
	&workload_state_read,
	&workload_footprint,
	&workload_spin_tax,
	&workload_order_tax,
	&workload_checked,
	&workload_stream_batch,
	&workload_bulk,
	&workload_stream_call,
	&workload_bulk_call,
	&workload_fanout_1,
	&workload_fanout_10,
	&workload_fanout_100,
	&workload_fanout_1000,
	&workload_fanout_asleep_1,
	&workload_fanout_asleep_10,
	&workload_fanout_asleep_100,
	&workload_fanout_asleep_1000,
};

static void
print_usage(FILE *f)
{
	(void)fprintf(f,
		"Usage: tern-bench [OPTION]... [WORKLOAD]...\n"
		"  --pin cross|same|one|free  client and server on two processors, both on one "
		"with\n"
		"                             the daemon free, all on one, nobody pinned "
		"(default)\n"
		"  --seconds S                of each measurement (default 1)\n"
		"  --repeats R                times round, at most %d (default 5)\n"
		"  --only PATTERN             subjects whose name is like this: 'tern*', '*@1000'\n"
		"  --tsv                      rows: workload subject pin metric value unit\n"
		"  --list                     the workloads; without one, all are run; a\n"
		"                             name's beginning up to a - is all of those\n",
		BENCH_MAX_REPEATS);
}

static bool
is_workload(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(workloads[i]->name, name))
			return true;
	return false;
}

/* is_named() - its name, or what several names begin with: "fanout" is all of fanout-1, fanout-10,
 * ... */
static bool
is_named(const struct workload *workload, const char *name)
{
	size_t n = strlen(name);

	if (is_workload(name))
		return !strcmp(workload->name, name);
	return !strncmp(workload->name, name, n) && workload->name[n] == '-';
}

static bool
names_any(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		if (is_named(workloads[i], name))
			return true;
	return false;
}

static bool
parse_pin(const char *text, uint32_t *ret_pin)
{
	for (uint32_t pin = PIN_FREE; pin <= PIN_ONE; pin++) {
		if (strcmp(report_pin_name(pin), text) != 0)
			continue;
		*ret_pin = pin;
		return true;
	}
	return false;
}

static bool
parse_number(const char *text, double min, double max, double *ret_value)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min && value <= max))
		return false;
	*ret_value = value;
	return true;
}

static bool
parse_option(int option, const char *text, struct bench_options *options)
{
	double number;

	switch (option) {
	case 'p':
		return parse_pin(text, &options->pin);
	case 's':
		return parse_number(text, 0.01, 3600, &options->seconds);
	case 'r':
		if (!parse_number(text, 1, BENCH_MAX_REPEATS, &number))
			return false;
		options->n_repeats = (unsigned int)number;
		return true;
	case 'o':
		options->only = text;
		return true;
	case 't':
		options->tsv = true;
		return true;
	default:
		return false;
	}
}

/* Once round for one subject. Only -EINTR goes up: others are the subject's own failure. */
static int
measure(struct bench_run *run, struct report_entry *entry)
{
	int r;

	if (entry->outcome != OUTCOME_DONE)
		return 0;
	run->subject = entry->subject;
	r = run_execute(run, &entry->figures[entry->n_repeats]);
	if (r == -EINTR)
		return r;
	if (r == 0) {
		entry->n_repeats++;
		return 0;
	}
	entry->outcome = r == BENCH_E_MISSING ? OUTCOME_MISSING : OUTCOME_FAILED;
	memcpy(entry->why, run->why, sizeof(entry->why));
	return 0;
}

static int
bench_workload(const struct bench_options *options, const struct workload *workload)
{
	static struct report_entry entries[BENCH_MAX_SUBJECTS];
	struct bench_run run = {.options = options, .workload = workload};
	const struct subject *subject;
	size_t n = 0;
	int r = 0;

	memset(entries, 0, sizeof(entries));
	for (size_t i = 0; (subject = workload->subjects[i]); i++) {
		if (options->only && fnmatch(options->only, subject->name, 0) != 0)
			continue;
		assert(n < BENCH_MAX_SUBJECTS);
		entries[n++].subject = subject;
	}
	for (unsigned int repeat = 0; repeat < options->n_repeats; repeat++)
		for (size_t i = 0; i < n; i++) {
			r = measure(&run, &entries[i]);
			if (r < 0)
				return EXIT_STOPPED;
		}
	report_print(options, workload, entries, n);
	for (size_t i = 0; i < n; i++)
		if (entries[i].outcome == OUTCOME_FAILED)
			return EXIT_FAILED;
	return 0;
}

/* NULL: all */
static int
bench_named(const struct bench_options *options, const char *name)
{
	int r, status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++) {
		if (name && !is_named(workloads[i], name))
			continue;
		r = bench_workload(options, workloads[i]);
		if (r == EXIT_STOPPED)
			return r;
		status = MAX(status, r);
	}
	return status;
}

/* The named ones in that order; none named: all. */
static int
bench_all(const struct bench_options *options, char *const names[], int n_names)
{
	int r, status = 0;

	for (int i = 0; i < n_names; i++) {
		if (names_any(names[i]))
			continue;
		(void)fprintf(stderr, "tern-bench: no workload %s; try --list\n", names[i]);
		return EXIT_USAGE;
	}
	if (options->pin == PIN_CROSS && process_count_processors() < 2) {
		(void)fprintf(stderr, "tern-bench: --pin cross needs two processors\n");
		return EXIT_USAGE;
	}
	process_block_signals();
	if (!options->tsv)
		report_machine();
	for (int i = 0; i < MAX(n_names, 1); i++) {
		r = bench_named(options, n_names ? names[i] : NULL);
		if (r == EXIT_STOPPED)
			return r;
		status = MAX(status, r);
	}
	return status;
}

int
main(int argc, char *argv[])
{
	static const struct option known[] = {
		{"pin", required_argument, NULL, 'p'},
		{"seconds", required_argument, NULL, 's'},
		{"repeats", required_argument, NULL, 'r'},
		{"only", required_argument, NULL, 'o'},
		{"tsv", no_argument, NULL, 't'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct bench_options options = {.pin = PIN_FREE, .seconds = 1, .n_repeats = 5};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (c == 'h') {
			print_usage(stdout);
			return 0;
		}
		if (c == 'l') {
			for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
				(void)printf("%-20s %s\n", workloads[i]->name, workloads[i]->what);
			return 0;
		}
		if (!parse_option(c, optarg, &options)) {
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}
	return bench_all(&options, argv + optind, argc - optind);
}
