/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * ends: for the tests of link: two good ends, or one good and one played by hand
 *
 * Good ends are a and b of ends[0] and ends[1]. The end by hand is `raw`: memory that is like a
 * link's, and a socket; what it sends is up to the test. Fixtures count descriptors.
 */

#include <check.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"

/* The other end, played by hand: memory that is like a link's, and a socket. */
struct raw {
	int fd;
	struct segment segment, page;
	struct shm_control *words;
	_Atomic uint64_t *releases;
	uint8_t *ring;
	struct packet_hello hello;
};

extern struct endpoint ends[2];
extern struct link *a, *b;
extern struct raw raw;

/* two links that know each other */
void setup_both(void);
void teardown_both(void);
/* a link and an end by hand that has not said hello; or has, and the link took it */
void setup_raw(void);
void setup_greeted(void);
void teardown_raw(void);

/* read_all() - what waits in the socket of an end */
int read_all(struct link *link);
/* push() - an event with one inline part and maybe a lent one. Return: as link_room(). */
int push(struct link *link, const char *text, struct block *block, uint64_t trace);
/* part_at() - an entry of a record's table */
struct wire_part part_at(const uint8_t *record, const struct wire_header *header, uint32_t i);

void raw_send(const void *bytes, size_t size, const int *fds, size_t n_fds);
void raw_hello(void);
/* raw_packet() - about a segment */
void raw_packet(char letter, uint32_t id, const int *fds, size_t n_fds);
/* raw_fds() - descriptors; n is what it says, n_sent how many there are */
void raw_fds(uint8_t n, uint32_t first, size_t n_sent);
/* refused() - the link reads it, and says this of it */
void refused(const char *why);
