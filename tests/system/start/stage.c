/* SPDX-License-Identifier: MIT */

/* stage: see stage.h */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stage.h"

char stage_folder[64];

const char *const *
stage_options(void)
{
	static const char *words[] = {"--config", "", "--services", stage_folder, NULL};

	return words;
}

/* copy_actor() - the tree may lie where another user cannot look, as below /root */
static void
copy_actor(void)
{
	char command[512];

	must(snprintf(command, sizeof(command), "cp '" ACTOR "' %s/actor", stage_folder) < (int)sizeof(command));
	must_be(system(command), 0);
}

static void
setup(void)
{
	fixture_setup();
	(void)snprintf(stage_folder, sizeof(stage_folder), "/tmp/tern-start-XXXXXX");
	must(mkdtemp(stage_folder) != NULL);
	copy_actor();
	private_bus_start(&scene.place, stage_options());
	scene.bus = scene_open();
}

static void
remove_file(const char *file)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", stage_folder, file);
	(void)unlink(path); /* not all tests have all */
}

static void
teardown(void)
{
	scene.bus = tern_close(scene.bus);
	private_bus_stop(&scene.place);
	remove_file("starts");
	remove_file("go");
	remove_file("actor");
	remove_file(NAME ".service");
	remove_file("org.example.Other.service");
	must_be(rmdir(stage_folder), 0);
	fixture_teardown();
}

void
write_service(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.service", stage_folder, name);
	file = fopen(path, "we");
	must(file != NULL);
	(void)fputs(text, file);
	must_be(fclose(file), 0);
}

void
actor(const char *words, const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "[Service]\nExec=%s/actor %s\nWorkingDirectory=%s\n%s", stage_folder, words, stage_folder, more);
	write_service(NAME, text);
}

int
n_starts(pid_t *ret_last)
{
	char path[128], line[32];
	FILE *file;
	int n = 0;

	(void)snprintf(path, sizeof(path), "%s/starts", stage_folder);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		n++;
		if (ret_last)
			*ret_last = atoi(line);
	}
	if (file)
		(void)fclose(file);
	return n;
}

void
must_fail(int r, const char *error, const char *says)
{
	struct tern_error told;

	must_be(tern_call_sync(scene.bus, NAME, "Echo", NULL, &told, "i", INT64_C(1)), r);
	if (strcmp(told.name, error) != 0 || !strstr(told.text, says))
		must_failed(__FILE__, __LINE__, told.text, 0, 0);
}

tern_call *
send_echo(tern_bus *bus, uint64_t timeout, uint32_t flags, int64_t n)
{
	tern_call *call = NULL;
	tern_message *m;

	must_be(tern_message_new_call(bus, NAME, "Echo", &m), 0);
	must_be(tern_message_pack(m, "i", n), 0);
	must_be(tern_send(m, timeout, flags, flags & TERN_NO_REPLY ? NULL : &call), 0);
	m = tern_message_unref(m);
	return call;
}

void
must_answer(tern_call *call, int64_t n)
{
	tern_message *reply;
	int64_t is;

	must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "i", &is), 0);
	must_be(is, n);
	(void)tern_message_unref(reply);
	(void)tern_call_unref(call);
}

void
must_be_gone(pid_t pid)
{
	uint64_t end = clock_now_ns() + LONG_NS;

	while (kill(pid, 0) == 0) {
		must(clock_now_ns() < end);
		(void)usleep(1000);
	}
}

void
quit(void)
{
	tern_peer owner;

	must_be(tern_call_sync(scene.bus, NAME, "Quit", NULL, NULL, NULL), 0);
	while (tern_lookup(scene.bus, NAME, &owner) == 0)
		(void)usleep(1000);
}

int
stage_run(const char *name, void (*add)(TCase *tcase))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 90);
	add(tcase);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
