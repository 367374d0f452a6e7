/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * complete: what a word that is being typed may become
 *
 * One line a word: the word, and behind a tab what it is. Lines that begin with a
 * colon say something to the shell that asks:
 *
 *   :file      files may be meant, too
 *   :program   a command of the shell's may be meant
 *
 * All shells ask this: those of others by `tern __complete WORD…`, where the words are what is
 * behind `tern` up to the cursor, the last being the one that is typed, maybe empty.
 *
 * What a service says is asked of the service; nobody waits for it, nor for a bus, longer than a
 * moment, and nothing is said where there is none.
 */

#include <stddef.h>

/* complete_run() - print what the last of n words may become. Return: STATUS_OK, always. */
int complete_run(char *const *words);
