/*
 * The report as one HTML page: inline style and SVG, no script, nothing from
 * elsewhere. The picture scales with the page; texts stand outside of it, so that
 * nothing overlaps on a narrow screen.
 */
#include "doctor/timeline.h"

#include "base/human.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

#define WIDTH  1000.0
#define HEIGHT 60.0

static const char style[] =
	"body{font:16px/1.45 "
	"system-ui,sans-serif;color:#1d2329;background:#fff;"
	"max-width:64rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}"
	"h1{font-size:1.3rem;margin:0 0 .3rem}h2{font-size:1rem;margin:1.4rem "
	"0 "
	".3rem}code{font-size:.9rem}p{margin:.3rem 0}"
	"svg{display:block;width:100%;height:3.75rem;background:#f3f5f7}"
	"ol{list-style:none;margin:0;padding:0}"
	"li{border-left:.5rem solid #bbb;padding:.35rem .7rem;margin:.35rem 0;"
	"background:#f8f9fa}"
	"li b{font-weight:600}li.bad{background:#fdecea}"
	".t{color:#57606a;font-variant-numeric:tabular-nums}"
	".axis{display:flex;justify-content:space-between;color:#57606a;"
	"font-size:.85rem}"
	".key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem}"
	".key "
	"i{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem;"
	"vertical-align:-.1rem}";

static const char *const colours[WATCH_KINDS] = {
	[WATCH_START] = "#c8ccd0",   [WATCH_READ] = "#2f7dd1",
	[WATCH_WRITE] = "#5b57c9",   [WATCH_COMPUTE] = "#2e9e5b",
	[WATCH_BUILD] = "#8a9a2b",   [WATCH_SERVE] = "#9bd5b0",
	[WATCH_CONNECT] = "#d1392f", [WATCH_NAME] = "#d1602f",
	[WATCH_ANSWER] = "#c98a1b",  [WATCH_LOCK] = "#a32fd1",
	[WATCH_DISK] = "#8d6e63",    [WATCH_SWAP] = "#d12f8f",
	[WATCH_PAUSED] = "#5f6b76",  [WATCH_IDLE] = "#aeb4ba",
};

static const char *const labels[WATCH_KINDS] = {
	[WATCH_START] = "starting",
	[WATCH_READ] = "reading",
	[WATCH_WRITE] = "writing",
	[WATCH_COMPUTE] = "computing",
	[WATCH_BUILD] = "compiling",
	[WATCH_SERVE] = "serving",
	[WATCH_CONNECT] = "no connection",
	[WATCH_NAME] = "no name server",
	[WATCH_ANSWER] = "no answer",
	[WATCH_LOCK] = "locked out",
	[WATCH_DISK] = "disk",
	[WATCH_SWAP] = "short of memory",
	[WATCH_PAUSED] = "paused",
	[WATCH_IDLE] = "asleep",
};

static void escape(struct str *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			str_adds(out, "&lt;");
		else if (*s == '>')
			str_adds(out, "&gt;");
		else if (*s == '&')
			str_adds(out, "&amp;");
		else if (*s == '"')
			str_adds(out, "&quot;");
		else if ((unsigned char)*s < ' ')
			str_addc(out, ' ');
		else
			str_addc(out, *s);
	}
}

static double at(const struct timeline *t, uint64_t ms)
{
	return t->end ? (double)ms * WIDTH / (double)t->end : 0;
}

static void begin_svg(struct str *out, const char *what)
{
	str_addf(out,
		 "<svg viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\" "
		 "role=\"img\" aria-label=\"%s\">",
		 WIDTH, HEIGHT, what);
}

static void put_axis(const struct timeline *t, struct str *out)
{
	char text[HUMAN_MAX];

	str_adds(out, "<div class=\"axis\">");
	for (unsigned i = 0; i <= 4; i++)
		str_addf(out, "<span>%s</span>",
			 human_time(t->end * i / 4, text));
	str_adds(out, "</div>");
}

static void put_stages(const struct timeline *t, struct str *out)
{
	bool seen[WATCH_KINDS] = { false };

	str_adds(out, "<h2>Stages</h2>");
	begin_svg(out, "stages over time");
	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];

		seen[s->kind] = true;
		str_addf(out,
			 "<rect x=\"%.2f\" width=\"%.2f\" height=\"%.0f\" "
			 "fill=\"%s\"><title>",
			 at(t, s->begin), at(t, s->end - s->begin), HEIGHT,
			 colours[s->kind]);
		escape(out, s->said);
		str_adds(out, "</title></rect>");
	}
	str_adds(out, "</svg>");
	put_axis(t, out);
	str_adds(out, "<div class=\"key\">");
	for (int k = 0; k < WATCH_KINDS; k++)
		if (seen[k])
			str_addf(out,
				 "<span><i style=\"background:%s\"></i>%s"
				 "</span>",
				 colours[k], labels[k]);
	str_adds(out, "</div>");
}

enum curve { CURVE_READ, CURVE_CORES, CURVE_RSS, CURVE_GPU, CURVE_NET, CURVES };

static double value_of(const struct timeline_point *p, enum curve c)
{
	const double values[CURVES] = { (double)p->read, p->cores,
					(double)p->rss, (double)p->gpu,
					(double)p->connections };

	return values[c];
}

static void put_peak(enum curve c, double peak, struct str *out)
{
	char text[HUMAN_MAX];

	if (c == CURVE_CORES)
		str_addf(out, "%.1f", peak);
	else if (c == CURVE_NET)
		str_addf(out, "%.0f", peak);
	else
		str_addf(out, "%s%s", human_size((uint64_t)peak, text),
			 c == CURVE_READ ? "/s" : "");
}

static void put_curve(const struct timeline *t, enum curve c, const char *title,
		      struct str *out)
{
	double peak = 0;

	for (size_t i = 0; i < t->point_count; i++)
		if (value_of(&t->points[i], c) > peak)
			peak = value_of(&t->points[i], c);
	str_addf(out, "<h2>%s <span class=\"t\">(up to ", title);
	put_peak(c, peak, out);
	str_adds(out, ")</span></h2>");
	begin_svg(out, title);
	str_addf(out, "<path fill=\"#2f7dd1\" fill-opacity=\".75\" d=\"M0 %.0f",
		 HEIGHT);
	for (size_t i = 0; i < t->point_count; i++) {
		double v = peak > 0 ? value_of(&t->points[i], c) / peak : 0;

		str_addf(out, "L%.2f %.2f", at(t, t->points[i].ms),
			 HEIGHT - v * (HEIGHT - 4));
	}
	str_addf(out, "L%.0f %.0fZ\"/></svg>", WIDTH, HEIGHT);
}

static void put_list(const struct timeline *t, struct str *out)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];

	str_adds(out, "<h2>One after the other</h2><ol>");
	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];

		str_addf(out,
			 "<li%s style=\"border-color:%s\"><span class=\"t\">"
			 "%s, for %s</span><br>%s",
			 s->stalled ? " class=\"bad\"" : "", colours[s->kind],
			 human_time(s->begin, a),
			 human_time(s->end - s->begin, b),
			 s->stalled ? "<b>Stalled:</b> " : "");
		escape(out, s->said);
		if (s->advice) {
			str_adds(out, "<p>");
			escape(out, s->advice);
			str_adds(out, "</p>");
		}
		str_adds(out, "</li>");
	}
	str_adds(out, "</ol>");
	if (t->forgot)
		str_adds(out, "<p>There was more than fits here; the last line "
			      "stands for the rest.</p>");
}

void timeline_html(const struct timeline *t, struct str *out)
{
	char a[HUMAN_MAX], b[HUMAN_MAX], c[HUMAN_MAX];

	str_adds(out,
		 "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
		 "<meta name=\"viewport\" content=\"width=device-width,"
		 "initial-scale=1\"><title>itts-pack: how it "
		 "started</title><style>");
	str_adds(out, style);
	str_adds(out, "</style><h1>How it started</h1><p><code>");
	escape(out, t->title);
	str_addf(out, "</code></p><p>%s in all, %s read, at most %s of memory",
		 human_time(t->end, a), human_size(t->read, b),
		 human_size(t->peak_rss, c));
	if (t->has_gpu)
		str_addf(out, ", %s of GPU memory", human_size(t->peak_gpu, a));
	if (t->outcome) {
		str_adds(out, "; ");
		escape(out, t->outcome);
	}
	str_adds(out, ".</p>");
	put_stages(t, out);
	put_curve(t, CURVE_READ, "Bytes read", out);
	put_curve(t, CURVE_CORES, "Processors in use", out);
	put_curve(t, CURVE_RSS, "Memory", out);
	if (t->has_gpu)
		put_curve(t, CURVE_GPU, "GPU memory", out);
	put_curve(t, CURVE_NET, "Connections", out);
	put_list(t, out);
	str_adds(out, "</html>\n");
}
