/* SPDX-License-Identifier: MIT */

/*
 * cycles: programs that connect, talk and die, one after the other
 *
 * hostile-cycles [N]: every other one says goodbye, the others just end, in the middle of an answer. Afterwards ternd and
 * the service that they talked to have the descriptors and mappings of before, and their memory has not grown by more
 * than a hundredth: what is their own, and what they share. Pages of files are not theirs; of these ternd's journal may
 * grow until it is written anew, beyond 1 MiB. Where there are many cycles this is looked at twenty times.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

enum {
	N_SHORT = 100,
	N_BEFORE = 60, /* at least, or a hundredth: until all is made that is made once */
	STILL_MS = 20,
	N_LOOKS = 20,
	N_MANY = 10000,
	N_AT_A_TIME = 4,
	N_LONG = 100000, /* with a thousand before: what four at a time need at once has come about */
	SLACK_KIB = 16,	 /* a hundredth of little is less than a few pages */
	SLACK_SHORT_KIB = 256,
};

static struct {
	struct scene *scene;
	pid_t service;
} stage;

static int
echo(tern_call *call, tern_message *m, void *user)
{
	uint64_t n;
	int r = tern_message_unpack(m, "{n:u}", &n);

	return r < 0 ? r : tern_reply(call, "{n:u}", n);
}

static void
serve(void *user)
{
	static const struct tern_method methods[] = {{"Echo", echo}};
	struct scene *scene = user;
	tern_service *service;
	tern_bus *bus;

	must_be(tern_open(scene->place.address, &bus), 0);
	must_be(tern_serve(bus, VICTIM, NULL, methods, 1, NULL, &service), 0);
	tell(&scene->victim_ready);
	while (!load_acq(&scene->stop)) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, 20 * NSEC_PER_MSEC, &event) == 0)
			(void)tern_message_unref(event.message); /* always NULL */
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

/* live() - connect, talk, die */
static void
live(void *user)
{
	static const char *const tags[] = {"cycle", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct scene *scene = user;
	tern_subscription *subscription;
	tern_message *reply, *m;
	tern_topic *topic;
	tern_bus *bus;
	uint64_t n = 0;

	must_be(tern_open(scene->place.address, &bus), 0);
	must_be(tern_call_sync(bus, VICTIM, "Echo", &reply, NULL, "{n:u}", (uint64_t)getpid()), 0);
	must_be(tern_message_unpack(reply, "{n:u}", &n), 0);
	must_be(n, getpid());
	(void)tern_message_unref(reply); /* always NULL, as the next */
	if (getpid() % 2) {
		(void)tern_close(bus);
		return;
	}
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	must_be(tern_topic_new(bus, tags, &topic), 0);
	must_be(tern_publish(topic, "u", n), 0);
	must_be(tern_message_new_call(bus, VICTIM, "Echo", &m), 0);
	must_be(tern_message_pack(m, "{n:u}", n), 0);
	must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
	_exit(0);
}

static void
run(uint64_t n)
{
	pid_t pids[N_AT_A_TIME] = {0};

	for (uint64_t i = 0; i < n + N_AT_A_TIME; i++) {
		pid_t *pid = &pids[i % N_AT_A_TIME];

		if (*pid)
			child_end(*pid);
		*pid = i < n ? child_start(live, stage.scene) : 0;
	}
}

struct held {
	uint32_t fds, maps;
	unsigned long long private_kib, shared_kib; /* resident, without pages of files */
};

static void
look_at_memory(pid_t pid, struct held *held)
{
	char line[256];
	FILE *file;

	(void)snprintf(line, sizeof(line), "/proc/%d/status", (int)pid);
	file = fopen(line, "re");
	must(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %llu", &held->private_kib) != 1)
			(void)sscanf(line, "RssShmem: %llu", &held->shared_kib);
	(void)fclose(file);
}

static struct held
held_by(pid_t pid)
{
	struct held held = {ledger_fds(pid), ledger_maps(pid), 0, 0};

	look_at_memory(pid, &held);
	return held;
}

/* rest() - what is held once that does not change any more */
static struct held
rest(pid_t pid)
{
	struct held now = held_by(pid), before;

	do {
		before = now;
		(void)usleep(1000 * STILL_MS);
		now = held_by(pid);
	} while (memcmp(&now, &before, sizeof(now)) != 0);
	return now;
}

/* settle() - until what the last ones had is given back. Return: what is held then */
static struct held
settle(pid_t pid, const struct held *before)
{
	uint64_t end = clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct held now = held_by(pid);

	while ((now.fds != before->fds || now.maps != before->maps) && clock_now_ns() < end) {
		(void)usleep(1000);
		now = held_by(pid);
	}
	return now;
}

static uint64_t n_cycles = N_SHORT;

static void
compare(const char *who, pid_t pid, const struct held *before)
{
	struct held now = settle(pid, before);
	uint64_t had = before->private_kib + before->shared_kib, slack = n_cycles < N_LONG ? SLACK_SHORT_KIB : SLACK_KIB;

	(void)printf("%-12s descriptors %u, before %u; mappings %u, before %u; memory %llu + shared %llu KiB, before %llu + %llu\n", who,
		now.fds, before->fds, now.maps, before->maps, now.private_kib, now.shared_kib, before->private_kib,
		before->shared_kib);
	(void)fflush(stdout);
	must_be(now.fds, before->fds);
	must_be(now.maps, before->maps);
	must(keeps_freed() || now.private_kib + now.shared_kib <= had + MAX(had / 100, slack));
}

START_TEST(nothing_is_left)
{
	struct held ternd, service;
	struct private_bus place;
	uint64_t began;

	stage.scene = shared_new(sizeof(*stage.scene));
	private_bus_start(&place, NULL);
	stage.scene->place = place;
	stage.service = child_start(serve, stage.scene);
	wait_for(&stage.scene->victim_ready, 1);
	run(MAX(n_cycles / 100, (uint64_t)N_BEFORE));
	ternd = rest(place.ternd);
	service = rest(stage.service);
	began = clock_now_ns();
	for (uint64_t done = 0; done < n_cycles;) {
		uint64_t n = n_cycles < N_MANY ? n_cycles : MIN(n_cycles - done, n_cycles / N_LOOKS);

		run(n);
		done += n;
		(void)printf("%llu cycles in %llu s\n", (unsigned long long)done,
			(unsigned long long)((clock_now_ns() - began) / NSEC_PER_SEC));
		compare("ternd", place.ternd, &ternd);
		compare("the service", stage.service, &service);
	}
	store_rel(&stage.scene->stop, 1);
	child_end(stage.service);
	private_bus_stop(&place);
	(void)shared_free(stage.scene, sizeof(*stage.scene)); /* always NULL */
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("cycles");
	TCase *tcase = tcase_create("cycles");

	if (argc > 1)
		n_cycles = strtoull(argv[1], NULL, 10);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120.0 + (double)n_cycles / 20);
	tcase_add_test(tcase, nothing_is_left);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
