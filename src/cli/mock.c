/* SPDX-License-Identifier: MIT */

/* mock: fixed answers, and which call gets what */

#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/colour.h"
#include "cli/json.h"
#include "cli/mock-job.h"
#include "cli/payload.h"
#include "cli/plain.h"
#include "interface/check.h"

/* -------- what is given on the command line -------- */

/* find_method() - of MEMBER=…; NULL, and it is said why. *ret is what is behind the sign. */
static const struct interface_member *
find_method(const struct mock *mock, const char *word, const char **ret)
{
	size_t n = strcspn(word, "=");
	_cleanup_(freep) char *name = strndup(word, n);
	const struct interface_member *member;
	const char *near;

	if (!word[n] || !name) {
		(void)command_usage(mock->cli, "'%s' is no MEMBER=VALUE", word); /* the caller knows */
		return NULL;
	}
	*ret = word + n + 1;
	member = interface_find(mock->interface, name, n);
	if (member && member->kind == MEMBER_METHOD)
		return member;
	near = interface_near(mock->interface, MEMBER_METHOD, name);
	(void)command_usage(mock->cli, "%s has no method '%s'%s%s", interface_name(mock->interface, &mock->interface->item),
		name, near ? "; did you mean " : "", near ? near : ""); /* as above */
	return NULL;
}

/* add_answer() - a place for it; what was there for this method is gone. NULL: no memory. */
static struct mock_answer *
add_answer(struct mock *mock, const struct interface_member *method)
{
	struct mock_answer *more = realloc(mock->answers, (mock->n_answers + 1) * sizeof(*more));

	if (!more)
		return NULL;
	mock->answers = more;
	more += mock->n_answers++;
	*more = (struct mock_answer){.method = method};
	return more;
}

int
mock_encode(const struct mock *mock, const struct interface_type *type, struct json_object *value,
	struct mock_bytes *ret, struct argument_fault *why)
{
	_cleanup_(freep) void *cbor = NULL;
	struct json_fault json;
	struct check_fault fault;
	size_t size;
	int r;

	r = json_to_cbor(value, &cbor, &size, &json);
	if (r == JSON_E_INVALID)
		return argument_bad(why, "%s", json.text);
	if (r)
		return r;
	if (check_payload(&(struct check){.interface = mock->interface, .type = type}, cbor, size, &fault))
		return argument_bad(why, "%s", fault.text);
	*ret = (struct mock_bytes){.bytes = steal(cbor), .size = size};
	return 0;
}

/* add_value() - MEMBER=JSON, as the answer or as a part before it. Return: STATUS_*; if not 0 it is said why. */
static int
add_value(struct mock *mock, const char *word, bool is_part)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	const struct interface_member *method;
	const struct interface_type *type;
	struct mock_answer *answer;
	struct argument_fault why;
	struct mock_bytes bytes;
	const char *text;
	int r;

	method = find_method(mock, word, &text);
	if (!method)
		return STATUS_USAGE;
	type = &method->types[is_part ? METHOD_OUT_STREAM : METHOD_OUT];
	if (type->kind == KIND_NONE)
		return command_usage(mock->cli, "%s has no parts before its answer",
			interface_name(mock->interface, &method->item));
	r = *text == '@' ? argument_file(text + 1, &value, &why) : argument_json(text, &value, &why);
	if (r == 0)
		r = mock_encode(mock, type, value, &bytes, &why);
	if (r == ARGUMENT_E_INVALID)
		return command_usage(mock->cli, "%s of %s: %s", is_part ? "a part" : "the answer",
			interface_name(mock->interface, &method->item), why.text);
	answer = r ? NULL : add_answer(mock, method);
	if (!answer)
		return STATUS_OTHER;
	answer->is_part = is_part;
	answer->cbor = bytes.bytes;
	answer->size = bytes.size;
	return STATUS_OK;
}

int
mock_add_answer(struct mock *mock, const char *word)
{
	return add_value(mock, word, false);
}

int
mock_add_part(struct mock *mock, const char *word)
{
	return add_value(mock, word, true);
}

int
mock_add_error(struct mock *mock, const char *word)
{
	const struct interface_member *method;
	struct mock_answer *answer;
	const char *text;
	char *colon;

	method = find_method(mock, word, &text);
	if (!method)
		return STATUS_USAGE;
	if (text[0] == ':' || !*text || strcspn(text, " \t\n\"/=") < strcspn(text, ":"))
		return command_usage(mock->cli, "'%s' begins with no name of an error, such as org.example.NotFound or "
			"tern.Busy; words for people go behind a colon", text);
	answer = add_answer(mock, method);
	if (!answer)
		return STATUS_OTHER;
	answer->error = strdup(text);
	answer->text = "";
	colon = answer->error ? strchr(answer->error, ':') : NULL;
	if (colon) {
		*colon = '\0';
		answer->text = colon + 1;
	}
	return answer->error ? STATUS_OK : STATUS_OTHER;
}

void
mock_deinit(struct mock *mock)
{
	while (mock->jobs)
		(void)job_free(mock->jobs); /* always NULL */
	for (size_t i = 0; i < mock->n_answers; i++) {
		free(mock->answers[i].cbor);
		free(mock->answers[i].error);
	}
	free(mock->answers);
}

/* -------- calls -------- */

/* One line a call and one an answer; a reader behind a pipe has it at once. */
void
mock_say(const struct mock *mock, const char *kind, const char *member, struct json_object *value, const char *text)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	_cleanup_(freep) char *shown = NULL;

	if (mock->cli->json) {
		line = json_object_new_object();
		json_object_object_add(line, "kind", json_object_new_string(kind));
		json_object_object_add(line, "member", json_new_text(member));
		if (value)
			json_object_object_add(line, "payload", json_object_get(value));
		if (text)
			json_object_object_add(line, "error", json_new_text(text));
		shown = json_print(line, false);
		(void)puts(shown ? shown : "{}"); /* whoever reads this may be gone, and others still call */
	} else {
		shown = value ? json_print(value, false) : NULL;
		(void)printf("%s%-5s%s ", colour_begin(stdout, COLOUR_FAINT), kind, colour_end(stdout, COLOUR_FAINT));
		plain_print(stdout, member, strlen(member), false);
		(void)printf("%s", text || shown ? " " : ""); /* as above */
		plain_print(stdout, text ? text : "", text ? strlen(text) : 0, false);
		(void)puts(shown ? shown : ""); /* as above */
	}
	(void)fflush(stdout); /* as above */
}

int
mock_reply(struct mock *mock, tern_call *call, const char *member, const struct mock_bytes *bytes)
{
	_cleanup_(message_unrefp) tern_message *reply = NULL;
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct json_fault fault;
	int r;

	r = tern_message_new_reply(call, &reply);
	if (r == 0 && bytes->size)
		r = tern_message_append(reply, bytes->bytes, bytes->size);
	if (r == 0)
		r = tern_reply_message(reply);
	if (bytes->size)
		(void)json_from_cbor(bytes->bytes, bytes->size, &value, &fault); /* for people: null will do */
	mock_say(mock, r ? "lost" : "reply", member, value, NULL);
	mock->n_calls++;
	return 0;
}

int
mock_reply_error(struct mock *mock, tern_call *call, const char *member, const char *name, const char *text)
{
	(void)tern_reply_error(call, name, text); /* a caller that is gone needs none */
	mock_say(mock, "error", member, NULL, name);
	mock->n_calls++;
	return 0;
}

static const struct mock_answer *
find_answer(const struct mock *mock, const struct interface_member *method)
{
	for (size_t i = mock->n_answers; i > 0; i--) /* the last word counts */
		if (mock->answers[i - 1].method == method && !mock->answers[i - 1].is_part)
			return &mock->answers[i - 1];
	return NULL;
}

/* copy() - Return: 0, -ENOMEM */
static int
copy(const struct mock_answer *from, struct mock_bytes *ret)
{
	*ret = (struct mock_bytes){.bytes = malloc(MAX(from->size, (size_t)1)), .size = from->size};
	if (!ret->bytes)
		return -ENOMEM;
	if (from->size)
		memcpy(ret->bytes, from->cbor, from->size);
	return 0;
}

/* plan() - what the job is answered with, where no script says it. Return: 0, -ENOMEM. */
static int
plan(struct mock_job *job, const struct mock_answer *answer)
{
	const struct mock *mock = job->mock;
	struct mock_bytes bytes;
	int r = 0;

	for (size_t i = 0; i < mock->n_answers && r == 0; i++)
		if (mock->answers[i].method == job->method && mock->answers[i].is_part) {
			r = copy(&mock->answers[i], &bytes);
			if (r == 0)
				r = job_add_part(job, &bytes);
		}
	job->error = answer->error;
	job->text = answer->text;
	return r || answer->error ? r : copy(answer, &job->result);
}

static bool
is_plain(const struct interface_member *method)
{
	return method->types[METHOD_IN_STREAM].kind == KIND_NONE && method->types[METHOD_OUT_STREAM].kind == KIND_NONE;
}

/* begin() - a call that takes its time: it streams, or a script answers it. Return: 0, or a negative errno. */
static int
begin(struct mock_job *job, const struct mock_answer *answer, struct json_object *arguments)
{
	int r = answer ? plan(job, answer) : script_prepare(job, arguments);

	return r == 0 && !is_plain(job->method) ? job_follow(job) : r;
}

static int
take_job(struct mock *mock, tern_call *call, const struct interface_member *method, const struct mock_answer *answer,
	struct json_object *arguments)
{
	const char *member = interface_name(mock->interface, &method->item);
	struct mock_job *job;
	int r;

	if (mock->n_jobs - mock->n_running >= MOCK_MOST_WAITING)
		return mock_reply_error(mock, call, member, "tern.Busy", "too many calls wait here");
	job = job_new(mock, call, method);
	if (!job)
		return mock_reply_error(mock, call, member, "tern.Failed", "no memory");
	r = begin(job, answer, arguments);
	if (r == 0) {
		job_run(job);
	} else if (r == -EOPNOTSUPP) {
		mock_say(mock, "error", member, NULL, "tern.NeedsStream"); /* the library has said it */
		(void)job_free(job); /* always NULL */
	} else {
		job_fail(job, "tern.Failed", "no memory, or no descriptors, for this call");
	}
	return 0;
}

int
mock_call(tern_call *call, tern_message *m, void *user)
{
	struct mock *mock = user;
	const char *member = tern_message_member(m);
	const struct interface_member *method = interface_find(mock->interface, member, strlen(member));
	_cleanup_(json_putp) struct json_object *value = NULL;
	const struct mock_answer *answer;

	if (payload_get(m, &value) < 0)
		return mock_reply_error(mock, call, member, "tern.Failed", "the arguments cannot be read");
	mock_say(mock, "call", member, value, NULL);
	if (!method || method->kind != MEMBER_METHOD)
		return mock_reply_error(mock, call, member, "tern.NoSuchMember", "the interface has no such method");
	answer = find_answer(mock, method);
	if (!answer && !mock->script)
		return mock_reply_error(mock, call, member, "tern.NotImplemented", "nobody said how this is answered here");
	if (!answer || !is_plain(method))
		return take_job(mock, call, method, answer, value);
	if (answer->error)
		return mock_reply_error(mock, call, member, answer->error, answer->text);
	return mock_reply(mock, call, member, &(struct mock_bytes){answer->cbor, answer->size});
}
