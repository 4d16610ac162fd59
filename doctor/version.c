/* PEP 440, as far as released versions and pins need it: [N!]N(.N)*[{a|b|rc}N]
 * [.postN][.devN][+local]. */
#include "base/mem.h"
#include "doctor/packages.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define PARTS 8

struct version {
	bool valid;
	uint64_t epoch, release[PARTS];
	size_t count;
	/* in the order in which they sort; see read_tail() */
	int64_t pre, pre_number, post, dev;
};

static uint64_t number(const char **p)
{
	uint64_t n = 0;

	for (; isdigit((unsigned char)**p); (*p)++)
		n = n < 100000000 ? n * 10 + (uint64_t)(**p - '0') : n;
	return n;
}

static bool word(const char **p, const char *w)
{
	const char *q = *p;

	if (*q == '.' || *q == '-' || *q == '_')
		q++;
	if (strncmp(q, w, strlen(w)) != 0)
		return false;
	q += strlen(w);
	if (*q == '.' || *q == '-' || *q == '_')
		q++;
	*p = q;
	return true;
}

/* a < b < rc < the release itself; dev below them, post above. */
static void read_tail(const char *p, struct version *v)
{
	static const struct {
		const char *word;
		int64_t order;
	} pres[] = {
		{ "alpha", 1 }, { "beta", 2 }, { "rc", 3 }, { "pre", 3 },
		{ "a", 1 },	{ "b", 2 },    { "c", 3 },
	};

	for (size_t i = 0; i < ARRAY_LEN(pres) && v->pre == 4; i++)
		if (word(&p, pres[i].word)) {
			v->pre = pres[i].order;
			v->pre_number = (int64_t)number(&p);
		}
	if (word(&p, "post") || word(&p, "rev"))
		v->post = (int64_t)number(&p) + 1;
	if (word(&p, "dev")) {
		v->dev = (int64_t)number(&p);
		/* 1.0.dev1 is below 1.0a1 */
		if (v->pre == 4 && v->post == 0)
			v->pre = 0;
	}
	v->valid = *p == '\0' || *p == '+';
}

static struct version read_version(const char *text)
{
	struct version v = { .pre = 4, .dev = INT64_MAX };
	const char *p = *text == 'v' ? text + 1 : text;
	const char *bang = strchr(p, '!');

	if (bang) {
		v.epoch = number(&p);
		p = bang + 1;
	}
	if (!isdigit((unsigned char)*p))
		return v;
	do {
		uint64_t n = number(&p);

		if (v.count < PARTS)
			v.release[v.count++] = n;
	} while (*p == '.' && isdigit((unsigned char)p[1]) && p++);
	read_tail(p, &v);
	return v;
}

static int cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int version_cmp(const char *a, const char *b)
{
	struct version x = read_version(a), y = read_version(b);
	int c;

	if (!x.valid || !y.valid)
		return cmp(x.valid, y.valid);
	c = cmp((int64_t)x.epoch, (int64_t)y.epoch);
	for (size_t i = 0; i < PARTS && !c; i++)
		c = cmp((int64_t)x.release[i], (int64_t)y.release[i]);
	c = c ? c : cmp(x.pre, y.pre);
	c = c ? c : cmp(x.pre_number, y.pre_number);
	c = c ? c : cmp(x.post, y.post);
	return c ? c : cmp(x.dev, y.dev);
}

/* The first n release numbers of both are equal. */
static bool same_start(const char *a, const char *b, size_t n)
{
	struct version x = read_version(a), y = read_version(b);

	if (!x.valid || !y.valid || x.epoch != y.epoch)
		return false;
	for (size_t i = 0; i < n && i < PARTS; i++)
		if (x.release[i] != y.release[i])
			return false;
	return true;
}

/* ">=1.4.2, ==1.4.*" */
static bool compatible(const char *version, const char *want)
{
	struct version w = read_version(want);

	return w.count >= 2 && version_cmp(version, want) >= 0 &&
	       same_start(version, want, w.count - 1);
}

static bool equal(const char *version, char *want)
{
	size_t n = strlen(want);

	if (n > 2 && strcmp(want + n - 2, ".*") == 0) {
		want[n - 2] = '\0';
		return same_start(version, want, read_version(want).count);
	}
	return version_cmp(version, want) == 0;
}

static bool fits_one(const char *version, const char *op, char *want)
{
	if (strcmp(op, "==") == 0 || strcmp(op, "===") == 0)
		return equal(version, want);
	if (strcmp(op, "!=") == 0)
		return !equal(version, want);
	if (strcmp(op, "~=") == 0)
		return compatible(version, want);
	if (strcmp(op, ">=") == 0)
		return version_cmp(version, want) >= 0;
	if (strcmp(op, "<=") == 0)
		return version_cmp(version, want) <= 0;
	if (strcmp(op, ">") == 0)
		return version_cmp(version, want) > 0;
	return strcmp(op, "<") == 0 && version_cmp(version, want) < 0;
}

bool version_fits(const char *version, const char *spec)
{
	while (*spec) {
		size_t op_len, len;

		spec += strspn(spec, " ,");
		op_len = strspn(spec, "=<>!~");
		len = op_len + strcspn(spec + op_len, ",");
		if (op_len) {
			char *op CLEANUP(free_ptr) = xstrndup(spec, op_len);
			const char *p = spec + op_len;
			size_t skip = strspn(p, " ");
			char *want CLEANUP(free_ptr) = xstrndup(
				p + skip, len - op_len - skip);

			want[strcspn(want, " ;")] = '\0';
			if (!fits_one(version, op, want))
				return false;
		}
		spec += len;
	}
	return true;
}
