/* SPDX-License-Identifier: MIT */

/* command-set: ask a service for another value of its own */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/call.h>

#include "base/attribute.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/guide.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/offer.h"
#include "cli/payload.h"
#include "cli/plain.h"

enum {
	OPTION_TIMEOUT = OPTION_OWN,
};

struct set_order {
	const char *service, *name;
	char **words; /* n of them, borrowed from the command line */
	size_t n;
	uint64_t timeout_ns;
	struct interface *interface; /* NULL: nothing is known */
	struct guided value;
};

static void
set_order_deinit(struct set_order *order)
{
	free(order->words);
	guided_deinit(&order->value);
	(void)interface_free(order->interface); /* always NULL */
}

static int
read_words(struct cli *cli, struct set_order *order)
{
	size_t most = 0;
	int id, r = STATUS_OK;

	for (char **word = cli->words.words; *word; word++)
		most++;
	order->words = calloc(most + 1, sizeof(*order->words));
	if (!order->words)
		return STATUS_OTHER;
	while (r == STATUS_OK && (id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_TIMEOUT)
			r = command_duration(cli, &order->timeout_ns);
		else if (!order->service)
			order->service = cli->words.value;
		else if (!order->name)
			order->name = cli->words.value;
		else
			order->words[order->n++] = (char *)cli->words.value;
	}
	if (r == STATUS_OK && order->n == 0)
		return command_usage(cli, "SERVICE, NAME and VALUE are needed");
	return r;
}

/* read_value() - the words as the state's type has them */
static int
read_value(tern_bus *bus, const struct cli *cli, struct set_order *order)
{
	struct guide_target to = {.what = order->name};
	const struct interface_member *member = NULL;
	struct argument_fault fault;
	const char *near;
	int r = offer_get(bus, order->service, order->timeout_ns, &order->interface, NULL);

	if (r == -ENXIO) {
		name_suggest(bus, order->service);
		return STATUS_NO_BUS;
	}
	if (r < 0)
		return connect_failed("the service cannot be asked", r, NULL);
	if (r == 0) {
		member = interface_find(order->interface, order->name, strlen(order->name));
		near = interface_near(order->interface, MEMBER_STATE, order->name);
		if (!member || member->kind != MEMBER_STATE) {
			report("%s has no state '%s'%s%s", order->service, order->name, near ? "; did you mean " : "",
				near ? near : "");
			return STATUS_REMOTE;
		}
		to.interface = order->interface;
		to.type = &member->types[0];
	}
	r = guide_read(&to, order->words, order->n, &order->value, &fault);
	if (r == ARGUMENT_E_INVALID)
		return command_usage(cli, "%s", fault.text);
	return r ? STATUS_OTHER : STATUS_OK;
}

/* ask() - Return: 0 or a negative errno; *ret_error is set with -EREMOTEIO */
static int
ask(tern_bus *bus, struct set_order *order, struct tern_error *ret_error)
{
	_cleanup_(message_unrefp) tern_message *m = NULL;
	struct json_object *all = json_object_new_object();
	struct payload_fault fault;
	tern_call *call = NULL;
	int r;

	json_object_object_add(all, "name", json_new_text(order->name));
	json_object_object_add(all, "value", order->value.value); /* its reference, too */
	order->value.value = all;
	r = tern_message_new_call(bus, order->service, "tern.Set", &m);
	if (r == 0)
		r = payload_put_guided(m, &order->value, &fault);
	if (r == PAYLOAD_E_INVALID) {
		report("%s", fault.text);
		return -EINVAL;
	}
	if (r == 0)
		r = tern_send(m, order->timeout_ns, 0, &call);
	if (r == 0)
		r = tern_call_wait(call, TERN_FOREVER, NULL, ret_error);
	(void)tern_call_unref(call); /* always NULL */
	return r;
}

static int
run_set(struct cli *cli)
{
	_cleanup_(set_order_deinit) struct set_order order = {.timeout_ns = TERN_DEFAULT};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	struct tern_error error = {"", ""};
	int r;

	r = read_words(cli, &order);
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r == STATUS_OK)
		r = read_value(bus, cli, &order);
	if (r)
		return r;
	r = ask(bus, &order, &error);
	if (r == 0)
		return STATUS_OK;
	if (r == -EREMOTEIO)
		report("%s%s%s", error.name, *error.text ? ": " : "", error.text);
	else
		return connect_failed("the value cannot be set", r, *error.text ? &error : NULL);
	return connect_status(r);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "wait so long for the service: 2, 250ms, forever; else 25"},
	OPTIONS_OF_ALL,
};

const struct command command_set = {
	.name = "set",
	.operands = "SERVICE NAME VALUE…",
	.summary = "Ask a service for another value of its own.",
	.about = "The service takes the value over, or refuses. VALUE is KEY=VALUE … or JSON, as in\n"
		 "'tern call'; 'tern introspect SERVICE NAME' shows what it has to be.\n"
		 "\n"
		 "example:\n"
		 "  tern set org.example.Mixer Master volume.value=16384\n",
	.completes = COMPLETES_SERVICE COMPLETES_STATE,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_set,
};
