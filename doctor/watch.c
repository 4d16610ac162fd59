#include "doctor/watch.h"

#include "base/human.h"
#include "base/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_CLOSE_WAIT	8
#define TCP_LISTEN	10
#define PORT_DNS	53

#define BUSY_CORES 0.2 /* less is a program that polls */
/* Less is no reading: the loader looks at the head of each library. */
#define MOVED_LEAST 4096
/* Of data that no position shows: a program that polls reads small files, too. */
#define SHIFTED_LEAST ((uint64_t)64 << 10)
/* Of a connection: less keeps it alive, and is no download. */
#define RECEIVED_LEAST 256
/* Of what was read before the program began, some has been dropped since, and comes again
 * for it: once. */
#define FIRST_READ_MS 1000
/* Sooner nobody knows that it is dropped: an answer may take a while. */
#define DROPPED_MS 3000
/* Pages a second that a program waits for. */
#define FAULTS 50
#define PAGE   4096

static const struct {
	const char *name;
	bool moves;
} kinds[WATCH_KINDS] = {
	[WATCH_START] = { "start", true },
	[WATCH_READ] = { "read", true },
	[WATCH_WRITE] = { "write", true },
	[WATCH_COMPUTE] = { "compute", true },
	[WATCH_BUILD] = { "build", true },
	[WATCH_RECEIVE] = { "receive", true },
	[WATCH_SERVE] = { "serve", true },
	[WATCH_CONNECT] = { "connect", false },
	[WATCH_NAME] = { "name", false },
	[WATCH_ANSWER] = { "answer", false },
	[WATCH_REFUSED] = { "refused", false },
	[WATCH_CLOSED] = { "closed", false },
	[WATCH_LOCK] = { "lock", false },
	[WATCH_DISK] = { "disk", false },
	[WATCH_SWAP] = { "swap", false },
	[WATCH_PAUSED] = { "paused", false },
	[WATCH_IDLE] = { "idle", false },
};

const char *watch_kind_name(enum watch_kind k)
{
	return kinds[k].name;
}

bool watch_kind_moves(enum watch_kind k)
{
	return kinds[k].moves;
}

/* --- differences --------------------------------------------------------------- */

const struct sample_proc *watch_find(const struct sample *s,
				     const struct sample_proc *p)
{
	for (size_t i = 0; i < s->proc_count; i++)
		if (s->procs[i].pid == p->pid &&
		    s->procs[i].stat.start == p->stat.start)
			return &s->procs[i];
	return NULL;
}

static const struct sample_file *find_file(const struct sample *s,
					   const struct sample_file *f)
{
	for (size_t i = 0; i < s->file_count; i++)
		if (s->files[i].ino == f->ino && s->files[i].dev == f->dev)
			return &s->files[i];
	return NULL;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static uint64_t again(uint64_t from, uint64_t to)
{
	return from == PROC_NONE || to == PROC_NONE ? PROC_NONE
						    : grown(from, to);
}

struct change {
	uint64_t ticks, faults, rchar, wchar, read_bytes;
	unsigned disk_threads;
	uint64_t read_ever; /* from disks, also before */
	uint64_t paged;	    /* pages that it had to wait for */
	uint64_t
		touched; /* bytes that its memory has grown by, but from swap */
	struct proc_refaults refaults; /* PROC_NONE: not told */
	bool all_stopped;
	bool runs; /* at both times: on a busy machine it gets few ticks */
};

static void compare(const struct sample *before, const struct sample *now,
		    struct watch_view *out, struct change *d)
{
	*d = (struct change){ .all_stopped = true };
	d->refaults.anon = again(before->refaults.anon, now->refaults.anon);
	d->refaults.file = again(before->refaults.file, now->refaults.file);
	for (size_t i = 0; i < now->proc_count; i++) {
		const struct sample_proc *p = &now->procs[i];
		const struct sample_proc *q = watch_find(before, p);

		out->rss += p->stat.rss;
		out->swap += p->swap;
		d->read_ever += p->io.read_bytes;
		out->threads += (unsigned)p->stat.threads;
		d->disk_threads += p->disk_threads;
		d->all_stopped &= p->stat.state == 'T' || p->stat.state == 't';
		if (!q)
			continue;
		d->runs |= p->runs && q->runs;
		d->ticks += grown(q->stat.utime + q->stat.stime,
				  p->stat.utime + p->stat.stime);
		d->faults += grown(q->stat.majflt, p->stat.majflt);
		d->rchar += grown(q->io.rchar, p->io.rchar);
		d->wchar += grown(q->io.wchar, p->io.wchar);
		d->read_bytes += grown(q->io.read_bytes, p->io.read_bytes);
		d->touched += grown(q->mapped, p->mapped);
	}
	/* read ahead in order, hardly one of a mapped file is a fault */
	d->paged = grown(d->rchar, d->read_bytes) / PAGE;
	if (d->faults > d->paged)
		d->paged = d->faults;
	out->procs = (unsigned)now->proc_count;
	out->read = d->rchar > d->read_bytes ? d->rchar : d->read_bytes;
	out->written = d->wchar;
}

/* --- reasons, one function each ------------------------------------------------- */

/* Of a long path the end says more. */
static void name(struct watch_view *v, enum watch_kind kind, const char *what)
{
	size_t len = strlen(what), max = sizeof(v->what) - 1;

	v->kind = kind;
	if (len <= max) {
		memcpy(v->what, what, len + 1);
		return;
	}
	what += len - max + 3;
	while (((unsigned char)*what & 0xc0) == 0x80) /* within a letter */
		what++;
	snprintf(v->what, sizeof(v->what), "...%s", what);
}

static bool is_building(const struct sample *now, struct watch_view *v)
{
	static const char *const tools[] = { "nvcc",	  "ninja",   "cicc",
					     "ptxas",	  "cc1plus", "cudafe++",
					     "fatbinary", "g++",     "c++" };

	for (size_t i = 0; i < now->proc_count; i++)
		for (size_t k = 0; k < ARRAY_LEN(tools); k++)
			if (!strcmp(now->procs[i].stat.comm, tools[k])) {
				name(v, WATCH_BUILD, tools[k]);
				return true;
			}
	return false;
}

/* The largest file that is mapped and no lock. */
static const struct sample_file *find_mapped(const struct sample *now)
{
	const struct sample_file *largest = NULL;

	for (size_t i = 0; i < now->file_count; i++) {
		const struct sample_file *f = &now->files[i];

		if (f->mapped && (!largest || f->size > largest->size))
			largest = f;
	}
	return largest;
}

static uint64_t file_moved(const struct sample *before,
			   const struct sample_file *f, bool *grows)
{
	const struct sample_file *old = find_file(before, f);
	uint64_t size = old ? grown(old->size, f->size) : 0;
	uint64_t pos = old ? grown(old->pos, f->pos) : f->pos;

	*grows = size >= MOVED_LEAST;
	return size > pos ? size : pos;
}

/* The largest file that may be read, or written, with pread() and pwrite(): that does not
 * move the position. */
static const struct sample_file *find_still(const struct sample *now,
					    bool writes)
{
	const struct sample_file *largest = NULL;

	for (size_t i = 0; i < now->file_count; i++) {
		const struct sample_file *f = &now->files[i];

		if (!f->is_lock && !f->mapped && (f->writes || !writes) &&
		    (!largest || f->size > largest->size))
			largest = f;
	}
	return largest;
}

/* The file whose position or size has moved most. */
static bool is_reading(const struct sample *before, const struct sample *now,
		       const struct change *d, struct watch_view *v)
{
	const struct sample_file *best = NULL;
	uint64_t most = MOVED_LEAST - 1;
	bool writes = d->wchar > d->rchar, grows = false;

	for (size_t i = 0; i < now->file_count; i++) {
		const struct sample_file *f = &now->files[i];
		bool longer;
		uint64_t moved = file_moved(before, f, &longer);

		if (moved > most && !f->is_lock) {
			most = moved;
			best = f;
			grows = longer;
		}
	}
	if (!best && d->read_bytes)
		best = find_mapped(now);
	if (!best && (d->rchar >= SHIFTED_LEAST || d->wchar >= SHIFTED_LEAST))
		best = find_still(now, writes);
	if (!best)
		return false;
	/* who writes a file moves in it, too, and the file grows */
	name(v,
	     grows || (writes && d->wchar >= most && !best->mapped)
		     ? WATCH_WRITE
		     : WATCH_READ,
	     best->path);
	v->done = grows ? best->size : best->pos;
	if (best->mapped && best->resident > v->done)
		v->done = best->resident;
	v->total = best->size;
	return true;
}

/* What goes through a pipe, or to and from files that are too small to be looked at. */
static bool is_shifting(const struct change *d, struct watch_view *v)
{
	if (d->rchar < SHIFTED_LEAST && d->wchar < SHIFTED_LEAST)
		return false;
	name(v, d->wchar > d->rchar ? WATCH_WRITE : WATCH_READ,
	     "a pipe or small files");
	return true;
}

static void endpoint(const struct pparse_socket *s, char out[64])
{
	bool v6 = strchr(s->remote, ':');

	snprintf(out, 64, "%s%s%s:%u", v6 ? "[" : "", s->remote, v6 ? "]" : "",
		 s->remote_port);
}

/* Accepted by this program, or one of which it has both ends: it asks nobody. */
static bool is_own(const struct sample *now, const struct pparse_socket *s)
{
	for (size_t i = 0; i < now->socket_count; i++) {
		const struct pparse_socket *o = &now->sockets[i].s;

		if (now->sockets[i].udp)
			continue;
		if (o->state == TCP_LISTEN && o->local_port == s->local_port)
			return true;
		if (o->local_port == s->remote_port &&
		    o->remote_port == s->local_port)
			return true;
	}
	return false;
}

static enum watch_kind kind_of(const struct sample *now,
			       const struct sample_socket *s)
{
	if (s->lost)
		return WATCH_CLOSED;
	if (s->s.remote_port == PORT_DNS)
		return WATCH_NAME;
	if (s->udp)
		return WATCH_KINDS;
	if (s->s.state == TCP_SYN_SENT)
		return WATCH_CONNECT;
	if (s->s.state == TCP_LISTEN)
		return WATCH_SERVE;
	if (is_own(now, &s->s))
		return WATCH_KINDS;
	if (s->s.state == TCP_CLOSE_WAIT)
		return WATCH_CLOSED;
	return s->s.state == TCP_ESTABLISHED ? WATCH_ANSWER : WATCH_KINDS;
}

static void name_socket(const struct sample_socket *s, enum watch_kind kind,
			struct watch_view *v)
{
	char text[64];

	if (kind == WATCH_SERVE)
		snprintf(text, sizeof(text), "port %u", s->s.local_port);
	else
		endpoint(&s->s, text);
	name(v, kind, text);
	v->retries = s->s.retries;
	v->port = s->s.remote_port;
	v->pid = s->pid;
	v->reset = s->lost;
	snprintf(v->address, sizeof(v->address), "%s", s->s.remote);
}

/* The first connection of that kind. */
static bool is_on_network(const struct sample *now, enum watch_kind kind,
			  struct watch_view *v)
{
	for (size_t i = 0; i < now->socket_count; i++)
		if (kind_of(now, &now->sockets[i]) == kind) {
			name_socket(&now->sockets[i], kind, v);
			return true;
		}
	return false;
}

/* What it asks is not to be seen, but that it does. */
static bool is_trying(const struct sample *now, struct watch_view *v)
{
	if (now->retries == RETRIES_NONE)
		return false;
	v->kind = now->retries == RETRIES_NAME ? WATCH_NAME : WATCH_REFUSED;
	v->unreachable = now->retries == RETRIES_UNREACHABLE;
	v->pid = now->procs[0].pid;
	return true;
}

static void count_connections(const struct sample *now, struct watch_view *v)
{
	for (size_t i = 0; i < now->socket_count; i++) {
		enum watch_kind k = kind_of(now, &now->sockets[i]);

		v->connections += k == WATCH_ANSWER || k == WATCH_CONNECT ||
				  k == WATCH_NAME;
	}
}

/* Bytes that have come since the last look: read into memory, they show nowhere else. */
static bool is_receiving(const struct sample *before, const struct sample *now,
			 struct watch_view *v)
{
	const struct sample_socket *best = NULL;
	uint64_t most = RECEIVED_LEAST - 1;

	for (size_t i = 0; i < now->socket_count; i++)
		for (size_t k = 0; k < before->socket_count; k++) {
			const struct sockdiag_flow *f = &now->sockets[i].flow,
						   *old = &before->sockets[k]
								   .flow;
			uint64_t moved = grown(old->received, f->received);

			if (!f->inode || f->inode != old->inode ||
			    moved <= most ||
			    kind_of(now, &now->sockets[i]) != WATCH_ANSWER)
				continue;
			most = moved;
			best = &now->sockets[i];
		}
	if (!best)
		return false;
	name_socket(best, WATCH_RECEIVE, v);
	v->pid = 0; /* it waits for nobody */
	return true;
}

/* A connection at rest, after an answer, is kept for later: a server that has one waits
 * for its own clients. */
static bool is_serving(const struct sample *now, struct watch_view *v)
{
	for (size_t i = 0; i < now->socket_count; i++)
		if (kind_of(now, &now->sockets[i]) == WATCH_ANSWER &&
		    !now->sockets[i].flow.answered)
			return false;
	return is_on_network(now, WATCH_SERVE, v);
}

/* One that another process holds now. */
static bool is_locked_out(const struct sample *now, struct watch_view *v)
{
	for (size_t i = 0; i < now->file_count; i++)
		if (now->files[i].held_by) {
			name(v, WATCH_LOCK, now->files[i].path);
			v->holder = now->files[i].held_by;
			return true;
		}
	return false;
}

static bool is_on_stale_lock(const struct sample *now, struct watch_view *v)
{
	if (!now->stale_lock)
		return false;
	name(v, WATCH_LOCK, now->stale_lock);
	return true;
}

static bool is_paged(const struct change *d, uint64_t ms)
{
	return d->paged * 1000 / ms >= FAULTS;
}

/* A mapped model that comes over a network or from another program (FUSE): the kernel
 * counts neither bytes nor waits, but its pages are there then. */
static bool is_touching(const struct sample *now, const struct change *d,
			struct watch_view *v)
{
	const struct sample_file *f = find_mapped(now);

	if (!f || d->touched < SHIFTED_LEAST)
		return false;
	name(v, WATCH_READ, f->path);
	v->done = f->resident;
	v->total = f->size;
	return true;
}

/* Has it read more than it can have read once? That is the model, and what else it has
 * in memory: programs and libraries. */
static bool reads_again(const struct sample_file *mapped,
			const struct change *d, const struct watch_view *v)
{
	return d->read_ever > (mapped ? mapped->size : 0) + v->rss;
}

/* It waits for pages of its memory or of files that it has mapped. That is how a model
 * is read, too, once; not when the kernel counts most of them among those that it had
 * before and dropped or swapped out. Where it does not count the latter: when some of
 * them are in swap. The count is that of all processes of the group: it is no sign
 * for one that has nothing in swap, or has not read so much. */
static bool is_short(const struct sample *now, const struct change *d,
		     uint64_t ms, struct watch_view *v)
{
	const struct sample_file *mapped = find_mapped(now);
	bool counts = d->refaults.anon != PROC_NONE;
	uint64_t anon = counts && v->swap ? d->refaults.anon : 0;
	uint64_t file = d->refaults.file != PROC_NONE &&
					reads_again(mapped, d, v)
				? d->refaults.file
				: 0;

	if (!is_paged(d, ms) || now->ms < FIRST_READ_MS ||
	    (anon + file < d->paged / 2 && (counts || !v->swap)))
		return false;
	name(v, WATCH_SWAP, mapped && file > anon ? mapped->path : "");
	return true;
}

/* Pages that come for the first time, and no model is mapped. */
static bool is_loading(const struct change *d, uint64_t ms,
		       struct watch_view *v)
{
	if (!is_paged(d, ms))
		return false;
	name(v, WATCH_READ, "programs and libraries");
	return true;
}

static bool is_busy(const struct change *d, struct watch_view *v)
{
	if (v->cores < BUSY_CORES && !(d->runs && d->ticks))
		return false;
	v->kind = WATCH_COMPUTE;
	return true;
}

/* What it is sure to wait for comes first. */
static bool is_waiting(const struct sample *before, const struct sample *now,
		       const struct change *d, struct watch_view *v)
{
	return is_on_network(now, WATCH_CONNECT, v) ||
	       is_on_network(now, WATCH_NAME, v) || is_locked_out(now, v) ||
	       is_receiving(before, now, v) || is_shifting(d, v) ||
	       is_serving(now, v) || is_on_network(now, WATCH_ANSWER, v) ||
	       is_on_stale_lock(now, v) ||
	       is_on_network(now, WATCH_CLOSED, v) || is_trying(now, v);
}

void watch_judge(const struct sample *before, const struct sample *now,
		 uint64_t ticks, struct watch_view *out)
{
	uint64_t ms = grown(before->ms, now->ms);
	struct watch_view v = { .gpu = now->gpu, .closed = now->closed };
	struct change d;

	compare(before, now, &v, &d);
	if (!ms)
		ms = 1;
	v.cores = (double)d.ticks * 1000 / (double)(ticks ? ticks : 100) /
		  (double)ms;
	v.kind = WATCH_IDLE;
	count_connections(now, &v);
	if (!before->proc_count)
		v.kind = WATCH_START;
	else if (d.all_stopped)
		v.kind = WATCH_PAUSED;
	else if (is_building(now, &v) || is_short(now, &d, ms, &v) ||
		 is_reading(before, now, &d, &v) || is_busy(&d, &v) ||
		 is_touching(now, &d, &v) || is_loading(&d, ms, &v) ||
		 is_waiting(before, now, &d, &v))
		; /* each has said so */
	else if (d.disk_threads)
		v.kind = WATCH_DISK;
	*out = v;
}

/* --- words --------------------------------------------------------------------- */

static void say_file(const struct watch_view *v, const char *verb,
		     struct str *out)
{
	char size[HUMAN_MAX];

	str_addf(out, "%s %s", verb, v->what);
	/* a file that grows is always whole */
	if (v->total && v->done && v->done <= v->total &&
	    (v->kind != WATCH_WRITE || v->done < v->total))
		str_addf(out, ": %u %% of %s",
			 (unsigned)(v->done * 100 / v->total),
			 human_size(v->total, size));
	else if (v->total)
		str_addf(out, ", %s", human_size(v->total, size));
}

static void say_lock(const struct watch_view *v, struct str *out)
{
	str_addf(out, "waiting for the lock %s", v->what);
	if (v->holder)
		str_addf(out, ", which process %d holds", (int)v->holder);
	else
		str_adds(out, ", which is older than the program");
}

/* "HOST:443 (1.2.3.4; NOTE)" */
static void say_peer(const struct watch_view *v, const char *note,
		     struct str *out)
{
	if (!v->host[0])
		str_addf(out, "%s%s%s%s", v->what, *note ? " (" : "", note,
			 *note ? ")" : "");
	else if (v->probably)
		str_addf(out, "%s, probably %s%s%s%s", v->what, v->host,
			 *note ? " (" : "", note, *note ? ")" : "");
	else
		str_addf(out, "%s:%u (%s%s%s)", v->host, v->port, v->address,
			 *note ? "; " : "", note);
}

static void say_short(const struct watch_view *v, struct str *out)
{
	char swap[HUMAN_MAX];

	str_adds(out, "memory is short: ");
	if (*v->what)
		str_addf(out,
			 "%s does not stay in it and is read again and "
			 "again",
			 v->what);
	else if (v->swap)
		str_addf(out, "pages come from the disk (%s in swap)",
			 human_size(v->swap, swap));
	else
		str_adds(out, "what was read does not stay in it and is read "
			      "again");
}

static void say_why(const struct watch_view *v, struct str *out)
{
	if (v->why[0])
		str_addf(out, ": %s", v->why);
}

static void say_network(const struct watch_view *v, struct str *out)
{
	if (v->kind == WATCH_CONNECT) {
		str_adds(out, "waiting for a connection to ");
		say_peer(v,
			 v->retries ? "dropped: no answer, asked again"
			 : v->waited >= DROPPED_MS ? "dropped: no answer"
						   : "no answer yet",
			 out);
	} else if (v->kind == WATCH_NAME) {
		str_addf(out, "waiting for an answer %s%s",
			 *v->what ? "of the name server "
				  : "over UDP, probably of a name server",
			 v->what);
		if (v->host[0])
			str_addf(out, ", probably about %s", v->host);
	} else if (v->kind == WATCH_RECEIVE) {
		str_adds(out, "receiving from ");
		say_peer(v, "", out);
	} else if (v->kind == WATCH_REFUSED) {
		str_adds(out, v->unreachable
				      ? "asking the network again and again, "
					"to which there is no route"
				      : "asking for connections again and "
					"again, which fail at once");
		if (v->host[0])
			str_addf(out, ", probably to %s", v->host);
	} else if (v->kind == WATCH_CLOSED) {
		str_adds(out, "the connection to ");
		say_peer(v, "", out);
		str_adds(out, v->reset ? " was reset, or has timed out"
				       : " was closed by the other side");
		str_adds(out, ", and the program still has it open");
	} else {
		str_adds(out, "connected to ");
		say_peer(v, "", out);
		str_adds(out, ", and nothing comes");
	}
	say_why(v, out);
}

static void say_idle(const struct watch_view *v, struct str *out)
{
	str_adds(out, "asleep, for no reason that can be seen");
	if (v->closed)
		str_addf(out,
			 "; %u of its processes may only be looked into by "
			 "root",
			 v->closed);
}

void watch_say(const struct watch_view *v, struct str *out)
{
	switch (v->kind) {
	case WATCH_START:
		str_adds(out, "starting");
		break;
	case WATCH_READ:
		say_file(v, "reading", out);
		break;
	case WATCH_WRITE:
		say_file(v, "writing", out);
		break;
	case WATCH_COMPUTE:
		str_adds(out, "computing");
		break;
	case WATCH_BUILD:
		str_addf(out, "compiling (%s)", v->what);
		break;
	case WATCH_SERVE:
		str_addf(out, "waiting for requests on %s", v->what);
		break;
	case WATCH_CONNECT:
	case WATCH_NAME:
	case WATCH_ANSWER:
	case WATCH_RECEIVE:
	case WATCH_REFUSED:
	case WATCH_CLOSED:
		say_network(v, out);
		break;
	case WATCH_LOCK:
		say_lock(v, out);
		break;
	case WATCH_DISK:
		str_adds(out, "waiting for the disk");
		break;
	case WATCH_SWAP:
		say_short(v, out);
		break;
	case WATCH_PAUSED:
		str_adds(out, "paused by a signal or a debugger");
		break;
	case WATCH_IDLE:
		say_idle(v, out);
		break;
	case WATCH_KINDS:
		break;
	}
}

static const char *const advice[WATCH_KINDS] = {
	[WATCH_CONNECT] =
		"A firewall drops packets. The program asks the network for a "
		"file that the cache it looks in does not have, or whether a "
		"newer one exists. Start it with: itts-pack run --offline "
		"--model-dir DIR -- COMMAND; itts-pack doctor tells which file "
		"is looked for where.",
	[WATCH_NAME] =
		"No name server answers. On a machine without network start "
		"the program with: itts-pack run --offline --model-dir DIR -- "
		"COMMAND.",
	[WATCH_ANSWER] =
		"The other side accepted the connection and is silent: a "
		"proxy, a mirror, or a long download that stands still. "
		"itts-pack run --offline keeps the program off the network.",
	[WATCH_REFUSED] =
		"What it asks for is not to be had from here, and it does not "
		"give up. Where that is a hub for models, start it with: "
		"itts-pack run --offline --model-dir DIR -- COMMAND; itts-pack "
		"doctor tells which file is looked for where.",
	[WATCH_CLOSED] =
		"A proxy, a firewall or the other side has ended it. Start the "
		"program again; itts-pack run --offline keeps it off the "
		"network.",
	[WATCH_LOCK] =
		"A lock whose maker has died is waited for without end. If no "
		"other process works there, delete that file and start again.",
	[WATCH_DISK] = "The disk is slow or a network file system hangs.",
	[WATCH_SWAP] =
		"There is less memory than the models need; itts-pack doctor "
		"compares both. Close other programs, raise the limit of the "
		"container, or load in half precision.",
	[WATCH_PAUSED] = "Continue it with: kill -CONT PID (or fg in its "
			 "shell).",
	[WATCH_IDLE] = "itts-pack doctor looks for the usual causes.",
};

void watch_advise(const struct watch_view *v, struct str *out)
{
	const char *text = v->mend[0] ? v->mend : advice[v->kind];

	if (v->kind == WATCH_LOCK && v->holder)
		text = "Another process works on the same files. Let it "
		       "finish, or end it.";
	if (text)
		str_adds(out, text);
}
