/* Which CPU this is, asked without LLVM. */
#ifndef JITC_RUNTIME_HOST_CPU_H
#define JITC_RUNTIME_HOST_CPU_H

#include "ir/base/base.h"

/* "GenuineIntel-6-106 avx512": what schedules may be measured for. */
const char *cpu_model(Job *job);
/* All that may decide which code is made for this CPU, and whether it runs: what CPUID tells of instructions,
 * and the registers that the system saves. */
void cpu_identity(Str *s);
#endif
