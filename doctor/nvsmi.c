#include "doctor/nvsmi.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "doctor/launch.h"
#include "doctor/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS	 5000
#define TEXT_MAX (64u << 10)

/* The next field of a CSV line, blanks cut off; "" behind the last. */
static void field(const char **p, char *out, size_t cap)
{
	size_t n = strcspn(*p, ",\r\n"), skip;

	skip = strspn(*p, " ");
	if (skip > n)
		skip = n;
	for (size_t i = skip; i < n && i - skip + 1 < cap; i++)
		out[i - skip] = (*p)[i];
	out[n - skip < cap ? n - skip : cap - 1] = '\0';
	*p += n + ((*p)[n] == ',');
}

static uint64_t whole(const char *p)
{
	uint64_t n = 0;

	for (; isdigit((unsigned char)*p) && n < 1000000000; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n;
}

/* name, driver_version, memory.total, memory.free, compute_cap */
bool gpu_parse_line(const char *line, struct gpu *out)
{
	char total[32] = "", left[32] = "", cc[32] = "";
	const char *dot;

	*out = (struct gpu){ 0 };
	field(&line, out->name, sizeof(out->name));
	field(&line, out->driver, sizeof(out->driver));
	field(&line, total, sizeof(total));
	field(&line, left, sizeof(left));
	field(&line, cc, sizeof(cc));
	out->total_mib = whole(total);
	out->free_mib = whole(left);
	dot = strchr(cc, '.');
	if (dot)
		out->cc = (unsigned)(whole(cc) % 100 * 10 +
				     whole(dot + 1) % 10);
	return out->name[0] && isdigit((unsigned char)out->driver[0]) &&
	       out->total_mib;
}

/* All that it writes until it ends, or until the time is over. */
static void read_all(int fd, struct str *out)
{
	uint64_t end = clock_ms() + WAIT_MS;
	char buf[4096];

	while (out->len < TEXT_MAX) {
		uint64_t now = clock_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)(end - now)) <= 0)
			return;
		n = read(fd, buf, sizeof(buf));
		if (n <= 0 && errno != EINTR)
			return;
		if (n > 0)
			str_add(out, buf, (size_t)n);
	}
}

static bool run(const char *program, struct str *out)
{
	char *const argv[] = { (char *)program,
			       (char *)"--query-gpu=name,driver_version,"
				       "memory.total,memory.free,compute_cap",
			       (char *)"--format=csv,noheader,nounits", NULL };
	char *const envp[] = { (char *)"LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	int fds[2], rc, status = -1;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	rc = posix_spawn_file_actions_init(&actions);
	if (rc == 0) {
		rc = posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
		if (rc == 0)
			rc = posix_spawn(&pid, program, &actions, NULL, argv,
					 envp);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(fds[1]);
	if (rc == 0) {
		read_all(fds[0], out);
		launch_end(pid, &status);
	}
	close(fds[0]);
	return rc == 0;
}

void nvsmi_read(const char *path, struct gpu_list *out)
{
	char *program CLEANUP(free_ptr) = proc_program(path, "nvidia-smi");
	struct str text CLEANUP(str_release) = STR_INIT;
	struct gpu g;

	if (!program || !run(program, &text))
		return;
	for (const char *p = text.ptr; *p;
	     p += strcspn(p, "\n"), p += *p == '\n')
		if (gpu_parse_line(p, &g)) {
			out->gpus = xgrow(out->gpus, &out->cap, out->count + 1,
					  sizeof(*out->gpus));
			out->gpus[out->count++] = g;
			out->source = "nvidia-smi";
		}
}
