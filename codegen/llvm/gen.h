/* The builder that emitters write loop nests with. Only gen*.c, module.c, target.c, object.c and
 * service.c know LLVM.
 *
 * Ival is a number or an IR integer, and its arithmetic folds: one emitter serves static and free dims.
 * Vec is an SSA vector of `lanes` elements of a dtype; lanes is 1 (a scalar) or LANES on every target, and
 * LLVM splits it into the target's registers. Bool vectors are masks (i1 lanes); in memory a bool is a byte.
 */
#ifndef JITC_GEN_H
#define JITC_GEN_H

#include "ir/ir.h"

enum { LANES = 16 };

typedef struct Gen Gen;
typedef struct {
    bool konst;
    int64_t k;
    void *v;
} Ival;
typedef struct {
    bool konst, k;
    void *v;
} Cond;
typedef struct {
    void *v;
} Ptr;
typedef struct {
    void *v;
    DType dtype;
    uint8_t lanes;
} Vec;

/* What emitters may know of the target. */
typedef struct {
    bool fma;
    bool rounds;   /* to integers, in each mode, by one instruction */
    bool masks;    /* loads and stores some lanes of 4- and 8-byte elements by one instruction */
    bool bits32;   /* pointers, and the widest integers that it divides and converts */
    int vec_bytes; /* 16, 32, 64; 4 where there are no vectors */
    int vec_regs;  /* 16 or 32 */
} Isa;
const Isa *g_isa(const Gen *g);

/* -- The kernel's arguments ----------------------------------------------------------------------------- */
Ptr g_ptr(Gen *g, int i);  /* operand or result i */
Ival g_dim(Gen *g, int i); /* dim argument i */
Ival g_unit0(Gen *g);
Ival g_unit1(Gen *g);
Ptr g_scratch(Gen *g);
Ptr g_dims(Gen *g);     /* the dim arguments as they lie in memory */
int g_operands(Gen *g); /* how many pointers there are before the results'; one result */
Job *g_job(Gen *g);
/* All units of a kernel of this module, with these tables of pointers and dims. */
void g_call_kernel(Gen *g, void *fn, Ptr ptrs, Ptr dims, Ival units, Ptr scratch);
_Noreturn void g_fail(Gen *g, const char *fmt, ...)
    PRINTF(2, 3);                              /* this kernel cannot be emitted: a defect */
void g_report(Gen *g, Cond bad, Ival element); /* run-time error of this call, least element wins */

/* -- Integers (i64) ---------------------------------------------------------------------------- */
static inline Ival ival(int64_t k)
{
    return (Ival){true, k, NULL};
}
Ival i_add(Gen *g, Ival a, Ival b);
Ival i_sub(Gen *g, Ival a, Ival b);
Ival i_mul(Gen *g, Ival a, Ival b);
Ival i_div(Gen *g, Ival a, Ival b); /* a >= 0, b > 0 */
Ival i_mod(Gen *g, Ival a, Ival b); /* a >= 0, b > 0 */
Ival i_min(Gen *g, Ival a, Ival b); /* signed */
Ival i_max(Gen *g, Ival a, Ival b);
Ival i_select(Gen *g, Cond c, Ival a, Ival b);
Ival i_load(Gen *g, Ptr p, Ival at, DType t); /* integer element `at`, extended */
void i_store(Gen *g, Ptr p, Ival at, DType t, Ival v);
Cond c_lt(Gen *g, Ival a, Ival b); /* signed */
Cond c_le(Gen *g, Ival a, Ival b);
Cond c_ult(Gen *g, Ival a, Ival b); /* unsigned: 0 <= a < b in one test */
Cond c_eq(Gen *g, Ival a, Ival b);
Cond c_and(Gen *g, Cond a, Cond b);
Cond c_or(Gen *g, Cond a, Cond b);
Cond c_not(Gen *g, Cond a);
Cond c_from_v(Gen *g, Vec scalar); /* of bool */
Vec v_from_c(Gen *g, Cond c);
static inline Cond c_const(bool k)
{
    return (Cond){true, k, NULL};
}

/* Whether a kernel is to begin with its last unit: see jitc_run. */
Cond g_backward(Gen *g);

/* -- Control ----------------------------------------------------------------------------------- */
typedef struct {
    bool open, emitted, repeat;
    Ival i;
    Ival hi, step;
    Cond more; /* of REPEAT: once more? */
    Vec *carry;
    int ncarry;
    void *body, *exit, *iv, *phi[40], *init[40], *before;
} Loop;
/* Loop i over lo, lo+step, … below hi; step > 0. `carry`: values that the body replaces, phis in between. */
Loop g_for(Gen *g, Ival lo, Ival hi, Ival step, Vec *carry, int ncarry);
void g_end(Gen *g, Loop *l);
#define FOR(g, i, lo, hi, st)             for (Loop i = g_for(g, lo, hi, st, NULL, 0); i.open; g_end(g, &i))
#define FOR_CARRY(g, i, lo, hi, st, v, n) for (Loop i = g_for(g, lo, hi, st, v, n); i.open; g_end(g, &i))

/* While `first` and then while l.more, which the body sets, holds; l.i counts from 0. */
Loop g_repeat(Gen *g, Cond first, Vec *carry, int ncarry);
#define REPEAT(g, l, first, v, n) for (Loop l = g_repeat(g, first, v, n); l.open; g_end(g, &l))

enum { IF_CARRY_MAX = 8 };
typedef struct {
    bool open;
    void *then, *join, *before, *old[IF_CARRY_MAX];
    Vec *carry;
    int ncarry;
} If;
/* `carry`: values that the body replaces; where it is left out they stay. */
If g_if(Gen *g, Cond c, Vec *carry, int ncarry);
void g_fi(Gen *g, If *f);
#define IF(g, name, c)             for (If name = g_if(g, c, NULL, 0); name.open; g_fi(g, &name))
#define IF_CARRY(g, name, c, v, n) for (If name = g_if(g, c, v, n); name.open; g_fi(g, &name))

/* A function that kernels share, such as a register tile: never inlined, so that it is compiled once.
 * `params` has a letter per parameter: p pointer, i integer. While `fresh`, building goes into its body,
 * until g_sub_end; when this or another module has it already, only calls are left to do. */
typedef struct {
    bool fresh;
    void *fn, *outer, *block;
} Sub;
typedef struct {
    Ptr p;
    Ival i;
} SubArg;
Sub g_sub(Gen *g, const char *name, const char *params);
SubArg g_param(Gen *g, const Sub *s, int i);
void g_sub_end(Gen *g, Sub *s);
void g_call(Gen *g, const Sub *s, const SubArg *args, int n);

/* -- Memory ------------------------------------------------------------------------------------ */
Ptr p_at(Gen *g, Ptr p, Ival elements, DType t);
Ptr p_bytes(Gen *g, Ptr p, Ival bytes);
Ptr p_select(Gen *g, Cond c, Ptr a, Ptr b);
Cond p_equal(Gen *g, Ptr a, Ptr b);
Ptr p_entry(Gen *g, Ptr table, Ival at); /* where pointer number `at` of a table is */
Ptr p_load(Gen *g, Ptr table, Ival at);
void p_store(Gen *g, Ptr table, Ival at, Ptr p);
Vec v_load(Gen *g, Ptr p, Ival at, DType t, int lanes); /* elements from `at`, element alignment */
Vec v_load_line(Gen *g, Ptr p, Ival at, DType t);       /* LANES elements, known to be aligned to 64 bytes */
Vec v_load_n(Gen *g, Ptr p, Ival at, DType t,
             Vec mask); /* LANES lanes; masked-off lanes are zero and not read */
void v_store(Gen *g, Ptr p, Ival at, Vec v);
void v_store_n(Gen *g, Ptr p, Ival at, Vec v, Vec mask);
Vec v_gather(Gen *g, Ptr p, Ival at, Ival stride, DType t,
             Ival count);        /* lane i < count: element at + i*stride; others zero */
Vec v_first(Gen *g, Ival count); /* mask of the first `count` lanes */
/* Into the second-level cache: more can be under way than into the first. */
void g_prefetch(Gen *g, Ptr p);
/* No load moves past this place when instructions are scheduled. No instruction comes of it. */
void g_keep_order(Gen *g);

/* -- Vectors ----------------------------------------------------------------------------------- */
Vec v_f(Gen *g, DType t, int lanes, double k); /* constants */
Vec v_i(Gen *g, DType t, int lanes, int64_t k);
Vec v_bytes(Gen *g, DType t, int lanes, const void *element); /* as it lies in memory; not of bool */
Vec v_iota(Gen *g, DType t);                                  /* 0, 1, … LANES-1 */
Vec v_from_i(Gen *g, Ival a, DType t);                        /* scalar of an integer or floating dtype */
Ival i_from_v(Gen *g, Vec scalar);                            /* of an integer dtype */
Vec v_splat(Gen *g, Vec scalar, int lanes);
Vec v_lane(Gen *g, Vec v, int lane);
Vec v_insert(Gen *g, Vec v, int lane, Vec scalar);
Vec v_shuffle(Gen *g, Vec a, Vec b, const int *lane, int n); /* lanes of a, then of b */
Vec v_add(Gen *g, Vec a, Vec b);                             /* integers wrap */
Vec v_sub(Gen *g, Vec a, Vec b);
Vec v_mul(Gen *g, Vec a, Vec b);
Vec v_div(Gen *g, Vec a, Vec b);          /* floats; integers: truncating, x/0 = 0, MIN/-1 = MIN */
Vec v_rem(Gen *g, Vec a, Vec b);          /* integers: sign of a, x%0 = 0 */
Vec v_mac(Gen *g, Vec a, Vec b, Vec acc); /* acc + a*b, fused where the target has it */
Vec v_fma(Gen *g, Vec a, Vec b, Vec c);   /* the same */
Vec v_neg(Gen *g, Vec a);
Vec v_abs(Gen *g, Vec a);
Vec v_sqrt(Gen *g, Vec a);
Vec v_floor(Gen *g, Vec a);
Vec v_ceil(Gen *g, Vec a);
Vec v_rint(Gen *g, Vec a); /* half to even */
typedef enum {
    CMP_EQ,
    CMP_NE,
    CMP_LT,
    CMP_LE,
    CMP_GT,
    CMP_GE,
    CMP_UNORD
} Cmp; /* ordered, but NE: unordered too */
Vec v_cmp(Gen *g, Cmp c, Vec a, Vec b);
Vec v_select(Gen *g, Vec mask, Vec a, Vec b);
Vec v_and(Gen *g, Vec a, Vec b); /* masks and integers */
Vec v_or(Gen *g, Vec a, Vec b);
Vec v_xor(Gen *g, Vec a, Vec b);
Vec v_not(Gen *g, Vec a);
Vec v_shl(Gen *g, Vec a, int bits);
Vec v_shr(Gen *g, Vec a, int bits); /* logical */
Vec v_sar(Gen *g, Vec a, int bits);
Vec v_shift(Gen *g, Vec a, Vec bits,
            bool left); /* each lane by its own distance, below the bits of the dtype */
Vec v_popcount(Gen *g, Vec a);
Vec v_bits(Gen *g, Vec a, DType t); /* same bits, other dtype of the same size */
Vec v_cast(Gen *g, Vec a,
           DType t); /* as TensorFlow casts: floats truncate (saturating, NaN gives 0); bool is != 0 */

/* The kernel text, parsed, with its header. */
typedef struct Kernel Kernel;

/* A part of a kernel that consists of kernels. */
typedef struct {
    const Kernel *kernel;
    void *fn;
    int ndims;
    const int *operand; /* per operand: which one of the whole it is; -1: what the part before has left */
} KernelPart;

struct Kernel {
    Module *m;
    Region *body;
    const char *algo;
    /* Header fields; 0 when absent. */
    int64_t kmult, run16, in_lines, linear, far, step, rows, kcut, ntail, ctail, ktail, widths, parts, pitch,
        bykey, xblocked, oblocked, direct;
    int nin, nout;
    const struct CustomNode *custom; /* of a call of an operator of the user's */
    const KernelPart *part;          /* of a chain, say, which has no body */
    int nparts;
};
#endif
