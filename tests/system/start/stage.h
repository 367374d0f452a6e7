/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * stage: a bus whose ternd starts services from a folder of their own, and NAME, which is one of the actors of actor.c
 *
 * Programs of tests that include it have one case, each test with a bus of its own: scene.h.
 */

#include <sys/types.h>

#include "scene.h"

#define NAME "org.example.Started"

extern char stage_folder[64]; /* of the service files, and of those who are started */

/* stage_options() - of ternd, for another one at the same place */
const char *const *stage_options(void);

/* stage_run() - the tests that @add adds. Return: for main() */
int stage_run(const char *name, void (*add)(TCase *tcase));

/* write_service() - its file has this text */
void write_service(const char *name, const char *text);
/* actor() - the service NAME is such an actor, with more lines in its file */
void actor(const char *words, const char *more);
/* n_starts() - how many were started; the last one's process, if that is asked for */
int n_starts(pid_t *ret_last);
/* quit() - the actor is told to, and has given its name up; 300 ms later it ends */
void quit(void);

/* send_echo() - a call of NAME that is answered with @n + 1; must_answer() waits for that, and drops the call */
tern_call *send_echo(tern_bus *bus, uint64_t timeout, uint32_t flags, int64_t n);
void must_answer(tern_call *call, int64_t n);
/* must_fail() - a call of NAME, so; the text says this */
void must_fail(int r, const char *error, const char *says);
/* must_be_gone() - in time */
void must_be_gone(pid_t pid);
