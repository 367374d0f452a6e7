/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * scenes: what a program does with a bus, each from opening to closing
 *
 * Each returns 0, or the first negative errno that the library returned; what it was given is checked. It must come
 * to 0 where nothing fails. Beside it an honest program runs, the partner.
 */

#include <stddef.h>
#include <stdint.h>

#define PARTNER "org.example.Partner"
#define SELF	"org.example.Tortured"

struct scene {
	const char *name;
	int (*run)(void);
};

extern const struct scene scenes[];
extern const size_t n_scenes;
extern const struct scene offices[]; /* what keeps ternd busy */
extern const size_t n_offices;

extern const char *scene_address; /* of the bus; a direct link's is that and ".direct" */

/* partner_run() - be the partner, until the test kills it; writes a byte to fd when it is ready */
_Noreturn void partner_run(int ready);
/* wrong() - print where, and end this process: the library gave what it must not */
_Noreturn void wrong(const char *file, int line, const char *what, long long a);

#define MUST(x) ((x) ? (void)0 : wrong(__FILE__, __LINE__, #x, 0))
