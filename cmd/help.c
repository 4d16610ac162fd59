#include "cmd/help.h"

#include "cmd/groups.h"
#include "cmd/text.h"

#include <string.h>

/* Long lines are hard to read. */
#define WIDTH_MIN     20
#define WIDTH_MAX     100
#define WIDTH_DEFAULT 80

size_t help_width(int fd)
{
	size_t columns = text_terminal(fd);

	if (!columns)
		return WIDTH_DEFAULT;
	return columns < WIDTH_MIN   ? WIDTH_MIN
	       : columns > WIDTH_MAX ? WIDTH_MAX
				     : columns;
}

/* Where the second column begins; a narrow one cannot be filled. */
static size_t second_column(size_t width)
{
	return width < 60 ? 8 : 26;
}

struct row {
	const char *name, *text;
};

static const struct row exit_rows[] = {
	{ "0", "done" },
	{ "1", "another failure; lock --check: the lock would change; "
	       "doctor: the program will not start; scan: a file is not "
	       "allow-listed" },
	{ "2", "usage: the command line, a setting, a lock that does not fit" },
	{ "3", "local files: cannot read or write, no space left" },
	{ "4", "network: no answer, or one that does not help" },
	{ "5", "credentials: token missing or refused, gated, proxy login" },
	{ "6", "not found: repository, revision, file, local input" },
	{ "7", "malformed: manifest, lock, bundle, server answer" },
	{ "8", "unsafe: a path that leads out, an old serial, what a policy "
	       "refuses" },
	{ "9", "integrity: wrong size or digest; verify found something "
	       "damaged or missing" },
	{ "10", "busy: locked by another process" },
	{ "70", "out of memory" },
	{ "130", "interrupted; run it again to continue" },
	{ "others", "run: the status of the program, 128 and the signal, 124: "
		    "its time was over" },
};

static const struct row environment_rows[] = {
	{ "HF_HUB_CACHE", "cache directory; then HUGGINGFACE_HUB_CACHE, "
			  "HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, "
			  "~/.cache/huggingface/hub" },
	{ "HF_ENDPOINT", "hub to ask where no --endpoint is given" },
	{ "HF_TOKEN", "access token; then HUGGING_FACE_HUB_TOKEN, then the "
		      "file HF_TOKEN_PATH or HF_HOME/token" },
	{ "MODELSCOPE_API_TOKEN", "access token for ModelScope" },
	{ "HF_HUB_DISABLE_IMPLICIT_TOKEN", "1: use no token" },
	{ "HF_HUB_OFFLINE",
	  "1: open no connection (also TRANSFORMERS_OFFLINE)" },
	{ "HF_HUB_ETAG_TIMEOUT", "seconds to wait for a connection" },
	{ "HF_HUB_DOWNLOAD_TIMEOUT", "seconds without data before a try ends" },
	{ "XDG_CONFIG_HOME", "where itts-pack/allowed_signers is, after "
			     "/etc; else ~/.config" },
	{ "XDG_STATE_HOME", "where itts-pack/serials.json is; else "
			    "/var/lib (root), ~/.local/state" },
	{ "http_proxy, https_proxy", "proxies; all_proxy for both; upper case "
				     "works too" },
	{ "no_proxy", "hosts to reach without proxy" },
	{ "SSL_CERT_FILE", "trusted certificates; then REQUESTS_CA_BUNDLE, "
			   "CURL_CA_BUNDLE" },
	{ "SSL_CERT_DIR",
	  "directories of trusted certificates, with ':' between "
	  "them" },
	{ "REGISTRY_AUTH_FILE", "login for a registry; then "
				"XDG_RUNTIME_DIR/containers/auth.json, "
				"DOCKER_CONFIG/config.json, "
				"~/.docker/config.json" },
	{ "SOURCE_DATE_EPOCH", "time that members of a bundle get, in seconds "
			       "(default 0)" },
	{ "INDEXTTS2_MODEL_DIR", "model directory that doctor looks at" },
	{ "VIRTUAL_ENV", "Python environment that doctor looks at" },
	{ "NO_COLOR", "no colours" },
	{ "TERM", "dumb: no moving progress display" },
};

static void add_row(struct str *out, const char *name, const char *text,
		    size_t width)
{
	size_t used = 2 + strlen(name), column = second_column(width);

	str_addf(out, "  %s", name);
	if (used + 2 > column) {
		str_addc(out, '\n');
		used = 0;
	}
	text_wrap(out, text, column, width, used);
}

static void add_option(struct str *out, const struct option *o, size_t width)
{
	struct str name CLEANUP(str_release) = STR_INIT;

	if (o->letter)
		str_addf(&name, "-%c, ", o->letter);
	str_addf(&name, "--%s", o->name);
	if (o->value)
		str_addf(&name, " %s", o->value);
	add_row(out, name.ptr, o->help, width);
}

static void add_group(struct str *out, const struct option_group *g,
		      size_t width)
{
	str_addf(out, "\n%s:\n", g->title);
	for (size_t i = 0; i < g->count; i++)
		add_option(out, &g->options[i], width);
}

static const char *const part_titles[PART_COUNT] = {
	[PART_MAKE] = "On the connected machine",
	[PART_TARGET] = "On the machine without network",
	[PART_CACHE] = "Caches",
	[PART_HANG] = "Why it does not start",
	[PART_TRUST] = "What is in it",
	[PART_SELF] = "This program",
};

static void add_part(struct str *out, unsigned part, size_t width)
{
	bool any = false;

	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);

		if (c->part != part)
			continue;
		if (!any)
			str_addf(out, "\n%s:\n", part_titles[part]);
		any = true;
		add_row(out, c->name, c->summary, width);
	}
}

void help_short(struct str *out, size_t width)
{
	str_adds(out, "usage: itts-pack COMMAND [options] [arguments]\n\n");
	text_wrap(out,
		  "Downloads, checks and bundles Hugging Face models on a "
		  "connected machine; installs and verifies them on one "
		  "without network.",
		  0, width, 0);
	for (unsigned part = 0; part < PART_COUNT; part++)
		add_part(out, part, width);
	str_adds(out, "\nThe main job:\n"
		      "  itts-pack pack -o indextts-2.tar\n"
		      "  itts-pack install indextts-2.tar --model-dir DIR\n"
		      "  itts-pack verify --model-dir DIR\n"
		      "  eval \"$(itts-pack env --model-dir DIR)\"\n\n");
	text_wrap(out,
		  "itts-pack help COMMAND tells about one command; "
		  "itts-pack help exit-status and itts-pack help environment "
		  "about all of them.",
		  0, width, 0);
}

void help_command(struct str *out, const struct command *c, size_t width)
{
	struct str usage CLEANUP(str_release) = STR_INIT;

	str_addf(&usage, "itts-pack %s [options]%s%s", c->name,
		 *c->args ? " " : "", c->args);
	str_adds(out, "usage: ");
	text_wrap(out, usage.ptr, 7, width, 7);
	str_addc(out, '\n');
	text_wrap(out, c->about, 0, width, 0);
	str_adds(out, "\nExamples:\n");
	for (size_t i = 0; c->examples[i]; i += 2) {
		text_wrap(out, c->examples[i], 2, width, 0);
		str_addf(out, "      %s\n", c->examples[i + 1]);
	}
	for (size_t i = 0; c->groups[i]; i++)
		add_group(out, c->groups[i], width);
	str_addc(out, '\n');
	text_wrap(out,
		  "Exit statuses: itts-pack help exit-status. Environment: "
		  "itts-pack help environment.",
		  0, width, 0);
}

void help_all(struct str *out)
{
	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);

		str_addf(out, "%s\n", c->name);
		for (size_t g = 0; c->groups[g]; g++)
			for (size_t k = 0; k < c->groups[g]->count; k++)
				str_addf(out, "%s --%s\n", c->name,
					 c->groups[g]->options[k].name);
	}
}

bool help_topic(struct str *out, const char *name, size_t width)
{
	static const struct {
		const char *name, *title;
		const struct row *rows;
		size_t count;
	} topics[] = {
		{ "exit-status", "Exit statuses", exit_rows,
		  ARRAY_LEN(exit_rows) },
		{ "environment", "Environment variables", environment_rows,
		  ARRAY_LEN(environment_rows) },
	};

	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		if (strcmp(topics[i].name, name) != 0)
			continue;
		str_addf(out, "%s:\n", topics[i].title);
		for (size_t k = 0; k < topics[i].count; k++)
			add_row(out, topics[i].rows[k].name,
				topics[i].rows[k].text, width);
		return true;
	}
	return false;
}
