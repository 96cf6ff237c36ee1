/* Tensor lists and tensor arrays. A list whose elements' type is known is a plain tensor [n, element...]. Two
 * kinds need a record, kept by value: a list of which that is not known yet (its value is a constant that
 * stands for nothing), and one whose elements differ in their first size (their concatenation, and a vector
 * of sizes). */
#ifndef JITC_FRONTEND_TF_LIST_H
#define JITC_FRONTEND_TF_LIST_H

#include "frontend/tf/tf.h"

/* Where a list was made; what is learned about it holds when that node's users are imported again. */
typedef struct {
    bool ragged, grows;
} ListOrigin;

typedef struct List {
    DType dtype;
    bool ragged;
    bool grows;           /* writing behind the end is allowed */
    Dim n;                /* elements; of a ragged one when it is full */
    int rank;             /* of an element, as far as it is told; -1: unknown */
    Dim dim[IR_MAX_RANK]; /* -1 << 62: unknown */
    Value *lengths;       /* RAGGED: i64[elements written] */
    ListOrigin *origin;
} List;
#define DIM_UNKNOWN (-((Dim)1 << 62))

List *list_of(Cx *cx, const Value *v);   /* NULL: a plain tensor, or a list of known elements */
Value *list_make(Cx *cx, const List *l); /* of unknown elements */
void list_note(Cx *cx, const Value *v, const List *l);
/* All elements zero: [n, element...]. */
Value *list_zeros(Cx *cx, const List *l, int rank, const Dim *element);
/* A list without elements whose elements will differ; `element` is one of them. */
Value *list_ragged(Cx *cx, const List *l, int rank, const Dim *element);
#endif
