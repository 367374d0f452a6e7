/* SPDX-License-Identifier: MIT */

/* head: the first 128 bytes of every segment */

#include "shm/head.h"
#include "base/atomic.h"

/* No hidden padding: the same fields, packed, take the same room. */
struct shm_head_twin {
	uint64_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t kind;
	uint64_t size;
	uint32_t head_size;
	uint32_t n_parts;
	struct {
		uint32_t off;
		uint32_t size;
	} __attribute__((packed)) parts[SHM_HEAD_PARTS];
} __attribute__((packed));

static_assert(sizeof(struct shm_off) == sizeof(uint32_t), "an offset is a bare word");
static_assert(sizeof(struct shm_part) == 2 * sizeof(uint32_t), "a part is two bare words");
static_assert(sizeof(struct shm_head) == sizeof(struct shm_head_twin), "no padding");
static_assert(sizeof(struct shm_head) == 128, "two cache lines");
static_assert(
	offsetof(struct shm_head, parts) == offsetof(struct shm_head_twin, parts), "no padding");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "SHM_MAGIC is spelt for little-endian");

static bool
part_valid(struct shm_part part, uint64_t head_size, uint64_t size)
{
	uint64_t begin = part.off.off;

	if (begin == 0)
		return part.size == 0;
	if (begin < head_size || begin % SHM_PART_ALIGN)
		return false;
	return begin <= size && part.size <= size - begin;
}

void
head_set_part(struct shm_head *head, unsigned int index, uint32_t offset, uint32_t size)
{
	struct shm_part part = {.off = {offset}, .size = size};

	assert(index < SHM_HEAD_PARTS);
	assert(offset > 0 && part_valid(part, sizeof(*head), load_rlx(&head->size)));

	store_rlx(&head->parts[index], part);
	if (index >= load_rlx(&head->n_parts))
		store_rlx(&head->n_parts, index + 1);
}

/* Relaxed stores: nobody else has the segment yet; handing it out goes through the kernel. */
void
head_init(struct shm_head *head, enum shm_kind kind, size_t size)
{
	assert((uintptr_t)head % CACHE_LINE == 0);
	assert(size >= sizeof(*head));
	assert(kind > 0 && kind < N_SHM_KINDS);

	store_rlx(&head->major, SHM_MAJOR);
	store_rlx(&head->minor, SHM_MINOR);
	store_rlx(&head->kind, kind);
	store_rlx(&head->size, size);
	store_rlx(&head->head_size, sizeof(*head));
	store_rlx(&head->n_parts, 0);
	if (MINOR_AHEAD && size >= sizeof(*head) + CACHE_LINE)
		head_set_part(head, SHM_HEAD_PARTS - 1, sizeof(*head), CACHE_LINE);
	store_rlx(&head->magic, SHM_MAGIC);
}

static int
head_check_parts(const struct shm_head *shared, uint32_t head_size, struct head *head)
{
	uint32_t n_parts = load_rlx(&shared->n_parts);

	if (n_parts > (head_size - offsetof(struct shm_head, parts)) / sizeof(struct shm_part))
		return HEAD_E_SIZE;
	for (uint32_t i = 0; i < MIN(n_parts, (uint32_t)SHM_HEAD_PARTS); i++) {
		head->parts[i] = load_rlx(&shared->parts[i]);
		if (!part_valid(head->parts[i], head_size, head->size))
			return HEAD_E_PART;
	}
	return 0;
}

/* Relaxed loads throughout: the head came through the kernel, and each word is read once. */
int
head_check(const void *base, size_t size, enum shm_kind kind, struct head *ret_head)
{
	const struct shm_head *shared = base;
	struct head head = HEAD_INIT;
	uint32_t head_size;
	int r;

	assert((uintptr_t)base % CACHE_LINE == 0);

	if (size < sizeof(*shared) || load_rlx(&shared->magic) != SHM_MAGIC)
		return HEAD_E_MAGIC;
	if (load_rlx(&shared->major) != SHM_MAJOR)
		return HEAD_E_VERSION;
	head.minor = load_rlx(&shared->minor);
	head.kind = load_rlx(&shared->kind);
	if (head.kind != kind)
		return HEAD_E_KIND;
	head.size = load_rlx(&shared->size);
	head_size = load_rlx(&shared->head_size);
	if (head.size != size || head_size < sizeof(*shared) || head_size > size)
		return HEAD_E_SIZE;
	r = head_check_parts(shared, head_size, &head);
	if (r)
		return r;

	assert(head_valid(&head));
	if (ret_head)
		*ret_head = head;
	return 0;
}

const char *
head_strerror(int answer)
{
	switch (answer) {
	case HEAD_E_MAGIC:
		return "not a tern segment";
	case HEAD_E_VERSION:
		return "the segment has another major version of the format";
	case HEAD_E_KIND:
		return "the segment is of another kind than announced";
	case HEAD_E_SIZE:
		return "the segment's head tells a wrong size";
	case HEAD_E_PART:
		return "a part of the segment lies outside it";
	default:
		return "unknown answer about a segment's head";
	}
}

bool
head_valid(const struct head *head)
{
	if (head->kind == 0 || head->kind >= N_SHM_KINDS || head->size < sizeof(struct shm_head))
		return false;
	for (size_t i = 0; i < SHM_HEAD_PARTS; i++)
		if (!part_valid(head->parts[i], sizeof(struct shm_head), head->size))
			return false;
	return true;
}
