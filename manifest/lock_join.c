#include "manifest/lock_join.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

static bool same_repo(const struct lock_repo *a, const struct lock_repo *b)
{
	return a->type == b->type && !strcmp(a->id, b->id);
}

static bool same_commit(const struct lock_repo *a, const struct lock_repo *b)
{
	return same_repo(a, b) && !strcmp(a->commit, b->commit);
}

/* Does another one of the lock have this very commit? */
static bool is_taken(const struct lock *l, const struct lock_repo *r,
		     size_t except)
{
	for (size_t i = 0; i < l->repo_count; i++)
		if (i != except && same_commit(&l->repos[i], r))
			return true;
	return false;
}

/* What is recorded in the place of number i of whole; NULL: nothing. Two commits
 * of one repository may stand in one lock. */
static const struct lock_repo *find_recorded(const struct lock *whole, size_t i,
					     const struct lock *had)
{
	const struct lock_repo *want = &whole->repos[i], *other = NULL;

	assert(i < whole->repo_count && want);
	for (size_t k = 0; had && k < had->repo_count; k++) {
		const struct lock_repo *r = &had->repos[k];

		if (same_commit(r, want))
			return r;
		if (!other && same_repo(r, want) && !is_taken(whole, r, i))
			other = r;
	}
	return other;
}

int lock_join(struct lock *out, const struct lock *whole, size_t repo,
	      const struct lock *had, struct error *err)
{
	/* all but the list is borrowed */
	struct lock l = *whole;
	struct lock_repo *repos CLEANUP(free_ptr) = xcalloc(
		whole->repo_count + 1, sizeof(*repos));
	struct str text CLEANUP(str_release) = STR_INIT;

	l.repos = repos;
	l.repo_count = 0;
	for (size_t i = 0; i < whole->repo_count; i++) {
		const struct lock_repo *r = i == repo ? &whole->repos[i]
						      : find_recorded(whole, i,
								      had);

		if (r)
			repos[l.repo_count++] = *r;
	}
	/* through its text: the one way in which a lock is checked */
	lock_format(&l, &text);
	return lock_parse(out, text.ptr, text.len, err);
}
