/* Progress and messages on standard error. Three ways to show them; each gets
 * its clock, its output and the size of the terminal told. */
#ifndef ITTS_RENDER_H
#define ITTS_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "base/str.h"

enum render_kind { RENDER_TTY, RENDER_PLAIN, RENDER_JSON, RENDER_NONE };

struct render_io {
	void (*write)(void *ctx, const char *text, size_t len);
	uint64_t (*clock_ms)(void *ctx);
	void (*size)(void *ctx, unsigned *columns, unsigned *rows); /* TTY */
	void *ctx;
	bool quiet, verbose, color;
};

struct render;
struct render *render_open(enum render_kind kind, const struct render_io *io);
struct event_sink render_sink(struct render *r); /* r is borrowed */
/* Takes what moves off the screen, so that other text can be written. */
void render_hide(struct render *r);
void render_close(struct render **r); /* CLEANUP */

/* "warning: " etc. in front of a message, control bytes replaced, one line. */
void render_message(struct str *out, const struct render_io *io,
		    const struct event *ev);

/* "12 MiB from https://host, 4 connections, 5 MiB/s" */
struct progress_source;
void render_source(struct str *out, const struct progress_source *s);

/* What a kind of renderer is made of. */
struct renderer {
	void *(*open)(const struct render_io *io); /* io is borrowed */
	void (*event)(void *state, const struct event *ev);
	void (*hide)(void *state); /* or NULL */
	void (*close)(void *state);
};
extern const struct renderer renderer_tty, renderer_plain, renderer_json,
	renderer_none;

#endif
