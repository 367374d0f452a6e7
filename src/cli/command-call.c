/* SPDX-License-Identifier: MIT */

/* command-call: call a member of a service and print the answer */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/call.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/payload.h"
#include "cli/plain.h"
#include "cli/show.h"

enum {
	OPTION_TIMEOUT = OPTION_OWN,
};

struct call_order {
	const char *service;
	const char *member;
	char **arguments; /* n of them */
	size_t n;
	uint64_t timeout_ns;
	bool has_value;
	struct json_object *value; /* the arguments, read */
};

static void
call_unrefp(tern_call **call)
{
	(void)tern_call_unref(*call); /* always NULL */
}

static void
call_order_deinit(struct call_order *order)
{
	free(order->arguments);
	(void)json_object_put(order->value); /* how many others hold it does not matter */
}

static int
add_argument(struct call_order *order, char *word)
{
	char **more = realloc(order->arguments, (order->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	order->arguments = more;
	order->arguments[order->n++] = word;
	return 0;
}

static int
read_order(struct cli *cli, struct call_order *order)
{
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = STATUS_OK;
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_TIMEOUT)
			r = command_duration(cli, &order->timeout_ns);
		else if (!order->service)
			order->service = cli->words.value;
		else if (!order->member)
			order->member = cli->words.value;
		else if (add_argument(order, (char *)cli->words.value) < 0)
			return STATUS_OTHER;
		if (r)
			return r;
	}
	if (!order->service)
		return command_usage(cli, "SERVICE and MEMBER are missing");
	if (!order->member)
		return command_usage(cli, "the MEMBER of %s is missing", order->service);
	if (order->n > 0) {
		struct argument_fault fault;

		r = argument_read(order->arguments, order->n, &order->value, &fault);
		if (r == ARGUMENT_E_INVALID)
			return command_usage(cli, "%s", fault.text);
		if (r)
			return STATUS_OTHER;
		order->has_value = true;
	}
	return STATUS_OK;
}

/* make_call() - Return: STATUS_*; if not 0 it is said why */
static int
make_call(tern_bus *bus, const struct cli *cli, const struct call_order *order, tern_message **ret)
{
	_cleanup_(message_unrefp) tern_message *m = NULL;
	struct payload_fault fault;
	int r;

	r = tern_message_new_call(bus, order->service, order->member, &m);
	if (r == -ENXIO) {
		name_suggest(bus, order->service);
		return STATUS_NO_BUS;
	}
	if (r)
		return connect_failed("the call cannot be made", r, NULL);
	if (order->has_value) {
		r = payload_put(m, order->value, &fault);
		if (r == PAYLOAD_E_INVALID)
			return command_usage(cli, "%s", fault.text);
		if (r)
			return connect_failed("the arguments cannot be sent", r, NULL);
	}
	*ret = steal(m);
	return STATUS_OK;
}

/* error_copy() - without a last character that was cut in two where the text was too long */
static struct tern_error
error_copy(const struct tern_error *error)
{
	struct tern_error copy = *error;
	size_t size = strlen(copy.text), offset;

	if (size == sizeof(copy.text) - 1 && !json_is_text(copy.text, size, &offset) &&
		size - offset < 4)
		copy.text[offset] = '\0';
	return copy;
}

static void
say_remote_error(const struct cli *cli, const struct tern_error *remote)
{
	const struct tern_error copy = error_copy(remote), *error = &copy;
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_(freep) char *text = NULL;

	if (!cli->json) {
		report("%s%s%s", error->name, error->text[0] ? ": " : "", error->text);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "error", json_new_text(error->name));
	json_object_object_add(object, "text", json_new_text(error->text));
	text = json_print(object, false);
	if (text)
		(void)fprintf(stderr, "%s\n", text); /* nowhere else to complain */
}

static int
say_call_failed(tern_bus *bus, const struct cli *cli, const struct call_order *order, int r,
	const struct tern_error *error)
{
	switch (r) {
	case -EREMOTEIO:
		say_remote_error(cli, error);
		break;
	case -ENXIO:
		name_suggest(bus, order->service);
		break;
	case -ETIME:
		report("%s did not answer %s in time", order->service, order->member);
		break;
	case -EHOSTDOWN:
		report("%s died before it answered %s", order->service, order->member);
		break;
	default:
		return connect_failed("the call failed", r, error->text[0] ? error : NULL);
	}
	return connect_status(r);
}

static int
print_reply(const struct cli *cli, tern_message *reply)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) char *text = NULL;
	size_t n_parts = tern_message_n_parts(reply);
	int r;

	r = payload_get(reply, &value);
	if (r < 0)
		return connect_failed("the reply cannot be read", r, NULL);
	if (!cli->json) {
		if (r == 0)
			show_value(stdout, value);
	} else {
		text = json_print(value, isatty(STDOUT_FILENO));
		if (!text)
			return STATUS_OTHER;
		(void)puts(text); /* main() asks whether it was written */
	}
	if (n_parts > 1)
		report("the reply has more parts than the one shown: %zu", n_parts);
	return STATUS_OK;
}

static int
run_call(struct cli *cli)
{
	_cleanup_(call_order_deinit) struct call_order order = {.timeout_ns = TERN_DEFAULT};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	_cleanup_(message_unrefp) tern_message *m = NULL, *reply = NULL;
	_cleanup_(call_unrefp) tern_call *call = NULL;
	struct tern_error error = {"", ""};
	int r;

	r = read_order(cli, &order);
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r == STATUS_OK)
		r = make_call(bus, cli, &order, &m);
	if (r)
		return r;
	r = tern_send(m, order.timeout_ns, 0, &call);
	if (r)
		return say_call_failed(bus, cli, &order, r, tern_last_error());
	r = tern_call_wait(call, TERN_FOREVER, &reply, &error);
	if (r)
		return say_call_failed(bus, cli, &order, r, &error);
	return print_reply(cli, reply);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_TIMEOUT, 't', "timeout", "TIME",
		"wait so long for the answer: 2, 250ms, forever; else 25"},
	OPTIONS_OF_ALL,
};

const struct command command_call = {
	.name = "call",
	.operands = "SERVICE MEMBER [ARG…]",
	.summary = "Call a member of a service and print its answer.",
	.about = "Arguments:\n"
		 "  KEY=VALUE …   a map; VALUE is JSON if it is JSON, else text as it stands\n"
		 "  KEY:=JSON     the same, JSON only\n"
		 "  KEY==TEXT     the same, text only, whatever it looks like\n"
		 "  ARG           one value, JSON if it is JSON, else text; several: an array\n"
		 "  -             JSON from standard input\n"
		 "\n"
		 "examples:\n"
		 "  tern call org.example.Mixer Set player=Front_Center value=16384\n"
		 "  tern call -j org.example.Mixer List | jq .\n",
	.completes = COMPLETES_SERVICE COMPLETES_METHOD COMPLETES_FIELD,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_call,
};
