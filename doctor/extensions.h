/* Where torch builds what programs load with torch.utils.cpp_extension. */
#ifndef ITTS_EXTENSIONS_H
#define ITTS_EXTENSIONS_H

#include "base/str.h"
#include "doctor/doctor.h"

/* The files named "lock" there, appended; paths as env->expand() makes them. */
void extensions_locks(const struct doctor_env *env, struct strlist *out);

#endif
