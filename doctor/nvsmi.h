/* nvidia-smi, where the driver's library cannot be had. */
#ifndef ITTS_NVSMI_H
#define ITTS_NVSMI_H

#include "doctor/gpu.h"

/* path: PATH. Adds nothing if it is not there or does not answer within 5 s. */
void nvsmi_read(const char *path, struct gpu_list *out);

#endif
