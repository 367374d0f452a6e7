/* SPDX-License-Identifier: MIT */

/* versions: where the word of a key is, and the reader's mapping */

#include <sys/mman.h>

#include "shm/hash.h"
#include "shm/table.h"
#include "shm/versions.h"

/* The hash is not keyed: both sides must come to the same word, and sharing one costs only a match.
 */
enum {
	SEED_TAG = 1,
	SEED_NAME = 2,
	SEED_PEER = 3,
};

static_assert((VERSIONS_N_TAGS & (VERSIONS_N_TAGS - 1)) == 0, "hashes are masked");
static_assert((VERSIONS_N_SENDERS & (VERSIONS_N_SENDERS - 1)) == 0, "hashes are masked");
static_assert(VERSIONS_SENDERS % 8 == 0, "the word of the tagless has a cache line");

int
versions_open(struct versions *ret, int fd)
{
	struct segment segment = SEGMENT_INIT;
	struct head head;
	int r;

	r = segment_open_trusted(&segment, fd, sizeof(struct shm_head), TABLE_SIZE_MAX);
	if (r)
		return r > 0 ? TABLE_E_SEGMENT : error_trace(r);
	r = head_check(segment.base, segment.size, SHM_KIND_VERSIONS, &head);
	if (r || head.parts[VERSIONS_PART_WORDS].size < VERSIONS_N_WORDS * sizeof(uint64_t)) {
		segment_deinit(&segment);
		return r == HEAD_E_VERSION ? TABLE_E_VERSION : TABLE_E_FORMAT;
	}
	ret->segment = segment;
	ret->words = (const void *)(segment.base + head.parts[VERSIONS_PART_WORDS].off.off);
	return 0;
}

int
versions_replace(struct versions *versions, int fd)
{
	struct versions new = {.segment = SEGMENT_INIT};
	int r;

	r = versions_open(&new, fd);
	if (r)
		return r;
	if (new.segment.size != versions->segment.size ||
		new.words - (const _Atomic uint64_t *)new.segment.base !=
			versions->words - (const _Atomic uint64_t *)versions->segment.base) {
		versions_deinit(&new);
		return TABLE_E_FORMAT;
	}
	if (mremap(new.segment.base, new.segment.size, new.segment.size, MREMAP_MAYMOVE | MREMAP_FIXED,
		    versions->segment.base) == MAP_FAILED) {
		r = -errno;
		versions_deinit(&new);
	}
	return r;
}

void
versions_deinit(struct versions *versions)
{
	if (versions->segment.base)
		segment_deinit(&versions->segment);
	versions->words = NULL;
}

uint32_t
versions_of_tag(const char *text, size_t size)
{
	return (uint32_t)(hash_bytes(SEED_TAG, text, size) & (VERSIONS_N_TAGS - 1));
}

uint32_t
versions_of_name(const char *name, size_t size)
{
	uint64_t hash = hash_bytes(SEED_NAME, name, size);

	return VERSIONS_SENDERS + (uint32_t)(hash & (VERSIONS_N_SENDERS - 1));
}

uint32_t
versions_of_peer(uint64_t id)
{
	uint64_t hash = hash_bytes(SEED_PEER, &id, sizeof(id));

	return VERSIONS_SENDERS + (uint32_t)(hash & (VERSIONS_N_SENDERS - 1));
}
