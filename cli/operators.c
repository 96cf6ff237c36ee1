/* Libraries of custom operators: --op-library. */
#include <dlfcn.h>

#include "cli/cli.h"
#include "runtime/custom.h"

/* A name without a slash is a file here, not one of the system's libraries. It stays open. */
static void open_library(Options *o, const char *path)
{
    if (!strchr(path, '/')) path = job_printf(o->job, "./%s", path);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        job_error(o->job, "--op-library: %s", dlerror());
        job_fail(o->job, JITC_E_IO);
    }
    jitc_ops_fn *entry;
    *(void **)&entry = dlsym(library, JITC_OPS_ENTRY);
    if (!entry)
        usage_error(o->job, "--op-library '%s': it has no function " JITC_OPS_ENTRY "(); see jitc/op.h",
                    path);
    size_t n = 0;
    const jitc_op *const *ops = entry(&n);
    for (size_t i = 0; i < n; i++) vec_push(o->job, &o->ops, ops[i]);
}

void operators_load(Options *o)
{
    if (o->custom || !o->op_libraries.n) return;
    for (uint32_t i = 0; i < o->op_libraries.n; i++) open_library(o, o->op_libraries.at[i]);
    o->custom = custom_register(o->job, o->ops.at, o->ops.n);
}
