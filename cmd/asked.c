#include "cmd/asked.h"

#include "manifest/glob.h"

bool asked_for(const struct app *app, const struct census *c)
{
	return c->id && (app->options->args.count == 0 ||
			 glob_match_any(&app->options->args, c->id));
}

void asked_unseen(struct app *app, const struct census_all *all,
		  struct strlist *out)
{
	for (size_t i = 0; i < all->count; i++) {
		const char *failed = census_failed(&all->repos[i]);

		if (failed && asked_for(app, &all->repos[i]))
			strlist_add(out, failed);
	}
	if (out->count)
		app->status = err_exit_status(ERR_IO);
}

void asked_others(struct app *app, const struct census_all *all)
{
	for (size_t i = 0; i < all->others.count; i++)
		app_note(app,
			 "not counted: %s, of a kind that only other clients "
			 "know; it is left as it is",
			 all->others.items[i]);
}
