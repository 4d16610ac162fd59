/* Texts of /proc: processes choose their names, file systems theirs. */
#include "base/attr.h"
#include "base/mem.h"
#include "cache/inuse.h"
#include "doctor/asking.h"
#include "doctor/pparse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* As /etc/hosts of a container. */
static void look_for_host(char *text)
{
	struct asking a = { .hosts = text };
	struct watch_view v = { .kind = WATCH_CONNECT,
				.address = "1.2.3.4",
				.port = 443 };

	asking_explain(&a, &v);
	require(memchr(v.host, 0, sizeof(v.host)) &&
		!strpbrk(v.host, " \t\n#"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text CLEANUP(free_ptr) = xstrndup(size ? (const char *)data : "",
						size);
	struct pparse_socket socket;
	struct pparse_stat stat;
	struct pparse_io io;
	uint64_t a, b;

	if (pparse_stat(text, &stat))
		require(stat.state && memchr(stat.comm, 0, sizeof(stat.comm)));
	if (pparse_io(text, &io))
		require(pparse_key(text, "rchar", &a) && a == io.rchar);
	if (pparse_socket(text, &socket))
		require(*socket.remote && socket.remote_port <= 65535 &&
			socket.local_port <= 65535 && socket.state <= 255);
	if (pparse_lock(text, &a, &b))
		require(strstr(text, ":"));
	(void)inuse_maps_inode(text);
	look_for_host(text);
	return 0;
}
