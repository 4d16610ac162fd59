#include "doctor/pparse.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

#define PF_EXITING 4 /* of the kernel's sched.h; do_exit() begins with it */

/* The next word of a line; *len 0 at its end. Moves *p behind it. */
static const char *word(const char **p, size_t *len)
{
	const char *w = *p + strspn(*p, " \t");

	*len = strcspn(w, " \t\n");
	*p = w + *len;
	return w;
}

/* The n-th word from here (0: the next one) as a number; false: none. */
static bool number_at(const char *p, int n, uint64_t *out)
{
	const char *w;
	size_t len;

	do {
		w = word(&p, &len);
		if (!len)
			return false;
	} while (n--);
	return str_digits(w, out) > w;
}

bool pparse_stat(const char *text, struct pparse_stat *out)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct pparse_stat s = { .state = 0 };
	uint64_t flags;
	size_t len;

	/* between the first and the last parenthesis: any name */
	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return false;
	len = (size_t)(close - open) - 1;
	if (len >= sizeof(s.comm))
		len = sizeof(s.comm) - 1;
	memcpy(s.comm, open + 1, len);
	s.state = close[2];
	/* fields 4, 9, 12, 14, 15, 20, 22, 24 of proc(5) */
	text = close + 3;
	if (!number_at(text, 0, &s.ppid) || !number_at(text, 5, &flags) ||
	    !number_at(text, 8, &s.majflt) || !number_at(text, 10, &s.utime) ||
	    !number_at(text, 11, &s.stime) ||
	    !number_at(text, 16, &s.threads) ||
	    !number_at(text, 18, &s.start) || !number_at(text, 20, &s.rss))
		return false;
	s.ending = flags & PF_EXITING;
	*out = s;
	return true;
}

bool pparse_key(const char *text, const char *key, uint64_t *out)
{
	size_t len = strlen(key);

	while (*text) {
		if (!strncmp(text, key, len) && text[len] == ':') {
			text += len + 1;
			text += strspn(text, " \t");
			return str_digits(text, out) > text;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

bool pparse_io(const char *text, struct pparse_io *out)
{
	struct pparse_io io;

	if (!pparse_key(text, "rchar", &io.rchar) ||
	    !pparse_key(text, "wchar", &io.wchar) ||
	    !pparse_key(text, "read_bytes", &io.read_bytes) ||
	    !pparse_key(text, "write_bytes", &io.write_bytes))
		return false;
	*out = io;
	return true;
}

/* --- sockets ------------------------------------------------------------------- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex digits at *p, at most max of them; false if there is none. */
static bool hex(const char **p, int max, uint64_t *out)
{
	int n = 0;

	for (*out = 0; n < max && digit(**p) >= 0; n++, ++*p)
		*out = *out << 4 | (uint64_t)digit(**p);
	return n > 0;
}

/* 8 or 32 digits (words in the machine's byte order), colon, port. */
static bool address(const char **p, char *text, size_t cap, unsigned *port)
{
	uint32_t words[4];
	uint64_t value;
	int count = 0;

	*p += strspn(*p, " \t");
	while (count < 4 && **p != ':') {
		const char *begin = *p;

		if (!hex(p, 8, &value) || *p != begin + 8)
			return false;
		words[count++] = (uint32_t)value;
	}
	if ((count != 1 && count != 4) || *(*p)++ != ':' || !hex(p, 4, &value))
		return false;
	*port = (unsigned)value;
	/* ::ffff:1.2.3.4 */
	if (count == 4 && !words[0] && !words[1] && words[2] == htonl(0xffff))
		return inet_ntop(AF_INET, &words[3], text, (socklen_t)cap);
	return inet_ntop(count == 1 ? AF_INET : AF_INET6, words, text,
			 (socklen_t)cap);
}

bool pparse_socket(const char *line, struct pparse_socket *out)
{
	struct pparse_socket s = { .state = 0 };
	const char *p = strchr(line, ':');
	char local[48];
	uint64_t state, sent;

	if (!p)
		return false;
	p++;
	if (!address(&p, local, sizeof(local), &s.local_port) ||
	    !address(&p, s.remote, sizeof(s.remote), &s.remote_port))
		return false;
	p += strspn(p, " ");
	if (!hex(&p, 2, &state))
		return false;
	s.state = (unsigned)state;
	p += strspn(p, " ");
	if (!hex(&p, 8, &sent) || *p++ != ':' || !hex(&p, 8, &s.queued))
		return false;
	/* timer, retransmits (hex), uid, timeout, inode */
	p += strspn(p, " ");
	p += strcspn(p, " ");
	p += strspn(p, " ");
	if (!hex(&p, 8, &s.retries) || !number_at(p, 2, &s.inode))
		return false;
	*out = s;
	return true;
}

bool pparse_lock(const char *line, uint64_t *inode, uint64_t *pid)
{
	const char *w;
	size_t len;

	/* "1: FLOCK ADVISORY WRITE 123 08:01:456 0 EOF"; waiting: "1: -> ..." */
	word(&line, &len);
	w = word(&line, &len);
	if (!len || *w == '-')
		return false;
	word(&line, &len);
	word(&line, &len);
	w = word(&line, &len);
	if (!len || str_digits(w, pid) == w)
		return false;
	w = word(&line, &len);
	for (int colons = 0; colons < 2; w++, len--) {
		if (!len)
			return false;
		colons += *w == ':';
	}
	return str_digits(w, inode) > w;
}
