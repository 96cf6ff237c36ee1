/* Chains of kernels that go through an image in bands of rows: each part is a function of its own, called
 * with the rows that are missing. What lies between two parts is in scratch, as many rows as the next part
 * needs for a band; those that the next band needs too move to the front. So every row is computed once per
 * share, but where a share begins. */
#include "codegen/llvm/emit.h"
#include "codegen/llvm/part_call.h"
#include "codegen/plan/spec.h"

typedef struct {
    const KernelPart *p;
    const Value *image, *weights; /* the arguments that are the image before it, and the right operand */
    const Op *conv;               /* depthwise; NULL: igemm, which takes row by row */
    int64_t kh, sh, dh;
    int dims; /* where its own begin */
    Ival h, oh, ow, in, out, pad;
    Ptr rows;    /* of its result, in scratch */
    Ival lo, hi; /* rows of its result that the band needs, and, from lo on, that scratch has */
} Part;

typedef struct {
    Gen *g;
    DType t;
    Part part[CHAIN_PARTS];
    int n;
    Ival image; /* number of the current one */
    PartCall call;
} Chain;

/* Where row y of the image before part i is. */
static Ptr row_before(Chain *c, int i, Ptr operand, Ival y)
{
    Gen *g = c->g;
    const Part *p = &c->part[i];
    if (i) return p_at(g, c->part[i - 1].rows, i_mul(g, i_sub(g, y, c->part[i - 1].lo), p->in), c->t);
    return p_at(g, operand, i_mul(g, i_add(g, i_mul(g, c->image, p->h), y), p->in), c->t);
}

/* The arguments of a depthwise convolution for these rows; returns its units. Its window begins at row
 * `first` of the image before it, of which `end` rows are there. *top: the first row that it reads. */
static Ival depthwise_dims(Chain *c, const Part *p, Ival rows, Ival first, Ival end, Ival *top)
{
    Gen *g = c->g;
    *top = i_max(g, ival(0), first);
    part_set_dim(&c->call, DW_PH, i_sub(g, *top, first));
    part_set_dim(&c->call, DW_H, i_max(g, ival(0), i_sub(g, end, *top)));
    part_set_dim(&c->call, DW_OH, rows);
    return i_mul(g, part_ceil(g, rows, part_dim(g, p->dims + DW_ROWS)),
                 part_ceil(g, part_dim(g, p->dims + DW_C), part_dim(g, p->dims + DW_CHUNK)));
}

static bool of_result(const Part *p, const Value *arg)
{
    const Type *t = &arg->type;
    return arg != p->image && arg != p->weights && t->rank == (p->conv ? 4 : 2) && t->dim[0] != 1;
}

/* Rows [y0, y1) of part i's result. */
static void compute(Chain *c, int i, Ival y0, Ival y1)
{
    Gen *g = c->g;
    const Part *p = &c->part[i];
    const Kernel *k = p->p->kernel;
    part_dims(&c->call, p->p, p->dims);
    Ival rows = i_sub(g, y1, y0), top = y0, units;
    Ival at = i_mul(g, i_add(g, i_mul(g, c->image, p->oh), y0), p->out);
    if (p->conv)
        units = depthwise_dims(c, p, rows, i_sub(g, i_mul(g, y0, ival(p->sh)), p->pad),
                               i ? c->part[i - 1].hi : p->h, &top);
    else
        units = part_igemm_rows(&c->call, p->dims, i_mul(g, rows, p->ow));
    for (int j = 0; j < k->nin; j++) {
        const Value *arg = k->body->args[j];
        int operand = p->p->operand[j];
        Ptr v = {0};
        if (operand >= 0) v = g_ptr(g, operand);
        if (arg == p->image)
            v = row_before(c, i, v, top);
        else if (of_result(p, arg))
            v = p_at(g, v, at, c->t);
        part_ptr(&c->call, j, v);
    }
    Ptr out = i + 1 == c->n ? p_at(g, g_ptr(g, g_operands(g)), at, c->t)
                            : p_at(g, p->rows, i_mul(g, i_sub(g, y0, p->lo), p->out), c->t);
    part_ptr(&c->call, k->nin, out);
    part_call(&c->call, p->p, units);
}

/* Rows of the parts' results that rows [r0, r1) of the last need. */
static void needed(Chain *c, Ival r0, Ival r1)
{
    Gen *g = c->g;
    Part *last = &c->part[c->n - 1];
    last->lo = r0, last->hi = r1;
    for (int i = c->n - 1; i > 0; i--) {
        const Part *p = &c->part[i];
        Part *before = &c->part[i - 1];
        Ival first = i_sub(g, i_mul(g, p->lo, ival(p->sh)), p->pad),
             end = i_sub(g, i_mul(g, i_sub(g, p->hi, ival(1)), ival(p->sh)), p->pad);
        before->lo = i_min(g, i_max(g, ival(0), first), p->h);
        end = i_min(g, i_add(g, end, ival((p->kh - 1) * p->dh + 1)), p->h);
        before->hi = i_max(g, before->lo, end);
    }
}

/* Elements from `from` to `to` of p, n of them, to its beginning. */
static void move_down(Chain *c, Ptr p, Ival from, Ival n)
{
    Gen *g = c->g;
    Ival whole = i_mul(g, i_div(g, n, ival(LANES)), ival(LANES));
    FOR (g, i, ival(0), whole, ival(LANES))
        v_store(g, p, i.i, v_load(g, p, i_add(g, from, i.i), c->t, LANES));
    IF(g, rest, c_lt(g, whole, n))
    {
        Vec mask = v_first(g, i_sub(g, n, whole));
        v_store_n(g, p, whole, v_load_n(g, p, i_add(g, from, whole), c->t, mask), mask);
    }
}

/* The band's rows of part i that scratch does not have yet. */
static void advance(Chain *c, int i, Cond goes_on)
{
    Gen *g = c->g;
    Part *p = &c->part[i];
    Ptr state = p_bytes(g, g_scratch(g), ival(8 + 16 * (int64_t)i));
    Ival from = i_select(g, goes_on, i_load(g, state, ival(0), JITC_INT64), p->lo);
    Ival have = i_max(g, p->lo, i_select(g, goes_on, i_load(g, state, ival(1), JITC_INT64), p->lo));
    IF(g, old, c_and(g, c_lt(g, from, p->lo), c_lt(g, p->lo, have)))
    move_down(c, p->rows, i_mul(g, i_sub(g, p->lo, from), p->out), i_mul(g, i_sub(g, have, p->lo), p->out));
    i_store(g, state, ival(0), JITC_INT64, p->lo);
    i_store(g, state, ival(1), JITC_INT64, i_max(g, have, p->hi));
    IF(g, more, c_lt(g, have, p->hi)) compute(c, i, have, p->hi);
}

static void setup(Chain *c, const Kernel *k)
{
    Gen *g = c->g;
    int at = CH_DIMS;
    int64_t esize = (int64_t)dtype_size(c->t);
    Ptr next = part_tables(g, &c->call, p_bytes(g, g_scratch(g), ival(CHAIN_STATE)));
    c->n = k->nparts;
    for (int i = 0; i < c->n; i++) {
        Part *p = &c->part[i];
        *p = (Part){.p = &k->part[i], .kh = 1, .sh = 1, .dh = 1, .dims = at + CP_DIMS, .pad = ival(0)};
        ir_each_op (op, p->p->kernel->body) {
            if (op->def->kind != KIND_CONTRACT) continue;
            p->image = op->in[0], p->weights = op->in[1];
            if (op->code == OP_conv) p->conv = op;
        }
        if (!p->image) g_fail(g, "a part of a chain that is none");
        if (p->conv) {
            p->kh = p->conv->in[1]->type.dim[0];
            p->sh = attr_v(p->conv, "strides", NULL)[0];
            p->dh = attr_v(p->conv, "dilations", NULL)[0];
            p->pad = part_dim(g, p->dims + DW_PH);
        }
        p->h = part_dim(g, at + CP_H), p->oh = part_dim(g, at + CP_OH), p->ow = part_dim(g, at + CP_OW);
        p->in = part_dim(g, at + CP_IN), p->out = part_dim(g, at + CP_OUT);
        p->rows = next;
        Ival bytes = i_mul(g, i_mul(g, part_dim(g, at + CP_ROWS), p->out), ival(esize));
        next = p_bytes(g, next, i_mul(g, part_ceil(g, bytes, ival(64)), ival(64)));
        at += CP_DIMS + p->p->ndims;
    }
    c->call.scratch = next;
}

void emit_chain(Gen *g, const Kernel *k)
{
    Chain *c = job_new(g_job(g), Chain);
    c->g = g;
    c->t = JITC_FLOAT32;
    setup(c, k);
    Ival band = part_dim(g, CH_BAND), oh = c->part[c->n - 1].oh, bands = part_ceil(g, oh, band);
    i_store(g, g_scratch(g), ival(0), JITC_INT64, ival(-2)); /* the unit that scratch is about */
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        Ival b = i_mod(g, u.i, bands), r0 = i_mul(g, b, band), r1 = i_min(g, i_add(g, r0, band), oh);
        Ival before = i_load(g, g_scratch(g), ival(0), JITC_INT64);
        Cond goes_on = c_and(g, c_lt(g, ival(0), b), c_eq(g, before, i_sub(g, u.i, ival(1))));
        c->image = i_div(g, u.i, bands);
        needed(c, r0, r1);
        for (int i = 0; i + 1 < c->n; i++) advance(c, i, goes_on);
        compute(c, c->n - 1, r0, r1);
        i_store(g, g_scratch(g), ival(0), JITC_INT64, u.i);
    }
}
