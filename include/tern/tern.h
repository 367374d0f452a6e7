/* SPDX-License-Identifier: MIT */
#ifndef TERN_TERN_H
#define TERN_TERN_H

/**
 * @file tern.h
 * tern: the programs of one machine talk through shared memory.
 *
 * Rules that hold for every function, unless its comment says otherwise:
 *
 * - `int` results are 0 or a negative errno; outputs are set only on success.
 *   tern_last_error() tells the reason in words.
 * - Any thread may call anything. After fork() the child's handle is dead: everything
 *   returns -ECHILD, and the destructors do nothing.
 * - free, unref and close take NULL and return NULL.
 * - Timeouts are nanoseconds from now; TERN_DEFAULT means the handle's option.
 * - Handlers run only inside tern_next() and tern_process().
 * - Nothing prints, exits, or installs signal handlers; SIGPIPE is never raised.
 * - Signals may come at any time, and make nothing fail. Who handles one may call tern_wake(), and may not leave a function
 *   of this library by longjmp().
 * - No function is a cancellation point, nor is a handler that it runs: who is cancelled meanwhile ends later, where the
 *   program comes by one of its own. Who waits for ever is woken first. Not with PTHREAD_CANCEL_ASYNCHRONOUS.
 * - A program that is executed has no descriptor of this library, whatever threads did meanwhile.
 *
 * Include this header, or single ones of them.
 */

#include <tern/bus.h>
#include <tern/call.h>
#include <tern/cbor.h>
#include <tern/error.h>
#include <tern/event.h>
#include <tern/interface.h>
#include <tern/loop.h>
#include <tern/message.h>
#include <tern/name.h>
#include <tern/state.h>
#include <tern/stream.h>

#endif
