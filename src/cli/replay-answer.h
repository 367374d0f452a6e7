/* SPDX-License-Identifier: MIT */
#pragma once

/* replay-answer: calls that were made again, their answers now and then; and who owned which name in a recording */

#include <tern/loop.h>

#include "cli/payload.h"
#include "cli/traffic.h"

struct replay_counts {
	uint64_t replies, errors, failed; /* now */
	uint64_t same, different;
	uint64_t missing; /* of those that failed: there was no such service */
	uint64_t open;	  /* streams that were given up, as they went on when the recording ended */
	uint64_t streams; /* answered that they stream, which the file does not say of them */
};

struct replay_entry;

struct replay_answers {
	struct replay_entry *entries;	/* by the recorded caller and serial */
	struct replay_entry *under_way; /* those of them that have no answer yet now, by call */
	uint64_t n_calls;
	bool is_json, compares;
	struct replay_counts counts;
};

void replay_answers_init(struct replay_answers *answers, bool is_json, bool compares);
void replay_answers_deinit(struct replay_answers *answers);

/* replay_answers_expect() - a call was made again; it is consumed. Return: 0, -ENOMEM. */
int replay_answers_expect(struct replay_answers *answers, const struct traffic *recorded, tern_call *call);

/* replay_answers_call() - the call that a part belongs to, while it is under way; borrowed; NULL: it is not */
tern_call *replay_answers_call(const struct replay_answers *answers, const struct traffic *part);

/* replay_answers_came() - TERN_PART, TERN_REPLY or TERN_ERROR of tern_next(), whose references stay the caller's */
void replay_answers_came(struct replay_answers *answers, const struct tern_event *event);

/* replay_answers_failed() - it could not be: that is its answer. Return: the same. */
int replay_answers_failed(struct replay_answers *answers, const struct traffic *recorded, int result);

/* replay_answers_recorded() - what the answer was, or a part that came before it. Return: the same. */
int replay_answers_recorded(struct replay_answers *answers, const struct traffic *recorded);

/* replay_answers_give_up() - streams that had no end in the recording */
void replay_answers_give_up(struct replay_answers *answers);

/* replay_answers_n_open() - calls that have no answer yet now */
uint64_t replay_answers_n_open(const struct replay_answers *answers);

/* -------- owners -------- */

struct replay_name;

struct replay_names {
	struct replay_name *names;
};

void replay_names_deinit(struct replay_names *names);

/* replay_names_learn() - from a name event of ternd. Return: 0, -ENOMEM. */
int replay_names_learn(struct replay_names *names, const struct traffic *t);

/* replay_names_own() - for a filter, with the names as its user */
bool replay_names_own(void *names, const char *service, tern_peer peer);
