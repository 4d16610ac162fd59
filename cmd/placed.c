#include "cmd/placed.h"

#include "base/human.h"
#include "cmd/text.h"

void placed_put(struct json_writer *j, const char *model_dir,
		const struct view_stats *v)
{
	json_put_kv(j, "model_dir", model_dir);
	json_put_kv_u64(j, "linked", v->linked);
	json_put_kv_u64(j, "cloned", v->cloned);
	json_put_kv_u64(j, "copied", v->copied);
	json_put_kv_u64(j, "kept", v->kept);
	json_put_kv_u64(j, "copied_bytes", v->copied_bytes);
}

void placed_say(struct app *app, const char *dir, const struct view_stats *v)
{
	char size[HUMAN_MAX];

	app_note(app,
		 "model directory %s: %llu linked, %llu shared, %llu copied "
		 "(%s), %llu there already",
		 dir, (unsigned long long)v->linked,
		 (unsigned long long)v->cloned, (unsigned long long)v->copied,
		 human_size(v->copied_bytes, size),
		 (unsigned long long)v->kept);
}

void placed_say_next(struct app *app, const struct install_options *o)
{
	struct str words CLEANUP(str_release) = STR_INIT;

	if (o->model_dir) {
		str_adds(&words, " --model-dir ");
		quote_sh(&words, o->model_dir);
	}
	/* the program looks there where the model directory has no Hub layout */
	if (!o->model_dir || app->options->cache) {
		str_adds(&words, " --cache ");
		quote_sh(&words, o->cache_root);
	}
	app_note(app, "Next, before the Python program is started:");
	app_note(app, "  eval \"$(itts-pack env%s)\"", words.ptr);
}
