#ifndef OPS_H
#define OPS_H

#include <jitc/op.h>

jitc_ops_fn jitc_ops;
int unit_rows(const jitc_op_call *c);

#endif
