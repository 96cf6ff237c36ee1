/* The dimension table's private side. */
#ifndef JITC_DIM_H
#define JITC_DIM_H

#include "ir/ir.h"

DimTable *dim_table(Job *job);
bool dim_const(const Module *m, Dim d, int64_t *v); /* also negative constants */
#endif
