/* What a program is doing, judged from two samples. Pure. */
#ifndef ITTS_WATCH_H
#define ITTS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "doctor/sample.h"

enum watch_kind {
	WATCH_START,   /* nothing is known yet */
	WATCH_READ,    /* a file is being read */
	WATCH_WRITE,   /* a file is being written: a download */
	WATCH_COMPUTE, /* uses a processor */
	WATCH_BUILD,   /* a compiler runs */
	WATCH_RECEIVE, /* bytes come over a connection */
	WATCH_SERVE,   /* listens and waits: it has started */
	/* from here on nothing moves */
	WATCH_CONNECT, /* a connection is asked for and nobody answers */
	WATCH_NAME,    /* a name server does not answer */
	WATCH_ANSWER,  /* connected, nothing comes */
	WATCH_REFUSED, /* asks the network again and again, in vain */
	WATCH_CLOSED,  /* holds on to a connection that has ended */
	WATCH_LOCK,    /* on a lock */
	WATCH_DISK,    /* on the disk */
	WATCH_SWAP,    /* memory comes back from swap or is read again */
	WATCH_PAUSED,  /* stopped by a signal or debugger */
	WATCH_IDLE,    /* sleeps, for no reason that can be seen */
	WATCH_KINDS
};
const char *watch_kind_name(enum watch_kind k); /* "connect": for programs */
bool watch_kind_moves(enum watch_kind k);

#define WATCH_WHAT_MAX 512
#define WATCH_HOST_MAX 128
struct watch_view {
	enum watch_kind kind;
	char what[WATCH_WHAT_MAX]; /* path, address, name of a process, or "" */
	/* of a connection: */
	char address[48];
	unsigned port;
	pid_t pid; /* whose it is */
	/* filled by asking_explain(), else "" */
	char host[WATCH_HOST_MAX]; /* the name of the other side */
	bool probably;		   /* by its port alone */
	char why[WATCH_WHAT_MAX];  /* what is asked for, and why */
	char mend[WATCH_WHAT_MAX]; /* instead of the usual advice */
	bool reset;		   /* CLOSED: not closed in good order */
	bool unreachable;	   /* REFUSED: for there is no route */
	uint64_t done, total;	   /* of the file, READ and WRITE */
	uint64_t read, written;	   /* bytes since the last sample */
	double cores;		   /* processors in use */
	uint64_t rss, swap, gpu;   /* bytes */
	unsigned procs, threads, connections;
	unsigned closed;  /* processes that may not be looked into */
	uint64_t retries; /* of a connection */
	uint64_t
		waited; /* ms, filled by timeline_add(): so far, of what waits */
	pid_t holder;	/* of a lock, or 0 */
};
/* The same process at another moment, or NULL. */
const struct sample_proc *watch_find(const struct sample *s,
				     const struct sample_proc *p);
void watch_judge(const struct sample *before, const struct sample *now,
		 uint64_t ticks, struct watch_view *out);

/* "waiting for a connection to 1.2.3.4:443 (no answer)", appended. */
void watch_say(const struct watch_view *v, struct str *out);
/* What that means and what helps, appended; nothing for what moves. */
void watch_advise(const struct watch_view *v, struct str *out);

#endif
