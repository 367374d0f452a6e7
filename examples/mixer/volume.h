/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * volume: what people type and read (0.5, 50%, +0.1) and what travels (Q15)
 */

#include <stdint.h>

enum { VOLUME_TEXT = 16 };

/**
 * volume_parse() - read a volume: "0.5", "50%"; 0 to 2
 * @ret: Q15, rounded to the nearest
 *
 * Return: 0, or -EINVAL (not a number), -ERANGE (not between 0 and 2).  Threads: any.
 */
int volume_parse(const char *text, uint32_t *ret);

/**
 * volume_parse_shift() - read a change of volume: "+0.1", "-10%"; -2 to 2
 *
 * Return: as volume_parse().  Threads: any.
 */
int volume_parse_shift(const char *text, int32_t *ret);

/** volume_print() - write a volume as people read it, "0.50000".  Threads: any. */
const char *volume_print(uint32_t volume, char ret[VOLUME_TEXT]);
