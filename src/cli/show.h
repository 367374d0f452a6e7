/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * show: a value for people, on a terminal
 *
 *   player: Front_Center
 *   volume: 0.5
 *   formats:
 *     - mono
 *     - 48000
 *
 * A text stands without quotes, unless it could be taken for something else
 * (`"5"`, `"true"`, `""`, `" x"`, `"two\nlines"`). A text that is the whole value
 * keeps its lines. Bytes are h'0102…', cut where many. For programs there is json_print().
 */

#include <json-c/json_object.h>
#include <stdio.h>

/* show_value() - write a value, with a newline at its end.  Errors stay in the stream. */
void show_value(FILE *out, struct json_object *value);
