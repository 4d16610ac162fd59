/*
 * One file on its way from an endpoint into the store, through as many requests
 * and endpoints as that takes. download_fetch.c runs many of them.
 */
#ifndef ITTS_DOWNLOAD_JOB_H
#define ITTS_DOWNLOAD_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/hfcache.h"
#include "fetch/download.h"
#include "fetch/download_plan.h"
#include "fetch/hub.h"

/* How a job has ended. */
struct job_end {
	struct plan_blob *blob;
	unsigned id;
	const char *source; /* origin of the endpoint, or NULL */
	uint64_t resumed;   /* bytes that an earlier run had left */
	bool in_batch;	    /* right, but without its name until a flush */
};

/* What all jobs share. */
struct job_common {
	struct hub *hub;
	struct hfcache *store;
	const struct event_sink *sink;
	struct download_stats *stats;
	struct hfcache_batch *batch; /* small files wait here for their names */
	/* err is ERR_NONE if the blob is right. */
	void (*ended)(void *ctx, const struct job_end *end,
		      const struct error *err);
	void *ctx;
};

#define JOB_HEAD 64

struct job {
	struct job_common *common;
	struct plan_blob *blob;
	unsigned id;
	bool used;
	char *name;
	struct hfcache_part part;
	struct hub_endpoint *endpoint;
	bool tried[HUB_MAX_ENDPOINTS];
	unsigned attempt;
	uint64_t from;	  /* where the running request began */
	uint64_t credit;  /* furthest offset that earned new attempts */
	uint64_t resumed; /* bytes that an earlier run left */
	bool mixed;	  /* bytes of more than one answer are in the part */
	bool restarted;	  /* because of wrong bytes, once */
	bool foreign; /* the answer is not the file: only look at its start */
	char head[JOB_HEAD];
	size_t head_len;
	char validator[256]; /* of the bytes that this endpoint sent, or "" */
	uint64_t told_ms;    /* last PROGRESS */
};

enum job_start {
	JOB_RUNS,  /* or has run already */
	JOB_HAD,   /* another process has put it there; ended() is not called */
	JOB_BUSY,  /* another process is at it; ended() is not called */
	JOB_ENDED, /* it could not begin */
};

/* Takes the blob's lock, then asks the first endpoint that is in use. */
enum job_start job_begin(struct job *j, struct job_common *common,
			 struct plan_blob *blob, unsigned id);
void job_release(struct job *j); /* keeps the part */

/* For download_answer.c. */
int job_restart_part(struct job *j, struct error *err) MUST_CHECK;
void job_tell_progress(struct job *j); /* at most ten times a second */

#endif
