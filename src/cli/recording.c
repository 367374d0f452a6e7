/* SPDX-License-Identifier: MIT */

/* recording: see recording.h */

#include "cli/recording.h"

#include <endian.h>
#include <string.h>

#include "base/attribute.h"

/* The fixed part; little-endian. */
struct record_head {
	uint8_t version;
	uint8_t kind;
	uint16_t flags;
	uint32_t head_size; /* up to the bytes of the parts */
	uint64_t from, to;
	uint64_t serial, reference;
	uint64_t stamp, deadline;
	uint64_t trace, lost;
	uint32_t pid, uid;
	uint8_t service_size, member_size, type_size, program_size; /* without the NUL */
	uint8_t n_tags, n_parts, n_fds, reserved;
};

static_assert(BYTE_ORDER == LITTLE_ENDIAN, "what is written is what lies in memory");
static_assert(sizeof(struct record_head) == 88, "no padding");

/* In the list of parts. */
struct record_part {
	uint64_t size, there;
};

enum {
	FLAG_NO_REPLY = 1,
	FLAG_BACK = 2,
	FLAG_STREAM = 4,
};

/* -------- writing -------- */

static uint8_t *
put_text(uint8_t *to, const char *text, uint8_t size)
{
	memcpy(to, text, size);
	to[size] = '\0';
	return to + size + 1;
}

static uint8_t
size_of(const char *text)
{
	return (uint8_t)strnlen(text, UINT8_MAX);
}

static void
fill_head(struct record_head *head, const struct traffic *t)
{
	*head = (struct record_head){
		.version = RECORDING_VERSION,
		.kind = (uint8_t)t->kind,
		.flags = (t->no_reply ? FLAG_NO_REPLY : 0) | (t->is_back ? FLAG_BACK : 0) | (t->is_stream ? FLAG_STREAM : 0),
		.from = t->from,
		.to = t->to,
		.serial = t->serial,
		.reference = t->reference,
		.stamp = t->stamp,
		.deadline = t->deadline,
		.trace = t->trace,
		.lost = t->lost,
		.pid = t->pid,
		.uid = t->uid,
		.service_size = size_of(t->service),
		.member_size = size_of(t->member),
		.type_size = size_of(t->type),
		.program_size = size_of(t->program),
		.n_tags = (uint8_t)t->n_tags,
		.n_parts = (uint8_t)t->n_parts,
		.n_fds = (uint8_t)t->n_fds,
	};
}

size_t
recording_write(const struct traffic *t, uint64_t most, uint8_t to[RECORDING_HEAD_MAX], uint64_t *ret_rest)
{
	uint8_t *at = to + sizeof(struct record_head);
	struct record_head head;
	uint64_t rest = 0;

	fill_head(&head, t);
	at = put_text(at, t->service, head.service_size);
	at = put_text(at, t->member, head.member_size);
	at = put_text(at, t->type, head.type_size);
	at = put_text(at, t->program, head.program_size);
	for (uint32_t i = 0; i < t->n_tags; i++) {
		*at = size_of(t->tags[i]);
		at = put_text(at + 1, t->tags[i], *at);
	}
	while ((at - to) % 8)
		*at++ = 0;
	for (uint32_t i = 0; i < t->n_parts; i++) {
		struct record_part part = {.size = t->parts[i].size, .there = MIN(t->parts[i].there, most - rest)};

		memcpy(at, &part, sizeof(part));
		at += sizeof(part);
		rest += part.there;
	}
	head.head_size = (uint32_t)(at - to);
	memcpy(to, &head, sizeof(head));
	*ret_rest = rest;
	return head.head_size;
}

/* -------- reading -------- */

/* What is left to read. */
struct cursor {
	const uint8_t *begin, *at, *end;
};

/* take_text() - with the NUL behind it, and none in it. Return: NULL it is none. */
static const char *
take_text(struct cursor *c, uint8_t size)
{
	const uint8_t *text = c->at;

	if ((size_t)(c->end - c->at) < size + 1u || text[size] || memchr(text, 0, size))
		return NULL;
	c->at += size + 1u;
	return (const char *)text;
}

static const char *
take_strings(struct cursor *c, const struct record_head *head, struct traffic *t)
{
	t->service = take_text(c, head->service_size);
	t->member = t->service ? take_text(c, head->member_size) : NULL;
	t->type = t->member ? take_text(c, head->type_size) : NULL;
	t->program = t->type ? take_text(c, head->program_size) : NULL;
	if (!t->program)
		return "a name is cut off, or has a NUL in it";
	for (; t->n_tags < head->n_tags; t->n_tags++) {
		const char *tag = c->at < c->end ? (c->at++, take_text(c, c->at[-1])) : NULL;

		if (!tag || !*tag)
			return "a tag is empty, cut off, or has a NUL in it";
		t->tags[t->n_tags] = tag;
	}
	return NULL;
}

static const char *
take_parts(struct cursor *c, const struct record_head *head, const uint8_t *bytes, size_t left, struct traffic *t)
{
	size_t at = ALIGN_TO((size_t)(c->at - c->begin), (size_t)8);

	if (at > head->head_size || head->head_size - at != head->n_parts * sizeof(struct record_part))
		return "the list of parts is not where it should be";
	for (; t->n_parts < head->n_parts; t->n_parts++, at += sizeof(struct record_part)) {
		struct record_part part;

		memcpy(&part, c->begin + at, sizeof(part));
		if (part.there > part.size || part.there > left)
			return "a part is larger than the record";
		t->parts[t->n_parts] = (struct traffic_part){.bytes = bytes, .size = part.size, .there = part.there};
		bytes += part.there;
		left -= (size_t)part.there;
	}
	return left ? "there is something behind the last part" : NULL;
}

static void
take_head(const struct record_head *head, struct traffic *ret)
{
	*ret = (struct traffic){
		.kind = head->kind,
		.stamp = head->stamp,
		.from = head->from,
		.to = head->to,
		.serial = head->serial,
		.reference = head->reference,
		.deadline = head->deadline,
		.trace = head->trace,
		.lost = head->lost,
		.pid = head->pid,
		.uid = head->uid,
		.no_reply = head->flags & FLAG_NO_REPLY,
		.is_back = head->flags & FLAG_BACK,
		.is_stream = head->flags & FLAG_STREAM,
		.n_fds = head->n_fds,
	};
}

const char *
recording_read(const uint8_t *bytes, size_t size, struct traffic *ret)
{
	struct record_head head;
	const char *wrong;
	struct cursor c;

	if (size < sizeof(head))
		return "it is too short";
	memcpy(&head, bytes, sizeof(head));
	if (head.version != RECORDING_VERSION)
		return "it is of another version";
	if (head.kind == 0 || head.kind >= TRAFFIC_N_KINDS)
		return "it is of an unknown kind";
	if (head.head_size < sizeof(head) || head.head_size > size)
		return "its head is larger than the record";
	if (head.n_tags > TERN_MAX_TAGS || head.n_parts > TERN_MAX_PARTS || head.n_fds > TERN_MAX_FDS)
		return "it has more tags, parts or descriptors than a message can have";
	take_head(&head, ret);
	c = (struct cursor){.begin = bytes, .at = bytes + sizeof(head), .end = bytes + head.head_size};
	wrong = take_strings(&c, &head, ret);
	return wrong ? wrong : take_parts(&c, &head, bytes + head.head_size, size - head.head_size, ret);
}
