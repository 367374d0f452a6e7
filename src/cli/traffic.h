/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * traffic: what is said on a bus, one message at a time
 *
 * What `tern monitor` shows, `tern record` keeps and `tern replay` says again is one struct, whether it was heard
 * just now (traffic-live.h) or comes from a file (recording.h). The calls under way are kept here, so that an answer
 * is known by its call; and by those a filter decides.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/message.h>

/* What a message is; the numbers are those of docs/recording.md. */
enum traffic_kind {
	TRAFFIC_CALL = 1,
	TRAFFIC_REPLY,
	TRAFFIC_ERROR,
	TRAFFIC_EVENT,
	TRAFFIC_CANCEL,
	TRAFFIC_PART,
	TRAFFIC_END,
	TRAFFIC_GAP, /* up to `lost` messages of `from` were missed */
	TRAFFIC_N_KINDS,
};

struct traffic_part {
	const uint8_t *bytes;
	uint64_t size;	/* of the whole part */
	uint64_t there; /* bytes that are here: the rest was cut off */
};

/* All is borrowed from what it was read from. */
struct traffic {
	uint32_t kind;
	uint64_t time;	/* since 1970, ns */
	uint64_t stamp; /* host monotonic ns */
	tern_peer from, to; /* to: 0 where it is for whoever hears it */
	uint64_t serial;    /* of a call */
	uint64_t reference; /* the serial of the call that it belongs to */
	uint64_t deadline;  /* as stamp; 0 none */
	uint64_t trace, lost;
	uint32_t pid, uid; /* of the sender; pid 0: unknown */
	bool no_reply;
	bool is_stream; /* of a call */
	bool is_back; /* to who called */
	uint32_t n_fds, n_tags, n_parts;
	const char *service, *member, *type; /* "" none; member: of an error its name */
	const char *program;		     /* of the sender, as ps says; "" unknown */
	const char *tags[TERN_MAX_TAGS];
	struct traffic_part parts[TERN_MAX_PARTS];
};

/* traffic_kind_name() - "call", "reply", …; of numbers beyond them "unknown" */
const char *traffic_kind_name(uint32_t kind);

/* traffic_kind_read() - from a name of so many bytes. Return: 0 there is none such. */
uint32_t traffic_kind_read(const char *name, size_t size);

/* traffic_is_cut() - are bytes of it missing? */
bool traffic_is_cut(const struct traffic *t);

/* -------- the calls under way -------- */

/* A call that is not answered yet. */
struct traffic_call;

/* What is known of the call that an answer is for. */
struct traffic_pair {
	uint64_t number; /* calls are numbered from 1 as they come */
	uint64_t begin;	 /* stamp of the call */
	tern_peer from, to;
	bool is_wanted; /* the filter let it through */
	const char *service, *member; /* valid until the next traffic_match() */
};

struct traffic_pairs {
	struct traffic_call *calls; /* by caller and serial, oldest first */
	struct traffic_call *last;  /* answered just now, for who looks at it */
	uint64_t n_calls;	    /* since ever */
	uint64_t n_forgotten;	    /* there were too many */
};

void traffic_pairs_deinit(struct traffic_pairs *pairs);

/*
 * traffic_pair() - note a call, or find that of what belongs to one
 * @wanted: of a call: does the filter let it through?
 *
 * A reply or an error ends its call. Return: false, it belongs to no call that is known; or -ENOMEM made it so.
 */
bool traffic_pair(struct traffic_pairs *pairs, const struct traffic *t, bool wanted, struct traffic_pair *ret);

/* traffic_n_open() - calls that nobody answered yet, and that wait for it */
uint64_t traffic_n_open(const struct traffic_pairs *pairs);

/* -------- what is wanted -------- */

struct traffic_filter {
	uint32_t kinds;	     /* a bit a kind; 0: all */
	const char *service; /* calls to it and what belongs to them, events of its owner; NULL: all */
	const char *member;  /* calls of it and what belongs to them, events with that name; NULL: all */
	const char *tags[TERN_MAX_TAGS + 1]; /* events with all of these, and nothing else; NULL-ended */
	uint32_t n_tags;
	/* traffic_owns() - is this peer the owner of the name now? For events and a service. */
	bool (*owns)(void *user, const char *service, tern_peer peer);
	void *user;
};

/*
 * traffic_match() - is it wanted? And what call does it belong to?
 * @ret: set; number 0: to none
 */
bool traffic_match(
	const struct traffic_filter *filter, struct traffic_pairs *pairs, const struct traffic *t, struct traffic_pair *ret);
