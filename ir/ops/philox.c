#include "ir/ops/philox.h"

bool takes_philox(InferCx *cx, const Op *op, Dim *groups)
{
    int n;
    const Dim *d = attr_v(op, "groups", &n);
    for (int i = 0; i < 2; i++)
        if (in_type(op, i)->dtype != JITC_UINT64 || !takes_rank(cx, op, i, 1, 1) ||
            in_type(op, i)->dim[0] != i + 1)
            return infer_fail(cx, "operands must be u64[1] and u64[2], not %s and %s",
                              type_text(cx, in_type(op, 0)), type_text(cx, in_type(op, 1)));
    if (n != 1 || dim_is_negative(cx->m, d[0])) return infer_fail(cx, "groups must be one size");
    *groups = d[0];
    return true;
}

int outer_of_groups(const Op *op)
{
    (void)op;
    return 1;
}

void philox_block(const Tensor *in, uint64_t at, uint32_t w[PHILOX_WORDS])
{
    uint64_t key = (uint64_t)tensor_i(&in[0], 0), lo = (uint64_t)tensor_i(&in[1], 0),
             hi = (uint64_t)tensor_i(&in[1], 1);
    lo += at;
    hi += lo < at;
    uint32_t c[PHILOX_WORDS] = {(uint32_t)lo, (uint32_t)(lo >> 32), (uint32_t)hi, (uint32_t)(hi >> 32)};
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        uint64_t a = (uint64_t)PHILOX_M0 * c[0], b = (uint64_t)PHILOX_M1 * c[2];
        c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k0;
        c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[1] = (uint32_t)b;
        c[3] = (uint32_t)a;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    memcpy(w, c, sizeof c);
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    Dim groups;
    if (!takes_philox(cx, op, &groups)) return false;
    *out = type_make(JITC_UINT32, 2, (Dim[]){groups, PHILOX_WORDS});
    return result_fits(cx, out);
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    (void)cx;
    for (int64_t i = 0; i < out->type.dim[0]; i++)
        philox_block(in, (uint64_t)i, (uint32_t *)out->data + i * PHILOX_WORDS);
}

const OpDef op_philox = {
    .name = "philox",
    .doc = "random words: blocks of Philox4x32-10 for a key and counter, counter + 1, …",
    .kind = KIND_ROUTINE,
    .nin = 2,
    .nout = 1,
    .cost = COST_HEAVY,
    .attrs = {{"groups", ATTR_DIMS}},
    .infer = infer,
    .eval = eval,
    .outer = outer_of_groups,
};
