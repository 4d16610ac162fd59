#include "base/human.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char units[] = "KMGTPE";

char *human_size(uint64_t bytes, char out[HUMAN_MAX])
{
	double value = (double)bytes / 1024;
	unsigned hundredths;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, HUMAN_MAX, "%u B", (unsigned)bytes);
		return out;
	}
	/* 1023.995 would be printed as 1024.00 */
	while (value >= 1023.995) {
		value /= 1024;
		unit++;
	}
	hundredths = (unsigned)(value * 100 + 0.5);
	snprintf(out, HUMAN_MAX, "%u.%02u %ciB", hundredths / 100,
		 hundredths % 100, units[unit]);
	return out;
}

char *human_time(uint64_t ms, char out[HUMAN_MAX])
{
	uint64_t s = ms / 1000;
	unsigned minutes = (unsigned)(s / 60 % 60),
		 seconds = (unsigned)(s % 60);

	if (s >= 3600)
		snprintf(out, HUMAN_MAX, "%" PRIu64 ":%02u:%02u", s / 3600,
			 minutes, seconds);
	else
		snprintf(out, HUMAN_MAX, "%u:%02u", minutes, seconds);
	return out;
}

const char *human_plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* "K", "KiB": 1024, "KB": 1000; "", "B": 1. false: no unit. */
static bool parse_unit(const char *p, uint64_t *factor)
{
	const char *unit = *p ? strchr(units, toupper((unsigned char)*p))
			      : NULL;
	uint64_t base = 1024;

	*factor = 1;
	if (!strcmp(p, "") || !strcmp(p, "B"))
		return true;
	if (!unit)
		return false;
	p++;
	if (!strcmp(p, "B") || !strcmp(p, "b"))
		base = 1000;
	else if (strcmp(p, "") != 0 && strcmp(p, "iB") != 0)
		return false;
	for (const char *u = units; u <= unit; u++)
		*factor *= base;
	return true;
}

/* Decimal digits at *p; false if there is none or they are too many. */
static bool parse_digits(const char **p, uint64_t *value, uint64_t *scale)
{
	const char *begin = *p;

	*value = 0;
	*scale = 1;
	for (; isdigit((unsigned char)**p); ++*p) {
		if (*p - begin >= 18)
			return false;
		*value = *value * 10 + (uint64_t)(**p - '0');
		*scale *= 10;
	}
	return *p > begin;
}

int human_parse_size(const char *text, uint64_t *bytes, struct error *err)
{
	uint64_t whole, fraction = 0, scale = 1, factor;
	const char *p = text;
	unsigned __int128 total;
	bool good = parse_digits(&p, &whole, &scale);

	if (good && *p == '.') {
		p++;
		good = parse_digits(&p, &fraction, &scale);
	} else {
		scale = 1;
	}
	if (good && *p == ' ')
		p++;
	if (!good || !parse_unit(p, &factor) || (scale > 1 && factor == 1))
		return err_set(err, ERR_USAGE,
			       "\"%s\" is no size: write 500, 64K, 1.5G or 2GB",
			       text);
	total = (unsigned __int128)whole * factor +
		(unsigned __int128)fraction * factor / scale;
	if (total > UINT64_MAX / 2)
		return err_set(err, ERR_USAGE, "size \"%s\" is too large",
			       text);
	*bytes = (uint64_t)total;
	return 0;
}

int human_parse_time(const char *text, uint64_t *seconds, struct error *err)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} factors[] = { { 's', 1 },
			{ 'm', 60 },
			{ 'h', 3600 },
			{ 'd', 86400 },
			{ 'w', 604800 } };
	uint64_t value, scale, factor = *text ? 1 : 0;
	const char *p = text;
	bool good = parse_digits(&p, &value, &scale);

	if (good && *p) {
		factor = 0;
		for (size_t i = 0; i < ARRAY_LEN(factors); i++)
			if (*p == factors[i].letter && !p[1])
				factor = factors[i].seconds;
	}
	if (!good || !factor)
		return err_set(err, ERR_USAGE,
			       "\"%s\" is no time: write 90, 30m, 2h or 7d",
			       text);
	if (value > UINT64_MAX / 2 / factor)
		return err_set(err, ERR_USAGE, "time \"%s\" is too long", text);
	*seconds = value * factor;
	return 0;
}

char *human_ago(uint64_t seconds, char out[HUMAN_MAX])
{
	static const struct {
		uint64_t from, unit;
		const char *name;
	} steps[] = { { 730 * 86400ull, 365 * 86400ull, "years" },
		      { 60 * 86400ull, 30 * 86400ull, "months" },
		      { 2 * 86400ull, 86400, "days" },
		      { 2 * 3600ull, 3600, "hours" },
		      { 120, 60, "minutes" },
		      { 5, 1, "seconds" } };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (seconds >= steps[i].from) {
			snprintf(out, HUMAN_MAX, "%" PRIu64 " %s",
				 seconds / steps[i].unit, steps[i].name);
			return out;
		}
	snprintf(out, HUMAN_MAX, "now");
	return out;
}
