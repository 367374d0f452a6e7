/* SPDX-License-Identifier: MIT */

/*
 * streams_bulk: any number of bytes through one stream, in bounded memory
 *
 * Chunks of 64 KiB are lent, read where they lie, and given back; by default 500 MB in each direction, 10 GB in the long
 * form (make streams). What both sides have mapped of each other, and what of it is there, is looked at all the while.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"

#define CHUNK  UINT64_C(65536)
#define AT_MOST_KB 65536u /* of a side, above what it had before; the code of sanitizers is in it */

/* resident_kb() - of a process; shared memory is in it */
static uint64_t
resident_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	must(file != NULL);
	while (kb == 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "VmRSS: %lu", &kb);
	(void)fclose(file);
	must(kb > 0);
	return kb;
}

/* mapped_kb() - of segments: what it made, and what it was lent */
static uint64_t
mapped_kb(pid_t pid)
{
	char path[64], line[512];
	unsigned long from, to;
	uint64_t bytes = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	must(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "memfd:tern") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			bytes += to - from;
	(void)fclose(file);
	return bytes / 1024;
}

struct most {
	uint64_t resident[2], mapped[2], before[2];
};

static void
look(struct most *most, bool first)
{
	pid_t pids[2] = {getpid(), scene.service};

	for (int i = 0; i < 2; i++) {
		uint64_t resident = resident_kb(pids[i]), mapped = mapped_kb(pids[i]);

		if (first)
			most->before[i] = resident;
		most->resident[i] = resident > most->resident[i] ? resident : most->resident[i];
		most->mapped[i] = mapped > most->mapped[i] ? mapped : most->mapped[i];
	}
}

static uint64_t
n_chunks(void)
{
	return (is_long() ? 10000000000 : 500000000) / CHUNK;
}

static void
judge(const struct most *most, const char *what)
{
	(void)printf("%s, %llu chunks: resident +%llu and +%llu kB, segments %llu and %llu kB\n", what,
		(unsigned long long)n_chunks(), (unsigned long long)(most->resident[0] - most->before[0]),
		(unsigned long long)(most->resident[1] - most->before[1]), (unsigned long long)most->mapped[0],
		(unsigned long long)most->mapped[1]);
	for (int i = 0; i < 2; i++) {
		must(most->resident[i] < most->before[i] + AT_MOST_KB);
		must(most->mapped[i] < 16384);
	}
}

START_TEST(down)
{
	struct most most = {{0}};
	tern_call *call;
	uint64_t n = n_chunks();

	flow_service();
	look(&most, true);
	call = flow_call(scene.bus, "Frames", TERN_FOREVER, "[uu]", n, CHUNK);
	for (uint64_t i = 0; i < n; i++) {
		tern_message *part;
		const void *bytes;
		size_t size;

		must_be(tern_call_wait(call, TERN_DEFAULT, &part, NULL), 0);
		must_be(tern_message_part(part, 0, &bytes, &size), 0);
		must_be(size, CHUNK);
		must_be(((const uint8_t *)bytes)[0], i % 251);
		must_be(((const uint8_t *)bytes)[CHUNK - 1], i % 251);
		(void)tern_message_unref(part);
		if (i % 1000 == 0)
			look(&most, false);
	}
	must_be(flow_answer(call), n);
	judge(&most, "down");
}
END_TEST

START_TEST(up)
{
	struct most most = {{0}};
	tern_call *call;
	uint64_t n = n_chunks();

	flow_service();
	look(&most, true);
	call = flow_call(scene.bus, "Bytes", TERN_FOREVER, NULL);
	for (uint64_t i = 0; i < n; i++) {
		tern_message *part;
		void *bytes;

		must_be(tern_message_new_part(call, &part), 0);
		must_be(tern_message_lend(part, CHUNK, &bytes), 0);
		memset(bytes, (int)(i % 251), CHUNK);
		must_be(tern_call_put_message(part, TERN_DEFAULT, 0), 0);
		(void)tern_message_unref(part);
		if (i % 1000 == 0)
			look(&most, false);
	}
	must_be(tern_call_end(call), 0);
	must_be(flow_answer(call), n * CHUNK);
	judge(&most, "up");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("streams_bulk");
	TCase *tcase = tcase_create("streams_bulk");

	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, down);
	tcase_add_test(tcase, up);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
