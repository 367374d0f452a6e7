/* SPDX-License-Identifier: MIT */

/*
 * recording-fuzz: any bytes as a file of `tern record`
 *
 * What is taken for a message lies inside of its packet, is within the limits, and comes back the same when it is written
 * and read once more. The same bytes are tried as one record, too.
 */

#include <string.h>

#include "base/attribute.h"
#include "cli/pcapng.h"
#include "cli/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, const uint8_t *bytes, size_t size)
{
	const uint8_t *at = (const uint8_t *)text;

	assert(at >= bytes && at < bytes + size && memchr(at, 0, (size_t)(bytes + size - at)));
	assert(strlen(text) <= TERN_MAX_TAG);
}

static void
check_borrowed(const struct traffic *t, const uint8_t *bytes, size_t size)
{
	check_text(t->service, bytes, size);
	check_text(t->member, bytes, size);
	check_text(t->type, bytes, size);
	check_text(t->program, bytes, size);
	assert(t->kind > 0 && t->kind < TRAFFIC_N_KINDS && t->n_tags <= TERN_MAX_TAGS && t->n_parts <= TERN_MAX_PARTS);
	for (uint32_t i = 0; i < t->n_tags; i++)
		check_text(t->tags[i], bytes, size);
	for (uint32_t i = 0; i < t->n_parts; i++) {
		const struct traffic_part *part = &t->parts[i];

		assert(part->bytes >= bytes && part->bytes <= bytes + size);
		assert(part->there <= part->size && part->there <= (uint64_t)(bytes + size - part->bytes));
	}
}

static void
check_same(const struct traffic *a, const struct traffic *b)
{
	assert(a->kind == b->kind && a->from == b->from && a->to == b->to && a->serial == b->serial);
	assert(a->reference == b->reference && a->stamp == b->stamp && a->deadline == b->deadline);
	assert(a->trace == b->trace && a->lost == b->lost && a->pid == b->pid && a->uid == b->uid);
	assert(a->no_reply == b->no_reply && a->is_back == b->is_back && a->n_fds == b->n_fds);
	assert(!strcmp(a->service, b->service) && !strcmp(a->member, b->member));
	assert(!strcmp(a->type, b->type) && !strcmp(a->program, b->program));
	assert(a->n_tags == b->n_tags && a->n_parts == b->n_parts);
	for (uint32_t i = 0; i < a->n_tags; i++)
		assert(!strcmp(a->tags[i], b->tags[i]));
	for (uint32_t i = 0; i < a->n_parts; i++) {
		assert(a->parts[i].size == b->parts[i].size && a->parts[i].there == b->parts[i].there);
		assert(!memcmp(a->parts[i].bytes, b->parts[i].bytes, (size_t)a->parts[i].there));
	}
}

static void
try_record(const uint8_t *bytes, size_t size)
{
	struct traffic t, again;
	uint64_t rest = 0, at = 0;
	uint8_t *copy;
	size_t head;

	if (recording_read(bytes, size, &t))
		return;
	check_borrowed(&t, bytes, size);
	copy = malloc(RECORDING_HEAD_MAX + size);
	assert(copy);
	head = recording_write(&t, UINT64_MAX, copy, &rest);
	assert(head <= RECORDING_HEAD_MAX && rest <= size);
	for (uint32_t i = 0; i < t.n_parts; i++) {
		memcpy(copy + head + at, t.parts[i].bytes, (size_t)t.parts[i].there);
		at += t.parts[i].there;
	}
	assert(at == rest);
	assert(!recording_read(copy, head + (size_t)rest, &again));
	check_same(&t, &again);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcapng_packet packet;
	struct pcapng_reader reader;
	FILE *file;
	int r;

	try_record(data, size);
	if (size == 0)
		return 0;
	file = fmemopen((void *)data, size, "r");
	assert(file);
	pcapng_reader_init(&reader, file);
	while ((r = pcapng_next(&reader, &packet)) == 0) {
		assert(packet.offset < size && packet.size < size);
		try_record(packet.bytes, packet.size);
	}
	assert(r == PCAPNG_E_END || r == -ENOMEM || (r == PCAPNG_E_INVALID && *reader.fault));
	pcapng_reader_deinit(&reader);
	(void)fclose(file); /* was only read */
	return 0;
}
