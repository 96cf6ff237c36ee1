/* Two operations that TensorFlow does not have. */
#include "ops.h"

#include <math.h>
#include <stdio.h>

#include "mish_code.h" /* mish.ll as an array of bytes */

/* -- Mish: made of code. jitc computes it within the kernel of whatever stands before and after it.  */
static const char *const mish_attrs[] = {"beta: float = 1"};
static const jitc_op mish = {.size = sizeof(jitc_op),
                             .name = "Mish",
                             .inputs = 1,
                             .attrs = mish_attrs,
                             .nattrs = 1,
                             .code = mish_code,
                             .code_size = sizeof mish_code,
                             .function = "mish"};

/* -- UnitRows: opaque. Divides each row by its length. ----------------------------------------- */
static int infer(jitc_op_infer *c)
{
    if (c->in[0].rank != 2 || c->in[0].dtype != JITC_FLOAT32) {
        snprintf(c->error, c->error_size, "UnitRows takes a matrix of floats");
        return 1;
    }
    c->out[0] = c->in[0];
    return 0;
}

/* A unit is a row: jitc cuts the rows into shares for its threads. */
int unit_rows(const jitc_op_call *c)
{
    jitc_tensor x = jitc_op_in(c, 0), y = jitc_op_out(c, 0);
    double epsilon = jitc_op_float(c->node, "epsilon");
    int64_t n = x.shape[1];
    for (int64_t row = c->begin; row < c->end; row++) {
        const float *from = (const float *)x.data + row * n;
        float *to = (float *)y.data + row * n;
        double sum = epsilon;
        for (int64_t i = 0; i < n; i++) sum += (double)from[i] * from[i];
        if (!isfinite(sum)) {
            snprintf(c->error, c->error_size, "row %lld has no length", (long long)row);
            return 1;
        }
        for (int64_t i = 0; i < n; i++) to[i] = (float)(from[i] / sqrt(sum));
    }
    return 0;
}

static const char *const unit_rows_attrs[] = {"epsilon: float = 0"};
static const jitc_op unit_rows_op = {.size = sizeof(jitc_op),
                                     .name = "UnitRows",
                                     .inputs = 1,
                                     .attrs = unit_rows_attrs,
                                     .nattrs = 1,
                                     .infer = infer,
                                     .compute = unit_rows,
                                     .symbol = "unit_rows",
                                     .outer = 1};

/* For programs, and for `jitc --op-library`. */
const jitc_op *const *jitc_ops(size_t *n)
{
    static const jitc_op *const ops[] = {&mish, &unit_rows_op};
    *n = sizeof ops / sizeof *ops;
    return ops;
}
