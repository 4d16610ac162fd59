/*
 * One object a line:
 *   {"v":1,"type":"plan","name":"fetch","items":24,"total":8868000000}
 *   {"v":1,"type":"progress","id":7,"name":"...","done":123,"total":456}
 *   {"v":1,"type":"source","source":"https://...","done":123,"rate":45,"connections":6}
 * type: plan, start, progress, done, fail, retry, source, info, warn. Keys that
 * have nothing to say are left out.
 */
#include "cmd/render.h"
#include "base/attr.h"
#include "base/json.h"

#include <stdint.h>

static void *json_open(const struct render_io *io)
{
	return (void *)(uintptr_t)io;
}

static void put_opt(struct json_writer *w, const char *key, const char *text)
{
	if (text)
		json_put_kv(w, key, text);
}

static void json_event(void *state, const struct event *ev)
{
	static const char *const names[] = {
		[EVENT_PLAN] = "plan",	       [EVENT_START] = "start",
		[EVENT_PROGRESS] = "progress", [EVENT_DONE] = "done",
		[EVENT_FAIL] = "fail",	       [EVENT_RETRY] = "retry",
		[EVENT_SOURCE] = "source",     [EVENT_INFO] = "info",
		[EVENT_WARN] = "warn",
	};
	const struct render_io *io = state;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer w;
	bool message = ev->type == EVENT_INFO || ev->type == EVENT_WARN;
	bool source = ev->type == EVENT_SOURCE;

	/* programs have the other events */
	if (ev->type == EVENT_STATUS)
		return;
	if (io->quiet && ev->type != EVENT_WARN && ev->type != EVENT_FAIL)
		return;
	json_writer_init(&w, &text, JSON_COMPACT);
	json_begin_object(&w);
	json_put_kv_u64(&w, "v", 1);
	json_put_kv(&w, "type", names[ev->type]);
	if (ev->type != EVENT_PLAN && !message && !source)
		json_put_kv_u64(&w, "id", ev->id);
	put_opt(&w, "name", ev->name);
	put_opt(&w, "text", ev->text);
	put_opt(&w, "source", ev->source);
	if (ev->type == EVENT_PLAN)
		json_put_kv_u64(&w, "items", ev->items);
	if (ev->type == EVENT_START || ev->type == EVENT_PROGRESS || source)
		json_put_kv_u64(&w, "done", ev->done);
	if (source) {
		json_put_kv_u64(&w, "rate", ev->rate);
		json_put_kv_u64(&w, "connections", ev->items);
	}
	if (!message && !source && ev->type != EVENT_RETRY)
		json_put_kv_u64(&w, "total", ev->total);
	if (ev->type == EVENT_RETRY)
		json_put_kv_u64(&w, "delay_ms", ev->delay_ms);
	json_end_object(&w);
	str_addc(&text, '\n');
	io->write(io->ctx, text.ptr, text.len);
}

static void json_close(void *state)
{
	(void)state;
}

const struct renderer renderer_json = {
	.open = json_open,
	.event = json_event,
	.close = json_close,
};
