/* The plan of one version of a program: which kernels run on which buffers, and where the buffers lie. It has
 * no pointers into code or weights, and prints as text.
 *
 * Sizes that only a run knows are registers. Those that follow from the inputs' sizes are computed when the
 * inputs are bound, the others by the control code. */
#ifndef JITC_PLAN_H
#define JITC_PLAN_H

#include "codegen/plan/spec.h"
#include "codegen/plan/work.h"
#include "ir/base/archive.h"

/* >= 0: the number; < 0: register -n - 1. */
typedef int64_t PlanNum;
static inline int64_t plan_num(PlanNum n, const int64_t *reg)
{
    return n >= 0 ? n : reg[-n - 1];
}

typedef enum {
    REG_INPUT, /* dimension b of input a */
    REG_RUN,   /* set by control code */
    REG_CONST, /* a, which is negative */
    REG_ADD,   /* of nums a and b, and so on */
    REG_MUL,
    REG_DIV, /* floor */
    REG_MOD,
    REG_MIN,
    REG_MAX
} RegKind;

typedef struct {
    RegKind kind;
    int64_t a, b;
    bool entry; /* follows from the inputs' sizes */
} PlanReg;
/* The value of a computed register; saturates. */
int64_t plan_reg_value(const PlanReg *r, const int64_t *reg);

/* HEAP: memory that the control code allocates, of sizes that only a run tells. */
typedef enum { BUF_INPUT, BUF_OUTPUT, BUF_WEIGHT, BUF_SLOT, BUF_HEAP } BufKind;

/* A buffer: an argument of @main, a result of it, a packed weight, part of the arena or of the heap. */
typedef struct {
    BufKind kind;
    Type type;      /* dims are PlanNums */
    uint32_t index; /* INPUT, OUTPUT, WEIGHT: its number */
    PlanNum offset; /* SLOT: place in the arena; OUTPUT: bytes from its beginning */
    PlanNum bytes;
    int32_t first, last; /* SLOT: the steps between which it holds something */
    bool part;           /* lies in another buffer of its kind, perhaps with gaps between its rows */
    const char *tensor;  /* the TensorFlow tensor that it equals, or NULL */
} PlanBuf;

typedef struct {
    const char *text; /* see spec.h */
    size_t size;
    Hash key;
    const struct CustomNode *custom; /* calls an operator of the user's; NULL: it is code */
} PlanKernel;

/* What the kernel's text says that an index out of range means: *at, of the length that it gives; 0: nothing.
 */
static inline int plan_report(const PlanKernel *k, const char **at)
{
    static const char key[] = "report=\"";
    const char *p = strstr(k->text, key), *end = p ? strchr(p + sizeof key - 1, '"') : NULL;
    if (!end) return 0;
    *at = p + sizeof key - 1;
    return (int)(end - *at);
}

typedef struct {
    uint32_t kernel;
    uint32_t buf0, noperands, nresults; /* PlanBuf numbers from call_buf[buf0]: operands, then results */
    uint32_t dim0, ndims;               /* PlanNums from dim[] */
    bool open;                          /* some dim, or units, is a register */
    PlanNum units, scratch, elements;   /* scratch: bytes per share; no elements: the call is left out */
    int64_t grain;
    int32_t in_place; /* operand whose place the result takes, or -1 */
    int32_t step;
    KernelWork work;
    const Op *op;             /* the kernel, while the module lives */
    const char *const *nodes; /* TensorFlow nodes whose work it does */
    uint32_t nnodes;
    const char *problem[2]; /* see KernelSpec */
} PlanCall;

/* What an instruction needs beyond its operands: num0 and nnums are PlanNums from num[]. */
typedef struct {
    uint32_t num0, nnums; /* bind: registers; sizes: numbers; check: pairs */
    int64_t least;        /* bind */
    DType dtype;          /* bind, sizes */
    const char *node;     /* for messages */
} PlanSite;

typedef enum {
#define CTL(name, help) CTL_##name,
#include "codegen/plan/ctl.def"
#undef CTL
} CtlCode;

typedef struct {
    CtlCode code;
    uint32_t a, b;
    PlanNum n;
} Ctl;

enum { PLAN_MAX_DIMS = SPEC_MAX_DIMS, PLAN_MAX_OPERANDS = 128 }; /* of one call */

typedef struct Plan {
    PlanBuf *buf;
    PlanKernel *kernel; /* unique by key */
    PlanCall *call;
    uint32_t *call_buf;
    PlanNum *dim;
    PlanReg *reg; /* after those that they are computed of */
    PlanSite *site;
    PlanNum *num;
    uint32_t *eval, *set; /* set: pairs of registers, to and from */
    Ctl *code;            /* ended by `ret` */
    uint32_t nbuf, nkernel, ncall, ncall_buf, ndim, nreg, nsite, nnum, neval, nset, ncode;
    uint32_t nin, nout, nweight;
    uint32_t *in_buf, *out_buf; /* input i, output i */
    Type *out_type;             /* dims are PlanNums */
    PlanNum arena, scratch;     /* bytes, known at entry; scratch: per share, of calls that tell it then */
    bool moves;                 /* control code changes where buffers are */
    int64_t macs;
    /* While the module lives: weight i is this value of @main. */
    Value **weight;
} Plan;

/* Plans a module whose regions hold kernels, views, constants, weights, sizes and control flow only. Symbols
 * of the types of @main's arguments are the inputs' dimensions. */
Plan *plan_make(Module *m, const Machine *machine);
/* A copy that does not depend on the module. */
Plan *plan_copy(Job *job, const Plan *p);
/* All of a plan but what the module has; only copies of plans that call operators of the program's. */
void plan_archive(Archive *a, Plan *p);
void plan_print(const Plan *p, Str *s);
/* Whether the inputs' sizes tell those of the type, whose dims are PlanNums. */
static inline bool plan_known_at_entry(const Plan *p, const Type *t)
{
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] < 0 && !p->reg[-t->dim[d] - 1].entry) return false;
    return true;
}
/* Whether no two slots that hold something at the same time share memory, other than in place. */
bool plan_check(const Plan *p, Str *why);
#endif
