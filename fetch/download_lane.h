/*
 * One connection's work for a job: a range of the file and the requests that it
 * takes to bring it.
 */
#ifndef ITTS_DOWNLOAD_LANE_H
#define ITTS_DOWNLOAD_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh64.h"
#include "fetch/download_job.h"

#define LANE_HEAD 4096 /* of what is not the file: a message as well */

enum lane_kind {
	LANE_SMALL, /* all of a small file */
	LANE_RANGE, /* blocks that it holds */
	LANE_STREAM, /* all of a file; the blocks that are free when it gets there */
	LANE_COPY, /* blocks that are there, or on their way: beside them */
};

struct lane {
	struct job *job; /* NULL: not in use */
	struct hub_endpoint *endpoint;
	struct job_source *source;
	enum lane_kind kind;
	struct segment run; /* RANGE, COPY */
	uint64_t from, to;  /* of the running request; to is 0: all of it */
	uint64_t pos, end;  /* end may come nearer while it runs */
	uint64_t skip;	    /* bytes of the answer before pos */
	uint64_t credit;    /* furthest position that earned new attempts */
	unsigned attempt;
	unsigned answered; /* that of the endpoint when it was refused last */
	bool direct;	   /* asked where the redirect had led */
	bool own;	   /* STREAM: the block at pos is its to write */
	bool hedged;	   /* somebody else is at the block at pos, too */
	bool changed;	   /* the file there has become another */
	bool barred;	   /* the redirect leads to where nobody is reached */
	bool foreign; /* the answer is not the file: only look at its start */
	char head[LANE_HEAD];
	size_t head_len;
	struct xxh64 sum; /* of the block at pos, up to what waits */
	/* The last bytes before pos, which wait to be written together; of COPY the
	 * whole block. Not for SMALL. */
	unsigned char *buffer;
	size_t waiting, buffer_size;
	uint64_t asked_ms, began_ms, block_ms; /* request, first byte, block */
	uint64_t got;	/* bytes of the running request */
	uint64_t loose; /* that came and are in no block or part yet */
	unsigned turn;	/* of the link that it was sent to */
	struct lane_renewal *renewal; /* download_renew.c */
};

/* NULL: none is left. */
struct lane *lane_take(struct job *j, size_t endpoint, enum lane_kind kind);
/* Asks for what lacks, once more. */
void lane_again(struct lane *l);
/* Asks for pos to end. */
void lane_begin(struct lane *l, uint64_t pos, uint64_t end);
/* Its blocks are free again; no request of it is on the wire. */
void lane_release(struct lane *l);
/* Drops its request, too. Not from within a callback of a request. */
void lane_abandon(struct lane *l);
/* Blocks that it holds and has not brought are free again; those before pos are
 * others' by now, if they are anybody's. */
void lane_give_back(struct lane *l);
/* So many of its loose bytes came in vain. */
void lane_waste(struct lane *l, uint64_t bytes);
/* No more than to the end of the block that it is at. */
void lane_shorten(struct lane *l);

#endif
