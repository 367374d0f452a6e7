/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * flow: a service of streams in a child, and what the tests of streams do as its callers
 *
 * What becomes of a stream at the service is told in the words of the scene: how often each came to
 * pass, and the last errno.
 */

#include "scene.h"

enum flow_word {
	FLOW_BEGUN = 8, /* a thread of the service puts or waits */
	FLOW_OVER,      /* and was told that it is over */
	FLOW_ERRNO,     /* with this, positive */
	FLOW_PARTS,     /* it put or took, as of now */
	FLOW_CANCELS,   /* TERN_CANCEL came */
	FLOW_GO,        /* the test lets the slow go on */
};

/*
 * flow_service() - a child that serves these as SERVICE, until it is killed
 *
 * Count [uu] n, size: n parts [uy], then u n · Sum: parts u; then u their sum · Mirror: each part back as it came; then
 * u how many · Loop: the same without blocking · Feed: parts of 1,000 bytes without end, from a thread · Drain: takes without end, from a thread ·
 * Follow: follows, and answers nothing · Slow: takes a part whenever FLOW_GO counts up · Refuse u: so many parts, then an error ·
 * Both: Count if it may, else u 0 · Plain: u 1, without a look at the stream · Frames [uu]: as Count, of lent memory ·
 * Bytes: takes such parts; then u how many bytes
 */
void flow_service(void);

/* flow_call() - a stream under way */
tern_call *flow_call(tern_bus *bus, const char *member, uint64_t timeout, const char *format, ...);
/* flow_begin() - the same to SERVICE by the test's handle, for LONG_NS, with two numbers */
tern_call *flow_begin(const char *member, uint64_t a, uint64_t b);
/* flow_answer() - the next message must be the answer, u; the call is let go */
uint64_t flow_answer(tern_call *call);
/* flow_number() - the next message must be a part, u or [uy] */
uint64_t flow_number(tern_call *call);
