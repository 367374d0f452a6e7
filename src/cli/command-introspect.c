/* SPDX-License-Identifier: MIT */

/* command-introspect: what a service says it offers, and, as a tree, what all of them do */

#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/colour.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/describe.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/offer.h"
#include "cli/plain.h"

#define TREE_WAIT_NS UINT64_C(1000000000) /* for each service of a tree */

enum {
	OPTION_TIMEOUT = OPTION_OWN,
	OPTION_RAW,
};

struct introspect_order {
	const char *service, *member; /* NULL: all */
	uint64_t timeout_ns;
	bool is_raw;
};

static int
read_words(struct cli *cli, struct introspect_order *order, bool has_member)
{
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = STATUS_OK;
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_TIMEOUT)
			r = command_duration(cli, &order->timeout_ns);
		else if (id == OPTION_RAW)
			order->is_raw = true;
		else if (!order->service)
			order->service = cli->words.value;
		else if (has_member && !order->member)
			order->member = cli->words.value;
		else
			r = command_usage(cli, "that is one too many: '%s'", cli->words.value);
		if (r)
			return r;
	}
	return STATUS_OK;
}

static int
print_json(struct json_object *value)
{
	_cleanup_(json_putp) struct json_object *held = value;
	_cleanup_(freep) char *text = held ? json_print(held, isatty(STDOUT_FILENO)) : NULL;

	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks whether it was written */
	return STATUS_OK;
}

/* say_no_offer() - why there is nothing to show. Return: STATUS_*. */
static int
say_no_offer(tern_bus *bus, const char *service, int r, const struct interface_fault *fault)
{
	switch (r) {
	case OFFER_E_NONE:
		report("%s does not say what it offers", service);
		return STATUS_REMOTE;
	case OFFER_E_INVALID:
		report("what %s says of itself is no interface: line %u, column %u: %s; --raw shows it", service,
			fault->line, fault->column, fault->text);
		return STATUS_REMOTE;
	case -ENXIO:
		name_suggest(bus, service);
		return STATUS_NO_BUS;
	case -ETIME:
		report("%s did not answer in time", service);
		return STATUS_TIMEOUT;
	default:
		return connect_failed("the service cannot be asked", r, NULL);
	}
}

static int
say_no_member(const struct introspect_order *order, const struct interface *tree)
{
	const char *near = NULL;

	for (int kind = 0; kind < N_MEMBER_KINDS && !near; kind++)
		near = interface_near(tree, (enum member_kind)kind, order->member);
	if (near)
		report("%s has no '%s'; did you mean %s?", order->service, order->member, near);
	else
		report("%s has no '%s'", order->service, order->member);
	return STATUS_REMOTE;
}

/* print_raw() - as it was given; on a terminal what would move it about is shown */
static int
print_raw(tern_bus *bus, const struct introspect_order *order)
{
	_cleanup_(freep) char *text = NULL;
	int r = offer_get_text(bus, order->service, order->timeout_ns, &text);

	if (r)
		return say_no_offer(bus, order->service, r, NULL);
	if (isatty(STDOUT_FILENO))
		plain_print(stdout, text, strlen(text), true);
	else
		(void)fputs(text, stdout); /* main() asks whether it was written */
	return STATUS_OK;
}

static int
introspect(tern_bus *bus, const struct cli *cli, const struct introspect_order *order)
{
	_cleanup_(interface_freep) struct interface *tree = NULL;
	const struct interface_member *member = NULL;
	struct interface_fault fault;
	int r;

	if (order->is_raw)
		return print_raw(bus, order);
	r = offer_get(bus, order->service, order->timeout_ns, &tree, &fault);
	if (r)
		return say_no_offer(bus, order->service, r, &fault);
	if (order->member)
		member = interface_find(tree, order->member, strlen(order->member));
	if (order->member && !member)
		return say_no_member(order, tree);
	if (cli->json)
		return print_json(member ? describe_json_member(tree, member) : describe_json(tree));
	describe_print(stdout, tree, member);
	return STATUS_OK;
}

static int
run_introspect(struct cli *cli)
{
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	struct introspect_order order = {.timeout_ns = TERN_DEFAULT};
	int r = read_words(cli, &order, true);

	if (r == STATUS_OK && !order.service)
		r = command_usage(cli, "the SERVICE is missing");
	if (r == STATUS_OK && order.is_raw && (order.member || cli->json))
		r = command_usage(cli, "--raw is the whole text, as it was given");
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	return r ? r : introspect(bus, cli, &order);
}

/* --- the tree --- */

static void
print_member(const struct interface *tree, const struct interface_member *member)
{
	bool is_last = !member_next(tree, member);
	char line[320], docs[160];
	const char *rest;

	(void)describe_line(tree, member, line, sizeof(line));
	rest = strchr(line, ' '); /* behind the keyword */
	(void)printf("%s %s%.*s%s", is_last ? "└─" : "├─", colour_begin(stdout, COLOUR_KEYWORD), (int)(rest - line), line,
		colour_end(stdout, COLOUR_KEYWORD)); /* main() asks, as below */
	plain_print(stdout, rest, strlen(rest), false);
	(void)describe_docs(tree, &member->item, docs, sizeof(docs));
	if (*docs) {
		(void)printf("  %s", colour_begin(stdout, COLOUR_FAINT));
		plain_print(stdout, docs, strlen(docs), false);
		(void)printf("%s", colour_end(stdout, COLOUR_FAINT));
	}
	(void)puts("");
}

static void
print_service(const char *service, const struct interface *tree, const char *why)
{
	const struct interface_member *member = tree ? interface_members(tree) : NULL;
	const char *name = tree ? interface_name(tree, &tree->item) : "";

	(void)printf("%s%s%s", colour_begin(stdout, COLOUR_NAME), service, colour_end(stdout, COLOUR_NAME));
	if (tree && strcmp(name, service) != 0)
		(void)printf("  %s", name);
	if (*why)
		(void)printf("  %s(%s)%s", colour_begin(stdout, COLOUR_FAINT), why, colour_end(stdout, COLOUR_FAINT));
	(void)puts("");
	for (; member; member = member_next(tree, member))
		print_member(tree, member);
}

/* add_service() - one branch of it, printed or put into the array */
static int
add_service(tern_bus *bus, const struct introspect_order *order, const char *service, struct json_object *array)
{
	_cleanup_(interface_freep) struct interface *tree = NULL;
	struct json_object *object;
	int r = offer_get(bus, service, order->timeout_ns, &tree, NULL);
	const char *why = "";

	if (r == -ENXIO || r == -EHOSTDOWN)
		return STATUS_OK; /* it went meanwhile */
	if (r == OFFER_E_NONE)
		why = "says nothing";
	else if (r == OFFER_E_INVALID)
		why = "says what is no interface";
	else if (r)
		why = r == -ETIME ? "did not answer" : strerror(-r);
	if (!array) {
		print_service(service, tree, why);
		return STATUS_OK;
	}
	object = json_object_new_object();
	json_object_object_add(object, "service", json_object_new_string(service));
	json_object_object_add(object, "interface", tree ? describe_json(tree) : NULL);
	return json_object_array_add(array, object) ? STATUS_OTHER : STATUS_OK;
}

static int
tree(tern_bus *bus, const struct cli *cli, const struct introspect_order *order)
{
	_cleanup_(json_putp) struct json_object *array = cli->json ? json_object_new_array() : NULL;
	_cleanup_(name_list_deinit) struct name_list list = {0};
	int r = order->service ? 0 : name_list_get(bus, &list);

	if (r)
		return connect_failed("the names cannot be listed", r, NULL);
	r = add_service(bus, order, order->service ? order->service : "tern", array);
	for (size_t i = 0; i < list.n && r == STATUS_OK; i++)
		r = add_service(bus, order, list.names[i].name, array);
	if (r || !cli->json)
		return r;
	return print_json(steal(array));
}

static int
run_tree(struct cli *cli)
{
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	struct introspect_order order = {.timeout_ns = TREE_WAIT_NS};
	tern_peer owner;
	int r = read_words(cli, &order, false);

	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r)
		return r;
	if (order.service && order.service[0] != ':' && tern_lookup(bus, order.service, &owner) == -ENXIO) {
		name_suggest(bus, order.service);
		return STATUS_NO_BUS;
	}
	return tree(bus, cli, &order);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_RAW, 'r', "raw", NULL, "the text as the service gives it"},
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "wait so long for the service: 2, 250ms, forever; else 25"},
	OPTIONS_OF_ALL,
};

const struct command command_introspect = {
	.name = "introspect",
	.operands = "SERVICE [MEMBER]",
	.summary = "Show what a service offers, with its documentation.",
	.about = "The language is that of tern-interface(5). With -j it comes as JSON, each type in full.\n"
		 "\n"
		 "examples:\n"
		 "  tern introspect org.example.Mixer\n"
		 "  tern introspect org.example.Mixer Set\n",
	.completes = COMPLETES_SERVICE COMPLETES_METHOD,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_introspect,
};

static const struct option_spec OPTIONS_TREE[] = {
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "wait so long for each service: 2, 250ms; else 1"},
	OPTIONS_OF_ALL,
};

const struct command command_tree = {
	.name = "tree",
	.operands = "[SERVICE]",
	.summary = "Show all services and what they offer, a line a member.",
	.about = "Each service is asked, ternd first. One that does not answer is shown, too.\n"
		 "\n"
		 "examples:\n"
		 "  tern tree\n"
		 "  tern tree -j | jq '.[].service'\n",
	.completes = COMPLETES_SERVICE,
	.options = OPTIONS_TREE,
	.n_options = ARRAY_SIZE(OPTIONS_TREE),
	.run = run_tree,
};
