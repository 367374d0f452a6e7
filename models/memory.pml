/* SPDX-License-Identifier: MIT */

/*
 * memory: words that programs share, and the stores on their way to them
 *
 * A store waits in the buffer of its program until the others see it. Stores to one word stay in order, others need not
 * (that is weaker than x86, whose buffers are queues). A release waits until all before it are seen; fence_seq() does
 * that, too, before the program loads anything. Loads take what is in memory: no program loads a word that it writes itself.
 *
 * A model says how many WORDS and PROGRAMS there are, includes this, and has one process Drain with a line SEEN(program, word)
 * for each word, as each has one writer.
 */

byte memory[WORDS];
chan buffer[PROGRAMS] = [DEPTH] of { byte, byte };

#define LOAD(word)                memory[word]
#define STORE(program, word, value) buffer[program]!word, value
#define SETTLED(program)          empty(buffer[program])
#define SEEN(program, word)       :: atomic { buffer[program]??eval(word), value -> memory[word] = value; value = 0 }

#ifdef NO_RELEASE
#define RELEASE(program)          skip
#else
#define RELEASE(program)          SETTLED(program)
#endif
