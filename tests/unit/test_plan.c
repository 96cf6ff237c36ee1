/* Kernel texts, plans and packed weights: of small modules with everything checked, and of modules at random
 * with the plan's own checker and the evaluator as judges. */
#include <stdlib.h>

#include "codegen/plan/blocking.h"
#include "codegen/plan/pack.h"
#include "codegen/plan/plan.h"
#include "passes/pass.h"
#include "tests/unit/suites.h"

static Job job;

static void setup(void)
{
    job_init(&job, 0);
}
static void teardown(void)
{
    job_free(&job);
}

#define IN_JOB()                                                                                             \
    if (JOB_ENTER(&job) != JITC_OK) ck_abort_msg("%s", job.diags ? job.diags->text : "unwound")

static Module *compiled(const char *text)
{
    Module *m = ir_parse(&job, text, strlen(text));
    if (!m) ck_abort_msg("%s", job.diags->text);
    passes_run(m, passes_default_pipeline(), NULL);
    return m;
}

static Plan *planned(Module *m)
{
    Plan *p = plan_make(m, &(Machine){.l2 = 1 << 20, .panels = 4});
    Str why = {0};
    if (!plan_check(p, &why)) ck_abort_msg("%s", str_text(&why));
    str_free(&why);
    return p;
}

static KernelSpec spec_of(const char *text)
{
    Module *m = compiled(text);
    KernelSpec s = {0};
    int n = 0;
    ir_each_op (op, ir_find_func(m, "main")->body) {
        if (op->code != OP_kernel) continue;
        spec_make(m, op, &(Machine){.l2 = 1 << 20, .panels = 4}, &s);
        n++;
    }
    ck_assert_int_eq(n, 1);
    /* The text is one that the code generator can read. */
    Module *again = ir_parse(&job, s.text, s.size);
    ck_assert_msg(again != NULL, "%s", job.diags ? job.diags->text : "");
    Str why = {0};
    ck_assert_msg(ir_verify(again, &why), "%s", str_text(&why));
    str_free(&why);
    return s;
}

static void has_text(const KernelSpec *s, const char *expected)
{
    if (strcmp(s->text, expected) != 0) ck_abort_msg("expected\n%s\nis\n%s", expected, s->text);
}

/* -- Map --------------------------------------------------------------------------------------- */
START_TEST(test_map)
{
    IN_JOB();
    KernelSpec s = spec_of("graph @main(%x: f32[2,3,1,5,8], %y: f32[2,3,1,5,8], %b: f32[8], %s: f32[1,1]) {\n"
                           "  %1 = add %x, %y\n  %2 = mul %1, %b\n  %3 = sub %2, %s\n  return %3\n}\n");
    has_text(&s, "#algo=map\n"
                 "graph @k(%0: f32[?d0,?d1], %1: f32[?d0,?d1], %2: f32[1,?d1], %3: f32[]) {\n"
                 "  %4 = add %0, %1 : f32[?d0,?d1]\n"
                 "  %5 = mul %4, %2 : f32[?d0,?d1]\n"
                 "  %6 = sub %5, %3 : f32[?d0,?d1]\n"
                 "  return %6\n"
                 "}\n");
    ck_assert_int_eq(s.ndims, 3);
    ck_assert_int_eq(s.dim[0], 30);
    ck_assert_int_eq(s.dim[1], 8);
    ck_assert_int_eq(s.units, (30 + s.dim[2] - 1) / s.dim[2]);
    ck_assert(s.in_place[0] && s.in_place[1] && !s.in_place[2] && !s.in_place[3]);
}
END_TEST

START_TEST(test_map_flat)
{
    IN_JOB();
    KernelSpec s = spec_of("graph @main(%x: f32[100,100]) {\n  %1 = cast %x {to=i32}\n  return %1\n}\n");
    has_text(&s, "#algo=map\ngraph @k(%0: f32[?d0]) {\n  %1 = cast %0 {to=i32} : i32[?d0]\n  return %1\n}\n");
    ck_assert_int_eq(s.dim[0], 10000);
    ck_assert_int_eq(s.dim[1] % 16, 0);
    ck_assert_int_eq(s.units, (10000 + s.dim[1] - 1) / s.dim[1]);
    s = spec_of("graph @main(%x: f32[1,1], %y: f32[]) {\n  %1 = add %x, %y\n  return %1\n}\n");
    has_text(
        &s,
        "#algo=map\ngraph @k(%0: f32[?d0], %1: f32[?d0]) {\n  %2 = add %0, %1 : f32[?d0]\n  return %2\n}\n");
    ck_assert_int_eq(s.units, 1);
}
END_TEST

START_TEST(test_map_alternating)
{
    IN_JOB();
    KernelSpec s =
        spec_of("graph @main(%x: f32[2,1,4,1], %y: f32[1,3,1,5]) {\n  %1 = add %x, %y\n  return %1\n}\n");
    ck_assert_int_eq(s.ndims, 5);
    ck_assert(strstr(s.text, "%0: f32[?d0,1,?d2,1], %1: f32[1,?d1,1,?d3]") != NULL);
}
END_TEST

/* -- Matrix kernels ---------------------------------------------------------------------------- */
START_TEST(test_igemm_conv)
{
    IN_JOB();
    KernelSpec s = spec_of("graph @main(%x: f32[1,8,8,16]) {\n"
                           "  %w = weight f32[3,3,16,20] rand(1)\n  %b = weight f32[20] rand(2)\n"
                           "  %1 = conv %x, %w {strides=[2,2], dilations=[1,1], pad_lo=[1,1], pad_hi=[1,1]}\n"
                           "  %2 = add %1, %b\n  %3 = relu %2\n  return %3\n}\n");
    has_text(&s, "#algo=igemm rows=8 kmult=4 run16=1 lines=1 linear=0 far=0 step=0 kcut=0 ntail=1 widths=2\n"
                 "graph @k(%0: f32[?m,?k], %1: f32[?k,?n]{panel}, %2: f32[?n]) {\n"
                 "  %3 = dot %0, %1 : f32[?m,?n]\n"
                 "  %4 = add %3, %2 : f32[?m,?n]\n"
                 "  %5 = relu %4 : f32[?m,?n]\n"
                 "  return %5\n"
                 "}\n");
    int64_t expected[] = {16, 20, 16, 3, 3, 4, 4, 8, 8, 2, 2, 1, 1, 1, 1, 1024, 128, 16};
    for (size_t i = 0; i < COUNT(expected); i++) ck_assert_int_eq(s.dim[i], expected[i]);
    ck_assert_int_eq(s.dim[IG_BATCH], 1);
    ck_assert_int_eq(s.ndims, IG_DIMS);
    ck_assert_int_eq(s.dim[IG_MU], 8); /* a tile */
}
END_TEST

START_TEST(test_igemm_merges)
{
    IN_JOB();
    /* The taps of a row are contiguous. */
    KernelSpec s = spec_of("graph @main(%x: f32[1,9,9,3]) {\n  %w = weight f32[3,3,3,64] rand(1)\n"
                           "  %1 = conv %x, %w {strides=[2,2], dilations=[1,1], pad_lo=[0,0], pad_hi=[0,0]}\n"
                           "  return %1\n}\n");
    ck_assert_int_eq(s.dim[IG_RUN], 9);
    ck_assert_int_eq(s.dim[IG_TAPS_H], 3);
    ck_assert_int_eq(s.dim[IG_TAPS_W], 1);
    ck_assert_int_eq(s.dim[IG_XW], 3);
    ck_assert(strstr(s.text,
                     "rows=6 kmult=1 run16=0 lines=0 linear=0 far=0 step=0 kcut=0 ntail=0 widths=8") != NULL);
    /* Pointwise: rows of a matrix. */
    s = spec_of(
        "graph @main(%x: f32[2,7,7,32]) {\n  %w = weight f32[1,1,32,64] rand(1)\n"
        "  %1 = conv %x, %w {strides=[1,1], dilations=[1,1], pad_lo=[0,0], pad_hi=[0,0]}\n  return %1\n}\n");
    ck_assert_int_eq(s.dim[IG_M], 98);
    ck_assert_int_eq(s.dim[IG_OW], 98);
    ck_assert_int_eq(s.dim[IG_OH], 1);
    ck_assert_int_eq(s.dim[IG_XW], 32);
    /* A window as large as the image. */
    s = spec_of(
        "graph @main(%x: f32[5,7,7,32]) {\n  %w = weight f32[7,7,32,64] rand(1)\n"
        "  %1 = conv %x, %w {strides=[1,1], dilations=[1,1], pad_lo=[0,0], pad_hi=[0,0]}\n  return %1\n}\n");
    ck_assert_int_eq(s.dim[IG_M], 5);
    ck_assert_int_eq(s.dim[IG_RUN], 7 * 7 * 32);
    ck_assert_int_eq(s.dim[IG_TAPS_H] * s.dim[IG_TAPS_W], 1);
    ck_assert_int_eq(s.dim[IG_XW], 7 * 7 * 32);
    /* A strided pointwise convolution keeps its window. */
    s = spec_of(
        "graph @main(%x: f32[1,8,8,32]) {\n  %w = weight f32[1,1,32,64] rand(1)\n"
        "  %1 = conv %x, %w {strides=[2,2], dilations=[1,1], pad_lo=[0,0], pad_hi=[0,0]}\n  return %1\n}\n");
    ck_assert_int_eq(s.dim[IG_OH], 4);
    ck_assert_int_eq(s.dim[IG_SW], 2);
}
END_TEST

START_TEST(test_igemm_dot)
{
    IN_JOB();
    KernelSpec s = spec_of("graph @main(%x: f32[2,3,10,16]) {\n  %w = weight f32[16,33] rand(1)\n"
                           "  %1 = dot %x, %w\n  return %1\n}\n");
    ck_assert_int_eq(s.dim[IG_M], 60);
    ck_assert_int_eq(s.dim[IG_BATCH], 1);
    s = spec_of("graph @main(%x: f32[6,10,16]) {\n  %w = weight f32[6,16,33] rand(1)\n"
                "  %1 = dot %x, %w\n  return %1\n}\n");
    ck_assert_int_eq(s.dim[IG_M], 10);
    ck_assert_int_eq(s.dim[IG_BATCH], 6);
    ck_assert_int_eq(s.dim[IG_BX], 160);
    ck_assert_int_eq(s.dim[IG_BW], 16 * 48);
    ck_assert_int_eq(s.dim[IG_BO], 330);
    /* Heads: transposes are strides. */
    s = spec_of("graph @main(%x: f32[2,10,3,16]) {\n  %w = weight f32[2,3,16,33] rand(1)\n"
                "  %0 = transpose %x {perm=[0,2,1,3]}\n  %1 = dot %0, %w\n"
                "  %2 = transpose %1 {perm=[0,2,1,3]}\n  return %2\n}\n");
    ck_assert_int_eq(s.dim[IG_M], 10);
    ck_assert_int_eq(s.dim[IG_BATCH], 6);
    ck_assert_int_eq(s.dim[IG_INNER], 3);
    ck_assert_int_eq(s.dim[IG_BX], 480);
    ck_assert_int_eq(s.dim[IG_BXI], 16);
    ck_assert_int_eq(s.dim[IG_XW], 48);
    ck_assert_int_eq(s.dim[IG_BO], 990);
    ck_assert_int_eq(s.dim[IG_BOI], 33);
    ck_assert_int_eq(s.dim[IG_OS], 99);
}
END_TEST

START_TEST(test_igemm_residual)
{
    IN_JOB();
    /* x is read both as rows and as the residual: two operands, and no place for the result. */
    KernelSpec s = spec_of("graph @main(%x: f32[64,32]) {\n  %w = weight f32[32,32] rand(1)\n"
                           "  %1 = dot %x, %w\n  %2 = add %1, %x\n  return %2\n}\n");
    ck_assert_int_eq(s.noperands, 3);
    ck_assert_int_eq(s.operand[0], s.operand[2]);
    ck_assert(!s.in_place[2]);
    ck_assert(strstr(s.text, "%2: f32[?m,?n]") != NULL);
}
END_TEST

START_TEST(test_units)
{
    IN_JOB();
    static const struct {
        int m, k, n;
    } sizes[] = {{1, 2048, 1000}, {3136, 64, 64},  {49, 4608, 512}, {1, 1, 1},
                 {12544, 27, 32}, {512, 512, 512}, {100, 30000, 16}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int m = sizes[i].m, k = sizes[i].k, n = sizes[i].n;
        KernelSpec s =
            spec_of(job_printf(&job,
                               "graph @main(%%x: f32[%d,%d]) {\n  %%w = weight f32[%d,%d] rand(1)\n"
                               "  %%1 = dot %%x, %%w\n  return %%1\n}\n",
                               m, k, k, n));
        int64_t mu = s.dim[IG_MU], pu = s.dim[IG_PU], panels = (n + 15) / 16;
        int64_t tiles = (mu + 12) / 13; /* of 13 rows and of 12 */
        ck_assert(mu > 0 && (tiles * 13 - mu <= tiles || mu == m) && pu > 0 && (pu % 2 == 0 || panels < 2));
        ck_assert_int_eq(s.units, ((m + mu - 1) / mu) * ((panels + pu - 1) / pu));
        ck_assert(s.grain >= 1 && s.units >= 1 && s.units < 1000 && s.scratch > 0);
        if (2.0 * m * k * n > 1e7 && (m >= 16 * 13 || panels > 16)) ck_assert_int_ge(s.units, 8);
    }
}
END_TEST

/* Work is cut for the number of threads, where it is known; each has a share. */
START_TEST(test_threads)
{
    static const Product products[] = {
        {3136, 64, 16, 1, 4}, {196, 1024, 16, 1, 4}, {49, 2048, 32, 1, 4}, {49, 512, 128, 1, 4}};
    static const WinogradWork convs[] = {{196, 64, 4, 36}, {49, 256, 16, 16}, {16, 512, 32, 16}};
    static const int threads[] = {1, 2, 3, 8};
    for (size_t t = 0; t < COUNT(threads); t++) {
        Machine m = {.l2 = 1 << 20, .threads = threads[t], .panels = 4};
        for (size_t i = 0; i < COUNT(products); i++) {
            const Product *p = &products[i];
            Blocking b = blocking_choose(p, &m);
            int64_t units = ceil_div(p->m, b.rows) * ceil_div(p->panels, b.panels);
            int64_t share = blocking_share(p, &m, &b);
            ck_assert(share >= 1 && units / share >= threads[t]);
        }
        for (size_t i = 0; i < COUNT(convs); i++) {
            const WinogradWork *w = &convs[i];
            WinogradBlocking b = winograd_blocking(w, &m);
            int64_t units = ceil_div(w->tiles, b.tiles) * ceil_div(w->panels, b.panels);
            int64_t share = winograd_share(w, &m, &b);
            ck_assert(share >= 1 && units / share >= threads[t]);
        }
    }
    /* Two threads each gather the rows once, not once per share. */
    Machine two = {.l2 = 1 << 20, .threads = 2, .panels = 4}, any = {.l2 = 1 << 20, .panels = 4};
    Blocking b = {49, 2, 2048, false};
    ck_assert_int_eq(blocking_share(&products[2], &two, &b), 8);
    ck_assert_int_eq(blocking_share(&products[2], &any, &b), 2);
    ck_assert(machine_load(&two, 0).threads == 2 && machine_load(&any, 0).threads == 1);
    /* One thread gathers rows of a cut sum for as many panels as their sums leave room in the cache for. */
    Machine one = {.l2 = 5 << 18, .threads = 1, .panels = 4};
    b = blocking_choose(&(Product){128, 3072, 48, 1, 4}, &one);
    ck_assert(b.rows == 128 && b.panels == 24 && b.k < 3072);
}
END_TEST

START_TEST(test_depthwise)
{
    IN_JOB();
    KernelSpec s =
        spec_of("graph @main(%x: f32[2,8,9,24]) {\n"
                "  %w = weight f32[3,3,1,24] rand(1)\n  %b = weight f32[24] rand(2)\n"
                "  %1 = conv %x, %w {strides=[2,2], dilations=[1,1], pad_lo=[0,1], pad_hi=[1,1], groups=24}\n"
                "  %2 = add %1, %b\n  %3 = relu6 %2\n  return %3\n}\n");
    static const char head[] =
        "#algo=depthwise\ngraph @k(%0: f32[?n,?h,?w,?c], %1: f32[3,3,1,?c], %2: f32[?c]) {";
    if (strncmp(s.text, head, sizeof head - 1) != 0) ck_abort_msg("%s", s.text);
    int64_t expected[DW_DIMS] = {8, 9, 24, 4, 5, 0, 1, 4, 32, 24, 24, 24};
    for (int i = 0; i < DW_DIMS; i++) ck_assert_int_eq(s.dim[i], expected[i]);
    ck_assert_int_eq(s.units, 2);
}
END_TEST

START_TEST(test_loops)
{
    IN_JOB();
    KernelSpec s = spec_of("graph @main(%x: f32[4,6,10]) {\n  %1 = softmax %x\n  return %1\n}\n");
    has_text(&s,
             "#algo=loops\ngraph @k(%0: f32[4,6,10]) {\n  %1 = softmax %0 : f32[4,6,10]\n  return %1\n}\n");
    ck_assert_int_eq(s.units, 24);
    s = spec_of("graph @main(%x: f32[1000,3]) {\n  %1 = reduce_sum %x {axes=[1]}\n  return %1\n}\n");
    ck_assert_int_eq(s.units, 16);
    s = spec_of("graph @main(%x: f32[10,3]) {\n  %1 = cumsum %x {axis=0}\n  return %1\n}\n");
    ck_assert_int_eq(s.units, 1);
}
END_TEST

/* -- Plans ------------------------------------------------------------------------------------- */
START_TEST(test_chain)
{
    IN_JOB();
    /* Two slots serve any number of layers, residuals in place. */
    Str s = {0};
    str_put(&s, "graph @main(%x: f32[128,64]) {\n  %v0 = reshape %x {shape=[128,64]}\n  %w = weight "
                "f32[64,64] rand(1)\n");
    for (int i = 0; i < 10; i++)
        str_printf(&s,
                   "  %%d%d = dot %%v%d, %%w\n  %%e%d = tanh %%d%d\n  %%f%d = dot %%e%d, %%w\n  %%v%d = add "
                   "%%f%d, %%v%d\n",
                   i, i, i, i, i, i, i + 1, i, i);
    str_put(&s, "  return %v10\n}\n");
    Plan *p = planned(compiled(str_text(&s)));
    str_free(&s);
    ck_assert_int_eq(p->ncall, 20);
    ck_assert_int_eq(p->nkernel, 2);
    ck_assert_int_eq(p->nweight, 1);
    ck_assert_int_eq(p->arena, 2 * 128 * 64 * 4);
    ck_assert_int_eq(p->macs, 20 * 128 * 64 * 64);
    int in_place = 0;
    for (uint32_t i = 0; i < p->ncall; i++) in_place += p->call[i].in_place >= 0;
    ck_assert_int_eq(in_place, 8); /* not the first, whose residual is the input, nor the last: an output */
    ck_assert_int_eq(p->buf[p->out_buf[0]].kind, BUF_OUTPUT);
    /* A copy prints alike and needs nothing of the module. */
    Job other;
    job_init(&other, 0);
    Plan *volatile copy = NULL;
    if (JOB_ENTER(&other) == JITC_OK) copy = plan_copy(&other, p);
    ck_assert_ptr_nonnull(copy);
    Str a = {0}, b = {0};
    plan_print(p, &a);
    job_free(&job);
    job_init(&job, 0);
    plan_print(copy, &b);
    ck_assert_str_eq(str_text(&a), str_text(&b));
    str_free(&a);
    str_free(&b);
    job_free(&other);
}
END_TEST

/* A slice is written in place, where nobody reads the tensor afterwards. */
START_TEST(test_update)
{
    IN_JOB();
    const char *head = "graph @main(%x: f32[9,64], %i: i32[], %y: f32[64]) {\n  %1 = tanh %x\n  %2 = update "
                       "%1, %i, %y\n";
    Plan *p = planned(compiled(job_printf(&job, "%s  %%3 = exp %%2\n  return %%3\n}\n", head)));
    ck_assert_int_eq(p->ncall, 3);
    ck_assert_int_ge(p->call[1].in_place, 0);
    ck_assert_ptr_nonnull(strstr(p->kernel[p->call[1].kernel].text, "#algo=routine\n"));
    p = planned(compiled(job_printf(&job, "%s  %%3 = add %%2, %%1\n  return %%3\n}\n", head)));
    ck_assert_int_eq(p->call[1].in_place, -1);
}
END_TEST

START_TEST(test_outputs)
{
    IN_JOB();
    Plan *p = planned(
        compiled("graph @main(%x: f32[4], %z: f32[0,4]) {\n  %1 = exp %x\n  %2 = reshape %1 {shape=[2,2]}\n"
                 "  %c = const f32[2] [1,2]\n  %3 = exp %z\n  return %1, %2, %x, %c, %1, %3\n}\n"));
    ck_assert_int_eq(p->nout, 6);
    ck_assert_int_eq(p->ncall, 1);
    int copies = 0;
    for (uint32_t i = 0; i < p->ncode; i++) copies += p->code[i].code == CTL_copy;
    ck_assert_int_eq(copies, 4);
    for (uint32_t i = 0; i < p->nout; i++) {
        ck_assert_int_eq(p->buf[p->out_buf[i]].kind, BUF_OUTPUT);
        ck_assert_int_eq(p->buf[p->out_buf[i]].index, i);
    }
    ck_assert_int_eq(p->buf[p->out_buf[1]].type.rank, 2);
    ck_assert_int_eq(p->code[p->ncode - 1].code, CTL_ret);
}
END_TEST

/* Directed graphs at random: the checker must agree with every plan. */
START_TEST(test_random)
{
    IN_JOB();
    srand((unsigned)_i);
    Str s = {0};
    str_put(&s, "graph @main(%v0: f32[8,16], %v1: f32[16]) {\n");
    int n = 2, kind[64] = {0, 1}; /* 0: f32[8,16], 1: f32[16] */
    for (; n < 40; n++) {
        int a = rand() % n, b = n - 1 - rand() % (n < 4 ? n : 4);
        static const char *const binary[] = {"add", "mul", "maximum"};
        switch (rand() % 5) {
        case 0:
            str_printf(&s, "  %%v%d = tanh %%v%d\n", n, b);
            kind[n] = kind[b];
            break;
        case 1:
            if (kind[b] == 0) {
                str_printf(&s, "  %%v%d = reduce_sum %%v%d {axes=[0]}\n", n, b);
                kind[n] = 1;
                break;
            } /* fall through */
        case 2:
            if (kind[b] == 0) {
                str_printf(&s,
                           "  %%t%d = reshape %%v%d {shape=[16,8]}\n  %%u%d = exp %%t%d\n  %%v%d = reshape "
                           "%%u%d {shape=[8,16]}\n",
                           n, b, n, n, n, n);
                kind[n] = 0;
                break;
            } /* fall through */
        default:
            str_printf(&s, "  %%v%d = %s %%v%d, %%v%d\n", n, binary[rand() % 3], a, b);
            kind[n] = kind[a] && kind[b];
        }
    }
    str_printf(&s, "  return %%v%d, %%v%d, %%v%d\n}\n", n - 1, n - 3, n - 7);
    Plan *p = planned(compiled(str_text(&s)));
    str_free(&s);
    for (uint32_t i = 0; i < p->ncall_buf; i++) ck_assert_uint_lt(p->call_buf[i], p->nbuf);
}
END_TEST

/* -- Packing ----------------------------------------------------------------------------------- */
/* Evaluates weight i as the reference does and compares the packed form element by element. */
static void check_packed(Module *m, const Plan *p, Packed **w)
{
    for (uint32_t i = 0; i < p->nweight; i++) {
        Value *v = p->weight[i];
        Type t = v->type;
        bool panel = t.layout != LAYOUT_PLAIN, matrices = t.layout == LAYOUT_PANEL;
        t.layout = LAYOUT_PLAIN;
        Tensor x = tensor_new(&job, &t);
        if (v->def->code == OP_const)
            x = v->def->value;
        else
            ck_assert(weight_read(m, &v->def->weight, &t, x.data));
        ck_assert_int_eq(w[i]->bytes, type_bytes(&v->type));
        if (!panel) {
            ck_assert_mem_eq(w[i]->data, x.data, (size_t)w[i]->bytes);
            continue;
        }
        int64_t n = t.dim[t.rank - 1], k = type_numel(&t) / n, batch = 1;
        for (int d = 0; matrices && d < t.rank - 2; d++) batch *= t.dim[d];
        k /= batch;
        int64_t at = 0;
        for (int64_t b = 0; b < batch; b++)
            for (int64_t n0 = 0; n0 < n; n0 += PANEL)
                for (int64_t kk = 0; kk < k; kk++)
                    for (int64_t j = 0; j < PANEL; j++, at++) {
                        float want = n0 + j < n ? (float)tensor_f(&x, (b * k + kk) * n + n0 + j) : 0;
                        if (((float *)w[i]->data)[at] != want)
                            ck_abort_msg("weight %u differs at %lld", i, (long long)at);
                    }
    }
}

static const char *const packing[] = {
    "%w = weight f32[3,3,5,20] rand(1)\n  %1 = conv %x, %w {strides=[1,1], dilations=[1,1], pad_lo=[1,1], "
    "pad_hi=[1,1]}\n"
    "  %s = weight f32[20] rand(2)\n  %2 = mul %1, %s\n  return %2\n",
    "%w = weight f32[40,5] rand(1)\n  %1 = dot %x, %w {trans_b=true}\n  return %1\n",
    "%w = weight f32[40,5] rand(1)\n  %s = weight f32[5] rand(7)\n  %t = mul %w, %s\n  %1 = dot %x, %t "
    "{trans_b=true}\n  return %1\n",
    "%w = weight f32[5,40] rand(1)\n  %t = tanh %w\n  %1 = dot %x, %t\n  return %1\n",
    "%w = weight f16[5,40] rand(1)\n  %t = cast %w {to=f32}\n  %s = weight f32[40] rand(7)\n  %u = mul %t, "
    "%s\n  %1 = dot %x, %u\n"
    "  return %1\n",
    "%w = weight f32[8,5,17] rand(1)\n  %r = reshape %x {shape=[8,36,5]}\n  %1 = dot %r, %w\n  return %1\n",
    "%w = weight f32[7,50] rand(1)\n  %t = slice %w {begin=[1,3], size=[5,20], strides=[1,2]}\n  %1 = dot "
    "%x, %t\n  return %1\n",
    "%w = weight f32[3,3,1,5] rand(1)\n  %s = weight f32[5] rand(3)\n  %t = mul %w, %s\n"
    "  %1 = conv %x, %t {strides=[1,1], dilations=[1,1], pad_lo=[1,1], pad_hi=[1,1], groups=5}\n  return "
    "%1\n",
    "%w = weight f32[5,1,30] rand(1)\n  %r = reshape %w {shape=[1,5,30]}\n  %t = reshape %r {shape=[5,30]}\n "
    " %1 = dot %x, %t\n"
    "  return %1\n",
    "%w = weight f32[100] splat(0.5)\n  %t = reshape %w {shape=[5,20]}\n  %1 = dot %x, %t\n  return %1\n",
};

START_TEST(test_pack)
{
    IN_JOB();
    Module *m = compiled(job_printf(&job, "graph @main(%%x: f32[8,6,6,5]) {\n  %s}\n", packing[_i]));
    Plan *p = planned(m);
    Memory memory = {0};
    PackTable t = {.memory = &memory};
    Packed *w[16] = {0}, *again[16] = {0};
    ck_assert_uint_le(p->nweight, COUNT(w));
    pack_weights(m, p, &t, w);
    check_packed(m, p, w);
    size_t bytes = memory.used;
    pack_weights(m, p, &t, again); /* shares everything */
    ck_assert_uint_eq(memory.used, bytes);
    for (uint32_t i = 0; i < p->nweight; i++) ck_assert_ptr_eq(w[i], again[i]);
    for (uint32_t i = 0; i < p->nweight; i++) {
        pack_release(&t, w[i]);
        pack_release(&t, again[i]);
    }
    ck_assert_int_eq(t.n, 0);
    pack_table_free(&t);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(test_pack_limit)
{
    Memory memory = {.limit = 1000};
    PackTable t = {.memory = &memory};
    Packed *w[4] = {0};
    if (JOB_ENTER(&job) == JITC_OK) {
        Module *m = compiled("graph @main(%x: f32[4,64]) {\n  %w = weight f32[64,64] rand(1)\n  %1 = dot %x, "
                             "%w\n  return %1\n}\n");
        pack_weights(m, planned(m), &t, w);
        ck_abort_msg("packed beyond the limit");
    }
    ck_assert_int_eq(job.status, JITC_E_NOMEM);
    for (size_t i = 0; i < COUNT(w); i++) pack_release(&t, w[i]);
    pack_table_free(&t);
}
END_TEST

START_TEST(test_pack_many)
{
    IN_JOB();
    /* Growth of the table and removal from the middle of its runs. */
    enum { N = 300 };
    Str s = {0};
    str_put(&s, "graph @main(%x: f32[4]) {\n  %v0 = exp %x\n");
    for (int i = 0; i < N; i++)
        str_printf(&s,
                   "  %%w%d = weight f32[4] rand(%d)\n  %%t%d = maximum %%v%d, %%w%d\n  %%v%d = reduce_sum "
                   "%%t%d {axes=[0], keep=true}\n",
                   i, i, i, i, i, i + 1, i);
    str_printf(&s, "  return %%v%d\n}\n", N);
    Module *m = compiled(str_text(&s));
    str_free(&s);
    Plan *p = planned(m);
    PackTable t = {0};
    Packed **w = job_array(&job, Packed *, p->nweight);
    pack_weights(m, p, &t, w);
    ck_assert_int_eq(t.n, N);
    check_packed(m, p, w);
    for (uint32_t i = 0; i < p->nweight; i += 2) pack_release(&t, w[i]);
    Packed **again = job_array(&job, Packed *, p->nweight);
    pack_weights(m, p, &t, again);
    ck_assert_int_eq(t.n, N);
    for (uint32_t i = 1; i < p->nweight; i += 2) ck_assert_ptr_eq(w[i], again[i]);
    check_packed(m, p, again);
    pack_table_free(&t);
}
END_TEST

Suite *plan_suite(void)
{
    Suite *s = suite_create("plan");
    TCase *c = tcase_create("plan");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_map);
    tcase_add_test(c, test_map_flat);
    tcase_add_test(c, test_map_alternating);
    tcase_add_test(c, test_igemm_conv);
    tcase_add_test(c, test_igemm_merges);
    tcase_add_test(c, test_igemm_dot);
    tcase_add_test(c, test_igemm_residual);
    tcase_add_test(c, test_units);
    tcase_add_test(c, test_threads);
    tcase_add_test(c, test_depthwise);
    tcase_add_test(c, test_loops);
    tcase_add_test(c, test_chain);
    tcase_add_test(c, test_outputs);
    tcase_add_test(c, test_update);
    tcase_add_test(c, test_update);
    tcase_add_loop_test(c, test_random, 0, 40);
    tcase_add_loop_test(c, test_pack, 0, (int)COUNT(packing));
    tcase_add_test(c, test_pack_limit);
    tcase_add_test(c, test_pack_many);
    suite_add_tcase(s, c);
    return s;
}
