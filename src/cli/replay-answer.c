/* SPDX-License-Identifier: MIT */

/* replay-answer: see replay-answer.h */

#include "cli/replay-answer.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tern/cbor.h>
#include <tern/stream.h>

#include "base/attribute.h"
#include "base/hash.h"
#include "cli/json.h"
#include "cli/plain.h"

#define MOST_BYTES 65536 /* of an answer that are compared: no tap copies more */

/* An answer, now or then; the parts of a stream before it count with it. */
struct answer {
	bool is_there, is_error;
	char name[TERN_MAX_TAG + 1]; /* of an error */
	char type[TERN_MAX_TAG + 1];
	uint64_t whole; /* bytes of all parts */
	uint8_t *bytes; /* MOST_BYTES of them at most */
	size_t size;
};

struct entry_key {
	uint64_t from, serial;
};

struct replay_entry {
	struct entry_key key;
	uint64_t number;
	struct replay_answers *answers;
	tern_call *call; /* NULL: answered */
	bool is_stream;
	struct answer now, then;
	char service[TERN_MAX_TAG + 1], member[TERN_MAX_TAG + 1];
	UT_hash_handle hh, hh_call;
};

void
replay_answers_init(struct replay_answers *answers, bool is_json, bool compares)
{
	*answers = (struct replay_answers){.is_json = is_json, .compares = compares};
}

/* call_end() - it is not under way any more */
static void
call_end(struct replay_answers *answers, struct replay_entry *entry)
{
	HASH_DELETE(hh_call, answers->under_way, entry);
	entry->call = tern_call_unref(entry->call);
}

static void
entry_free(struct replay_answers *answers, struct replay_entry *entry)
{
	HASH_DEL(answers->entries, entry);
	if (entry->call)
		call_end(answers, entry);
	free(entry->now.bytes);
	free(entry->then.bytes);
	free(entry);
}

void
replay_answers_deinit(struct replay_answers *answers)
{
	struct replay_entry *entry, *next;

	HASH_ITER (hh, answers->entries, entry, next)
		entry_free(answers, entry);
}

/* find() - the call that this one made in the recording */
static struct replay_entry *
find(const struct replay_answers *answers, uint64_t caller, uint64_t serial)
{
	struct entry_key key = {caller, serial};
	struct replay_entry *entry;

	HASH_FIND(hh, answers->entries, &key, sizeof(key), entry);
	return entry;
}

/* -------- comparing -------- */

static bool
is_same(const struct answer *a, const struct answer *b)
{
	return a->is_error == b->is_error && strcmp(a->name, b->name) == 0 && strcmp(a->type, b->type) == 0 &&
	       a->whole == b->whole && a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

/* several() - the values of a stream, one behind the other; NULL: it is one, or none */
static struct json_object *
several(const struct answer *answer)
{
	char text[1024];
	size_t size;

	if (*answer->type || tern_cbor_check(answer->bytes, answer->size, 0, NULL) == 0 ||
		tern_cbor_check(answer->bytes, answer->size, TERN_CBOR_SEQUENCE, NULL) < 0)
		return NULL;
	(void)tern_cbor_diag(answer->bytes, answer->size, text, sizeof(text), &size); /* may be cut */
	return json_object_new_string(text);
}

/* value_of() - NULL: null, or not to be shown */
static struct json_object *
value_of(const struct answer *answer)
{
	struct json_object *value = answer->size > 0 && answer->size == answer->whole ? several(answer) : NULL;

	if (!value && answer->size > 0 && answer->size == answer->whole)
		(void)payload_read(answer->type, answer->bytes, answer->size, &value); /* no memory: not shown */
	return value;
}

static void
print_answer(const char *when, const struct answer *answer)
{
	_cleanup_(json_putp) struct json_object *value = value_of(answer);
	_cleanup_(freep) char *text = json_print(value, false);

	(void)printf("  %s ", when); /* main() asks, as all here */
	if (answer->is_error)
		plain_print(stdout, answer->name, strlen(answer->name), false);
	if (answer->size < answer->whole)
		(void)printf(" (%" PRIu64 " bytes)", answer->whole);
	else if (answer->size > 0)
		(void)printf("%s%s", answer->is_error ? "  " : "", text ? text : "(no memory)");
	else if (!answer->is_error)
		(void)printf("nothing");
	(void)putchar('\n');
}

static struct json_object *
json_answer(const struct answer *answer)
{
	struct json_object *object = json_object_new_object();

	if (answer->is_error)
		(void)json_object_object_add(object, "error", json_new_text(answer->name)); /* else it is not there */
	(void)json_object_object_add(object, "payload", value_of(answer));
	return object;
}

static void
print_difference(const struct replay_entry *entry)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_(freep) char *text = NULL;

	if (!entry->answers->is_json) {
		(void)printf("#%" PRIu64 " ", entry->number);
		plain_print(stdout, entry->service, strlen(entry->service), false);
		(void)putchar('.');
		plain_print(stdout, entry->member, strlen(entry->member), false);
		(void)puts(" is answered in another way");
		print_answer("then", &entry->then);
		print_answer("now ", &entry->now);
		return;
	}
	object = json_object_new_object();
	(void)json_object_object_add(object, "number", json_object_new_uint64(entry->number)); /* as above, all */
	(void)json_object_object_add(object, "service", json_new_text(entry->service));
	(void)json_object_object_add(object, "member", json_new_text(entry->member));
	(void)json_object_object_add(object, "then", json_answer(&entry->then));
	(void)json_object_object_add(object, "now", json_answer(&entry->now));
	text = json_print(object, false);
	(void)puts(text ? text : "{}");
}

/* entry_settle() - nothing more will come of it, or both answers are there */
static void
entry_settle(struct replay_entry *entry)
{
	struct replay_answers *answers = entry->answers;

	if (answers->compares && !(entry->now.is_there && entry->then.is_there))
		return;
	if (answers->compares && is_same(&entry->now, &entry->then)) {
		answers->counts.same++;
	} else if (answers->compares) {
		answers->counts.different++;
		print_difference(entry);
	}
	if (entry->now.is_there)
		entry_free(answers, entry);
}

/* -------- what comes -------- */

static void
set_text(char *to, const char *from)
{
	(void)snprintf(to, TERN_MAX_TAG + 1, "%s", from); /* fits */
}

/* add_parts() - behind what there is. Return: 0, -ENOMEM */
static int
add_parts(struct answer *answer, const struct traffic_part *parts, size_t n)
{
	uint8_t *more;

	for (size_t i = 0; i < n; i++)
		answer->whole += parts[i].size;
	more = realloc(answer->bytes, MIN(answer->whole, (uint64_t)MOST_BYTES) + 1);
	if (!more)
		return -ENOMEM;
	answer->bytes = more;
	for (size_t i = 0; i < n; i++) {
		size_t size = (size_t)MIN(parts[i].there, (uint64_t)MOST_BYTES - answer->size);

		if (size)
			memcpy(answer->bytes + answer->size, parts[i].bytes, size);
		answer->size += size;
	}
	return 0;
}

static void
answer_failed(struct answer *answer, const char *name)
{
	answer->is_there = answer->is_error = true;
	set_text(answer->name, name);
}

/* answer_add() - what came, the answer or a part. What has not even memory is an answer without a value. */
static void
answer_add(struct answer *answer, tern_message *m)
{
	struct traffic_part parts[TERN_MAX_PARTS];
	size_t n = tern_message_n_parts(m);

	if (tern_message_kind(m) != TERN_PART) {
		answer->is_there = true;
		answer->is_error = tern_message_kind(m) == TERN_ERROR;
		set_text(answer->name, answer->is_error ? tern_message_member(m) : "");
		set_text(answer->type, tern_message_type(m));
	}
	for (size_t i = 0; i < n; i++) {
		const void *bytes = NULL;
		size_t size = 0;

		(void)tern_message_part(m, i, &bytes, &size); /* else it has none */
		parts[i] = (struct traffic_part){.bytes = bytes, .size = size, .there = bytes ? size : 0};
	}
	(void)add_parts(answer, parts, n); /* as above */
}

void
replay_answers_came(struct replay_answers *answers, const struct tern_event *event)
{
	struct replay_entry *entry;

	HASH_FIND(hh_call, answers->under_way, &event->call, sizeof(event->call), entry);
	if (!entry)
		return;
	if (event->kind == TERN_PART) {
		if (answers->compares)
			answer_add(&entry->now, event->message);
		return;
	}
	call_end(answers, entry);
	if (event->message && strcmp(tern_message_member(event->message), "tern.NeedsStream") == 0) {
		answers->counts.streams++;
		entry_free(answers, entry);
		return;
	}
	if (event->message)
		answer_add(&entry->now, event->message);
	else
		answer_failed(&entry->now, strerrordesc_np(-event->result));
	answers->counts.replies += event->result == 0;
	answers->counts.errors += event->result == -EREMOTEIO;
	answers->counts.failed += event->result != 0 && event->result != -EREMOTEIO;
	entry_settle(entry);
}

static struct replay_entry *
entry_new(struct replay_answers *answers, const struct traffic *recorded)
{
	struct replay_entry *entry = calloc(1, sizeof(*entry)), *old;

	if (!entry)
		return NULL;
	entry->key = (struct entry_key){recorded->from, recorded->serial};
	entry->number = ++answers->n_calls;
	entry->answers = answers;
	entry->is_stream = recorded->is_stream;
	set_text(entry->service, recorded->service);
	set_text(entry->member, recorded->member);
	HASH_FIND(hh, answers->entries, &entry->key, sizeof(entry->key), old);
	if (old) /* a recording may lie; that one is not looked for any more */
		old->key = (struct entry_key){0, 0};
	HASH_ADD(hh, answers->entries, key, sizeof(entry->key), entry);
	if (hash_added(entry, hh))
		return entry;
	free(entry);
	return NULL;
}

int
replay_answers_expect(struct replay_answers *answers, const struct traffic *recorded, tern_call *call)
{
	struct replay_entry *entry = entry_new(answers, recorded);

	if (!entry) {
		(void)tern_call_unref(call); /* always NULL */
		return -ENOMEM;
	}
	entry->call = call;
	HASH_ADD(hh_call, answers->under_way, call, sizeof(entry->call), entry);
	if (hash_added(entry, hh_call))
		return 0;
	entry->call = tern_call_unref(call);
	return -ENOMEM;
}

int
replay_answers_failed(struct replay_answers *answers, const struct traffic *recorded, int result)
{
	struct replay_entry *entry = entry_new(answers, recorded);

	if (!entry)
		return -ENOMEM;
	answers->counts.failed++;
	answers->counts.missing += result == -ENXIO;
	answer_failed(&entry->now, tern_last_error()->name);
	entry_settle(entry);
	return 0;
}

int
replay_answers_recorded(struct replay_answers *answers, const struct traffic *recorded)
{
	struct replay_entry *entry = find(answers, recorded->to, recorded->reference);
	bool is_part = recorded->kind == TRAFFIC_PART;
	int r;

	if (!entry || entry->then.is_there)
		return 0;
	if (!answers->compares) { /* that there was one is all that matters */
		entry->then.is_there = !is_part;
		return 0;
	}
	r = add_parts(&entry->then, recorded->parts, recorded->n_parts);
	if (r < 0 || is_part)
		return r;
	entry->then.is_there = true;
	entry->then.is_error = recorded->kind == TRAFFIC_ERROR;
	set_text(entry->then.name, recorded->kind == TRAFFIC_ERROR ? recorded->member : "");
	set_text(entry->then.type, recorded->type);
	entry_settle(entry);
	return 0;
}

tern_call *
replay_answers_call(const struct replay_answers *answers, const struct traffic *part)
{
	const struct replay_entry *entry = find(answers, part->from, part->reference);

	return entry ? entry->call : NULL;
}

void
replay_answers_give_up(struct replay_answers *answers)
{
	struct replay_entry *entry, *next;

	HASH_ITER (hh_call, answers->under_way, entry, next) {
		if (!entry->is_stream || entry->then.is_there)
			continue;
		(void)tern_call_cancel(entry->call); /* over already: as good */
		answers->counts.open++;
		entry_free(answers, entry);
	}
}

uint64_t
replay_answers_n_open(const struct replay_answers *answers)
{
	return HASH_CNT(hh_call, answers->under_way);
}

/* -------- owners -------- */

struct replay_name {
	tern_peer owner;
	UT_hash_handle hh;
	char name[];
};

void
replay_names_deinit(struct replay_names *names)
{
	struct replay_name *name, *next;

	HASH_ITER (hh, names->names, name, next) {
		HASH_DEL(names->names, name);
		free(name);
	}
}

static struct replay_name *
name_find(const struct replay_names *names, const char *text, size_t size)
{
	struct replay_name *name;

	HASH_FIND(hh, names->names, text, size, name);
	return name;
}

int
replay_names_learn(struct replay_names *names, const struct traffic *t)
{
	struct replay_name *name;
	uint64_t owner;
	const char *text;
	size_t size;

	if (t->n_parts != 1 || t->parts[0].there < t->parts[0].size ||
		tern_cbor_unpack(t->parts[0].bytes, (size_t)t->parts[0].size, NULL, "{name:t, new:u}", &text, &size,
			&owner) < 0)
		return 0; /* something else that ternd says */
	name = name_find(names, text, size);
	if (!name) {
		name = calloc(1, sizeof(*name) + size + 1);
		if (!name)
			return -ENOMEM;
		memcpy(name->name, text, size);
		HASH_ADD_KEYPTR(hh, names->names, name->name, size, name);
		if (!hash_added(name, hh)) {
			free(name);
			return -ENOMEM;
		}
	}
	name->owner = owner;
	return 0;
}

bool
replay_names_own(void *user, const char *service, tern_peer peer)
{
	const struct replay_name *name = name_find(user, service, strlen(service));

	return name && name->owner == peer;
}
