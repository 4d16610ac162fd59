/* Is an answer the part of the file that a lane asked for? */
#ifndef ITTS_DOWNLOAD_ANSWER_H
#define ITTS_DOWNLOAD_ANSWER_H

#include "fetch/download_lane.h"

/* Callbacks of the request; ctx is the lane. */
int answer_headers(void *ctx, const struct http_response *res,
		   struct error *err);
int answer_body(void *ctx, const void *bytes, size_t n, struct error *err);
/* Rank: bytes between the first that the file lacks and what comes next. The hash
 * goes on from there, and finds fresh in memory what came last. */
uint64_t answer_rank(const void *ctx);
/* At its end: puts into err what is wrong with it, if anything. */
void answer_judge(const struct lane *l, const struct http_response *res,
		  struct error *err);

#endif
