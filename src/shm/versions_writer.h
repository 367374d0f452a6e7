/* SPDX-License-Identifier: MIT */
#pragma once

/* versions_writer: ternd's side of the version words */

#include "shm/versions.h"

struct versions_writer {
	struct segment segment;
	_Atomic uint64_t *words;
};

#define VERSIONS_WRITER_INIT ((struct versions_writer){.segment = SEGMENT_INIT})

/* versions_writer_init() - all words @first, beyond those of any ternd before; 0 or a negative errno */
int versions_writer_init(struct versions_writer *ret, uint64_t first);

/* versions_writer_deinit() - unmap and close; a zeroed one is fine */
void versions_writer_deinit(struct versions_writer *versions);

/* versions_fd() - the descriptor to send to peers; borrowed */
int versions_fd(const struct versions_writer *versions);

/* versions_bump() - what this word stands for has changed; store-release (T7) */
void versions_bump(struct versions_writer *versions, uint32_t index);
