/* Custom operators made of code: functions in LLVM's text form inside kernels, against the same in C and
 * against the evaluator; and code that is refused. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "jitc/op.h"
#include "runtime/file.h"
#include "runtime/jitc_internal.h"
#include "tests/unit/suites.h"

/* -- Code ------------------------------------------------------------------------------------------------ */
static const char code[] =
    "@table = internal constant [4 x float] [float 1.0, float 10.0, float 100.0, float 1000.0]\n"
    "@state = internal global i32 0\n"
    "@far = external global float\n"
    "declare float @expf(float)\n"
    "declare float @tanhf(float)\n"
    "declare double @pow(double, double)\n"
    "declare float @missing(float)\n"
    "declare float @llvm.fabs.f32(float)\n"
    "declare float @llvm.round.f32(float)\n"
    "declare float @llvm.maxnum.f32(float, float)\n"
    "declare i32 @llvm.ctlz.i32(i32, i1)\n"
    /* x > 0 ? x : alpha * (exp(x) - 1) */
    "define float @elu(float %x, float %alpha) {\n"
    "  %pos = fcmp ogt float %x, 0.0\n"
    "  br i1 %pos, label %done, label %low\n"
    "low:\n"
    "  %e = tail call float @expf(float %x)\n"
    "  %m = fsub float %e, 1.0\n"
    "  %s = fmul float %alpha, %m\n"
    "  br label %done\n"
    "done:\n"
    "  %r = phi float [ %x, %0 ], [ %s, %low ]\n"
    "  ret float %r\n"
    "}\n"
    /* several ways out, through memory, as compilers write it without optimising; never inlined elsewhere */
    "define internal float @half(float %x) noinline optnone {\n"
    "  %p = alloca float\n"
    "  store float %x, ptr %p\n"
    "  %v = load float, ptr %p\n"
    "  %h = fmul float %v, 0.5\n"
    "  ret float %h\n"
    "}\n"
    "define float @ways(float %x) \"target-cpu\"=\"skylake\" \"target-features\"=\"+avx2\" {\n"
    "  %i = fptosi float %x to i32\n"
    "  switch i32 %i, label %other [ i32 0, label %zero\n i32 1, label %one\n i32 5, label %one\n i32 7, "
    "label %seven ]\n"
    "zero:\n"
    "  ret float 42.0\n"
    "one:\n"
    "  %h = call float @half(float %x)\n"
    "  ret float %h\n"
    "seven:\n"
    "  %t = call float @tanhf(float %x)\n"
    "  br label %other\n"
    "other:\n"
    "  %v = phi float [ %x, %0 ], [ %t, %seven ]\n"
    "  %r = call float @llvm.round.f32(float %v)\n"
    "  ret float %r\n"
    "}\n"
    /* reads a table inside a condition: what is out of range must not be read */
    "define float @lookup(float %x, i32 %n) {\n"
    "  %i = fptosi float %x to i32\n"
    "  %in = icmp ult i32 %i, %n\n"
    "  br i1 %in, label %yes, label %no\n"
    "yes:\n"
    "  %wide = zext i32 %i to i64\n"
    "  %p = getelementptr inbounds [4 x float], ptr @table, i64 0, i64 %wide\n"
    "  %v = load float, ptr %p\n"
    "  ret float %v\n"
    "no:\n"
    "  ret float -1.0\n"
    "}\n"
    /* six rounds of Newton's method for the root */
    "define double @root(double %x, double %y) {\n"
    "entry:\n"
    "  br label %loop\n"
    "loop:\n"
    "  %k = phi i32 [ 0, %entry ], [ %k1, %loop ]\n"
    "  %r = phi double [ %x, %entry ], [ %r1, %loop ]\n"
    "  %q = fdiv double %x, %r\n"
    "  %s = fadd double %q, %r\n"
    "  %r1 = fmul double %s, 0.5\n"
    "  %k1 = add i32 %k, 1\n"
    "  %more = icmp ult i32 %k1, 6\n"
    "  br i1 %more, label %loop, label %end\n"
    "end:\n"
    "  %z = tail call double @pow(double %r1, double %y)\n"
    "  ret double %z\n"
    "}\n"
    /* conditions in a branch that is not taken mean nothing: the integer there does not exist for large x */
    "define float @nested(float %x, float %y) {\n"
    "  %small = fcmp olt float %x, 100.0\n"
    "  br i1 %small, label %in, label %large\n"
    "in:\n"
    "  %i = fptosi float %x to i32\n"
    "  %k = shl i32 1, %i\n"
    "  %q = sdiv i32 1000, %i\n"
    "  %big = icmp sgt i32 %q, 100\n"
    "  br i1 %big, label %one, label %two\n"
    "one:\n"
    "  ret float %y\n"
    "two:\n"
    "  %more = icmp slt i32 %k, 0\n"
    "  br i1 %more, label %large, label %three\n"
    "three:\n"
    "  %f = sitofp i32 %k to float\n"
    "  ret float %f\n"
    "large:\n"
    "  %r = phi float [ %x, %0 ], [ -1.0, %two ]\n"
    "  ret float %r\n"
    "}\n"
    /* 77 where b is 0 */
    "define i32 @divide(i32 %a, i32 %b) {\n"
    "  %zero = icmp eq i32 %b, 0\n"
    "  br i1 %zero, label %no, label %yes\n"
    "yes:\n"
    "  %q = sdiv i32 %a, %b\n"
    "  ret i32 %q\n"
    "no:\n"
    "  ret i32 77\n"
    "}\n"
    "define i32 @zeros(i32 %a) {\n"
    "  %n = call i32 @llvm.ctlz.i32(i32 %a, i1 false)\n"
    "  ret i32 %n\n"
    "}\n"
    "define zeroext i1 @above(float %x, i1 zeroext %invert) {\n"
    "  %a = fcmp ogt float %x, 1.0\n"
    "  %r = xor i1 %a, %invert\n"
    "  ret i1 %r\n"
    "}\n"
    "define float @fma3(float %x, float %y, float %z) {\n"
    "  %p = fmul float %x, %y\n"
    "  %s = fsub float %p, %z\n"
    "  ret float %s\n"
    "}\n"
    "define float @five(float %a, float %b, float %c, float %d, float %e) {\n"
    "  %1 = call float @llvm.maxnum.f32(float %a, float %b)\n"
    "  %2 = fmul float %1, %c\n"
    "  %3 = fadd float %2, %d\n"
    "  %4 = call float @llvm.fabs.f32(float %3)\n"
    "  %5 = fsub float %4, %e\n"
    "  ret float %5\n"
    "}\n"
    /* what cannot be */
    "define float @again(float %x) {\n"
    "  %c = call float @again(float %x)\n"
    "  ret float %c\n"
    "}\n"
    "define float @counts(float %x) {\n"
    "  %n = load i32, ptr @state\n"
    "  %m = add i32 %n, 1\n"
    "  store i32 %m, ptr @state\n"
    "  %f = sitofp i32 %m to float\n"
    "  ret float %f\n"
    "}\n"
    "define float @outside(float %x) {\n"
    "  %n = load float, ptr @far\n"
    "  ret float %n\n"
    "}\n"
    "define float @unknown(float %x) {\n"
    "  %n = call float @missing(float %x)\n"
    "  ret float %n\n"
    "}\n"
    "define float @endless(float %x) {\n"
    "entry:\n"
    "  br label %loop\n"
    "loop:\n"
    "  %r = phi float [ %x, %entry ], [ %h, %loop ]\n"
    "  %h = fmul float %r, 0.75\n"
    "  %more = fcmp ogt float %h, 1.0\n"
    "  br i1 %more, label %loop, label %end\n"
    "end:\n"
    "  ret float %h\n"
    "}\n"
    "define float @pointer(ptr %p) {\n"
    "  %v = load float, ptr %p\n"
    "  ret float %v\n"
    "}\n"
    "define void @nothing(float %x) {\n"
    "  ret void\n"
    "}\n"
    "define float @no_operand() {\n"
    "  ret float 1.0\n"
    "}\n"
    "define float @assembly(float %x) {\n"
    "  call void asm sideeffect \"nop\", \"\"()\n"
    "  ret float %x\n"
    "}\n"
    "define float @watched(float %x) {\n"
    "  %p = alloca float\n"
    "  store volatile float %x, ptr %p\n"
    "  ret float %x\n"
    "}\n"
    "define float @vector(float %x) {\n"
    "  %v = insertelement <2 x float> zeroinitializer, float %x, i32 0\n"
    "  %w = fmul <2 x float> %v, %v\n"
    "  %a = extractelement <2 x float> %w, i32 0\n"
    "  %i = fptosi float %a to i32\n"
    "  %s = insertelement <2 x float> %w, float 1.0, i32 %i\n"
    "  %b = extractelement <2 x float> %s, i32 1\n"
    "  ret float %b\n"
    "}\n";

/* -- Running ----------------------------------------------------------------------------------- */
#define ATTR(name, kind, value) "attr { key: '" name "' value { " kind ": " value " } } "
#define T(type)                 ATTR("T", "type", type)
#define INPUT(name, type, dims)                                                                              \
    "node { name: '" name "' op: 'Placeholder' attr { key: 'dtype' value { type: " type " } } "              \
    "attr { key: 'shape' value { shape { " dims " } } } }\n"
#define DIM(n) "dim { size: " #n " } "

static jitc_op op_of(const char *function, int inputs, const char *const *attrs, size_t nattrs)
{
    return (jitc_op){.size = sizeof(jitc_op),
                     .name = "Mine",
                     .inputs = inputs,
                     .attrs = attrs,
                     .nattrs = nattrs,
                     .code = code,
                     .function = function};
}

static jitc_status try_load(const char *graph, const jitc_op *op, const char *cpu, jitc_program **p,
                            char *why, size_t size)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_error *e = NULL;
    o.cpu = cpu;
    o.ops = &op;
    o.nops = 1;
    jitc_status status = jitc_program_load_memory(graph, strlen(graph), &o, p, &e);
    snprintf(why, size, "%s", e ? jitc_error_text(e) : "");
    jitc_error_free(e);
    return status;
}

static const char *const cpus[] = {"x86-64", "native"};
enum { NCPUS = 2, MAX_IN = 3, N = 257 }; /* vectors, and one element more */

/* Runs a graph of static shapes on `in`, by the order of the program's inputs, and compares with the
 * evaluator. Gives the number of kernels, and output 0. */
static uint32_t run(const char *graph, const jitc_op *op, const char *cpu, void *const *in, void *out,
                    size_t bytes)
{
    char why[2000];
    jitc_program *p;
    jitc_exec *x;
    if (try_load(graph, op, cpu, &p, why, sizeof why)) ck_abort_msg("%s", why);
    ck_assert_int_eq(jitc_exec_new(p, &x), JITC_OK);
    Tensor args[MAX_IN], want[4];
    Job job;
    job_init(&job, 0);
    if (JOB_ENTER(&job) != JITC_OK) ck_abort_msg("%s", job.diags ? job.diags->text : "unwound");
    Module *m = program_import(p, &job, NULL, 0, false, NULL);
    const Region *r = ir_find_func(m, "main")->body;
    for (size_t i = 0; i < jitc_program_input_count(p); i++) {
        const jitc_io *io = jitc_program_input(p, i);
        jitc_tensor t = {.dtype = io->dtype, .rank = io->rank, .data = in[i]};
        memcpy(t.shape, io->shape, sizeof t.shape);
        ck_assert_int_eq(jitc_exec_bind(x, io->name, &t), JITC_OK);
        args[i] = (Tensor){r->args[i]->type, in[i]};
    }
    if (jitc_exec_run(x)) ck_abort_msg("%s", jitc_exec_error(x));
    ir_eval_region(m, r, args, want);
    jitc_tensor got;
    ck_assert_int_eq(jitc_exec_output(x, 0, &got), JITC_OK);
    Tensor is = {want[0].type, got.data};
    int64_t n = type_numel(&is.type);
    bool exact = !dtype_is_float(is.type.dtype);
    for (int64_t k = 0; k < n; k++) {
        double a = tensor_f(&is, k), b = tensor_f(&want[0], k);
        if (exact ? tensor_i(&is, k) != tensor_i(&want[0], k) : !(fabs(a - b) <= 1e-5 * fabs(b) + 1e-6))
            ck_abort_msg("%s: element %lld is %g, the evaluator has %g", cpu, (long long)k, a, b);
    }
    ck_assert_uint_le((size_t)type_bytes(&is.type), bytes);
    memcpy(out, got.data, (size_t)type_bytes(&is.type));
    uint32_t kernels = exec_plan(x)->nkernel;
    job_free(&job);
    jitc_exec_free(x);
    jitc_program_free(p);
    return kernels;
}

static float xs[N];
static void fill(void)
{
    for (int i = 0; i < N; i++) xs[i] = (float)((i * 37) % 101) / 8 - 4; /* -4 to 8.5 */
}

/* Between two operations of jitc's own: all of it is one kernel. */
#define UNARY(attrs)                                                                                         \
    INPUT("x", "DT_FLOAT", DIM(257))                                                                         \
    "node { name: 'a' op: 'Neg' input: 'x' " T(                                                              \
        "DT_FLOAT") "}\n"                                                                                    \
                    "node { name: 'm' op: 'Mine' input: 'a' " attrs "}\n"                                    \
                    "node { name: 'y' op: 'Neg' input: 'm' " T("DT_FLOAT") "}\n"

START_TEST(test_branch)
{
    static const char *const attrs[] = {"alpha: float = 0.5"};
    jitc_op op = op_of("elu", 1, attrs, 1);
    float y[N];
    fill();
    for (int given = 0; given < 2; given++) {
        const char *graph = given ? UNARY(ATTR("alpha", "f", "2")) : UNARY("");
        ck_assert_uint_eq(run(graph, &op, cpus[_i], (void *[]){xs}, y, sizeof y), 1);
        for (int i = 0; i < N; i++) {
            float x = -xs[i], want = x > 0 ? x : (given ? 2 : 0.5f) * (expf(x) - 1);
            ck_assert_float_eq_tol(y[i], -want, 1e-5f);
        }
    }
}
END_TEST

START_TEST(test_ways)
{
    jitc_op op = op_of("ways", 1, NULL, 0);
    float y[N];
    fill();
    run(UNARY(""), &op, cpus[_i], (void *[]){xs}, y, sizeof y);
    for (int i = 0; i < N; i++) {
        float x = -xs[i], want;
        switch ((int)x) {
        case 0: want = 42; break;
        case 1:
        case 5: want = x / 2; break;
        case 7: want = roundf(tanhf(x)); break;
        default: want = roundf(x);
        }
        ck_assert_float_eq_tol(y[i], -want, 1e-5f);
    }
}
END_TEST

START_TEST(test_nested)
{
    static const char *const attrs[] = {"y: float"};
    jitc_op op = op_of("nested", 1, attrs, 1);
    float in[N], y[N];
    for (int i = 0; i < N; i++) in[i] = i % 3 ? -(float)(1 + i % 25) : -1e30f;
    run(UNARY(ATTR("y", "f", "0.5")), &op, cpus[_i], (void *[]){in}, y, sizeof y);
    for (int i = 0; i < N; i++) {
        float x = -in[i];
        ck_assert_float_eq(y[i], x > 100 ? -x : 1000 / (int)x > 100 ? -0.5f : -(float)(1 << (int)x));
    }
}
END_TEST

START_TEST(test_table)
{
    static const char *const attrs[] = {"n: int"};
    static const float table[] = {1, 10, 100, 1000};
    jitc_op op = op_of("lookup", 1, attrs, 1);
    float y[N];
    fill();
    run(UNARY(ATTR("n", "i", "3")), &op, cpus[_i], (void *[]){xs}, y, sizeof y);
    for (int i = 0; i < N; i++) {
        int k = (int)-xs[i];
        ck_assert_float_eq(y[i], k >= 0 && k < 3 ? -table[k] : 1);
    }
}
END_TEST

START_TEST(test_unrolled)
{
    static const char graph[] =
        INPUT("x", "DT_DOUBLE", DIM(257)) "node { name: 'y' op: 'Mine' input: 'x' " ATTR("y", "f", "3") "}\n";
    static const char *const attrs[] = {"y: float"};
    jitc_op op = op_of("root", 1, attrs, 1);
    double in[N], y[N];
    for (int i = 0; i < N; i++) in[i] = 1 + i / 100.0;
    run(graph, &op, cpus[_i], (void *[]){in}, y, sizeof y);
    for (int i = 0; i < N; i++) {
        double r = in[i];
        for (int k = 0; k < 6; k++) r = (in[i] / r + r) * 0.5;
        ck_assert_double_eq_tol(y[i], r * r * r, 1e-9);
    }
}
END_TEST

/* Integers of the graph's own type; what would trap is not computed where it is not wanted. */
START_TEST(test_integers)
{
    static const char graph[] = INPUT("a", "DT_INT32", DIM(257))
        INPUT("b", "DT_INT32", DIM(1)) "node { name: 'c' op: 'AddV2' input: 'b' input: 'a' " T(
            "DT_INT32") "}\n"
                        "node { name: 'y' op: 'Mine' input: 'a' input: 'c' }\n";
    static const char bits[] = INPUT("a", "DT_UINT32", DIM(257)) "node { name: 'y' op: 'Mine' input: 'a' }\n";
    jitc_op op = op_of("divide", 2, NULL, 0);
    int32_t a[N], b = 100, y[N];
    for (int i = 0; i < N; i++) a[i] = i * 3 - 400;
    a[5] = -100, a[6] = INT32_MIN, a[7] = INT32_MAX;
    run(graph, &op, cpus[_i], (void *[]){a, &b}, y, sizeof y);
    for (int i = 0; i < N; i++) {
        int32_t c = (int32_t)((uint32_t)a[i] + 100u);
        ck_assert_int_eq(y[i], c ? a[i] / c : 77);
    }
    op = op_of("zeros", 1, NULL, 0);
    run(bits, &op, cpus[_i], (void *[]){a}, y, sizeof y);
    for (int i = 0; i < N; i++) ck_assert_int_eq(y[i], a[i] ? __builtin_clz((unsigned)a[i]) : 32);
}
END_TEST

START_TEST(test_bools)
{
    static const char graph[] =
        INPUT("x", "DT_FLOAT", DIM(257)) "node { name: 'm' op: 'Mine' input: 'x' " ATTR(
            "invert", "b", "true") "}\n"
                                   "node { name: 'y' op: 'LogicalNot' input: 'm' }\n";
    static const char *const attrs[] = {"invert: bool = false"};
    jitc_op op = op_of("above", 1, attrs, 1);
    uint8_t y[N];
    fill();
    ck_assert_uint_eq(run(graph, &op, cpus[_i], (void *[]){xs}, y, sizeof y), 1);
    for (int i = 0; i < N; i++) ck_assert_int_eq(y[i], xs[i] > 1);
}
END_TEST

static uint16_t upper(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Operands that broadcast, of more than three; half precision, which is computed in f32 and rounded. */
START_TEST(test_operands)
{
    static const char graph[] = INPUT("x", "DT_FLOAT", DIM(5) DIM(1)) INPUT(
        "y", "DT_FLOAT",
        DIM(7)) "node { name: 'z' op: 'Mine' input: 'x' input: 'y' input: 'x' input: 'y' " ATTR("e", "f",
                                                                                                "0.25") "}\n";
    static const char half[] = INPUT("x", "DT_BFLOAT16", DIM(5) DIM(1))
        INPUT("y", "DT_BFLOAT16", DIM(7)) "node { name: 'z' op: 'Mine' input: 'x' input: 'y' input: 'x' }\n";
    static const char *const attrs[] = {"e: float"};
    jitc_op op = op_of("five", 4, attrs, 1);
    float x[5], y[7], z[35];
    uint16_t hx[5], hy[7], hz[35];
    for (int i = 0; i < 5; i++) x[i] = (float)i - 2;
    for (int i = 0; i < 7; i++) y[i] = (float)i / 2 - 1;
    run(graph, &op, cpus[_i], (void *[]){x, y}, z, sizeof z);
    for (int i = 0; i < 35; i++) {
        float a = x[i / 7], b = y[i % 7];
        ck_assert_float_eq_tol(z[i], fabsf(fmaxf(a, b) * a + b) - 0.25f, 1e-6f);
    }
    op = op_of("fma3", 3, NULL, 0);
    for (int i = 0; i < 5; i++) hx[i] = upper(x[i]);
    for (int i = 0; i < 7; i++) hy[i] = upper(y[i]);
    run(half, &op, cpus[_i], (void *[]){hx, hy}, hz, sizeof hz);
    for (int i = 0; i < 35; i++) {
        uint32_t bits = (uint32_t)hz[i] << 16;
        float got;
        memcpy(&got, &bits, sizeof got);
        ck_assert_float_eq(got, x[i / 7] * y[i % 7] - x[i / 7]); /* few bits: exact */
    }
}
END_TEST

#define WEIGHT                                                                                               \
    "node { name: 'w' op: 'Const' " ATTR(                                                                    \
        "dtype", "type",                                                                                     \
        "DT_FLOAT") "attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { " DIM(4)            \
        DIM(20) "} float_val: 0.125 } } } }\n"

/* After a matrix product and before a sum: part of their kernels. On a constant: folded. */
START_TEST(test_fusion)
{
    static const char product[] =
        INPUT("x", "DT_FLOAT", DIM(6) DIM(4)) WEIGHT "node { name: 'p' op: 'MatMul' input: 'x' input: 'w' " T(
            "DT_FLOAT") "}\n"
                        "node { name: 'y' op: 'Mine' input: 'p' }\n";
    static const char sum[] = INPUT(
        "x", "DT_FLOAT",
        DIM(6) DIM(
            4)) "node { name: 'axis' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } "
                "attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape {} int_val: 1 } } } }\n"
                "node { name: 'm' op: 'Mine' input: 'x' }\n"
                "node { name: 'y' op: 'Sum' input: 'm' input: 'axis' " T("DT_FLOAT") "}\n";
    static const char folded[] =
        WEIGHT INPUT("x", "DT_FLOAT", DIM(6) DIM(4)) "node { name: 'm' op: 'Mine' input: 'w' }\n"
                                                     "node { name: 'y' op: 'MatMul' input: 'x' input: 'm' " T(
                                                         "DT_FLOAT") "}\n";
    static const char *const attrs[] = {"alpha: float = 2"};
    jitc_op op = op_of("elu", 1, attrs, 1);
    float x[24], y[120];
    for (int i = 0; i < 24; i++) x[i] = (float)((i * 5) % 11) - 6;
    ck_assert_uint_eq(run(product, &op, cpus[_i], (void *[]){x}, y, sizeof y), 1);
    ck_assert_uint_eq(run(sum, &op, cpus[_i], (void *[]){x}, y, sizeof y), 1);
    ck_assert_uint_eq(run(folded, &op, cpus[_i], (void *[]){x}, y, sizeof y), 1);
    ck_assert_float_eq_tol(y[0], (x[0] + x[1] + x[2] + x[3]) * 0.125f, 1e-5f);
}
END_TEST

/* Bitcode: tests/unit/cube.bc is what llvm-as makes of
 *     define double @cube(double %x) { %s = fmul double %x, %x  %c = fmul double %s, %x  ret double %c } */
START_TEST(test_bitcode)
{
    static const char graph[] =
        INPUT("x", "DT_DOUBLE", DIM(257)) "node { name: 'y' op: 'Mine' input: 'x' }\n";
    jitc_op op = op_of("cube", 1, NULL, 0);
    double in[N], y[N];
    void *bytes;
    size_t size;
    char *why = NULL;
    if (file_read("tests/unit/cube.bc", 1 << 20, &bytes, &size, &why)) ck_abort_msg("%s", why);
    op.code = bytes;
    op.code_size = size;
    for (int i = 0; i < N; i++) in[i] = i / 10.0 - 9;
    run(graph, &op, cpus[_i], (void *[]){in}, y, sizeof y);
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(y[i], in[i] * in[i] * in[i], 1e-9);
    op.code_size = size / 2; /* a part of it */
    char text[2000];
    jitc_program *p;
    ck_assert_int_eq(try_load(graph, &op, NULL, &p, text, sizeof text), JITC_E_INVALID);
    ck_assert(strstr(text, "no bitcode") != NULL);
    free(bytes);
}
END_TEST

/* -- Refusals ---------------------------------------------------------------------------------- */
static void refused(const char *graph, const jitc_op *op, jitc_status status, const char *text)
{
    char why[2000];
    jitc_program *p;
    ck_assert_int_eq(try_load(graph, op, NULL, &p, why, sizeof why), status);
    if (!strstr(why, text)) ck_abort_msg("'%s' is not in: %s", text, why);
}

START_TEST(test_bad_code)
{
    static const struct {
        const char *function, *why;
    } cases[] = {
        {"again", "node 'm' (Mine): its code cannot be used: 'again' calls itself"},
        {"counts", "the variable 'state', which is not constant"},
        {"outside", "the variable 'far', which is not in the code"},
        {"unknown", "it calls 'missing'"},
        {"endless", "a loop whose number of rounds is not a small constant"},
        {"pointer", "parameter 0 of 'pointer' is none of float"},
        {"nothing", "'nothing' returns none of float"},
        {"no_operand", "has 0 parameters"},
        {"assembly", "inline assembly"},
        {"watched", "volatile"},
        {"vector", "cannot be applied to vectors"},
        {"nowhere", "there is no function 'nowhere' in it; there are: elu, half"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        jitc_op op = op_of(cases[i].function, 1, NULL, 0);
        refused(UNARY(""), &op, JITC_E_INVALID, cases[i].why);
    }
    jitc_op op = op_of("elu", 1, NULL, 0);
    refused(UNARY(""), &op, JITC_E_INVALID, "'elu' has 2 parameters, but there are 1 inputs and 0 declared");
    op.code = "define float @f(float %x) { ret flot %x }";
    refused(UNARY(""), &op, JITC_E_INVALID, "no bitcode or text that LLVM 19 reads");
    op.code = "BC\xC0\xDE garbage";
    op.code_size = 12;
    refused(UNARY(""), &op, JITC_E_INVALID, "no bitcode or text that LLVM 19 reads");
    op.code = code; /* ends in the middle */
    op.code_size = 700;
    refused(UNARY(""), &op, JITC_E_INVALID, "no bitcode or text that LLVM 19 reads");
}
END_TEST

START_TEST(test_bad_operands)
{
    static const char *const number[] = {"n: int"}, *const word[] = {"alpha: string"},
                             *const big[] = {"n: int"};
    static const char ints[] = INPUT("x", "DT_INT64", DIM(4)) "node { name: 'm' op: 'Mine' input: 'x' }\n";
    jitc_op op = op_of("elu", 1, number, 1);
    refused(UNARY(ATTR("n", "i", "3")), &op, JITC_E_INVALID,
            "attribute 'n' is an integer, but the function's");
    op.attrs = word;
    refused(UNARY(ATTR("alpha", "s", "'x'")), &op, JITC_E_INVALID, "attribute 'alpha' is no number");
    op = op_of("lookup", 1, big, 1);
    refused(UNARY(ATTR("n", "i", "5000000000")), &op, JITC_E_INVALID, "out of the range");
    op = op_of("half", 1, NULL, 0);
    refused(ints, &op, JITC_E_INVALID, "input 0 is i64[4], but the function's parameter is float");
    op = op_of("fma3", 3, NULL, 0);
    refused(INPUT("x", "DT_FLOAT", DIM(4)) INPUT(
                "y", "DT_FLOAT", DIM(3)) "node { name: 'm' op: 'Mine' input: 'x' input: 'y' input: 'x' }\n",
            &op, JITC_E_INVALID, "does not broadcast");
}
END_TEST

static int no_infer(jitc_op_infer *c)
{
    (void)c;
    return 0;
}

START_TEST(test_registration)
{
    jitc_op op = op_of(NULL, 1, NULL, 0);
    refused(UNARY(""), &op, JITC_E_USAGE, "the code's function has no name");
    op = op_of("half", -1, NULL, 0);
    refused(UNARY(""), &op, JITC_E_USAGE, "a fixed number of inputs");
    op = op_of("half", 1, NULL, 0);
    op.infer = no_infer;
    refused(UNARY(""), &op, JITC_E_USAGE, "no infer");
    op = op_of("half", 1, NULL, 0);
    op.outputs = 2;
    refused(UNARY(""), &op, JITC_E_USAGE, "one output");
}
END_TEST

Suite *custom_code_suite(void)
{
    Suite *s = suite_create("custom_code");
    TCase *c = tcase_create("custom_code");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, test_branch, 0, NCPUS);
    tcase_add_loop_test(c, test_ways, 0, NCPUS);
    tcase_add_loop_test(c, test_nested, 0, NCPUS);
    tcase_add_loop_test(c, test_table, 0, NCPUS);
    tcase_add_loop_test(c, test_unrolled, 0, NCPUS);
    tcase_add_loop_test(c, test_integers, 0, NCPUS);
    tcase_add_loop_test(c, test_bools, 0, NCPUS);
    tcase_add_loop_test(c, test_operands, 0, NCPUS);
    tcase_add_loop_test(c, test_fusion, 0, NCPUS);
    tcase_add_loop_test(c, test_bitcode, 0, NCPUS);
    tcase_add_test(c, test_bad_code);
    tcase_add_test(c, test_bad_operands);
    tcase_add_test(c, test_registration);
    suite_add_tcase(s, c);
    return s;
}
