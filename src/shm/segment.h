/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * segment: a sealed memfd that one process writes and others only read
 *
 * The owner makes it in an order that leaves no gap: memory is paid for before
 * anybody can see it, the one writable mapping exists before the seals, and
 * the seals are complete before the descriptor is handed out. From then on no
 * process can get a second writable mapping or change the size, whatever it
 * does with the descriptor (docs/security.md has the list of what was tried).
 *
 * The receiver trusts none of this and checks it on the descriptor, before it
 * maps: what it reads afterwards may change under its eyes, but cannot vanish.
 *
 * Both mappings are absent in a forked child. A mapping cannot be revoked: who
 * once has a segment can read it as long as it likes.
 */

#include "base/attribute.h"

/*
 * No segment is larger; offsets into them have 32 bits. There must be a limit: where no control
 * group has one, the kernel does not refuse an allocation that is too large, but kills processes
 * until it succeeds.
 */
#define SEGMENT_SIZE_MAX (((size_t)1 << 30) + ((size_t)1 << 16)) /* 1 GiB of payload and its head */

#define SEGMENT_SEALS (0x0001 | 0x0002 | 0x0004 | 0x0010) /* SEAL, SHRINK, GROW, FUTURE_WRITE */

enum {
	SEGMENT_E_NOT_MEMFD =
		1,	 /* a disk file, a pipe, huge pages, a memfd that cannot be read, … */
	SEGMENT_E_SEALS, /* not all seals are there, so it could change size or writer */
	SEGMENT_E_SIZE,	 /* outside the limits, or not whole pages */
	SEGMENT_E_HOLES, /* not all memory is there: reading would charge the reader */
};

/* @fd is the owner's (-1 with a receiver, or after segment_close_fd()). */
struct segment {
	int fd;
	uint8_t *base; /* writable only if @owned */
	size_t size;
	bool owned;
};

#define SEGMENT_INIT ((struct segment){.fd = -1})

/**
 * segment_create() - make a segment of our own, zeroed, mapped read-write
 * @name: shown in /proc/PID/maps, nothing else; at most 249 bytes
 * @size: rounded up to whole pages; not 0, at most SEGMENT_SIZE_MAX
 *
 * All memory is allocated and zeroed now. Fill in the head before handing out @fd.
 *
 * Return: 0, or a negative errno (-E2BIG, -ENOMEM, -EMFILE, -EINVAL, …).
 * Threads: any.  Blocks: may, while memory is found.
 */
int segment_create(struct segment *ret_segment, const char *name, size_t size);

/**
 * segment_open() - check and map read-only what a peer handed over
 * @fd: borrowed; the caller closes it, and may do so at once
 * @min, @max: limits of the size in bytes, inclusive
 *
 * Return: 0, a SEGMENT_E_* answer, or a negative errno.  Threads: any.  Blocks: never.
 */
int segment_open(struct segment *ret_segment, int fd, size_t min, size_t max);

/**
 * segment_open_trusted() - the same, of ternd's: that it filled all of it is believed, where segment_open() looks
 *
 * So the time does not grow with the size.
 */
int segment_open_trusted(struct segment *ret_segment, int fd, size_t min, size_t max);

/* segment_close_fd() - give up the descriptor, keep the mapping; idempotent */
void segment_close_fd(struct segment *segment);

/* segment_deinit() - unmap and close; takes NULL and SEGMENT_INIT; leaves SEGMENT_INIT */
void segment_deinit(struct segment *segment);

/* segment_strerror() - a constant text for a SEGMENT_E_* answer */
const char *segment_strerror(int answer);

/* segment_page_size() - bytes in a page of this machine */
size_t segment_page_size(void);
