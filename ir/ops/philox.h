/* Philox4x32-10 of Salmon et al., with the numbering that TensorFlow uses. */
#ifndef JITC_OPS_PHILOX_H
#define JITC_OPS_PHILOX_H

#include "ir/ops/common.h"

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
enum {
    PHILOX_ROUNDS = 10,
    PHILOX_WORDS = 4 /* of 32 bits per block */
};

/* TensorFlow's truncated normal numbers: blocks that it reserves for a group of 4 (f64: 2) results. */
static inline int64_t truncated_blocks(DType t)
{
    return t == JITC_FLOAT64 ? 128 : 256;
}
static inline int truncated_group(DType t)
{
    return t == JITC_FLOAT64 ? 2 : 4;
}

/* A key u64[1], a counter u64[2] and a number of groups. */
bool takes_philox(InferCx *cx, const Op *op, Dim *groups);
/* The block at counter + at. */
void philox_block(const Tensor *in, uint64_t at, uint32_t w[PHILOX_WORDS]);
int outer_of_groups(const Op *op);
#endif
