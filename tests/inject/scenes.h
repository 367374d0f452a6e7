/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * scenes: what a program does with a bus, each from opening to closing
 *
 * Each returns 0, or the first negative errno that the library returned; what it was given is
 * checked. It must come to 0 where nothing fails. Beside it an honest program runs, the partner.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attribute.h"
#include "tern/tern.h"

#define PARTNER "org.example.Partner"
#define SECRET	"org.example.Partner.Secret" /* the partner's, too; nobody may call it */
#define SELF	"org.example.Tortured"
#define LOCKED	"org.example.Locked"  /* nobody may own it, where the policy is not loose */
#define HIDDEN	"org.example.Hidden"
#define STARTED "org.example.Started" /* a service that ternd starts */

#define WAIT_NS	 UINT64_C(1000000000)
#define LOOK_NS	 UINT64_C(2000000)
#define N_EVENTS 5
#define LARGE	 (300u << 10)

struct scene {
	const char *name;
	int (*run)(void);
	bool ends_ternd; /* what others have is not as before */
};

/* scenes.c, scenes-link.c, scenes-others.c, offices.c; each ended by one without a name */
extern const struct scene scenes[], scenes_of_links[], scenes_of_others[];
extern const struct scene offices[]; /* what keeps ternd busy */

/* of the bus; a direct link's is that and ".direct", of one that the partner listens at ".partner"
 */
extern const char *scene_address;
extern const char
	*scene_directory; /* of the bus; in tern, its policy and its services, where XDG says so */
/* scene_again() - ternd is killed, and the next one there */
extern void (*scene_again)(void);

enum how_strict {
	STRICT,
	LOOSE,	/* LOCKED may be owned, and PARTNER not be called */
	CLOSED, /* as STRICT; who owns a name below HIDDEN has nothing to do with the others who do; no taps */
};

/* policy_write() - of the bus; it is told to nobody */
void policy_write(enum how_strict how);
/* services_write() - their files, @program is what they run */
void services_write(const char *program);
/* actor_run() - be a service that ternd starts */
int actor_run(void);

/* partner_run() - be the partner, until the test kills it; writes a byte to fd when it is ready */
_Noreturn void partner_run(int ready);
/* A program of another user, where this one is root's; it serves a name, hears, and ends when it is told to. */
struct stranger {
	pid_t pid; /* 0: it has ended */
	int fd;
};

struct stranger stranger_begin(const char *name);
/* stranger_do() - so many events of its, each with descriptors; returns when they are on their way */
void stranger_do(const struct stranger *stranger, uint8_t n);
void stranger_end(struct stranger *stranger);

/* wrong() - print where, and end this process: the library gave what it must not */
_Noreturn void wrong(const char *file, int line, const char *what, long long a);

/* --- used by several scenes --- */

DEFINE_FREEP(tern_bus, tern_close)
DEFINE_FREEP(tern_message, tern_message_unref)
DEFINE_FREEP(tern_call, tern_call_unref)
DEFINE_FREEP(tern_topic, tern_topic_free)
DEFINE_FREEP(tern_subscription, tern_subscription_free)
DEFINE_FREEP(tern_service, tern_service_free)
DEFINE_FREEP(tern_state, tern_state_free)
DEFINE_FREEP(tern_watch, tern_watch_free)
DEFINE_FREEP(tern_interface, tern_interface_unref)

#define _bus_	  _cleanup_(tern_closep)
#define _message_ _cleanup_(tern_message_unrefp)
#define _call_	  _cleanup_(tern_call_unrefp)

/* TRY() - what fails ends the scene with its errno */
#define TRY(x)                                                                                     \
	do {                                                                                       \
		int r_ = (x);                                                                      \
		if (r_ < 0)                                                                        \
			return r_;                                                                 \
	} while (0)

/* What a subscription heard. */
struct hearing {
	unsigned int n;
	uint64_t lost;
};

int open_bus(tern_bus **ret);
/* let_go() - of what an event has */
void let_go(struct tern_event *event);
/* next_until() - run the loop until *word is at least n; what no handler takes is let go */
int next_until(tern_bus *bus, const unsigned int *word, unsigned int n);
int echo_once(tern_bus *bus, const char *service, int64_t n);
int send_echo(tern_bus *bus, const char *member, int64_t n, uint32_t flags, tern_call **ret);
/* echo_plain() - a method, which counts where it has a counter; count_answer() - for tern_call_then(); hear() - for tern_subscribe() */
int echo_plain(tern_call *call, tern_message *m, void *user);
void count_answer(
	tern_call *c, int result, tern_message *reply, const struct tern_error *error, void *user);
void hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user);
/* publish_large() - an event with a part that is lent */
int publish_large(tern_topic *topic);
/* fork_once() - a child has nothing of the handle, and cannot use it */
void fork_once(tern_bus *bus);
/* those that keep ternd busy, too */
int run_names(void);
int run_calls(void);
int run_serve(void);
int run_publish(void);
int run_subscribe(void);
int run_tap(void);
int run_state(void);
/* run_left() - a service goes on. run_slow_begun() - and one that never comes was asked for; run_slow() - ask for it, and
 * hear that it did not come */
int run_left(void);
int run_slow_begun(void);
int run_slow(void);

#define MUST(x) ((x) ? (void)0 : wrong(__FILE__, __LINE__, #x, 0))
