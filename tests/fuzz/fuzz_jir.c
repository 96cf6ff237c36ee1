/* Bytes as the text form: what parses must print as itself, and survive the passes. */
#include "ir/ir.h"
#include "passes/pass.h"
#include "tests/fuzz/fuzz.h"

static void free_text(void *s)
{
    str_free(s);
}

/* Without the names of nodes: sets of them are printed in the order in which they first appear. */
static void cut_names(Str *s)
{
    char *to = s->at;
    for (const char *p = s->at, *end; p && *p; p = end) {
        end = p + strcspn(p, "\n");
        const char *cut = strstr(p, "  @\"");
        size_t n = (size_t)((cut && cut < end ? cut : end) - p);
        memmove(to, p, n);
        to += n;
        if (*end) *to++ = *end++;
    }
    if (to) *to = 0;
}

static void work(Job *job, const uint8_t *data, size_t size)
{
    Module *m = ir_parse(job, (const char *)data, size);
    Str why = {0};
    if (!m) return;
    bool sound = ir_verify(m, &why);
    str_free(&why);
    if (!sound) return;
    static Str once, twice;
    once = twice = (Str){0};
    job_on_exit(job, free_text, &once);
    job_on_exit(job, free_text, &twice);
    ir_print(m, &once);
    Module *again = ir_parse(job, str_text(&once), once.n);
    if (again) ir_print(again, &twice);
    cut_names(&once);
    cut_names(&twice);
    if (!again || strcmp(str_text(&once), str_text(&twice)) != 0) {
        fprintf(stderr, "finding: not the same when parsed again:\n%s---\n%s", str_text(&once),
                str_text(&twice));
        abort();
    }
    PassOptions passes = {.verify = true};
    passes_run(m, passes_default_pipeline(), &passes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Job job;
    fuzz_begin(&job);
    /* The parser wants text that ends. */
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    if (JOB_ENTER(&job) == JITC_OK) work(&job, (const uint8_t *)text, size);
    fuzz_end(&job);
    free(text);
    return 0;
}
