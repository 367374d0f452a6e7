/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * packet: what goes over a link's socket
 *
 * Every packet is a letter and a fixed body in host order; hello, page and segments carry descriptors. The
 * page docs/protocol.md has them with vectors. Threads, blocks: as link.h.
 */

#include <stdbool.h>
#include <stdint.h>

struct link;

#define PACKET_HELLO   'h'
#define PACKET_PAGE    'p'
#define PACKET_SEGMENT 's'
#define PACKET_DROP    'd'
#define PACKET_FDS     'f'
#define PACKET_BELL    'b'

struct packet_hello {
	uint8_t letter;
	uint8_t has_doorbell;
	uint8_t reserved[2];
	uint16_t major_min, major_max; /* spoken here */
	uint16_t minor;
	uint16_t reserved2;
	uint32_t reserved3;
	uint64_t features; /* none yet: 0 */
	uint64_t clock;    /* host monotonic ns at sending: cannot be ahead of the reader's */
};

struct packet_segment {
	uint8_t letter;
	uint8_t reserved[3];
	uint32_t id;
};

struct packet_fds {
	uint8_t letter;
	uint8_t n;
	uint8_t reserved[2];
	uint32_t first;
};

#define PACKET_MAX 64u

/* All return 0, LINK_E_FULL, LINK_E_CLOSED, or a negative errno. */
int packet_send_hello(struct link *link);
/* packet_send_page() - the endpoint's, which there is */
int packet_send_page(struct link *link);
int packet_send_segment(struct link *link, uint32_t id, int fd);
int packet_send_fds(struct link *link, uint32_t first, const int *fds, uint8_t n);
int packet_send_bell(struct link *link);
/* packet_send_drop() - now, or where the socket is full with the next segment or packet_send_drops() */
void packet_send_drop(struct link *link, uint32_t id);
/* packet_send_drops() - those that found no room before */
int packet_send_drops(struct link *link);

/*
 * packet_must_wait() - has the next packet more descriptors than this user may have waiting? It stays in the socket until
 * there is room again, or until a record names them: then it is read whatever others have.
 */
bool packet_must_wait(const struct link *link);

/* packet_read() - take one packet. Return: 1 taken, 0 none is there, LINK_E_CLOSED as 2, -EBADMSG. */
int packet_read(struct link *link, bool *ret_rang);
