#include "tests/unit/fetch/server.h"

#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/fetch/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX  65536
#define TLS_HELLO 0x16 /* the first byte of a client that wants TLS */

struct connection {
	struct server *server;
	struct connection *next;
	pthread_t thread;
	int fd;
};

struct server {
	server_fn *fn;
	void *ctx;
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows */
	struct connection *connections;
	struct strlist heads, paths;
};

void send_bytes(const struct exchange *x, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t sent = send(x->fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the client has seen enough */
		at += sent;
		n -= (size_t)sent;
	}
}

void send_text(const struct exchange *x, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n >= 0)
		send_bytes(x, text, (size_t)n);
	free(text);
}

bool answer(const struct exchange *x, const char *status, const char *extra,
	    const void *body, size_t n)
{
	bool head = strncmp(x->head, "HEAD ", 5) == 0;

	send_text(x, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, n,
		  extra);
	if (!head)
		send_bytes(x, body, n);
	return true;
}

void request_header(const struct exchange *x, const char *name, char *out,
		    size_t size)
{
	const char *line = x->head;
	size_t len = strlen(name);

	out[0] = '\0';
	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, len) || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " ");
		len = strcspn(line, "\r");
		assert_true(len < size);
		memcpy(out, line, len);
		out[len] = '\0';
		return;
	}
}

bool serve_file(const struct exchange *x, const char *extra, const void *body,
		size_t n)
{
	char range[64], more[512];
	unsigned long long from, last;
	int fields;

	request_header(x, "Range", range, sizeof(range));
	fields = sscanf(range, "bytes=%llu-%llu", &from, &last);
	if (fields < 1)
		return answer(x, "200 OK", extra, body, n);
	if (fields == 1 || last >= n)
		last = n - 1;
	if (from >= n) {
		snprintf(more, sizeof(more), "Content-Range: bytes */%zu\r\n",
			 n);
		return answer(x, "416 Range Not Satisfiable", more, "", 0);
	}
	snprintf(more, sizeof(more), "%sContent-Range: bytes %llu-%llu/%zu\r\n",
		 extra, from, last, n);
	return answer(x, "206 Partial Content", more, (const char *)body + from,
		      last + 1 - from);
}

static unsigned count_path(struct server *s, const char *path, const char *head)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->mutex);
	strlist_add(&s->paths, path);
	strlist_add(&s->heads, head);
	for (size_t i = 0; i < s->paths.count; i++)
		n += strcmp(s->paths.items[i], path) == 0;
	pthread_mutex_unlock(&s->mutex);
	return n;
}

static bool handle(struct connection *c, const char *head)
{
	char *path CLEANUP(free_ptr) = NULL;
	struct exchange x = { .server = c->server,
			      .fd = c->fd,
			      .head = head,
			      .ctx = c->server->ctx };
	const char *start = strchr(head, ' ');

	if (!start)
		return false;
	path = xstrndup(start + 1, strcspn(start + 1, " \r\n"));
	x.path = path;
	x.count = count_path(c->server, path, head);
	return c->server->fn(&x);
}

static void *connection_main(void *arg)
{
	struct connection *c = arg;
	char *head = xmalloc(HEAD_MAX);
	bool open = true;

	while (open) {
		size_t len = 0;

		/* byte by byte, so that nothing of the next request is taken */
		while (len < HEAD_MAX - 1 &&
		       recv(c->fd, head + len, 1, 0) == 1 &&
		       head[0] != TLS_HELLO)
			if (++len >= 4 &&
			    memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
				break;
		head[len] = '\0';
		open = strstr(head, "\r\n\r\n") && handle(c, head);
	}
	shutdown(c->fd, SHUT_RDWR);
	free(head);
	return NULL;
}

static void *server_main(void *arg)
{
	struct server *s = arg;
	int fd, on = 1;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct connection *c = xcalloc(1, sizeof(*c));

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		c->server = s;
		c->fd = fd;
		pthread_mutex_lock(&s->mutex);
		c->next = s->connections;
		s->connections = c;
		pthread_mutex_unlock(&s->mutex);
		assert_int_equal(
			pthread_create(&c->thread, NULL, connection_main, c),
			0);
	}
	return NULL;
}

struct server *server_start(server_fn *fn, void *ctx)
{
	struct server *s = xcalloc(1, sizeof(*s));
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	s->fn = fn;
	s->ctx = ctx;
	pthread_mutex_init(&s->mutex, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 64), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
	return s;
}

void server_stop(struct server **server)
{
	struct server *s = *server;

	*server = NULL;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	while (s->connections) {
		struct connection *c = s->connections;

		s->connections = c->next;
		shutdown(c->fd, SHUT_RDWR);
		pthread_join(c->thread, NULL);
		close(c->fd);
		free(c);
	}
	pthread_mutex_destroy(&s->mutex);
	strlist_release(&s->heads);
	strlist_release(&s->paths);
	free(s);
}

char *server_url(const struct server *s, const char *path)
{
	return xasprintf("http://127.0.0.1:%u%s", s->port, path);
}

unsigned server_port(const struct server *s)
{
	return s->port;
}

unsigned server_saw(struct server *s, const char *text)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < s->heads.count; i++)
		n += strcasestr(s->heads.items[i], text) != NULL;
	pthread_mutex_unlock(&s->mutex);
	return n;
}
