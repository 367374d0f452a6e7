/* SPDX-License-Identifier: MIT */

/* journal: entries in a file, where a kill does not reach them */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/atomic.h"
#include "base/minor.h"
#include "io/journal.h"

#define MAGIC   UINT64_C(0x6c616e72756f6a74) /* "tjournal" */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum {
	MAJOR = 1,
	MINOR = 0 + MINOR_AHEAD, /* kinds of entries, and more in each, are added */
	GRAIN = 8,
	FIRST_SIZE = 64 << 10,
	LEAST_SIZE = 1 << 20, /* below it nothing is written anew */
	MAX_GROWTH = 4,	      /* times what was live */
};

struct head {
	uint64_t magic;
	uint32_t major;
	uint32_t minor;
	char boot[JOURNAL_BOOT_SIZE];
	_Atomic(size_t) used; /* of the file; stored last */
};

struct entry {
	uint32_t size; /* of the bytes */
	uint32_t kind;
	uint64_t peer;
	uint8_t bytes[];
};

static struct head *
head(const struct journal *journal)
{
	return (struct head *)journal->map;
}

static size_t
used_size(const struct journal *journal)
{
	return journal->map ? load_rlx(&head(journal)->used) : 0;
}

static size_t
entry_size(size_t size)
{
	return ALIGN_TO(sizeof(struct entry) + size, (size_t)GRAIN);
}

/* --- the file --- */

static int
read_boot(char boot[JOURNAL_BOOT_SIZE])
{
	_cleanup_(fd_closep) int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

	memset(boot, 0, JOURNAL_BOOT_SIZE);
	if (fd < 0)
		return -errno;
	return read(fd, boot, JOURNAL_BOOT_SIZE - 1) < 0 ? -errno : 0;
}

/* Memory for all of it is taken at once: a store must not find the disk full. */
static int
resize(struct journal *journal, size_t size)
{
	void *map;
	int r;

	do
		r = fallocate(journal->fd, 0, 0, (off_t)size);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	map = journal->map ? mremap(journal->map, journal->size, size, MREMAP_MAYMOVE)
			   : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, journal->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	journal->map = map;
	journal->size = size;
	return 0;
}

static int
begin(struct journal *journal)
{
	struct head first = {.magic = MAGIC, .major = MAJOR, .minor = MINOR, .used = sizeof(first)};
	int r;

	if (ftruncate(journal->fd, 0) < 0)
		return -errno;
	r = read_boot(first.boot);
	if (!r)
		r = resize(journal, FIRST_SIZE);
	if (r)
		return error_trace(r);
	memcpy(head(journal), &first, sizeof(first));
	return 0;
}

/* Of this boot, and whole as far as it is used. */
static bool
is_believed(const struct journal *journal)
{
	const struct head *h = head(journal);
	char boot[JOURNAL_BOOT_SIZE];
	struct journal_entry entry;
	size_t at = 0, used = load_rlx(&h->used);

	if (h->magic != MAGIC || h->major != MAJOR || used > journal->size ||
		used < sizeof(*h) || read_boot(boot) < 0 || memcmp(boot, h->boot, sizeof(boot)))
		return false;
	while (journal_next(journal, &at, &entry))
		;
	return at == used;
}

static int
open_file(struct journal *journal, int flags)
{
	struct stat st;

	journal->fd = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (journal->fd < 0 || fstat(journal->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	if ((size_t)st.st_size < FIRST_SIZE)
		return begin(journal);
	return resize(journal, (size_t)st.st_size);
}

int
journal_open(struct journal *ret, const char *path)
{
	struct journal journal = JOURNAL_INIT;
	int r = 0;

	if (snprintf(journal.path, sizeof(journal.path), "%s", path) >= (int)sizeof(journal.path))
		return -ENAMETOOLONG;
	r = open_file(&journal, 0);
	if (!r && !is_believed(&journal))
		r = begin(&journal);
	if (r) {
		journal_close(&journal);
		return error_trace(r);
	}
	journal.live = used_size(&journal);
	*ret = journal;
	return 0;
}

void
journal_close(struct journal *journal)
{
	if (journal->map)
		(void)munmap(journal->map, journal->size); /* cannot fail: it is ours */
	journal->map = NULL;
	journal->fd = fd_close(journal->fd);
}

void
journal_remove(struct journal *journal)
{
	if (journal->map)
		(void)unlink(journal->path); /* one that stays is read, and nobody in it found */
	journal_close(journal);
}

/* --- entries --- */

bool
journal_next(const struct journal *journal, size_t *at, struct journal_entry *ret)
{
	const struct entry *entry;
	size_t used, left;

	if (!journal->map)
		return false;
	used = used_size(journal);
	if (*at == 0)
		*at = sizeof(struct head);
	left = used - *at;
	if (left < sizeof(*entry))
		return false;
	entry = (const struct entry *)(journal->map + *at);
	if (entry->size > JOURNAL_MAX_ENTRY || entry_size(entry->size) > left)
		return false;
	*ret = (struct journal_entry){
		.kind = entry->kind,
		.peer = entry->peer,
		.bytes = entry->bytes,
		.size = entry->size,
		.at = *at,
	};
	*at += entry_size(entry->size);
	return true;
}

int
journal_append(struct journal *journal, uint32_t kind, uint64_t peer, const void *bytes,
	size_t size, size_t *ret_at)
{
	struct entry *entry;
	size_t used;
	int r;

	if (!journal->map)
		return 0;
	if (size > JOURNAL_MAX_ENTRY)
		return -E2BIG;
	used = used_size(journal);
	if (entry_size(size) > journal->size - used) {
		r = resize(journal, 2 * journal->size);
		if (r)
			return error_trace(r);
	}
	entry = (struct entry *)(journal->map + used);
	entry->size = (uint32_t)size;
	entry->kind = kind;
	entry->peer = peer;
	if (size > 0)
		memcpy(entry->bytes, bytes, size);
	store_rel(&head(journal)->used, used + entry_size(size));
	if (ret_at)
		*ret_at = used;
	return 0;
}

void *
journal_at(const struct journal *journal, size_t at, size_t *ret_size)
{
	struct entry *entry = (struct entry *)(journal->map + at);

	if (ret_size)
		*ret_size = entry->size;
	return entry->bytes;
}

/* --- anew --- */

bool
journal_is_due(const struct journal *journal)
{
	size_t used = used_size(journal);

	return used > LEAST_SIZE && used / MAX_GROWTH > journal->live;
}

int
journal_begin_anew(const struct journal *journal, struct journal *ret)
{
	struct journal anew = JOURNAL_INIT;
	int r;

	if (snprintf(anew.path, sizeof(anew.path), "%s.new", journal->path) >=
		(int)sizeof(anew.path))
		return -ENAMETOOLONG;
	r = open_file(&anew, O_TRUNC);
	if (r) {
		journal_abandon(&anew);
		return error_trace(r);
	}
	*ret = anew;
	return 0;
}

int
journal_end_anew(struct journal *journal, struct journal *anew)
{
	if (rename(anew->path, journal->path) < 0) {
		int r = -errno;

		journal_abandon(anew);
		return r;
	}
	memcpy(anew->path, journal->path, sizeof(anew->path));
	anew->live = used_size(anew);
	journal_close(journal);
	*journal = *anew;
	*anew = JOURNAL_INIT;
	return 0;
}

void
journal_abandon(struct journal *anew)
{
	if (anew->fd >= 0)
		(void)unlink(anew->path);
	journal_close(anew);
}
