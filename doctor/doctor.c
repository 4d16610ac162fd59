#include "doctor/doctor.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "doctor/redact.h"
#include "doctor/start.h"
#include "doctor/state.h"

#include <stdarg.h>
#include <string.h>

static void (*const checks[])(struct doctor *d) = {
	check_layout,	   check_files, check_leftovers, check_packages,
	check_machine,	   check_gpu,	check_build,	 check_start,
	check_environment, check_log,	check_online,
};

void diagnosis_release(struct diagnosis *d)
{
	findings_release(&d->findings);
	for (size_t i = 0; i < d->fact_count; i++) {
		free_ptr(&d->facts[i].topic);
		free_ptr(&d->facts[i].text);
	}
	free_ptr(&d->facts);
	for (size_t i = 0; i < d->step_count; i++)
		step_release(&d->steps[i]);
	free_ptr(&d->steps);
	*d = (struct diagnosis){ 0 };
}

void fact_add(struct doctor *d, const char *topic, const char *fmt, ...)
{
	struct diagnosis *o = d->out;
	struct fact *f;
	va_list args;

	o->facts = xgrow(o->facts, &o->fact_cap, o->fact_count + 1,
			 sizeof(*o->facts));
	f = &o->facts[o->fact_count++];
	f->topic = xstrdup(topic);
	va_start(args, fmt);
	f->text = xvasprintf(fmt, args);
	va_end(args);
	redact_secrets(f->text);
}

char *model_path(const struct doctor *d, const char *rel)
{
	return xasprintf("%s/%s", d->in->model_dir, rel);
}

void add_shell(struct str *out, const char *path)
{
	size_t len = strlen(path), n = 1;
	uint32_t cp = 0;
	bool plain = true;

	for (size_t i = 0; i < len && plain; i += n) {
		n = utf8_decode(path + i, len - i, &cp);
		plain = n && !utf8_is_control(cp);
	}
	if (plain) {
		str_add_sh(out, path);
		return;
	}
	str_adds(out, "$'");
	for (const char *p = path; *p; p++)
		if (*p >= ' ' && *p < 0x7f && *p != '\'' && *p != '\\')
			str_addc(out, *p);
		else
			str_addf(out, "\\%03o", (unsigned char)*p);
	str_addc(out, '\'');
}

char *model_command(const struct doctor *d, const char *before,
		    const char *after)
{
	struct str out CLEANUP(str_release) = STR_INIT;
	const char *dir = d->in->model_dir;

	str_adds(&out, before);
	add_shell(&out, dir && *dir ? dir : "MODELDIR");
	str_adds(&out, after);
	return str_detach(&out);
}

void remedy_install(const struct doctor *d, struct finding *f)
{
	char *text CLEANUP(free_ptr) = model_command(
		d, "itts-pack install BUNDLE --model-dir ", "");

	finding_remedy(f, "%s", text);
}

void remedy_link(const struct doctor *d, struct finding *f, const char *from,
		 const char *more, const char *to)
{
	struct str after CLEANUP(str_release) = STR_INIT;
	char *text CLEANUP(free_ptr) = NULL;

	str_adds(&after, " && ln -f ");
	add_shell(&after, from);
	str_addf(&after, "%s ", more);
	add_shell(&after, to);
	text = model_command(d, "itts-pack install BUNDLE --model-dir ",
			     after.ptr);
	finding_remedy(f, "%s", text);
}

void remedy_verify(const struct doctor *d, struct finding *f)
{
	char *text CLEANUP(free_ptr) = model_command(
		d, "itts-pack verify --model-dir ", "");

	finding_remedy(f, "%s", text);
}

void remedy_env(const struct doctor *d, struct finding *f)
{
	char *text CLEANUP(free_ptr) = model_command(
		d, "eval \"$(itts-pack env --model-dir ", ")\"");

	finding_remedy(f, "%s", text);
}

const char *env_get(const struct doctor *d, const char *name)
{
	const char *v = d->in->env.get(d->in->env.ctx, name);

	return v && *v ? v : NULL;
}

static void doctor_release(struct doctor *d)
{
	free_ptr(&d->source);
	for (size_t i = 0; i < d->record_count; i++)
		lock_release(&d->records[i]);
	free_ptr(&d->records);
	packages_release(&d->packages);
	gpu_list_release(&d->gpus);
}

void doctor_run(const struct doctor_input *in, struct diagnosis *out)
{
	struct doctor d CLEANUP(doctor_release) = { .in = in, .out = out };

	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		checks[i](&d);
	findings_sort(&out->findings);
	out->will_start = !out->findings.count ||
			  out->findings.items[0].severity != SEV_ERROR;
}

void foresee(const struct doctor_input *in, bool webui, struct run *r)
{
	struct diagnosis unheard CLEANUP(diagnosis_release) = { 0 };
	struct doctor d CLEANUP(doctor_release) = { .in = in, .out = &unheard };

	check_layout(&d);
	if (d.has_dir && d.family)
		start_simulate(&d, webui, r);
}
