/* SPDX-License-Identifier: MIT */

/* command-serve: be a service that exists on paper only */

#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <tern/state.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/mock-job.h"
#include "cli/plain.h"
#include "cli/source.h"

#define SWEEP_NS    UINT64_C(500000000) /* a caller that gives up is noticed so late at most */
#define LEAST_STATE 65536 /* bytes that a value may grow to, at least */

enum {
	OPTION_ANSWER = OPTION_OWN,
	OPTION_ERROR,
	OPTION_PART,
	OPTION_STATE,
	OPTION_SCRIPT,
	OPTION_COUNT,
};

/* An option that can only be read once there is an interface. */
struct serve_word {
	int id;
	const char *word;
};

struct serve_state {
	tern_state *state;
	const struct interface_member *member;
};

struct serve_order {
	struct mock mock;
	const char *path;
	struct source source;
	struct interface *interface;
	struct serve_word *words;
	size_t n_words;
	uint64_t count; /* end after so many calls; 0: never */
	tern_service *service;
	struct serve_state *states;
	size_t n_states;
};

static void
serve_order_deinit(struct serve_order *order)
{
	mock_deinit(&order->mock);
	for (size_t i = 0; i < order->n_states; i++)
		(void)tern_state_free(order->states[i].state); /* always NULL, as the others */
	free(order->states);
	(void)tern_service_free(order->service);
	(void)tern_close(order->mock.bus);
	(void)interface_free(order->interface);
	source_deinit(&order->source);
	free(order->words);
}

/* -------- the command line -------- */

static int
keep_word(struct serve_order *order, int id, const char *word)
{
	struct serve_word *more = realloc(order->words, (order->n_words + 1) * sizeof(*more));

	if (!more)
		return STATUS_OTHER;
	order->words = more;
	order->words[order->n_words++] = (struct serve_word){id, word};
	return STATUS_OK;
}

static int
read_words(struct cli *cli, struct serve_order *order)
{
	int id, r = STATUS_OK;

	while (r == STATUS_OK && (id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_COUNT)
			r = command_number(cli, 1, &order->count);
		else if (id == OPTION_SCRIPT)
			order->mock.script = cli->words.value;
		else if (id != OPTION_OPERAND)
			r = keep_word(order, id, cli->words.value);
		else if (!order->mock.name)
			order->mock.name = cli->words.value;
		else if (!order->path)
			order->path = cli->words.value;
		else
			r = command_usage(cli, "one NAME and one FILE, not also '%s'", cli->words.value);
	}
	if (r)
		return r;
	if (!order->mock.name)
		return command_usage(cli, "NAME and FILE are missing");
	return order->path ? STATUS_OK : command_usage(cli, "the FILE with the interface of %s is missing", order->mock.name);
}

static int
read_interface(struct serve_order *order)
{
	struct interface_faults faults;
	int r;

	r = source_read(&order->source, order->path);
	if (r == 0)
		r = interface_parse(order->source.text, order->source.size, &order->interface, &faults);
	if (r < 0) {
		report("%s cannot be read: %s", order->path, strerror(-r));
		return STATUS_OTHER;
	}
	if (r) {
		source_print_faults(stderr, &order->source, &faults);
		return STATUS_FAULTS;
	}
	order->source.text[order->source.size] = '\0';
	order->mock.interface = order->interface;
	return STATUS_OK;
}

static int
read_answers(struct serve_order *order)
{
	int r = STATUS_OK;

	for (size_t i = 0; r == STATUS_OK && i < order->n_words; i++)
		if (order->words[i].id == OPTION_ANSWER)
			r = mock_add_answer(&order->mock, order->words[i].word);
		else if (order->words[i].id == OPTION_ERROR)
			r = mock_add_error(&order->mock, order->words[i].word);
		else if (order->words[i].id == OPTION_PART)
			r = mock_add_part(&order->mock, order->words[i].word);
	return r;
}

/* -------- values -------- */

/* on_set() - a value that the interface says is @settable takes what it is given */
static int
on_set(tern_state *state, tern_call *call, const void *cbor, size_t size, void *user)
{
	const struct serve_order *order = user;
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct json_fault fault;
	int r = tern_state_put(state, cbor, size);

	(void)json_from_cbor(cbor, size, &value, &fault); /* for people: null will do */
	for (size_t i = 0; i < order->n_states; i++)
		if (order->states[i].state == state)
			mock_say(&order->mock, r ? "lost" : "set",
				interface_name(order->interface, &order->states[i].member->item), value, NULL);
	return r;
}

static int
set_state(struct serve_order *order, const struct interface_member *member, const struct mock_bytes *bytes)
{
	const char *name = interface_name(order->interface, &member->item);
	struct serve_state *more = realloc(order->states, (order->n_states + 1) * sizeof(*more));
	tern_state *state = NULL;
	size_t size;
	int r;

	if (!more)
		return STATUS_OTHER;
	order->states = more;
	r = tern_state_new(order->service, name, MAX(bytes->size, (size_t)LEAST_STATE), &state);
	if (r)
		return connect_failed("the value cannot be kept", r, NULL);
	more[order->n_states++] = (struct serve_state){state, member};
	if (interface_tag(interface_docs(order->interface, &member->item), "settable", &size))
		r = tern_state_on_set(state, on_set, order);
	if (r == 0)
		r = tern_state_put(state, bytes->bytes, bytes->size);
	return r ? connect_failed("the value cannot be set", r, NULL) : STATUS_OK;
}

static int
add_state(struct serve_order *order, const char *word)
{
	const struct cli *cli = order->mock.cli;
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) char *name = strndup(word, strcspn(word, "="));
	_cleanup_(freep) void *cbor = NULL;
	const struct interface_member *member;
	struct mock_bytes bytes = {NULL, 0};
	struct argument_fault why;
	int r;

	if (!name || !word[strlen(name)])
		return command_usage(cli, "'%s' is no NAME=JSON", word);
	member = interface_find(order->interface, name, strlen(name));
	if (!member || member->kind != MEMBER_STATE)
		return command_usage(cli, "the interface has no state '%s'", name);
	r = argument_json(word + strlen(name) + 1, &value, &why);
	if (r == 0)
		r = mock_encode(&order->mock, &member->types[0], value, &bytes, &why);
	cbor = bytes.bytes;
	if (r == ARGUMENT_E_INVALID)
		return command_usage(cli, "the value of %s: %s", name, why.text);
	return r ? STATUS_OTHER : set_state(order, member, &bytes);
}

/* -------- serving -------- */

static volatile sig_atomic_t interrupted;
static tern_bus *woken;

static void
on_signal(int number)
{
	interrupted = 1;
	(void)tern_wake(woken); /* if it cannot be woken it is not asleep */
}

static int
start(struct serve_order *order)
{
	static const struct tern_method ALL[] = {{NULL, mock_call}};
	const struct sigaction action = {.sa_handler = on_signal};
	int r;

	r = tern_serve(order->mock.bus, order->mock.name, order->source.text, ALL, 1, &order->mock, &order->service);
	if (r == -EEXIST) {
		report("%s is another program's already; 'tern list' tells whose", order->mock.name);
		return STATUS_NO_BUS;
	}
	if (r)
		return connect_failed("the service cannot be", r, NULL);
	r = STATUS_OK;
	for (size_t i = 0; r == STATUS_OK && i < order->n_words; i++)
		if (order->words[i].id == OPTION_STATE)
			r = add_state(order, order->words[i].word);
	woken = order->mock.bus;
	(void)sigaction(SIGINT, &action, NULL); /* cannot fail */
	(void)sigaction(SIGTERM, &action, NULL); /* as above */
	if (r == STATUS_OK)
		mock_say(&order->mock, "serve", order->mock.name, NULL, NULL);
	return r;
}

static int
serve(struct serve_order *order)
{
	while (!interrupted && (order->count == 0 || order->mock.n_calls < order->count)) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(order->mock.bus, order->mock.jobs ? SWEEP_NS : TERN_FOREVER, &event);

		mock_sweep(&order->mock);
		(void)tern_message_unref(event.message); /* always NULL */
		(void)tern_call_unref(event.call);	 /* always NULL */
		if (r == -ECONNRESET) {
			report("the bus at %s is gone", tern_address(order->mock.bus));
			return STATUS_LOST;
		}
		if (r && r != -EINTR && r != -ETIME)
			return connect_failed("no more calls", r, NULL);
	}
	return STATUS_OK;
}

static int
run_serve(struct cli *cli)
{
	_cleanup_(serve_order_deinit) struct serve_order order = {.mock.cli = cli};
	int r;

	r = read_words(cli, &order);
	if (r == STATUS_OK)
		r = read_interface(&order);
	if (r == STATUS_OK)
		r = read_answers(&order);
	if (r == STATUS_OK)
		r = connect_bus(cli, &order.mock.bus);
	if (r == STATUS_OK)
		r = start(&order);
	return r ? r : serve(&order);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_ANSWER, 'a', "answer", "MEMBER=JSON", "what a method is answered with; @FILE instead of JSON too"},
	{OPTION_ERROR, 'e', "error", "MEMBER=ERROR", "the error a method is answered with; :TEXT behind it for people"},
	{OPTION_PART, 'p', "part", "MEMBER=JSON", "of a method that streams: a part that goes before the answer"},
	{OPTION_STATE, 's', "state", "NAME=JSON", "a value to be kept; others may set it if the interface says @settable"},
	{OPTION_SCRIPT, 'x', "script", "COMMAND", "run by sh for each call that has no answer"},
	{OPTION_COUNT, 'n', "count", "COUNT", "end after so many calls"},
	OPTIONS_OF_ALL,
};

const struct command command_serve = {
	.name = "serve",
	.operands = "NAME FILE",
	.summary = "Be a service that has an interface and no program yet.",
	.about = "FILE has the interface (- is standard input). Calls are told one a line, and so is what\n"
		 "they are answered with. A script has the arguments as JSON on standard input,\n"
		 "TERN_MEMBER, TERN_SERVICE and TERN_SENDER in its environment, and prints the results as\n"
		 "JSON; if it exits with anything but 0 the caller gets an error: tern.Failed, or what it\n"
		 "printed as {\"error\": NAME, \"text\": TEXT}. Answers are held against the interface.\n"
		 "Of a method that streams, all that the caller sends is taken first; to a script it is\n"
		 "further lines behind the arguments. A script prints a line for each part, and then one\n"
		 "for the answer, if the method has results.\n"
		 "\n"
		 "examples:\n"
		 "  tern serve org.example.Mixer mixer.tern -a 'Set={\"position\": 0}'\n"
		 "  tern serve org.example.Mixer mixer.tern -x 'jq \"{position: .at}\"'\n",
	.completes = COMPLETES_NOTHING COMPLETES_FILE COMPLETES_NOTHING,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_serve,
};
