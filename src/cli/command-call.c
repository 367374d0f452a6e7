/* SPDX-License-Identifier: MIT */

/* command-call: call a member of a service and print the answer */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/call.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/guide.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/offer.h"
#include "cli/payload.h"
#include "cli/plain.h"
#include "cli/show.h"
#include "cli/stream.h"

enum {
	OPTION_TIMEOUT = OPTION_OWN,
	OPTION_NO_REPLY,
	OPTION_RAW,
	OPTION_STREAM,
};

struct call_order {
	const char *service;
	const char *member; /* NULL: the last part of `service`, perhaps */
	char **words;	    /* n of them, behind the service; the first may be the member */
	size_t n;
	uint64_t timeout_ns;
	uint32_t flags;
	bool is_raw;
	bool is_stream; /* asked for; or the interface says so */
	char *split; /* what `service` was, where that had the member in it */
	struct interface *interface; /* NULL: nothing is known */
	const struct interface_member *method; /* of it; NULL: the same */
	struct guided arguments;
};

static void
call_unrefp(tern_call **call)
{
	(void)tern_call_unref(*call); /* always NULL */
}

static void
call_order_deinit(struct call_order *order)
{
	free(order->words);
	free(order->split);
	guided_deinit(&order->arguments);
	(void)interface_free(order->interface); /* always NULL */
}

static int
add_word(struct call_order *order, char *word)
{
	char **more = realloc(order->words, (order->n + 1) * sizeof(*more));

	if (!more)
		return STATUS_OTHER;
	order->words = more;
	order->words[order->n++] = word;
	return STATUS_OK;
}

static int say_call_failed(tern_bus *bus, const struct cli *cli, const struct call_order *order, int r,
	const struct tern_error *error);

static int
read_order(struct cli *cli, struct call_order *order)
{
	int id, r = STATUS_OK;

	while (r == STATUS_OK && (id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_TIMEOUT)
			r = command_duration(cli, &order->timeout_ns);
		else if (id == OPTION_NO_REPLY)
			order->flags |= TERN_NO_REPLY;
		else if (id == OPTION_RAW)
			order->is_raw = true;
		else if (id == OPTION_STREAM)
			order->is_stream = true;
		else if (!order->service)
			order->service = cli->words.value;
		else
			r = add_word(order, (char *)cli->words.value);
	}
	if (r)
		return r;
	if (!order->service)
		return command_usage(cli, "SERVICE and MEMBER are missing");
	if (order->n == 0 && !strchr(order->service, '.'))
		return command_usage(cli, "the MEMBER of %s is missing", order->service);
	return STATUS_OK;
}

/* -------- to whom, and with what -------- */

/* find_member() - the word behind the service, or, of one that nobody owns, its own last part */
static int
find_member(tern_bus *bus, const struct cli *cli, struct call_order *order)
{
	const char *dot = strrchr(order->service, '.');
	tern_peer owner;

	if (dot && dot > order->service && order->service[0] != ':' &&
		tern_lookup(bus, order->service, &owner) == -ENXIO) {
		order->split = strdup(order->service);
		if (!order->split)
			return STATUS_OTHER;
		order->split[dot - order->service] = '\0';
		if (tern_lookup(bus, order->split, &owner) == 0) {
			order->member = dot + 1;
			order->service = order->split;
			return STATUS_OK;
		}
	}
	if (order->n == 0)
		return command_usage(cli, "the MEMBER of %s is missing", order->service);
	order->member = *order->words;
	memmove(order->words, order->words + 1, --order->n * sizeof(*order->words));
	return STATUS_OK;
}

static int
say_no_method(const struct call_order *order)
{
	const char *near = interface_near(order->interface, MEMBER_METHOD, order->member);
	const struct interface_member *other =
		interface_find(order->interface, order->member, strlen(order->member));

	if (other)
		report("%s of %s is no method, but: %s", order->member, order->service, member_keyword(other->kind));
	else if (near)
		report("%s has no method '%s'; did you mean %s?", order->service, order->member, near);
	else
		report("%s has no method '%s'; 'tern introspect %s' shows which it has", order->service,
			order->member, order->service);
	return STATUS_REMOTE;
}

/* ask_offer() - what the service says of the member; nothing is known where it says nothing */
static int
ask_offer(tern_bus *bus, struct call_order *order)
{
	const struct interface_member *member;
	int r;

	if (order->is_raw || strncmp(order->member, "tern.", 5) == 0)
		return STATUS_OK;
	r = offer_get(bus, order->service, order->timeout_ns, &order->interface, NULL);
	if (r > 0)
		return STATUS_OK;
	if (r == -ENXIO) {
		name_suggest(bus, order->service);
		return STATUS_NO_BUS;
	}
	if (r)
		return say_call_failed(bus, NULL, order, r, tern_last_error());
	member = interface_find(order->interface, order->member, strlen(order->member));
	if (!member || member->kind != MEMBER_METHOD)
		return say_no_method(order);
	order->method = member;
	order->is_stream |= member->types[METHOD_IN_STREAM].kind != KIND_NONE ||
		member->types[METHOD_OUT_STREAM].kind != KIND_NONE;
	return STATUS_OK;
}

static int
read_arguments(const struct cli *cli, struct call_order *order)
{
	const struct guide_target to = {.interface = order->interface,
		.type = order->method ? &order->method->types[METHOD_IN] : NULL,
		.what = order->member};
	struct argument_fault fault;
	int r;

	r = guide_read(&to, order->words, order->n, &order->arguments, &fault);
	if (r == ARGUMENT_E_INVALID)
		return command_usage(cli, "%s", fault.text);
	return r ? STATUS_OTHER : STATUS_OK;
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
	if (order->arguments.has_value) {
		r = payload_put_guided(m, &order->arguments, &fault);
		if (r == PAYLOAD_E_INVALID)
			return command_usage(cli, "%s", fault.text);
		if (r)
			return connect_failed("the arguments cannot be sent", r, NULL);
	}
	*ret = steal(m);
	return STATUS_OK;
}

/* -------- what came of it -------- */

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

	if (!cli || !cli->json) {
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
		if (strcmp(error->name, "tern.StartFailed") == 0)
			report("%s", error->text);
		else
			report("%s died before it answered %s", order->service, order->member);
		break;
	default:
		return connect_failed("the call failed", r, error->text[0] ? error : NULL);
	}
	return connect_status(r);
}

/* is_nothing() - the results of a method that has none */
static bool
is_nothing(struct json_object *value)
{
	return json_object_is_type(value, json_type_object) && json_object_object_length(value) == 0;
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
		if (r == 0 && !is_nothing(value))
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

/* -------- a stream -------- */

/* What the parts of a stream need. */
struct parts {
	const struct cli *cli;
	const struct call_order *order;
};

/* fill_part() - a line is JSON or KEY=VALUE; where nothing is known, a value */
static int
fill_part(tern_message *part, char *line, void *user)
{
	const struct parts *parts = user;
	const struct call_order *order = parts->order;
	const struct guide_target to = {.interface = order->interface,
		.type = order->method ? &order->method->types[METHOD_IN_STREAM] : NULL,
		.what = order->member};
	_cleanup_(guided_deinit) struct guided value = {0};
	struct argument_fault why;
	struct payload_fault fault;
	int r;

	r = guide_read(&to, &line, 1, &value, &why);
	if (r == ARGUMENT_E_INVALID)
		return command_usage(parts->cli, "%s", why.text);
	if (r == 0 && value.has_value)
		r = payload_put_guided(part, &value, &fault);
	if (r == PAYLOAD_E_INVALID)
		return command_usage(parts->cli, "%s", fault.text);
	return r ? connect_failed("a line cannot be sent", r, NULL) : STATUS_OK;
}

static int
show_part(tern_message *m, void *user)
{
	const struct parts *parts = user;

	if (tern_message_kind(m) == TERN_REPLY && tern_message_n_parts(m) == 0)
		return STATUS_OK; /* it only ends */
	return print_reply(parts->cli, m);
}

/* reads_lines() - as the interface says; without one, what stands in a pipe or a file */
static bool
reads_lines(const struct call_order *order)
{
	if (order->method)
		return order->method->types[METHOD_IN_STREAM].kind != KIND_NONE;
	return !isatty(STDIN_FILENO);
}

static int
stream_call(tern_bus *bus, const struct cli *cli, const struct call_order *order, tern_message *m)
{
	struct parts parts = {.cli = cli, .order = order};
	const struct stream_order stream = {
		.call = m,
		.timeout_ns = order->timeout_ns == TERN_DEFAULT ? TERN_FOREVER : order->timeout_ns,
		.puts = reads_lines(order),
		.fill = fill_part,
		.show = show_part,
		.user = &parts,
	};
	struct tern_error error = {"", ""};
	int r = stream_run(&stream, &error);

	return r < 0 ? say_call_failed(bus, cli, order, r, &error) : r;
}

static int
send_call(tern_bus *bus, const struct cli *cli, const struct call_order *order, tern_message *m)
{
	_cleanup_(message_unrefp) tern_message *reply = NULL;
	_cleanup_(call_unrefp) tern_call *call = NULL;
	bool is_answered = !(order->flags & TERN_NO_REPLY);
	struct tern_error error = {"", ""};
	int r;

	r = tern_send(m, order->timeout_ns, order->flags, is_answered ? &call : NULL);
	if (r)
		return say_call_failed(bus, cli, order, r, tern_last_error());
	if (!is_answered)
		return STATUS_OK;
	r = tern_call_wait(call, TERN_FOREVER, &reply, &error);
	if (r == -EREMOTEIO && strcmp(error.name, "tern.NeedsStream") == 0)
		(void)snprintf(error.text, sizeof(error.text), "%.80s streams: 'tern call --stream'", order->member);
	if (r)
		return say_call_failed(bus, cli, order, r, &error);
	return print_reply(cli, reply);
}

static int
run_call(struct cli *cli)
{
	_cleanup_(call_order_deinit) struct call_order order = {.timeout_ns = TERN_DEFAULT};
	_cleanup_(message_unrefp) tern_message *m = NULL;
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	int r;

	r = read_order(cli, &order);
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r == STATUS_OK)
		r = find_member(bus, cli, &order);
	if (r == STATUS_OK)
		r = ask_offer(bus, &order);
	if (r == STATUS_OK)
		r = read_arguments(cli, &order);
	if (r == STATUS_OK)
		r = make_call(bus, cli, &order, &m);
	if (r == STATUS_OK && order.is_stream && !(order.flags & TERN_NO_REPLY))
		return stream_call(bus, cli, &order, m);
	return r ? r : send_call(bus, cli, &order, m);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_TIMEOUT, 't', "timeout", "TIME",
		"wait so long for the answer: 2, 250ms, forever; else 25"},
	{OPTION_NO_REPLY, 0, "no-reply", NULL, "want no answer: done as soon as it is sent"},
	{OPTION_RAW, 'r', "raw", NULL, "send what stands here, and ask for no interface before"},
	{OPTION_STREAM, 's', "stream", NULL, "it streams, though no interface says so"},
	OPTIONS_OF_ALL,
};

const struct command command_call = {
	.name = "call",
	.operands = "SERVICE MEMBER [ARG…]",
	.summary = "Call a member of a service and print its answer.",
	.about = "SERVICE.MEMBER in one word will do, too. What KEYs there are, and how a VALUE is read, is\n"
		 "what the service's interface says ('tern introspect SERVICE'):\n"
		 "  KEY=VALUE …   text as it stands for a string, true or on, 12 or 0x0c, 0.5, a word;\n"
		 "                bytes as hex:00ff, base64:AP8, text:abc, @FILE; descriptors as @FILE\n"
		 "                to read, @>FILE to write, @>>FILE to append, @+FILE both, or a number\n"
		 "  a.b=VALUE     b in a\n"
		 "  KEY:=JSON     JSON only\n"
		 "  KEY==TEXT     text only, whatever it looks like\n"
		 "  {…}           all as JSON; -: from standard input; @FILE: from a file\n"
		 "Of a service without interface, VALUE is JSON if it is JSON, else text; and\n"
		 "  ARG           is one value, JSON if it is JSON, else text; several are an array.\n"
		 "Of a method that streams, parts are printed as they come, and each line of standard\n"
		 "input is a part, as {…} or KEY=VALUE, to its end; Ctrl-C gives up.\n"
		 "\n"
		 "examples:\n"
		 "  tern call org.example.Mixer Set player=Front_Center volume=16384\n"
		 "  tern call org.example.Mixer.List\n"
		 "  tern call -j org.example.Mixer List | jq .\n",
	.completes = COMPLETES_SERVICE COMPLETES_METHOD COMPLETES_FIELD,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_call,
};
