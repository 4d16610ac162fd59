#include "doctor/timeline.h"

#include "base/human.h"
#include "base/mem.h"
#include "doctor/redact.h"

#include <assert.h>
#include <string.h>

/* Between two tries a client has no socket for a few seconds. */
#define STICKY_MS 20000
/* What is evicted and read again is for a moment read, or used. */
#define SHORT_MS 5000

void timeline_init(struct timeline *t, const char *title, uint64_t patience)
{
	*t = (struct timeline){ .title = xstrdup(title),
				.patience = patience,
				.joined = 1 };
	redact_secrets(t->title);
}

void timeline_release(struct timeline *t)
{
	for (size_t i = 0; i < t->span_count; i++) {
		free_ptr(&t->spans[i].what);
		free_ptr(&t->spans[i].said);
		free_ptr(&t->spans[i].advice);
	}
	free_ptr(&t->spans);
	free_ptr(&t->title);
	free_ptr(&t->outcome);
	t->span_count = t->point_count = 0;
}

const struct timeline_span *timeline_now(const struct timeline *t)
{
	return t->span_count ? &t->spans[t->span_count - 1] : NULL;
}

/* --- curves -------------------------------------------------------------------- */

static void blend(struct timeline_point *to, const struct timeline_point *from,
		  unsigned had)
{
	to->ms = from->ms;
	to->read = (to->read * had + from->read) / (had + 1);
	to->cores = (to->cores * had + from->cores) / (had + 1);
	if (from->rss > to->rss)
		to->rss = from->rss;
	if (from->gpu > to->gpu)
		to->gpu = from->gpu;
	if (from->connections > to->connections)
		to->connections = from->connections;
}

static void halve(struct timeline *t)
{
	for (size_t i = 0; i < TIMELINE_POINTS / 2; i++) {
		struct timeline_point p = t->points[2 * i];

		blend(&p, &t->points[2 * i + 1], 1);
		t->points[i] = p;
	}
	t->point_count = TIMELINE_POINTS / 2;
	t->joined *= 2;
}

static void add_point(struct timeline *t, const struct timeline_point *p)
{
	if (t->pending) {
		blend(&t->points[t->point_count - 1], p, t->pending);
	} else {
		if (t->point_count == TIMELINE_POINTS)
			halve(t);
		t->points[t->point_count++] = *p;
	}
	t->pending = (t->pending + 1) % t->joined;
}

/* --- spans --------------------------------------------------------------------- */

static bool is_network_wait(enum watch_kind k)
{
	return k == WATCH_CONNECT || k == WATCH_NAME || k == WATCH_ANSWER ||
	       k == WATCH_REFUSED;
}

/* The same thing goes on: a wait stays what it is while the client takes breath, and asks
 * again. */
static bool goes_on(const struct timeline_span *s, uint64_t ms,
		    const struct watch_view *v)
{
	bool same = !strcmp(s->what, v->what);

	if (s->kind == v->kind)
		return v->kind == WATCH_CONNECT || v->kind == WATCH_NAME ||
		       v->kind == WATCH_SWAP || same;
	if (s->kind == WATCH_SWAP)
		return v->kind != WATCH_BUILD && v->kind != WATCH_PAUSED &&
		       ms - s->end < SHORT_MS;
	return is_network_wait(s->kind) && ms - s->end < STICKY_MS &&
	       (v->kind == WATCH_IDLE ||
		(s->kind == WATCH_ANSWER && v->kind == WATCH_CONNECT && same &&
		 !v->retries));
}

/* Not in one of the moments in which it seems to be over. */
static bool is_stalled(const struct timeline *t, const struct timeline_span *s,
		       uint64_t ms, const struct watch_view *v)
{
	return !watch_kind_moves(s->kind) && ms - t->since >= t->patience &&
	       (s->kind != WATCH_SWAP || v->kind == WATCH_SWAP);
}

static void say(struct timeline_span *s, const struct watch_view *v)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	watch_say(v, &text);
	free_ptr(&s->said);
	s->said = str_detach(&text);
}

/* Behind the last moment of a wait it took breath, as it seemed: see goes_on(). That was
 * the beginning of what comes now, or still the wait; no time is nobody's. */
static void end_breath(struct timeline_span *s, bool was_new, uint64_t *begin)
{
	if (was_new && s->end < *begin)
		*begin = s->end;
	else if (s->end < *begin)
		s->end = *begin;
}

static struct timeline_span *begin_span(struct timeline *t, uint64_t ms,
					const struct watch_view *v)
{
	struct timeline_span *s;
	uint64_t begin = t->end < ms ? t->end : ms;

	if (t->span_count)
		end_breath(&t->spans[t->span_count - 1], t->breath == v->kind,
			   &begin);
	if (t->span_count == TIMELINE_SPANS) {
		assert(t->spans);
		/* the last one takes what no longer fits */
		t->forgot = true;
		s = &t->spans[t->span_count - 1];
		free_ptr(&s->what);
		begin = s->begin;
	} else {
		t->spans = xgrow(t->spans, &t->span_cap, t->span_count + 1,
				 sizeof(*t->spans));
		s = &t->spans[t->span_count++];
	}
	assert(s);
	t->since = t->end < ms ? t->end : ms;
	s->kind = v->kind;
	s->what = xstrdup(v->what);
	s->begin = begin;
	s->stalled = false;
	free_ptr(&s->advice);
	return s;
}

static void stall(struct timeline_span *s, const struct watch_view *v)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	s->stalled = true;
	watch_advise(v, &text);
	if (text.len)
		s->advice = str_detach(&text);
}

static void sum_up(struct timeline *t, uint64_t ms, const struct watch_view *v)
{
	uint64_t took = ms > t->end ? ms - t->end : 1;
	const struct timeline_point p = {
		.ms = ms,
		.read = v->read * 1000 / took,
		.rss = v->rss,
		.gpu = v->gpu == SAMPLE_UNKNOWN ? 0 : v->gpu,
		.cores = v->cores,
		.connections = v->connections,
	};

	add_point(t, &p);
	t->has_gpu |= v->gpu != SAMPLE_UNKNOWN;
	t->read += v->read;
	t->written += v->written;
	if (p.rss > t->peak_rss)
		t->peak_rss = p.rss;
	if (p.gpu > t->peak_gpu)
		t->peak_gpu = p.gpu;
}

static void redact(struct watch_view *v)
{
	redact_secrets(v->what);
	redact_secrets(v->host);
	redact_secrets(v->why);
	redact_secrets(v->mend);
}

enum timeline_news timeline_add(struct timeline *t, uint64_t ms,
				const struct watch_view *seen)
{
	struct watch_view clean = *seen;
	const struct watch_view *v = &clean;
	struct timeline_span *s = t->span_count ? &t->spans[t->span_count - 1]
						: NULL;
	enum timeline_news news = NEWS_NONE;

	redact(&clean);
	sum_up(t, ms, v);
	if (!s || !goes_on(s, ms, v)) {
		s = begin_span(t, ms, v);
		news = NEWS_STAGE;
	}
	if (s->kind == v->kind) {
		clean.waited = ms - t->since;
		say(s, v);
		s->end = ms;
	} else {
		t->breath = v->kind;
	}
	if (v->kind == WATCH_READ)
		s->bytes += v->read;
	if (v->kind == WATCH_WRITE)
		s->bytes += v->written;
	if (!s->stalled && is_stalled(t, s, ms, v)) {
		clean.kind = s->kind;
		stall(s, &clean);
		news = NEWS_STALL;
	}
	t->end = ms;
	return news;
}

/* --- reports ------------------------------------------------------------------- */

void timeline_text(const struct timeline *t, struct str *out)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];

	str_addf(out, "%s\n", t->title);
	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];

		str_addf(out, "%8s  %7s  %s%s\n", human_time(s->begin, a),
			 human_time(s->end - s->begin, b),
			 s->stalled ? "STALLED: " : "", s->said);
		if (s->advice)
			str_addf(out, "%19s%s\n", "", s->advice);
	}
	str_addf(out, "%s in all", human_time(t->end, a));
	str_addf(out, "; %s read", human_size(t->read, a));
	str_addf(out, ", at most %s of memory", human_size(t->peak_rss, a));
	if (t->has_gpu)
		str_addf(out, ", %s of GPU memory", human_size(t->peak_gpu, a));
	str_addf(out, "%s%s\n", t->outcome ? "; " : "",
		 t->outcome ? t->outcome : "");
}

static void put_span(const struct timeline_span *s, struct json_writer *w)
{
	json_begin_object(w);
	json_put_kv(w, "kind", watch_kind_name(s->kind));
	json_put_kv(w, "what", s->what);
	json_put_kv(w, "text", s->said);
	json_put_kv_u64(w, "begin_ms", s->begin);
	json_put_kv_u64(w, "end_ms", s->end);
	json_put_kv_u64(w, "bytes", s->bytes);
	json_put_kv_bool(w, "stalled", s->stalled);
	if (s->advice)
		json_put_kv(w, "advice", s->advice);
	json_end_object(w);
}

static void put_point(const struct timeline *t, const struct timeline_point *p,
		      struct json_writer *w)
{
	json_begin_object(w);
	json_put_kv_u64(w, "ms", p->ms);
	json_put_kv_u64(w, "read_per_s", p->read);
	json_put_key(w, "cores");
	json_put_double(w, p->cores);
	json_put_kv_u64(w, "rss", p->rss);
	json_put_kv_u64(w, "connections", p->connections);
	if (t->has_gpu)
		json_put_kv_u64(w, "gpu", p->gpu);
	json_end_object(w);
}

void timeline_json(const struct timeline *t, struct json_writer *w)
{
	json_put_kv(w, "title", t->title);
	json_put_kv_u64(w, "ms", t->end);
	json_put_kv_u64(w, "read", t->read);
	json_put_kv_u64(w, "written", t->written);
	json_put_kv_u64(w, "peak_rss", t->peak_rss);
	if (t->has_gpu)
		json_put_kv_u64(w, "peak_gpu", t->peak_gpu);
	if (t->outcome)
		json_put_kv(w, "outcome", t->outcome);
	json_put_key(w, "spans");
	json_begin_array(w);
	for (size_t i = 0; i < t->span_count; i++)
		put_span(&t->spans[i], w);
	json_end_array(w);
	json_put_key(w, "points");
	json_begin_array(w);
	for (size_t i = 0; i < t->point_count; i++)
		put_point(t, &t->points[i], w);
	json_end_array(w);
}
