/* SPDX-License-Identifier: MIT */

/*
 * driver: runs a fuzzer as an ordinary test, without libFuzzer
 *
 *   x-fuzz [-t SECONDS] [-s SEED] [FILE or FOLDER]...
 *
 * Every file is given to LLVMFuzzerTestOneInput(), then mutations of them until
 * the time is over. The mutations depend on the seed alone. Each input is written to
 * x-fuzz.last in the working directory before: a find is run again with
 * `x-fuzz -t 0 x-fuzz.last`.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/attribute.h"
#include "base/clock.h"

#define MOST_BYTES 4096
#define MOST_SEEDS 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t *data;
	size_t size;
};

static struct input seeds[MOST_SEEDS];
static size_t n_seeds;
static uint64_t state = 1;
static int last = -1; /* the file of the input under way */

static uint64_t
random_next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t
random_below(size_t n)
{
	return (size_t)(random_next() % n);
}

static void
seed_add(const uint8_t *data, size_t size)
{
	struct input *seed;

	if (n_seeds == MOST_SEEDS)
		return;
	seed = &seeds[n_seeds];
	seed->data = malloc(size + 1);
	assert(seed->data);
	memcpy(seed->data, data, size);
	seed->size = size;
	n_seeds++;
}

static int
seed_read(const char *path)
{
	uint8_t buf[MOST_BYTES];
	ssize_t n;
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	seed_add(buf, (size_t)n);
	return 0;
}

static int
seed_read_folder(const char *path)
{
	char name[4096];
	struct dirent *entry;
	DIR *folder = opendir(path);
	int r = 0;

	if (!folder)
		return errno == ENOTDIR ? seed_read(path) : -errno;
	while (r == 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		r = seed_read(name);
	}
	(void)closedir(folder); /* was only read */
	return r;
}

static int
last_open(const char *program)
{
	char name[256];
	const char *base = strrchr(program, '/');

	(void)snprintf(name, sizeof(name), "%s.last", base ? base + 1 : program);
	last = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return last < 0 ? -errno : 0;
}

/* The fuzzer gets memory of just that size, so that a sanitizer sees a byte too far. */
static void
run_one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	assert(copy);
	memcpy(copy, data, size);
	if (ftruncate(last, (off_t)size) < 0 || pwrite(last, data, size, 0) != (ssize_t)size) {
		fprintf(stderr, "cannot write the last input\n");
		exit(2);
	}
	(void)LLVMFuzzerTestOneInput(copy, size); /* always 0 */
	free(copy);
}

static size_t
mutate(uint8_t *buf, size_t size)
{
	static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x20, 0xbf, 0x9f, 0x5f, 0x1b};
	size_t at = size ? random_below(size) : 0;
	size_t n;

	switch (random_below(6)) {
	case 0: /* a bit */
		buf[at] ^= (uint8_t)(1u << random_below(8));
		return size ? size : 1;
	case 1: /* a byte that borders on something */
		buf[at] = edges[random_below(sizeof(edges))];
		return size ? size : 1;
	case 2: /* cut */
		return at;
	case 3: /* take a piece out */
		n = size ? random_below(size - at) : 0;
		memmove(buf + at, buf + at + n, size - at - n);
		return size - n;
	case 4: /* put random bytes in */
		n = 1 + random_below(16); /* once: MIN() evaluates twice */
		n = MIN(n, MOST_BYTES - size);
		memmove(buf + at + n, buf + at, size - at);
		while (n--) {
			buf[at + n] = (uint8_t)random_next();
			size++;
		}
		return size;
	default: { /* go on with the end of another one */
		const struct input *other = &seeds[random_below(n_seeds)];
		size_t from = other->size ? random_below(other->size) : 0;

		n = MIN(other->size - from, MOST_BYTES - at);
		memcpy(buf + at, other->data + from, n);
		return at + n;
	}
	}
}

static uint64_t
run_mutations(uint64_t deadline)
{
	uint8_t buf[MOST_BYTES];
	uint64_t n;

	for (n = 0; (n & 0xff) || clock_now_ns() < deadline; n++) {
		const struct input *seed = &seeds[random_below(n_seeds)];
		size_t size = seed->size;

		memcpy(buf, seed->data, size);
		for (size_t i = 1 + random_below(4); i; i--)
			size = mutate(buf, size);
		run_one(buf, size);
	}
	return n;
}

int
main(int argc, char **argv)
{
	double seconds = 3;
	uint64_t n;
	int option;

	while ((option = getopt(argc, argv, "t:s:")) != -1) {
		if (option == 't')
			seconds = atof(optarg);
		else if (option == 's')
			state = strtoull(optarg, NULL, 0) | 1;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++) {
		if (seed_read_folder(argv[i]) < 0) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 2;
		}
	}
	if (last_open(argv[0]) < 0) {
		fprintf(stderr, "cannot write the last input here\n");
		return 2;
	}
	seed_add((const uint8_t *)"", 0);
	for (size_t i = 0; i < n_seeds; i++)
		run_one(seeds[i].data, seeds[i].size);
	n = run_mutations(clock_now_ns() + (uint64_t)(seconds * 1e9));
	printf("%zu inputs, %llu mutations, none of them bad\n", n_seeds, (unsigned long long)n);
	for (size_t i = 0; i < n_seeds; i++)
		free(seeds[i].data);
	return 0;
}
