/* SPDX-License-Identifier: MIT */

/* traffic-show: see traffic-show.h */

#include "cli/traffic-show.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <tern/cbor.h>
#include <time.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/colour.h"
#include "cli/json.h"
#include "cli/payload.h"
#include "cli/plain.h"

#define MOST_SHOWN 1000 /* bytes of a value on a line for people */

/* -------- what it says -------- */

/* part_of() - bytes of a value that lie in a part of their own, as far as they are here */
static int
part_of(void *user, uint64_t number, const void **ret, size_t *ret_size)
{
	const struct traffic *t = user;

	if (number >= t->n_parts || !t->parts[number].bytes)
		return -ENOENT;
	*ret = t->parts[number].bytes;
	*ret_size = (size_t)t->parts[number].there;
	return 0;
}

/* value_of() - of the first part. Return: 0; PAYLOAD_E_NONE there is none; -ENOMEM; PAYLOAD_E_INVALID: it is cut off. */
static int
value_of(const struct traffic *t, struct json_object **ret)
{
	const struct tern_cbor_hooks hooks = {.user = (void *)t, .part = part_of};

	if (t->n_parts == 0 || t->parts[0].size == 0)
		return PAYLOAD_E_NONE;
	if (t->parts[0].there < t->parts[0].size)
		return PAYLOAD_E_INVALID;
	return payload_read_hooked(t->type, t->parts[0].bytes, (size_t)t->parts[0].size, &hooks, ret);
}

static uint64_t
size_of(const struct traffic *t)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < t->n_parts; i++)
		size += t->parts[i].size;
	return size;
}

/* -------- for people -------- */

static void
print_coloured(FILE *out, enum colour colour, const char *text)
{
	(void)fputs(colour_begin(out, colour), out); /* whoever opened the stream asks, as in all of this */
	plain_print(out, text, strlen(text), false);
	(void)fputs(colour_end(out, colour), out);
}

static void
print_time(FILE *out, uint64_t time)
{
	time_t s = (time_t)(time / NSEC_PER_SEC);
	char text[48];
	struct tm tm;

	if (!localtime_r(&s, &tm))
		return;
	(void)snprintf(text, sizeof(text), "%02d:%02d:%02d.%06d ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(time % NSEC_PER_SEC / NSEC_PER_USEC)); /* fits */
	print_coloured(out, COLOUR_FAINT, text);
}

static void
print_kind(FILE *out, const struct traffic *t, const struct traffic_pair *pair)
{
	enum colour colour = t->kind == TRAFFIC_ERROR				      ? COLOUR_BAD
			     : t->kind == TRAFFIC_GAP || t->kind == TRAFFIC_CANCEL ? COLOUR_WARNING
			     : t->kind == TRAFFIC_REPLY				      ? COLOUR_GOOD
										      : COLOUR_KEYWORD;
	char number[24] = "";

	print_coloured(out, colour, traffic_kind_name(t->kind));
	if (pair->number)
		(void)snprintf(number, sizeof(number), "#%" PRIu64, pair->number); /* fits */
	(void)fprintf(out, "%*s%-5s ", (int)(7 - strlen(traffic_kind_name(t->kind))), "", number);
}

static void
print_span(FILE *out, uint64_t ns)
{
	char text[32];

	if (ns < 10 * NSEC_PER_MSEC)
		(void)snprintf(text, sizeof(text), " +%.1f us", (double)ns / 1e3); /* fits, as all here */
	else if (ns < 10 * NSEC_PER_SEC)
		(void)snprintf(text, sizeof(text), " +%.1f ms", (double)ns / 1e6);
	else
		(void)snprintf(text, sizeof(text), " +%.1f s", (double)ns / 1e9);
	print_coloured(out, COLOUR_NUMBER, text);
}

/* print_member() - service and member; of an answer those of its call */
static void
print_member(FILE *out, const char *service, const char *member)
{
	(void)fputs(colour_begin(out, COLOUR_NAME), out);
	plain_print(out, service, strlen(service), false);
	if (*service && *member)
		(void)fputc('.', out);
	plain_print(out, member, strlen(member), false);
	(void)fputs(colour_end(out, COLOUR_NAME), out);
}

/* print_ends() - who says it to whom */
static void
print_ends(FILE *out, const struct traffic *t, const struct traffic_words *words)
{
	const struct traffic_pair *pair = words->pair;
	bool from_caller = pair->number && t->from == pair->from;

	if (pair->number && !from_caller)
		print_member(out, pair->service, pair->member);
	else
		plain_print(out, words->from, strlen(words->from), false);
	if (t->kind == TRAFFIC_GAP)
		(void)fprintf(out, " up to %" PRIu64 " messages were missed", t->lost);
	if (t->kind == TRAFFIC_EVENT || t->kind == TRAFFIC_GAP)
		return;
	(void)fputs(" -> ", out);
	if (t->kind == TRAFFIC_CALL)
		print_member(out, t->service, t->member);
	else if (from_caller)
		print_member(out, pair->service, pair->member);
	else
		plain_print(out, words->to, strlen(words->to), false);
	if (pair->number && (t->kind == TRAFFIC_REPLY || t->kind == TRAFFIC_ERROR) && t->stamp >= pair->begin)
		print_span(out, t->stamp - pair->begin);
}

static void
print_value(FILE *out, const char *text, bool is_full)
{
	size_t size = strlen(text);
	bool is_cut = !is_full && size > MOST_SHOWN;

	(void)fputs("  ", out);
	if (is_cut)
		for (size = MOST_SHOWN; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
			; /* whole characters */
	(void)fwrite(text, 1, size, out); /* JSON of ours: no control bytes */
	if (is_cut)
		(void)fputs(" ...", out);
}

static int
print_payload(FILE *out, const struct traffic *t, const struct traffic_words *words)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) char *text = NULL;
	int r;

	if (t->kind == TRAFFIC_ERROR)
		(void)fputs("  ", out);
	if (t->kind == TRAFFIC_ERROR)
		print_coloured(out, COLOUR_BAD, t->member);
	r = value_of(t, &value);
	if (r < 0)
		return r;
	if (r == 0) {
		text = json_print(value, false);
		if (!text)
			return -ENOMEM;
		print_value(out, text, words->is_full);
	}
	if (r == PAYLOAD_E_INVALID || t->n_parts > 1)
		(void)fprintf(out, "  (%" PRIu64 " bytes in %u part%s)", size_of(t), t->n_parts, t->n_parts > 1 ? "s" : "");
	if (t->n_fds)
		(void)fprintf(out, "  (%u descriptor%s)", t->n_fds, t->n_fds > 1 ? "s" : "");
	return 0;
}

int
traffic_print(FILE *out, const struct traffic *t, const struct traffic_words *words)
{
	int r;

	print_time(out, t->time);
	print_kind(out, t, words->pair);
	print_ends(out, t, words);
	for (uint32_t i = 0; i < t->n_tags; i++) {
		(void)fputc(' ', out);
		print_coloured(out, COLOUR_NAME, t->tags[i]);
	}
	r = print_payload(out, t, words);
	if (words->fault) {
		(void)fputs("  ! ", out);
		print_coloured(out, COLOUR_WARNING, words->fault);
	}
	(void)fputc('\n', out);
	return r;
}

/* -------- as JSON -------- */

/* add() - a member. Out of memory: it is not there, and *good false. */
static void
add(struct json_object *object, const char *key, struct json_object *value, bool *good)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return;
	(void)json_object_put(value); /* NULL is fine */
	*good = false;
}

static void
add_text(struct json_object *object, const char *key, const char *text, bool *good)
{
	if (*text)
		add(object, key, json_new_text(text), good);
}

static void
add_number(struct json_object *object, const char *key, uint64_t number, bool *good)
{
	if (number)
		add(object, key, json_object_new_uint64(number), good);
}

static void
add_peer(struct json_object *object, const char *key, tern_peer peer, bool *good)
{
	char text[24];

	if (!peer)
		return;
	(void)snprintf(text, sizeof(text), ":%" PRIu64, peer); /* fits */
	add(object, key, json_object_new_string(text), good);
}

static void
add_parts(struct json_object *object, const struct traffic *t, bool *good)
{
	struct json_object *value = NULL, *sizes;
	int r = value_of(t, &value);

	if (r == 0 && json_object_object_add(object, "payload", value) != 0) /* NULL is JSON's null */
		*good = false;
	*good &= r >= 0;
	if (t->n_parts < 2 && !traffic_is_cut(t))
		return;
	sizes = json_object_new_array();
	for (uint32_t i = 0; sizes && i < t->n_parts; i++)
		(void)json_object_array_add(sizes, json_object_new_uint64(t->parts[i].size)); /* of memory: shorter */
	add(object, "sizes", sizes, good);
	if (traffic_is_cut(t))
		add(object, "cut", json_object_new_boolean(true), good);
}

static void
add_tags(struct json_object *object, const struct traffic *t, bool *good)
{
	struct json_object *tags = json_object_new_array();

	for (uint32_t i = 0; tags && i < t->n_tags; i++)
		(void)json_object_array_add(tags, json_new_text(t->tags[i])); /* as above */
	add(object, "tags", tags, good);
}

/* add_call() - what an answer has from its call */
static void
add_call(struct json_object *object, const struct traffic *t, const struct traffic_pair *pair, bool *good)
{
	bool is_call = t->kind == TRAFFIC_CALL;

	add_text(object, "service", is_call ? t->service : pair->service, good);
	add_text(object, "member", is_call ? t->member : pair->member, good);
	if (!is_call && t->kind == TRAFFIC_ERROR)
		add_text(object, "error", t->member, good);
	add_number(object, "serial", is_call ? t->serial : t->reference, good);
	if (pair->number && (t->kind == TRAFFIC_REPLY || t->kind == TRAFFIC_ERROR) && t->stamp >= pair->begin)
		add(object, "took", json_object_new_uint64(t->stamp - pair->begin), good);
}

int
traffic_print_json(FILE *out, const struct traffic *t, const struct traffic_words *words)
{
	_cleanup_(json_putp) struct json_object *object = json_object_new_object();
	_cleanup_(freep) char *text = NULL;
	bool good = object != NULL;

	if (!good)
		return -ENOMEM;
	add(object, "kind", json_object_new_string(traffic_kind_name(t->kind)), &good);
	add(object, "time", json_object_new_uint64(t->time), &good);
	add_number(object, "stamp", t->stamp, &good);
	add_peer(object, "from", t->from, &good);
	add_text(object, "program", t->program, &good);
	add_number(object, "pid", t->pid, &good);
	add_peer(object, "to", t->to, &good);
	if (t->kind == TRAFFIC_EVENT)
		add_tags(object, t, &good);
	else if (t->kind == TRAFFIC_GAP)
		add(object, "lost", json_object_new_uint64(t->lost), &good);
	else
		add_call(object, t, words->pair, &good);
	if (t->no_reply)
		add(object, "no_reply", json_object_new_boolean(true), &good);
	add_text(object, "type", t->type, &good);
	add_number(object, "trace", t->trace, &good);
	add_number(object, "fds", t->n_fds, &good);
	add_parts(object, t, &good);
	if (words->fault)
		add_text(object, "fault", words->fault, &good);
	text = good ? json_print(object, false) : NULL;
	if (!text)
		return -ENOMEM;
	(void)fputs(text, out);
	(void)fputc('\n', out);
	return 0;
}
