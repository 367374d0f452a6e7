/* SPDX-License-Identifier: MIT */

/* misuse: each wrong argument and each wrong circumstance has its own errno, name, and words that help */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "scene.h"

#define LONG_255 LONG_51 LONG_51 LONG_51 LONG_51 LONG_51
#define LONG_51  "a23456789012345678901234567890123456789012345678901"

/* What is there to be misused: one of each, made before the table is gone through. */
static struct {
	tern_topic *topic; /* with a listener */
	tern_message *call, *sent, *event, *bad_event, *empty_event;
	tern_call *under_way;
	tern_subscription *subscription;
} it;

struct misuse {
	int (*fn)(void);
	int result;
	const char *name;
	const char *says; /* a part of the text that tells what to do, or what it was about */
};

static int
topic_with(const char *const *tags)
{
	tern_topic *topic;

	return tern_topic_new(scene.bus, tags, &topic);
}

static int
subscribe_with(struct tern_rule rule)
{
	tern_subscription *s;

	return tern_subscribe(scene.bus, &rule, NULL, NULL, &s);
}

static int
call_new(const char *service, const char *member)
{
	tern_message *m;

	return tern_message_new_call(scene.bus, service, member, &m);
}

static int
serve_with(const char *name, const char *interface)
{
	static const struct tern_method none[1];
	tern_service *service;

	return tern_serve(scene.bus, name, interface, none, 0, NULL, &service);
}

static int
open_at(const char *address)
{
	tern_bus *bus;

	return tern_open(address, &bus);
}

#define RULE_WITH(...) subscribe_with((struct tern_rule){.size = sizeof(struct tern_rule), __VA_ARGS__})
#define TAGS(...)      ((const char *const[]){__VA_ARGS__, NULL})
#define SIXTEEN        "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f", "g"
/* DO() - a misuse in one expression */
#define DO(name, expression)  \
	static int name(void) \
	{                     \
		return (expression); \
	}

/* --- addresses --- */

DO(open_other_scheme, open_at("tcp:localhost"))
DO(open_nothing_there, open_at("unix:/nonexistent/tern/bus"))
DO(open_too_long, open_at("unix:/" LONG_255))
DO(dial_nobody, tern_dial("unix:/nonexistent/tern/bus", &(tern_bus *){NULL}))
DO(listen_without_address, tern_listen(NULL, &(tern_bus *){NULL}))
DO(listen_at_live_socket, tern_listen(scene.place.address, &(tern_bus *){NULL}))

/* --- the handle --- */

DO(option_unknown, tern_set_option(scene.bus, 4711, 1))
DO(option_out_of_range, tern_set_option(scene.bus, TERN_OPT_ORDER, 2))
DO(identify_nobody, tern_identify(scene.bus, 999999,
	&(struct tern_identity){.size = sizeof(struct tern_identity)}))
DO(identify_no_size, tern_identify(scene.bus, tern_id(scene.bus), &(struct tern_identity){0}))
DO(next_no_size, tern_next(scene.bus, 0, &(struct tern_event){0}))
DO(watch_wrong_events, tern_watch_fd(scene.bus, 0, POLLHUP, NULL, NULL, &(tern_watch *){NULL}))
DO(watch_no_fd, tern_watch_fd(scene.bus, -1, POLLIN, NULL, NULL, &(tern_watch *){NULL}))

/* --- names --- */

DO(own_empty, tern_own(scene.bus, "", 0, NULL))
DO(own_bad_character, tern_own(scene.bus, "org.example.M\xc3\xbcller", 0, NULL))
DO(own_space, tern_own(scene.bus, "org example", 0, NULL))
DO(own_two_dots, tern_own(scene.bus, "org..example", 0, NULL))
DO(own_last_dot, tern_own(scene.bus, "org.example.", 0, NULL))
DO(own_too_long, tern_own(scene.bus, LONG_255 "b", 0, NULL))
DO(own_reserved, tern_own(scene.bus, "tern.service", 0, NULL))
DO(own_flags, tern_own(scene.bus, "org.example.A", 64, NULL))
DO(own_taken, tern_own(scene.bus, SERVICE, 0, NULL))
DO(own_not_replaceable, tern_own(scene.bus, SERVICE, TERN_NAME_REPLACE, NULL))
DO(own_queued, tern_own(scene.bus, SERVICE, TERN_NAME_QUEUE, NULL))
DO(own_many_labels, tern_own(scene.bus, "org.example.A", 0, TAGS(SIXTEEN, "17")))
DO(own_empty_label, tern_own(scene.bus, "org.example.A", 0, TAGS("")))
DO(own_long_label, tern_own(scene.bus, "org.example.A", 0, TAGS(LONG_255 "b")))
DO(disown_not_owned, tern_disown(scene.bus, "org.example.Nobody"))
DO(look_up_nobody, tern_lookup(scene.bus, "org.example.Nobody", &(tern_peer){0}))
DO(serve_taken, serve_with(SERVICE, NULL))
DO(serve_bad_name, serve_with("org,example", NULL))
DO(serve_no_name, serve_with(NULL, NULL))
DO(serve_interface, serve_with("org.example.A", "interface"))

/* --- calls --- */

DO(call_bad_name, call_new("no such", "Echo"))
DO(call_bad_id, call_new(":12x", "Echo"))
DO(call_no_service, call_new(NULL, "Echo"))
DO(call_no_member, call_new(SERVICE, ""))
DO(call_long_member, call_new(SERVICE, LONG_255 "b"))
DO(call_nobody, call_new("org.example.Nobody", "Echo"))
DO(call_no_peer, call_new(":999999", "Echo"))
DO(call_unknown_member, tern_call_sync(scene.bus, SERVICE, "Ecko", NULL, NULL, NULL))
DO(call_bad_format, tern_call_sync(scene.bus, SERVICE, "Echo", NULL, NULL, "%d", 1))
DO(call_bad_utf8, tern_call_sync(scene.bus, SERVICE, "Echo", NULL, NULL, "s", "\xff"))
DO(send_event, tern_send(it.event, TERN_DEFAULT, TERN_NO_REPLY, NULL))
DO(send_without_call, tern_send(it.call, TERN_DEFAULT, 0, NULL))
DO(send_twice, tern_send(it.sent, TERN_DEFAULT, TERN_NO_REPLY, NULL))
DO(wait_in_vain, tern_call_wait(it.under_way, 1, NULL, NULL))
DO(reply_to_own_call, tern_reply(it.under_way, NULL))
DO(reply_message_no_reply, tern_reply_message(it.call))
DO(reply_error_to_own_call, tern_reply_error(it.under_way, "org.example.E", ""))

/* --- messages --- */

static int
many_parts(void)
{
	tern_message *m;
	int r = 0;

	must_be(tern_message_new_event(it.topic, &m), 0);
	for (int i = 0; i <= TERN_MAX_PARTS; i++) {
		must_be(r, 0);
		r = tern_message_append(m, "x", 1);
	}
	(void)tern_message_unref(m);
	return r;
}

static int
many_fds(void)
{
	tern_message *m;
	int r = 0;

	must_be(tern_message_new_event(it.topic, &m), 0);
	for (int i = 0; i <= TERN_MAX_FDS; i++) {
		must(r >= 0);
		r = tern_message_attach(m, STDERR_FILENO);
	}
	(void)tern_message_unref(m);
	return r;
}

DO(pack_sealed, tern_message_pack(it.sent, "i", INT64_C(1)))
DO(append_received, tern_message_append(it.bad_event, "x", 1))
DO(pack_bad_format, tern_message_pack(it.event, "[i"))
DO(lend_too_much, tern_message_lend(it.event, SIZE_MAX / 2, &(void *){NULL}))
DO(trim_nothing, tern_message_trim(it.event, 1))
DO(long_type, tern_message_set_type(it.event, LONG_255 "b"))
DO(attach_no_fd, tern_message_attach(it.event, -1))
DO(no_part, tern_message_part(it.event, 3, &(const void *){NULL}, &(size_t){0}))
DO(no_fd, tern_message_fd(it.bad_event, 0))
DO(unpack_bad_cbor, tern_message_unpack(it.bad_event, "[[u]]", &(uint64_t){0}))
DO(unpack_other_type, tern_message_unpack(it.bad_event, "[u]", &(uint64_t){0}))
DO(unpack_bad_format, tern_message_unpack(it.bad_event, "[", &(uint64_t){0}))
DO(unpack_nothing, tern_message_unpack(it.empty_event, "{n:u}", &(uint64_t){0}))
DO(unpack_nothing_bad_format, tern_message_unpack(it.empty_event, "[", &(uint64_t){0}))

/* --- events --- */

DO(topic_no_tags, topic_with(NULL))
DO(topic_empty_tag, topic_with(TAGS("")))
DO(topic_bad_utf8, topic_with(TAGS("a", "\xc3")))
DO(topic_long_tag, topic_with(TAGS(LONG_255 "b")))
DO(topic_many_tags, topic_with(TAGS(SIXTEEN, "17")))
DO(topic_much, topic_with(TAGS(LONG_255, &LONG_255[1], &LONG_255[2], &LONG_255[3], LONG_51)))
DO(rule_no_size, subscribe_with((struct tern_rule){0}))
DO(rule_disconnect_queue, RULE_WITH(.policy = TERN_DISCONNECT, .queue = 1))
DO(rule_wait_rate, RULE_WITH(.policy = TERN_WAIT, .max_rate = 1))
DO(rule_disconnect_rate, RULE_WITH(.policy = TERN_DISCONNECT, .max_rate = 1))
DO(rule_no_policy, RULE_WITH(.policy = 99))
DO(rule_queue, RULE_WITH(.queue = 1))
DO(rule_many_tags, RULE_WITH(.tags = TAGS(SIXTEEN, "17")))
DO(rule_bad_sender, RULE_WITH(.sender = "no such"))
DO(rule_long_sender, RULE_WITH(.sender = LONG_255 "b"))
DO(rule_bad_id, RULE_WITH(.sender = ":x"))
DO(publish_call, tern_publish_message(it.call, 0))
DO(publish_bad_format, tern_publish(it.topic, "%d", 1))

static const struct misuse misuses[] = {
	{open_other_scheme, -EINVAL, "tern.InvalidArgument", "unix:"},
	{open_nothing_there, -ENOENT, "tern.NoBus", "start ternd"},
	{open_too_long, -EINVAL, "tern.InvalidArgument", "long"},
	{dial_nobody, -ENOENT, "tern.NoBus", "start"},
	{listen_without_address, -EINVAL, "tern.InvalidArgument", "unix:"},
	{listen_at_live_socket, -EADDRINUSE, "tern.Refused", "bus"},
	{option_unknown, -EINVAL, "tern.InvalidArgument", "4711"},
	{option_out_of_range, -EINVAL, "tern.InvalidArgument", "2"},
	{identify_nobody, -ENXIO, "tern.NoSuchService", "999999"},
	{identify_no_size, -EINVAL, "tern.InvalidArgument", "size"},
	{next_no_size, -EINVAL, "tern.InvalidArgument", "size"},
	{watch_wrong_events, -EINVAL, "tern.InvalidArgument", "POLLIN"},
	{watch_no_fd, -EBADF, "tern.Failed", "descriptor"},
	{own_empty, -EINVAL, "tern.BadName", "is empty"},
	{own_bad_character, -EINVAL, "tern.BadName", "letters, digits, _ and -"},
	{own_space, -EINVAL, "tern.BadName", "letters, digits, _ and -"},
	{own_two_dots, -EINVAL, "tern.BadName", "byte 4"},
	{own_last_dot, -EINVAL, "tern.BadName", "dots stand between"},
	{own_too_long, -EINVAL, "tern.BadName", "255"},
	{own_long_label, -E2BIG, "tern.TooBig", "255"},
	{own_reserved, -EINVAL, "tern.BadName", "choose"},
	{own_flags, -EINVAL, "tern.InvalidArgument", "0x40"},
	{own_taken, -EEXIST, "tern.NameTaken", SERVICE},
	{own_not_replaceable, -EEXIST, "tern.NameTaken", SERVICE},
	{own_queued, -EINPROGRESS, "tern.NameTaken", "in line"},
	{own_many_labels, -E2BIG, "tern.TooBig", "16"},
	{own_empty_label, -EINVAL, "tern.BadTag", "empty"},
	{disown_not_owned, -ENXIO, "tern.NotOwner", "org.example.Nobody"},
	{look_up_nobody, -ENXIO, "tern.NoSuchService", "org.example.Nobody"},
	{serve_taken, -EEXIST, "tern.NameTaken", SERVICE},
	{serve_bad_name, -EINVAL, "tern.BadName", "letters, digits, _ and -"},
	{serve_no_name, -EINVAL, "tern.InvalidArgument", "name"},
	{serve_interface, -EINVAL, "tern.BadInterface", "line 1, column 10"},
	{call_bad_name, -EINVAL, "tern.BadName", "letters, digits, _ and -"},
	{call_bad_id, -EINVAL, "tern.InvalidArgument", ":ID"},
	{call_no_service, -EINVAL, "tern.InvalidArgument", "service"},
	{call_no_member, -EINVAL, "tern.InvalidArgument", "255"},
	{call_long_member, -E2BIG, "tern.TooBig", "255"},
	{call_nobody, -ENXIO, "tern.NoSuchService", "org.example.Nobody"},
	{call_no_peer, -ENXIO, "tern.NoSuchService", "999999"},
	{call_unknown_member, -EREMOTEIO, "tern.NoSuchMember", "Ecko"},
	{call_bad_format, -EINVAL, "tern.cbor.Format", "at character"},
	{call_bad_utf8, -EINVAL, "tern.cbor.Argument", "UTF-8"},
	{send_event, -EINVAL, "tern.InvalidArgument", "calls"},
	{send_without_call, -EINVAL, "tern.InvalidArgument", "TERN_NO_REPLY"},
	{send_twice, -EBUSY, "tern.InvalidArgument", "sent"},
	{wait_in_vain, -EAGAIN, "tern.Timeout", "no answer yet"},
	{reply_to_own_call, -EINVAL, "tern.InvalidArgument", "received"},
	{reply_message_no_reply, -EINVAL, "tern.InvalidArgument", "tern_message_new_reply()"},
	{reply_error_to_own_call, -EINVAL, "tern.InvalidArgument", "received"},
	{many_parts, -E2BIG, "tern.TooBig", "8 parts"},
	{many_fds, -E2BIG, "tern.TooBig", "16 descriptors"},
	{pack_sealed, -EBUSY, "tern.InvalidArgument", "sealed"},
	{append_received, -EBUSY, "tern.InvalidArgument", "sealed"},
	{pack_bad_format, -EINVAL, "tern.cbor.Format", "at character"},
	{lend_too_much, -E2BIG, "tern.TooBig", "2 GiB"},
	{trim_nothing, -EINVAL, "tern.InvalidArgument", "trim"},
	{long_type, -E2BIG, "tern.TooBig", "255"},
	{attach_no_fd, -EBADF, "tern.Failed", "descriptor"},
	{no_part, -ENOENT, "tern.InvalidArgument", "part 3"},
	{no_fd, -ENOENT, "tern.InvalidArgument", "descriptor 0"},
	{unpack_bad_cbor, -EBADMSG, "tern.cbor.Break", "byte 2"},
	{unpack_other_type, -EBADMSG, "tern.cbor.Type", "byte 1"},
	{unpack_bad_format, -EINVAL, "tern.cbor.Format", "at character"},
	{unpack_nothing, -EBADMSG, "tern.BadMessage", "carries no values, and \"{n:u}\""},
	{unpack_nothing_bad_format, -EINVAL, "tern.cbor.Format", "at character"},
	{topic_no_tags, -EINVAL, "tern.InvalidArgument", "needs a tag"},
	{topic_empty_tag, -EINVAL, "tern.InvalidArgument", "tag 1 is empty"},
	{topic_bad_utf8, -EINVAL, "tern.InvalidArgument", "tag 2 is empty or not UTF-8"},
	{topic_long_tag, -E2BIG, "tern.TooBig", "255"},
	{topic_many_tags, -E2BIG, "tern.TooBig", "at most 16"},
	{topic_much, -E2BIG, "tern.TooBig", "1 KiB"},
	{rule_no_size, -EINVAL, "tern.InvalidArgument", "size"},
	{rule_disconnect_queue, -EINVAL, "tern.InvalidArgument", "alone have a queue"},
	{rule_wait_rate, -EINVAL, "tern.InvalidArgument", "max_rate"},
	{rule_disconnect_rate, -EINVAL, "tern.InvalidArgument", "max_rate"},
	{rule_no_policy, -EINVAL, "tern.InvalidArgument", "99"},
	{rule_queue, -EINVAL, "tern.InvalidArgument", "alone have a queue"},
	{rule_many_tags, -E2BIG, "tern.TooBig", "at most 16"},
	{rule_bad_sender, -EINVAL, "tern.BadName", "letters, digits, _ and -"},
	{rule_long_sender, -EINVAL, "tern.BadName", "255"},
	{rule_bad_id, -EINVAL, "tern.BadName", "a colon and its id"},
	{publish_call, -EINVAL, "tern.InvalidArgument", "tern_message_new_event()"},
	{publish_bad_format, -EINVAL, "tern.cbor.Format", "at character"},
};

/* is_misuse() - as the table says? */
static bool
is_misuse(size_t i, int r)
{
	const struct misuse *misuse = &misuses[i];
	const struct tern_error *error = tern_last_error();

	if (r == misuse->result && strcmp(error->name, misuse->name) == 0 &&
		strstr(error->text, misuse->says))
		return true;
	fprintf(stderr, "misuse %zu: %d (%s), %s: \"%s\"; expected %d, %s: \"%s\"\n", i, r, strerror(-r),
		error->name, error->text, misuse->result, misuse->name, misuse->says);
	return false;
}

static void
it_begin(void)
{
	static const char *const tags[] = {"tick", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_message *bad;

	must_be(tern_topic_new(scene.bus, tags, &it.topic), 0);
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &it.subscription), 0);
	must_be(tern_message_new_event(it.topic, &it.event), 0);
	must_be(tern_message_new_event(it.topic, &bad), 0);
	must_be(tern_message_append(bad, "\x81\x81\xff", 3), 0);
	must_be(tern_publish_message(bad, 0), 0);
	(void)tern_message_unref(bad);
	it.bad_event = next_event(scene.bus, TERN_EVENT).message;
	must_be(tern_publish(it.topic, NULL), 0);
	it.empty_event = next_event(scene.bus, TERN_EVENT).message;
	must_be(tern_message_unpack(it.empty_event, ""), 0); /* who wants nothing gets it */
	must_be(tern_message_new_call(scene.bus, SERVICE, "Hold", &it.sent), 0);
	must_be(tern_send(it.sent, TERN_FOREVER, 0, &it.under_way), 0);
	must_be(tern_message_new_call(scene.bus, SERVICE, "Count", &it.call), 0);
}

static void
it_end(void)
{
	(void)tern_call_unref(it.under_way);
	(void)tern_message_unref(it.call);
	(void)tern_message_unref(it.sent);
	(void)tern_message_unref(it.event);
	(void)tern_message_unref(it.bad_event);
	(void)tern_message_unref(it.empty_event);
	(void)tern_subscription_free(it.subscription);
	(void)tern_topic_free(it.topic);
}

START_TEST(arguments)
{
	size_t n_wrong = 0;

	scene_service();
	it_begin();
	for (size_t i = 0; i < sizeof(misuses) / sizeof(*misuses); i++) {
		must_be(tern_set_option(scene.bus, 0, 0), -EINVAL); /* other words are there before */
		n_wrong += !is_misuse(i, misuses[i].fn());
	}
	must_be(n_wrong, 0);
	echo(scene.bus, SERVICE, 1); /* and none of it did any harm */
	it_end();
}
END_TEST

/* --- circumstances --- */

/* must_fail() - an open that ends so */
static void
must_fail(const char *address, int result, const char *name, const char *says)
{
	must_be(open_at(address), result);
	must(is_error(name));
	must(strstr(tern_last_error()->text, says));
}

static void
stranger(void *user)
{
	if (user)
		must_fail(scene.place.address, -EACCES, "tern.Refused", "no right");
	else
		must_fail(scene.place.address, -EPERM, "tern.Refused", "--allow-uid");
}

START_TEST(no_rights)
{
	if (getuid() != 0)
		return; /* nobody else to be */
	child_end(child_start_as(65534, stranger, NULL));
	must_be(chmod(scene.place.address + 5, 0600), 0);
	child_end(child_start_as(65534, stranger, (void *)""));
}
END_TEST

/* socket_at() - a socket that is bound beside the bus, as another program might */
static int
socket_at(char address[128])
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	(void)snprintf(address, 128, "unix:%s/other", scene.place.directory);
	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", address + 5);
	must_be(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* false_ternd() - takes one connection and answers with these bytes, or not at all */
static void
false_ternd(void *user)
{
	const char *answer = user;
	char address[128], hello[4096];
	int fd = socket_at(address), other;

	must_be(listen(fd, 1), 0);
	tell(&scene.words[0]);
	other = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	must(other >= 0 && read(other, hello, sizeof(hello)) > 0);
	if (answer)
		must(write(other, answer, strlen(answer)) > 0);
	(void)close(other);
	(void)close(fd);
}

START_TEST(no_ternd)
{
	char address[128];
	pid_t child;

	(void)close(socket_at(address));
	must_fail(address, -ECONNREFUSED, "tern.NoBus", "start ternd");
	must_be(unlink(address + 5), 0);
	child = child_start(false_ternd, NULL);
	wait_for(&scene.words[0], 1);
	must_fail(address, -ECONNRESET, "tern.NoBus", "another version");
	child_end(child);
	must_be(unlink(address + 5), 0);
	child = child_start(false_ternd, (void *)"HTTP/1.1 400 Bad Request");
	wait_for(&scene.words[0], 2);
	must_fail(address, -EPROTO, "tern.ProtocolBroken", "ternd's answer");
	child_end(child);
	must_be(unlink(address + 5), 0);
}
END_TEST

/* Wherever a limit of descriptors is met on the way to a handle, it says what to do. */
START_TEST(no_descriptors)
{
	struct rlimit limit;
	rlim_t n_failed = 0;
	tern_bus *bus = NULL;
	int r = 0, free_fd = dup(STDERR_FILENO);

	must_be(close(free_fd), 0);
	must_be(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (limit.rlim_cur = (rlim_t)free_fd; limit.rlim_cur < limit.rlim_max; limit.rlim_cur++) {
		must_be(setrlimit(RLIMIT_NOFILE, &limit), 0);
		r = tern_open(scene.place.address, &bus);
		if (r == 0)
			break;
		must_be(r, -EMFILE);
		must(is_error("tern.Failed") && strstr(tern_last_error()->text, "ulimit -n"));
		n_failed++;
	}
	(void)tern_close(bus);
	limit.rlim_cur = limit.rlim_max;
	must_be(setrlimit(RLIMIT_NOFILE, &limit), 0); /* for what looks around after the test */
	must_be(r, 0);
	must(n_failed > 4); /* page, doorbell, epoll, wake, socket, and what ternd sends */
}
END_TEST

/* What is told of ternd's end, what goes on, and what a closed handle answers. */
START_TEST(ended)
{
	static const char *const tags[] = {"tick", NULL};
	tern_topic *topic;
	tern_call *call;
	tern_message *m;

	scene_service();
	echo(scene.bus, SERVICE, 1);
	must_be(tern_topic_new(scene.bus, tags, &topic), 0);
	must_be(tern_message_new_call(scene.bus, SERVICE, "Hold", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, 0, &call), 0);
	must_be(kill(scene.place.ternd, SIGTERM), 0);
	child_end(scene.place.ternd);
	must_be(next_event(scene.bus, TERN_LOST).peer, TERN_PEER_BUS);
	scene.place.ternd = 0;
	echo(scene.bus, SERVICE, 2);
	must_be(tern_own(scene.bus, "org.example.A", 0, NULL), -ENOTCONN);
	must(is_error("tern.NoBus") && strstr(tern_last_error()->text, "ternd is gone"));
	must_fail(scene.place.address, -ENOENT, "tern.NoBus", "start ternd");
	scene.bus = tern_close(scene.bus);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -ESHUTDOWN);
	must_be(tern_publish(topic, NULL), -ESHUTDOWN);
	must_be(tern_message_new_event(topic, &m), -ESHUTDOWN);
	must(is_error("tern.Failed") && strstr(tern_last_error()->text, "closed"));
	(void)tern_message_unref(m);
	(void)tern_call_unref(call);
	(void)tern_topic_free(topic);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("misuse");
	TCase *tcase = tcase_create("misuse");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, no_rights);
	tcase_add_test(tcase, no_ternd);
	tcase_add_test(tcase, no_descriptors);
	tcase_add_test(tcase, ended);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
