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
    if (r.image) c->free_image(r.image);
    *text = r.text;
    *why = r.error;
    if (r.text) return JITC_OK;
    return r.error && strncmp(r.error, "unknown CPU", 11) == 0 ? JITC_E_USAGE : JITC_E_INTERNAL;
}
