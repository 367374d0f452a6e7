/* SPDX-License-Identifier: MIT */

/* pcapng: see pcapng.h */

#include "cli/pcapng.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/attribute.h"
#include "base/clock.h"

static_assert(BYTE_ORDER == LITTLE_ENDIAN, "what is written is what lies in memory");

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	/* options */
	OPTION_END = 0,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_RESOLUTION = 9,
	STATISTICS_BEGIN = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
	FLUSH_AT = 65536, /* bytes that wait, at most, while more comes */
};

/* -------- writing -------- */

/* put() - so many bytes and zeros up to a multiple of 4; there is room */
static void
put(struct pcapng_writer *w, const void *bytes, size_t size)
{
	size_t padded = ALIGN_TO(size, (size_t)4);

	if (size)
		memcpy(w->buffer + w->size, bytes, size);
	memset(w->buffer + w->size + size, 0, padded - size);
	w->size += padded;
}

static void
put_u32(struct pcapng_writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

/* put_time() - its upper half comes first */
static void
put_time(struct pcapng_writer *w, uint64_t time)
{
	put_u32(w, (uint32_t)(time >> 32));
	put_u32(w, (uint32_t)time);
}

static void
put_option(struct pcapng_writer *w, uint16_t code, const void *bytes, size_t size)
{
	const uint16_t head[2] = {code, (uint16_t)size};

	put(w, head, sizeof(head));
	put(w, bytes, size);
}

static void
put_number(struct pcapng_writer *w, uint16_t code, uint64_t value)
{
	put_option(w, code, &value, sizeof(value));
}

static void
put_time_option(struct pcapng_writer *w, uint16_t code, uint64_t time)
{
	const uint32_t halves[2] = {(uint32_t)(time >> 32), (uint32_t)time};

	put_option(w, code, halves, sizeof(halves));
}

/* block_begin() - one with a body of at most so many bytes. Return: 0, -ENOMEM. */
static int
block_begin(struct pcapng_writer *w, uint32_t type, size_t body, size_t *ret_at)
{
	size_t need = w->size + body + 16;
	uint8_t *buffer;

	if (need > w->capacity) {
		need = MAX(need, 2 * w->capacity);
		buffer = realloc(w->buffer, need);
		if (!buffer)
			return -ENOMEM;
		w->buffer = buffer;
		w->capacity = need;
	}
	*ret_at = w->size;
	put_u32(w, type);
	put_u32(w, 0); /* the length, when it is known */
	return 0;
}

static void
block_end(struct pcapng_writer *w, size_t at)
{
	uint32_t size = (uint32_t)(w->size - at) + 4;

	memcpy(w->buffer + at + 4, &size, sizeof(size));
	put_u32(w, size);
	w->n_bytes += size;
}

int
pcapng_begin(struct pcapng_writer *w, int fd, const char *interface, const char *application)
{
	const uint16_t versions[2] = {1, 0}, linktype[2] = {PCAPNG_LINKTYPE, 0};
	const uint8_t resolution = 9; /* 10^-9 s */
	const uint64_t unknown = UINT64_MAX;
	size_t at;
	int r;

	/* what is appended to begins at its end, wherever the descriptor stands */
	*w = (struct pcapng_writer){
		.fd = fd, .at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR)};
	r = block_begin(w, BLOCK_SECTION, 64 + strlen(application), &at);
	if (r < 0)
		return r;
	put_u32(w, BYTE_ORDER_MAGIC);
	put(w, versions, sizeof(versions));
	put(w, &unknown, sizeof(unknown)); /* length of the section */
	put_option(w, SECTION_APPLICATION, application, strlen(application));
	put_option(w, OPTION_END, NULL, 0);
	block_end(w, at);
	r = block_begin(w, BLOCK_INTERFACE, 64 + strlen(interface), &at);
	if (r < 0)
		return r;
	put(w, linktype, sizeof(linktype));
	put_u32(w, 0); /* no limit of a packet */
	put_option(w, INTERFACE_NAME, interface, strlen(interface));
	put_option(w, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	put_option(w, OPTION_END, NULL, 0);
	block_end(w, at);
	return pcapng_flush(w);
}

int
pcapng_packet(struct pcapng_writer *w, uint64_t time_ns, const void *head, size_t head_size, const void *rest,
	size_t rest_size, uint64_t whole)
{
	size_t size = head_size + rest_size, at;
	int r;

	if (size > PCAPNG_BLOCK_MAX - 64)
		return -EMSGSIZE;
	r = block_begin(w, BLOCK_PACKET, size + 24, &at);
	if (r < 0)
		return r;
	put_u32(w, 0); /* the only interface */
	put_time(w, time_ns);
	put_u32(w, (uint32_t)size);
	put_u32(w, (uint32_t)MIN(whole, (uint64_t)UINT32_MAX));
	memcpy(w->buffer + w->size, head, head_size);
	w->size += head_size; /* the pieces are one: padding comes behind both */
	if (rest_size)
		memcpy(w->buffer + w->size, rest, rest_size);
	w->size += rest_size;
	while ((w->size - at) % 4)
		w->buffer[w->size++] = 0;
	block_end(w, at);
	return w->size >= FLUSH_AT ? pcapng_flush(w) : 0;
}

int
pcapng_end(struct pcapng_writer *w, uint64_t begin_ns, uint64_t end_ns, uint64_t n_packets, uint64_t n_missed)
{
	size_t at;
	int r;

	r = block_begin(w, BLOCK_STATISTICS, 80, &at);
	if (r < 0)
		return r;
	put_u32(w, 0);
	put_time(w, end_ns);
	put_time_option(w, STATISTICS_BEGIN, begin_ns);
	put_time_option(w, STATISTICS_END, end_ns);
	put_number(w, STATISTICS_RECEIVED, n_packets + n_missed);
	put_number(w, STATISTICS_DROPPED, n_missed);
	put_option(w, OPTION_END, NULL, 0);
	block_end(w, at);
	return pcapng_flush(w);
}

/* whole_blocks() - how many of these bytes are blocks that are whole */
static size_t
whole_blocks(const struct pcapng_writer *w, size_t n)
{
	size_t at = 0;
	uint32_t size;

	for (; at + 8 <= n; at += size) {
		memcpy(&size, w->buffer + at + 4, sizeof(size));
		if (size > n - at)
			break;
	}
	return at;
}

/* cut() - what was written of the last block */
static void
cut(struct pcapng_writer *w, size_t n)
{
	size_t whole = whole_blocks(w, n);

	w->n_bytes -= w->size - whole;
	if (w->at < 0 || whole == n)
		return;
	if (ftruncate(w->fd, w->at + (off_t)whole) == 0)
		(void)lseek(w->fd, w->at + (off_t)whole, SEEK_SET); /* cannot fail where it was possible before */
}

int
pcapng_flush(struct pcapng_writer *w)
{
	size_t n = 0;

	while (n < w->size) {
		ssize_t r = write(w->fd, w->buffer + n, w->size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			int error = r < 0 ? -errno : -EIO;

			cut(w, n);
			w->size = 0;
			return error;
		}
		n += (size_t)r;
	}
	if (w->at >= 0)
		w->at += (off_t)n;
	w->size = 0;
	return 0;
}

void
pcapng_writer_deinit(struct pcapng_writer *w)
{
	free(w->buffer);
	*w = (struct pcapng_writer){.fd = -1};
}

/* -------- reading -------- */

#define BODY_FIRST 4096u /* bytes of a block that are read at first */

void
pcapng_reader_init(struct pcapng_reader *r, FILE *file)
{
	memset(r, 0, sizeof(*r));
	r->file = file;
}

void
pcapng_reader_deinit(struct pcapng_reader *r)
{
	free(r->block);
	r->block = NULL;
}

static _printf_(3, 4) int
invalid(struct pcapng_reader *r, uint64_t offset, const char *format, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap); /* fits */
	va_end(ap);
	(void)snprintf(r->fault, sizeof(r->fault), "%s, at byte %" PRIu64, text, offset); /* fits */
	return PCAPNG_E_INVALID;
}

static uint32_t
get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* read_bytes() - all of these. Return: 0; PCAPNG_E_END none were left; PCAPNG_E_INVALID; an errno. */
static int
read_bytes(struct pcapng_reader *r, void *to, size_t size, uint64_t offset)
{
	size_t n = fread(to, 1, size, r->file);

	if (n == size)
		return 0;
	if (ferror(r->file))
		return errno ? -errno : -EIO;
	return n == 0 ? PCAPNG_E_END : invalid(r, offset, "the file ends in the middle of a block");
}

/* read_body() - into r->block; a file that says more than it has takes no more memory than twice what it has */
static int
read_body(struct pcapng_reader *r, size_t size, uint64_t offset)
{
	size_t n = 0, more;
	uint8_t *block;
	int answer = 0;

	while (n < size && !answer) {
		if (n == r->capacity) {
			more = MIN(MAX(2 * n, (size_t)BODY_FIRST), size);
			block = realloc(r->block, more);
			if (!block)
				return -ENOMEM;
			r->block = block;
			r->capacity = more;
		}
		more = MIN(r->capacity, size) - n;
		answer = read_bytes(r, r->block + n, more, offset);
		n += more;
	}
	return answer;
}

/* read_block() - head, body and the length once more. @ret_size: of the body, which is in r->block */
static int
read_block(struct pcapng_reader *r, uint32_t *ret_type, size_t *ret_size)
{
	uint64_t offset = r->offset;
	uint32_t size, type;
	uint8_t head[8];
	int answer;

	answer = read_bytes(r, head, sizeof(head), offset);
	if (answer)
		return answer;
	type = get_u32(head);
	size = get_u32(head + 4);
	if (offset == 0 && type != BLOCK_SECTION)
		return invalid(r, offset, "this is no pcapng file");
	if (type == BLOCK_SECTION && size > PCAPNG_BLOCK_MAX && __builtin_bswap32(size) <= PCAPNG_BLOCK_MAX)
		return invalid(r, offset, "the file is from a machine with the other byte order");
	if (size % 4 || size < 12 || size > PCAPNG_BLOCK_MAX)
		return invalid(r, offset + 4, "no block has %" PRIu32 " bytes", size);
	answer = read_body(r, size - 8, offset);
	if (answer == PCAPNG_E_END)
		return invalid(r, offset, "the file ends in the middle of a block");
	if (answer)
		return answer;
	if (get_u32(r->block + size - 12) != size)
		return invalid(r, offset + size - 4, "a block ends with another length than it began with");
	r->offset += size;
	*ret_type = type;
	*ret_size = size - 12;
	return 0;
}

static int
read_section(struct pcapng_reader *r, uint64_t offset, size_t size)
{
	if (size < 16)
		return invalid(r, offset, "the head of a section is too short");
	if (get_u32(r->block) == __builtin_bswap32(BYTE_ORDER_MAGIC))
		return invalid(r, offset + 8, "the file is from a machine with the other byte order");
	if (get_u32(r->block) != BYTE_ORDER_MAGIC)
		return invalid(r, offset + 8, "this is no pcapng file");
	if (get_u32(r->block + 4) << 16 != UINT32_C(1) << 16) /* major 1 */
		return invalid(r, offset + 12, "pcapng of another version than 1");
	r->has_section = true;
	r->n_interfaces = 0;
	return 0;
}

static int
read_interface(struct pcapng_reader *r, uint64_t offset, size_t size)
{
	struct pcapng_interface *interface = &r->interfaces[r->n_interfaces];
	size_t at = 8;

	if (size < at)
		return invalid(r, offset, "the description of an interface is too short");
	if (r->n_interfaces == PCAPNG_MAX_INTERFACES)
		return invalid(r, offset, "more than %d interfaces", PCAPNG_MAX_INTERFACES);
	*interface = (struct pcapng_interface){.linktype = get_u32(r->block) & 0xffff, .resolution = 6};
	while (at + 4 <= size) {
		uint32_t option = get_u32(r->block + at), length = option >> 16;

		at += 4;
		if ((option & 0xffff) == OPTION_END)
			break;
		if (length > size - at)
			return invalid(r, offset + 8 + at, "an option is longer than its block");
		if ((option & 0xffff) == INTERFACE_RESOLUTION && length == 1)
			interface->resolution = r->block[at];
		at += MIN(ALIGN_TO((size_t)length, (size_t)4), size - at);
	}
	r->n_interfaces++;
	return 0;
}

/* time_of() - in ns, by the interface's resolution */
static uint64_t
time_of(const struct pcapng_interface *interface, uint64_t time)
{
	uint32_t exponent = interface->resolution & 0x7f;

	if (interface->resolution & 0x80)
		return exponent > 63 ? 0 : (uint64_t)(((unsigned __int128)time * NSEC_PER_SEC) >> exponent);
	for (; exponent < 9; exponent++)
		time *= 10;
	for (; exponent > 9 && time > 0; exponent--)
		time /= 10;
	return time;
}

static int
read_packet(struct pcapng_reader *r, uint64_t offset, size_t size, struct pcapng_packet *ret)
{
	uint32_t interface, there;

	if (size < 20)
		return invalid(r, offset, "a packet is too short");
	interface = get_u32(r->block);
	there = get_u32(r->block + 12);
	if (interface >= r->n_interfaces)
		return invalid(r, offset + 8, "a packet is of an interface that was not described");
	if (there > size - 20)
		return invalid(r, offset + 20, "a packet is longer than its block");
	*ret = (struct pcapng_packet){
		.offset = offset,
		.time_ns = time_of(&r->interfaces[interface],
			(uint64_t)get_u32(r->block + 4) << 32 | get_u32(r->block + 8)),
		.linktype = r->interfaces[interface].linktype,
		.bytes = r->block + 20,
		.size = there,
	};
	return 0;
}

int
pcapng_next(struct pcapng_reader *r, struct pcapng_packet *ret)
{
	for (;;) {
		uint64_t offset = r->offset;
		uint32_t type = 0;
		size_t size = 0;
		int answer;

		answer = read_block(r, &type, &size);
		if (answer == PCAPNG_E_END && !r->has_section)
			return invalid(r, 0, "the file is empty");
		if (answer == 0 && type == BLOCK_SECTION)
			answer = read_section(r, offset, size);
		else if (answer == 0 && type == BLOCK_INTERFACE)
			answer = read_interface(r, offset, size);
		else if (answer == 0 && type == BLOCK_PACKET)
			return read_packet(r, offset, size, ret);
		if (answer)
			return answer;
	}
}
