/* SPDX-License-Identifier: MIT */
#pragma once

/* typed: an interface to be right and wrong about */

#define TYPED_TEXT                                                                                 \
	"# For tests.\n"                                                                           \
	"interface org.example.Links\n"                                                            \
	"type Point (x: int, y: int)\n"                                                            \
	"# Twice as much.\n"                                                                       \
	"method Double(n: int, note: ?string) -> (n: int)\n"                                       \
	"method Draw(points: []Point, colour: (red, green, blue), fill: ?bool) -> ()\n"            \
	"method All(note: ?string) -> (note: ?string)\n"                                           \
	"method Take(file: fd) -> ()\n"                                                            \
	"method Lie(how: uint) -> (n: int, kind: (one, two))\n"                                    \
	"method Later() -> ()\n"                                                                   \
	"event Ticked (n: uint, kind: (one, two))\n"                                               \
	"state Volume (value: uint)\n"                                                             \
	"# @settable\n"                                                                            \
	"state Balance (left: uint, right: uint)\n"                                                \
	"error TooMuch (most: uint)\n"
