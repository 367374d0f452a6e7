/* SPDX-License-Identifier: MIT */

/* sink-no-alsa: in place of sink-alsa.c where ALSA's headers are missing */

#include <errno.h>

#include "sink.h"

int
sink_new_alsa(const char *device, struct sink **ret, const char **why)
{
	*why = "built without ALSA; -o FILE.wav writes a file";
	return -ENOTSUP;
}
