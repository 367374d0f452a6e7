/* SPDX-License-Identifier: MIT */

/* command-publish: publish one event */

#include <json-c/json.h>
#include <string.h>
#include <tern/event.h>
#include <tern/name.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/offer.h"
#include "cli/payload.h"
#include "cli/plain.h"

#define OFFER_WAIT_NS UINT64_C(1000000000) /* for what a service says of its event */

enum {
	OPTION_DATA = OPTION_OWN,
	OPTION_RAW,
};

struct publish_order {
	const char *tags[TERN_MAX_TAGS + 1]; /* NULL-ended */
	size_t n_tags;
	char **words; /* of --data, borrowed from the command line */
	size_t n_words;
	bool is_raw;
	struct interface *interface; /* NULL: nobody says what the event has */
	struct guided value;
};

static void
topic_freep(tern_topic **topic)
{
	(void)tern_topic_free(*topic); /* always NULL */
}

static void
publish_order_deinit(struct publish_order *order)
{
	free(order->words);
	guided_deinit(&order->value);
	(void)interface_free(order->interface); /* always NULL */
}

/* add_data() - what was meant as JSON and is none is told before anything else */
static int
add_data(const struct cli *cli, struct publish_order *order)
{
	char *word = (char *)cli->words.value;
	struct json_object *value = NULL;
	struct argument_fault fault;

	order->words[order->n_words++] = word;
	if (*word && strchr("{[\"", *word) && argument_json(word, &value, &fault) == ARGUMENT_E_INVALID)
		return command_usage(cli, "%s", fault.text);
	(void)json_object_put(value); /* it is read again, when it is known what it should be */
	return STATUS_OK;
}

static int
read_order(struct cli *cli, struct publish_order *order)
{
	size_t most = 0;
	int id;

	for (char **word = cli->words.words; *word; word++)
		most++;
	order->words = calloc(most + 1, sizeof(*order->words));
	if (!order->words)
		return STATUS_OTHER;
	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_RAW)
			order->is_raw = true;
		if (id == OPTION_DATA && add_data(cli, order))
			return STATUS_USAGE;
		if (id != OPTION_OPERAND)
			continue;
		if (order->n_tags == TERN_MAX_TAGS)
			return command_usage(cli, "an event has %d tags at most", TERN_MAX_TAGS);
		order->tags[order->n_tags++] = cli->words.value;
	}
	if (order->n_tags == 0)
		return command_usage(cli, "TAG is missing");
	return STATUS_OK;
}

/* -------- what it says -------- */

/* find_event() - the event that a tag is, INTERFACE.Name of a service that is there; NULL: nobody says so */
static const struct interface_member *
find_event(tern_bus *bus, struct publish_order *order)
{
	for (size_t i = 0; i < order->n_tags && !order->is_raw; i++) {
		const char *dot = strrchr(order->tags[i], '.');
		_cleanup_(freep) char *service = dot ? strndup(order->tags[i], (size_t)(dot - order->tags[i])) : NULL;
		const struct interface_member *member;
		tern_peer owner;

		if (!service || tern_lookup(bus, service, &owner) < 0 ||
			offer_get(bus, service, OFFER_WAIT_NS, &order->interface, NULL) != 0)
			continue;
		member = interface_find(order->interface, dot + 1, strlen(dot + 1));
		if (member && member->kind == MEMBER_EVENT)
			return member;
		order->interface = interface_free(order->interface);
	}
	return NULL;
}

/* read_value() - of a known event all words together, as in a call; else one is a value by itself, several a map */
static int
read_value(tern_bus *bus, const struct cli *cli, struct publish_order *order)
{
	const struct interface_member *event = find_event(bus, order);
	const struct guide_target to = {.interface = order->interface,
		.type = event ? &event->types[0] : NULL,
		.what = event ? interface_name(order->interface, &event->item) : ""};
	struct argument_fault fault;
	int r;

	if (event || order->n_words != 1) {
		r = guide_read(&to, order->words, order->n_words, &order->value, &fault);
	} else {
		order->value.has_value = true;
		r = strcmp(order->words[0], "-") == 0 ? argument_input(&order->value.value, &fault)
						      : argument_value(order->words[0], &order->value.value, &fault);
	}
	if (r == ARGUMENT_E_INVALID)
		return command_usage(cli, "%s", fault.text);
	return r ? STATUS_OTHER : STATUS_OK;
}

static int
publish(const struct cli *cli, tern_bus *bus, const struct publish_order *order)
{
	_cleanup_(message_unrefp) tern_message *event = NULL;
	_cleanup_(topic_freep) tern_topic *topic = NULL;
	struct payload_fault fault;
	int r;

	r = tern_topic_new(bus, order->tags, &topic);
	if (r)
		return connect_failed("these tags cannot be", r, NULL);
	r = tern_message_new_event(topic, &event);
	if (r)
		return connect_failed("the event cannot be made", r, NULL);
	if (order->value.has_value) {
		r = payload_put_guided(event, &order->value, &fault);
		if (r == PAYLOAD_E_INVALID)
			return command_usage(cli, "%s", fault.text);
		if (r)
			return connect_failed("the data cannot be sent", r, NULL);
	}
	r = tern_publish_message(event, 0);
	return r ? connect_failed("the event was not published", r, NULL) : STATUS_OK;
}

/* hint_value() - a tag may have a = in it; but `tern call` takes values that way, and here it does not */
static void
hint_value(const struct publish_order *order)
{
	for (size_t i = 0; i < order->n_tags && order->n_words == 0; i++) {
		const char *sign = strchr(order->tags[i], '=');

		if (sign && sign != order->tags[i]) {
			report("'%s' was published as a tag; values go with -d", order->tags[i]);
			return;
		}
	}
}

static int
run_publish(struct cli *cli)
{
	_cleanup_(publish_order_deinit) struct publish_order order = {.n_tags = 0};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	int r;

	r = read_order(cli, &order);
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r == STATUS_OK)
		r = read_value(bus, cli, &order);
	if (r == STATUS_OK)
		r = publish(cli, bus, &order);
	if (r == STATUS_OK)
		hint_value(&order);
	return r;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_DATA, 'd', "data", "VALUE", "what it says; several as in 'tern call'; -: JSON from standard input"},
	{OPTION_RAW, 'r', "raw", NULL, "send what stands here, and ask for no interface before"},
	OPTIONS_OF_ALL,
};

const struct command command_publish = {
	.name = "publish",
	.operands = "TAG…",
	.summary = "Publish an event with these tags.",
	.about = "Every subscription hears it whose tags are all among these. That nobody listens is\n"
		 "no error. Where a tag is INTERFACE.Event of a service that is there, -d is KEY=VALUE\n"
		 "or {…} as in 'tern call', and has to be what its interface says. Else a VALUE is JSON\n"
		 "if it is JSON, or text as it stands.\n"
		 "\n"
		 "examples:\n"
		 "  tern publish lamp kitchen -d '{\"on\": true}'\n"
		 "  tern publish org.example.Mixer.PlayerEnded -d player=a -d position=9 -d frames=4\n",
	.completes = COMPLETES_TAG,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_publish,
};
