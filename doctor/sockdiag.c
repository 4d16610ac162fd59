#include "doctor/sockdiag.h"

#include "base/attr.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define ESTABLISHED 1
#define ANSWER_MAX  65536
#define FLOWS_MAX   4096

static int open_here(void)
{
	const struct timeval soon = { .tv_sec = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			NETLINK_SOCK_DIAG);

	if (fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)) != 0)
		close_fd(&fd);
	return fd;
}

/* A socket belongs to the network in which it was made. */
int sockdiag_open(int procfd)
{
	int theirs CLEANUP(close_fd) = openat(procfd, "ns/net",
					      O_RDONLY | O_CLOEXEC);
	int ours CLEANUP(close_fd) = open("/proc/self/ns/net",
					  O_RDONLY | O_CLOEXEC);
	struct stat a, b;
	int fd;

	if (theirs < 0 || ours < 0 || fstat(theirs, &a) || fstat(ours, &b))
		return -1;
	if (a.st_ino == b.st_ino)
		return open_here();
	if (setns(theirs, CLONE_NEWNET) != 0)
		return -1;
	fd = open_here();
	if (setns(ours, CLONE_NEWNET) != 0)
		close_fd(&fd);
	return fd;
}

static bool ask(int fd, unsigned char family)
{
	const struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .sdiag_family = family,
			  .sdiag_protocol = IPPROTO_TCP,
			  .idiag_ext = 1 << (INET_DIAG_INFO - 1),
			  .idiag_states = 1 << ESTABLISHED },
	};

	return send(fd, &question, sizeof(question), 0) ==
	       (ssize_t)sizeof(question);
}

/* One connection; an older kernel tells less. */
static bool take(const struct nlmsghdr *head, struct sockdiag_flow *out)
{
	const struct inet_diag_msg *m = NLMSG_DATA(head);
	const char *end = (const char *)head + head->nlmsg_len;
	const char *at = (const char *)(m + 1);

	if (at > end)
		return false;
	while (at + sizeof(struct rtattr) <= end) {
		struct rtattr a;
		struct tcp_info info = { 0 };
		size_t len;

		memcpy(&a, at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > end - at)
			return false;
		len = a.rta_len - sizeof(a);
		if (a.rta_type == INET_DIAG_INFO &&
		    len >= offsetof(struct tcp_info, tcpi_bytes_received) +
				    sizeof(info.tcpi_bytes_received)) {
			memcpy(&info, at + sizeof(a),
			       len < sizeof(info) ? len : sizeof(info));
			*out = (struct sockdiag_flow){
				.inode = m->idiag_inode,
				.received = info.tcpi_bytes_received,
				.answered = info.tcpi_bytes_received &&
					    info.tcpi_last_data_recv <=
						    info.tcpi_last_data_sent
			};
			return true;
		}
		at += RTA_ALIGN(a.rta_len);
	}
	return false;
}

/* false: that was all. */
static bool receive(int fd, char *buf, struct sockdiag_flow **out,
		    size_t *count, size_t *cap)
{
	ssize_t got = recv(fd, buf, ANSWER_MAX, 0);
	size_t left = got > 0 ? (size_t)got : 0;

	/* (NLMSG_NEXT() casts to what need not be aligned) */
	for (size_t at = 0, step; at < left; at += step) {
		const struct nlmsghdr *h = (const void *)(buf + at);
		struct sockdiag_flow f;

		if (!NLMSG_OK(h, left - at))
			break;
		step = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || *count >= FLOWS_MAX)
			return false;
		if (!take(h, &f))
			continue;
		*out = xgrow(*out, cap, *count + 1, sizeof(**out));
		(*out)[(*count)++] = f;
	}
	return got > 0;
}

size_t sockdiag_read(int fd, struct sockdiag_flow **out)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	char *buf CLEANUP(free_ptr) = NULL;
	size_t count = 0, cap = 0;

	*out = NULL;
	if (fd < 0)
		return 0;
	buf = xmalloc(ANSWER_MAX);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (ask(fd, families[i]))
			while (receive(fd, buf, out, &count, &cap))
				;
	return count;
}
