/* "key: value" lines of a config.yaml: enough to find paths, no YAML parser. */
#ifndef ITTS_YAMLSCAN_H
#define ITTS_YAMLSCAN_H

#include <stdbool.h>
#include <stddef.h>

struct yaml_line {
	unsigned number;
	char key[64], value[512]; /* without quotes, blanks and comments */
};
struct yaml_scan {
	const char *p, *end;
	unsigned number;
};
void yaml_scan_init(struct yaml_scan *s, const char *text, size_t len);
/* The next line that has a key and a value of its own; false at the end. */
bool yaml_scan_next(struct yaml_scan *s, struct yaml_line *out);
/* "/...", "C:\...", "\\...", "~/...": leads out of the model directory. */
bool yaml_is_absolute(const char *value);

#endif
