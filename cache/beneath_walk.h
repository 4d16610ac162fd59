/* openat2() with RESOLVE_BENEATH for kernels before 5.6 and filters of system calls
 * that do not know it; for cache/beneath.c. */
#ifndef ITTS_BENEATH_WALK_H
#define ITTS_BENEATH_WALK_H

/* flags: O_PATH, or how to read. Returns an fd (caller closes), or -1 and errno:
 * EXDEV where a link leads out, ELOOP for too many of them. */
int beneath_walk(int dirfd, const char *path, int flags);

#endif
