/* SPDX-License-Identifier: MIT */

#include "attack.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "client/message.h"
#include "io/socket.h"
#include "shm/head.h"

void
attack_failed(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "offender: %s:%d: %s: errno %d: %s\n", file, line, what, errno, tern_last_error()->text);
	_exit(1);
}

bool
attack_is_over(uint64_t *began)
{
	if (*began == 0)
		*began = clock_now_ns();
	return clock_now_ns() - *began > A_WHILE_NS;
}

uint64_t
attack_random(struct attack *attack)
{
	attack->seed ^= attack->seed << 13;
	attack->seed ^= attack->seed >> 7;
	attack->seed ^= attack->seed << 17;
	return attack->seed;
}

/* --- on the bus --- */

void
attack_join(struct attack *attack)
{
	expect(tern_open(attack->scene->place.address, &attack->bus) == 0);
	expect(tern_set_option(attack->bus, TERN_OPT_TIMEOUT, PATIENCE_MS * NSEC_PER_MSEC) == 0);
}

static void
join_and_link(struct attack *attack, uint64_t streams)
{
	struct tern_event event;

	if (!attack->bus)
		attack_join(attack);
	(void)tern_message_unref(attack_call(attack, "Beside", streams)); /* always NULL */
	attack->link = attack->bus->endpoint.links;
	expect(attack->link && attack->link->ready);
	do {
		event = (struct tern_event){.size = sizeof(event)};
		expect(tern_next(attack->bus, PATIENCE_MS * NSEC_PER_MSEC, &event) == 0);
	} while (event.kind != TERN_CALL);
	attack->asked = event.message->header.serial; /* neither is let go: that would answer it */
}

void
attack_link(struct attack *attack)
{
	join_and_link(attack, 0);
}

void
attack_link_streaming(struct attack *attack)
{
	join_and_link(attack, 1);
}

tern_message *
attack_call(struct attack *attack, const char *member, uint64_t argument)
{
	tern_message *reply;

	expect(tern_call_sync(attack->bus, VICTIM, member, &reply, NULL, "{n:u}", argument) == 0);
	return reply;
}

void
attack_expect_end(struct attack *attack)
{
	hand_expect_end(attack->link->fd);
}

bool
attack_has_ended(struct attack *attack)
{
	struct pollfd hung_up = {.fd = attack->link->fd, .events = POLLRDHUP};

	return poll(&hung_up, 1, 0) == 1;
}

void
attack_expect_goes_on(struct attack *attack)
{
	struct ring_out *out = &attack->link->out;
	uint64_t end = clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct pollfd hung_up = {.fd = attack->link->fd, .events = POLLRDHUP};

	while (load_acq(out->consumed) != out->head) {
		expect(clock_now_ns() < end);
		link_want_room(attack->link, true); /* so that it tells how far it is when nothing is left */
		attack_ring(attack);
		(void)usleep(500);
	}
	link_want_room(attack->link, false);
	expect(poll(&hung_up, 1, 0) == 0);
}

struct wire_header
attack_take(struct attack *attack, uint16_t kind)
{
	uint64_t end = clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct wire_header header;

	for (;;) {
		bool rang;
		int r;

		expect(clock_now_ns() < end);
		(void)link_read_socket(attack->link, &rang); /* segments that its records name */
		r = link_look(attack->link) > 0 ? link_peek(attack->link, &header) : 0;
		expect(r >= 0);
		if (r == 0) {
			(void)usleep(200);
			continue;
		}
		link_skip(attack->link, &header);
		if (header.kind == kind)
			return header;
	}
}

/* --- records --- */

/* finish() - strings, tags and payload behind the header, as the library has them */
static struct wire_header *
finish(struct attack *attack, struct record *record, const char *const strings[3], const char *tag)
{
	static const uint8_t payload[] = {0xa1, 0x61, 'n', 0x01};
	struct wire_header *header = (struct wire_header *)record->bytes;
	uint8_t tags[TERN_MAX_TAG + 2];
	struct wire_places places;
	size_t size = tag ? strlen(tag) : 0;

	header->service_size = (uint8_t)strlen(strings[0]);
	header->member_size = (uint8_t)strlen(strings[1]);
	header->flags |= WIRE_INLINE;
	header->n_parts = 1;
	header->inline_size = sizeof(payload);
	header->stamp = clock_now_ns() - (uint64_t)clock_offset_ns();
	if (tag) {
		tags[0] = (uint8_t)size;
		memcpy(tags + 1, tag, size + 1);
		header->n_tags = 1;
		header->tags_size = (uint16_t)(size + 2);
	}
	wire_put_strings(record->bytes, header, strings, tags);
	wire_places(header, &places);
	memcpy(record->bytes + places.payload, payload, sizeof(payload));
	header->size = ALIGN_TO(wire_size(header), RING_ALIGN);
	return header;
}

struct wire_header *
record_call(struct attack *attack, struct record *record, const char *member)
{
	const char *strings[3] = {VICTIM, member, ""};

	*record = (struct record){0};
	*(struct wire_header *)record->bytes = (struct wire_header){
		.kind = WIRE_CALL,
		.serial = ++attack->serial + (UINT64_C(1) << 40), /* none that the library uses */
	};
	return finish(attack, record, strings, NULL);
}

struct wire_header *
record_event(struct attack *attack, struct record *record, const char *tag)
{
	const char *strings[3] = {"", "", ""};

	*record = (struct record){0};
	*(struct wire_header *)record->bytes = (struct wire_header){.kind = WIRE_EVENT};
	return finish(attack, record, strings, tag);
}

struct wire_header *
record_about(struct attack *attack, struct record *record, uint16_t kind, uint64_t reference)
{
	const char *strings[3] = {"", kind == WIRE_ERROR ? "org.example.Wrong" : "", ""};

	*record = (struct record){0};
	*(struct wire_header *)record->bytes = (struct wire_header){.kind = kind, .reference = reference};
	return finish(attack, record, strings, NULL);
}

void
record_parts(struct record *record, const struct wire_part *parts, uint8_t n)
{
	struct wire_header *header = (struct wire_header *)record->bytes;
	struct wire_places places;

	header->flags &= (uint16_t)~WIRE_INLINE;
	header->n_parts = n;
	header->inline_size = 0;
	wire_places(header, &places);
	memcpy(record->bytes + places.parts, parts, n * sizeof(*parts));
	header->size = ALIGN_TO(wire_size(header), RING_ALIGN);
}

bool
attack_has_room(struct attack *attack, uint32_t size)
{
	(void)ring_out_look(&attack->link->out); /* an honest word */
	return ring_out_is_roomy(&attack->link->out, size, RING_ALIGN);
}

void
attack_ring(struct attack *attack)
{
	(void)packet_send_bell(attack->link); /* full: bells enough */
}

void
attack_push(struct attack *attack, const void *bytes, uint32_t size)
{
	uint32_t whole = ALIGN_TO(size, RING_ALIGN);

	while (!attack_has_room(attack, whole)) {
		struct pollfd hung_up = {.fd = attack->link->fd, .events = POLLRDHUP};

		attack_ring(attack);
		if (poll(&hung_up, 1, 1) == 1 && hung_up.revents & (POLLHUP | POLLRDHUP))
			return;
	}
	memcpy(ring_out_begin(&attack->link->out, whole), bytes, size);
	ring_out_end(&attack->link->out, whole);
	fence_seq();
	link_ring(attack->link, true, true);
}

void
attack_push_record(struct attack *attack, const struct wire_header *header)
{
	attack_push(attack, header, header->size);
}

/* --- packets --- */

bool
attack_packet(struct attack *attack, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};

	return socket_send(attack->link->fd, &iov, 1, fds, n_fds) == 0;
}

bool
attack_segment(struct attack *attack, uint32_t id, int fd)
{
	struct packet_segment packet = {.letter = PACKET_SEGMENT, .id = id};

	return attack_packet(attack, &packet, sizeof(packet), &fd, 1);
}

void
attack_blocks(struct segment *ret, size_t size)
{
	expect(segment_create(ret, "tern-blocks", size) == 0);
	head_init((struct shm_head *)ret->base, SHM_KIND_BLOCKS, ret->size);
}

void
attack_ring_segment(struct segment *ret, uint32_t size)
{
	expect(segment_create(ret, "tern-ring", LINK_RING_AT + size) == 0);
	head_init((struct shm_head *)ret->base, SHM_KIND_RING, ret->size);
	head_set_part((struct shm_head *)ret->base, 0, LINK_RING_AT, size);
}

/* --- by hand --- */

int
hand_connect(struct attack *attack)
{
	int fd;

	expect(socket_connect(attack->scene->place.address + strlen("unix:"), &fd) == 0);
	return fd;
}

bool
hand_send_bytes(int fd, const void *bytes, size_t size)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};

	return socket_send(fd, &iov, 1, NULL, 0) == 0;
}

bool
hand_send(int fd, struct control *control, uint64_t serial)
{
	uint8_t bytes[CONTROL_MAX_PACKET];
	size_t size;

	control->serial = serial;
	expect(control_encode(control, bytes, sizeof(bytes), &size) == 0);
	return hand_send_bytes(fd, bytes, size);
}

bool
hand_receive(int fd, struct control *ret, uint8_t bytes[CONTROL_MAX_PACKET], int *ret_fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int fds[CONTROL_MAX_FDS];
	size_t size, n_fds;

	expect(poll(&ready, 1, PATIENCE_MS) == 1);
	if (socket_recv(fd, bytes, CONTROL_MAX_PACKET, &size, fds, CONTROL_MAX_FDS, &n_fds) != 0)
		return false;
	if (ret_fd)
		*ret_fd = n_fds ? fd_steal(&fds[n_fds - 1]) : -1;
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = fd_close(fds[i]);
	expect(control_decode(ret, bytes, size, NULL) == 0);
	return true;
}

int
hand_join(struct attack *attack, struct control *ret_welcome, uint8_t bytes[CONTROL_MAX_PACKET])
{
	struct control hello = {.type = CONTROL_HELLO, .hello = {.major_min = 1, .major_max = 1}};
	int fd = hand_connect(attack);

	do {
		hello.hello.clock = clock_now_ns() - (uint64_t)clock_offset_ns();
		expect(hand_send(fd, &hello, 1));
		expect(hand_receive(fd, ret_welcome, bytes, NULL));
	} while (ret_welcome->type == CONTROL_FAILED && ret_welcome->failed.code == EAGAIN);
	expect(ret_welcome->type == CONTROL_WELCOME);
	return fd;
}

int
hand_introduce(struct attack *attack)
{
	struct control control = {.type = CONTROL_INTRODUCE, .name = {{VICTIM, strlen(VICTIM)}}};
	uint8_t bytes[CONTROL_MAX_PACKET];
	struct control answer;
	int fd, link;

	fd = hand_join(attack, &answer, bytes); /* open until the offender ends */
	do { /* the victim may not have read yet what ternd told it before */
		expect(hand_send(fd, &control, 2));
		expect(hand_receive(fd, &answer, bytes, &link));
	} while (answer.type == CONTROL_FAILED && answer.failed.code == EAGAIN && usleep(100) == 0);
	expect(answer.type == CONTROL_INTRODUCED && link >= 0);
	return link;
}

void
hand_expect_end(int fd)
{
	struct pollfd hung_up = {.fd = fd, .events = POLLRDHUP};

	expect(poll(&hung_up, 1, PATIENCE_MS) == 1);
}

struct packet_hello
hand_hello(struct segment *segment)
{
	struct shm_head *head;

	expect(segment_create(segment, "tern-link", LINK_SIZE) == 0);
	head = (struct shm_head *)segment->base;
	head_init(head, SHM_KIND_LINK, segment->size);
	head_set_part(head, LINK_PART_CONTROL, LINK_CONTROL_AT, sizeof(struct shm_control));
	head_set_part(head, LINK_PART_RELEASES, LINK_RELEASES_AT, LINK_N_RELEASES * 8);
	head_set_part(head, LINK_PART_RING, LINK_RING_AT, LINK_RING_SIZE);
	return (struct packet_hello){
		.letter = PACKET_HELLO,
		.major_min = SHM_MAJOR,
		.major_max = SHM_MAJOR,
		.clock = clock_now_ns() - (uint64_t)clock_offset_ns(),
	};
}
