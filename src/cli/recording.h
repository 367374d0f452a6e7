/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * recording: a message of the bus as a record in a file; docs/recording.md has every byte
 *
 * Encoder and decoder are twins. The decoder takes any bytes, allocates nothing and reads each once.
 */

#include "cli/traffic.h"

enum {
	RECORDING_VERSION = 1,
	/* The longest head: the fixed part, four strings, tags, the list of parts; each with what pads it. */
	RECORDING_HEAD_MAX = 88 + 4 * 256 + TERN_MAX_TAGS * 257 + 7 + TERN_MAX_PARTS * 16,
};

/*
 * recording_write() - all but the bytes of the parts, which follow one behind the other
 * @most: bytes of all parts that are kept; the rest counts as cut off
 * @ret_rest: how many bytes follow, of the parts from the first on
 *
 * Return: bytes of the head.
 */
size_t recording_write(const struct traffic *t, uint64_t most, uint8_t to[RECORDING_HEAD_MAX], uint64_t *ret_rest);

/*
 * recording_read() - a record
 * @ret: borrows from the bytes; time is not set, since it is the packet's
 *
 * Return: NULL, or what is wrong with it.
 */
const char *recording_read(const uint8_t *bytes, size_t size, struct traffic *ret);
