#include "doctor/sample.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "doctor/proc.h"
#include "doctor/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NET_MAX	   ((size_t)4 << 20)
#define LARGE	   ((uint64_t)1 << 20)
#define SMALL	   4096 /* Python has .pth files of its own */
#define MAPS_EVERY 5	/* turns: maps are long */
#define FAULTS	   50	/* major ones: maps at once */
#define TREE_EVERY 3	/* new children, states of threads: many small files */
#define NET_EVERY \
	3 /* the kernel goes through tables of a few MiB for each text */

static void drop_files(struct sample_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free_ptr(&files[i].path);
}

void sample_release(struct sample *s)
{
	drop_files(s->files, s->file_count);
	free_ptr(&s->files);
	free_ptr(&s->procs);
	free_ptr(&s->sockets);
	free_ptr(&s->stale_lock);
	*s = (struct sample){ 0 };
}

void sampler_release(struct sampler *s)
{
	drop_files(s->maps, s->map_count);
	free_ptr(&s->maps);
	s->map_count = s->map_cap = 0;
	free_ptr(&s->known);
	s->known_count = s->known_cap = 0;
	free_ptr(&s->sockets);
	s->socket_count = 0;
	pids_release(&s->strangers);
	close_fd(&s->diag);
}

/* --- reading /proc ------------------------------------------------------------- */

static bool read_text(int dirfd, const char *name, size_t max, struct str *out)
{
	struct error gone = { 0 };

	str_clear(out);
	return !file_read_all(dirfd, name, max, out, &gone);
}

static int open_proc(const struct sampler *s, pid_t pid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d", s->proc, (int)pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void sampler_init(struct sampler *s, pid_t root)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *at;
	long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

	*s = (struct sampler){ .proc = "/proc",
			       .sys = "/sys",
			       .root = root,
			       .diag = -1,
			       .ticks = ticks > 0 ? (uint64_t)ticks : 100,
			       .page = page > 0 ? (uint64_t)page : 4096 };
	if (!read_text(AT_FDCWD, "/proc/stat", NET_MAX, &text))
		return;
	at = strstr(text.ptr, "\nbtime ");
	if (at)
		str_digits(at + 7, &s->boot);
}

/* --- processes ----------------------------------------------------------------- */

static bool has_proc(const struct sample *out, uint64_t pid)
{
	for (size_t i = 0; i < out->proc_count; i++)
		if ((uint64_t)out->procs[i].pid == pid)
			return true;
	return false;
}

static struct sampler_proc *find_known(const struct sampler *s,
				       const struct sample_proc *p)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].pid == p->pid &&
		    s->known[i].start == p->stat.start)
			return &s->known[i];
	return NULL;
}

/* Threads are looked at now and then, those of a new process at once. */
static void look_at_threads(struct sampler *s, int fd, bool again,
			    struct sample_proc *p)
{
	struct sampler_proc *k = find_known(s, p);
	bool ran;

	if (k && !again) {
		p->runs = k->runs && k->ran;
		p->disk_threads = k->disk_threads;
		return;
	}
	threads_states(fd, p);
	ran = k && k->runs;
	if (!k) {
		s->known = xgrow(s->known, &s->known_cap, s->known_count + 1,
				 sizeof(*s->known));
		k = &s->known[s->known_count++];
	}
	*k = (struct sampler_proc){ p->pid, p->stat.start, p->runs, ran,
				    p->disk_threads };
	/* whoever polls is now and then seen at it, by chance */
	p->runs = p->runs && ran;
}

static bool is_alive(int dirfd, const char *name, struct pparse_stat *out)
{
	char text[PROC_TEXT_MAX];

	*out = (struct pparse_stat){ .state = '\0' };
	return proc_text(dirfd, name, text) && pparse_stat(text, out) &&
	       out->state != 'Z' && !out->ending;
}

/* The directory of a thread that is there, of a process whose first one has ended, and
 * with it all that its own directory tells; -1: there is none. */
static int open_thread(int fd)
{
	DIR *dir = file_dir_open(fd, "task");
	int thread = -1;
	struct dirent *d;

	while (dir && thread < 0 && (d = readdir(dir))) {
		char name[NAME_MAX + 8];
		struct pparse_stat st;

		snprintf(name, sizeof(name), "%s/stat", d->d_name);
		if (*d->d_name != '.' && is_alive(dirfd(dir), name, &st))
			thread = openat(dirfd(dir), d->d_name,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return thread;
}

/* false: it has ended, or is about to and has let go of what it had. */
static bool read_stat(int fd, struct pparse_stat *out)
{
	int thread CLEANUP(close_fd) = -1;

	if (is_alive(fd, "stat", out))
		return true;
	if (out->state == 'Z' && out->threads > 1)
		thread = open_thread(fd);
	return thread >= 0;
}

/* Where its files, mappings and network are told. */
static int open_files(const struct sampler *s, const struct sample_proc *p)
{
	int fd CLEANUP(close_fd) = open_proc(s, p->pid);

	return p->stat.state == 'Z' ? open_thread(fd) : take_fd(&fd);
}

/* start: unless it is another one that has the number by now; NULL: whoever it is. */
static bool add_proc(struct sampler *s, pid_t pid, const uint64_t *start,
		     bool again, struct sample *out)
{
	struct sample_proc p = { .pid = pid };
	int fd CLEANUP(close_fd) = open_proc(s, pid);
	char text[PROC_TEXT_MAX];
	uint64_t kib;

	if (fd < 0 || !read_stat(fd, &p.stat) ||
	    (start && *start != p.stat.start))
		return false;
	p.stat.rss *= s->page;
	if (!proc_text(fd, "io", text) || !pparse_io(text, &p.io))
		p.io = (struct pparse_io){ 0 };
	proc_text(fd, "status", text);
	if (pparse_key(text, "VmSwap", &kib))
		p.swap = kib * 1024;
	if (pparse_key(text, "RssFile", &kib))
		p.mapped = kib * 1024;
	threads_wakes(fd, text, &p);
	p.started = s->boot + p.stat.start / s->ticks;
	look_at_threads(s, fd, again, &p);
	out->procs = xgrow(out->procs, &out->proc_cap, out->proc_count + 1,
			   sizeof(*out->procs));
	out->procs[out->proc_count++] = p;
	return true;
}

/* Those of the last look that are still there, also where who had started them is not. */
static void add_known(struct sampler *s, bool again, struct sample *out)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (!has_proc(out, (uint64_t)s->known[i].pid))
			add_proc(s, s->known[i].pid, &s->known[i].start, again,
				 out);
}

static bool is_ours(const struct sampler *s, const struct parents_child *c,
		    const struct sample *out)
{
	pid_t self = getpid();

	return has_proc(out, c->ppid)
		       ? c->pid != (uint64_t)self
		       : s->adopts && c->ppid == (uint64_t)self &&
				 !pids_has(&s->strangers, c->pid);
}

static void add_children(struct sampler *s, struct sample *out)
{
	struct parents_child *all CLEANUP(free_ptr) = NULL;
	size_t count = parents_read(s->proc, &all);
	bool more = true;

	while (more && out->proc_count < SAMPLE_PROCS_MAX) {
		more = false;
		for (size_t i = 0; i < count; i++)
			if (is_ours(s, &all[i], out) &&
			    !has_proc(out, all[i].pid) &&
			    out->proc_count < SAMPLE_PROCS_MAX)
				more |= add_proc(s, (pid_t)all[i].pid, NULL,
						 true, out);
	}
}

/* Numbers of processes that have ended may come again as those of strangers. */
static void forget_ended(struct sampler *s, const struct sample *now)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->known_count; i++)
		if (has_proc(now, (uint64_t)s->known[i].pid))
			s->known[kept++] = s->known[i];
	s->known_count = kept;
}

/* --- files and sockets --------------------------------------------------------- */

static bool is_lock_name(const char *path)
{
	return str_ends(path, ".lock") || str_ends(path, "/lock");
}

static bool is_model_name(const char *path)
{
	static const char *const ends[] = {
		".safetensors", ".pt",	 ".pth",  ".bin",     ".model",
		".onnx",	".gguf", ".ckpt", ".tiktoken"
	};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_ends(path, ends[i]))
			return true;
	return false;
}

static struct sample_file *find_file(struct sample *out, uint64_t dev,
				     uint64_t ino)
{
	for (size_t i = 0; i < out->file_count; i++)
		if (out->files[i].dev == dev && out->files[i].ino == ino)
			return &out->files[i];
	return NULL;
}

static void add_file(struct sample *out, const struct sample_file *like)
{
	if (out->file_count == SAMPLE_FILES_MAX)
		return;
	out->files = xgrow(out->files, &out->file_cap, out->file_count + 1,
			   sizeof(*out->files));
	out->files[out->file_count] = *like;
	out->files[out->file_count++].path = xstrdup(like->path);
}

static void look_at_file(int fd, const char *number, const char *path,
			 struct sample *out)
{
	char name[NAME_MAX + 16], text[PROC_TEXT_MAX];
	struct sample_file f = { .path = (char *)path,
				 .is_lock = is_lock_name(path) };
	struct sample_file *seen;
	uint64_t flags;
	struct stat st;

	snprintf(name, sizeof(name), "fd/%s", number);
	if (fstatat(fd, name, &st, 0) || !S_ISREG(st.st_mode))
		return;
	f.size = (uint64_t)st.st_size;
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	if (f.size < LARGE && !f.is_lock &&
	    (f.size < SMALL || !is_model_name(path)))
		return;
	snprintf(name, sizeof(name), "fdinfo/%s", number);
	if (!proc_text(fd, name, text) || !pparse_key(text, "pos", &f.pos))
		return;
	/* the last octal digit: O_WRONLY or O_RDWR */
	f.writes = pparse_key(text, "flags", &flags) && flags % 10 & 3;
	seen = find_file(out, f.dev, f.ino);
	if (!seen)
		add_file(out, &f);
	else if (f.pos > seen->pos)
		seen->pos = f.pos;
	if (seen)
		seen->writes |= f.writes;
}

/* Sockets are named by inode numbers, sorted at the end. */
struct inode {
	uint64_t number;
	pid_t pid;
};
struct inodes {
	struct inode *items;
	size_t count, cap;
};

static void inodes_release(struct inodes *i)
{
	free_ptr(&i->items);
}

static void read_fds(int fd, pid_t pid, struct sample *out,
		     struct inodes *sockets)
{
	DIR *dir = file_dir_open(fd, "fd");
	struct dirent *d;
	char path[PATH_MAX];

	if (!dir && (errno == EACCES || errno == EPERM))
		out->closed++;
	while (dir && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, path,
				       sizeof(path) - 1);
		uint64_t inode;

		if (n <= 0)
			continue;
		path[n] = '\0';
		if (*path == '/') {
			look_at_file(fd, d->d_name, path, out);
		} else if (str_starts(path, "socket:[")) {
			str_digits(path + 8, &inode);
			sockets->items = xgrow(sockets->items, &sockets->cap,
					       sockets->count + 1,
					       sizeof(*sockets->items));
			sockets->items[sockets->count++] =
				(struct inode){ inode, pid };
		}
	}
	if (dir)
		closedir(dir);
}

static int by_number(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void add_sockets(const char *text, bool udp, const struct inodes *mine,
			struct sample *out)
{
	while (*text && out->socket_count < SAMPLE_SOCKETS_MAX) {
		struct sample_socket s = { .udp = udp };
		const struct inode *owner = NULL;

		if (pparse_socket(text, &s.s) && mine->count) {
			const struct inode key = { .number = s.s.inode };

			owner = bsearch(&key, mine->items, mine->count,
					sizeof(*mine->items), by_number);
		}
		if (owner) {
			s.pid = owner->pid;
			out->sockets = xgrow(out->sockets, &out->socket_cap,
					     out->socket_count + 1,
					     sizeof(*out->sockets));
			out->sockets[out->socket_count++] = s;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

/* The tables are those of the network namespace of the program. */
static void read_tables(int fd, const struct inodes *mine, struct sample *out)
{
	static const char *const tables[] = { "net/tcp", "net/tcp6", "net/udp",
					      "net/udp6" };
	struct str text CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (read_text(fd, tables[i], NET_MAX, &text))
			add_sockets(text.ptr, i >= 2, mine, out);
}

static bool has_socket(const struct sample *out, uint64_t inode)
{
	for (size_t i = 0; i < out->socket_count; i++)
		if (out->sockets[i].s.inode == inode)
			return true;
	return false;
}

/* A connection that is reset is no longer in the tables, while the program may still have
 * it open. */
static void add_lost(const struct sampler *s, const struct inodes *mine,
		     struct sample *out)
{
	for (size_t i = 0; i < s->socket_count; i++) {
		const struct inode key = { .number = s->sockets[i].s.inode };

		if (s->sockets[i].udp ||
		    s->sockets[i].s.state != TCP_ESTABLISHED ||
		    has_socket(out, key.number) || !mine->count ||
		    !bsearch(&key, mine->items, mine->count,
			     sizeof(*mine->items), by_number) ||
		    out->socket_count >= SAMPLE_SOCKETS_MAX)
			continue;
		out->sockets = xgrow(out->sockets, &out->socket_cap,
				     out->socket_count + 1,
				     sizeof(*out->sockets));
		out->sockets[out->socket_count] = s->sockets[i];
		out->sockets[out->socket_count++].lost = true;
	}
}

/* Between two looks the last one stands, as long as the sockets are the same. */
static void read_sockets(struct sampler *s, int fd, struct inodes *mine,
			 struct sample *out)
{
	uint64_t sum = mine->count;
	size_t bytes;

	for (size_t i = 0; i < mine->count; i++)
		sum = sum * 31 + mine->items[i].number;
	if (sum != s->socket_sum || s->turns % NET_EVERY == 0) {
		s->socket_sum = sum;
		if (mine->count) {
			qsort(mine->items, mine->count, sizeof(*mine->items),
			      by_number);
			read_tables(fd, mine, out);
			add_lost(s, mine, out);
		}
		free_ptr(&s->sockets);
		s->socket_count = out->socket_count;
		bytes = out->socket_count * sizeof(*out->sockets);
		s->sockets = bytes ? xmalloc(bytes) : NULL;
		if (bytes)
			memcpy(s->sockets, out->sockets, bytes);
		return;
	}
	bytes = s->socket_count * sizeof(*out->sockets);
	out->sockets = bytes ? xmalloc(bytes) : NULL;
	if (bytes)
		memcpy(out->sockets, s->sockets, bytes);
	out->socket_count = out->socket_cap = s->socket_count;
}

/* How much has come over each connection. true: one that was told of is not any more, it
 * has ended since the tables were read. */
static bool read_flows(struct sampler *s, int root, struct sample *out)
{
	struct sockdiag_flow *flows CLEANUP(free_ptr) = NULL;
	bool any = false, ended = false;
	size_t count;

	for (size_t i = 0; i < out->socket_count; i++)
		any |= !out->sockets[i].udp &&
		       out->sockets[i].s.state == TCP_ESTABLISHED;
	if (!any)
		return false;
	if (!s->diag_tried) {
		s->diag = sockdiag_open(root);
		s->diag_tried = true;
	}
	count = sockdiag_read(s->diag, &flows);
	for (size_t i = 0; i < out->socket_count; i++) {
		struct sample_socket *k = &out->sockets[i];
		uint64_t had = k->flow.inode;

		k->flow = (struct sockdiag_flow){ 0 };
		for (size_t n = 0; n < count; n++)
			if (flows[n].inode == k->s.inode)
				k->flow = flows[n];
		ended |= had && !k->flow.inode;
		s->sockets[i].flow = k->flow;
	}
	return ended;
}

static void read_network(struct sampler *s, int fd, struct inodes *mine,
			 struct sample *out)
{
	read_sockets(s, fd, mine, out);
	if (!read_flows(s, fd, out))
		return;
	free_ptr(&out->sockets);
	out->socket_count = out->socket_cap = 0;
	s->socket_sum++; /* not as it was */
	read_sockets(s, fd, mine, out);
	read_flows(s, fd, out);
}

/* --- maps and locks ------------------------------------------------------------- */

static void read_maps(struct sampler *s, int fd)
{
	int mapsfd = openat(fd, "maps", O_RDONLY | O_CLOEXEC);
	FILE *f = mapsfd < 0 ? NULL : fdopen(mapsfd, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		close_fd(&mapsfd);
	while (f && s->map_count < SAMPLE_FILES_MAX &&
	       getline(&line, &cap, f) > 0) {
		char *path = strchr(line, '/');
		struct sample_file m = { .mapped = true };
		char inside
			[PATH_MAX]; /* as it sees it: it may be in a container */
		struct stat st;

		if (!path)
			continue;
		path[strcspn(path, "\n")] = '\0';
		snprintf(inside, sizeof(inside), "root%s", path);
		if (!is_model_name(path) || fstatat(fd, inside, &st, 0) ||
		    (s->map_count &&
		     !strcmp(s->maps[s->map_count - 1].path, path)))
			continue;
		m.path = xstrdup(path);
		m.size = (uint64_t)st.st_size;
		m.dev = st.st_dev;
		m.ino = st.st_ino;
		s->maps = xgrow(s->maps, &s->map_cap, s->map_count + 1,
				sizeof(*s->maps));
		s->maps[s->map_count++] = m;
	}
	free(line);
	if (f)
		fclose(f);
}

static struct sample_file *find_map(struct sampler *s, const char *path)
{
	for (size_t i = 0; i < s->map_count; i++)
		if (!strcmp(s->maps[i].path, path))
			return &s->maps[i];
	return NULL;
}

/* How much of each mapped model has been looked at: a long text, that the kernel has to
 * count together, for a process that has mapped one. */
static void read_resident(struct sampler *s, int fd)
{
	int smaps = openat(fd, "smaps", O_RDONLY | O_CLOEXEC);
	FILE *f = smaps < 0 ? NULL : fdopen(smaps, "r");
	struct sample_file *at = NULL;
	char *line = NULL;
	size_t cap = 0;
	uint64_t kib;

	if (!f)
		close_fd(&smaps);
	while (f && getline(&line, &cap, f) > 0) {
		char *path = strchr(line, '/');

		if (path) { /* the only line of a mapping that has one */
			path[strcspn(path, "\n")] = '\0';
			at = find_map(s, path);
		} else if (strchr("0123456789abcdef", *line)) {
			at = NULL; /* a mapping of no file */
		} else if (at && pparse_key(line, "Rss", &kib)) {
			at->resident += kib * 1024;
		}
	}
	free(line);
	if (f)
		fclose(f);
}

static void find_holders(struct sample *out)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *line;
	bool any = false;

	for (size_t i = 0; i < out->file_count; i++)
		any |= out->files[i].is_lock;
	if (!any || !read_text(AT_FDCWD, "/proc/locks", NET_MAX, &text))
		return;
	for (line = text.ptr; *line; line += *line == '\n') {
		uint64_t inode, pid;

		if (pparse_lock(line, &inode, &pid) && !has_proc(out, pid))
			for (size_t i = 0; i < out->file_count; i++)
				if (out->files[i].is_lock &&
				    out->files[i].ino == inode)
					out->files[i].held_by = (pid_t)pid;
		line += strcspn(line, "\n");
	}
}

/* torch builds a kernel under a file named "lock": whoever finds it waits until
 * it is gone, for ever if its maker has died. Nobody has it open. */
static void find_stale_lock(int fd, struct sample *out)
{
	static const char *const places[] = {
		/* (in brackets: one string, as clang wants to be told) */
		("cwd/indextts/s2mel/modules/bigvgan/alias_free_activation/"
		 "cuda/build/lock"),
		"cwd/indextts/BigVGAN/alias_free_activation/cuda/build/lock",
		"cwd/build/lock",
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char target[PATH_MAX];
		struct stat st;
		ssize_t n;

		if (fstatat(fd, places[i], &st, 0) ||
		    (uint64_t)st.st_mtime >= out->procs[0].started)
			continue;
		n = readlinkat(fd, "cwd", target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		out->stale_lock = xasprintf("%s%s", target, places[i] + 3);
		return;
	}
}

/* --- what is tried again and again ------------------------------------------------ */

static bool read_fails(int fd, struct retries_count *out)
{
	char text[PROC_TEXT_MAX];

	return proc_text(fd, "net/snmp", text) && retries_parse(text, out);
}

/* before: what failed until its threads were looked at, NULL: not told. */
static void see_retries(struct sampler *s, int fd,
			const struct retries_count *before, struct sample *out)
{
	struct retries_look now = { .ms = out->ms };

	for (size_t i = 0; i < out->proc_count; i++) {
		const struct sample_proc *p = &out->procs[i];

		now.wakes += p->wakes;
		now.awake |= p->awake;
		now.bytes += p->io.rchar + p->io.wchar;
		now.cpu += (p->stat.utime + p->stat.stime) * 1000 / s->ticks;
	}
	for (size_t i = 0; i < out->socket_count; i++) {
		const struct pparse_socket *k = &out->sockets[i].s;

		if (out->sockets[i].udp && !k->remote_port && k->inode &&
		    now.udp_count < ARRAY_LEN(now.udp))
			now.udp[now.udp_count++] = k->inode;
	}
	if (!read_fails(fd, &now.count))
		return;
	now.before = before ? *before : now.count;
	out->retries = retries_add(&s->retries, &now);
}

/* ------------------------------------------------------------------------------- */

/* Files, mappings and sockets of all its processes. */
static void read_files(struct sampler *s, bool maps, struct inodes *sockets,
		       struct sample *out)
{
	for (size_t i = 0; i < out->proc_count; i++) {
		int fd CLEANUP(close_fd) = open_files(s, &out->procs[i]);
		size_t had = s->map_count;

		if (fd < 0)
			continue;
		read_fds(fd, out->procs[i].pid, out, sockets);
		if (maps)
			read_maps(s, fd);
		if (s->map_count > had)
			read_resident(s, fd);
	}
}

bool sampler_take(struct sampler *s, uint64_t ms, struct sample *out)
{
	struct inodes sockets CLEANUP(inodes_release) = { 0 };
	int root CLEANUP(close_fd) = open_proc(s, s->root);
	int files CLEANUP(close_fd) = -1;
	bool maps = s->turns % MAPS_EVERY == 0;
	bool tree = s->turns++ % TREE_EVERY == 0;
	struct retries_count fails;
	struct pparse_stat end;
	bool told;

	*out = (struct sample){ .ms = ms, .gpu = SAMPLE_UNKNOWN };
	told = root >= 0 && read_fails(root, &fails);
	if (root < 0 || !add_proc(s, s->root, NULL, tree, out))
		return false;
	proc_refaults(s->proc, s->sys, s->root, &out->refaults);
	/* what pages are of is to be seen at once */
	maps |= out->procs[0].stat.majflt > s->majflt + FAULTS;
	s->majflt = out->procs[0].stat.majflt;
	add_known(s, tree, out);
	if (tree)
		add_children(s, out);
	forget_ended(s, out);
	if (maps) {
		drop_files(s->maps, s->map_count);
		s->map_count = 0;
	}
	read_files(s, maps, &sockets, out);
	for (size_t i = 0; i < s->map_count; i++) {
		struct sample_file *f = find_file(out, s->maps[i].dev,
						  s->maps[i].ino);

		if (f) {
			f->mapped = true;
			f->resident = s->maps[i].resident;
		} else
			add_file(out, &s->maps[i]);
	}
	files = open_files(s, &out->procs[0]);
	if (files >= 0) {
		read_network(s, files, &sockets, out);
		find_stale_lock(files, out);
		see_retries(s, files, told ? &fails : NULL, out);
	}
	find_holders(out);
	/* did it end meanwhile? then what was read is half of what it had */
	if (read_stat(root, &end))
		return true;
	sample_release(out);
	return false;
}
