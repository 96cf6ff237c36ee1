/* Epilogues of matrix products whose result is cut into equal parts of its last dim, as the gates of a
 * recurrent cell. */
#ifndef JITC_IGEMM_PARTS_H
#define JITC_IGEMM_PARTS_H

#include "codegen/llvm/emit.h"

typedef struct {
    Gen *g;
    const Kernel *k;
    const Value *anchor;
    Ptr sums;      /* of rows m0 ..: element (m, n) at (m - m0) * parts_width(k) + n */
    Ival m0, m1;   /* rows, */
    Ival from, to; /* and columns of each part */
} Parts;

int64_t parts_count(const Kernel *k);
int64_t parts_width(const Kernel *k); /* elements from row to row: whole panels */
/* The panels of the product that part number `part` needs for the columns, and that the part before, of the
 * same columns, has not had. */
void parts_panels(const Parts *p, Ival part, Ival *first, Ival *end);
/* All results of the rows and columns. */
void parts_store(const Parts *p);
#endif
