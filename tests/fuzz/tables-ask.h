/* SPDX-License-Identifier: MIT */
#pragma once

/* tables-ask: whatever a reader of a table can ask, of a table that says anything */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "shm/names.h"
#include "shm/peers.h"
#include "shm/rules.h"
#include "shm/tags.h"

enum {
	TABLES_CAPACITY = 32,
	TABLES_EXTRA = 8,
	N_TABLES = 4, /* kinds */
};

/* tables_image() - head and geometry of a table of this kind as a writer makes them, the rest from the input */
void *tables_image(int which, const uint8_t *data, size_t size, size_t *ret_size);
/* tables_ask() - asserts that answers are those of the contracts */
void tables_ask(int which, void *image, size_t size);
