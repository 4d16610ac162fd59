/*
 * The command line. Options are rows of tables; parser, help, completion and the
 * manual's lint read the same rows.
 */
#ifndef ITTS_OPTIONS_H
#define ITTS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

/* All that any command can be told. Strings are borrowed from argv. */
struct options {
	/* common */
	const char *cache, *progress;
	bool json, quiet, verbose, help, version;
	uint64_t jobs; /* 0: not given */
	/* what to work on */
	const char *manifest, *recipe, *type, *lock;
	struct strlist include, exclude, with, without;
	bool check, locked, prove;
	/* network */
	struct strlist endpoints, token_for, only_mirrors;
	const char *proxy, *ca_bundle;
	const char *limit_rate;
	uint64_t connections; /* 0: not given */
	uint64_t retries;     /* UINT64_MAX: not given */
	bool offline;
	/* of one command */
	const char *output, *model_dir, *format;
	const char *for_site, *installer, *volume_size;
	const char *deadline;
	/* doctor */
	const char *venv, *python, *log;
	bool online;
	uint64_t serial;
	bool from_store, quick, plain_http;
	bool per_mirror;
	bool dry_run, keep_refs, import, all;
	/* the cache's keeper */
	const char *sort, *grace, *as;
	struct strlist filters, from;
	bool link, copy;
	/* watching */
	const char *patience, *timeout;
	struct strlist reports;
	bool revisions, yes, force, detached;
	/* trust */
	const char *allowed_signers, *signature, *key, *policy;
	struct strlist revoked;
	bool require_signature; /* and detached */
	bool allow_downgrade, allow_jump;
	/* what is no option */
	struct strlist args;
};
#define OPTIONS_INIT                               \
	{                                          \
		.serial = 1, .retries = UINT64_MAX \
	}
void options_release(struct options *o); /* CLEANUP */

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *; the last one counts */
	OPTION_LIST,   /* struct strlist; all count */
	OPTION_NUMBER, /* uint64_t, 1 to max; 0 too if it may be */
};

struct option {
	const char *name; /* without "--" */
	char letter;	  /* or 0 */
	enum option_kind kind;
	size_t field; /* offset in struct options */
	const char
		*value; /* what help calls the value ("DIR", "FILE"), or NULL */
	const char *const
		*choices; /* NULL-terminated, or NULL: anything goes */
	uint64_t max;
	bool may_be_0;
	const char *help;
};

struct option_group {
	const char *title;
	const struct option *options;
	size_t count;
};

/* A command line and where its reader stands. */
struct words {
	int argc, at; /* at: the word that comes next */
	char *const *argv;
};
/* groups: NULL-terminated. With leading, the first word that is no option ends
 * it, and w->at is that word. ERR_USAGE. */
int options_parse(const struct option_group *const *groups, struct words *w,
		  bool leading, struct options *o, struct error *err)
	MUST_CHECK;

#endif
