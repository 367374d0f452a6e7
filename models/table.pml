/* SPDX-License-Identifier: MIT */

/*
 * table: src/shm/table.h, edges T1 to T5: a key whose record is replaced, while the table is compacted and grows
 *
 * Two halves with places for two records each, and one link a half, which is the chain. The writer replaces the
 * record of the key, the second time as it compacts into the other half, and so on; in the end the table moves. What is
 * promised: a key that is always there is found; what is found is whole, and was live; who finds the table moved finds the new one.
 *
 * switches: RELEASE FLIP_FENCE GENERATION CHANGES COUNT FLIP_LAST SENT_FIRST
 */

#define LIVE     1
#define DEAD     2
#define WORDS    17
#define PROGRAMS 1
#define DEPTH    4
#include "memory.pml"

#define GENERATION       0
#define CHANGES          1
#define MOVED            2
#define LINK(h)          (3 + (h) * 7)                 /* 0, or the place of the first record + 1 */
#define NEXT(h, i)       (4 + (h) * 7 + (i) * 3)
#define STATE(h, i)      (5 + (h) * 7 + (i) * 3)
#define VALUE(h, i)      (6 + (h) * 7 + (i) * 3)

bool is_sent; /* the descriptor of the new table is in the socket */

active proctype Drain()
{
	byte value;

end:	do
	SEEN(0, GENERATION) SEEN(0, CHANGES) SEEN(0, MOVED)
	SEEN(0, LINK(0)) SEEN(0, NEXT(0, 0)) SEEN(0, STATE(0, 0)) SEEN(0, VALUE(0, 0))
	SEEN(0, NEXT(0, 1)) SEEN(0, STATE(0, 1)) SEEN(0, VALUE(0, 1))
	SEEN(0, LINK(1)) SEEN(0, NEXT(1, 0)) SEEN(0, STATE(1, 0)) SEEN(0, VALUE(1, 0))
	SEEN(0, NEXT(1, 1)) SEEN(0, STATE(1, 1)) SEEN(0, VALUE(1, 1))
	od
}

/* append() - before those that are there, live in the end; values tell half and generation */
inline append(h, i, next)
{
	STORE(0, STATE(h, i), 0);
	STORE(0, NEXT(h, i), next);
	STORE(0, VALUE(h, i), 10 * generation + i + 1);
	RELEASE(0); /* T2 */
	STORE(0, LINK(h), i + 1);
	RELEASE(0); /* T1 */
	STORE(0, STATE(h, i), LIVE)
}

inline replace(h)
{
	append(h, 1, 1);
#ifndef NO_COUNT
	RELEASE(0);
	STORE(0, CHANGES, changes + 1);
#endif
	RELEASE(0); /* T3 */
	STORE(0, STATE(h, 0), DEAD);
	RELEASE(0);
	changes = changes + 2;
	STORE(0, CHANGES, changes);
	RELEASE(0);
	STORE(0, NEXT(h, 1), 0)
}

inline compact(h)
{
	generation++;
#ifdef NO_FLIP_LAST
	STORE(0, GENERATION, generation);
#endif
#ifndef NO_FLIP_FENCE
	SETTLED(0); /* T4 */
#endif
	STORE(0, LINK(h), 0);
	append(h, 0, 0);
#ifndef NO_FLIP_LAST
	RELEASE(0);
	STORE(0, GENERATION, generation)
#endif
}

active proctype Writer()
{
	byte generation = 0, changes = 0;

	append(0, 0, 0);
	SETTLED(0);
	STORE(0, GENERATION, 2); /* there is something, from now on */
	generation = 2;
	replace(0);
	compact(1);
	replace(1);
	compact(0);
	compact(1);
	replace(1);
#ifdef NO_SENT_FIRST
	STORE(0, MOVED, 1);
	SETTLED(0);
	is_sent = true
#else
	is_sent = true;
	STORE(0, MOVED, 1) /* T5 */
#endif
}

active proctype Reader()
{
	byte generation, changes, link, state, value, next;

end:	do
	::
		if
		:: LOAD(MOVED) == 1 -> assert(is_sent); break
		:: else
		fi;
		generation = LOAD(GENERATION);
		if
		:: generation == 0 -> goto again
		:: else
		fi;
		changes = LOAD(CHANGES);
		link = LOAD(LINK(generation % 2));
		state = 0; value = 0;
		do
		:: link == 0 || state == LIVE -> break
		:: else ->
			next = LOAD(NEXT(generation % 2, link - 1));
			state = LOAD(STATE(generation % 2, link - 1));
			if
			:: state == LIVE -> value = LOAD(VALUE(generation % 2, link - 1))
			:: else
			fi;
			link = next
		od;
#ifndef NO_GENERATION
		if
		:: LOAD(GENERATION) != generation -> goto again
		:: else
		fi;
#endif
		if
		:: state == LIVE -> assert(value / 10 == generation || (generation == 2 && value == 1))
		:: else ->
#ifndef NO_CHANGES
			if
			:: LOAD(CHANGES) != changes -> goto again
			:: else
			fi;
#endif
			assert(false) /* it is there, always */
		fi;
again:		generation = 0; changes = 0; link = 0; state = 0; value = 0; next = 0
	od
}
