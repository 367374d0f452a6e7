/* SPDX-License-Identifier: MIT */

/*
 * ring: src/shm/ring.h, edges R1 to R4: two rings, each with a writer and a reader, of 4 slots
 *
 * A record takes one slot or two and is never split: a pad fills the last slot then. Each slot of a record has the
 * record's number. What is promised: a reader sees whole records, in order, and no slot is written that it may still read.
 *
 * long: RINGS=2
 * switches: RELEASE ROOM PAD PRODUCED_LAST
 */

#define SLOTS    4
#define RECORDS  5
#define WORDS    12
#define PROGRAMS 4
#define DEPTH    4
#include "memory.pml"

/* words of ring r: its slots, produced, consumed; program r writes, program r + 2 reads */
#define SLOT(r, i)  ((r) * 6 + (i) % SLOTS)
#define PRODUCED(r) ((r) * 6 + 4)
#define CONSUMED(r) ((r) * 6 + 5)

#define SIZE(number) (1 + (number) % 2)
#define PADDING      99

byte read_at[2]; /* what readers are done with: for the promise alone */

active proctype Drain()
{
	byte value;

end:	do
	SEEN(0, SLOT(0, 0)) SEEN(0, SLOT(0, 1)) SEEN(0, SLOT(0, 2)) SEEN(0, SLOT(0, 3)) SEEN(0, PRODUCED(0))
	SEEN(2, CONSUMED(0))
#if RINGS > 1
	SEEN(1, SLOT(1, 0)) SEEN(1, SLOT(1, 1)) SEEN(1, SLOT(1, 2)) SEEN(1, SLOT(1, 3)) SEEN(1, PRODUCED(1))
	SEEN(3, CONSUMED(1))
#endif
	od
}

proctype Writer(byte r)
{
	byte number = 1, head = 0, size, n;

	do
	:: number > RECORDS -> break
	:: else ->
		size = SIZE(number);
#ifndef NO_PAD
		if
		:: head % SLOTS + size > SLOTS -> size = size + SLOTS - head % SLOTS /* a pad before it */
		:: else
		fi;
#endif
#ifndef NO_ROOM
		head + size - LOAD(CONSUMED(r)) <= SLOTS; /* room, by a picture that may be old */
#endif
#ifdef NO_PRODUCED_LAST
		STORE(r, PRODUCED(r), head + size);
#endif
		n = size;
		do
		:: n > 0 ->
			atomic {
				assert(head < read_at[r] + SLOTS);
				STORE(r, SLOT(r, head), (n > SIZE(number) -> PADDING : number))
			};
			head++; n--
		:: else -> break
		od;
#ifndef NO_PRODUCED_LAST
		RELEASE(r); /* R1 */
		STORE(r, PRODUCED(r), head);
#endif
		number++
	od
}

proctype Reader(byte r)
{
	byte number = 1, tail = 0, seen = 0, n;

	do
	:: number > RECORDS -> break
	:: else ->
		if
		:: tail == seen ->
			LOAD(PRODUCED(r)) != seen;
			seen = LOAD(PRODUCED(r)) /* R2 */
		:: else
		fi;
		if
		:: LOAD(SLOT(r, tail)) == PADDING -> tail++
		:: else ->
			n = 0;
			do
			:: n < SIZE(number) ->
				assert(tail % SLOTS + SIZE(number) - n <= SLOTS); /* not split */
				assert(LOAD(SLOT(r, tail)) == number);
				tail++; n++
			:: else -> break
			od;
			number++
		fi;
		read_at[r] = tail;
		RELEASE(r + 2); /* R3 */
		STORE(r + 2, CONSUMED(r), tail)
	od
}

init {
	atomic {
		run Writer(0); run Reader(0);
#if RINGS > 1
		run Writer(1); run Reader(1)
#endif
	}
}
