#include "cmd/forward.h"

#include "base/attr.h"

#include <errno.h>
#include <stddef.h>

static const int forwarded[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				 SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT };

/* lint: mutable. What a signal handler can reach is a variable of the file. */
static volatile pid_t target;

/* As if there were no handler. */
static void stop_here(void)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	struct sigaction ours;

	sigaction(SIGTSTP, &usual, &ours);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &ours, NULL);
}

static void on_signal(int sig, siginfo_t *from, void *context)
{
	int saved = errno;

	(void)context;
	/* what comes from the terminal has reached the program, too */
	if (target > 0 && from->si_code <= 0)
		kill(target, sig);
	if (sig == SIGTSTP)
		stop_here();
	errno = saved;
}

static void fill(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		sigaddset(set, forwarded[i]);
}

void forward_hold(sigset_t *usual)
{
	sigset_t set;

	fill(&set);
	sigprocmask(SIG_BLOCK, &set, usual);
}

void forward_to(pid_t pid, const sigset_t *usual)
{
	/* (NODEFER: a stop takes place in the handler) */
	const struct sigaction on = { .sa_sigaction = on_signal,
				      .sa_flags = SA_SIGINFO | SA_RESTART |
						  SA_NODEFER };

	target = pid;
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++) {
		struct sigaction old;

		/* nohup and shells have what they do not want ignored */
		if (sigaction(forwarded[i], NULL, &old) == 0 &&
		    ((old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_IGN))
			sigaction(forwarded[i], &on, NULL);
	}
	sigprocmask(SIG_SETMASK, usual, NULL);
}
