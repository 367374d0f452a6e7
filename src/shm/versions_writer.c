/* SPDX-License-Identifier: MIT */

/* versions_writer: one segment of words that only ever grow */

#include "shm/versions_writer.h"

int
versions_writer_init(struct versions_writer *ret, uint64_t first)
{
	struct segment segment = SEGMENT_INIT;
	const size_t at = sizeof(struct shm_head), words_size = VERSIONS_N_WORDS * sizeof(uint64_t);
	int r;

	r = segment_create(&segment, "tern-versions", at + words_size);
	if (r)
		return error_trace(r);
	head_init((void *)segment.base, SHM_KIND_VERSIONS, segment.size);
	head_set_part((void *)segment.base, VERSIONS_PART_WORDS, at, words_size);
	ret->segment = segment;
	ret->words = (void *)(segment.base + at);
	for (size_t i = 0; i < VERSIONS_N_WORDS; i++)
		store_rlx(&ret->words[i], first); /* nobody has the descriptor yet */
	return 0;
}

void
versions_writer_deinit(struct versions_writer *versions)
{
	if (versions->segment.base)
		segment_deinit(&versions->segment);
	*versions = VERSIONS_WRITER_INIT;
}

int
versions_fd(const struct versions_writer *versions)
{
	return versions->segment.fd;
}

void
versions_bump(struct versions_writer *versions, uint32_t index)
{
	assert(index < VERSIONS_N_WORDS);
	store_rel(
		&versions->words[index], load_rlx(&versions->words[index]) + 1); /* own word; T7 */
}
