/* The C header of a model's object file: C99, and C++. docs/aot.md describes it. */
#include <stdlib.h>

#include "ir/custom.h"
#include "runtime/aot.h"

typedef struct {
    Str s;
    const CodegenModel *m;
    char *upper;
} Header;

static void line(Header *h, const char *fmt, ...) PRINTF(2, 3);

/* The text, with @ for the model's name, $ for it in capitals, and a line's end. */
static void line(Header *h, const char *fmt, ...)
{
    Str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(&text, fmt, ap);
    va_end(ap);
    for (const char *c = str_text(&text); *c; c++) {
        if (*c == '@')
            str_put(&h->s, h->m->name);
        else if (*c == '$')
            str_put(&h->s, h->upper);
        else
            str_putn(&h->s, c, 1);
    }
    if (text.oom) h->s.oom = true;
    str_free(&text);
    str_put(&h->s, "\n");
}

/* A name as it may stand in a comment. */
static void put_name(Str *s, const char *name)
{
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        bool plain = c >= ' ' && c < 127 && !(c == '/' && name[1] == '*') && !(c == '*' && name[1] == '/');
        str_putn(s, plain ? name : "?", 1);
    }
}

static void list_tensors(Header *h, const char *what, const jitc_io *io, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        str_printf(&h->s, " *   %s %u: ", what, i);
        put_name(&h->s, io[i].name);
        str_printf(&h->s, ", %s[", jitc_dtype_name(io[i].dtype));
        for (int32_t d = 0; d < io[i].rank; d++) {
            str_put(&h->s, d ? "," : "");
            if (io[i].shape[d] < 0)
                str_put(&h->s, "?");
            else
                str_printf(&h->s, "%lld", (long long)io[i].shape[d]);
        }
        str_put(&h->s, "]\n");
    }
}

static void list_dims(Header *h)
{
    const CodegenModel *m = h->m;
    for (uint32_t i = 0; i < m->nin_dims; i++)
        str_printf(&h->s, " *   dims[%u]: dimension %d of input %u\n", i, m->in_dim[i].dim,
                   m->in_dim[i].tensor);
    for (uint32_t i = 0; i < m->nout_dims; i++)
        str_printf(
            &h->s,
            " *   dims[%u]: dimension %d of output %u: in, the most there is room for; out, its size\n",
            m->nin_dims + i, m->out_dim[i].dim, m->out_dim[i].tensor);
}

static void open_comment(Header *h, bool open)
{
    const CodegenModel *m = h->m;
    line(h, "/* The model '@', compiled by jitc %s. C99 and C++.", jitc_version());
    line(h, " *");
    list_tensors(h, "input", m->in, m->plan->nin);
    list_tensors(h, "output", m->out, m->plan->nout);
    if (open) {
        line(h, " *");
        line(h, " * Open dimensions are passed in an array:");
        list_dims(h);
    }
    line(h, " *");
    line(h, " * Tensors are dense and row-major; inputs and outputs do not overlap. Any number of threads "
            "may run the");
    line(h, " * model at the same time, each with a workspace of its own. */");
}

static void declare_run(Header *h, bool open)
{
    line(h, "/* Runs the model: inputs[i] and outputs[i] point to the tensors, in the order above. 0: done; "
            "else an error,");
    line(h, " * and outputs hold nothing. The workspace is aligned to $_WORKSPACE_ALIGN bytes; its content "
            "is not kept. */");
    if (open) {
        line(h, "int @_run_dims(const void *const *inputs, void *const *outputs, void *workspace, size_t "
                "workspace_bytes,");
        line(h, "               int64_t *dims);");
    } else {
        line(h, "int @_run(const void *const *inputs, void *const *outputs, void *workspace);");
    }
    line(h, "%s", "");
    line(h, "/* The general form. Options that are 0 or NULL have their defaults. */");
    line(h, "typedef struct @_options {");
    line(h, "    size_t size;         /* sizeof(@_options) */");
    if (h->m->weights)
        line(h, "    const void *weights; /* not used: the object has them */");
    else
        line(h,
             "    const void *weights; /* the content of the weights file, aligned to 64 bytes; required */");
    line(h, "    /* Calls f(arg, i) for each i below n, in any order, on any threads, and returns when all "
            "are done. */");
    line(h, "    void (*parallel_for)(void *host, void (*f)(void *arg, size_t i), void *arg, size_t n);");
    line(h, "    void *host;");
    line(h, "    /* Memory for sizes that depend on data: `bytes` aligned to 64; bytes 0 frees `old`. By "
            "default the C");
    line(h, "     * library's. `old` is NULL when bytes are asked for. */");
    line(h, "    void *(*alloc)(void *heap, void *old, size_t bytes);");
    line(h, "    void *heap;");
    line(h, "    const volatile int *stop; /* loops end the run when it is not 0 */");
    line(h, "    size_t shares;            /* the most that parallel_for is called with; 4 per thread is a "
            "good number */");
    line(h, "} @_options;");
    line(h, "int @_run_options(const void *const *inputs, void *const *outputs, void *workspace, size_t "
            "workspace_bytes,");
    line(h, "                  int64_t *dims, const @_options *options);");
    line(h, "/* What the workspace needs for these dims (NULL where there are none) and options.shares (1 "
            "without). */");
    line(h, "size_t @_workspace_bytes(const int64_t *dims, size_t shares);");
    line(h, "/* What output i needs; where the run tells its size, for the most that dims say. */");
    line(h, "size_t @_output_bytes(int i, const int64_t *dims);");
    line(
        h,
        "/* Its shape, @_outputs[i].rank numbers. After a run dims tell the sizes that the run has told. */");
    line(h, "void @_output_shape(int i, const int64_t *dims, int64_t *shape);");
    line(h, "/* What a number that is not 0 means: positive ones name the TensorFlow node. Never NULL. */");
    line(h, "const char *@_error(int code);");
}

static void declare_tables(Header *h)
{
    line(h, "/* The tables, also for programs that open a shared object: `dtype` is TensorFlow's DataType, "
            "-1 in a shape an");
    line(h, " * open dimension. */");
    line(h, "typedef struct @_tensor {");
    line(h, "    const char *name;");
    line(h, "    int32_t dtype, rank;");
    line(h, "    int64_t shape[8];");
    line(h, "} @_tensor;");
    line(h, "typedef struct @_dim {");
    line(h, "    int32_t is_output, tensor, dim;");
    line(h, "} @_dim;");
    line(h, "extern const @_tensor @_inputs[], @_outputs[];");
    line(h, "extern const @_dim @_dims[];");
    line(h, "extern const int32_t @_input_count, @_output_count, @_dim_count;");
}

/* What the program has to supply: each function once. */
static void declare_operators(Header *h)
{
    const Plan *p = h->m->plan;
    bool any = false;
    for (uint32_t i = 0; i < p->nkernel; i++) {
        const CustomNode *c = p->kernel[i].custom;
        bool first = c != NULL;
        for (uint32_t k = 0; k < i && first; k++)
            first = !p->kernel[k].custom || strcmp(p->kernel[k].custom->op->op.symbol, c->op->op.symbol) != 0;
        if (!first) continue;
        if (!any) {
            line(h, "/* Operators that the program supplies: see jitc/op.h. */");
            line(h, "struct jitc_op_call;");
        }
        any = true;
        line(h, "int %s(const struct jitc_op_call *call);", c->op->op.symbol);
    }
    if (any) line(h, "%s", "");
}

static void put_header(Header *h)
{
    const CodegenModel *m = h->m;
    bool open = m->nin_dims + m->nout_dims > 0;
    open_comment(h, open);
    line(h, "#ifndef $_JITC_H");
    line(h, "#define $_JITC_H");
    line(h, "%s", "");
    line(h, "#include <stddef.h>");
    line(h, "#include <stdint.h>");
    line(h, "%s", "");
    line(h, "#ifdef __cplusplus");
    line(h, "extern \"C\" {");
    line(h, "#endif");
    line(h, "%s", "");
    line(h, "#define $_INPUTS %u", m->plan->nin);
    line(h, "#define $_OUTPUTS %u", m->plan->nout);
    line(h, "#define $_DIMS %u", m->nin_dims + m->nout_dims);
    line(h, "#define $_WORKSPACE_ALIGN %d", RUN_ALIGN);
    if (!open) {
        int64_t bytes = model_state_bytes(m->plan) + m->plan->arena + round_up(m->plan->scratch, RUN_ALIGN);
        line(h, "#define $_WORKSPACE_BYTES %lld", (long long)bytes);
    }
    if (!m->weights) line(h, "#define $_WEIGHT_BYTES %lld", (long long)m->weight_bytes);
    line(h, "%s", "");
    line(h, "/* Errors; those above 0 belong to nodes. */");
    line(h, "enum {");
    line(h, "    $_OK = %d,", MODEL_OK);
    line(h, "    $_E_CPU = %d,       /* this CPU cannot run the code */", MODEL_E_CPU);
    line(h, "    $_E_WORKSPACE = %d, /* the workspace is too small, or not aligned */", MODEL_E_WORKSPACE);
    line(h, "    $_E_MEMORY = %d,    /* memory for sizes that depend on data ran out */", MODEL_E_MEMORY);
    line(h, "    $_E_STOPPED = %d,   /* options.stop was set */", MODEL_E_STOPPED);
    line(h, "    $_E_DIMS = %d,      /* a size is negative, or an input is smaller than a window */",
         MODEL_E_DIMS);
    line(h, "    $_E_OUTPUT = %d,    /* an output is larger than its room: dims tell the sizes */",
         MODEL_E_OUTPUT);
    line(h, "    $_E_WEIGHTS = %d,   /* options.weights is NULL */", MODEL_E_WEIGHTS);
    line(h, "    $_E_OPTIONS = %d    /* options.size is not that of this header */", MODEL_E_OPTIONS);
    line(h, "};");
    line(h, "%s", "");
    declare_operators(h);
    declare_run(h, open);
    line(h, "%s", "");
    declare_tables(h);
    line(h, "%s", "");
    line(h, "#ifdef __cplusplus");
    line(h, "}");
    line(h, "#endif");
    line(h, "#endif");
}

char *aot_header(const CodegenModel *m, const AotOptions *o)
{
    Header h = {.m = m, .upper = strdup(o->name)};
    for (char *c = h.upper; c && *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    if (h.upper) put_header(&h);
    char *text = h.upper && !h.s.oom ? strdup(str_text(&h.s)) : NULL;
    free(h.upper);
    str_free(&h.s);
    return text;
}
