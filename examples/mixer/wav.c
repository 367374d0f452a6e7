/* SPDX-License-Identifier: MIT */

/* wav: a walk over the chunks of a file with pread(), and a writer that fills its header in later
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mix.h"
#include "wav.h"

enum {
	WAV_MAX_CHUNKS = 64, /* before the sound; more is not a recording */
	WAV_FMT = 40,	     /* bytes of the largest fmt chunk there is */
	WAV_PCM = 1,
	WAV_EXTENSIBLE = 0xfffe,
};

/* What a fmt chunk says. */
struct wav_format {
	uint16_t codec;
	uint16_t n_channels;
	uint32_t rate;
	uint16_t bits;
};

static uint16_t
wav_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
wav_get32(const uint8_t *p)
{
	return wav_get16(p) | (uint32_t)wav_get16(p + 2) << 16;
}

static void
wav_put32(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)x;
	p[1] = (uint8_t)(x >> 8);
	p[2] = (uint8_t)(x >> 16);
	p[3] = (uint8_t)(x >> 24);
}

__attribute__((__format__(__printf__, 2, 3))) static int
wav_refuse(char why[WAV_WHY], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, WAV_WHY, format, ap);
	va_end(ap);
	return WAV_E_REFUSED;
}

/* Read exactly n bytes at an offset: 0, -ENODATA when the file ends before, or a negative errno. */
static int
wav_read_at(int fd, void *buf, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -ENODATA;
		done += (size_t)got;
	}
	return 0;
}

static const char *
wav_codec_name(uint16_t codec)
{
	switch (codec) {
	case WAV_PCM:
		return "PCM";
	case 2:
		return "Microsoft ADPCM";
	case 3:
		return "floating point";
	case 6:
		return "A-law";
	case 7:
		return "mu-law";
	case 0x11:
		return "IMA ADPCM";
	case 0x55:
		return "MP3";
	default:
		return "an unknown codec";
	}
}

/* What a file that is not RIFF/WAVE probably is. */
static int
wav_refuse_other(const uint8_t *head, char why[WAV_WHY])
{
	static const struct {
		const char *magic, *what;
	} known[] = {
		{"OggS", "an Ogg file"},
		{"fLaC", "a FLAC file"},
		{"ID3", "an MP3 file"},
		{"FORM", "an AIFF file"},
		{".snd", "a Sun audio file"},
		{"RF64", "a 64-bit WAV file (RF64)"},
		{"RIFX", "a big-endian WAV file (RIFX)"},
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!memcmp(head, known[i].magic, strlen(known[i].magic)))
			return wav_refuse(
				why, "is %s; the mixer takes WAV files only", known[i].what);
	}
	return wav_refuse(why, "is not a WAV file");
}

static int
wav_check_format(const struct wav_format *f, char why[WAV_WHY])
{
	char channels[24];

	if (f->codec == WAV_PCM && f->n_channels == 1 && f->rate == MIX_RATE && f->bits == 16)
		return 0;

	(void)snprintf(channels, sizeof(channels), "%u channels", f->n_channels);
	return wav_refuse(why,
		"is %s, %s, %u bits, %u Hz; the mixer takes mono, 16 bits, 48000 Hz, PCM",
		wav_codec_name(f->codec),
		f->n_channels == 1   ? "mono"
		: f->n_channels == 2 ? "stereo"
				     : channels,
		f->bits, f->rate);
}

static int
wav_read_format(int fd, uint64_t offset, uint32_t size, struct wav_format *ret, char why[WAV_WHY])
{
	uint8_t fmt[WAV_FMT] = {0};
	int r;

	if (size < 16)
		return wav_refuse(why, "has a damaged header (its format takes %u bytes)", size);
	r = wav_read_at(fd, fmt, size < WAV_FMT ? size : WAV_FMT, offset);
	if (r)
		return r;
	ret->codec = wav_get16(fmt);
	ret->n_channels = wav_get16(fmt + 2);
	ret->rate = wav_get32(fmt + 4);
	ret->bits = wav_get16(fmt + 14);
	if (ret->codec == WAV_EXTENSIBLE && size >= 26)
		ret->codec = wav_get16(fmt + 24); /* the first two bytes of the sub-format */
	return wav_check_format(ret, why);
}

static int
wav_found_sound(
	uint64_t size, uint64_t at, uint64_t file_size, struct wav_reader *wav, char why[WAV_WHY])
{
	if (size > file_size - at)
		return wav_refuse(why, "is cut off: it promises %llu bytes of sound and has %llu",
			(unsigned long long)size, (unsigned long long)(file_size - at));
	if (size % 2)
		return wav_refuse(why, "ends in the middle of a sample");
	if (lseek(wav->fd, (off_t)at, SEEK_SET) < 0)
		return -errno;
	wav->n_frames = wav->n_left = size / 2;
	return 0;
}

/* Walk the chunks up to the sound; leaves the descriptor there. */
static int
wav_find_sound(struct wav_reader *wav, uint64_t file_size, char why[WAV_WHY])
{
	struct wav_format format;
	bool known = false;
	uint64_t at = 12;
	uint8_t head[8];
	int i, r;

	for (i = 0; i < WAV_MAX_CHUNKS && file_size - at >= sizeof(head); i++) {
		uint32_t size;

		r = wav_read_at(wav->fd, head, sizeof(head), at);
		if (r)
			return r;
		at += sizeof(head);
		size = wav_get32(head + 4);
		if (!memcmp(head, "data", 4)) {
			if (!known)
				return wav_refuse(why, "has sound but does not say its format");
			return wav_found_sound(size, at, file_size, wav, why);
		}
		if (size > file_size - at)
			return wav_refuse(why, "is cut off in its header");
		if (!memcmp(head, "fmt ", 4)) {
			r = wav_read_format(wav->fd, at, size, &format, why);
			if (r)
				return r;
			known = true;
		}
		at += size + (uint64_t)(size & 1);
		if (at > file_size)
			break;
	}
	return wav_refuse(why, "has no sound in it");
}

static int
wav_reader_begin(struct wav_reader *wav, char why[WAV_WHY])
{
	uint8_t head[12];
	struct stat st;
	int r;

	if (fstat(wav->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return wav_refuse(why, "is not a regular file");
	r = wav_read_at(wav->fd, head, sizeof(head), 0);
	if (r == -ENODATA)
		return wav_refuse(
			why, "is too short for a WAV file (%lld bytes)", (long long)st.st_size);
	if (r)
		return r;
	if (memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4))
		return wav_refuse_other(head, why);
	r = wav_find_sound(wav, (uint64_t)st.st_size, why);
	return r == -ENODATA ? wav_refuse(why, "is cut off in its header") : r;
}

int
wav_reader_open(const char *path, struct wav_reader *ret, char why[WAV_WHY])
{
	struct wav_reader wav = WAV_READER_INIT;
	int r;

	/* without O_NONBLOCK a named pipe would hold us up before it is refused */
	wav.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (wav.fd < 0)
		return -errno;
	r = wav_reader_begin(&wav, why);
	if (r) {
		wav_reader_close(&wav);
		return r;
	}
	*ret = wav;
	return 0;
}

ssize_t
wav_reader_read(struct wav_reader *wav, void *samples, size_t n_frames)
{
	size_t want = (n_frames < wav->n_left ? n_frames : (size_t)wav->n_left) * 2;
	size_t done = 0;

	while (done < want) {
		ssize_t got = read(wav->fd, (char *)samples + done, want - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -EIO;
		done += (size_t)got;
	}
	wav->n_left -= want / 2;
	return (ssize_t)(want / 2);
}

void
wav_reader_close(struct wav_reader *wav)
{
	if (wav->fd >= 0)
		(void)close(wav->fd); /* only read from */
	wav->fd = -1;
}

static int
wav_write_at(int fd, const void *buf, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put =
			pwrite(fd, (const char *)buf + done, n - done, (off_t)(offset + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		done += (size_t)put;
	}
	return 0;
}

static int
wav_write_header(struct wav_writer *wav)
{
	static const uint8_t form[WAV_HEADER] = "RIFF....WAVEfmt \20\0\0\0\1\0\1\0";
	uint8_t head[WAV_HEADER];

	memcpy(head, form, sizeof(head));
	wav_put32(head + 4, (uint32_t)wav->n_bytes + WAV_HEADER - 8);
	wav_put32(head + 24, MIX_RATE);
	wav_put32(head + 28, MIX_RATE * 2);
	wav_put32(head + 32, 2 | 16 << 16); /* bytes a frame, bits a sample */
	memcpy(head + 36, "data", 4);
	wav_put32(head + 40, (uint32_t)wav->n_bytes);
	return wav_write_at(wav->fd, head, sizeof(head), 0);
}

int
wav_writer_new(const char *path, struct wav_writer **ret)
{
	struct wav_writer *wav;
	int r;

	wav = malloc(sizeof(*wav));
	if (!wav)
		return -ENOMEM;
	wav->n_bytes = 0;
	wav->n_buffered = 0;
	wav->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	r = wav->fd < 0 ? -errno : wav_write_header(wav);
	if (r) {
		(void)wav_writer_free(wav); /* NULL */
		return r;
	}
	*ret = wav;
	return 0;
}

int
wav_writer_flush(struct wav_writer *wav)
{
	int r;

	if (!wav->n_buffered)
		return 0;
	r = wav_write_at(wav->fd, wav->buffer, wav->n_buffered, WAV_HEADER + wav->n_bytes);
	if (r)
		return r;
	wav->n_bytes += wav->n_buffered;
	wav->n_buffered = 0;
	return wav_write_header(wav);
}

int
wav_writer_write(struct wav_writer *wav, const void *samples, size_t n_frames)
{
	size_t n = n_frames * 2;
	int r;

	if (n > WAV_BUFFER)
		return -EINVAL;
	if (wav->n_bytes + wav->n_buffered + n > UINT32_MAX - WAV_HEADER)
		return -EFBIG;
	if (n > WAV_BUFFER - wav->n_buffered) {
		r = wav_writer_flush(wav);
		if (r)
			return r;
	}
	memcpy(wav->buffer + wav->n_buffered, samples, n);
	wav->n_buffered += n;
	return 0;
}

struct wav_writer *
wav_writer_free(struct wav_writer *wav)
{
	if (!wav)
		return NULL;
	if (wav->fd >= 0)
		(void)close(wav->fd); /* whoever cares has flushed */
	free(wav);
	return NULL;
}
