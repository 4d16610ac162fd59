/*
 * safetensors (github.com/huggingface/safetensors, "Format"): u64 LE N, N bytes of
 * JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__"},
 * then the data. The offsets must cover the data without hole or overlap; the
 * library refuses a file where they do not.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/xxh64.h"
#include "doctor/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint64_t begin, end;
	uint64_t name; /* hash of it */
};

struct ranges {
	struct range *items;
	size_t count, cap;
};

static void ranges_release(struct ranges *r)
{
	free_ptr(&r->items);
}

static const struct dtype {
	const char *name;
	unsigned bytes;
} dtypes[] = {
	{ "BOOL", 1 },	  { "U8", 1 },	    { "I8", 1 },  { "F8_E5M2", 1 },
	{ "F8_E4M3", 1 }, { "F8_E8M0", 1 }, { "I16", 2 }, { "U16", 2 },
	{ "F16", 2 },	  { "BF16", 2 },    { "I32", 4 }, { "U32", 4 },
	{ "F32", 4 },	  { "F64", 8 },	    { "I64", 8 }, { "U64", 8 },
	{ "C64", 8 },
};

static unsigned dtype_bytes(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(dtypes); i++)
		if (strcmp(dtypes[i].name, name) == 0)
			return dtypes[i].bytes;
	return 0; /* a newer one */
}

/* Numbers of an array; more than max of them: false. */
static bool numbers(const struct json *array, uint64_t *out, size_t max,
		    size_t *count)
{
	*count = 0;
	if (!json_is_array(array))
		return false;
	for (const struct json *n = json_first(array); n; n = json_next(n)) {
		if (*count == max || !json_u64(n, &out[*count]))
			return false;
		(*count)++;
	}
	return true;
}

static int product(const uint64_t *shape, size_t dims, uint64_t *out)
{
	*out = 1;
	for (size_t i = 0; i < dims; i++)
		if (__builtin_mul_overflow(*out, shape[i], out))
			return -1;
	return 0;
}

static uint64_t hash_of(const char *name)
{
	struct xxh64 x;

	xxh64_begin(&x, 0);
	xxh64_update(&x, name, strlen(name));
	return xxh64_end(&x);
}

static int take_tensor(const char *name, const struct json *t,
		       struct ranges *all, struct weights *out,
		       struct error *err)
{
	uint64_t shape[16], offset[2], params, want;
	const char *dtype;
	unsigned bytes;
	size_t dims, n;
	struct range *r;

	if (json_get_string(t, "dtype", &dtype, name, err))
		return -1;
	if (!numbers(json_member(t, "shape"), shape, 16, &dims) ||
	    product(shape, dims, &params))
		return err_set(err, ERR_FORMAT, "tensor %s: odd shape", name);
	if (!numbers(json_member(t, "data_offsets"), offset, 2, &n) || n != 2 ||
	    offset[0] > offset[1])
		return err_set(err, ERR_FORMAT, "tensor %s: odd offsets", name);
	bytes = dtype_bytes(dtype);
	if (bytes && (__builtin_mul_overflow(params, bytes, &want) ||
		      want != offset[1] - offset[0]))
		return err_set(err, ERR_FORMAT,
			       "tensor %s: shape and offsets differ", name);
	all->items = xgrow(all->items, &all->cap, all->count + 1,
			   sizeof(*all->items));
	r = &all->items[all->count++];
	*r = (struct range){ offset[0], offset[1], hash_of(name) };
	if (__builtin_add_overflow(out->params, params, &out->params))
		return err_set(err, ERR_FORMAT, "too many parameters");
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->name < y->name ? -1 : x->name > y->name;
}

/* The library keeps the last of two: a hole is where the first was. */
static int check_twins(struct ranges *all, struct error *err)
{
	if (all->count)
		qsort(all->items, all->count, sizeof(*all->items), by_name);
	for (size_t i = 1; i < all->count; i++)
		if (all->items[i].name == all->items[i - 1].name)
			return err_set(err, ERR_FORMAT,
				       "a tensor is named twice");
	return 0;
}

static int check_cover(struct ranges *all, uint64_t data_len,
		       struct weights *out, struct error *err)
{
	uint64_t at = 0;

	if (all->count)
		qsort(all->items, all->count, sizeof(*all->items), by_begin);
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].begin != at)
			return err_set(err, ERR_FORMAT,
				       "a hole or overlap at byte %llu of the "
				       "data",
				       (unsigned long long)at);
		at = all->items[i].end;
	}
	out->tensors = all->count;
	out->bytes = at;
	if (at != data_len)
		return err_set(err, ERR_INTEGRITY,
			       "%llu bytes of weights, the header names %llu",
			       (unsigned long long)data_len,
			       (unsigned long long)at);
	return 0;
}

int safetensors_parse(const char *header, size_t len, uint64_t data_len,
		      struct weights *out, struct error *err)
{
	struct ranges all CLEANUP(ranges_release) = { 0 };
	struct json_reader r;
	int more;

	*out = (struct weights){ 0 };
	json_reader_init(&r, header, len);
	if (json_enter_object(&r, err))
		return -1;
	for (;;) {
		struct json *value CLEANUP(json_free) = NULL;
		char *key CLEANUP(free_ptr) = NULL;

		more = json_next_key(&r, &key, err);
		if (more < 0 || (more && json_read_value(&r, &value, err)))
			return -1;
		if (!more)
			break;
		if (strcmp(key, "__metadata__") != 0 &&
		    take_tensor(key, value, &all, out, err))
			return -1;
	}
	if (json_reader_end(&r, err) || check_twins(&all, err))
		return -1;
	return check_cover(&all, data_len, out, err);
}

static uint64_t le64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static int refuse(char *says, const char *word, const char *why,
		  struct error *err)
{
	snprintf(says, WEIGHTS_SAYS_MAX, "Error while deserializing header: %s",
		 word);
	return err_set(err, ERR_FORMAT, "%s", why);
}

int safetensors_read(int fd, uint64_t size, struct weights *out,
		     char says[WEIGHTS_SAYS_MAX], struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	unsigned char head[8];
	uint64_t n;
	size_t got;

	says[0] = '\0';
	if (file_pread_full(fd, head, sizeof(head), 0, &got, "header", err))
		return -1;
	if (size < 8 || got < 8)
		return refuse(says, "HeaderTooSmall", "shorter than 8 bytes",
			      err);
	n = le64(head);
	if (n > SAFETENSORS_HEADER_MAX)
		return refuse(says, "HeaderTooLarge",
			      "does not begin as safetensors do", err);
	if (n > size - 8)
		return refuse(says, "InvalidHeaderLength",
			      "ends within its header", err);
	if (n > SAFETENSORS_HEADER_OUR)
		return err_set(err, ERR_OTHER,
			       "a header of %llu bytes is not read here",
			       (unsigned long long)n);
	str_fill(&text, ' ', (size_t)n);
	if (file_pread_full(fd, text.ptr, (size_t)n, 8, &got, "header", err))
		return -1;
	if (safetensors_parse(text.ptr, got, size - 8 - n, out, err) == 0)
		return 0;
	snprintf(says, WEIGHTS_SAYS_MAX, "Error while deserializing header: %s",
		 err->code == ERR_INTEGRITY ? "MetadataIncompleteBuffer"
					    : "InvalidHeaderDeserialization");
	return -1;
}
