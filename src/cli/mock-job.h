/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * mock-job: a call that is not answered at once, as it streams or a script answers it
 *
 *   the caller's parts, until it ends ──► a script runs, or none ──► job_put(): parts, then the answer
 *
 * Here too: what mock.c, mock-job.c and mock-script.c share.
 */

#include <json-c/json_object.h>

#include "cli/argument.h"
#include "cli/mock.h"

struct mock_bytes {
	void *bytes;
	size_t size; /* 0: none */
};

struct mock_job {
	struct mock *mock;
	tern_call *call;
	const struct interface_member *method;
	bool is_scripted;	  /* the script says what it is answered with */
	bool reads;		  /* the caller's parts come still */
	int in, out;		  /* of a script, memory: what it reads and writes; else -1 */
	int end;		  /* of the script's process: readable then; -1: none runs */
	pid_t pid;
	tern_watch *watch;
	struct mock_bytes *parts; /* what goes before the answer, and how many are gone */
	size_t n_parts, n_put;
	struct mock_bytes result;
	const char *error, *text; /* instead of the result, if not NULL: borrowed of the mock */
	struct mock_job *prev, *next;
};

/* -------- of mock.c -------- */

/* mock_encode() - a value as CBOR, if it is of this type. Return: 0; ARGUMENT_E_INVALID, and @why; -ENOMEM. */
int mock_encode(const struct mock *mock, const struct interface_type *type, struct json_object *value,
	struct mock_bytes *ret, struct argument_fault *why);

/* mock_say() - a line about a call: what came, or what was answered */
void mock_say(const struct mock *mock, const char *kind, const char *member, struct json_object *value, const char *text);

/* mock_reply(), mock_reply_error() - answer, and say it; always 0 */
int mock_reply(struct mock *mock, tern_call *call, const char *member, const struct mock_bytes *bytes);
int mock_reply_error(struct mock *mock, tern_call *call, const char *member, const char *name, const char *text);

/* -------- of mock-job.c -------- */

/* job_new() - NULL: no memory. The mock ends it at the latest. */
struct mock_job *job_new(struct mock *mock, tern_call *call, const struct interface_member *method);

/* job_free() - and end its process; returns NULL */
struct mock_job *job_free(struct mock_job *job);

/* job_member() - what is called */
const char *job_member(const struct mock_job *job);

/* job_fail() - answer with an error, and free it */
void job_fail(struct mock_job *job, const char *name, const char *text);

/* job_add_part() - to be put before the answer; takes the bytes. Return: 0, -ENOMEM. */
int job_add_part(struct mock_job *job, const struct mock_bytes *bytes);

/* job_follow() - it streams. Return: 0; -EOPNOTSUPP: the caller did not say so, and was told; else a negative errno. */
int job_follow(struct mock_job *job);

/* job_run() - all is known but what the caller's parts, or the script, will say. The job may be freed. */
void job_run(struct mock_job *job);

/* job_put() - parts and the answer, as far as the caller reads; goes on by itself. The job may be freed. */
void job_put(struct mock_job *job);

/* -------- of mock-script.c -------- */

/* script_prepare() - what it reads: the arguments; then a line for each part. Return: 0, or a negative errno. */
int script_prepare(struct mock_job *job, struct json_object *arguments);
int script_add_part(struct mock_job *job, struct json_object *part);

/* script_end() - its process and what it reads and writes */
void script_end(struct mock_job *job);

/* script_start_next() - as many of those that wait as may run */
void script_start_next(struct mock *mock);
