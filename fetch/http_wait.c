/*
 * Waits for what libcurl's sockets and its timer have, by epoll: what an event
 * costs does not grow with the number of connections, and the next request of a
 * connection goes out before the next answer is looked at.
 *
 * One event at a time: what it leads to may close other sockets, and events that
 * had been fetched before that would be another connection's. So several are fetched
 * to choose from, and those not chosen are asked for again.
 */
#include "fetch/http_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Records of one connection, then others have their turn. */
#define AHEAD_TURN 16
#define READY_MOST 16 /* sockets that are compared */
#define FAIR_TURN  16 /* of so many turns one goes round */

static int watch(const struct http *h, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	/* libcurl does not say whether a number that it closed is in use again */
	if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	return epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &ev);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *http,
		     void *unused)
{
	const struct http *h = http;
	struct transfer *t = http_transfer_of(easy);
	uint32_t events = 0;

	(void)unused;
	if (t && (what != CURL_POLL_REMOVE || t->socket == fd))
		t->socket = what == CURL_POLL_REMOVE ? -1 : fd;
	if (what == CURL_POLL_REMOVE) {
		/* it may be closed already, and has left the set then */
		(void)epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return watch(h, fd, events);
}

static int on_timer(CURLM *multi, long ms, void *http)
{
	struct http *h = http;

	(void)multi;
	h->timed = ms >= 0;
	h->timer_ms = clock_ms() + (ms > 0 ? (uint64_t)ms : 0);
	return 0;
}

int http_wait_open(struct http *h, struct error *err)
{
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->epoll < 0 || h->wake < 0 || watch(h, h->wake, EPOLLIN) < 0 ||
	    (h->cancel && watch(h, h->cancel->fd, EPOLLIN) < 0))
		return err_sys(err, errno, "epoll");
	if (curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket) !=
		    CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer) !=
		    CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) != CURLM_OK)
		return err_set(err, ERR_OTHER, "libcurl does not start");
	return 0;
}

void http_wait_close(struct http *h)
{
	if (h->wake >= 0)
		close(h->wake);
	if (h->epoll >= 0)
		close(h->epoll);
}

void http_wake(struct http *h)
{
	const uint64_t one = 1;

	atomic_store(&h->woken, true);
	/* fails only when the counter is full, that is readable anyway */
	if (write(h->wake, &one, sizeof(one)) < 0)
		return;
}

static CURLMcode act(struct http *h, curl_socket_t fd, int what)
{
	int running;

	return curl_multi_socket_action(h->multi, fd, what, &running);
}

/* After an error libcurl looks itself: there may be something to read yet. */
static CURLMcode act_on(struct http *h, const struct epoll_event *ev)
{
	int what = 0;

	if (ev->events & (EPOLLERR | EPOLLHUP))
		return act(h, ev->data.fd, 0);
	if (ev->events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (ev->events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	return act(h, ev->data.fd, what);
}

/* Lets those go on that have records which no socket tells of. libcurl may also have
 * read for others than whom it was called for: all are looked at. */
static CURLMcode read_on(struct http *h, bool *some)
{
	CURLMcode rc = CURLM_OK;

	for (struct transfer *t = h->active; t && h->reads_ahead; t = t->next)
		for (int i = 0; i < AHEAD_TURN && rc == CURLM_OK &&
				t->socket >= 0 && http_tls_has_more(t);
		     i++) {
			rc = act(h, t->socket, CURL_CSELECT_IN);
			*some = true;
		}
	return rc;
}

static int time_left(const struct http *h, int most_ms)
{
	uint64_t now = clock_ms();

	if (!h->timed || h->timer_ms >= now + (uint64_t)most_ms)
		return most_ms;
	return h->timer_ms > now ? (int)(h->timer_ms - now) : 0;
}

static CURLMcode run_event(struct http *h, const struct epoll_event *ev)
{
	uint64_t count;

	/* whoever loops looks at the cancel, and at what http_wake() has set */
	if (h->cancel && ev->data.fd == h->cancel->fd)
		return CURLM_OK;
	if (ev->data.fd != h->wake)
		return act_on(h, ev);
	if (read(h->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return CURLM_INTERNAL_ERROR;
	return CURLM_OK;
}

static uint64_t rank_of(const struct http *h, int fd)
{
	const struct transfer *t = h->active;

	while (t && t->socket != fd)
		t = t->next;
	return t && t->rq.rank ? t->rq.rank(t->rq.ctx) : 0;
}

unsigned http_wait_choose(struct http *h, const struct epoll_event *ready,
			  unsigned count)
{
	uint64_t lowest = UINT64_MAX;
	unsigned best = 0;

	if (count == 1)
		return 0;
	if (++h->turns % FAIR_TURN == 0)
		return h->turns / FAIR_TURN % count;
	for (unsigned i = 0; i < count; i++) {
		uint64_t rank = rank_of(h, ready[i].data.fd);

		if (rank < lowest) {
			lowest = rank;
			best = i;
		}
	}
	return best;
}

int http_wait(struct http *h, int most_ms, struct error *err)
{
	bool due = h->timed && h->timer_ms <= clock_ms(), busy = due;
	struct epoll_event ready[READY_MOST];
	CURLMcode rc = CURLM_OK;
	int count = 0;

	if (due) {
		h->timed = false;
		rc = act(h, CURL_SOCKET_TIMEOUT, 0);
	}
	if (rc == CURLM_OK)
		rc = read_on(h, &busy);
	/* what that led to may be over by now: no wait then */
	if (rc == CURLM_OK)
		count = epoll_wait(h->epoll, ready, READY_MOST,
				   busy ? 0 : time_left(h, most_ms));
	if (count < 0 && errno != EINTR)
		return err_sys(err, errno, "epoll");
	if (count > 0)
		rc = run_event(
			h, &ready[http_wait_choose(h, ready, (unsigned)count)]);
	if (rc != CURLM_OK)
		return err_set(err, ERR_OTHER, "libcurl: %s",
			       curl_multi_strerror(rc));
	return 0;
}
