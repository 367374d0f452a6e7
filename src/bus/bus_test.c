/* SPDX-License-Identifier: MIT */

/* bus: what each call answers, and what it makes the host tell whom, as one line a thing told */

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/attribute.h"
#include "bus/bus.h"
#include "bus/link.h"
#include "bus/name.h"
#include "bus/rule.h"
#include "tern/cbor.h"

static struct bus bus;
static struct bus_peer *a, *b, *c;
static char told[4096];

/* --- a host that writes down what it is told; peers are a, b, c --- */

static const char *
peer_name(uint64_t id)
{
	static char text[4][8];
	static unsigned int i;
	char *to = text[i++ % 4];

	snprintf(to, 8, "%c", id ? (char)('a' + (int)(id & 0xffff) - 1) : '-');
	return to;
}

static _printf_(1, 2) void tell(const char *format, ...)
{
	size_t used = strlen(told);
	va_list ap;

	va_start(ap, format);
	vsnprintf(told + used, sizeof(told) - used, format, ap);
	va_end(ap);
}

static void
name_changed(void *user, const struct bus_name *name)
{
	struct bus_owner *owner = bus_name_owner(name);

	ck_assert_ptr_eq(user, &bus);
	tell("%.*s=%s\n", (int)name->size, name->text, peer_name(owner ? owner->peer->id : 0));
}

static void
name_event(void *user, struct bus_peer *peer, const struct control_event *event)
{
	const struct control_text *last;
	struct tern_cbor_reader r;
	const char *key;
	size_t size;
	uint64_t old, new;

	tern_cbor_reader_init(&r, event->payload.bytes, event->payload.size);
	ck_assert_int_eq(tern_cbor_enter_map(&r, NULL), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(tern_cbor_get_text(&r, &key, &size), 0); /* name, the name, old */
	ck_assert_int_eq(tern_cbor_get_uint(&r, &old), 0);
	ck_assert_int_eq(tern_cbor_skip(&r), 0);
	ck_assert_int_eq(tern_cbor_get_uint(&r, &new), 0);
	tell("%s hears", peer_name(peer->id));
	last = &event->tags.items[event->tags.n - 1]; /* always the same, and so not in the stories */
	ck_assert_uint_eq(last->size, strlen(event->tags.items[0].size == 3 ? "org.tern.Bus.New" : "org.tern.Bus.Gone"));
	for (size_t i = 0; i + 1 < event->tags.n; i++)
		tell(" %.*s", (int)event->tags.items[i].size, event->tags.items[i].text);
	tell(" (%s,%s)", peer_name(old), peer_name(new));
	if (event->rule)
		tell(" rule %d", (int)event->rule);
	tell("\n");
}

static void
owner_lost(void *user, struct bus_peer *peer, const struct bus_name *name)
{
	tell("%s lost %.*s\n", peer_name(peer->id), (int)name->size, name->text);
}

static void
owner_gained(void *user, struct bus_peer *peer, const struct bus_name *name)
{
	tell("%s gained %.*s\n", peer_name(peer->id), (int)name->size, name->text);
}

static const struct bus_host host = {name_changed, name_event, owner_lost, owner_gained};

/* What was told since the last time. */
static void
expect(const char *lines)
{
	ck_assert_str_eq(told, lines);
	told[0] = '\0';
}

/* --- requests in short --- */

static struct control_text
text(const char *s)
{
	return (struct control_text){s, strlen(s)};
}

static struct control_tags
split(const char *words)
{
	struct control_tags tags = {0};

	while (words && *words) {
		size_t n = strcspn(words, " ");

		tags.items[tags.n++] = (struct control_text){words, n};
		words += n + strspn(words + n, " ");
	}
	return tags;
}

static int
own(struct bus_peer *peer, const char *name, uint32_t flags, const char *labels)
{
	struct control_own request = {text(name), flags, split(labels)};

	return bus_own(peer, &request);
}

static int
disown(struct bus_peer *peer, const char *name)
{
	struct control_text t = text(name);

	return bus_disown(peer, &t);
}

static int
rule(struct bus_peer *peer, uint64_t number, const char *sender, const char *tags)
{
	struct control_rule_add request = {.rule = number, .tags = split(tags)};
	struct bus_rule *added;
	int r;

	if (sender)
		request.sender = text(sender);
	r = bus_rule_add(peer, &request, &added);
	if (!r)
		bus_rule_tell(added);
	return r;
}

static struct bus_peer *
join(uint32_t uid, uint64_t userns, const char *label)
{
	struct bus_identity identity = {.uid = uid, .userns = userns};
	struct bus_peer *peer;

	snprintf(identity.label, sizeof(identity.label), "%s", label);
	ck_assert_int_eq(bus_connect(&bus, &identity, &peer), 0);
	return peer;
}

static void
setup(void)
{
	bus_init(&bus, 1, &host, &bus);
	told[0] = '\0';
	a = join(1000, 1, "");
	b = join(1000, 1, "");
	c = join(1001, 1, "");
}

/* Everybody leaves; bus_deinit() asserts that nothing stayed. */
static void
teardown(void)
{
	a = bus_disconnect(a);
	b = bus_disconnect(b);
	c = bus_disconnect(c);
	bus_deinit(&bus);
}

enum {
	QUEUE = CONTROL_OWN_QUEUE,
	REPLACE = CONTROL_OWN_REPLACE,
	REPLACEABLE = CONTROL_OWN_REPLACEABLE,
};

START_TEST(own_and_disown)
{
	ck_assert_int_eq(own(a, "x.y", 0, NULL), 0);
	expect("x.y=a\n");
	ck_assert_int_eq(own(a, "x.y", 0, NULL), 0);
	expect("");
	ck_assert_int_eq(own(b, "x.y", 0, NULL), BUS_E_TAKEN);
	ck_assert_int_eq(disown(b, "x.y"), BUS_E_NOT_OWNER);
	ck_assert_int_eq(disown(b, "x"), BUS_E_NOT_OWNER);
	expect("");
	ck_assert_int_eq(disown(a, "x.y"), 0);
	expect("x.y=-\n");
	ck_assert_uint_eq(bus.counts.names, 0);
}
END_TEST

START_TEST(queue)
{
	ck_assert_int_eq(own(a, "x", 0, NULL), 0);
	ck_assert_int_eq(own(b, "x", QUEUE, NULL), BUS_E_QUEUED);
	ck_assert_int_eq(own(c, "x", QUEUE, NULL), BUS_E_QUEUED);
	ck_assert_int_eq(own(b, "x", QUEUE, NULL), BUS_E_QUEUED);
	expect("x=a\n");
	ck_assert_int_eq(disown(a, "x"), 0);
	expect("x=b\nb gained x\n");
	/* who asks again without QUEUE waits no longer */
	ck_assert_int_eq(own(c, "x", 0, NULL), BUS_E_TAKEN);
	ck_assert_int_eq(disown(c, "x"), BUS_E_NOT_OWNER);
	ck_assert_int_eq(disown(b, "x"), 0);
	expect("x=-\n");
}
END_TEST

START_TEST(replace)
{
	ck_assert_int_eq(own(a, "x", 0, NULL), 0);
	ck_assert_int_eq(own(b, "x", REPLACE, NULL), BUS_E_TAKEN);
	ck_assert_int_eq(own(a, "x", REPLACEABLE, NULL), 0);
	ck_assert_int_eq(own(b, "x", REPLACE | REPLACEABLE | QUEUE, NULL), 0);
	expect("x=a\nx=b\na lost x\n");
	ck_assert_int_eq(disown(a, "x"), BUS_E_NOT_OWNER);
	/* b said QUEUE: it comes second, and back when c leaves */
	ck_assert_int_eq(own(a, "x", QUEUE, NULL), BUS_E_QUEUED);
	ck_assert_int_eq(own(c, "x", REPLACE, NULL), 0);
	expect("x=c\nb lost x\n");
	ck_assert_int_eq(disown(c, "x"), 0);
	expect("x=b\nb gained x\n");
	/* a, who waits, takes it over */
	ck_assert_int_eq(own(a, "x", REPLACE, NULL), 0);
	expect("x=a\nb lost x\n");
	ck_assert_int_eq(disown(b, "x"), 0);
	expect("");
}
END_TEST

START_TEST(death)
{
	ck_assert_int_eq(rule(c, 1, "tern", "x"), 0);
	ck_assert_int_eq(own(a, "x", 0, "one"), 0);
	ck_assert_int_eq(own(a, "z", 0, NULL), 0);
	ck_assert_int_eq(own(b, "x", QUEUE, "two"), BUS_E_QUEUED);
	expect("x=a\nc hears new x one (-,a)\nz=a\n");
	a = bus_disconnect(a);
	expect("x=b\nc hears gone x one (a,b)\nc hears new x two (a,b)\nb gained x\nz=-\n");
	/* who dies hears nothing of its own end */
	ck_assert_int_eq(rule(b, 1, "tern", ""), 0);
	expect("b hears new x two (-,b) rule 1\n");
	b = bus_disconnect(b);
	expect("x=-\nc hears gone x two (b,-)\n");
}
END_TEST

START_TEST(events_match_tags)
{
	ck_assert_int_eq(rule(b, 1, NULL, ""), 0);		    /* everything */
	ck_assert_int_eq(rule(c, 1, "tern", "new org.example"), 0); /* a prefix */
	ck_assert_int_eq(rule(c, 2, "tern", "gone audio"), 0);	    /* a label */
	ck_assert_int_eq(rule(c, 3, NULL, "org.example.Mixer"), 0); /* the name */
	ck_assert_int_eq(rule(c, 4, NULL, "org.example.Other"), 0);
	ck_assert_int_eq(rule(c, 5, "org.example.Mixer", ""), 0); /* its events, not ternd's */
	ck_assert_int_eq(rule(c, 6, ":77", ""), 0);
	expect("");
	ck_assert_int_eq(own(a, "org.example.Mixer", 0, "audio org"), 0);
	expect("org.example.Mixer=a\n"
	       "b hears new org.example.Mixer org.example org audio (-,a)\n"
	       "c hears new org.example.Mixer org.example org audio (-,a)\n");
	ck_assert_int_eq(own(b, "org.exampl", 0, NULL), 0);
	expect("org.exampl=b\nb hears new org.exampl org (-,b)\n");
	(void)bus_rule_free(bus_rule_find(c, 3));
	ck_assert_int_eq(disown(a, "org.example.Mixer"), 0);
	expect("org.example.Mixer=-\n"
	       "b hears gone org.example.Mixer org.example org audio (a,-)\n"
	       "c hears gone org.example.Mixer org.example org audio (a,-)\n");
	(void)bus_rule_free(bus_rule_find(c, 2));
	ck_assert_int_eq(own(a, "w", 0, "audio"), 0);
	ck_assert_int_eq(disown(a, "w"), 0);
	expect("w=a\nb hears new w audio (-,a)\nw=-\nb hears gone w audio (a,-)\n");
}
END_TEST

START_TEST(rules)
{
	ck_assert_int_eq(own(a, "x.y", 0, "l"), 0);
	expect("x.y=a\n");
	ck_assert_int_eq(rule(b, 1, NULL, "x"), 0);
	expect("b hears new x.y x l (-,a) rule 1\n");
	ck_assert_int_eq(rule(b, 1, NULL, "y"), BUS_E_RULE_EXISTS);
	ck_assert_int_eq(rule(b, 2, NULL, "gone"), 0);
	ck_assert_int_eq(rule(b, 3, ":1", "l new"), 0);
	expect("b hears new x.y x l (-,a) rule 3\n");
	ck_assert_uint_eq(bus_rule_find(b, 3)->sender, BUS_SENDER_TERND);
	ck_assert_ptr_null(bus_rule_find(a, 1));
	/* other labels are seen in the table, and the next event has them */
	ck_assert_int_eq(own(a, "x.y", 0, "m"), 0);
	expect("x.y=a\n");
	ck_assert_int_eq(disown(a, "x.y"), 0);
	expect("x.y=-\nb hears gone x.y x m (a,-)\n");
	ck_assert_uint_eq(bus.counts.rules, 3);
}
END_TEST

START_TEST(links)
{
	struct bus_link *link, *other;
	uint64_t number;

	ck_assert_int_eq(bus_introduce(a, a, &link), BUS_E_ITSELF);
	ck_assert_int_eq(bus_introduce(a, b, &link), 0);
	number = link->number;
	ck_assert_int_eq(bus_introduce(a, b, &other), BUS_E_LINKED);
	ck_assert_int_eq(bus_introduce(b, a, &other), BUS_E_LINKED);
	ck_assert_int_eq(bus_introduce(b, c, &other), 0);
	bus_unlink(b, a->id, number + 7);
	ck_assert_int_eq(bus_introduce(a, b, &other), BUS_E_LINKED);
	bus_unlink(c, a->id, number);
	bus_unlink(b, a->id, number);
	ck_assert_int_eq(bus_introduce(b, a, &link), 0);
	bus_unlink(a, b->id, number); /* late news of the old one */
	ck_assert_int_eq(bus_introduce(a, b, &other), BUS_E_LINKED);
	b = bus_disconnect(b);
	ck_assert_uint_eq(bus.counts.links, 0);
	ck_assert_ptr_null(a->links);
}
END_TEST

START_TEST(resolve)
{
	struct control_text t;
	struct bus_peer *peer = NULL;
	char id[32];

	ck_assert_int_eq(own(a, "x", 0, NULL), 0);
	t = text("x");
	ck_assert_int_eq(bus_resolve(&bus, &t, &peer), 0);
	ck_assert_ptr_eq(peer, a);
	snprintf(id, sizeof(id), ":%llu", (unsigned long long)b->id);
	t = text(id);
	ck_assert_int_eq(bus_resolve(&bus, &t, &peer), 0);
	ck_assert_ptr_eq(peer, b);
	t = text("y");
	ck_assert_int_eq(bus_resolve(&bus, &t, &peer), BUS_E_NO_SUCH_NAME);
	t = text(":1");
	ck_assert_int_eq(bus_resolve(&bus, &t, &peer), BUS_E_NO_SUCH_PEER);
	t = text(":x");
	ck_assert_int_eq(bus_resolve(&bus, &t, &peer), BUS_E_NO_SUCH_PEER);
}
END_TEST

START_TEST(domains)
{
	struct bus_peer *label = join(1000, 1, "sandbox"), *space = join(1000, 2, "");
	struct bus_peer *unknown = join(1000, 0, ""), *other = join(1000, 0, "");

	ck_assert_ptr_eq(a->domain, b->domain);
	ck_assert_ptr_ne(a->domain, c->domain);
	ck_assert_ptr_ne(a->domain, label->domain);
	ck_assert_ptr_ne(a->domain, space->domain);
	ck_assert_ptr_ne(unknown->domain, other->domain);
	ck_assert_uint_eq(bus.counts.domains, 6);
	label = bus_disconnect(label);
	space = bus_disconnect(space);
	unknown = bus_disconnect(unknown);
	other = bus_disconnect(other);
	ck_assert_uint_eq(bus.counts.domains, 2);
}
END_TEST

START_TEST(quotas)
{
	struct bus_identity identity = {.uid = 1000, .userns = 1};
	struct bus_peer *more;
	struct bus_link *link;
	uint64_t used;

	bus.quota.limits[QUOTA_PEERS] = 2;
	bus.quota.limits[QUOTA_NAMES] = 2;
	bus.quota.limits[QUOTA_RULES] = 1;
	bus.quota.limits[QUOTA_LINKS] = 1;
	ck_assert_int_eq(bus_connect(&bus, &identity, &more), BUS_E_QUOTA);
	ck_assert_uint_eq(bus.exceeded.uid, 1000);
	ck_assert_uint_eq(bus.exceeded.kind, QUOTA_PEERS);
	ck_assert_uint_eq(bus.exceeded.used, 2);
	ck_assert_int_eq(own(a, "x", 0, NULL), 0);
	ck_assert_int_eq(own(b, "x", QUEUE, NULL), BUS_E_QUEUED);
	ck_assert_int_eq(own(b, "y", 0, NULL), BUS_E_QUOTA);
	ck_assert_ptr_null(bus_find_name(&bus, &(struct control_text){"y", 1}));
	ck_assert_int_eq(own(c, "y", 0, NULL), 0); /* another user's */
	ck_assert_int_eq(disown(b, "x"), 0);
	ck_assert_int_eq(own(b, "z", 0, NULL), 0);
	ck_assert_int_eq(rule(a, 1, NULL, "gone"), 0);
	ck_assert_int_eq(rule(b, 1, NULL, "gone"), BUS_E_QUOTA);
	ck_assert_int_eq(bus_introduce(a, b, &link), 0);
	ck_assert_int_eq(bus_introduce(a, c, &link), BUS_E_QUOTA);
	ck_assert_int_eq(bus_introduce(c, a, &link), 0); /* who asks is charged */
	used = a->user->held[QUOTA_BYTES].used;
	bus.quota.limits[QUOTA_BYTES] = used + 10;
	ck_assert_int_eq(own(a, "x", 0, "a-rather-long-label"), BUS_E_QUOTA);
	ck_assert_uint_eq(a->user->held[QUOTA_BYTES].used, used);
	ck_assert_int_eq(disown(b, "z"), 0);
	ck_assert_uint_lt(a->user->held[QUOTA_BYTES].used, used);
}
END_TEST

/* Many peers, names and rules at random; the asserts of teardown and of the quotas judge. */
START_TEST(random_calls)
{
	struct bus_peer *peers[8] = {a, b, c};
	uint64_t random = 3;
	struct bus_link *link;
	char name[16];

	for (int round = 0; round < 50000; round++) {
		struct bus_peer **at;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		at = &peers[(random >> 40) % 8];
		snprintf(name, sizeof(name), "n%d.x", (int)((random >> 35) % 5));
		told[0] = '\0';
		if (!*at)
			*at = join(1000 + (uint32_t)((random >> 50) % 2), (random >> 52) % 2, "");
		switch ((random >> 60) % 8) {
		case 0:
			*at = bus_disconnect(*at);
			break;
		case 1:
			(void)disown(*at, name); /* it may not be there */
			break;
		case 2:
			(void)rule(*at, (random >> 33) % 3 + 1, random >> 32 & 1 ? "tern" : NULL,
				"new n1");
			break;
		case 3:
			(void)bus_rule_free(
				bus_rule_find(*at, (random >> 33) % 3 + 1)); /* always NULL */
			break;
		case 4:
			if (peers[0])
				(void)bus_introduce(*at, peers[0], &link); /* any answer */
			break;
		default:
			(void)own(*at, name, (random >> 44) % 8, "l"); /* any answer */
		}
	}
	for (size_t i = 3; i < 8; i++)
		peers[i] = bus_disconnect(peers[i]);
	a = peers[0];
	b = peers[1];
	c = peers[2];
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("bus");
	Suite *suite = suite_create("bus");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, own_and_disown);
	tcase_add_test(tcase, queue);
	tcase_add_test(tcase, replace);
	tcase_add_test(tcase, death);
	tcase_add_test(tcase, events_match_tags);
	tcase_add_test(tcase, rules);
	tcase_add_test(tcase, links);
	tcase_add_test(tcase, resolve);
	tcase_add_test(tcase, domains);
	tcase_add_test(tcase, quotas);
	tcase_add_test(tcase, random_calls);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
