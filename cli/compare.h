/* Comparing tensors, and what `jitc compare` knows of each. */
#ifndef JITC_CLI_COMPARE_H
#define JITC_CLI_COMPARE_H

#include "cli/cli.h"
#include "ir/ir.h"

/* Tolerance per element: atol + rtol * |want|. Negative: the default of the type, and rtol * the largest
 * finite |want| of the tensor. Integers are compared exactly, NaN and infinity by their places. */
typedef struct {
    double rtol, atol;
} Tolerance;

typedef struct {
    bool done;               /* compared at all */
    int64_t n, wrong;        /* elements; those beyond the tolerance */
    double max_abs, max_rel; /* max_rel: of the largest |want| */
    int64_t at;              /* the first wrong element, else the one that is farthest off */
    double got, want;        /* there */
} Difference;

double default_rtol(DType t);
/* Both of the same type. */
void tensors_compare(const Tensor *got, const Tensor *want, Tolerance tol, Difference *out);
void put_place(Str *s, const Type *t, int64_t at); /* "(0,4,11,9)" */

typedef struct {
    const char *tensor;
    const TfNode *node;
    uint32_t order;        /* of the node in the graph */
    Tensor want;           /* the reference */
    bool given;            /* want is of --ref */
    Difference code, eval; /* eval: of a given one, the evaluator's */
    const char *inside;    /* not compared: a node of the kernel that holds it, or NULL */
    const char *with;      /* nodes whose work the kernel that computes it does as well */
} Entry;

typedef struct {
    Options *o;
    const Model *m;
    Binding *b;
    Tolerance tol;
    VEC(Entry) entries; /* in the graph's order once all are there */
    StrMap by_name;     /* numbers of entries, plus one */
    uint32_t compared, inside, wrong;
    const Entry *first; /* wrong one */
    bool loops;
} Comparison;

void compare_passes(Options *o); /* what --passes means here */
ExitStatus compare_model(Options *o, const Model *m, Binding *b);
/* Evaluates the graph as imported. */
void compare_trace(Options *o, const Model *m, Binding *b, EvalTrace *trace, void *arg);
void compare_text(Str *s, const Comparison *x);
void compare_json(Str *s, const Comparison *x);
#endif
