/* SPDX-License-Identifier: MIT */

/*
 * journal-fuzz: any bytes as the journal of a ternd that was killed
 *
 * The first bytes of the input say where in a good journal the others lie. What is believed is read to its end and
 * written to.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/attribute.h"
#include "io/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink;
static char path[64];

static void
write_good(void)
{
	struct journal journal = JOURNAL_INIT;

	(void)unlink(path); /* of the input before */
	if (journal_open(&journal, path) < 0)
		return;
	for (uint32_t i = 0; i < 4; i++)
		(void)journal_append(&journal, i, i + 2, "something to remember", 3 * i + 2, NULL);
	journal_close(&journal);
}

static void
write_input(const uint8_t *data, size_t size)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && size > 1)
		(void)!pwrite(fd, data + 1, size - 1, data[0]); /* short writes are inputs, too */
}

static void
read_all(void)
{
	struct journal journal = JOURNAL_INIT;
	struct journal_entry entry;
	size_t at = 0, n = 0;

	if (journal_open(&journal, path) < 0)
		return;
	while (journal_next(&journal, &at, &entry)) {
		const uint8_t *bytes = entry.bytes;

		assert(bytes >= journal.map && entry.size <= journal.size);
		assert((size_t)(bytes - journal.map) <= journal.size - entry.size);
		for (size_t i = 0; i < entry.size; i++)
			sink += bytes[i];
		n++;
	}
	assert(n <= journal.size);
	(void)journal_append(&journal, 1, 2, "more", 4, NULL); /* either */
	journal_remove(&journal);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!*path)
		(void)snprintf(path, sizeof(path), "/tmp/tern-journal-fuzz-%d", (int)getpid()); /* fits */
	write_good();
	write_input(data, size);
	read_all();
	return 0;
}
