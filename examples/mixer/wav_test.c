/* SPDX-License-Identifier: MIT */

/* wav_test: what is written can be read, and every other file is refused with its own words */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wav.h"

static char path[] = "wav-test-XXXXXX";

static void
setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

static void
teardown(void)
{
	(void)unlink(path);
}

static void
write_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	ck_assert_int_eq(close(fd), 0);
}

/* A file of four frames; the tests spoil a copy. */
static const uint8_t good[] = "RIFF\x2c\0\0\0WAVE"
			      "fmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0"
			      "data\x08\0\0\0\1\0\2\0\3\0\4\0";

enum {
	GOOD = sizeof(good) - 1,
	CODEC = 20,
	CHANNELS = 22,
	RATE = 24,
	BITS = 34,
	DATA = 36,
	SIZE = 40
};

static void
expect_refused(const void *bytes, size_t n, const char *words)
{
	struct wav_reader wav = WAV_READER_INIT;
	char why[WAV_WHY] = "";

	write_file(bytes, n);
	ck_assert_int_eq(wav_reader_open(path, &wav, why), WAV_E_REFUSED);
	ck_assert_msg(strstr(why, words) != NULL, "'%s' does not say '%s'", why, words);
	ck_assert_int_eq(wav.fd, -1);
}

static void
expect_spoilt(size_t at, const void *bytes, size_t n, const char *words)
{
	uint8_t file[GOOD];

	memcpy(file, good, GOOD);
	memcpy(file + at, bytes, n);
	expect_refused(file, GOOD, words);
}

static void
expect_samples(struct wav_reader *wav, const uint8_t *samples, size_t n)
{
	uint8_t got[64];

	ck_assert_uint_eq(wav->n_frames, n);
	ck_assert_int_eq(wav_reader_read(wav, got, 1), 1);
	ck_assert_int_eq(wav_reader_read(wav, got + 2, 30), (ssize_t)n - 1);
	ck_assert_mem_eq(got, samples, 2 * n);
	ck_assert_int_eq(wav_reader_read(wav, got, 30), 0);
	wav_reader_close(wav);
	ck_assert_int_eq(wav->fd, -1);
}

START_TEST(good_file_is_read)
{
	struct wav_reader wav = WAV_READER_INIT;
	char why[WAV_WHY];

	write_file(good, GOOD);
	ck_assert_int_eq(wav_reader_open(path, &wav, why), 0);
	expect_samples(&wav, good + 44, 4);
}
END_TEST

START_TEST(other_chunks_are_skipped)
{
	static const uint8_t list[] = "LIST\x03\0\0\0abc\0"; /* odd: padded */
	uint8_t file[GOOD + 12 + 4];
	struct wav_reader wav = WAV_READER_INIT;
	char why[WAV_WHY];

	memcpy(file, good, 12);
	memcpy(file + 12, list, 12);
	memcpy(file + 24, good + 12, GOOD - 12);
	memcpy(file + 12 + GOOD, "tail", 4);
	write_file(file, sizeof(file));
	ck_assert_int_eq(wav_reader_open(path, &wav, why), 0);
	expect_samples(&wav, good + 44, 4);
}
END_TEST

START_TEST(written_file_is_the_same)
{
	struct wav_writer *writer;
	struct wav_reader wav = WAV_READER_INIT;
	uint8_t bytes[GOOD + 1];
	char why[WAV_WHY];
	int fd;

	ck_assert_int_eq(wav_writer_new(path, &writer), 0);
	ck_assert_int_eq(wav_writer_write(writer, good + 44, 3), 0);
	ck_assert_int_eq(wav_writer_flush(writer), 0);
	ck_assert_int_eq(wav_writer_write(writer, good + 50, 1), 0);
	ck_assert_int_eq(wav_writer_flush(writer), 0);
	ck_assert_ptr_null(wav_writer_free(writer));

	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, bytes, sizeof(bytes)), GOOD);
	ck_assert_mem_eq(bytes, good, GOOD);
	(void)close(fd);
	ck_assert_int_eq(wav_reader_open(path, &wav, why), 0);
	expect_samples(&wav, good + 44, 4);
}
END_TEST

START_TEST(empty_mix_is_a_file)
{
	struct wav_reader wav = WAV_READER_INIT;
	struct wav_writer *writer;
	char why[WAV_WHY];

	ck_assert_int_eq(wav_writer_new(path, &writer), 0);
	ck_assert_int_eq(wav_reader_open(path, &wav, why), 0);
	ck_assert_uint_eq(wav.n_frames, 0);
	wav_reader_close(&wav);
	ck_assert_ptr_null(wav_writer_free(writer));
}
END_TEST

START_TEST(other_formats_are_named)
{
	expect_spoilt(CODEC, "\3", 1, "floating point, mono, 16 bits, 48000 Hz");
	expect_spoilt(CODEC, "\7", 1, "mu-law");
	expect_spoilt(CODEC, "\x99", 1, "unknown codec");
	expect_spoilt(CHANNELS, "\2", 1, "PCM, stereo, 16 bits, 48000 Hz");
	expect_spoilt(CHANNELS, "\6", 1, "6 channels");
	expect_spoilt(CHANNELS, "\0", 1, "0 channels");
	expect_spoilt(
		RATE, "\x44\xac", 2, "44100 Hz; the mixer takes mono, 16 bits, 48000 Hz, PCM");
	expect_spoilt(BITS, "\x18", 1, "24 bits");
	expect_spoilt(0, "OggS", 4, "an Ogg file");
	expect_spoilt(0, "fLaC", 4, "a FLAC file");
	expect_spoilt(0, "RF64", 4, "RF64");
	expect_spoilt(8, "AVI ", 4, "is not a WAV file");
}
END_TEST

START_TEST(damaged_files_are_refused)
{
	size_t n;

	expect_refused("", 0, "too short for a WAV file (0 bytes)");
	for (n = 1; n < GOOD; n++)
		expect_refused(good, n, n < 12 ? "too short" : n < DATA + 8 ? "" : "cut off");
	expect_spoilt(SIZE, "\x0a", 1, "promises 10 bytes of sound and has 8");
	expect_spoilt(SIZE, "\xff\xff\xff\xff", 4, "promises 4294967295 bytes");
	expect_spoilt(SIZE, "\7", 1, "middle of a sample");
	expect_spoilt(16, "\xff\xff\xff\xff", 4, "cut off in its header");
	expect_spoilt(16, "\4", 1, "damaged header");
	expect_spoilt(12, "what", 4, "does not say its format");
	expect_spoilt(DATA, "what", 4, "no sound");
}
END_TEST

START_TEST(odd_things_are_refused)
{
	struct wav_reader wav = WAV_READER_INIT;
	char why[WAV_WHY];

	ck_assert_int_eq(wav_reader_open("/", &wav, why), WAV_E_REFUSED);
	ck_assert_int_eq(wav_reader_open("/dev/zero", &wav, why), WAV_E_REFUSED);
	ck_assert_int_eq(wav_reader_open("no-such-file.wav", &wav, why), -ENOENT);
}
END_TEST

START_TEST(file_that_shrinks_is_an_error)
{
	struct wav_reader wav = WAV_READER_INIT;
	char why[WAV_WHY], frames[8];

	write_file(good, GOOD);
	ck_assert_int_eq(wav_reader_open(path, &wav, why), 0);
	ck_assert_int_eq(truncate(path, GOOD - 4), 0);
	ck_assert_int_eq(wav_reader_read(&wav, frames, 4), -EIO);
	wav_reader_close(&wav);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wav");
	TCase *tcase = tcase_create("wav");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, good_file_is_read);
	tcase_add_test(tcase, other_chunks_are_skipped);
	tcase_add_test(tcase, written_file_is_the_same);
	tcase_add_test(tcase, empty_mix_is_a_file);
	tcase_add_test(tcase, other_formats_are_named);
	tcase_add_test(tcase, damaged_files_are_refused);
	tcase_add_test(tcase, odd_things_are_refused);
	tcase_add_test(tcase, file_that_shrinks_is_an_error);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
