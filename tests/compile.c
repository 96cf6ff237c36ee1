#include "tests/compile.h"

#include "runtime/program.h"

Image *load_here(const CodegenResult *r, const CodegenKernel *k, size_t n, char **why)
{
    Job job;
    ImageBlock block = {0};
    char(*name)[KERNEL_SYMBOL] = calloc(n, sizeof *name);
    const char **symbol = calloc(n, sizeof *symbol);
    for (size_t i = 0; i < n; i++) {
        kernel_symbol(k[i].text, k[i].size, name[i]);
        symbol[i] = name[i];
    }
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) block = image_link(&job, r->file, r->nfiles, symbol, n);
    if (job.status) *why = job_text(&job, job.status);
    Image *image = job.status ? NULL : image_load(block.bytes, block.size, why);
    job_free(&job);
    free(symbol);
    free(name);
    return image;
}

Image *compile_here(const Codegen *cg, const CodegenTarget *t, const CodegenKernel *k, size_t n, int threads,
                    char **why)
{
    CodegenResult r = cg->compile(t, k, n, EMIT_OBJECT, threads, NULL);
    *why = r.error;
    r.error = NULL;
    Image *image = *why ? NULL : load_here(&r, k, n, why);
    codegen_result_free(&r);
    return image;
}
