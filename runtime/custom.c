#include "runtime/custom.h"

#include <pthread.h>

#include "frontend/tf/tf.h"
#include "runtime/image.h"
#include "runtime/jitc_internal.h"

/* -- Registering ------------------------------------------------------------------------------- */
static void wrong(Job *job, size_t i, const jitc_op *op, const char *fmt, ...) PRINTF(4, 5);
static void wrong(Job *job, size_t i, const jitc_op *op, const char *fmt, ...)
{
    Str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(&text, fmt, ap);
    va_end(ap);
    job_error(job, "options: operator %zu%s%s%s: %s", i, op->name ? " '" : "", op->name ? op->name : "",
              op->name ? "'" : "", str_text(&text));
    str_free(&text);
}

static bool is_symbol(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n && !s[n] && !(s[0] >= '0' && s[0] <= '9');
}

static void check(Job *job, size_t i, const CustomOps *before, const jitc_op *op)
{
    if (!op->name || !op->name[0]) {
        wrong(job, i, op, "it has no name");
        return;
    }
    if (tf_op_find(op->name)) wrong(job, i, op, "jitc has an operation of that name itself");
    if (custom_find(before, op->name)) wrong(job, i, op, "an operator of that name is registered already");
    if (op->inputs < -1 || op->inputs > 100)
        wrong(job, i, op, "%d inputs; 0 to 100, or -1 for any", op->inputs);
    if (op->outputs < 0 || op->outputs > CUSTOM_MAX_OUT)
        wrong(job, i, op, "%d outputs; 1 to %d are possible", op->outputs, CUSTOM_MAX_OUT);
    if (!op->compute == !op->code)
        wrong(job, i, op, op->compute ? "it has both compute and code" : "it has neither compute nor code");
    if (op->compute && !op->code && (op->code_size || op->function))
        wrong(job, i, op, "code_size and function belong to operators made of code");
    if (op->code && (!op->function || !op->function[0])) wrong(job, i, op, "the code's function has no name");
    if (op->code && (op->infer || op->flags || op->outer || op->symbol || op->outputs > 1 || op->inputs < 1))
        wrong(job, i, op,
              "an operator made of code has one output, a fixed number of inputs, and no infer, flags, outer "
              "or "
              "symbol");
    if (op->flags & ~(uint32_t)JITC_OP_PURE) wrong(job, i, op, "flags that this version does not know");
    if (op->nattrs && !op->attrs) wrong(job, i, op, "attrs is NULL but nattrs is not 0");
    if (op->symbol && !is_symbol(op->symbol)) wrong(job, i, op, "symbol '%s' is no name of C", op->symbol);
    if (op->outer < -1 || op->grain < 0) wrong(job, i, op, "outer or grain is out of range");
}

static void parse_attrs(Job *job, size_t i, CustomOp *c)
{
    c->nattrs = (uint32_t)c->op.nattrs;
    c->attrs = job_array(job, CustomAttr, c->nattrs + 1u);
    for (uint32_t k = 0; k < c->nattrs; k++) {
        const char *why = "it is NULL", *text = c->op.attrs[k];
        if (!text || !custom_parse_attr(job, text, &c->attrs[k], &why))
            wrong(job, i, &c->op, "attribute %u '%s': %s", k, text ? text : "", why);
        for (uint32_t j = 0; j < k && text; j++)
            if (c->attrs[j].name && c->attrs[k].name && !strcmp(c->attrs[j].name, c->attrs[k].name))
                wrong(job, i, &c->op, "attribute '%s' is declared twice", c->attrs[k].name);
    }
}

/* -- Code -------------------------------------------------------------------------------------- */
static pthread_mutex_t code_lock = PTHREAD_MUTEX_INITIALIZER;

static bool inspect(CustomOp *op, char **why)
{
    const Codegen *codegen = plugin_open(why);
    if (!codegen) return false;
    char types[sizeof op->types];
    *why = codegen->inspect(&op->op, types);
    pthread_mutex_lock(&code_lock);
    if (!*why) memcpy(op->types, types, sizeof types);
    pthread_mutex_unlock(&code_lock);
    return !*why;
}

static custom_scalar *compile_scalar(CustomOp *op, char **why)
{
    const Codegen *codegen = plugin_open(why);
    if (!codegen) return NULL;
    pthread_mutex_lock(&code_lock);
    if (!op->scalar) {
        static const char *const symbol = CODEGEN_SCALAR;
        CodegenObject o = codegen->scalar(&op->op);
        *why = o.error;
        if (!o.error) op->image = image_open(&o.file, 1, &symbol, 1, why);
        if (op->image) *(void **)&op->scalar = image_symbol(op->image, 0);
        free(o.file.bytes);
    }
    pthread_mutex_unlock(&code_lock);
    return op->scalar;
}

static void free_images(void *ops)
{
    CustomOps *r = ops;
    for (uint32_t i = 0; i < r->n; i++) image_free(r->at[i].image);
}

static void hash_code(Job *job, CustomOp *c)
{
    Str s = {0};
    size_t n = c->op.code_size ? c->op.code_size : strlen(c->op.code);
    str_printf(&s, "%s\n", c->op.function);
    str_putn(&s, c->op.code, n);
    bool oom = s.oom;
    Hash h = hash_bytes(str_text(&s), s.n);
    str_free(&s);
    if (oom) job_fail(job, JITC_E_NOMEM);
    snprintf(c->code, sizeof c->code, "%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}

const CustomOps *custom_register(Job *job, const jitc_op *const *ops, size_t n)
{
    if (!n) return NULL;
    CustomOps *r = job_new(job, CustomOps);
    r->at = job_array(job, CustomOp, n);
    r->inspect = inspect;
    r->scalar = compile_scalar;
    job_on_exit(job, free_images, r);
    for (size_t i = 0; i < n; i++) {
        const jitc_op *op = ops[i];
        CustomOp *c = &r->at[r->n];
        if (!op || op->size < offsetof(jitc_op, function) + sizeof op->function || op->size > sizeof *op) {
            job_error(job, "options: operator %zu %s", i,
                      !op ? "is NULL" : "is of another version: its size must be sizeof(jitc_op)");
            continue;
        }
        c->op = *op;
        check(job, i, r, op);
        if (!c->op.outputs) c->op.outputs = 1;
        if (!op->nattrs || op->attrs) parse_attrs(job, i, c);
        if (op->code && op->function) hash_code(job, c);
        if (op->name) r->n++;
    }
    if (job->nerrors) job_fail(job, JITC_E_USAGE);
    return r;
}

/* -- Calling ----------------------------------------------------------------------------------- */
void custom_error_init(CustomError *e)
{
    e->unit = INT64_MAX;
    e->text[0] = 0;
}

static void keep_error(CustomError *e, int64_t unit, int status, const char *why)
{
    while (atomic_flag_test_and_set_explicit(&e->lock, memory_order_acquire)) continue;
    if (unit < e->unit) {
        e->unit = unit;
        if (why[0])
            snprintf(e->text, sizeof e->text, "%s", why);
        else
            snprintf(e->text, sizeof e->text, "the operator reports error %d", status);
    }
    atomic_flag_clear_explicit(&e->lock, memory_order_release);
}

bool custom_call(const CustomNode *n, void *const *ptr, const int64_t *dim, int64_t from, int64_t to,
                 CustomError *e)
{
    char why[sizeof e->text] = "";
    jitc_op_call c = {.size = sizeof c,
                      .node = &n->node,
                      .ptr = ptr,
                      .dim = dim,
                      .begin = from,
                      .end = to,
                      .user = n->op->op.user,
                      .error = why,
                      .error_size = sizeof why};
    for (int32_t i = 0, at = n->node.nin + n->node.nout; i < n->node.nout; i++)
        if (n->node.counted >> i & 1) *(int64_t *)ptr[at++] = -1; /* until it is told */
    int status = n->op->op.compute(&c);
    if (!status) return true;
    why[sizeof why - 1] = 0;
    keep_error(e, from, status, why);
    return false;
}
