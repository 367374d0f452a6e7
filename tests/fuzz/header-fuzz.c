/* SPDX-License-Identifier: MIT */

/* header-fuzz: any bytes as the record of a message; and as an address */

#include <stdint.h>

#include "base/attribute.h"
#include "io/address.h"
#include "wire/header.h"

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink;

static void
read_text(const uint8_t *record, uint32_t at, uint32_t n, size_t size)
{
	assert(at <= size && n < size - at);
	assert(record[at + n] == 0);
	for (uint32_t i = 0; i < n; i++)
		sink += record[at + i];
}

static void
check_record(const uint8_t *record, size_t size)
{
	struct wire_header header;
	struct wire_places places;
	const uint8_t *tag;
	uint8_t tag_size;

	memcpy(&header, record, sizeof(header));
	header.size = (uint32_t)size;
	if (wire_check_pieces(&header, record, &places) != 0)
		return;
	read_text(record, places.service, header.service_size, size);
	read_text(record, places.member, header.member_size, size);
	read_text(record, places.type, header.type_size, size);
	assert(places.payload <= size);
	tag = record + places.tags;
	for (uint8_t i = 0; i < header.n_tags; i++) {
		const char *text = wire_tag_next(&tag, &tag_size);

		read_text(record, (uint32_t)((const uint8_t *)text - record), tag_size, size);
	}
	assert(tag <= record + places.parts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(16) static uint8_t record[MOST];
	char text[ADDRESS_SIZE + 16] = {0};
	const char *path;

	memcpy(text, data, MIN(size, sizeof(text) - 1));
	if (address_path(text, &path) == 0)
		assert(path > text && strlen(path) < ADDRESS_PATH_SIZE);
	if (size < sizeof(struct wire_header) || size > MOST)
		return 0;
	memcpy(record, data, size);
	(void)wire_check(record, size); /* either */
	check_record(record, size);
	return 0;
}
