/* What is said about a model directory that was filled. */
#ifndef ITTS_PLACED_H
#define ITTS_PLACED_H

#include "base/json.h"
#include "bundle/install.h"
#include "cache/view.h"
#include "cmd/app.h"

/* Keys of an open object. */
void placed_put(struct json_writer *j, const char *model_dir,
		const struct view_stats *v);
void placed_say(struct app *app, const char *dir, const struct view_stats *v);
/* The command that comes next on this machine. */
void placed_say_next(struct app *app, const struct install_options *o);

#endif
