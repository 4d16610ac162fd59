#include "base/cancel.h"

#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int cancel_init(struct cancel *c, struct error *err)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return err_sys(err, errno, "eventfd");
	*c = (struct cancel){ .fd = fd };
	return 0;
}

void cancel_release(struct cancel *c)
{
	int saved = errno;

	if (c->fd > 0) /* 0: never initialised */
		close(c->fd);
	*c = (struct cancel){ 0 };
	errno = saved;
}

void cancel_set(struct cancel *c)
{
	const uint64_t one = 1;
	int saved = errno;

	__atomic_store_n(&c->flag, 1, __ATOMIC_RELEASE);
	/* fails only when the counter is full, that is readable anyway */
	if (write(c->fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

struct cancel cancel_until(const struct cancel *of, uint64_t until_ms)
{
	return (struct cancel){ .fd = of ? of->fd : -1,
				.of = of,
				.until_ms = until_ms };
}

bool cancel_is_set(const struct cancel *c)
{
	for (; c; c = c->of)
		if (__atomic_load_n(&c->flag, __ATOMIC_ACQUIRE) ||
		    (c->until_ms && clock_ms() >= c->until_ms))
			return true;
	return false;
}

int cancel_check(const struct cancel *c, struct error *err)
{
	if (cancel_is_set(c))
		return err_set(err, ERR_CANCELLED, "interrupted");
	return 0;
}
