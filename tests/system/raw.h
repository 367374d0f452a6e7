/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * raw: a ternd of the test's own, and a client that speaks the control protocol by hand
 *
 * For tests of what the library would never do. Everything asserts inside, so
 * that a test reads as what happens; nothing waits longer than RAW_TIMEOUT_MS.
 */

#include <sys/types.h>

#include "base/attribute.h"
#include "wire/control.h"

enum {
	RAW_TIMEOUT_MS = 10000,
};

struct ternd {
	pid_t pid;
	char folder[64];
	char path[80];
};

/* What came last stays until the next receive: control borrows from packet. */
struct raw {
	int fd;
	uint64_t serial; /* of the last request */
	struct control control;
	int fds[CONTROL_MAX_FDS];
	size_t n_fds;
	uint64_t id; /* after raw_join() */
	uint8_t token[CONTROL_TOKEN_SIZE];
	uint32_t slot;
	uint8_t packet[CONTROL_MAX_PACKET];
};

/* ternd_start() - run a ternd in a folder of its own, with up to four more arguments, NULL-ended */
void ternd_start(struct ternd *ternd, const char *const *arguments);

/* ternd_start_at() - run another one at the same address */
void ternd_start_at(struct ternd *ternd, const char *const *arguments);

/* ternd_stop() - SIGTERM: it ends well, and leaves nothing behind */
void ternd_stop(struct ternd *ternd);

/* ternd_kill() - SIGKILL, and wait */
void ternd_kill(struct ternd *ternd);

/* raw_connect() - connect, say nothing */
void raw_connect(struct raw *raw, const struct ternd *ternd);

/* raw_join() - connect, say hello, be welcomed; the tables' descriptors are in fds */
void raw_join(struct raw *raw, const struct ternd *ternd);

/* raw_claim() - connect as who was there before ternd ended; @was has the id, @token its token */
void raw_claim(struct raw *raw, const struct ternd *ternd, const struct raw *was);

/* raw_come_back() - the same with what was there before; it has the same id again */
void raw_come_back(struct raw *raw, const struct ternd *ternd);

/* raw_fork() - the child goes on here with 0, and is killed with its parent; @number: of its process, 0: any */
pid_t raw_fork(uint32_t number);

/* raw_kill() - and wait for its end */
void raw_kill(pid_t pid);

/* raw_close() - hang up, close what came */
void raw_close(struct raw *raw);

/* raw_send() - send a request; serial is counted on and filled in */
void raw_send(struct raw *raw, struct control *control);

/* raw_send_bytes() - send any packet; ternd may have hung up, its reason is still to be read */
void raw_send_bytes(struct raw *raw, const void *bytes, size_t size);

/* raw_receive() - the next packet; false: ternd has hung up */
bool raw_receive(struct raw *raw);

/* raw_is_quiet() - nothing has come (everything sent before an answer has come before the answer)
 */
bool raw_is_quiet(struct raw *raw);

/* raw_ask() - send, and receive until the answer comes; what comes before it is forgotten */
void raw_ask(struct raw *raw, struct control *control);

/* raw_expect() - the next packet is of this type */
void raw_expect(struct raw *raw, uint32_t type);

/* raw_expect_failed() - the packet in hand is a failure: this one, and it says this */
void raw_expect_failed(struct raw *raw, uint32_t code, const char *error, const char *says);

/* raw_expect_closed() - ternd has hung up */
void raw_expect_closed(struct raw *raw);

/* requests in short; each is answered before it returns */
void raw_own(struct raw *raw, const char *name, uint32_t flags, const char *label);
void raw_name(struct raw *raw, uint32_t type, const char *name);
void raw_rule(struct raw *raw, uint64_t number, const char *sender, const char *tag);
void raw_ping(struct raw *raw);

/* raw_text() - a C string as a text */
struct control_text raw_text(const char *text);

/* raw_clock() - now, as hello wants it */
uint64_t raw_clock(void);

/* raw_fd() - the descriptor of a table, as welcome gave it; borrowed */
int raw_fd(const struct raw *raw, enum control_table_kind kind);
