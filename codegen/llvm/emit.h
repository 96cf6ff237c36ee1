/* Emitters: each writes the loops of one algorithm's kernels (codegen/plan/spec.h) with the builder. */
#ifndef JITC_EMIT_H
#define JITC_EMIT_H

#include "codegen/llvm/gen.h"

void emit_map(Gen *g, const Kernel *k);
void emit_loops(Gen *g, const Kernel *k);
void emit_depthwise(Gen *g, const Kernel *k);
void emit_igemm(Gen *g, const Kernel *k);
void emit_winograd(Gen *g, const Kernel *k);
void emit_chain(Gen *g, const Kernel *k);
void emit_attention(Gen *g, const Kernel *k);
void emit_routine(Gen *g, const Kernel *k);
void emit_custom(Gen *g, const Kernel *k);

/* So many vectors of as many elements: element k of vector i becomes element i of vector k. */
enum { TRANSPOSE_SIDE = 8 };
void transpose_block(Gen *g, Vec *r);

/* Half precision has no vectors of its own: its elements travel as u16, and each op on them computes in f32
 * and rounds once, as TensorFlow does. Every load, store and constant of an emitter uses this dtype. */
static inline DType carrier(DType t)
{
    return t == JITC_FLOAT16 || t == JITC_BFLOAT16 ? JITC_UINT16 : t;
}

/* From the carrier to f32 and back; other dtypes stay. */
Vec widen(Gen *g, Vec v, DType t);
Vec narrow(Gen *g, Vec v, DType t);

/* Result of a map op; operands of one lane are splat to the others' lanes. */
Vec map_op(Gen *g, const Op *op, const Vec *in);
Vec const_element(Gen *g, const Op *op, int64_t i, int lanes); /* element i of a const op */
/* Of any dtype, from a number: rounds, truncates and saturates as the evaluator does. */
Vec const_number(Gen *g, DType t, int lanes, double v);

/* The function of a custom operator's code. */
Vec map_custom(Gen *g, const Op *op, const Vec *in);

/* The map ops from `anchor`, whose value is given, to `yielded`; `load` gives the block arguments. */
typedef Vec EpilogueLoad(Gen *g, void *arg, const Value *operand);
Vec eval_epilogue(Gen *g, const Kernel *k, const Value *yielded, const Value *anchor, Vec anchor_vec,
                  EpilogueLoad *load, void *arg);
#endif
