/* SPDX-License-Identifier: MIT */

/* report: medians, the rows and the table */

#include <math.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>

#include "process.h"
#include "report.h"

struct summary {
	double median[N_METRICS];
	double extra[BENCH_MAX_EXTRAS];
	double min, max; /* of the headline */
};

static const struct metric {
	const char *name, *unit;
} metrics[N_METRICS] = {
	[METRIC_P50] = {"p50", "ns"},
	[METRIC_P99] = {"p99", "ns"},
	[METRIC_P999] = {"p999", "ns"},
	[METRIC_RATE] = {"rate", "1/s"},
	[METRIC_CPU] = {"cpu", "ns"},
	[METRIC_CPU_CLIENT] = {"cpu-client", "ns"},
};

const char *
report_pin_name(uint32_t pin)
{
	static const char *const names[] = {
		[PIN_FREE] = "free",
		[PIN_CROSS] = "cross",
		[PIN_SAME] = "same",
		[PIN_ONE] = "one",
	};

	return names[pin];
}

static void
find_processor(char *ret, size_t size)
{
	char line[256];
	FILE *f;

	(void)snprintf(ret, size, "processors of unknown make");
	f = fopen("/proc/cpuinfo", "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		const char *colon = strchr(line, ':');

		if (!colon || strncmp(line, "model name", 10) != 0)
			continue;
		(void)snprintf(ret, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	(void)fclose(f); /* only read */
}

void
report_machine(void)
{
	struct utsname name = {.release = "?"};
	time_t now = time(NULL);
	char processor[128], date[16] = "";
	struct tm tm;

	find_processor(processor, sizeof(processor));
	(void)uname(&name); /* if it fails the release stays unknown */
	if (gmtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	(void)printf("%u x %s, Linux %s, %s\n\n", process_count_processors(), processor,
		name.release, date);
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
report_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static enum bench_metric
headline(const struct workload *workload)
{
	return workload_is_timed(workload) ? METRIC_P50 : METRIC_RATE;
}

/* The median of those repeats that have the figure at all. */
static double
median_of(const struct report_entry *entry, size_t offset, double *values)
{
	size_t n = 0;

	for (unsigned int i = 0; i < entry->n_repeats; i++) {
		double value;

		memcpy(&value, (const char *)&entry->figures[i] + offset, sizeof(value));
		if (!isnan(value))
			values[n++] = value;
	}
	return n ? report_median(values, n) : (double)NAN;
}

static void
summarize(const struct workload *workload, const struct report_entry *entry, struct summary *ret)
{
	double values[BENCH_MAX_REPEATS] = {(double)NAN};

	for (size_t i = 0; i < BENCH_MAX_EXTRAS; i++)
		ret->extra[i] = median_of(entry, offsetof(struct bench_figures, extra[i]), values);
	for (size_t metric = 0; metric < N_METRICS; metric++) {
		ret->median[metric] =
			median_of(entry, offsetof(struct bench_figures, value[metric]), values);
		if ((enum bench_metric)metric == headline(workload)) {
			ret->min = values[0];
			ret->max = values[entry->n_repeats - 1];
		}
	}
}

static void
print_row(const char *workload, const char *subject, uint32_t pin, const struct metric *metric,
	double value)
{
	if (!isnan(value))
		(void)printf("%s\t%s\t%s\t%s\t%.1f\t%s\n", workload, subject, report_pin_name(pin),
			metric->name, value, metric->unit);
}

static void
print_rows(const struct bench_options *options, const struct workload *workload,
	const struct report_entry *entry)
{
	const char *subject = entry->subject->name;
	const char *unit = metrics[headline(workload)].unit;
	struct summary s;

	if (entry->outcome == OUTCOME_MISSING)
		print_row(
			workload->name, subject, options->pin, &(struct metric){"missing", "-"}, 1);
	if (entry->outcome != OUTCOME_DONE)
		return;
	summarize(workload, entry, &s);
	for (int metric = 0; metric < N_METRICS; metric++)
		print_row(
			workload->name, subject, options->pin, &metrics[metric], s.median[metric]);
	print_row(workload->name, subject, options->pin, &(struct metric){"min", unit}, s.min);
	print_row(workload->name, subject, options->pin, &(struct metric){"max", unit}, s.max);
	for (size_t i = 0; workload->extras && workload->extras[i].name; i++)
		print_row(workload->name, subject, options->pin,
			&(struct metric){workload->extras[i].name, workload->extras[i].unit},
			s.extra[i]);
}

static const char *
format_time(char *buf, size_t size, double ns)
{
	if (isnan(ns))
		(void)snprintf(buf, size, "-");
	else
		(void)snprintf(buf, size, "%.3f", ns / 1e3);
	return buf;
}

static void
print_line(const struct workload *workload, const struct report_entry *entry, double first)
{
	char p50[24], p99[24], p999[24], sender[24], ratio[24] = "-";
	struct summary s;
	double head, scale = workload_is_timed(workload) ? 1e3 : 1;

	if (entry->outcome != OUTCOME_DONE) {
		(void)printf("  %-24s %s: %s\n", entry->subject->name,
			entry->outcome == OUTCOME_MISSING ? "missing" : "FAILED", entry->why);
		return;
	}
	summarize(workload, entry, &s);
	head = s.median[headline(workload)];
	if (!isnan(first))
		(void)snprintf(ratio, sizeof(ratio), "%.2f", first / head);
	(void)printf("  %-24s %9s %9s %9s %11.0f %9.3f %9s  %.*f..%.*f  %s\n", entry->subject->name,
		format_time(p50, sizeof(p50), s.median[METRIC_P50]),
		format_time(p99, sizeof(p99), s.median[METRIC_P99]),
		format_time(p999, sizeof(p999), s.median[METRIC_P999]), s.median[METRIC_RATE],
		s.median[METRIC_CPU] / 1e3,
		format_time(sender, sizeof(sender), s.median[METRIC_CPU_CLIENT]),
		workload_is_timed(workload) ? 3 : 0, s.min / scale,
		workload_is_timed(workload) ? 3 : 0, s.max / scale, ratio);
	for (size_t i = 0; workload->extras && workload->extras[i].name; i++)
		if (!isnan(s.extra[i]))
			(void)printf("  %26s %s %.1f %s\n", "", workload->extras[i].name, s.extra[i],
				workload->extras[i].unit);
}

static void
print_table(const struct bench_options *options, const struct workload *workload,
	const struct report_entry *entries, size_t n)
{
	struct summary s;
	double first = (double)NAN;

	(void)printf("%s (%s), pin %s, median of %u x %g s\n", workload->name, workload->what,
		report_pin_name(options->pin), options->n_repeats, options->seconds);
	(void)printf("  %-24s %9s %9s %9s %11s %9s %9s  %s  %s\n", "", "p50 us", "p99 us",
		"p999 us", "per second", "CPU us", "sender us",
		workload_is_timed(workload) ? "p50 min..max" : "rate min..max", "tern/this");
	if (n && entries[0].outcome == OUTCOME_DONE &&
		!strncmp(entries[0].subject->name, "tern", 4)) {
		summarize(workload, &entries[0], &s);
		first = s.median[headline(workload)];
	}
	for (size_t i = 0; i < n; i++)
		print_line(workload, &entries[i], first);
}

void
report_print(const struct bench_options *options, const struct workload *workload,
	struct report_entry *entries, size_t n)
{
	if (!options->tsv) {
		print_table(options, workload, entries, n);
		(void)printf("\n");
	}
	for (size_t i = 0; options->tsv && i < n; i++)
		print_rows(options, workload, &entries[i]);
	for (size_t i = 0; options->tsv && i < n; i++)
		if (entries[i].outcome != OUTCOME_DONE)
			(void)fprintf(stderr, "tern-bench: %s %s: %s\n", workload->name,
				entries[i].subject->name, entries[i].why);
	(void)fflush(stdout); /* a failure to write shows at exit */
}
