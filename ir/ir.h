/* The graph IR: typed SSA with regions.
 *
 * A Module holds functions; a Func is one Region; a Region is a list of Ops ended by a `yield` (printed as
 * `return` in a function). Every Op's behaviour stands in one OpDef (ir/ops/<op>.c). All memory belongs to
 * the module's Job. Ids, never pointers, give any order or hash. */
#ifndef JITC_IR_H
#define JITC_IR_H

#include "ir/base/base.h"

#define IR_MAX_RANK JITC_MAX_RANK

/* -- Element types: TensorFlow's numbers ---------------------------------------------------------- */
typedef uint8_t DType;
bool dtype_known(DType t);
bool dtype_is_float(DType t);   /* f16 bf16 f32 f64 */
bool dtype_is_int(DType t);     /* signed and unsigned, not bool */
bool dtype_is_signed(DType t);  /* signed integers */
bool dtype_is_complex(DType t); /* no op computes with them: importers do, on pairs of floats */
DType dtype_part(DType t);      /* of a complex type: that of its real part; else 0 */
size_t dtype_size(DType t);
const char *dtype_name(DType t);               /* "f32" */
DType dtype_parse(const char *text, size_t n); /* 0 when unknown */

/* -- Dimensions: integer expressions over symbols, hash-consed per module ------------------------- */
/* >= 0: the number; < 0: node -d-1 of the module's table. Equal ids are provably equal. */
typedef int64_t Dim;
typedef struct Module Module;
static inline bool dim_known(Dim d)
{
    return d >= 0;
}
Dim dim_sym(Module *m, const char *name); /* the symbol of that name, made on first use */
Dim dim_fresh(Module *m, const char *prefix);
Dim dim_add(Module *m, Dim a, Dim b);
Dim dim_sub(Module *m, Dim a, Dim b);
Dim dim_mul(Module *m, Dim a, Dim b);
Dim dim_floordiv(Module *m, Dim a, Dim b);
Dim dim_ceildiv(Module *m, Dim a, Dim b);
Dim dim_mod(Module *m, Dim a, Dim b);
Dim dim_min(Module *m, Dim a, Dim b);
Dim dim_max(Module *m, Dim a, Dim b);
void dim_print(const Module *m, Str *s, Dim d);
Dim dim_subst(Module *m, Dim d, Dim sym, Dim value);
bool dim_is_sym(const Module *m, Dim d);
/* A dim that is not a symbol may still be a negative constant inside an expression; a tensor dim may not. */

/* -- Types ------------------------------------------------------------------------------------------ */
/* Layout: how the logical dims lie in memory. PANEL is the form of a matrix product's right operand [..., k,
 * n]: panels of 16 outputs, each a sequence over k of 64-byte lines (f32), n padded with zeros to 16; dims
 * before the last two count batches. FILTER is the same for a convolution's right operand, where all dims
 * before the last are one k.
 *
 * An image [n, h, w, c] that lies plain has channels last. NCHW is channels first. BLOCKED is [c/16, h, w,
 * 16], for one image whose c is a known multiple of 16. */
enum { IMAGE_BLOCK = 16 }; /* channels */
typedef enum { LAYOUT_PLAIN, LAYOUT_PANEL, LAYOUT_FILTER, LAYOUT_NCHW, LAYOUT_BLOCKED, LAYOUTS } Layout;
const char *layout_name(Layout l); /* "panel"; "plain" */
bool layout_of_images(Layout l);   /* NCHW, BLOCKED */

typedef struct {
    DType dtype;
    uint8_t rank, layout;
    Dim dim[IR_MAX_RANK];
} Type;

Type type_make(DType t, int rank, const Dim *dim);
static inline Type type_scalar(DType t)
{
    return type_make(t, 0, NULL);
}
bool type_equal(const Type *a, const Type *b);
bool type_static(const Type *t);   /* every dim known */
int64_t type_numel(const Type *t); /* static types only; saturates at INT64_MAX */
int64_t type_bytes(const Type *t); /* numel * size; of panels: the padded size */
/* Whether a tensor of these dims may lie so. */
bool type_may_lie(const Type *t, Layout l);
int64_t type_place(const Type *t,
                   int64_t i); /* where element i of the logical tensor is; static types only */
void type_print(const Module *m, Str *s, const Type *t);

/* A dense tensor for the evaluator: static type, data in row-major order. */
typedef struct {
    Type type;
    void *data;
} Tensor;
Tensor tensor_new(Job *job, const Type *t);  /* zeroed; unwinds when too large */
double tensor_f(const Tensor *t, int64_t i); /* element as double; integers converted */
int64_t tensor_i(const Tensor *t, int64_t i);
/* Rounds to the dtype; integers truncate and saturate. */
void tensor_set_f(const Tensor *t, int64_t i, double v);
void tensor_set_i(const Tensor *t, int64_t i, int64_t v); /* wraps to the dtype */

/* -- Ops ---------------------------------------------------------------------------------------------- */
typedef enum {
    KIND_CONST,    /* const, weight, shape_of: no operand is read */
    KIND_MAP,      /* elementwise, numpy broadcasting */
    KIND_REDUCE,   /* over attribute `axes` (or `axis`) */
    KIND_ROW,      /* over the last dim, same shape out: softmax */
    KIND_SCAN,     /* along `axis`, same shape out */
    KIND_WINDOW,   /* NHWC pooling */
    KIND_CONTRACT, /* dot, conv */
    KIND_VIEW,     /* same bytes, other dims or type */
    KIND_MOVE,     /* affine index map */
    KIND_INDEX,    /* data-dependent or computed index map */
    KIND_ROUTINE,  /* sorting and the like */
    KIND_SIZE,     /* bind, check: sizes that only a run knows */
    KIND_REGION    /* kernel, if, while, yield */
} OpKind;

typedef enum {
#define OP(name) OP_##name,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} OpCode;

typedef enum {
    ATTR_NONE,
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_BOOL,
    ATTR_DTYPE,
    ATTR_STR,
    ATTR_INTS,
    ATTR_DIMS
} AttrKind;

typedef struct {
    AttrKind kind;
    uint32_t n; /* INTS, DIMS */
    union {
        int64_t i; /* INT, BOOL, DTYPE */
        double f;
        const char *s;
        const int64_t *v; /* INTS, DIMS (Dim is int64_t) */
    };
} Attr;

typedef struct {
    const char *name;
    AttrKind kind;
    bool has_default; /* otherwise required */
    double def;       /* INT, FLOAT, BOOL, DTYPE; for INTS with a default: the empty list; STR: "" */
} AttrDef;
#define IR_MAX_ATTRS 10
enum { MAP_MAX_IN = 8 }; /* operands of an op of KIND_MAP */

typedef struct Op Op;
typedef struct Value Value;
typedef struct Region Region;
typedef struct Func Func;

/* What `infer` sees: fill out[0..nout) or say why not. */
typedef struct {
    Dim a, b;
} DimPair;
typedef VEC(DimPair) DimPairs;
typedef struct {
    Module *m;
    char *why;       /* set by infer_fail */
    DimPairs *equal; /* receives sizes that must be equal and are not known to be; may be NULL */
} InferCx;
bool infer_fail(InferCx *cx, const char *fmt, ...) PRINTF(2, 3); /* returns false */

/* Elementwise functions for the shared evaluator of map ops; integers may be given separately. */
typedef struct {
    double (*f1)(double);
    double (*f2)(double, double);
    int64_t (*i1)(int64_t);
    int64_t (*i2)(int64_t, int64_t);
    bool to_bool; /* result is bool */
} MapFns;

typedef struct {
    Job *job;
    Module *m;
    const Op *op;
} EvalCx;

typedef struct Builder Builder;

typedef struct OpDef {
    const char *name, *doc; /* doc: one line, what it computes */
    OpKind kind;
    bool commutative;
    int8_t nin, nin_max;         /* operands; nin_max 0: exactly nin, -1: any number from nin */
    int8_t nout;                 /* results; -1: as many as attribute `types` has elements */
    uint8_t cost;                /* arithmetic per element, an addition being 1; 0 stands for 1 */
    AttrDef attrs[IR_MAX_ATTRS]; /* ended by an empty name */
    bool (*infer)(InferCx *cx, const Op *op, Type *out);
    void (*eval)(EvalCx *cx, const Tensor *in, Tensor *out); /* out: allocated, typed */
    MapFns map;                                              /* KIND_MAP without an eval of its own */
    /* A simpler value for result 0, or NULL. May build new ops before `op`. Never looks at weight bytes. */
    Value *(*simplify)(Builder *b, Op *op);
    /* Abstract evaluation of a small integer tensor over Dims; false: not known. n = number of elements. */
    bool (*dims)(Module *m, const Op *op, Dim *out, int n);
    /* KIND_ROUTINE. The number of leading dims of result 0 over which the op is independent; NULL: none. */
    int (*outer)(const Op *op);
    Dim (*scratch)(Module *m, const Op *op); /* bytes per share; NULL: none */
    bool in_place; /* the result may lie where operand 0 does; the op writes only what differs from it */
} OpDef;

static inline int op_cost(const OpDef *d)
{
    return d->cost ? d->cost : 1;
}
enum { COST_HEAVY = 12 }; /* of functions such as exp */

extern const OpDef *const op_defs[OP_COUNT];
const OpDef *op_find(const char *name, size_t n); /* NULL when unknown */

typedef struct From From; /* interned set of the frontend's nodes whose work an op contains */
struct From {
    uint32_t n;
    const uint32_t *node; /* ascending indices into Module.nodes */
};

/* Where a weight's bytes come from. No pass reads them; weight_read() is for @init, packing and facts. */
typedef enum { WEIGHT_FILE, WEIGHT_BYTES, WEIGHT_SPLAT, WEIGHT_RAND, WEIGHT_INIT } WeightKind;
typedef struct {
    WeightKind kind;
    uint64_t offset;    /* FILE: printed as file+offset; RAND: seed; INIT: result number of @init */
    double splat;       /* SPLAT */
    const void *bytes;  /* BYTES: dense, plain layout */
    const void *handle; /* FILE: the frontend's own tensor record */
} WeightRef;

struct Value {
    uint32_t id;
    uint32_t index; /* result number, or block argument number */
    Type type;
    Op *def;            /* NULL: a block argument */
    Region *owner;      /* of a block argument */
    const char *name;   /* of the text form; may be NULL */
    const char *tensor; /* the TensorFlow tensor that it equals, or NULL */
    Op **uses;          /* one entry per operand that reads it */
    uint32_t nuses, cap_uses;
};

struct Op {
    uint32_t id;
    OpCode code;
    const OpDef *def;
    uint16_t nin, nout;
    Value **in, **out;
    Attr *attrs;   /* parallel to def->attrs */
    Region *body;  /* kernel, while; the `then` of if */
    Region *other; /* the condition of while; the `else` of if */
    Region *parent;
    Op *prev, *next;
    const From *from;
    Tensor value;     /* const */
    WeightRef weight; /* weight */
    uint32_t mark;    /* scratch of the running pass */
};

struct Region {
    Op *first, *last;
    Value **args;
    uint32_t nargs;
    Op *owner; /* NULL: a function's body */
};

struct Func {
    const char *name;
    Region *body;
    Func *next;
};

typedef struct Remark Remark;
struct Remark {
    const char *pass, *text;
    const From *from;
    Remark *next;
};

typedef struct DimTable DimTable;
struct Module {
    Job *job;
    Func *funcs; /* main first, then init */
    uint32_t next_value, next_op;
    DimTable *dims;
    VEC(const char *) nodes;    /* names of the frontend's nodes, by index */
    VEC(const char *) node_ops; /* their op types */
    VEC(const From *) froms;
    Remark *remarks, *last_remark;
    int64_t fuel;                   /* rewrites left; INT64_MAX: no limit */
    uint64_t rewrites;              /* done so far */
    uint32_t reveals;               /* private to know.c */
    uint32_t dims_depth, dims_left; /* of ir_dims_of */
    /* Reads a WEIGHT_FILE's bytes, dense and plain, into dst; false: cannot be read (reported). */
    bool (*read_file)(void *arg, Job *job, const WeightRef *w, const Type *t, void *dst);
    void *read_arg;
    const struct CustomOps *custom;        /* operators of the user's, or NULL: see custom.h */
    const struct Tuning *tuning;           /* choices that were measured, or NULL: see tuning.h */
    VEC(struct CustomNode *) custom_nodes; /* by attribute `call` of their ops */
};

Module *ir_module(Job *job);
Func *ir_func(Module *m, const char *name); /* adds an empty function */
Func *ir_find_func(const Module *m, const char *name);
Region *ir_region(Module *m, Op *owner);
Value *ir_arg(Module *m, Region *r, Type t, const char *name); /* adds a block argument */
/* Functions' bodies, and the regions of `if` and `while` in them, outer ones first: what passes work on. The
 * bodies of kernels are not among them. */
typedef struct {
    Region **at;
    uint32_t n;
} Regions;
Regions ir_regions(Module *m);
Regions ir_func_regions(Module *m, const Func *f);
bool ir_inside(const Region *inner, const Region *outer); /* equal, or nested in it */

/* -- Building ----------------------------------------------------------------------------------------- */
struct Builder {
    Module *m;
    Region *region;
    Op *before; /* insert before this op; NULL: at the end */
    const From *from;
};

typedef struct {
    const char *name;
    Attr attr;
} AttrArg;
static inline AttrArg at_i(const char *n, int64_t v)
{
    return (AttrArg){n, {ATTR_INT, 0, {.i = v}}};
}
static inline AttrArg at_b(const char *n, bool v)
{
    return (AttrArg){n, {ATTR_BOOL, 0, {.i = v}}};
}
static inline AttrArg at_t(const char *n, DType v)
{
    return (AttrArg){n, {ATTR_DTYPE, 0, {.i = v}}};
}
static inline AttrArg at_f(const char *n, double v)
{
    return (AttrArg){n, {ATTR_FLOAT, 0, {.f = v}}};
}
static inline AttrArg at_s(const char *n, const char *v)
{
    return (AttrArg){n, {ATTR_STR, 0, {.s = v}}};
}
static inline AttrArg at_is(const char *n, const int64_t *v, int k)
{
    return (AttrArg){n, {ATTR_INTS, (uint32_t)k, {.v = v}}};
}
static inline AttrArg at_ds(const char *n, const Dim *v, int k)
{
    return (AttrArg){n, {ATTR_DIMS, (uint32_t)k, {.v = v}}};
}

/* Adds an op, infers its result types. Lists are copied. When the types do not fit, reports an error that
 * names the builder's node and returns NULL. */
Op *ir_op(Builder *b, OpCode code, Value *const *in, int nin, const AttrArg *attrs, int nattrs);
/* The same, giving result 0. */
Value *ir_v(Builder *b, OpCode code, Value *const *in, int nin, const AttrArg *attrs, int nattrs);
#define IN(...)  (Value *[]){__VA_ARGS__}, (int)(sizeof((Value *[]){__VA_ARGS__}) / sizeof(Value *))
#define AT(...)  (AttrArg[]){__VA_ARGS__}, (int)(sizeof((AttrArg[]){__VA_ARGS__}) / sizeof(AttrArg))
#define NO_ATTRS NULL, 0
#define NO_IN    NULL, 0

Value *ir_const(Builder *b, const Tensor *t); /* copies */
Value *ir_const_i(Builder *b, DType t, int64_t v);
Value *ir_const_f(Builder *b, DType t, double v);
Value *ir_const_ints(Builder *b, DType t, const int64_t *v, int n);
Value *ir_weight(Builder *b, Type t, WeightRef w);
void ir_yield(Builder *b, Value *const *v, int n); /* `return` of a function, `yield` of a region */
/* A kernel around a finished region, whose arguments match `in`; result types are what it yields (at most
 * 64). */
Op *ir_kernel(Builder *b, Value *const *in, int nin, const char *algo, Region *body);
/* Control flow. Regions are made with owner NULL, filled, and moved in as they are; they see the values of
 * the regions around them. A size that changes on the way is a symbol of its own in the result's type: of a
 * `while`, in the arguments of both regions alike; of an `if`, made here where the branches differ. NULL:
 * the branches do not fit (reported). */
Op *ir_if(Builder *b, Value *pred, Region *then, Region *otherwise);
Op *ir_while(Builder *b, Value *const *in, int nin, Region *cond, Region *body);
/* Moves (copies) a region's ops to the builder's place; its arguments become `args`, what it yields goes to
 * `out`. Copies share the symbols of the sizes that their ops bind. */
void ir_inline_region(Builder *b, Region *r, Value *const *args, Value **out);
void ir_copy_region(Builder *b, const Region *r, Value *const *args, Value **out);
Op *ir_clone(Builder *b, const Op *op, Value *const *in); /* same op and types, other operands; no body */
bool ir_infer(Module *m, const Op *op, Type *out, char **why);
/* The sizes that the op takes for equal, without proof. */
void ir_assumed_equal(Module *m, const Op *op, DimPairs *out);
OpCode ir_code(const OpDef *def);
Op *ir_terminator(const Region *r);

/* Frequent forms. */
Value *ir_reshape(Builder *b, Value *x, const Dim *dim, int rank);
Value *ir_transpose(Builder *b, Value *x, const int64_t *perm);
Value *ir_unary(Builder *b, OpCode code, Value *x);
Value *ir_binary(Builder *b, OpCode code, Value *x, Value *y);
Value *ir_cast(Builder *b, Value *x, DType t);
/* Dims only; false: they do not fit. */
bool ir_broadcast_dims(Module *m, const Type *a, const Type *b, Type *out);

/* -- Attributes: by name; asking for one that the op lacks is a defect --------------------------------- */
int64_t attr_i(const Op *op, const char *name);
double attr_f(const Op *op, const char *name);
const char *attr_s(const Op *op, const char *name);
const int64_t *attr_v(const Op *op, const char *name, int *n); /* INTS, DIMS; n may be NULL */
void attr_set(Module *m, Op *op, AttrArg a);

/* -- Rewriting ------------------------------------------------------------------------------------------ */
/* The only way to replace a value: all uses of `old` read `by`, provenance moves along. False (and nothing
 * done) when the fuel is used up. */
bool ir_replace(Module *m, Value *old, Value *by);
void ir_set_operand(Module *m, Op *op, int i, Value *v); /* for building; rewrites go through ir_replace */
void ir_add_operand(Module *m, Op *op, Value *v);
void ir_drop_operand(Module *m, Op *op, int i);
void ir_drop_arg(Region *r, int i); /* it has no uses; what flows into it is the caller's business */
void ir_drop_result(Op *op, int i); /* likewise */
void ir_subst_dim(Module *m, Dim sym, Dim value); /* in all types and attributes */
void ir_erase(Module *m, Op *op);                 /* no result may have uses */
void ir_move_before(Op *op, Op *before);
void ir_move(Op *op, const Builder *to);
const From *ir_from(Module *m, const uint32_t *node, uint32_t n); /* interned */
const From *ir_from_union(Module *m, const From *a, const From *b);
/* A `concat` outside of kernels computes nothing: its operands lie in its result. Value v's rows, along its
 * last dim, begin at element `offset` of the memory of `whole`, and `pitch` elements from each other. */
typedef struct {
    Value *whole; /* v itself where it lies alone */
    Dim offset, pitch;
} Placement;
Placement ir_placement(Module *m, Value *v);
bool ir_is_run(const Type *t, int axis); /* the parts of a concat along this axis are runs of elements */
void ir_remark(Module *m, const char *pass, const From *from, const char *fmt, ...) PRINTF(4, 5);
const char *ir_node_name(const Module *m, const From *from); /* the last node's, or "?" */
#define ir_each_op(op, region)                                                                               \
    for (Op *op = (region)->first, *op##_next; op && (op##_next = op->next, 1); op = op##_next)

static inline bool is_op(const Value *v, OpCode c)
{
    return v->def && v->def->code == c;
}
static inline bool is_kind(const Value *v, OpKind k)
{
    return v->def && v->def->def->kind == k;
}
static inline bool is_const(const Value *v)
{
    return is_op(v, OP_const);
}
static inline bool is_const_like(const Value *v)
{
    return is_op(v, OP_const) || is_op(v, OP_weight);
}
static inline bool one_use(const Value *v)
{
    return v->nuses == 1;
}

/* -- Knowledge about values -------------------------------------------------------------------------- */
/* Elements of a small integer tensor as Dims, by abstract evaluation; false: they depend on data. */
bool ir_dims_of(Module *m, Value *v, Dim *out, int n);
/* It may be computed at any time and any number of times, or not at all: what is computed when compiling is.
 * All ops but calls of custom operators that do not say so. */
bool op_is_pure(const Op *op);
/* No size among the attributes is a symbol's. */
bool op_sizes_known(const Module *m, const Op *op);
/* The value itself, when it depends on constants and on weights of at most 64 elements only ("reveal": code
 * that uses it depends on those weights). NULL: not known. */
const Tensor *ir_reveal(Module *m, Value *v);
/* Weights of any size: for @init and tests, never for passes. */
const Tensor *ir_reveal_any(Module *m, Value *v);
/* A recorded yes/no question about a constant or weight: are all elements equal to x? */
bool ir_all_equal(Module *m, Value *v, double x);
/* Bytes of a weight, dense and plain. For @init, packing, facts. False: reported in the job. */
bool weight_read(Module *m, const WeightRef *w, const Type *t, void *dst);

/* -- Text form, verifier, evaluator ----------------------------------------------------------------- */
void ir_print(const Module *m, Str *s);
void ir_print_region(const Module *m, Str *s, const Region *r, int indent);
/* Parses a module; errors go to the job with line numbers; NULL when there are any. */
Module *ir_parse(Job *job, const char *text, size_t n);
bool ir_verify(const Module *m, Str *why); /* structure, types by re-inference, dominance */

void ir_eval_op(Module *m, const Op *op, const Tensor *in, Tensor *out);
/* Runs a region; args and results are tensors; also used for kernels. */
void ir_eval_region(Module *m, const Region *r, const Tensor *args, Tensor *results);
/* The same, and tells each value of the region's own ops; values in loops and branches are not told. */
typedef void EvalTrace(void *arg, const Value *v, const Tensor *t);
void ir_eval_traced(Module *m, const Region *r, const Tensor *args, Tensor *results, EvalTrace *trace,
                    void *arg);
/* Weights as the evaluator reads them, cached per op while `job` lives. */

/* Shared helpers of ops/ *.c */
int64_t norm_axis(int64_t axis, int rank); /* negative axes count from the end; -1 when out of range */
bool infer_same(InferCx *cx, const Op *op, Type *out);      /* result type = operand 0's */
bool infer_map(InferCx *cx, const Op *op, Type *out);       /* broadcast, same dtype */
bool infer_compare(InferCx *cx, const Op *op, Type *out);   /* broadcast, bool result */
bool infer_float_map(InferCx *cx, const Op *op, Type *out); /* as infer_map, floating point only */
void strides_of(const Type *t, int64_t *stride);            /* row-major, in elements */
#endif
