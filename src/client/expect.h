/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * expect: what services are expected to speak (tern_expect()), and what they say held against it
 *
 * Each function tells whether it wants the handle's lock. A program that expects nothing pays a load for it.
 */

#include "client/call.h"
#include "client/typed.h"

/* What is expected of a service, as calls name it; "" of the other end of a direct link. */
struct expectation {
	tern_interface *interface; /* counted */
	UT_hash_handle hh;
	char service[];
};

/* expect_drop_all() - the handle is closed */
void expect_drop_all(tern_bus *bus);

/* expect_note() - what is expected of the answers to a call that is about to be sent; with the lock */
void expect_note(tern_call *call);

/*
 * expect_answer() - is that the answer to a call, or one of its errors, that is expected?
 * @reply: let go of and set to NULL, if it is not
 *
 * Without the lock; the call is not one to be answered here.
 * Return: result; where it was 0 also -EBADMSG, -ENOMEM, with the error recorded.
 */
int expect_answer(tern_call *call, int result, tern_message **reply);

/*
 * expect_of() - the type of an event that is about to be given to the program
 * @ret: the caller's, typed_deinit(); its interface is NULL where nothing is expected, or it is no event
 *
 * With the lock.
 */
void expect_of(tern_bus *bus, const struct item *item, struct typed *ret);

/* expect_event() - is it of that type? Without the lock.  Return: false, and the error is recorded. */
bool expect_event(const struct typed *typed, tern_message *m);

/* expect_value() - what is expected of a value of this service that is being opened; with the lock */
void expect_value(tern_state *state, const char *service);

/*
 * call_check() - is a message what the interface says about a call, whichever side this is?
 * @which: METHOD_IN_STREAM, METHOD_OUT_STREAM, METHOD_OUT
 *
 * A part of a stream, or the answer; calls without an interface take anything. Without the lock.
 * Return: 0; -EBADMSG, -ENOMEM, with the error recorded: on the called side its text is meant for the caller.
 */
int call_check(tern_call *call, tern_message *m, uint32_t which);
