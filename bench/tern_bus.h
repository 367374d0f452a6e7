/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * tern_bus: tern as a subject, through its public API, on a ternd of its own
 */

#include <tern/tern.h>

#include "bench.h"

#define TERN_BENCH_NAME	  "org.example.Bench"

/* As a subject's setting; anything else is the value of TERN_OPT_SPIN at both ends. */
#define TERN_SPIN_DEFAULT   UINT64_C(1) /* leave it alone */
#define TERN_SPIN_RECEIVERS UINT64_C(2) /* servers never sleep, the client does as it likes */

/*
 * tern_bus_open() - the open of a subject: a ternd in the folder of the run
 *
 * It is the one built beside the bench, else the one in the PATH.
 */
int tern_bus_open(struct bench_run *run);

/* tern_bus_connect() - in a child. Return: 0 or a negative errno, told by run_fail(). */
int tern_bus_connect(struct bench_run *run, tern_bus **ret_bus);

/* tern_bus_connect_spinning() - the same, and the setting of the subject means something else */
int tern_bus_connect_spinning(struct bench_run *run, uint64_t spin, tern_bus **ret_bus);

/* tern_bus_fail() - run_fail() with what tern has to say about it */
int tern_bus_fail(struct bench_run *run, int r, const char *what);

/* tern_bus_serve() - in a child: be ready, and run handlers until one of them fails, as *result
 * tells */
int tern_bus_serve(struct bench_run *run, tern_bus *bus, const int *result);

/*
 * tern_bus_find() - a program built beside the bench, else the one in the PATH
 * @where: its path from the folder of the bench
 *
 * Return: @path, @name, or NULL: there is none.
 */
const char *tern_bus_find(const char *where, const char *name, char *path, size_t size);
/* tern_bus_serve_methods() - the same with a connection and methods under TERN_BENCH_NAME */
int tern_bus_serve_methods(struct bench_run *run, const struct tern_method *methods,
	size_t n_methods, void *userdata, const int *result);

/* tern_read_payload() - the bytes of a message. Return: 0 or a negative errno. */
int tern_read_payload(tern_message *m, struct payload *ret);

/* tern_rpc_serve_as() - in a child: answer calls, with these options, until the run ends */
int tern_rpc_serve_as(struct bench_run *run, uint64_t spin, uint64_t order);

/* tern_rpc_serve_default() - the serve of a subject: the same with options as they are by default */
int tern_rpc_serve_default(struct bench_run *run);

/* tern_rpc_call() - an rpc_call_fn on a tern_bus */
struct payload;
int tern_rpc_call(void *link, const struct payload *request, struct payload *ret_reply);

static inline void
tern_bus_closep(tern_bus **bus)
{
	*bus = tern_close(*bus);
}

static inline void
tern_message_unrefp(tern_message **m)
{
	*m = tern_message_unref(*m);
}

static inline void
tern_call_unrefp(tern_call **call)
{
	*call = tern_call_unref(*call);
}
