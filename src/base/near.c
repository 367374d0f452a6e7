/* SPDX-License-Identifier: MIT */

/* near: which word may have been meant */

#include <ctype.h>

#include "base/attribute.h"
#include "base/near.h"

#define LONGEST 64

static bool
is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment: the rows for i - 2, i - 1 and i letters of a. */
size_t
near_distance(const char *a, const char *b)
{
	size_t n_a = strlen(a), n_b = strlen(b);
	size_t rows[3][LONGEST + 1];

	if (n_a > LONGEST || n_b > LONGEST)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			size_t d = last[j - 1] + !is_same(a[i - 1], b[j - 1]);

			d = MIN(d, MIN(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
				is_same(a[i - 2], b[j - 1]))
				d = MIN(d, before[j - 2] + 1);
			now[j] = d;
		}
	}
	return rows[n_a % 3][n_b];
}

size_t
near_limit(const char *word)
{
	size_t n = strlen(word);

	return n < 3 ? 1 : MIN(n / 3, 4);
}

bool
near_name(const char *word, const char *name)
{
	const char *last = strrchr(name, '.'), *last_word = strrchr(word, '.');

	if (strlen(word) >= 3 && strcasestr(name, word))
		return true;
	if (near_distance(word, name) <= near_limit(word))
		return true;
	last = last ? last + 1 : name;
	last_word = last_word ? last_word + 1 : word;
	return *last_word && near_distance(last_word, last) <= near_limit(last_word);
}

void
near_offer(struct near *near, const char *name)
{
	size_t n = strlen(near->word), n_name = strlen(name), limit = near_limit(near->word),
	       distance;

	if (MAX(n, n_name) - MIN(n, n_name) > limit)
		return; /* seen without counting */
	distance = near_distance(near->word, name);
	if (distance > limit || (near->nearest && distance >= near->distance))
		return;
	near->nearest = name;
	near->distance = distance;
}
