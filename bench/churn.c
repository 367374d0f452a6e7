/* SPDX-License-Identifier: MIT */

/*
 * churn: publishing while names and rules come and go at full speed
 *
 * The publisher has one subscriber and is timed publish by publish; another
 * process takes and gives up a name and a rule as fast as ternd answers. And
 * the table itself: a reader beside a writer that does nothing but replace.
 */

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "io/socket.h"
#include "lap.h"
#include "payload.h"
#include "process.h"
#include "shm/names_writer.h"
#include "tern_bus.h"

#define N_NAMES	  64
#define NAME_SIZE 16

enum { EXTRA_CHANGES, EXTRA_RETRIES, EXTRA_BUSY };

/* In the scratch of the run. */
struct churn_shared {
	_Atomic uint64_t changes; /* by who makes them */
};

static struct churn_shared *
shared_of(struct bench_run *run)
{
	return (struct churn_shared *)(void *)run->shared->scratch;
}

static void
count_change(struct bench_run *run, uint64_t n)
{
	struct churn_shared *shared = shared_of(run);

	/* Relaxed: its only writer; a count. */
	store_rlx(&shared->changes, load_rlx(&shared->changes) + n);
}

/* --- who makes changes --- */

static void
on_nothing(tern_subscription *s _unused_, tern_message *m _unused_, uint64_t lost _unused_,
	void *userdata _unused_)
{
}

static int
change_all(struct bench_run *run, tern_bus *bus)
{
	const char *const tags[] = {"org.example.Bench", "churn", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *subscription;
	int r;

	r = tern_own(bus, "org.example.churn", 0, NULL);
	if (r == 0)
		r = tern_subscribe(bus, &rule, on_nothing, NULL, &subscription);
	if (r == 0)
		(void)tern_subscription_free(subscription); /* always NULL */
	if (r == 0)
		r = tern_disown(bus, "org.example.churn");
	count_change(run, 4);
	return r;
}

static int
churn_forever(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	while (r == 0)
		r = change_all(run, bus);
	return tern_bus_fail(run, r, "names and rules");
}

/* --- the publisher --- */

static int
publish_forever(struct bench_run *run, tern_topic *topic)
{
	struct bench_shared *shared = run->shared;
	struct payload event = {0};
	uint64_t begin, n = 0;
	uint32_t phase;
	int r;

	while ((phase = run_phase(run)) != PHASE_STOP) {
		payload_make(&event, PAYLOAD_EVENT, ++n);
		begin = clock_now_ns();
		r = tern_publish(topic, "y", &event, sizeof(event));
		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, clock_now_ns() - begin);
		if (r < 0)
			return tern_bus_fail(run, r, "tern_publish");
		/* Relaxed: the parent takes it for a count and reads nothing by it. */
		store_rlx(&shared->count[0].n, n);
		if (n == 1)
			run_ready(run);
	}
	return 0;
}

static void
on_event(tern_subscription *s _unused_, tern_message *m, uint64_t lost _unused_, void *userdata)
{
	const void *bytes;
	size_t size;
	int *result = userdata;

	if (m && tern_message_unpack(m, "y", &bytes, &size) < 0)
		*result = -EBADMSG; /* a gap is none: it is slow on purpose, and asks nobody to wait */
}

static int
churn_serve(struct bench_run *run)
{
	static const char *const tags[] = {"org.example.Bench", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	tern_subscription *subscription; /* goes with the process */
	int r, result = 0;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	r = tern_subscribe(bus, &rule, on_event, &result, &subscription);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_subscribe");
	return tern_bus_serve(run, bus, &result);
}

static int
churn_publish(struct bench_run *run)
{
	static const char *const tags[] = {"org.example.Bench", "published", NULL};
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	tern_topic *topic;
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	r = tern_topic_new(bus, tags, &topic);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_topic_new");
	r = publish_forever(run, topic);
	(void)tern_topic_free(topic); /* always NULL */
	return r;
}

static int
churn_drive(struct bench_run *run)
{
	uint64_t begin = clock_now_ns();
	pid_t pid = process_fork(-1);
	int r;

	if (pid < 0)
		return run_fail(run, pid, "fork");
	if (pid == 0)
		_exit(churn_forever(run) < 0);
	r = churn_publish(run);
	if (r == 0 && process_has_ended(pid))
		r = -ECHILD; /* it has said why */
	(void)kill(pid, SIGKILL);    /* ours and not waited for: it is there */
	(void)waitpid(pid, NULL, 0); /* as above */
	run_extra(run, EXTRA_CHANGES,
		(double)load_rlx(&shared_of(run)->changes) * 1e9 /
			(double)(clock_now_ns() - begin)); /* its writer has ended */
	return r;
}

/* --- the table alone --- */

struct table_reader {
	struct bench_run *run;
	struct names names;
	uint64_t n, retries, busy;
};

static size_t
write_name(char *to, uint64_t n)
{
	memcpy(to, "org.example.n00", NAME_SIZE);
	to[13] = (char)('0' + n / 10);
	to[14] = (char)('0' + n % 10);
	return NAME_SIZE - 1;
}

static int
write_table(struct names_writer *names, uint64_t serial)
{
	char name[NAME_SIZE];
	struct name_spec spec = {.name = {name, NAME_SIZE - 1}, .owner = serial, .serial = serial};

	(void)write_name(name, serial % N_NAMES); /* always as long */
	return names_set(names, &spec);
}

static int
pair_open(struct bench_run *run)
{
	int r = socket_pair(run->fds);

	return r < 0 ? run_fail(run, r, "socketpair") : 0;
}

static int
table_fill(struct bench_run *run, struct names_writer *names)
{
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	int r, fd;

	*names = NAMES_WRITER_INIT;
	r = names_writer_init(names, 1024);
	for (uint64_t i = 1; i <= N_NAMES && r == 0; i++)
		r = write_table(names, i);
	fd = table_fd(&names->table);
	if (r == 0)
		r = socket_send(run->fds[0], &iov, 1, &fd, 1);
	return r ? run_fail(run, -ENOMEM, "table") : 0;
}

static int
table_serve(struct bench_run *run)
{
	struct names_writer names;
	uint64_t serial = N_NAMES;
	int r;

	r = table_fill(run, &names);
	if (r == 0)
		run_ready(run);
	while (r == 0) {
		if (write_table(&names, ++serial))
			r = run_fail(run, -ENOSPC, "a name");
		count_change(run, 1);
	}
	names_writer_deinit(&names);
	return r;
}

/* As table_find() does it, and counted. */
static bool
look_up(struct table_reader *reader, const char *name, size_t size)
{
	uint64_t record[TABLE_RECORD_MAX / sizeof(uint64_t)];
	struct table_walk walk;
	size_t record_size;

	for (int i = 0; i < TABLE_TRIES; i++) {
		bool found;

		if (table_begin(&walk, &reader->names.table))
			return false;
		table_seek(&walk, name, size);
		found = table_step(&walk, record, &record_size);
		if (table_settled(&walk, !found))
			return found;
		reader->retries++;
		cpu_relax();
	}
	reader->busy++;
	return true; /* its caller would ask ternd */
}

static int
work_table(void *user)
{
	struct table_reader *reader = user;
	char name[NAME_SIZE];

	for (uint64_t i = 0; i < LAP_N; i++)
		if (!look_up(reader, name, write_name(name, i % N_NAMES)))
			return run_fail(reader->run, -EBADMSG, "a name that is there");
	reader->n += LAP_N;
	run_extra(reader->run, EXTRA_RETRIES, (double)reader->retries * 1e6 / (double)reader->n);
	run_extra(reader->run, EXTRA_BUSY, (double)reader->busy * 1e6 / (double)reader->n);
	return 0;
}

static int
table_drive(struct bench_run *run)
{
	struct table_reader reader = {.run = run};
	uint64_t begin = clock_now_ns(), changes = load_rlx(&shared_of(run)->changes);
	size_t size, n_fds;
	char byte;
	int r, fd = -1;

	r = socket_recv(run->fds[1], &byte, sizeof(byte), &size, &fd, 1, &n_fds);
	if (r == 0)
		r = names_open(&reader.names, fd);
	(void)fd_close(fd);
	if (r)
		return run_fail(run, -EPROTO, "table");
	r = lap_drive(run, &(struct lap){.work = work_table, .user = &reader});
	names_deinit(&reader.names);
	/* Relaxed: a count. */
	run_extra(run, EXTRA_CHANGES,
		(double)(load_rlx(&shared_of(run)->changes) - changes) * 1e9 /
			(double)(clock_now_ns() - begin));
	return r;
}

static const struct subject tern_quiet = {
	.name = "tern:quiet",
	.open = tern_bus_open,
	.serve = churn_serve,
	.drive = churn_publish,
};

static const struct subject tern_churn = {
	.name = "tern:churn",
	.open = tern_bus_open,
	.serve = churn_serve,
	.drive = churn_drive,
};

static const struct subject tern_table = {
	.name = "tern:table",
	.open = pair_open,
	.serve = table_serve,
	.drive = table_drive,
};

const struct workload workload_churn = {
	.name = "churn",
	.what = "publish while names and rules come and go at full speed; a table that only changes",
	.extras =
		(const struct bench_extra[]){
			[EXTRA_CHANGES] = {"changes", "1/s"},
			[EXTRA_RETRIES] = {"retries", "1e-6"},
			[EXTRA_BUSY] = {"busy", "1e-6"},
			{NULL, NULL},
		},
	.subjects =
		(const struct subject *const[]){
			&tern_quiet,
			&tern_churn,
			&tern_table,
			NULL,
		},
};
