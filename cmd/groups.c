#include "cmd/groups.h"

static const char *const progress_choices[] = { "auto", "tty",	"plain",
						"json", "none", NULL };

static const struct option common[] = {
	{ .name = "cache",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, cache),
	  .value = "DIR",
	  .help = "Hub cache directory to work in (default: HF_HUB_CACHE, "
		  "HUGGINGFACE_HUB_CACHE, HF_HOME/hub, "
		  "XDG_CACHE_HOME/huggingface/hub, "
		  "~/.cache/huggingface/hub)" },
	{ .name = "jobs",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct options, jobs),
	  .value = "N",
	  .max = 256,
	  .help = "files to download at a time (default 128), threads that "
		  "hash (default: all cores)" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, json),
	  .help = "print the result, or the error, as one JSON object on "
		  "standard output" },
	{ .name = "progress",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, progress),
	  .value = "KIND",
	  .choices = progress_choices,
	  .help = "how to show progress on standard error: auto (default), "
		  "tty, plain, json, none" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, quiet),
	  .help = "only warnings, errors and results" },
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, verbose),
	  .help = "say more: settings and where they come from, every file" },
	{ .name = "help",
	  .letter = 'h',
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, help),
	  .help = "show this help" },
	{ .name = "version",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, version),
	  .help = "show the version" },
};

static const char *const type_choices[] = { "model", "dataset", "space", NULL };

static const struct option selection[] = {
	{ .name = "manifest",
	  .letter = 'm',
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, manifest),
	  .value = "FILE",
	  .help = "work on this manifest (itts-pack init writes one)" },
	{ .name = "recipe",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, recipe),
	  .value = "NAME",
	  .help = "work on a built-in recipe (itts-pack recipes lists them)" },
	{ .name = "type",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, type),
	  .value = "TYPE",
	  .choices = type_choices,
	  .help = "what REPO is: model (default), dataset, space" },
	{ .name = "include",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, include),
	  .value = "PATTERN",
	  .help = "only files of REPO that match; '*' matches '/' too "
		  "(repeatable)" },
	{ .name = "exclude",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, exclude),
	  .value = "PATTERN",
	  .help = "no files of REPO that match (repeatable)" },
	{ .name = "with",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, with),
	  .value = "GROUP",
	  .help = "also the files of this group of the manifest (repeatable)" },
	{ .name = "without",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, without),
	  .value = "GROUP",
	  .help = "not the files of this group (repeatable)" },
};

static const struct option lock[] = {
	{ .name = "lock",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, lock),
	  .value = "FILE",
	  .help = "the lock file (default: itts-pack.lock.json in the current "
		  "directory)" },
	{ .name = "locked",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, locked),
	  .help = "fail unless the lock file is there and fits; never change "
		  "it" },
};

static const struct option claims[] = {
	{ .name = "lock",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, lock),
	  .value = "FILE",
	  .help = "what this lock names is needed (default: "
		  "itts-pack.lock.json in the current directory, if it is "
		  "there)" },
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "what install recorded in this model directory is needed" },
};

static const struct option network[] = {
	{ .name = "endpoint",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, endpoints),
	  .value = "URL",
	  .help = "hub to ask, first choice first (repeatable; default: "
		  "HF_ENDPOINT, the manifest's, https://huggingface.co); "
		  "modelscope=URL if it speaks ModelScope's API and its host "
		  "does not tell" },
	{ .name = "only-mirror",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, only_mirrors),
	  .value = "HOST",
	  .help = "of the endpoints ask only this one, a host or URL "
		  "(repeatable)" },
	{ .name = "token-for",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, token_for),
	  .value = "URL",
	  .help = "send the token to this endpoint too; without this only "
		  "huggingface.co gets it, and modelscope.cn and .ai get "
		  "their own (repeatable)" },
	{ .name = "proxy",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, proxy),
	  .value = "URL",
	  .help = "proxy for http and https: http://, https://, socks5h://, "
		  "with USER:PASSWORD@ if needed (default: http_proxy, "
		  "https_proxy, all_proxy); no_proxy still counts" },
	{ .name = "ca-bundle",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, ca_bundle),
	  .value = "FILE",
	  .help = "trust these certificates (PEM) instead of the system's "
		  "(default: SSL_CERT_FILE, REQUESTS_CA_BUNDLE, "
		  "CURL_CA_BUNDLE, and the directory SSL_CERT_DIR)" },
	{ .name = "connections",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct options, connections),
	  .value = "N",
	  .max = 128,
	  .help = "connections to one endpoint at most (default 16, small "
		  "files 128); fewer are "
		  "used while more would not help" },
	{ .name = "retries",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct options, retries),
	  .value = "N",
	  .max = 100,
	  .may_be_0 = true,
	  .help = "how often in a row an answer that may get better (5xx, 429, "
		  "a broken connection) is asked for again, with growing "
		  "pauses "
		  "(default 5; 2 where another endpoint can be asked)" },
	{ .name = "limit-rate",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, limit_rate),
	  .value = "RATE",
	  .help = "receive no more than this in a second, all connections "
		  "together: 500K, 2M, 1.5G" },
	{ .name = "offline",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, offline),
	  .help = "open no connection; the same as HF_HUB_OFFLINE=1" },
};

const struct option_group group_common = { "Common options", common,
					   ARRAY_LEN(common) };
const struct option_group group_selection = { "What to work on", selection,
					      ARRAY_LEN(selection) };
const struct option_group group_lock = { "Lock file", lock, ARRAY_LEN(lock) };
const struct option_group group_claims = { "Who needs what is there", claims,
					   ARRAY_LEN(claims) };

const struct option_group group_network = { "Network", network,
					    ARRAY_LEN(network) };
