/* SPDX-License-Identifier: MIT */

/*
 * room: the room word, edges A3 and A4 of src/shm/control.h
 *
 * One sends more than the ring holds and sleeps while it is full; the other takes, gives room back now and then, at
 * the latest before it sleeps itself, and rings who waits for it, once a wait. What is promised: all comes through.
 *
 * switches: ROOM_FENCE GIVE_FENCE ROOM_LOOK PUBLISH_ROOM SEND_FENCE SLEEP_FENCE NEW_WAIT
 */

#define MESSAGES 4
#define SLOTS    2
#define WORDS    4
#define PROGRAMS 2
#define DEPTH    6
#include "memory.pml"

#define PRODUCED  0 /* the sender's */
#define ROOM      1 /* also: number of the wait * 2 + does it wait? */
#define CONSUMED  2 /* the receiver's */
#define ATTENTION 3 /* also: epoch * 2 + is it dozing? */

bool sender_bell, receiver_bell;
byte taken;

active proctype Drain()
{
	byte value;

end:	do
	SEEN(0, PRODUCED) SEEN(0, ROOM)
	SEEN(1, CONSUMED) SEEN(1, ATTENTION)
	od
}

active proctype Sender()
{
	byte sent = 0, wait = 0, word = 0, rung = 0;

	do
	:: sent == MESSAGES -> break
	:: else ->
		do
		:: sent - LOAD(CONSUMED) < SLOTS -> break
		:: else ->
#ifdef NO_NEW_WAIT
			wait = 1;
#else
			wait++;
#endif
			STORE(0, ROOM, wait * 2 + 1);
#ifndef NO_ROOM_FENCE
			SETTLED(0); /* A3 */
#endif
#ifndef NO_ROOM_LOOK
			if
			:: sent - LOAD(CONSUMED) < SLOTS -> break
			:: else
			fi;
#endif
end:			atomic { sender_bell -> sender_bell = false }
		od;
		sent++;
		STORE(0, PRODUCED, sent);
#ifndef NO_SEND_FENCE
		SETTLED(0); /* A1 */
#endif
		word = LOAD(ATTENTION);
		if
		:: word % 2 == 1 && word != rung -> receiver_bell = true; rung = word
		:: else
		fi;
		word = 0
	od
}

active proctype Receiver()
{
	byte epoch = 0, word = 0, rung = 0, given = 0;

round:
	taken = LOAD(PRODUCED);
	if
	:: taken != given && taken != MESSAGES -> /* perhaps it gives room back now */
		if
		:: skip -> goto round
		:: skip
		fi
	:: else
	fi;
#ifndef NO_PUBLISH_ROOM
	if
	:: taken != given ->
		given = taken;
		RELEASE(1);
		STORE(1, CONSUMED, given);
#ifndef NO_GIVE_FENCE
		SETTLED(1); /* A4 */
#endif
		word = LOAD(ROOM);
		if
		:: word % 2 == 1 && word != rung -> sender_bell = true; rung = word
		:: else
		fi;
		word = 0
	:: else
	fi;
#endif
	epoch++;
	STORE(1, ATTENTION, epoch * 2 + 1);
#ifndef NO_SLEEP_FENCE
	SETTLED(1); /* A2 */
#endif
	if
	:: LOAD(PRODUCED) != taken -> goto hot
	:: else
	fi;
end:
	atomic { receiver_bell -> receiver_bell = false };
hot:
	STORE(1, ATTENTION, epoch * 2);
	goto round
}

active proctype Monitor()
{
	timeout -> assert(taken == MESSAGES)
}
