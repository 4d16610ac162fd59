#include "cmd/offline.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define HUB_DIR "hf_cache" /* where IndexTTS2 looks below its model directory */

/* Does dir hold the Hub layout (models--ORG--NAME)? */
static bool has_hub_layout(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = str_starts(e->d_name, "models--");
	if (d)
		closedir(d);
	return found;
}

int offline_cache(struct app *app, struct str *out, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *model_dir = app->options->model_dir;
	struct stat st;

	if (model_dir) {
		if (app_absolute(app, model_dir, &text, err) != 0)
			return -1;
		if (stat(text.ptr, &st) != 0) {
			err_set(err, ERR_NOT_FOUND,
				"there is no model directory %s", text.ptr);
			return err_hint(err,
					"itts-pack install BUNDLE "
					"--model-dir %s makes it",
					model_dir);
		}
		if (!S_ISDIR(st.st_mode))
			return err_sys(err, ENOTDIR, "model directory %s",
				       text.ptr);
		str_adds(&text, "/" HUB_DIR);
		if (has_hub_layout(text.ptr)) {
			str_adds(out, text.ptr);
			return 0;
		}
		str_clear(&text);
	}
	if (config_cache(app->env, app->options, &text, err) != 0)
		return -1;
	return app_absolute(app, text.ptr, out, err);
}
