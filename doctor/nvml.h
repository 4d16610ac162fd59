/* NVML, the library of the driver, which is there only with one. It may hang or crash:
 * gpu.c has it in a process of its own, which ends without closing it. */
#ifndef ITTS_NVML_H
#define ITTS_NVML_H

#include "doctor/gpu.h"

#define NVML_GPUS 64 /* at most */

struct nvml;
/* NULL: none (problem is ""), or one that does not work (problem says why). */
struct nvml *nvml_open(const char *library, struct gpu_list *out);
/* Cards and who uses them, added to a list. */
void nvml_read(const struct nvml *n, struct gpu_list *out);

#endif
