/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * flip: memory that is changed between any two instructions of who reads it
 *
 * The director owns the memory, as a partner does, and may write it whenever it likes. A reader
 * takes one thing in, from one mark to the next. It is gone through once; then again and again, and
 * at each place of the way the director writes something hostile into a word, for good or for one
 * instruction. The reader must get to its mark, and find an error, nothing, or what it would have
 * found had the word been one thing or the other all the time.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fixture.h"
#include "stepper.h"
#include "tern/tern.h"

enum {
	MAX_WORDS = 256,
	MAX_NUMBERS_READ = 32,
	MAX_BYTES_READ = 4096,
	N_PATTERNS = 9,
};

/* What a reader made of it. Numbers belong together; each byte may be of before or after. */
struct answer {
	bool failed; /* an error: what it says is not looked at */
	uint32_t n_numbers, n_bytes;
	uint64_t numbers[MAX_NUMBERS_READ];
	uint8_t bytes[MAX_BYTES_READ];
};

/* Something of 1, 2, 4 or 8 bytes that may be changed. */
struct word {
	void *at;
	uint32_t size;
	uint64_t was; /* before what is read was written */
};

struct flips {
	char address[96];
	struct answer *answer;	/* shared */
	_Atomic uint32_t *told; /* shared: what a new reader says of itself */
	struct word words[MAX_WORDS];
	uint32_t n_words;
	uint64_t limit; /* the size of what is read: a pattern */
	void *scene;	/* its own */
};

struct flip_scene {
	const char *name;
	/* begin() - in the director, once: memory to be read. end() - and away with it. */
	void (*begin)(struct flips *flips);
	void (*end)(struct flips *flips);
	/* leave() - in the director, of the last reader; join() - while a new one opens; NULL: they
	 * need nothing */
	void (*leave)(struct flips *flips);
	void (*join)(struct flips *flips);
	/* open() - in the reader */
	void (*open)(struct flips *flips);
	/* arm() - in the director, before each reading: what is to be read, and its words. Return:
	 * false, a new reader */
	bool (*arm)(struct flips *flips);
	/* read() - in the reader, between marks */
	void (*read)(struct flips *flips, struct answer *answer);
	bool is_stateful; /* after anything but the plain answer the reader is another one */
};

/* the scenes (flip-link.c, flip-memory.c), ended by one without a name */
extern const struct flip_scene flips_of_links[], flips_of_memory[];

/* answer_number(), answer_bytes() - one more */
void answer_number(struct answer *answer, uint64_t number);
void answer_bytes(struct answer *answer, const void *bytes, size_t size);
/* flips_word() - one more; beyond the room there is they are left out */
void flips_word(struct flips *flips, void *at, uint32_t size, uint64_t was);
/* flips_words() - all 8-byte words from here that are not 0, at most n of them */
void flips_words(struct flips *flips, void *from, size_t size, uint32_t n);
