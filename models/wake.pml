/* SPDX-License-Identifier: MIT */

/*
 * wake: attention and bells, edges A1 and A2 of src/shm/control.h
 *
 * One sends, one receives. The receiver is hot, or it dozes, each time in a new epoch; who sends rings once an
 * epoch. What is promised: when nobody can do anything more, all that was sent has been taken.
 *
 * switches: SEND_FENCE SLEEP_FENCE SLEEP_LOOK NEW_EPOCH BELL
 */

#define MESSAGES 3
#define WORDS    2
#define PROGRAMS 2
#define DEPTH    6
#include "memory.pml"

#define PRODUCED  0 /* the sender's */
#define ATTENTION 1 /* the receiver's: epoch * 2 + is it dozing? */

bool bell; /* an eventfd */
byte taken;
bool sent_all;

active proctype Drain()
{
	byte value;

end:	do
	SEEN(0, PRODUCED)
	SEEN(1, ATTENTION)
	od
}

active proctype Sender()
{
	byte number = 1, attention = 0, rung = 0;

	do
	:: number > MESSAGES -> break
	:: else ->
		STORE(0, PRODUCED, number);
#ifndef NO_SEND_FENCE
		SETTLED(0); /* A1 */
#endif
		attention = LOAD(ATTENTION);
		if
		:: attention % 2 == 1 && attention != rung ->
#ifndef NO_BELL
			bell = true;
#endif
			rung = attention
		:: else
		fi;
		attention = 0;
		number++
	od;
	sent_all = true
}

active proctype Receiver()
{
	byte epoch = 0;

round:
	taken = LOAD(PRODUCED);
	if
	:: skip -> goto round
	:: skip
	fi;
#ifdef NO_NEW_EPOCH
	epoch = 1;
#else
	epoch++;
#endif
	STORE(1, ATTENTION, epoch * 2 + 1);
#ifndef NO_SLEEP_FENCE
	SETTLED(1); /* A2 */
#endif
#ifndef NO_SLEEP_LOOK
	if
	:: LOAD(PRODUCED) != taken -> goto hot
	:: else
	fi;
#endif
end:
	atomic { bell -> bell = false };
hot:
	STORE(1, ATTENTION, epoch * 2);
	goto round
}

active proctype Monitor()
{
	timeout -> assert(!sent_all || taken == MESSAGES)
}
