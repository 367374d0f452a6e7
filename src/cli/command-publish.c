/* SPDX-License-Identifier: MIT */

/* command-publish: publish one event */

#include <json-c/json.h>
#include <string.h>
#include <tern/event.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/payload.h"
#include "cli/plain.h"

enum {
	OPTION_DATA = OPTION_OWN,
};

struct publish_order {
	const char *tags[TERN_MAX_TAGS + 1]; /* NULL-ended */
	size_t n_tags;
	bool has_value;
	struct json_object *value;
};

static void
topic_freep(tern_topic **topic)
{
	(void)tern_topic_free(*topic); /* always NULL */
}

static void
publish_order_deinit(struct publish_order *order)
{
	(void)json_object_put(order->value); /* how many others hold it does not matter */
}

static int
read_data(const struct cli *cli, struct publish_order *order)
{
	const char *word = cli->words.value;
	struct argument_fault fault;
	int r;

	if (order->has_value)
		return command_usage(cli, "one --data is enough");
	order->has_value = true;
	if (strcmp(word, "-") == 0)
		r = argument_input(&order->value, &fault);
	else
		r = argument_value(word, &order->value, &fault);
	if (r == ARGUMENT_E_INVALID)
		return command_usage(cli, "%s", fault.text);
	return r ? STATUS_OTHER : STATUS_OK;
}

static int
read_order(struct cli *cli, struct publish_order *order)
{
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_DATA) {
			r = read_data(cli, order);
			if (r)
				return r;
			continue;
		}
		if (order->n_tags == TERN_MAX_TAGS)
			return command_usage(cli, "an event has %d tags at most", TERN_MAX_TAGS);
		order->tags[order->n_tags++] = cli->words.value;
	}
	if (order->n_tags == 0)
		return command_usage(cli, "TAG is missing");
	return STATUS_OK;
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
	if (order->has_value) {
		r = payload_put(event, order->value, &fault);
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
	for (size_t i = 0; i < order->n_tags && !order->has_value; i++) {
		const char *sign = strchr(order->tags[i], '=');

		if (sign && sign != order->tags[i]) {
			report("'%s' was published as a tag; values go with -d, as JSON", order->tags[i]);
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
		r = publish(cli, bus, &order);
	if (r == STATUS_OK)
		hint_value(&order);
	return r;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_DATA, 'd', "data", "VALUE",
		"what it says: JSON, else text as it stands; -: JSON from standard input"},
	OPTIONS_OF_ALL,
};

const struct command command_publish = {
	.name = "publish",
	.operands = "TAG…",
	.summary = "Publish an event with these tags.",
	.about = "Every subscription hears it whose tags are all among these. That nobody listens "
		 "is\n"
		 "no error.\n"
		 "\n"
		 "examples:\n"
		 "  tern publish lamp kitchen -d '{\"on\": true}'\n",
	.completes = COMPLETES_TAG,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_publish,
};
