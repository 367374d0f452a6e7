/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * screen: a terminal as a page that is written anew, and given back as it was
 *
 * Plain ANSI sequences, nothing that a terminal would have to be looked up for. Signals that would end the program,
 * and a change of size, wake the loop; the terminal is given back before the program ends.
 *
 * Threads: the first one only.
 */

#include <stdbool.h>
#include <tern/loop.h>

/* screen_open() - take the terminal; standard output and input are one. Return: 0 or a negative errno. */
int screen_open(tern_bus *bus);

/* screen_close() - give it back; what is not open is fine */
void screen_close(void);

/* screen_begin() - a new page: home, and empty. screen_end() - show it. Return: false, the terminal is gone. */
void screen_begin(void);
bool screen_end(void);

/* screen_size() - lines and columns */
void screen_size(unsigned int *ret_lines, unsigned int *ret_columns);

/* screen_is_over() - a signal came, the terminal went, or q was typed */
bool screen_is_over(void);
/* screen_is_pressed() - another key was, or the size changed: since the last time this was asked */
bool screen_is_pressed(void);
