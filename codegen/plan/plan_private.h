/* What the files of the planner share. */
#ifndef JITC_PLAN_PRIVATE_H
#define JITC_PLAN_PRIVATE_H

#include "codegen/plan/plan.h"
#include "ir/dim.h"

enum { NONE = -1 };

/* Values that are the same memory: a value and its views; a variable of a loop, which is an argument of both
 * regions and a result; a result of a branch and what the branches yield for it, if they compute it there. */
typedef struct {
    BufKind kind;
    const Value *root; /* whose type tells the size */
    const Region *home;
    uint32_t index;
    int32_t first, last; /* steps, seen from the home region */
    const Op *loop;      /* a variable of this loop */
    int32_t body_last;   /* of a variable: its last use in the body */
    const Op *yield_of;  /* the loop that takes it as the next value of variable `variable` */
    uint32_t variable;
    int32_t store;      /* SLOT: its storage */
    int32_t next_dying; /* HEAP: next in the list of Planner.dying */
    bool gone;          /* HEAP: its memory is freed, or another buffer's */
    int32_t whole;      /* a part of this class's memory, from byte `offset` on; NONE: not */
    PlanNum offset;
    uint32_t buf;
} Class;

/* Memory of one slot, or of several whose lives follow each other in place. */
typedef struct {
    PlanNum bytes, offset;
    int32_t first, last;
} Store;

/* Begin and end of an `if` or `while`. */
typedef struct {
    int32_t begin, end;
} Span;

typedef struct {
    Module *m;
    Job *job;
    Plan *plan;
    Region *main;
    int32_t now;
    int32_t *class_of; /* by value id */
    int32_t *part_of;  /* by value id, NONE: the class that stands for a part of another one's memory */
    Span *span;        /* by op id */
    int32_t *dying;    /* by step: the first class of the heap that ends there */
    VEC(Class) classes;
    VEC(Store) stores;
    VEC(Value *) weights;
    VEC(PlanBuf) bufs;
    VEC(PlanKernel) kernels;
    VEC(PlanCall) calls;
    VEC(uint32_t) call_bufs;
    VEC(PlanNum) dims;
    VEC(PlanReg) regs;
    VEC(PlanSite) sites;
    VEC(PlanNum) nums;
    VEC(uint32_t) evals;
    VEC(uint32_t) sets;
    VEC(Ctl) code;
    StrMap kernel_by_key;
    int32_t *reg_of_node; /* by node of the dim table, NONE: no register yet */
    const Machine *machine;
    uint32_t nnodes;
    VEC(bool) valid;         /* by register: computed on the way here */
    VEC(uint32_t) validated; /* in order */
} Planner;

/* -- plan_life.c: classes, and the steps between which they hold something ----------------------------- */
void plan_lives(Planner *p);
Class *class_at(Planner *p, const Value *v);
bool runs(const Op *kernel); /* it may have elements to compute */
bool takes_step(const Op *op);
bool has_open_dims(const Type *t);
bool same_bytes(const Type *a, const Type *b); /* of the same dims and elements */

/* -- plan_regs.c ------------------------------------------------------------------------------- */
void reg_input(Planner *p, const Type *t, uint32_t input); /* its symbols are the input's sizes */
uint32_t reg_symbol(Planner *p, Dim sym);                  /* one that control code sets */
/* The number; its registers are computed by `eval` unless they have been on the way here. */
PlanNum num_of(Planner *p, Dim d);
PlanNum reg_of(Planner *p, Dim d); /* without computing it */
PlanNum bytes_of(Planner *p, const Type *t);
bool known_at_entry(Planner *p, const Type *t);
bool is_entry(const Planner *p, PlanNum n);
PlanNum num_op(Planner *p, RegKind kind, PlanNum a, PlanNum b); /* of numbers known at entry */
/* Registers computed from here on are forgotten at the scope's end. */
uint32_t scope_begin(const Planner *p);
void scope_end(Planner *p, uint32_t mark);

/* -- plan.c ------------------------------------------------------------------------------------ */
void emit(Planner *p, CtlCode code, uint32_t a, uint32_t b, PlanNum n);

/* -- plan_memory.c: places in the arena -------------------------------------------------------- */
void place_stores(Planner *p);
#endif
