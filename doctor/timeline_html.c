/*
 * The report as one HTML page: inline style and SVG, no script, nothing from
 * elsewhere. The pictures scale with the page; texts stand outside of them, so that
 * nothing overlaps on a narrow screen.
 */
#include "doctor/timeline.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of a picture, in its own units. */
#define WIDTH  1000.0
#define HEIGHT 60.0
/* As little as can be seen: a pixel of a telephone. */
#define LEAST 3.0
#define MARK  8.0 /* above what stands still */
/* So many labels have room below a picture of 350 pixels. */
#define TICKS 4

/* Whoever changes it looks at it (tests/e2e/0333): wide, narrow, dark, on paper. */
static const char style[] =
	":root{color-scheme:light;--ink:#1d2329;--dim:#57606a;--paper:#fff;"
	"--box:#f3f5f7;--bad:#fdecea;--edge:#d1392f;--curve:#2f7dd1;"
	"--grid:#d3d9df}"
	"@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;"
	"--ink:#e6e9ed;--dim:#a0aab4;--paper:#14171b;--box:#21262c;"
	"--bad:#43211f;--edge:#f0776e;--curve:#5aa2ee;--grid:#3a424b}}"
	"body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);"
	"background:var(--paper);max-width:64rem;margin:0 auto;padding:1rem;"
	"overflow-wrap:anywhere}"
	"h1{font-size:1.4rem;margin:0 0 .5rem}"
	"h2{font-size:1rem;margin:1rem 0 .3rem}"
	"h2 span,.t,footer,dt{color:var(--dim)}h2 span{font-weight:400}"
	"p{margin:.3rem 0}"
	"pre{font-size:.9rem;white-space:pre-wrap;background:var(--box);"
	"margin:0;padding:.5rem .7rem}"
	"dl{display:flex;flex-wrap:wrap;gap:.6rem 2rem;margin:1rem 0}"
	"dt{font-size:.85rem}dd{margin:0;font-weight:600}"
	"svg{display:block;width:100%;height:3.75rem;background:var(--box)}"
	"svg path{vector-effect:non-scaling-stroke;stroke-width:1px}"
	".r{stroke:var(--paper);vector-effect:non-scaling-stroke}"
	".g{fill:none;stroke:var(--grid)}"
	".c{fill:var(--curve);fill-opacity:.5;stroke:var(--curve)}"
	".m{fill:var(--ink);background:var(--ink)}"
	".axis{position:relative;height:1.4rem;font-size:.85rem;"
	"color:var(--dim)}"
	".axis span{position:absolute;transform:translateX(-50%);"
	"white-space:nowrap}"
	".axis .a{transform:none}.axis .z{transform:translateX(-100%)}"
	".key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem}"
	".key i{display:inline-block;width:.8rem;height:.8rem;"
	"margin-right:.3rem;vertical-align:-.1rem}"
	"ol{list-style:none;margin:0;padding:0}"
	"li,.bad{background:var(--box);padding:.35rem .7rem .45rem;"
	"margin:.35rem 0}"
	"li{border-left:.5rem solid;display:grid;gap:0 1rem;"
	"grid-template-columns:5.8rem 7.2rem minmax(0,1fr)}"
	"li.bad,.bad{background:var(--bad)}"
	"div.bad{border-left:.5rem solid var(--edge)}"
	".t{font-variant-numeric:tabular-nums}.t,.n{white-space:nowrap}"
	".w{grid-column:1/-1;position:relative;height:.2rem;margin-top:.35rem;"
	"background:var(--grid)}.w i{position:absolute;top:0;bottom:0}"
	"footer{font-size:.85rem;margin-top:1.5rem}"
	"@media(max-width:40rem){li{grid-template-columns:auto minmax(0,1fr)}"
	"li>div{grid-column:1/-1}}"
	"@media print{body{max-width:none;padding:0;font-size:11pt}"
	"*{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
	"li,svg,.bad,dl{break-inside:avoid}h2{break-after:avoid}}";

static const char *const colours[WATCH_KINDS] = {
	[WATCH_START] = "#b4bac1",   [WATCH_READ] = "#2f7dd1",
	[WATCH_WRITE] = "#7672e6",   [WATCH_COMPUTE] = "#2e9e5b",
	[WATCH_BUILD] = "#8a9a2b",   [WATCH_SERVE] = "#73cc9a",
	[WATCH_RECEIVE] = "#39a7b8", [WATCH_CLOSED] = "#b0553a",
	[WATCH_REFUSED] = "#a3243b", [WATCH_CONNECT] = "#d1392f",
	[WATCH_NAME] = "#e0703c",    [WATCH_ANSWER] = "#c98a1b",
	[WATCH_LOCK] = "#a94bd6",    [WATCH_DISK] = "#9c7b6f",
	[WATCH_SWAP] = "#d12f8f",    [WATCH_PAUSED] = "#6f7c88",
	[WATCH_IDLE] = "#939ca5",
};

static const char *const labels[WATCH_KINDS] = {
	[WATCH_START] = "starting",	  [WATCH_READ] = "reading",
	[WATCH_WRITE] = "writing",	  [WATCH_COMPUTE] = "computing",
	[WATCH_BUILD] = "compiling",	  [WATCH_RECEIVE] = "receiving",
	[WATCH_SERVE] = "serving",	  [WATCH_CONNECT] = "no connection",
	[WATCH_NAME] = "no name server",  [WATCH_ANSWER] = "no answer",
	[WATCH_REFUSED] = "asks in vain", [WATCH_CLOSED] = "connection lost",
	[WATCH_LOCK] = "locked out",	  [WATCH_DISK] = "disk",
	[WATCH_SWAP] = "short of memory", [WATCH_PAUSED] = "paused",
	[WATCH_IDLE] = "asleep",
};

static void escape_char(struct str *out, char c)
{
	if (c == '<')
		str_adds(out, "&lt;");
	else if (c == '>')
		str_adds(out, "&gt;");
	else if (c == '&')
		str_adds(out, "&amp;");
	else if (c == '"')
		str_adds(out, "&quot;");
	else
		str_addc(out, c);
}

/* A name may have any byte: what would steer the page or the reading order is shown as
 * '?', but not the line ends and tabs that a command may have. */
static void escape(struct str *out, const char *s)
{
	struct str part CLEANUP(str_release) = STR_INIT;

	while (*s) {
		size_t len = strcspn(s, "\n\t");

		str_clear(&part);
		str_add(&part, s, len);
		if (len)
			utf8_make_printable(part.ptr);
		for (const char *p = len ? part.ptr : ""; *p; p++)
			escape_char(out, *p);
		s += len;
		if (*s)
			str_addc(out, *s++);
	}
}

/* --- times ----------------------------------------------------------------------- */

/* "0.3 s", "41 s", "2:10 min", "1:02:03 h" */
static void put_time(uint64_t ms, struct str *out)
{
	char text[HUMAN_MAX];

	if (!ms)
		str_adds(out, "0 s");
	else if (ms < 10000)
		str_addf(out, "%.1f s", (double)ms / 1000);
	else if (ms < 60000)
		str_addf(out, "%" PRIu64 " s", ms / 1000);
	else
		str_addf(out, "%s %s", human_time(ms, text),
			 ms < 3600000 ? "min" : "h");
}

static double at(const struct timeline *t, uint64_t ms)
{
	return (double)ms * WIDTH / (double)t->end;
}

/* ms between two lines of the grid: round numbers. */
static uint64_t step_of(const struct timeline *t)
{
	static const uint64_t steps[] = {
		100,	 200,	  500,	   1000,     2000,     5000,	10000,
		15000,	 30000,	  60000,   120000,   300000,   600000,	900000,
		1800000, 3600000, 7200000, 21600000, 43200000, 86400000
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (t->end / steps[i] <= TICKS)
			return steps[i];
	return t->end / TICKS;
}

/* Short: "0.5 s", "30 s", "1:30" (minutes), "1:30 h". */
static void put_tick(uint64_t ms, uint64_t end, struct str *out)
{
	char text[HUMAN_MAX];

	if (!ms)
		str_addc(out, '0');
	else if (end < 60000)
		str_addf(out, "%.*f s", ms % 1000 ? 1 : 0, (double)ms / 1000);
	else if (end < 3600000)
		str_adds(out, human_time(ms, text));
	else
		str_addf(out, "%" PRIu64 ":%02" PRIu64 " h", ms / 3600000,
			 ms / 60000 % 60);
}

static void put_axis(const struct timeline *t, struct str *out)
{
	uint64_t step = step_of(t);

	str_adds(out, "<div class=\"axis\">");
	for (uint64_t ms = 0; ms <= t->end; ms += step) {
		double x = at(t, ms) / WIDTH * 100;

		str_addf(out, "<span%s style=\"left:%.2f%%\">",
			 x < 5	  ? " class=\"a\""
			 : x > 92 ? " class=\"z\""
				  : "",
			 x);
		put_tick(ms, t->end, out);
		str_adds(out, "</span>");
	}
	str_adds(out, "</div>");
}

/* --- pictures -------------------------------------------------------------------- */

static void begin_svg(const struct timeline *t, const char *what,
		      struct str *out)
{
	uint64_t step = step_of(t);

	str_addf(out,
		 "<svg viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\" "
		 "role=\"img\" aria-label=\"%s\"><path class=\"g\" d=\"M0 0",
		 WIDTH, HEIGHT, what);
	for (uint64_t ms = step; ms < t->end; ms += step)
		str_addf(out, "M%.1f 0V%.0f", at(t, ms), HEIGHT);
	str_adds(out, "\"/>");
}

static void put_rect(double x, double width, double height, const char *how,
		     const char *title, struct str *out)
{
	if (x + width > WIDTH)
		x = WIDTH - width;
	str_addf(out, "<rect x=\"%.2f\" width=\"%.2f\" height=\"%.0f\" %s>", x,
		 width, height, how);
	if (title) {
		str_adds(out, "<title>");
		escape(out, title);
		str_adds(out, "</title>");
	}
	str_adds(out, "</rect>");
}

/* The short ones last and wide enough to be seen: else the next would cover them. */
static void put_rects(const struct timeline *t, bool is_short, struct str *out)
{
	char how[64];

	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];
		double width = at(t, s->end - s->begin);

		if ((width < LEAST) != is_short)
			continue;
		snprintf(how, sizeof(how), "%sfill=\"%s\"",
			 width > 3 * LEAST ? "class=\"r\" " : "",
			 colours[s->kind]);
		put_rect(at(t, s->begin), width < LEAST ? LEAST : width, HEIGHT,
			 how, s->said, out);
	}
}

static void put_key(const struct timeline *t, struct str *out)
{
	bool seen[WATCH_KINDS] = { false }, stalled = false;

	for (size_t i = 0; i < t->span_count; i++) {
		seen[t->spans[i].kind] = true;
		stalled |= t->spans[i].stalled;
	}
	str_adds(out, "<div class=\"key\">");
	for (int k = 0; k < WATCH_KINDS; k++)
		if (seen[k])
			str_addf(out,
				 "<span><i style=\"background:%s\"></i>%s"
				 "</span>",
				 colours[k], labels[k]);
	if (stalled) {
		str_adds(out, "<span><i class=\"m\"></i>stalled: nothing moved "
			      "for ");
		put_time(t->patience, out);
		str_adds(out, " or more</span>");
	}
	str_adds(out, "</div>");
}

static void put_stages(const struct timeline *t, struct str *out)
{
	str_adds(out, "<h2>Stages</h2>");
	begin_svg(t, "stages over time", out);
	put_rects(t, false, out);
	put_rects(t, true, out);
	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];
		double width = at(t, s->end - s->begin);

		if (s->stalled)
			put_rect(at(t, s->begin), width < LEAST ? LEAST : width,
				 MARK, "class=\"m\"", NULL, out);
	}
	str_adds(out, "</svg>");
	put_axis(t, out);
	put_key(t, out);
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

	if (peak <= 0)
		str_adds(out, "none");
	else if (c == CURVE_CORES)
		str_addf(out, "up to %.*f", peak < 0.1 ? 2 : 1, peak);
	else if (c == CURVE_NET)
		str_addf(out, "up to %.0f", peak);
	else
		str_addf(out, "up to %s%s", human_size((uint64_t)peak, text),
			 c == CURVE_READ ? "/s" : "");
}

/* In steps: a point is what was between it and the one before. */
static void put_curve(const struct timeline *t, enum curve c, const char *title,
		      struct str *out)
{
	double peak = 0;

	for (size_t i = 0; i < t->point_count; i++)
		if (value_of(&t->points[i], c) > peak)
			peak = value_of(&t->points[i], c);
	str_addf(out, "<h2>%s <span>(", title);
	put_peak(c, peak, out);
	str_adds(out, ")</span></h2>");
	if (peak <= 0)
		return;
	begin_svg(t, title, out);
	str_addf(out, "<path class=\"c\" d=\"M0 %.0f", HEIGHT);
	for (size_t i = 0; i < t->point_count; i++)
		str_addf(out, "V%.1fH%.1f",
			 HEIGHT - value_of(&t->points[i], c) / peak *
					  (HEIGHT - 4),
			 at(t, t->points[i].ms));
	str_addf(out, "V%.0fZ\"/></svg>", HEIGHT);
	put_axis(t, out);
}

static void put_curves(const struct timeline *t, struct str *out)
{
	put_curve(t, CURVE_READ, "Bytes read", out);
	put_curve(t, CURVE_CORES, "Processors in use", out);
	put_curve(t, CURVE_RSS, "Memory", out);
	if (t->has_gpu)
		put_curve(t, CURVE_GPU, "GPU memory", out);
	else
		str_adds(out, "<h2>GPU memory <span>(no NVIDIA driver tells "
			      "it here)</span></h2>");
	put_curve(t, CURVE_NET, "Network connections", out);
}

/* --- texts ----------------------------------------------------------------------- */

static void begin_fact(const char *name, struct str *out)
{
	str_addf(out, "<div><dt>%s</dt><dd>", name);
}

static void put_size(const char *name, uint64_t bytes, struct str *out)
{
	char text[HUMAN_MAX];

	begin_fact(name, out);
	str_addf(out, "%s</dd></div>", human_size(bytes, text));
}

static void put_facts(const struct timeline *t, struct str *out)
{
	str_adds(out, "<dl>");
	if (t->outcome) {
		begin_fact("how it went", out);
		escape(out, t->outcome);
		str_adds(out, "</dd></div>");
	}
	begin_fact("time in all", out);
	put_time(t->end, out);
	str_adds(out, "</dd></div>");
	put_size("read", t->read, out);
	put_size("written", t->written, out);
	put_size("memory at most", t->peak_rss, out);
	if (t->has_gpu)
		put_size("GPU memory at most", t->peak_gpu, out);
	str_adds(out, "</dl>");
}

/* An option stays in one piece: "--" at the end of a line means something else. */
static void put_advice(const struct timeline_span *s, struct str *out)
{
	struct str word CLEANUP(str_release) = STR_INIT;

	if (!s->advice)
		return;
	str_adds(out, "<p>");
	for (const char *p = s->advice; *p;) {
		size_t len = strcspn(p, " ");
		bool is_option = len > 2 && !strncmp(p, "--", 2);

		len += p[len] == ' ';
		str_clear(&word);
		str_add(&word, p, len);
		str_adds(out, is_option ? "<span class=\"n\">" : "");
		escape(out, word.ptr);
		str_adds(out, is_option ? "</span>" : "");
		p += len;
	}
	str_adds(out, "</p>");
}

/* What most people open the page for comes first. */
static void put_worst(const struct timeline *t, struct str *out)
{
	const struct timeline_span *worst = NULL;
	unsigned others = 0;

	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];

		if (!s->stalled)
			continue;
		others += worst != NULL;
		if (!worst || s->end - s->begin > worst->end - worst->begin)
			worst = s;
	}
	if (!worst)
		return;
	str_adds(out, "<div class=\"bad\"><b>Nothing moved for ");
	put_time(worst->end - worst->begin, out);
	str_adds(out, ":</b> ");
	escape(out, worst->said);
	put_advice(worst, out);
	if (others)
		str_addf(out,
			 "<p>It stood still %u more time%s, see below.</p>",
			 others, others == 1 ? "" : "s");
	str_adds(out, "</div>");
}

/* Its line: when in the whole. */
static void put_bar(const struct timeline *t, const struct timeline_span *s,
		    struct str *out)
{
	if (t->end)
		str_addf(out,
			 "<div class=\"w\"><i style=\"background:%s;"
			 "left:min(100%% - 2px,%.2f%%);width:max(2px,%.2f%%)\">"
			 "</i></div>",
			 colours[s->kind], at(t, s->begin) / WIDTH * 100,
			 at(t, s->end - s->begin) / WIDTH * 100);
}

static void put_list(const struct timeline *t, struct str *out)
{
	if (!t->span_count)
		return;
	str_adds(out, "<h2>One after the other</h2><ol>");
	for (size_t i = 0; i < t->span_count; i++) {
		const struct timeline_span *s = &t->spans[i];

		str_addf(out,
			 "<li%s style=\"border-color:%s\"><span class=\"t\">",
			 s->stalled ? " class=\"bad\"" : "", colours[s->kind]);
		put_time(s->begin, out);
		str_adds(out, "</span> <span class=\"t\">for ");
		put_time(s->end - s->begin, out);
		str_addf(out, "</span> <div>%s",
			 s->stalled ? "<b>Stalled:</b> " : "");
		escape(out, s->said);
		put_advice(s, out);
		str_adds(out, "</div>");
		put_bar(t, s, out);
		str_adds(out, "</li>");
	}
	str_adds(out, "</ol>");
	if (t->forgot)
		str_adds(out, "<p>There was more than fits here; the last line "
			      "stands for the rest.</p>");
}

void timeline_html(const struct timeline *t, struct str *out)
{
	/* the browser is told as well that nothing is fetched and nothing runs */
	str_adds(out,
		 "<!doctype html><html lang=\"en\"><head>"
		 "<meta charset=\"utf-8\">"
		 "<meta http-equiv=\"Content-Security-Policy\" "
		 "content=\"default-src 'none';style-src 'unsafe-inline'\">"
		 "<meta name=\"viewport\" content=\"width=device-width,"
		 "initial-scale=1\"><title>itts-pack: how it "
		 "started</title><style>");
	str_adds(out, style);
	str_adds(out, "</style></head><body><h1>How it started</h1><pre>");
	escape(out, t->title);
	str_adds(out, "</pre>");
	put_facts(t, out);
	put_worst(t, out);
	if (t->end) {
		put_stages(t, out);
		put_curves(t, out);
	} else {
		str_adds(out, "<p>It was over before it could be looked at "
			      "twice.</p>");
	}
	put_list(t, out);
	str_adds(out, "<footer>Written by itts-pack " ITTS_VERSION
		      ". Access tokens and passwords are blanked out (***); "
		      "paths, hosts and the command stand here as they were. "
		      "This page runs no script and needs no network."
		      "</footer></body></html>\n");
}
