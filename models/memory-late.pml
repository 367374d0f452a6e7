/* SPDX-License-Identifier: MIT */

/*
 * memory-late: the memory of memory.pml, for models with many states
 *
 * When a store is seen matters only to who loads its word, or waits for it to be seen. So it stays in its buffer until then:
 * a load lets out as many of the stores to its word as it likes, a fence all of its program. Since stores to different
 * words pass each other anyway, each word has a buffer. That is every behaviour of memory.pml, without the states
 * that differ only in stores at which nobody has looked.
 */

byte memory[WORDS];
chan buffer[WORDS] = [DEPTH] of { byte };

/* let_out() - what is stored is seen, all of it */
#define let_out(word) \
	do \
	:: buffer[word]?memory[word] \
	:: empty(buffer[word]) -> break \
	od

/* load() - in an atomic step */
#define load(to, word) \
	do \
	:: buffer[word]?memory[word] \
	:: break \
	od; \
	to = memory[word]

/* store() - in an atomic step; where the buffer is full, the oldest has to be seen */
#define store(word, value) \
	if \
	:: full(buffer[word]) -> buffer[word]?memory[word] \
	:: nfull(buffer[word]) \
	fi; \
	buffer[word]!value

/* CAN_SEE(), see() - wait for a number in a word that counts up by one: as a guard, and then in the same atomic step */
#define CAN_SEE(word, number) (memory[word] >= number || buffer[word]??[eval(number)])
#define see(word, number) \
	do \
	:: memory[word] < number -> buffer[word]?memory[word] \
	:: else -> break \
	od
