/* Which connection fetches what: gives work to all that may work. */
#ifndef ITTS_DOWNLOAD_PUMP_H
#define ITTS_DOWNLOAD_PUMP_H

#include "fetch/download_job.h"

/* Not from within a callback of a request, but from done(). */
void pump(struct job_common *c);
/* About ten times a second: how many connections are worth it. */
void pump_tick(struct job_common *c);

#endif
