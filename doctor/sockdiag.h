/* What has gone over TCP connections, as the kernel counts it (sock_diag(7)). */
#ifndef ITTS_SOCKDIAG_H
#define ITTS_SOCKDIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockdiag_flow {
	uint64_t inode;	   /* 0: not told */
	uint64_t received; /* bytes */
	/* the last bytes that went in any direction came from the other side: it may be
	 * at rest, and nothing is waited for */
	bool answered;
};
/* A way to ask about the network of the process with this directory of /proc; caller closes.
 * -1: there is none, as without the right to look into a container's. */
int sockdiag_open(int procfd);
/* All connections that are established; caller frees. fd may be -1: none. Returns how
 * many. */
size_t sockdiag_read(int fd, struct sockdiag_flow **out);

#endif
