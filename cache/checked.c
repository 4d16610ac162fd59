#include "cache/checked.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 5000000L
#define WAITS	10 /* for a coarse clock to go on */

int64_t checked_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void checked_release(struct checked *k)
{
	close_fd(&k->dirfd);
	stamps_release(&k->known);
	stamps_release(&k->found);
	free_ptr(&k->problem);
}

/* Others may make files in a shared cache; what they say of it does not count. */
static bool is_trusted(int dirfd, const struct stat *st)
{
	struct stat dir;

	return S_ISREG(st->st_mode) && !(st->st_mode & S_IWOTH) &&
	       (st->st_uid == geteuid() || st->st_uid == 0 ||
		(!fstat(dirfd, &dir) && st->st_uid == dir.st_uid));
}

static int64_t mtime_of(const struct stat *st)
{
	struct stamp s;

	stamp_read(&s, st);
	return s.mtime;
}

static int load(struct checked *k, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	int fd CLEANUP(close_fd) = openat(k->dirfd, k->name,
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
						  O_NOCTTY | O_CLOEXEC);
	struct stat st;
	size_t got;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", k->name);
	if (!is_trusted(k->dirfd, &st))
		return err_set(err, ERR_FORMAT,
			       "%s: somebody else's, or anybody may write it",
			       k->name);
	if ((uint64_t)st.st_size > STAMPS_LIMIT)
		return err_set(err, ERR_FORMAT, "%s: too large", k->name);
	str_fill(&text, '\0', (size_t)st.st_size);
	if (file_read_full(fd, text.ptr, text.len, &got, k->name, err))
		return -1;
	if (stamps_parse(&k->known, text.ptr, got, err))
		return err_wrap(err, "%s", k->name);
	/* one that was copied or put back does not get younger by that */
	if (mtime_of(&st) < k->known.written)
		k->known.written = mtime_of(&st);
	return 0;
}

static void load_known(struct checked *k)
{
	struct error why = { 0 };

	if (load(k, &why))
		k->problem = xstrdup(why.msg);
}

void checked_open(struct checked *k, int top, const char *dir, const char *name,
		  bool quick)
{
	k->name = name;
	k->quick = quick;
	k->then = checked_now();
	k->dirfd = openat(top, dir,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* else it is in the way until the end */
	if (k->dirfd >= 0 && quick)
		load_known(k);
}

bool checked_knows(struct checked *k, const struct stat *st,
		   const struct digest *want, bool *first)
{
	struct stamp now, *old;

	if (!k->quick)
		return false;
	stamp_read(&now, st);
	old = stamps_find(&k->known, &now);
	if (!old || !stamp_has(old, want))
		return false;
	/* several threads may ask for names of one file */
	*first = !__atomic_exchange_n(&old->seen, true, __ATOMIC_RELAXED);
	return true;
}

static void add(struct checked *k, const struct stamp *file,
		const struct digest *a, const struct digest *b)
{
	struct stamp s = *file;

	if (k->found.count == STAMPS_MAX)
		return;
	s.sha256 = a->alg == DIGEST_SHA256 ? *a : (struct digest){ 0 };
	s.git = (struct digest){ 0 };
	if (b->alg == DIGEST_GIT_SHA1)
		s.git = *b;
	else if (!s.sha256.alg)
		s.sha256 = *b;
	s.seen = true;
	stamps_add(&k->found, &s);
}

void checked_add(struct checked *k, const struct stamp *file,
		 const struct digest *got)
{
	if (k->dirfd >= 0 && !stamp_is_racy(file, k->then))
		add(k, file, got, got);
}

void checked_add_made(struct checked *k, const struct stamp *file,
		      const struct digest *sha256, const struct digest *etag)
{
	if (k->dirfd >= 0)
		add(k, file, sha256, etag);
}

/* --- saving -------------------------------------------------------------------- */

static bool covers(const struct stamp *s, const struct stamp *old)
{
	return (!old->sha256.alg || digest_equal(&s->sha256, &old->sha256)) &&
	       (!old->git.alg || digest_equal(&s->git, &old->git));
}

/* What is kept of the old goes behind the new; sorting puts both together. */
static void merge(struct checked *k, bool whole)
{
	struct stamps now;

	stamps_sort(&k->found);
	now = k->found;
	now.written = INT64_MAX;
	for (size_t i = 0; i < k->known.count; i++) {
		const struct stamp *old = &k->known.items[i], *new;

		/* one that was too young then would look old enough now */
		if (!stamps_find(&k->known, old))
			continue;
		now.items = k->found.items;
		new = stamps_find(&now, old);
		if (new ? covers(new, old) : whole && !old->seen)
			continue;
		if (k->found.count < STAMPS_MAX)
			stamps_add(&k->found, old);
	}
	stamps_sort(&k->found);
}

/* Would the list say what it says already? */
static bool is_known(const struct checked *k)
{
	bool same = k->found.count == k->known.count;

	for (size_t i = 0; same && i < k->found.count; i++) {
		const struct stamp *new = &k->found.items[i];
		const struct stamp *old = stamps_find(&k->known, new);

		same = old && digest_equal(&old->sha256, &new->sha256) &&
		       digest_equal(&old->git, &new->git);
	}
	return same;
}

/* Later than the last change of all that is in it, if that is now. */
static int64_t written(const struct checked *k)
{
	const struct timespec pause = { .tv_nsec = WAIT_NS };
	int64_t last = 0, now = checked_now();

	for (size_t i = 0; i < k->found.count; i++) {
		const struct stamp *s = &k->found.items[i];

		last = s->mtime > last ? s->mtime : last;
		last = s->ctime > last ? s->ctime : last;
	}
	for (int i = 0;
	     i < WAITS && last >= now && last - now < WAITS * (int64_t)WAIT_NS;
	     i++) {
		nanosleep(&pause, NULL);
		now = checked_now();
	}
	return now;
}

int checked_save(struct checked *k, bool whole, struct error *err)
{
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;

	if (k->dirfd < 0)
		return 0;
	if (!k->quick)
		load_known(k);
	merge(k, whole);
	if (is_known(k))
		return 0;
	stamps_release(&k->known);
	k->found.written = written(k);
	stamps_format(&k->found, &text);
	if (atomic_open_unnamed(&f, k->dirfd, k->name, 0644, err) ||
	    file_write_all(f.fd, text.ptr, text.len, k->name, err))
		return -1;
	return atomic_commit(&f, err);
}
