/* In the carried program, for cmd/hubprobe.c: it has no network. */
#include "cmd/hubprobe.h"

int hubprobe_open(struct hubprobe *p, struct app *app, struct error *err)
{
	(void)p;
	(void)app;
	return err_set(err, ERR_USAGE,
		       "--online: this program is built without network");
}

void hubprobe_close(struct hubprobe *p)
{
	(void)p;
}

/* Never asked: hubprobe_open() has failed. */
void hubprobe_ask(void *ctx, const char *url, struct probe_result *out)
{
	(void)ctx;
	(void)url;
	out->state = PROBE_OTHER;
}
