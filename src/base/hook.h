/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * hook: stop points and switches of the test build
 *
 * The test build (TERN_TEST) can hold a process at a named point and take one
 * rule of the order out, so that a test shows what the rule is for. In the
 * release both are nothing: STOP_POINT() is empty, RULE() is the constant true.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef TERN_TEST

/* One bit a rule; see docs/memory-model.md for what each of them prevents. */
enum hook_rule {
	RULE_SEND_FENCE,      /* fence between push and the look at attention */
	RULE_SLEEP_LOOK,      /* look once more after dozing was announced */
	RULE_COMMIT,          /* a shared record waits for the commit word */
	RULE_COLD_FIRST,      /* cold receivers are rung before the commit */
	RULE_HORIZON,         /* only what is older than H is delivered */
	RULE_HYBRID,          /* a stamp is greater than all seen before */
	RULE_INBOX,           /* the inbox word is read after H */
	RULE_SORT,            /* delivery by stamp over all links */
	RULE_CLAMP,           /* a stamp from a wrong clock does not block */
	RULE_LOOK_AFTER_H,    /* tails and commit words are read after H */
	RULE_ASK_COLD,        /* the epoll set is asked before delivery */
	RULE_ROOM_LOOK,       /* look again after the room word was set */
	RULE_ROOM_RECHECK,    /* room is looked at again under the send lock */
	RULE_UNCOMMITTED_HOT, /* a link with anything in its ring is not made cold */
	RULE_NEW_EPOCH,       /* every change to dozing or cold is a new epoch */
	RULE_HEAT_ALL,        /* whatever ends dozing makes all links hot */
	RULE_UNKNOWN_COLD,    /* without the partner's segment every push rings */
	RULE_UNKNOWN_DOZING,  /* ... and every commit */
	RULE_DRAIN,           /* the ring is drained before death is told */
	RULE_PUBLISH_ROOM,    /* the consumed position is published before dozing */
	RULE_BATCH_COLD,      /* in a batch cold receivers are rung before the next receiver */
	RULE_SEND_LOCK,       /* one lock covers stamp, pushes and commit */
	RULE_DOZING_AFTER,    /* dozing receivers are rung after the commit */
	RULE_SLEEP_FENCE,     /* fence between attention and the look before sleep */
	RULE_CHILL_LOOK,      /* look once more at links that were made cold */
	RULE_FLUSH_WAIT,      /* a batch ends before its sender waits */
	RULE_ROOM_FENCE,      /* fence between room word and the look at consumed */
	RULE_GIVE_FENCE,      /* fence between consumed and the look at the room word */
	RULE_BUDGET,          /* a link that has had its share of a round loses its place */
	RULE_NAME_STAMP,      /* ternd's events are stamped when they are read */
	RULE_SUBSCRIBE_WAIT,  /* tern_subscribe() returns when ternd has the rule */
	RULE_HELLO_LOOK,      /* a new link's hello is read when it is looked at */
	RULE_OTHERS_AFTER,    /* a link is alone if others are silent after it was looked at */
	RULE_BOUNCE,          /* a call for a name that is not here any more is sent back */
	RULE_KEPT_FIRST,      /* events that wait for their receiver go before later ones */
	RULE_VALUE_LOOK,      /* a reader of a state value looks whether the writer came round */
	N_RULES,
};

extern bool hook_off[N_RULES];
extern void (*hook_stop)(const char *point); /* NULL: run on */
extern uint32_t hook_max_hot;                /* links without traffic that stay hot; 0: as released */

extern bool hook_alone;                      /* rounds may do without a horizon (take_alone()) */

/* A clock for stamps and horizons that several processes share: each reading moves it on by a step. */
struct hook_clock {
	_Atomic uint64_t now, step;
};

extern struct hook_clock *hook_clock; /* NULL: the real one */
/* hook_time() - what it is by that clock; real without one. Threads: any. Blocks: never. */
uint64_t hook_time(uint64_t real);

#define RULE(x)        (!hook_off[RULE_##x])
#define STOP_POINT(x)                                                                              \
	do {                                                                                       \
		if (hook_stop)                                                                     \
			hook_stop(x);                                                              \
	} while (0)

/*
 * hook_store() - keep a store back, as a processor may that finds no fence behind it
 * hook_drain() - now the others see what was kept back
 *
 * Threads: with the lock of the handle. Blocks: never.
 */
void hook_store(_Atomic uint64_t *word, uint64_t value);
void hook_drain(void);

#define HOOK_TIME(real)   hook_time(real)
#ifdef TERN_SCHEDULE
#include "base/schedule.h"
/*
 * There, loads are late instead of stores; HOOK_SLEEP() - others run until fd is readable; HOOK_HEARD() - something came over
 * a socket, and what was stored before it was sent is seen
 */
#define STORE_FENCED(rule, store, word, value) store((word), (value))
#define HOOK_DRAIN(rule)                       ((void)0)
#define HOOK_SLEEP(fd)                         schedule_sleep(fd)
#define HOOK_HEARD()                           schedule_heard()
#else
#define HOOK_SLEEP(fd) ((void)0)
#define HOOK_HEARD()   ((void)0)
/* STORE_FENCED() - store(word, value), which the fence of this rule makes visible; else HOOK_DRAIN() does */
#define STORE_FENCED(rule, store, word, value)                                                     \
	do {                                                                                       \
		if (RULE(rule))                                                                    \
			store((word), (value));                                                    \
		else                                                                               \
			hook_store((word), (value));                                               \
	} while (0)
#define HOOK_DRAIN(rule)                                                                           \
	do {                                                                                       \
		if (!RULE(rule))                                                                   \
			hook_drain();                                                              \
	} while (0)
#endif
#define HOOK_IS_BUILT     true
#define HOOK_MAY_BE_ALONE hook_alone
#define HOOK_MAX_HOT(max) (hook_max_hot ? hook_max_hot : (max))

#else

#define RULE(x)           true
#define STOP_POINT(x)     ((void)0)
#define HOOK_TIME(real)   (real)
#define HOOK_DRAIN(rule)  ((void)0)
#define HOOK_SLEEP(fd)    ((void)0)
#define HOOK_HEARD()      ((void)0)
#define HOOK_IS_BUILT     false
#define STORE_FENCED(rule, store, word, value) store((word), (value))
#define HOOK_MAY_BE_ALONE true
#define HOOK_MAX_HOT(max) (max)

#endif
