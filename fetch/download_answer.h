/* Is an answer the file that a job asked for? */
#ifndef ITTS_DOWNLOAD_ANSWER_H
#define ITTS_DOWNLOAD_ANSWER_H

#include "fetch/download_job.h"

/* Callbacks of the request; ctx is the job. */
int answer_headers(void *ctx, const struct http_response *res,
		   struct error *err);
int answer_body(void *ctx, const void *p, size_t n, struct error *err);
/* At its end: puts into err what is wrong with it, if anything. */
void answer_judge(const struct job *j, const struct http_response *res,
		  struct error *err);
/* Remembers the ETag for If-Range. */
void answer_keep_validator(struct job *j, const struct http_response *res);

#endif
