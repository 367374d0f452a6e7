/* SPDX-License-Identifier: MIT */

/* sink-alsa: the mix through a sound card, which then sets the pace of everybody */

#include <alsa/asoundlib.h>
#include <errno.h>
#include <stdlib.h>

#include "mix.h"
#include "sink.h"

enum { SINK_ALSA_LATENCY_US = 50000 };

struct sink_alsa {
	struct sink sink;
	snd_pcm_t *pcm;
};

static int
sink_alsa_write(struct sink *sink, const void *samples)
{
	snd_pcm_t *pcm = ((struct sink_alsa *)sink)->pcm;
	const char *at = samples;
	size_t left = MIX_BLOCK;

	while (left) {
		snd_pcm_sframes_t n = snd_pcm_writei(pcm, at, left);

		/* the card ran dry, or the machine slept: begin again with this block */
		if (n < 0)
			n = snd_pcm_recover(pcm, (int)n, 1);
		if (n < 0)
			return (int)n;
		at += 2 * n;
		left -= (size_t)n;
	}
	return 0;
}

static int
sink_alsa_flush(struct sink *sink)
{
	snd_pcm_t *pcm = ((struct sink_alsa *)sink)->pcm;

	if (snd_pcm_state(pcm) == SND_PCM_STATE_PREPARED)
		(void)snd_pcm_start(
			pcm); /* less than a buffer was written; what fails here shows later */
	return 0;
}

static void
sink_alsa_free(struct sink *sink)
{
	struct sink_alsa *s = (struct sink_alsa *)sink;

	(void)snd_pcm_drain(s->pcm); /* plays what is there, or fails: both are the end */
	(void)snd_pcm_close(s->pcm);
	free(s);
}

static const struct sink_ops sink_alsa_ops = {
	.write = sink_alsa_write,
	.flush = sink_alsa_flush,
	.free = sink_alsa_free,
};

int
sink_new_alsa(const char *device, struct sink **ret, const char **why)
{
	struct sink_alsa *s = malloc(sizeof(*s));
	int r;

	if (!s) {
		*why = "out of memory";
		return -ENOMEM;
	}
	s->sink.ops = &sink_alsa_ops;
	r = snd_pcm_open(&s->pcm, device, SND_PCM_STREAM_PLAYBACK, 0);
	if (!r) {
		r = snd_pcm_set_params(s->pcm, SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED,
			1, MIX_RATE, 1, SINK_ALSA_LATENCY_US);
		if (r)
			(void)snd_pcm_close(s->pcm);
	}
	if (r) {
		*why = snd_strerror(r);
		free(s);
		return r;
	}
	*ret = &s->sink;
	return 0;
}
