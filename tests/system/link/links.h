/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * links: the same scenes over every way in which two programs can be linked
 *
 * The test itself serves, a child calls and publishes. Over a bus of one user, over a direct link,
 * and over a bus with the child as another user: then nothing it lends is stable, and what it gets
 * is copied.
 */

#include "fixture.h"
#include "tern/tern.h"

#define LINKS_SERVICE "org.example.Links"
#define USER_A	      65533u
#define USER_B	      65534u

enum way {
	BY_BUS,
	BY_DIAL,
	BY_USERS, /* skipped where the test is not root's */
	N_WAYS,
};

struct ground {
	enum way way;
	struct private_bus place;
	_Atomic uint32_t *words; /* shared by all, zero at first; each test names its own */
	uint64_t *numbers;	 /* likewise, ordered by the words */
};

enum {
	N_WORDS = 16,
	N_NUMBERS = 64,
};

/* ground_begin() - Return: false, this way cannot be gone here */
bool ground_begin(struct ground *ground, enum way way);
void ground_end(struct ground *ground);

/* ground_server() - the handle that serves, with these methods */
tern_bus *ground_server(struct ground *ground, const struct tern_method *methods, size_t n_methods,
	void *user, tern_service **ret_service);
/* ground_client() - in the child */
tern_bus *ground_client(struct ground *ground);
/* ground_service() - what the child calls */
const char *ground_service(const struct ground *ground);
/* ground_child() - start the child, as the user that the way says; it gets the ground */
pid_t ground_child(struct ground *ground, void (*fn)(void *ground));
/* ground_is_foreign() - are the two of different users? */
bool ground_is_foreign(const struct ground *ground);

/* next_of() - tern_next() until an event of this kind; others are let go. */
void next_of(tern_bus *bus, uint32_t kind, struct tern_event *ret);
/* let_go() - free what an event owns */
void let_go(struct tern_event *event);

/* A mapping, from /proc/self/maps. */
struct mapping {
	uint64_t begin, end, inode;
	char name[64]; /* of a memfd, without "memfd:" */
};

/* mapping_of() - the one an address lies in */
bool mapping_of(const volatile void *address, struct mapping *ret);
/* mapped_as() - how many bytes are mapped from memfds of this name, in how many mappings */
uint64_t mapped_as(const char *name, unsigned int *ret_n);
/* n_mapped() - how many mappings of this name have at least min bytes and less than max */
unsigned int n_mapped(const char *name, uint64_t min, uint64_t max);

/* fill(), is_filled() - bytes that tell where they belong */
void fill(void *to, size_t size, uint64_t seed);
bool is_filled(const void *bytes, size_t size, uint64_t seed);
