/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * wav: recordings in, the mix out
 *
 * One format and no other: RIFF/WAVE, PCM, mono, 16 bits, 48,000 frames a
 * second. A file that has anything else is refused with a sentence that names
 * what it has. Every number in a file is checked against the file's size before
 * it is used.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	WAV_E_REFUSED = 1, /* not what the mixer takes; why[] says what it is */
	WAV_WHY = 200,
	WAV_HEADER = 44,
	WAV_BUFFER = 65536,
};

/* A recording that is being read. */
struct wav_reader {
	int fd;
	uint64_t n_frames; /* in the whole recording */
	uint64_t n_left;   /* not yet read */
};

#define WAV_READER_INIT                                                                            \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* A recording that is being written; what is on disk is a whole WAV file after every flush. */
struct wav_writer {
	int fd;
	uint64_t n_bytes; /* of sound, written */
	size_t n_buffered;
	uint8_t buffer[WAV_BUFFER];
};

/**
 * wav_reader_open() - open a recording and check its format
 * @ret: set on success; the caller's, until wav_reader_close()
 * @why: set with WAV_E_REFUSED: a sentence for people, without the file's name
 *
 * Return: 0, WAV_E_REFUSED, or a negative errno.  Threads: any.  Blocks: reads the file.
 */
int wav_reader_open(const char *path, struct wav_reader *ret, char why[WAV_WHY]);

/**
 * wav_reader_read() - read the next frames, as they are in the file, to where they are wanted
 * @samples: room for n_frames little-endian samples
 *
 * Return: frames read, 0 at the end; -EIO if the file became shorter, or a negative errno.
 * Threads: one at a time.  Blocks: reads the file.
 */
ssize_t wav_reader_read(struct wav_reader *wav, void *samples, size_t n_frames);

/** wav_reader_close() - close it; takes WAV_READER_INIT too */
void wav_reader_close(struct wav_reader *wav);

/**
 * wav_writer_new() - create (or replace) a recording
 * @ret: set on success; the caller's, until wav_writer_free()
 *
 * Return: 0 or a negative errno.  Threads: any.  Blocks: writes the file.
 */
int wav_writer_new(const char *path, struct wav_writer **ret);

/**
 * wav_writer_write() - add frames
 *
 * Return: 0; -EFBIG when no more than 4 GiB fit; or a negative errno.
 * Threads: one at a time.  Blocks: writes the file now and then.
 */
int wav_writer_write(struct wav_writer *wav, const void *samples, size_t n_frames);

/** wav_writer_flush() - bring all of it into the file, with a header that says so; as write() */
int wav_writer_flush(struct wav_writer *wav);

/** wav_writer_free() - close it; what was not flushed is lost; takes NULL, returns NULL */
struct wav_writer *wav_writer_free(struct wav_writer *wav);
