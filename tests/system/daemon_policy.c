/* SPDX-License-Identifier: MIT */

/*
 * daemon-policy: who may connect, own, be introduced and tap; and what changes when the file does
 *
 * One process is all users in turn, since the kernel notes down who connects. Needs root.
 */

#include <check.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "raw.h"
#include "tern/cbor.h"

enum {
	OWNER = 2001, /* users */
	FRIEND = 2002,
	OTHER = 2003,
	STRANGER = 2009,
	AUDIO = 3000, /* a group */
};

static const char usual[] =
	"; a bus on which nothing is allowed that is not said\n"
	"[policy]\n"
	"connect = user:2001 user:2002 user:2003, group:3000\n"
	"[name *]\n"
	"own = none\n"
	"call = none\n"
	"tap = user:0\n"
	"[name org.example.Mixer]\n"
	"own = user:2001\n"
	"call = group:3000 same-user\n"
	"hear = user:2002 ; nobody else\n"
	"tap = user:0 group:3000\n"
	"[name org.example.Both]\n"
	"own = user:2001\n"
	"call = user:2002 user:2003\n"
	"hear = *\n"
	"tap = user:0\n"
	"[name org.example.*]\n"
	"own = user:2002\n"
	"call = *\n"
	"tap = user:0\n"
	"[name com.example.*]\n"
	"own = same-user\n"
	"tap = user:0\n"
	"[name com.example.deep.*]\n"
	"own = group:3000\n"
	"tap = user:0\n"
	"[name net.example.Silent]\n"
	"tap = user:0\n";

static struct ternd ternd;
static char conf[64] = "/tmp/tern-test-conf-XXXXXX";
static struct raw owner, peer, more;

static void
write_conf(const char *text)
{
	FILE *file = fopen(conf, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
setup(void)
{
	const char *arguments[] = {"--config", conf, NULL};
	int fd;

	strcpy(conf + strlen(conf) - 6, "XXXXXX");
	fd = mkstemp(conf);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	fd = fd_close(fd);
	write_conf(usual);
	ternd_start(&ternd, arguments);
	owner.fd = peer.fd = more.fd = -1;
}

static void
teardown(void)
{
	raw_close(&owner);
	raw_close(&peer);
	raw_close(&more);
	ternd_stop(&ternd);
	(void)unlink(conf);
}

static void
connect_as(struct raw *raw, uint32_t uid, uint32_t gid, uint32_t group)
{
	ck_assert_int_eq(setgroups(group ? 1 : 0, &group), 0);
	ck_assert_int_eq(setegid(gid), 0);
	ck_assert_int_eq(seteuid(uid), 0);
	raw_connect(raw, &ternd);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	ck_assert_int_eq(setgroups(0, NULL), 0);
}

static bool
join_as(struct raw *raw, uint32_t uid, uint32_t gid, uint32_t group)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};

	connect_as(raw, uid, gid, group);
	control.hello.clock = raw_clock();
	raw_send(raw, &control);
	ck_assert(raw_receive(raw));
	if (raw->control.type != CONTROL_WELCOME)
		return false;
	raw->id = raw->control.welcome.peer;
	return true;
}

/* The errno of the answer in hand; 0: it was no refusal. */
static uint32_t
code(const struct raw *raw)
{
	return raw->control.type == CONTROL_FAILED ? raw->control.failed.code : 0;
}

static uint32_t
ask_name(struct raw *raw, uint32_t type, const char *name)
{
	struct control control = {.type = type};

	if (type == CONTROL_OWN) /* also from one that has just hung up */
		control.own = (struct control_own){
			.name = raw_text(name),
			.flags = CONTROL_OWN_REPLACE | CONTROL_OWN_REPLACEABLE,
		};
	else
		control.name.name = raw_text(name);
	raw_ask(raw, &control);
	return code(raw);
}

static uint32_t
ask_tap(struct raw *raw)
{
	struct control control = {.type = CONTROL_RULE_ADD, .rule_add.rule = 7};

	control.rule_add.tags.n = 1;
	control.rule_add.tags.items[0] = raw_text(CONTROL_TAG_TAP);
	raw_ask(raw, &control);
	return code(raw);
}

static void
reload(void)
{
	raw_ask(&owner, &(struct control){.type = CONTROL_PING});
	ck_assert_int_eq(kill(ternd.pid, SIGHUP), 0);
}

/* --- a table of who may what --- */

enum op {
	CONNECT,
	OWN,
	REACH, /* be introduced to a program of OWNER's that has Mixer and Both, by this name or ID */
	TAP,
};

static const struct {
	uint32_t uid, gid, group;
	enum op op;
	const char *name; /* "": ":ID" */
	bool may;
} cases[] = {
	{0, 0, 0, CONNECT, "", true},
	{OWNER, OWNER, 0, CONNECT, "", true},
	{STRANGER, STRANGER, 0, CONNECT, "", false},
	{STRANGER, STRANGER, AUDIO, CONNECT, "", true},
	{STRANGER, AUDIO, 0, CONNECT, "", true}, /* its first group */
	{STRANGER, OWNER, 0, CONNECT, "", false}, /* the number of a user is not that of a group */
	{STRANGER, 0, 0, CONNECT, "", false},
	{AUDIO, AUDIO - 1, 0, CONNECT, "", false},
	{65534, 65534, 0, CONNECT, "", false},
	{STRANGER, 65534, 0, CONNECT, "", false},
	{OWNER, OWNER, 0, OWN, "org.example.Mixer", true},
	{FRIEND, FRIEND, 0, OWN, "org.example.Mixer", false}, /* the name says more than org.example.* */
	{OTHER, OTHER, AUDIO, OWN, "org.example.Mixer", false},
	{0, 0, 0, OWN, "org.example.Mixer", false}, /* root, too, needs a word */
	{OWNER, OWNER, 0, OWN, "org.example.Mixer2", false},
	{FRIEND, FRIEND, 0, OWN, "org.example.Mixer2", true},
	{FRIEND, FRIEND, 0, OWN, "org.example.Mixer.sub", true},
	{OWNER, OWNER, 0, OWN, "org.example.Mixer.sub", false},
	{FRIEND, FRIEND, 0, OWN, "org.example", false}, /* not below itself */
	{FRIEND, FRIEND, 0, OWN, "org.examples.x", false}, /* whole elements */
	{FRIEND, FRIEND, 0, OWN, "org.exampl.x", false},
	{FRIEND, FRIEND, 0, OWN, "xorg.example.x", false},
	{FRIEND, FRIEND, 0, OWN, "org.EXAMPLE.x", false},
	{FRIEND, FRIEND, 0, OWN, "anything", false},
	{0, 0, 0, OWN, "anything", false},
	{0, 0, 0, OWN, "com.example.x", true}, /* as ternd */
	{OWNER, OWNER, 0, OWN, "com.example.x", false},
	{0, 0, 0, OWN, "com.example.deep.x", false}, /* the longer one decides, alone */
	{OTHER, OTHER, AUDIO, OWN, "com.example.deep.x", true},
	{OTHER, OTHER, 0, OWN, "com.example.deep.x", false},
	{0, 0, 0, OWN, "net.example.Silent", false}, /* what is not said nobody may */
	{OWNER, OWNER, 0, OWN, "net.example.Silent", false},
	{OWNER, OWNER, 0, REACH, "org.example.Mixer", true},
	{OWNER, OWNER, 0, REACH, "", true}, /* by the right to call Mixer: see withheld */
	{OTHER, OTHER, AUDIO, REACH, "org.example.Mixer", true},
	{OTHER, OTHER, 0, REACH, "org.example.Both", true},
	{FRIEND, FRIEND, 0, REACH, "org.example.Both", true},
	{STRANGER, STRANGER, AUDIO, REACH, "org.example.Mixer", true},
	{0, 0, 0, REACH, "org.example.Mixer", true}, /* it may tap */
	{0, 0, 0, TAP, "", true},
	{OWNER, OWNER, 0, TAP, "", false}, /* not even its own calls: no section says so */
	{OTHER, OTHER, AUDIO, TAP, "", false}, /* one of several sections is not enough */
	{STRANGER, STRANGER, AUDIO, TAP, "", false},
};

static bool
try(size_t i)
{
	char id[24];

	if (!join_as(&peer, cases[i].uid, cases[i].gid, cases[i].group))
		return false;
	switch (cases[i].op) {
	case CONNECT:
		return true;
	case OWN:
		return ask_name(&peer, CONTROL_OWN, cases[i].name) == 0;
	case REACH:
		snprintf(id, sizeof(id), ":%llu", (unsigned long long)owner.id);
		return ask_name(&peer, CONTROL_INTRODUCE, *cases[i].name ? cases[i].name : id) == 0;
	case TAP:
		return ask_tap(&peer) == 0;
	}
	return false;
}

START_TEST(what_each_may)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert(join_as(&owner, OWNER, OWNER, 0));
		if (cases[i].op == REACH) {
			ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
			ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Both"), 0);
		}
		ck_assert_msg(try(i) == cases[i].may, "case %zu: user %u, group %u, %d %s: %s", i, cases[i].uid,
			cases[i].group, cases[i].op, cases[i].name, cases[i].may ? "refused" : "granted");
		if (!cases[i].may) {
			ck_assert_uint_eq(peer.control.failed.code, EPERM);
			ck_assert_int_eq(strncmp(peer.control.failed.error.text, "tern.NotAllowed", 15), 0);
		}
		raw_close(&peer);
		raw_close(&owner);
	}
}
END_TEST

/* --- what the ends of a link are told --- */

static bool
is_text(const struct control_text *text, const char *is)
{
	return text->size == strlen(is) && !memcmp(text->text, is, text->size);
}

START_TEST(link_tells_what_is_withheld)
{
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	ck_assert(join_as(&peer, OTHER, OTHER, AUDIO));
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), ENXIO); /* nobody has it */
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), 0);
	ck_assert_uint_eq(peer.control.link.withheld, CONTROL_NO_ID | CONTROL_NO_HEAR); /* the peer owns nothing */
	raw_expect(&owner, CONTROL_LINK);
	ck_assert_uint_eq(owner.control.link.withheld, CONTROL_NO_HEAR); /* FRIEND may hear Mixer */
	ck_assert_uint_eq(owner.control.link.denied.n, 0);
}
END_TEST

/* Before anybody sees it in the tables, and whatever else the other one may do. */
START_TEST(name_that_comes_is_told_first)
{
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	ck_assert(join_as(&peer, STRANGER, STRANGER, AUDIO));
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), 0);
	raw_expect(&owner, CONTROL_LINK);
	raw_send(&owner, &(struct control){.type = CONTROL_OWN, .own.name = raw_text("org.example.Both")});
	raw_expect(&owner, CONTROL_RIGHTS);
	ck_assert_uint_eq(owner.control.rights.peer, peer.id);
	ck_assert(is_text(&owner.control.rights.name, "org.example.Both"));
	ck_assert(owner.control.rights.denied);
	ck_assert_uint_eq(owner.control.rights.withheld, CONTROL_NO_ID | CONTROL_NO_HEAR);
	raw_expect(&owner, CONTROL_DONE);
	raw_send(&owner, &(struct control){.type = CONTROL_DISOWN, .name.name = raw_text("org.example.Both")});
	raw_expect(&owner, CONTROL_RIGHTS);
	ck_assert(is_text(&owner.control.rights.name, "org.example.Both"));
	ck_assert(!owner.control.rights.denied);
	ck_assert_uint_eq(owner.control.rights.withheld, CONTROL_NO_HEAR);
	raw_expect(&owner, CONTROL_DONE);
}
END_TEST

START_TEST(denied_names_come_with_the_link)
{
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	ck_assert(join_as(&peer, STRANGER, STRANGER, AUDIO));
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Both"), 0);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), 0);
	raw_expect(&owner, CONTROL_LINK);
	ck_assert_uint_eq(owner.control.link.withheld, CONTROL_NO_ID | CONTROL_NO_HEAR);
	ck_assert_uint_eq(owner.control.link.denied.n, 1);
	ck_assert(is_text(&owner.control.link.denied.items[0], "org.example.Both"));
}
END_TEST

static const char crowded[] =
	"[policy]\n"
	"connect = *\n"
	"[name org.example.*]\n"
	"own = user:2001\n"
	"[name org.example.Mixer]\n"
	"own = user:2001\n"
	"call = *\n";

enum { N_DENIED = 129 }; /* one more than are told one by one */

/* Of too many none may be called; when they get fewer, each is told of before that is over. */
START_TEST(denied_names_beyond_those_told)
{
	char name[64];
	uint32_t n = 0;

	write_conf(crowded);
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	reload();
	raw_expect(&owner, CONTROL_RIGHTS);
	for (int i = 0; i < N_DENIED; i++) {
		(void)snprintf(name, sizeof(name), "org.example.n%d", i);
		ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, name), 0);
	}
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
	ck_assert(join_as(&peer, FRIEND, FRIEND, 0));
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), 0);
	raw_expect(&owner, CONTROL_LINK);
	ck_assert(owner.control.link.withheld & CONTROL_NO_NAMES);
	raw_send(&owner, &(struct control){.type = CONTROL_DISOWN, .name.name = raw_text(name)});
	for (;;) {
		ck_assert(raw_receive(&owner));
		if (owner.control.type == CONTROL_DONE)
			break;
		ck_assert_uint_eq(owner.control.type, CONTROL_RIGHTS);
		if (!owner.control.rights.denied)
			continue;
		ck_assert(owner.control.rights.withheld & CONTROL_NO_NAMES);
		ck_assert(!is_text(&owner.control.rights.name, "org.example.Mixer"));
		n++;
	}
	ck_assert(!(owner.control.rights.withheld & CONTROL_NO_NAMES));
	ck_assert_uint_eq(n, N_DENIED - 1);
}
END_TEST

/* --- another file --- */

/* Without Mixer for OTHER's group; Both is as it was. */
static const char narrower[] =
	"[policy]\n"
	"connect = user:2001 user:2002 user:2003 group:3000\n"
	"[name *]\n"
	"[name org.example.Mixer]\n"
	"own = user:2001\n"
	"[name org.example.Both]\n"
	"own = user:2001\n"
	"call = user:2002 user:2003\n"
	"hear = *\n";

START_TEST(reload_ends_what_is_forbidden_and_nothing_else)
{
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	ck_assert(join_as(&peer, STRANGER, STRANGER, AUDIO));
	ck_assert(join_as(&more, FRIEND, FRIEND, 0));
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), 0);
	raw_expect(&owner, CONTROL_LINK);
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Both"), 0);
	ck_assert_uint_eq(ask_name(&more, CONTROL_INTRODUCE, "org.example.Both"), 0);
	raw_expect(&owner, CONTROL_LINK);
	write_conf(narrower);
	reload();
	raw_expect(&peer, CONTROL_RIGHTS);
	ck_assert(peer.control.rights.over);
	ck_assert_uint_eq(peer.control.rights.peer, owner.id);
	raw_expect(&owner, CONTROL_RIGHTS);
	if (!owner.control.rights.over) /* FRIEND may not hear Mixer any more */
		raw_expect(&owner, CONTROL_RIGHTS);
	raw_expect(&more, CONTROL_RIGHTS); /* that there is another policy, and nothing about its link */
	ck_assert_uint_eq(more.control.rights.peer, 0);
	raw_ping(&more);
	ck_assert_uint_eq(ask_name(&more, CONTROL_INTRODUCE, "org.example.Both"), EALREADY);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_INTRODUCE, "org.example.Mixer"), EPERM);
}
END_TEST

START_TEST(reload_takes_names_away)
{
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	ck_assert(join_as(&peer, FRIEND, FRIEND, 0));
	ck_assert_uint_eq(ask_name(&owner, CONTROL_OWN, "org.example.Mixer"), 0);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_OWN, "org.example.x"), 0);
	write_conf(narrower);
	reload();
	raw_expect(&peer, CONTROL_OWNER_LOST);
	ck_assert(is_text(&peer.control.name.name, "org.example.x"));
	ck_assert_uint_eq(ask_name(&owner, CONTROL_LOOKUP, "org.example.x"), ENXIO);
	ck_assert_uint_eq(ask_name(&owner, CONTROL_LOOKUP, "org.example.Mixer"), 0);
	ck_assert_uint_eq(ask_name(&peer, CONTROL_OWN, "org.example.x"), EPERM);
}
END_TEST

START_TEST(reload_hangs_up_on_strangers)
{
	ck_assert(join_as(&owner, OWNER, OWNER, 0));
	ck_assert(join_as(&peer, STRANGER, STRANGER, AUDIO));
	write_conf("[policy]\nconnect = user:2001\n");
	reload();
	raw_expect(&peer, CONTROL_FAILED);
	raw_expect_failed(&peer, EPERM, "tern.NotAllowed", "not allowed");
	raw_expect_closed(&peer);
	raw_expect(&owner, CONTROL_RIGHTS);
	raw_ping(&owner);
}
END_TEST

static uint32_t
call_reload(struct raw *raw)
{
	raw_ask(raw, &(struct control){.type = CONTROL_CALL, .call.member = raw_text("Reload")});
	return code(raw);
}

START_TEST(broken_file_changes_nothing)
{
	static const char *const broken[] = {
		"[policy]\nconnect = *\n[nmae x]\n",
		"[policy]\nconnect = user:nobody-of-that-name\n",
		"[policy]\nconnect = *\nconnect = *\n",
		"[name org.example.Mixer]\nown = *\n[name org.example.Mixer]\n",
		"[name *]\nown = \n",
		"own = *\n",
	};

	ck_assert(join_as(&owner, 0, 0, 0));
	ck_assert(join_as(&peer, FRIEND, FRIEND, 0));
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		write_conf(broken[i]);
		ck_assert_uint_eq(call_reload(&peer), EPERM);
		ck_assert_uint_eq(call_reload(&owner), EINVAL);
		raw_expect_failed(&owner, EINVAL, "tern.BadConfig", conf);
		ck_assert_uint_eq(ask_name(&peer, CONTROL_OWN, "org.example.Mixer"), EPERM);
		ck_assert_uint_eq(ask_name(&peer, CONTROL_OWN, "org.example.x"), 0);
	}
	ck_assert_int_eq(unlink(conf), 0);
	ck_assert_uint_eq(call_reload(&owner), EINVAL); /* a file that was named is to be there */
	ck_assert_uint_eq(ask_name(&peer, CONTROL_OWN, "org.example.Mixer"), EPERM);
	write_conf("[name *]\nown = *\n");
	ck_assert_uint_eq(call_reload(&owner), 0);
}
END_TEST

/* --- the file by default --- */

static char home[] = "/tmp/tern-test-home-XXXXXX";

static void
setup_home(void)
{
	strcpy(home + strlen(home) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(setenv("XDG_CONFIG_HOME", home, 1), 0);
	ternd_start(&ternd, NULL);
	owner.fd = peer.fd = more.fd = -1;
}

static void
teardown_home(void)
{
	raw_close(&owner);
	raw_close(&peer);
	ternd_stop(&ternd);
	(void)unlink(conf);
	(void)snprintf(conf, sizeof(conf), "%s/tern", home);
	ck_assert_int_eq(rmdir(conf), 0);
	ck_assert_int_eq(rmdir(home), 0);
}

/* A file that is made after the start counts from the next reload on. */
START_TEST(file_that_comes_later)
{
	ck_assert(join_as(&owner, 0, 0, 0));
	ck_assert(!join_as(&peer, FRIEND, FRIEND, 0));
	raw_close(&peer);
	(void)snprintf(conf, sizeof(conf), "%s/tern", home);
	ck_assert_int_eq(mkdir(conf, 0755), 0);
	(void)snprintf(conf, sizeof(conf), "%s/tern/ternd.conf", home);
	write_conf("[policy]\nconnect = *\n");
	reload();
	raw_expect(&owner, CONTROL_RIGHTS);
	ck_assert(join_as(&peer, FRIEND, FRIEND, 0));
}
END_TEST

/* Rules that nobody of a user may have anything for are not shown to that user's programs; see also talk-policy. */
int
main(void)
{
	Suite *suite = suite_create("daemon-policy");
	TCase *tcase = tcase_create("daemon-policy");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (getuid() != 0)
		return 77;
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_each_may);
	tcase_add_test(tcase, link_tells_what_is_withheld);
	tcase_add_test(tcase, name_that_comes_is_told_first);
	tcase_add_test(tcase, denied_names_come_with_the_link);
	tcase_add_test(tcase, denied_names_beyond_those_told);
	tcase_add_test(tcase, reload_ends_what_is_forbidden_and_nothing_else);
	tcase_add_test(tcase, reload_takes_names_away);
	tcase_add_test(tcase, reload_hangs_up_on_strangers);
	tcase_add_test(tcase, broken_file_changes_nothing);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("file by default");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_home, teardown_home);
	tcase_add_test(tcase, file_that_comes_later);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
