#include "cmd/offline.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/recorded.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define HUB_DIR "hf_cache" /* where IndexTTS2 looks below its model directory */

/* Does dir hold the Hub layout (models--ORG--NAME)? Where nobody can tell, another
 * cache would be a guess. */
static int has_hub_layout(const char *dir, bool *out, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int failed = 0;

	*out = false;
	if (!d)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(err, errno, "%s", dir);
	while (!*out && (e = file_dir_next(d, &failed)))
		*out = str_starts(e->d_name, "models--");
	closedir(d);
	return failed ? err_sys(err, failed, "%s", dir) : 0;
}

int offline_cache(struct app *app, struct str *out, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct stat st;
	bool found;

	if (app->options->model_dir) {
		char *model_dir CLEANUP(free_ptr) = app_dir(
			app, app->options->model_dir);

		if (recorded_check_dir(model_dir, err) != 0 ||
		    app_absolute(app, model_dir, &text, err) != 0)
			return -1;
		str_adds(&text, "/" HUB_DIR);
		if (has_hub_layout(text.ptr, &found, err) != 0)
			return -1;
		if (found) {
			str_adds(out, text.ptr);
			return 0;
		}
		str_clear(&text);
	}
	if (config_cache(app->env, app->options, &text, err) != 0)
		return -1;
	/* it need not be there yet */
	if (stat(text.ptr, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_sys(err, ENOTDIR, "cache %s", text.ptr);
	return app_absolute(app, text.ptr, out, err);
}
