/* SPDX-License-Identifier: MIT */

/*
 * value: src/shm/value.h, edges V1 and V2: a value of two words, with places for 3 versions instead of 4
 *
 * What is promised: who reads gets the words of one version, the one that it is told, and versions never fall.
 *
 * switches: RELEASE PLACE_FENCE LOOK EARLY_LOOK
 */

#define PLACES   3
#define VERSIONS 6
#define WORDS    7
#define PROGRAMS 1
#define DEPTH    4
#include "memory.pml"

#define VERSION     0
#define PLACE(v, i) (1 + ((v) % PLACES) * 2 + (i))

active proctype Drain()
{
	byte value;

end:	do
	SEEN(0, VERSION)
	SEEN(0, PLACE(0, 0)) SEEN(0, PLACE(0, 1)) SEEN(0, PLACE(1, 0)) SEEN(0, PLACE(1, 1))
	SEEN(0, PLACE(2, 0)) SEEN(0, PLACE(2, 1))
	od
}

active proctype Owner()
{
	byte version = 1;

	do
	:: version > VERSIONS -> break
	:: else ->
#ifndef NO_PLACE_FENCE
		SETTLED(0); /* V2 */
#endif
		STORE(0, PLACE(version, 0), version);
		STORE(0, PLACE(version, 1), version);
		RELEASE(0); /* V1 */
		STORE(0, VERSION, version);
		version++
	od
}

active [2] proctype Reader()
{
	byte version, first, second, last = 0;

end:	do
	::
		version = LOAD(VERSION);
		if
		:: version == 0 -> goto again
		:: else
		fi;
#ifdef NO_EARLY_LOOK
		if
		:: LOAD(VERSION) - version > PLACES - 2 -> goto again
		:: else
		fi;
#endif
		first = LOAD(PLACE(version, 0));
		second = LOAD(PLACE(version, 1));
#ifndef NO_LOOK
#ifndef NO_EARLY_LOOK
		if
		:: LOAD(VERSION) - version > PLACES - 2 -> goto again
		:: else
		fi;
#endif
#endif
		assert(first == version && second == version && version >= last);
		last = version;
again:		version = 0; first = 0; second = 0
	od
}
