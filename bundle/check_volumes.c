#include "bundle/check_volumes.h"

#include "base/mem.h"
#include "cache/hashrun.h"

void check_volumes_there(struct check_run *run)
{
	const struct volumes *v = run->s->volumes;

	for (size_t i = 0; i < v->card.count; i++) {
		const struct volume *one = &v->card.volumes[i];

		if (v->states[i] != VOLUME_HERE)
			verify_report_add(run->out,
					  v->states[i] == VOLUME_WRONG_SIZE
						  ? VERIFY_WRONG_SIZE
						  : VERIFY_MISSING,
					  run->s->name, one->file, one->size,
					  NULL);
	}
}

static int open_volume(void *ctx, const struct hash_task *t, int *fd,
		       uint64_t *offset, struct error *err)
{
	const struct volumes *v = ctx;
	const struct volume *one = t->item;

	*offset = 0;
	return volumes_open_one(v, (size_t)(one - v->card.volumes), fd, err);
}

static void judge(struct check_run *run, const struct hash_task *t)
{
	if (t->got.alg == DIGEST_NONE)
		verify_report_add(run->out, VERIFY_UNREADABLE, run->s->name,
				  t->name, t->size, NULL);
	else if (!digest_equal(&t->got, &t->want))
		verify_report_add(run->out, VERIFY_WRONG_DIGEST, run->s->name,
				  t->name, t->size,
				  "copy this volume again, it is damaged or of "
				  "another set");
}

int check_volumes(struct check_run *run, struct error *err)
{
	struct volumes *v = run->s->volumes;
	struct hash_task *tasks CLEANUP(free_ptr) = xcalloc(v->card.count,
							    sizeof(*tasks));
	struct hash_run job = { .tasks = tasks,
				.threads = run->o->threads,
				.open = open_volume,
				.ctx = v,
				.cancel = run->o->cancel,
				.sink = run->o->sink,
				.phase = "finding the damaged volumes" };

	for (size_t i = 0; i < v->card.count; i++) {
		const struct volume *one = &v->card.volumes[i];

		if (v->states[i] == VOLUME_HERE)
			tasks[job.count++] =
				(struct hash_task){ .item = one,
						    .name = one->file,
						    .size = one->size,
						    .want = one->sha256 };
	}
	if (hash_run(&job, err))
		return -1;
	for (size_t i = 0; i < job.count; i++)
		judge(run, &tasks[i]);
	return 0;
}
