/*
 * One file on its way from the endpoints into the store. A small one comes as one
 * stream; a large one in blocks, over several connections (lanes) and from all
 * endpoints at once. download_pump.c says who fetches what, download_fetch.c runs
 * many of them.
 */
#ifndef ITTS_DOWNLOAD_JOB_H
#define ITTS_DOWNLOAD_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/blocks.h"
#include "cache/hfcache.h"
#include "fetch/download.h"
#include "fetch/download_plan.h"
#include "fetch/hub.h"
#include "fetch/pace.h"
#include "fetch/reach.h"
#include "fetch/segment.h"

#define JOB_LANES 128 /* connections of all jobs together */

struct lane;
struct job;

/* How a job has ended. */
struct job_end {
	struct plan_blob *blob;
	unsigned id;
	const char *source; /* origin of the endpoint that came last, or NULL */
	uint64_t resumed;   /* bytes of it that an earlier run had left */
	bool in_batch;	    /* right, but without its name until a flush */
};

/* An endpoint as all jobs see it. */
struct job_endpoint {
	struct pace pace;
	unsigned lanes;	   /* at work */
	uint64_t rate;	   /* bytes a second of one of them, 0: not known */
	uint64_t wait_ms;  /* nothing new is asked before this */
	unsigned answered; /* requests that brought all they were to bring */
};

/* What all jobs share. */
struct job_common {
	struct hub *hub;
	struct hfcache *store;
	const struct event_sink *sink;
	struct download_stats *stats;
	struct hfcache_batch *batch; /* small files wait here for their names */
	struct job *jobs;	     /* some of them used */
	unsigned job_count;
	struct lane *lanes; /* JOB_LANES of them, some of them used */
	struct job_endpoint *endpoints; /* as hub->endpoints */
	struct reach reach;		/* hosts of redirects */
	bool pumping;
	/* err is ERR_NONE if the blob is right. */
	void (*ended)(void *ctx, const struct job_end *end,
		      const struct error *err);
	void *ctx;
};

/* An endpoint as one job sees it. */
struct job_source {
	bool refused;	  /* it will not give this file */
	bool open;	  /* it has answered as it should */
	bool opening;	  /* the first question is on its way */
	bool streams;	  /* it ignores ranges: all at once or nothing */
	unsigned changes; /* times that the file there became another */
	unsigned waits;	  /* long ones in a row */
	unsigned lanes;
	char *direct; /* where a redirect led to, NULL: ask the endpoint */
	char validator[256]; /* strong ETag of what it sends, or "" */
	uint32_t id;	     /* in the journal; valid once open */
	uint64_t held;	     /* bytes of it in the part of a small file */
};

/* After a wrong digest: all blocks that one endpoint has not sent are asked of it;
 * those that differ are replaced, until the digest is right. */
struct job_repair {
	bool on;
	size_t endpoint;
	unsigned char *suspect; /* 1: to be asked for, 2: asked for */
	uint32_t left;		/* suspect blocks */
	bool *judged;		/* endpoints that were believed, in vain */
	bool again;		/* the only one was asked twice */
	uint32_t *was;		/* who sent what was replaced, + 1 */
};

enum job_state {
	JOB_UNUSED,
	JOB_SMALL,    /* into part */
	JOB_CHECKING, /* what an earlier run left */
	JOB_FILLING,  /* blocks are missing, or not hashed yet */
};

struct job {
	struct job_common *common;
	struct plan_blob *blob;
	unsigned id;
	enum job_state state;
	char *name;
	struct job_source *sources; /* as hub->endpoints */
	struct hub_endpoint *last;  /* that sent something */
	unsigned lanes;
	struct hfcache_part part; /* small files */
	bool restarted;		  /* small: because of wrong bytes, once */
	bool mixed;		  /* small: bytes of several answers */
	struct blocks *blocks;	  /* large files */
	struct segments segments;
	/* Who sent a block in this run: endpoint + 1, or 0. */
	uint32_t *senders;
	struct job_repair repair;
	uint64_t resumed; /* bytes that an earlier run left and that are used */
	uint64_t told_ms; /* last PROGRESS */
};

enum job_start {
	JOB_RUNS,  /* or has run already */
	JOB_HAD,   /* another process has put it there; ended() is not called */
	JOB_BUSY,  /* another process is at it; ended() is not called */
	JOB_ENDED, /* it could not begin */
};

/* Takes the blob's lock. The pump does the rest. */
enum job_start job_begin(struct job *j, struct job_common *common,
			 struct plan_blob *blob, unsigned id);
/* What other threads have found out. Not from within a callback of a request. */
void job_tick(struct job *j);
void job_release(struct job *j); /* keeps the part */

/* --- for the other files of a download ---------------------------------------- */

size_t job_index(const struct job *j, const struct hub_endpoint *e);
bool job_may_use(const struct job *j, size_t endpoint);
/* An endpoint that may be used, but not this one? */
bool job_has_other(const struct job *j, const struct hub_endpoint *but);
/* The first in the user's order that may be used, now if that can be; or
 * SIZE_MAX. */
size_t job_first(const struct job *j);
/* This endpoint will not give the file: what it was sending is dropped. If there
 * is no other, that is the end of the job. */
void job_refuse(struct job *j, struct hub_endpoint *e, const struct error *why);
/* Once for all files: it does not send what it should. */
void job_drop_endpoint(struct job *j, struct hub_endpoint *e, const char *why);
void job_end(struct job *j, const struct error *err);
void job_tell(const struct job *j, enum event_type type, const char *text,
	      unsigned delay_ms);
void job_tell_progress(struct job *j); /* at most ten times a second */
/* Bytes that this endpoint sent are of no use. */
void job_waste(const struct job *j, size_t endpoint, uint64_t bytes);
/* Large: block i has come from this endpoint; what stood there was in vain. */
void job_have_block(struct job *j, uint32_t i, size_t endpoint);
/* A small file has come whole. */
void job_small_complete(struct job *j, struct hub_endpoint *from);
/* Small: forgets all bytes. */
int job_restart_part(struct job *j, struct error *err) MUST_CHECK;
/* What this source sent is not to be relied on: another file is there now. */
int job_forget_source(struct job *j, const struct job_source *s,
		      struct error *err) MUST_CHECK;
uint64_t job_block_at(const struct job *j, uint64_t pos, uint32_t *block);

#endif
