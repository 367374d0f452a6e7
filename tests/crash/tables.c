/* SPDX-License-Identifier: MIT */

/*
 * tables, killed at any instruction: a child does one change to a table under
 * ptrace, one instruction at a time. After each the parent, with a mapping of
 * its own, finds what a reader would find if ternd had been killed there: a
 * valid table, everything that was there before and is not what is changed,
 * and what is changed in the old state or the new.
 *
 * This shows states after a crash only; what readers see on the way, while
 * the writer runs, is tests/system/tables.c.
 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "io/socket.h"
#include "shm/names_writer.h"
#include "shm/rulebook.h"

enum {
	N_KEPT = 5,
	CAPACITY = 32,
	STEPS_MAX = 500000,
	SKIP = 77,
};

/* names */

static struct names_writer writer;
static struct names names;

static int
set(const char *name, uint64_t owner)
{
	struct name_spec spec = {.name = {name, strlen(name)}, .owner = owner, .serial = owner};

	return names_set(&writer, &spec);
}

static const char *
kept_name(unsigned int i)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "kept%u", i);
	return text;
}

static void
names_begin(int *ret_fds)
{
	ck_assert_int_eq(names_writer_init(&writer, CAPACITY), 0);
	for (unsigned int i = 0; i < N_KEPT; i++)
		ck_assert_int_eq(set(kept_name(i), i + 1), 0);
	ck_assert_int_eq(set("changed", 100), 0);
	ret_fds[0] = table_fd(&writer.table);
}

static void
names_open_all(const int *fds)
{
	ck_assert_int_eq(names_open(&names, fds[0]), 0);
}

/* The owner of a name; 0: none. A table that is marked moved is not asked. */
static uint64_t
owner_of(const char *name)
{
	struct name_entry entry;
	int r = names_lookup(&names, name, strlen(name), &entry);

	ck_assert(r == 0 || r == TABLE_E_NOT_FOUND || r == TABLE_E_MOVED);
	if (r == TABLE_E_MOVED)
		return UINT64_MAX;
	return r ? 0 : entry.owner;
}

static void
names_check_kept(void)
{
	ck_assert(table_valid(&names.table));
	for (unsigned int i = 0; i < N_KEPT; i++) {
		uint64_t owner = owner_of(kept_name(i));

		ck_assert(owner == i + 1 || owner == UINT64_MAX);
	}
}

static void
change_new(void)
{
	ck_assert_int_eq(set("new", 7), 0);
}

static bool
check_new(void)
{
	uint64_t owner = owner_of("new");

	names_check_kept();
	ck_assert_uint_eq(owner_of("changed"), 100);
	ck_assert(owner == 0 || owner == 7);
	return owner == 7;
}

static void
change_owner(void)
{
	ck_assert_int_eq(set("changed", 101), 0);
}

static bool
check_owner(void)
{
	uint64_t owner = owner_of("changed");

	names_check_kept();
	ck_assert(owner == 100 || owner == 101); /* never none */
	return owner == 101;
}

static void
change_gone(void)
{
	ck_assert_int_eq(names_remove(&writer, "changed", 7), 0);
}

static bool
check_gone(void)
{
	uint64_t owner = owner_of("changed");

	names_check_kept();
	ck_assert(owner == 100 || owner == 0);
	return owner == 0;
}

static void
change_compact(void)
{
	table_compact(&writer.table);
	table_compact(&writer.table);
}

static bool
check_compact(void)
{
	names_check_kept();
	ck_assert_uint_eq(owner_of("changed"), 100);
	return load_acq(&names.table.shm->generation) == 2;
}

static void
change_grow(void)
{
	ck_assert_int_eq(table_grow(&writer.table), 0);
	table_forward(&writer.table);
}

static bool
check_grow(void)
{
	names_check_kept();
	return owner_of("changed") == UINT64_MAX;
}

/* rules */

static struct rulebook book;
static struct tags tags;
static struct rules rules;
static struct versions versions;
static struct rule_hits hits;

static int
add_rule(uint64_t id)
{
	struct table_text texts[] = {{"first", 5}, {"second", 6}};
	struct rule_spec spec = {.subscriber = 9, .id = id, .tags = texts, .n_tags = 2};

	return rulebook_add(&book, &spec);
}

static void
rules_begin(int *ret_fds)
{
	ck_assert_int_eq(rulebook_init(&book, CAPACITY, 0), 0);
	ck_assert_int_eq(add_rule(1), 0);
	ret_fds[0] = table_fd(&book.tags.table);
	ret_fds[1] = table_fd(&book.rules.table);
	ret_fds[2] = versions_fd(&book.versions);
}

static void
rules_open_all(const int *fds)
{
	ck_assert_int_eq(tags_open(&tags, fds[0]), 0);
	ck_assert_int_eq(rules_open(&rules, fds[1]), 0);
	ck_assert_int_eq(versions_open(&versions, fds[2]), 0);
}

/* Which rules a publisher with both tags finds, as bits by their number. */
static unsigned int
rules_found(void)
{
	struct match_query query = {.n_tags = 0};
	uint32_t ids[2];
	unsigned int found = 0;

	ck_assert(table_valid(&tags.table) && table_valid(&rules.table));
	query.n_tags += tags_find(&tags, "first", 5, &ids[query.n_tags]) == 0;
	query.n_tags += tags_find(&tags, "second", 6, &ids[query.n_tags]) == 0;
	query.tags = ids; /* made one after the other, so ascending */
	ck_assert_int_eq(rules_match(&rules, &query, &hits), 0);
	for (size_t i = 0; i < hits.n_hits; i++)
		found |= 1u << hits.hits[i].id;
	return found;
}

static void
change_add_rule(void)
{
	ck_assert_int_eq(add_rule(2), 0);
}

/* When the version has moved, the rule is there: a publisher that looks then finds it. */
static bool
check_add_rule(void)
{
	uint64_t version = versions_load(&versions, versions_of_tag("first", 5));
	unsigned int found = rules_found();

	ck_assert(found == 1 << 1 || found == (1 << 1 | 1 << 2));
	ck_assert(version == 1 || found == (1 << 1 | 1 << 2));
	return version == 2;
}

static void
change_remove_rule(void)
{
	ck_assert_int_eq(rulebook_remove(&book, 9, 1), 0);
}

/* And when it has moved again, the rule is gone. */
static bool
check_remove_rule(void)
{
	uint64_t version = versions_load(&versions, versions_of_tag("first", 5));
	unsigned int found = rules_found();

	ck_assert(found == 1 << 1 || found == 0);
	ck_assert(version == 1 || found == 0);
	return version == 2;
}

/* stepping */

struct change {
	const char *name;
	void (*begin)(int *ret_fds);
	void (*open)(const int *fds);
	void (*change)(void);
	bool (*check)(void); /* true: it is done */
};

static const struct change changes[] = {
	{"new name", names_begin, names_open_all, change_new, check_new},
	{"owner change", names_begin, names_open_all, change_owner, check_owner},
	{"name gone", names_begin, names_open_all, change_gone, check_gone},
	{"compaction", names_begin, names_open_all, change_compact, check_compact},
	{"growth", names_begin, names_open_all, change_grow, check_grow},
	{"rule added", rules_begin, rules_open_all, change_add_rule, check_add_rule},
	{"rule removed", rules_begin, rules_open_all, change_remove_rule, check_remove_rule},
};

/* The child: tables, their descriptors to the parent, and then, step by step, the change. */
static void
child_run(const struct change *change, int socket)
{
	int fds[3], n_fds = change->begin == rules_begin ? 3 : 1;
	char kind = 't';
	struct iovec iov = {&kind, 1};

	change->begin(fds);
	if (socket_send(socket, &iov, 1, fds, (size_t)n_fds))
		_exit(1);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(SKIP);
	(void)raise(SIGSTOP);
	change->change();
	(void)raise(SIGSTOP);
	_exit(0);
}

static void
parent_open(const struct change *change, int socket)
{
	int fds[3];
	size_t size, n_fds;
	char c;

	ck_assert_int_eq(socket_recv(socket, &c, 1, &size, fds, 3, &n_fds), 0);
	change->open(fds);
	while (n_fds-- > 0)
		(void)fd_close(fds[n_fds]);
}

static void
step_through(const struct change *change, pid_t pid)
{
	int status, n_steps = 0, n_after = 0;

	while (n_steps < STEPS_MAX) {
		bool done = change->check();

		ck_assert_msg(done || n_after == 0, "%s: undone again", change->name);
		n_after += done;
		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSTOPPED(status), "%s: ended with %#x", change->name, status);
		if (WSTOPSIG(status) == SIGSTOP)
			break;
		ck_assert_int_eq(WSTOPSIG(status), SIGTRAP);
		n_steps++;
	}
	printf("%s: %d instructions, %d after it was done\n", change->name, n_steps, n_after);
	(void)fflush(stdout);
	ck_assert_int_gt(n_after, 0);
	ck_assert_int_gt(n_steps, n_after);
	ck_assert_int_lt(n_steps, STEPS_MAX);
}

START_TEST(test_killed_anywhere)
{
	const struct change *change = &changes[_i];
	int pair[2], status;
	pid_t pid;

	ck_assert_int_eq(socket_pair(pair), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child_run(change, pair[1]);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP) {
		printf("%s: skipped, ptrace is not allowed here\n", change->name);
		return;
	}
	ck_assert(WIFSTOPPED(status));
	parent_open(change, pair[0]);
	step_through(change, pid);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(change->check());
	rule_hits_deinit(&hits);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("crash-tables");
	TCase *tcase = tcase_create("crash-tables");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_killed_anywhere, 0, (int)ARRAY_SIZE(changes));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
