/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * foreign: memory that another process writes while it is read
 *
 * Some ranges of this process's memory count as another's. Before each reading of them (base/atomic.h, TERN_FUZZ) they
 * are changed as the input says: not at all, by a little, or into anything. The input goes round.
 */

#include <stddef.h>
#include <stdint.h>

/* foreign_begin() - no ranges; changes come from here, until the next one */
void foreign_begin(const uint8_t *data, size_t size);
/* foreign_add() - writable memory that counts as another's */
void foreign_add(volatile void *at, size_t size);
/* foreign_take() - pages that are mapped read-only become private ones with the same in them, and another's */
void foreign_take(const void *at, size_t size);
/* foreign_byte() - the next of the input */
uint8_t foreign_byte(void);
