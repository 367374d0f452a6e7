/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * sink: where the mix goes
 *
 * sink-wav.c writes a file; sink-alsa.c plays through a sound card, and
 * sink-no-alsa.c stands in for it where ALSA is not there to build with.
 */

#include <stddef.h>

struct sink;

/* What a kind of sink does; write() and flush() return 0 or a negative errno. */
struct sink_ops {
	/* MIX_BLOCK frames. May block for as long as they take to play. */
	int (*write)(struct sink *sink, const void *samples);
	/* The mix pauses here: bring what was written to where it belongs. */
	int (*flush)(struct sink *sink);
	/* Release everything. */
	void (*free)(struct sink *sink);
};

/* The beginning of every sink. */
struct sink {
	const struct sink_ops *ops;
};

/**
 * sink_new_wav() - write the mix to a file; it is replaced
 * @ret: set on success; the caller's, until ops->free()
 *
 * Return: 0 or a negative errno.  Threads: any.  Blocks: writes the file.
 */
int sink_new_wav(const char *path, struct sink **ret);

/**
 * sink_new_alsa() - play the mix through a sound card
 * @device: as ALSA names it, "default"
 * @ret:    set on success; the caller's, until ops->free()
 * @why:    set on failure: a constant that says what is wrong
 *
 * Return: 0; -ENOTSUP: built without ALSA; or a negative errno.  Threads: any.  Blocks: may.
 */
int sink_new_alsa(const char *device, struct sink **ret, const char **why);
