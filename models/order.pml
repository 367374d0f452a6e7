/* SPDX-License-Identifier: MIT */

/*
 * order: cause before effect, and the commit word; docs/memory-model.md, "Order", edges A1, A2, C1, C2, H
 *
 * A publishes to B and C. B takes each event and may react with a message to C. C has a link with each of the two, which
 * is hot, dozing or cold, and takes in by rounds: horizon, looks, the cold that rang, merge by stamp. What is
 * promised: C takes no reaction before its cause; and when nobody can do anything more, C has taken all.
 *
 * One atomic step is whatever nobody could see in pieces: a store stays in its buffer as long as it likes, so what
 * stores may do all of it together; who waits for what stays true may as well wait until it does the next
 * step; what C has seen does not change while it takes it. What is not needed any more is set to 0.
 *
 * long: EVENTS=2
 * switches: SEND_FENCE SLEEP_FENCE SLEEP_LOOK CHILL_FENCE CHILL_LOOK COMMIT COLD_FIRST DOZING_AFTER HORIZON ASK_COLD UNCOMMITTED_HOT
 */

#ifndef EVENTS
#define EVENTS   1
#endif
#define WORDS    6
#define DEPTH    4
#include "memory-late.pml"

#define A 0
#define B 1
#define C 2

/* words: produced of a link, C's attention for it */
#define A_TO_B      0
#define PRODUCED(l) (1 + (l)) /* l: the link of A or B to C */
#define COMMIT      3
#define ATTENTION(l) (4 + (l))

#define HOT    0
#define DOZING 1
#define COLD   2
#define STATE(word) ((word) % 4)

byte now;                                    /* the clock: a number for each stamp */
byte stamp_a[EVENTS + 1], stamp_b[EVENTS + 1];
byte cause[EVENTS + 1], reactions;           /* the event that a reaction is to */
bool doorbell, socket[2];
byte taken[2];

/* settle() - fence_seq(): what this program stored is seen */
inline settle(program)
{
	if
	:: program == A -> let_out(A_TO_B); let_out(PRODUCED(A)); let_out(COMMIT)
	:: program == B -> let_out(PRODUCED(B))
	:: program == C -> let_out(ATTENTION(A)); let_out(ATTENTION(B))
	fi
}

#define RINGS(cold, dozing) \
	(word != rung && ((STATE(word) == COLD && cold) || (STATE(word) == DOZING && dozing)))

/* ring() - as the attention word says, once an epoch */
inline ring(l, cold, dozing)
{
	atomic {
#ifndef NO_SEND_FENCE
		settle(l);
#endif
		load(word, ATTENTION(l));
		if
		:: !RINGS(cold, dozing) -> word = 0
		:: else
		fi
	};
	atomic {
		if
		:: STATE(word) == COLD -> socket[l] = true; rung = word
		:: STATE(word) == DOZING -> doorbell = true; rung = word
		:: else
		fi;
		word = 0
	}
}

active proctype Publisher()
{
	byte number = 1, word = 0, rung = 0;

	do
	:: number > EVENTS -> break
	:: else ->
		atomic {
			now++;
			stamp_a[number] = now;
			store(A_TO_B, number);
			store(PRODUCED(A), number)
		};
#ifndef NO_COLD_FIRST
#ifdef NO_DOZING_AFTER
		ring(A, true, true);
#else
		ring(A, true, false);
#endif
#endif
		atomic {
			settle(A); /* C1; the fence above */
			store(COMMIT, number)
		};
#ifdef NO_COLD_FIRST
		ring(A, true, true);
#else
#ifndef NO_DOZING_AFTER
		ring(A, false, true);
#endif
#endif
		number++
	od
}

#ifdef NO_COMMIT
#define IS_COMMITTED(number) true
#else
#define IS_COMMITTED(number) CAN_SEE(COMMIT, number)
#endif

active proctype Reactor()
{
	byte number = 1, word = 0, rung = 0;

	do
	:: number > EVENTS -> break
	:: number <= EVENTS -> number++ /* no reaction to this one */
	:: atomic {
			number <= EVENTS && CAN_SEE(A_TO_B, number) && IS_COMMITTED(number) -> see(A_TO_B, number);
#ifndef NO_COMMIT
			see(COMMIT, number);
#endif
			now++;
			reactions++;
			stamp_b[reactions] = now;
			cause[reactions] = number;
			number++;
			store(PRODUCED(B), reactions)
	   };
	   ring(B, true, true)
	od
}

/* look() - the link's tail, and for A's how far it is committed */
inline look(l)
{
	atomic { load(seen[l], PRODUCED(l)) };
#ifdef NO_COMMIT
	committed = EVENTS
#else
	if
	:: atomic { l == A -> load(committed, COMMIT) }
	:: l == B
	fi
#endif
}

/* attend() - each change to dozing or cold is a new epoch; that of a hot link is not looked at */
inline attend(l, state)
{
	atomic {
		attention[l] = state;
		if
		:: state != HOT -> epoch[l]++; store(ATTENTION(l), epoch[l] * 4 + state)
		:: else -> store(ATTENTION(l), HOT)
		fi
	}
}

#define CAN_TAKE(l) (taken[l] < seen[l] && (l == B || taken[l] < committed))
#ifdef NO_HORIZON
#define IS_OLD(stamp) true
#else
#define IS_OLD(stamp) ((stamp) <= horizon)
#endif
#define STAMP(l) (l == A -> stamp_a[taken[A] + 1] : stamp_b[taken[B] + 1])
#define READY(l) (CAN_TAKE(l) && IS_OLD(STAMP(l)))

inline heat_dozing()
{
	atomic {
		if
		:: attention[A] == DOZING -> attend(A, HOT)
		:: else
		fi;
		if
		:: attention[B] == DOZING -> attend(B, HOT)
		:: else
		fi
	}
}

/* take_rung() - a cold link that rang is hot, and looked at */
inline take_rung(l)
{
	if
	:: atomic { socket[l] && attention[l] == COLD -> socket[l] = false; attend(l, HOT) };
		look(l)
	:: atomic { socket[l] && attention[l] != COLD -> socket[l] = false }
	:: else
	fi
}

active proctype Receiver()
{
	byte horizon, committed, epoch[2], attention[2], seen[2];

round:
	atomic { horizon = now; seen[A] = taken[A]; seen[B] = taken[B]; committed = 0 }; /* H */
	if /* the cause's link first: the other way round it is found anyway */
	:: attention[A] == HOT -> look(A)
	:: else
	fi;
	if
	:: attention[B] == HOT -> look(B)
	:: else
	fi;
#ifndef NO_ASK_COLD
	if
	:: CAN_TAKE(A) || CAN_TAKE(B) -> take_rung(A); take_rung(B)
	:: else
	fi;
#endif
	atomic {
		do
		:: READY(A) && !(READY(B) && STAMP(B) < STAMP(A)) -> taken[A]++; stamp_a[taken[A]] = 0
		:: READY(B) && !(READY(A) && STAMP(A) < STAMP(B)) ->
			taken[B]++;
			assert(taken[A] >= cause[taken[B]]);
			stamp_b[taken[B]] = 0;
			cause[taken[B]] = 0
		:: !READY(A) && !READY(B) -> break
		od;
		horizon = 0;
		if
		:: goto round
		:: attention[A] == HOT -> goto chill
		:: CAN_TAKE(A) || CAN_TAKE(B) -> goto round
		:: !CAN_TAKE(A) && !CAN_TAKE(B) -> goto sleep
		fi
	};

chill: /* A's; that of B is like it */
#ifdef NO_UNCOMMITTED_HOT
	if
	:: CAN_TAKE(A) -> goto round
	:: else
	fi;
#else
	if
	:: seen[A] != taken[A] -> goto round
	:: else
	fi;
#endif
	attend(A, COLD);
#ifndef NO_CHILL_FENCE
	atomic { settle(C) };
#endif
#ifndef NO_CHILL_LOOK
	look(A);
	if
#ifdef NO_UNCOMMITTED_HOT
	:: CAN_TAKE(A) -> attend(A, HOT)
#else
	:: seen[A] != taken[A] -> attend(A, HOT)
#endif
	:: else
	fi;
#endif
	goto round;

sleep:
	atomic {
		if
		:: attention[A] == HOT -> attend(A, DOZING)
		:: else
		fi;
		if
		:: attention[B] == HOT -> attend(B, DOZING)
		:: else
		fi
	};
#ifndef NO_SLEEP_FENCE
	atomic { settle(C) };
#endif
#ifndef NO_SLEEP_LOOK
	if
	:: attention[A] == DOZING -> look(A)
	:: else
	fi;
	if
	:: attention[B] == DOZING -> look(B)
	:: else
	fi;
	if
	:: (attention[A] == DOZING && CAN_TAKE(A)) || (attention[B] == DOZING && CAN_TAKE(B)) -> goto awake
	:: else
	fi;
#endif
	atomic { seen[A] = taken[A]; seen[B] = taken[B]; committed = 0 };
end:
	atomic { doorbell || socket[A] || socket[B] -> doorbell = false };
	take_rung(A);
	take_rung(B);
awake:
	heat_dozing();
	goto round
}

active proctype Monitor()
{
	timeout -> assert(taken[A] == EVENTS && taken[B] == reactions)
}
