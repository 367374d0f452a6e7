/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * pcapng: files of packets with their times, as Wireshark and its kin have them (draft-ietf-opsawg-pcapng)
 *
 * Written: one section with one interface of a link type for private use (LINKTYPE_USER0), times in ns, little-endian,
 * and at the end how much was missed. Blocks go out whole: what a full disk left of one is cut off again, so a file
 * is in order at any time. Read: any little-endian file; blocks and options that nobody here needs are passed over.
 *
 * Trust: a file may hold anything. Each length is checked before it is used, and a block has a limit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PCAPNG_LINKTYPE  147u		 /* LINKTYPE_USER0 */
#define PCAPNG_BLOCK_MAX (16u << 20) /* bytes */

struct pcapng_writer {
	int fd;	  /* borrowed */
	off_t at; /* where the buffer goes; -1: it cannot be sought, as a pipe */
	uint8_t *buffer;
	size_t size, capacity;
	uint64_t n_bytes; /* written, and to be */
};

/*
 * pcapng_begin() - write the heads
 * @interface: what the packets are from
 * @application: what writes them
 *
 * Return: 0; -ENOMEM. What follows returns also the errno of a write; then the file ends behind the last whole block.
 */
int pcapng_begin(struct pcapng_writer *w, int fd, const char *interface, const char *application);

/* pcapng_packet() - one more: in two pieces; whole: what it would be if nothing had been left out */
int pcapng_packet(struct pcapng_writer *w, uint64_t time_ns, const void *head, size_t head_size, const void *rest,
	size_t rest_size, uint64_t whole);

/* pcapng_end() - how many were written and missed since then; and flush */
int pcapng_end(struct pcapng_writer *w, uint64_t begin_ns, uint64_t end_ns, uint64_t n_packets, uint64_t n_missed);

/* pcapng_flush() - all into the file */
int pcapng_flush(struct pcapng_writer *w);

void pcapng_writer_deinit(struct pcapng_writer *w);

enum {
	PCAPNG_E_END = 1,
	PCAPNG_E_INVALID, /* see the fault */
	PCAPNG_MAX_INTERFACES = 256,
};

struct pcapng_interface {
	uint32_t linktype;
	uint8_t resolution; /* if_tsresol */
};

struct pcapng_reader {
	FILE *file; /* borrowed */
	uint64_t offset; /* of the next block */
	uint8_t *block;
	size_t capacity;
	bool has_section;
	size_t n_interfaces;
	struct pcapng_interface interfaces[PCAPNG_MAX_INTERFACES];
	char fault[160]; /* what is wrong, and at which byte */
};

struct pcapng_packet {
	uint64_t offset; /* of its block */
	uint64_t time_ns;
	uint32_t linktype;
	const uint8_t *bytes; /* until the next one */
	size_t size;
};

void pcapng_reader_init(struct pcapng_reader *r, FILE *file);
void pcapng_reader_deinit(struct pcapng_reader *r);

/* pcapng_next() - Return: 0; PCAPNG_E_*; -ENOMEM; -EIO or another errno of reading.  Blocks: while it reads. */
int pcapng_next(struct pcapng_reader *r, struct pcapng_packet *ret);
