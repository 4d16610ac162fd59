/* What a program that is starting asks the network for, and whom: what doctor foresees
 * of its start, held against what watch sees of it. */
#ifndef ITTS_ASKING_H
#define ITTS_ASKING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "doctor/doctor.h"
#include "doctor/start.h"
#include "doctor/watch.h"

#define ASKING_PEERS 8

struct asking_peer {
	char host[WATCH_HOST_MAX];
	unsigned port;
};

struct asking {
	struct run run;
	size_t behind; /* steps that it has taken */
	/* the hub, or the proxies in front of it */
	struct asking_peer peers[ASKING_PEERS];
	size_t peer_count;
	char *hosts;	 /* text of its /etc/hosts, or NULL */
	char *model_dir; /* or NULL */
	char *root;	 /* before all its paths as we see them, or NULL */
};
#define ASKING_NONE         \
	{                   \
		.behind = 0 \
	}
void asking_release(struct asking *a); /* CLEANUP */
/* in: as that program has it; webui: it is webui.py. hosts and root may be NULL. */
void asking_init(struct asking *a, const struct doctor_input *in, bool webui,
		 const char *hosts, const char *root);
/* Files that are open tell how far it is. */
void asking_see(struct asking *a, const struct sample *now);
/* Gives a view of a connection its host, why and mend. */
void asking_explain(const struct asking *a, struct watch_view *v);

#endif
