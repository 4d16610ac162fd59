/* Texts of /proc (proc(5)). Pure: whatever they hold, nothing is read beyond. */
#ifndef ITTS_PPARSE_H
#define ITTS_PPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct pparse_stat {
	char comm[32];
	char state;  /* R S D T t Z I ... */
	bool ending; /* in exit: its memory and files are going or gone */
	uint64_t ppid, majflt, utime, stime, threads, start, rss;
};
/* /proc/PID/stat. comm may hold spaces and parentheses. */
bool pparse_stat(const char *text, struct pparse_stat *out);

struct pparse_io {
	uint64_t rchar, wchar, read_bytes, write_bytes;
};
bool pparse_io(const char *text, struct pparse_io *out);
/* "KEY:\t123" of a text of lines; false: not there. */
bool pparse_key(const char *text, const char *key, uint64_t *out);

struct pparse_socket {
	char remote[48]; /* address as text */
	unsigned local_port, remote_port;
	unsigned state; /* 1 established, 2 SYN sent, 10 listening, ... */
	uint64_t inode, queued, retries; /* queued: received and not read */
};
/* A line of /proc/PID/net/tcp, tcp6, udp, udp6; false for the head. */
bool pparse_socket(const char *line, struct pparse_socket *out);

/* A line of /proc/locks: inode and holder of an advisory lock that is held. */
bool pparse_lock(const char *line, uint64_t *inode, uint64_t *pid);

#endif
