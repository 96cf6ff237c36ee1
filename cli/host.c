/* The code generator, asked about the host and for texts. */
#include <stdlib.h>

#include "cli/cli.h"
#include "runtime/jitc_internal.h"

bool host_describe(char *llvm, size_t nllvm, char *cpu, size_t ncpu, char **why)
{
    char features[8192] = "";
    const Codegen *c = plugin_open(why);
    if (c) c->describe(llvm, nllvm, cpu, ncpu, features, sizeof features);
    return c != NULL;
}

jitc_status codegen_text(const char *cpu, const CodegenKernel *k, size_t n, CodegenEmit emit, char **text,
                         char **why)
{
    *text = NULL;
    const Codegen *c = plugin_open(why);
    if (!c) return JITC_E_IO;
    if (!cpu) cpu = "native";
    size_t length = strcspn(cpu, ",");
    char *name = strndup(cpu, length);
    if (!name) return JITC_E_NOMEM;
    CodegenTarget target = {.cpu = name, .features = cpu + length + (cpu[length] == ',')};
    CodegenResult r = c->compile(&target, k, n, emit, 1, NULL);
    free(name);
    if (r.nfiles) *text = r.file[0].bytes, r.file[0].bytes = NULL;
    *why = r.error, r.error = NULL;
    codegen_result_free(&r);
    if (*text) return JITC_OK;
    return *why && strncmp(*why, "unknown CPU", 11) == 0 ? JITC_E_USAGE : JITC_E_INTERNAL;
}
