/* Bytes as a GraphDef: decoded, imported, optimised. */
#include "frontend/import.h"
#include "passes/pass.h"
#include "tests/fuzz/fuzz.h"

static void close_source(void *s)
{
    source_close(s);
}

static void work(Job *job, Source *s, const uint8_t *data, size_t size)
{
    job_on_exit(job, close_source, s);
    source_from_memory(job, s, data, size);
    TfGraph *g = tf_graph_load(job, s);
    ImportOptions import = {.symbolic = true};
    Module *m = tf_import(job, g, s, &import, NULL);
    Str why = {0};
    if (!ir_verify(m, &why)) {
        fprintf(stderr, "finding: the imported graph is broken: %s\n", str_text(&why));
        abort();
    }
    str_free(&why);
    PassOptions passes = {.verify = true};
    passes_run(m, passes_default_pipeline(), &passes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Job job;
    static Source source;
    source = (Source){.fd = -1};
    fuzz_begin(&job);
    if (JOB_ENTER(&job) == JITC_OK) work(&job, &source, data, size);
    fuzz_end(&job);
    return 0;
}
