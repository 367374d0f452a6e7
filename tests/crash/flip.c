/* SPDX-License-Identifier: MIT */

/* flip: the director; see flip.h */

#include "flip.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "sweep.h"

enum {
	N_SHORT = 60, /* flips of a scene in the short form */
	N_EACH = 16,  /* words that are flipped at one place in the long form */
	TIMEOUT = 7200,
};

struct director {
	const struct flip_scene *scene;
	struct flips flips;
	pid_t reader;  /* 0: none */
	bool is_armed; /* what is to be read is there */
	struct answer plain;
	struct answer *flipped[MAX_WORDS]
			      [N_PATTERNS]; /* what comes of a word that was hostile all the time */
	uint64_t n_flips, n_missed, n_places;
};

void
answer_number(struct answer *answer, uint64_t number)
{
	if (answer->n_numbers < MAX_NUMBERS_READ)
		answer->numbers[answer->n_numbers++] = number;
}

void
answer_bytes(struct answer *answer, const void *bytes, size_t size)
{
	size = MIN(size, (size_t)MAX_BYTES_READ - answer->n_bytes);
	memcpy(answer->bytes + answer->n_bytes, bytes, size);
	answer->n_bytes += (uint32_t)size;
}

void
flips_word(struct flips *flips, void *at, uint32_t size, uint64_t was)
{
	if (flips->n_words < MAX_WORDS)
		flips->words[flips->n_words++] = (struct word){at, size, was};
}

void
flips_words(struct flips *flips, void *from, size_t size, uint32_t n)
{
	static const uint64_t zero;

	for (size_t i = 0; i + 8 <= size && n > 0; i += 8) {
		if (memcmp((uint8_t *)from + i, &zero, 8) == 0)
			continue;
		flips_word(flips, (uint8_t *)from + i, 8, 0);
		n--;
	}
}

/* --- the reader --- */

static void
reader_run(void *user)
{
	struct director *director = user;
	cpu_set_t one;
	int cpu = sched_getcpu();

	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : (unsigned int)cpu, &one); /* as victims do */
	(void)sched_setaffinity(0, sizeof(one), &one);
	stepper_offer();
	director->scene->open(&director->flips);
	for (;;) {
		stepper_mark();
		memset(director->flips.answer, 0, sizeof(*director->flips.answer));
		director->scene->read(&director->flips, director->flips.answer);
		stepper_mark();
	}
}

static void
reader_end(struct director *director)
{
	if (director->reader)
		stepper_kill(director->reader);
	director->reader = 0;
	director->is_armed = false;
}

/* finish() - to the mark behind the reading, and before the next. Return: is it there? */
static bool
finish(struct director *director, bool is_there)
{
	director->is_armed = false;
	return (is_there || stepper_go(director->reader) == STEP_MARK) &&
	       stepper_go(director->reader) == STEP_MARK;
}

/* reader_ready() - at the mark before a reading, all armed */
static void
reader_ready(struct director *director)
{
	const struct flip_scene *scene = director->scene;

	while (!director->reader || (!director->is_armed && !scene->arm(&director->flips))) {
		reader_end(director);
		atomic_store(director->flips.told, 0);
		if (scene->leave)
			scene->leave(&director->flips);
		director->reader = child_start(reader_run, director);
		if (scene->join)
			scene->join(&director->flips);
		must_be(stepper_wait(director->reader), STEP_POINT);
		if (scene->arm(&director->flips)) /* the first reading goes other ways than those
						     after it */
			must(finish(director, false));
	}
	director->is_armed = true;
}

/* --- one flip --- */

static uint64_t
word_get(const struct word *word)
{
	uint64_t value = 0;

	memcpy(&value, word->at, word->size);
	return value;
}

static void
word_set(const struct word *word, uint64_t value)
{
	switch (word->size) { /* at once, as a partner would */
	case 8:
		atomic_store_explicit((_Atomic uint64_t *)word->at, value, memory_order_relaxed);
		break;
	case 4:
		atomic_store_explicit(
			(_Atomic uint32_t *)word->at, (uint32_t)value, memory_order_relaxed);
		break;
	case 2:
		atomic_store_explicit(
			(_Atomic uint16_t *)word->at, (uint16_t)value, memory_order_relaxed);
		break;
	default:
		atomic_store_explicit(
			(_Atomic uint8_t *)word->at, (uint8_t)value, memory_order_relaxed);
	}
}

static uint64_t
hostile(const struct director *director, uint32_t w, uint32_t pattern)
{
	const struct word *word = &director->flips.words[w];
	uint64_t value = word_get(word);
	uint32_t bits = word->size * 8;

	switch (pattern) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return value + 1;
	case 3:
		return value - 1;
	case 4:
		return director->flips.limit;
	case 5:
		return word->was;
	case 6:
		return value ^ UINT64_C(1) << (bits - 1);
	case 7:
		return value << bits / 2 | value >> bits / 2; /* halves swapped */
	default:
		return sweep_seed(w);
	}
}

/* is_either() - what belongs together is the one's; bytes are of either */
static bool
is_either(const struct answer *got, const struct answer *one, const struct answer *other)
{
	if (got->n_numbers != one->n_numbers || got->n_bytes != one->n_bytes ||
		memcmp(got->numbers, one->numbers, got->n_numbers * sizeof(got->numbers[0])) != 0)
		return false;
	for (uint32_t i = 0; i < got->n_bytes; i++)
		if (got->bytes[i] != one->bytes[i] &&
			(i >= other->n_bytes || got->bytes[i] != other->bytes[i]))
			return false;
	return true;
}

/* say_wrong() - and the reader is another one from now on */
static void
say_wrong(struct director *director, const struct point *point, uint32_t w, uint32_t pattern,
	const char *what)
{
	char where[128];

	(void)snprintf(where, sizeof(where),
		"word %u of %u bytes, pattern %u, pc %#lx, time %u, status %#x", w,
		director->flips.words[w].size, pattern, point ? (unsigned long)point->pc : 0,
		point ? point->n : 0, (unsigned int)stepper_status());
	violation(director->scene->name, what, where);
	reader_end(director);
}

/* flip_at() - one reading. NULL: from the beginning. Return: did it come by, and through? */
static bool
flip_at(struct director *director, const struct point *point, uint32_t w, uint32_t pattern,
	bool for_good)
{
	const struct word *word;
	enum step step = STEP_POINT;
	uint64_t before;

	reader_ready(director);
	w = w % director->flips.n_words;
	if (point)
		step = stepper_run_to(director->reader, point);
	word = &director->flips.words[w];
	before = word_get(word);
	if (step == STEP_POINT) {
		word_set(word, hostile(director, w, pattern));
		if (!for_good) {
			step = stepper_step(director->reader);
			word_set(word, before);
		}
	}
	if (step == STEP_ENDED || step == STEP_HUNG || !finish(director, step == STEP_MARK)) {
		say_wrong(director, point, w, pattern,
			step == STEP_HUNG ? "the reader hangs" : "the reader crashed");
		word_set(word, before);
		return false;
	}
	word_set(word, before);
	return step == STEP_POINT;
}

/* judge() - of the reading that was; the reader may have to go */
static void
judge(struct director *director, const struct point *point, uint32_t w, uint32_t pattern)
{
	const struct answer *got = director->flips.answer, *plain = &director->plain;
	const struct answer *other = director->flipped[w][pattern];

	if (director->scene->is_stateful && (got->failed || !is_either(got, plain, plain)))
		reader_end(director);
	if (!got->failed && got->n_numbers > 0 && !is_either(got, plain, other) &&
		!is_either(got, other, plain))
		say_wrong(director, point, w, pattern,
			"what was read is neither what was there nor what came");
}

/* oracle() - once for each word and pattern: hostile all the time. Return: did the reader live
 * through it? */
static bool
oracle(struct director *director, uint32_t w, uint32_t pattern)
{
	struct answer *answer = director->flipped[w][pattern];

	if (answer)
		return true;
	if (!flip_at(director, NULL, w, pattern, true))
		return false;
	answer = director->flipped[w][pattern] = malloc(sizeof(*answer));
	must(answer != NULL);
	*answer = *director->flips.answer;
	judge(director, NULL, w, pattern);
	director->n_flips++;
	return true;
}

static void
flip(struct director *director, const struct point *point, uint64_t dice)
{
	uint32_t pattern = (uint32_t)(dice >> 8) % N_PATTERNS, w;
	bool for_good = dice >> 16 & 3;

	reader_ready(director); /* then the words are known */
	w = (uint32_t)(dice >> 32) % director->flips.n_words;
	if (!oracle(director, w, pattern))
		return;
	if (flip_at(director, point, w, pattern, for_good)) {
		director->n_flips++;
		judge(director, point, w, pattern);
	} else {
		director->n_missed++;
		reader_end(director);
	}
}

/* --- the sweep --- */

/* n_each() - flips at one place, of the patterns in turn */
static uint32_t
n_each(void)
{
	const char *text = getenv("TERN_TEST_EACH");

	return !is_long() ? 1 : text ? (uint32_t)strtoul(text, NULL, 10) : N_EACH;
}

static void
flip_all(struct director *director, const struct trace *trace)
{
	for (size_t i = 0; i < trace->n_points; i++) {
		uint64_t n = director->n_flips;

		if (!sweep_picks(i, trace->n_points, N_SHORT))
			continue;
		for (uint32_t k = 0; k < n_each(); k++) {
			uint64_t dice = sweep_seed(i << 8 | k);

			if (is_long()) /* each pattern in turn, the words by chance */
				dice = (dice & ~UINT64_C(0xff00)) | (i + k) % N_PATTERNS << 8;
			flip(director, &trace->points[i], dice);
		}
		director->n_places += director->n_flips > n;
	}
}

static void
sweep(const struct flip_scene *scene)
{
	uint64_t violations = atomic_load(&totals->violations);
	struct director *director = calloc(1, sizeof(*director));
	struct trace trace = {0};

	must(director != NULL);
	director->scene = scene;
	director->flips.answer = shared_new(sizeof(*director->flips.answer));
	director->flips.told = shared_new(sizeof(*director->flips.told));
	scene->begin(&director->flips);
	reader_ready(director);
	must_be(stepper_trace(director->reader, &trace), STEP_MARK);
	must(finish(director, true));
	director->plain = *director->flips.answer;
	must(!director->plain.failed && director->plain.n_numbers > 0);
	flip_all(director, &trace);
	printf("%s: %llu flips at %llu of %zu places, %u words\n", scene->name,
		(unsigned long long)director->n_flips, (unsigned long long)director->n_places,
		trace.n_points, director->flips.n_words);
	reader_end(director);
	(void)atomic_fetch_add(&totals->flips, director->n_flips);
	(void)atomic_fetch_add(&totals->flips_missed, director->n_missed);
	(void)atomic_fetch_add(&totals->flip_places, director->n_places);
	(void)atomic_fetch_add(&totals->flip_places_there, trace.n_points);
	scene->end(&director->flips);
	trace_free(&trace);
	for (uint32_t i = 0; i < MAX_WORDS * N_PATTERNS; i++)
		free(director->flipped[i / N_PATTERNS][i % N_PATTERNS]);
	(void)shared_free(director->flips.answer, sizeof(*director->flips.answer));
	(void)shared_free(director->flips.told, sizeof(*director->flips.told));
	free(director);
	must_be(atomic_load(&totals->violations), violations);
}

START_TEST(on_a_link)
{
	sweep(&flips_of_links[_i]);
}
END_TEST

START_TEST(in_memory)
{
	sweep(&flips_of_memory[_i]);
}
END_TEST

static void
add(Suite *suite, const char *name, int i, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, test, i, i + 1);
	suite_add_tcase(suite, tcase);
}

void
flips_add(Suite *suite)
{
	for (int i = 0; flips_of_links[i].name; i++)
		add(suite, flips_of_links[i].name, i, on_a_link);
	for (int i = 0; flips_of_memory[i].name; i++)
		add(suite, flips_of_memory[i].name, i, in_memory);
}
