#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/envfile.h"
#include "cmd/groups.h"
#include "cmd/offline.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const formats[] = { "sh", "fish", "systemd", "docker",
				       NULL };

static const struct option options[] = {
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "the model directory that the program will use" },
	{ .name = "format",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, format),
	  .value = "FORMAT",
	  .choices = formats,
	  .help = "form of the output: sh (default), fish, systemd (lines of a "
		  "[Service] section), docker (an --env-file)" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"In the shell that starts the program:",
	"eval \"$(itts-pack env --model-dir /srv/index-tts/checkpoints)\"",
	"In fish:",
	"itts-pack env --model-dir checkpoints --format fish | source",
	"For a systemd service:",
	"itts-pack env --model-dir checkpoints --format systemd",
	"For a container:",
	"itts-pack env --model-dir /models --format docker > itts.env",
	NULL
};

#define HUB_DIR "hf_cache" /* where IndexTTS2 looks below its model directory */

static int run(struct app *app, struct error *err)
{
	struct str cache CLEANUP(str_release) = STR_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct envfile e;
	struct json_writer j;

	if (offline_cache(app, &cache, err) != 0)
		return -1;
	e = (struct envfile){ cache.ptr, config_no_proxy(app->env) };
	if (app->options->json) {
		app_json_begin(app, &j, &text);
		if (envfile_json(&e, &j, err) != 0)
			return -1;
		app_json_end(app, &j);
		return 0;
	}
	if (envfile_format(&e, app->options->format, &text, err) != 0)
		return -1;
	app_write(app, &text);
	return 0;
}

const struct command cmd_env = {
	.name = "env",
	.part = PART_TARGET,
	.args = "",
	.summary = "print the variables to start the Python program with",
	.about = "The Hugging Face libraries ask the network at every start "
		 "unless they are told not to, and each looks for its cache by "
		 "its own rules. These variables make them all work offline "
		 "from "
		 "one place: the Hub layout in the model directory if there is "
		 "one, else the cache. They also stop IndexTTS2 from probing "
		 "for "
		 "ModelScope, gradio from calling home, and proxies from being "
		 "used for localhost; what NO_PROXY names already stays "
		 "(systemd and docker: in their own environment, it is "
		 "replaced).\n\n"
		 "IndexTTS2 up to v2.0.0 sets the cache to "
		 "./checkpoints/hf_cache "
		 "itself: start it in the directory that holds checkpoints.",
	.examples = examples,
	.groups = groups,
	.run = run,
};
