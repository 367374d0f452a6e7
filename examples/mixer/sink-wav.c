/* SPDX-License-Identifier: MIT */

/* sink-wav: the mix as a WAV file */

#include <errno.h>
#include <stdlib.h>

#include "mix.h"
#include "sink.h"
#include "wav.h"

struct sink_wav {
	struct sink sink;
	struct wav_writer *wav;
};

static int
sink_wav_write(struct sink *sink, const void *samples)
{
	return wav_writer_write(((struct sink_wav *)sink)->wav, samples, MIX_BLOCK);
}

static int
sink_wav_flush(struct sink *sink)
{
	return wav_writer_flush(((struct sink_wav *)sink)->wav);
}

static void
sink_wav_free(struct sink *sink)
{
	(void)wav_writer_free(((struct sink_wav *)sink)->wav); /* NULL */
	free(sink);
}

static const struct sink_ops sink_wav_ops = {
	.write = sink_wav_write,
	.flush = sink_wav_flush,
	.free = sink_wav_free,
};

int
sink_new_wav(const char *path, struct sink **ret)
{
	struct sink_wav *s = malloc(sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->sink.ops = &sink_wav_ops;
	r = wav_writer_new(path, &s->wav);
	if (r) {
		free(s);
		return r;
	}
	*ret = &s->sink;
	return 0;
}
