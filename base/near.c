#include "base/near.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX  32 /* longer words are not compared */
#define SHOWN_MAX 5

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t edit_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (alen > WORD_MAX || blen > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= alen; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= blen; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= alen; i++)
		for (size_t j = 1; j <= blen; j++) {
			size_t differ = a[i - 1] != b[j - 1];
			size_t v = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
					d[i - 1][j - 1] + differ);

			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < v)
				v = d[i - 2][j - 2] + 1;
			d[i][j] = v;
		}
	return d[alen][blen];
}

void nearest_begin(struct nearest *n, const char *word, size_t len)
{
	*n = (struct nearest){ .word = word,
			       .len = len,
			       .distance = len < 3 ? 2 : len / 3 + 2 };
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	size_t len = strlen(candidate);
	size_t distance = edit_distance(n->word, n->len, candidate, len);

	/* a word of which only the beginning was typed */
	if (n->len >= 3 && len > n->len &&
	    memcmp(candidate, n->word, n->len) == 0)
		distance = 1;
	if (distance < n->distance) {
		n->distance = distance;
		n->best = candidate;
	}
}

int near_fail(const char *word, const struct strlist *all, const char *where,
	      struct error *err)
{
	struct str has CLEANUP(str_release) = STR_INIT;
	struct nearest near;
	size_t shown = 0;

	nearest_begin(&near, word, strlen(word));
	for (size_t i = 0; i < all->count; i++)
		nearest_offer(&near, all->items[i]);
	err_set(err, ERR_NOT_FOUND, "%s: there is no %s in it", where, word);
	if (near.best)
		return err_hint(err, "did you mean %s?", near.best);
	if (!all->count)
		return -1;
	for (; shown < all->count && shown < SHOWN_MAX; shown++)
		str_addf(&has, "%s%s", shown ? ", " : "", all->items[shown]);
	if (shown < all->count)
		str_addf(&has, " and %zu more", all->count - shown);
	return err_hint(err, "it has %s", has.ptr);
}
