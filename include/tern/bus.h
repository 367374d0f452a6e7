/* SPDX-License-Identifier: MIT */
#ifndef TERN_BUS_H
#define TERN_BUS_H

/**
 * @file bus.h
 * A program's place on a bus, or at the end of direct links.
 */

#include <stddef.h>
#include <stdint.h>
#include <tern/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One program's place: on a bus, or on direct links. Opaque; made by tern_open(), tern_dial(), tern_listen(). */
typedef struct tern_bus tern_bus;

/** A peer's id, never used twice on a bus; 0: none, TERN_PEER_BUS: ternd itself. */
typedef uint64_t tern_peer;

#define TERN_PEER_BUS ((tern_peer)1)
#define TERN_DEFAULT  ((uint64_t)0)  /**< timeout: what TERN_OPT_TIMEOUT says */
#define TERN_FOREVER  UINT64_MAX     /**< timeout: none */

/** Options of a handle; values are uint64_t. */
enum {
	/** How long calls wait that name no timeout of their own, ns; 25 s. */
	TERN_OPT_TIMEOUT = 1,
	/**
	 * Longest time to look for messages before sleeping, ns. 0: never; TERN_FOREVER: never
	 * sleep. By default up to 50 us, less where looking brought nothing lately, none where only
	 * one processor may be used.
	 */
	TERN_OPT_SPIN = 2,
	/** How long subscribers that asked for TERN_WAIT may hold up a publish here, and callers a reply, ns; 1 s. */
	TERN_OPT_MAX_WAIT = 3,
	/** 1: messages of different senders are delivered in causal order (default); 0: as found. */
	TERN_OPT_ORDER = 4,
	/** How many messages one tern_process() handles at most; 256. */
	TERN_OPT_BUDGET = 5,
	/** Whose messages are held against interfaces (<tern/interface.h>): a TERN_CHECK_*; TERN_CHECK_ALL. */
	TERN_OPT_CHECK = 6,
};

/** What TERN_OPT_CHECK may be. */
enum {
	TERN_CHECK_OFF = 0,    /**< nobody's */
	TERN_CHECK_ALL = 1,    /**< everybody's */
	TERN_CHECK_OTHERS = 2, /**< those of other trust domains: another user, label or user namespace */
};

/** Who a peer is, as the kernel told ternd (on a direct link: told this process). */
struct tern_identity {
	uint32_t size; /**< set by the caller: sizeof(struct tern_identity) */
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;
	uint32_t same_domain; /**< 1: same user, label and user namespace as this process */
	uint32_t reserved;
	char label[128]; /**< security label, "" where there is none */
};

/**
 * tern_open() - connect to a bus
 * @param address "unix:PATH"; NULL: what TERN_BUS says, else $XDG_RUNTIME_DIR/tern/bus, else /run/tern/bus
 * @param ret     set on success; the caller's, until tern_close()
 *
 * @return 0; -EINVAL address not understood; -ENOENT or -ECONNREFUSED no bus runs there;
 * -EACCES no right to the socket; -EPERM ternd refuses this user; -EPROTO no common version; -ENOMEM, -EMFILE.
 * Blocks for a few round trips with ternd, 25 s at most (-ETIME). Where ternd was killed, or makes room for another one,
 * it waits for the next, 5 s at most.
 */
int tern_open(const char *address, tern_bus **ret);

/**
 * tern_dial() - connect to one program that listens, without any bus
 *
 * Calls go to the service NULL; events reach the other end if it subscribed.
 * Errors as tern_open().
 */
int tern_dial(const char *address, tern_bus **ret);

/**
 * tern_listen() - be the one that others dial
 *
 * The socket is made at PATH (mode 0600; a stale one is replaced, a live one is -EADDRINUSE)
 * and removed by tern_close(). Each program that dials becomes a link: TERN_LINKED tells its peer id.
 */
int tern_listen(const char *address, tern_bus **ret);

/**
 * tern_close() - leave: what was sent is delivered, calls under way fail with -ECANCELED
 *
 * Messages, topics, subscriptions, services and calls of the handle keep a reference to it: they may
 * be freed before or after, and return -ESHUTDOWN meanwhile. Must not be called inside a handler,
 * nor while another thread is inside a function with this handle.
 */
tern_bus *tern_close(tern_bus *bus);

/** tern_set_option() - set one TERN_OPT_*; -EINVAL: no such option, or a value out of range. Never blocks. */
int tern_set_option(tern_bus *bus, uint32_t option, uint64_t value);

/** tern_id() - this program's own peer id; 0 on direct links. Another one only after a ternd came that did not know it. Never blocks. */
tern_peer tern_id(tern_bus *bus);

/** tern_address() - what the handle is connected to, "unix:PATH"; borrowed from the handle. */
const char *tern_address(tern_bus *bus);

/**
 * tern_identify() - who a linked peer is
 * @param ret ret->size must be set
 * @return 0; -ENXIO: not linked, and not in the bus's table of peers; -EINVAL: its size. A memory read.
 */
int tern_identify(tern_bus *bus, tern_peer peer, struct tern_identity *ret);

/**
 * tern_peer_pidfd() - the process of a linked peer, to wait for or to signal: a number may be another's by then
 * @param ret set on success; the caller's, CLOEXEC
 *
 * It is the process that connected, also where another one holds its connection by now.
 *
 * @return 0; -ENXIO: as tern_identify(); -ESRCH: it has ended, or is not seen from this pid namespace; -ENODATA: ternd
 * (on a direct link: this process) could not tell which it is; -ENOSYS: before Linux 5.3; -EMFILE. Never blocks.
 */
int tern_peer_pidfd(tern_bus *bus, tern_peer peer, int *ret);

/**
 * tern_last_error() - why the last call of this thread failed
 *
 * @return the calling thread's own record: name "tern.X" and a text that says what to do. Never
 * NULL; valid until this thread's next failing call. Meaningful only after a negative result.
 */
const struct tern_error *tern_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
