/* Any bytes as a log: a step of the table, at most one rule, texts within limits. */
#include "base/attr.h"
#include "base/error.h"
#include "doctor/logscan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_table t CLEANUP(log_table_release) = { 0 };
	struct log_scan s CLEANUP(log_scan_release) = LOG_SCAN_INIT;
	struct error err = { 0 };

	if (log_table_load(&t, &err) != 0)
		abort();
	log_scan(&t, (const char *)data, size, &s);
	if (s.stage >= t.stage_count || s.text.len > (128u << 10) ||
	    s.last.len > 4096 || strlen(s.text.ptr) != s.text.len ||
	    s.lines > size + 1)
		abort();
	if (s.rule && (s.rule < t.rules || s.rule >= t.rules + t.rule_count))
		abort();
	return 0;
}
