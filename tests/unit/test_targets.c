/* Object files for other systems: read, since they cannot run here. */
#include <stdlib.h>

#include "runtime/jitc_internal.h"
#include "tests/objfile.h"
#include "tests/unit/suites.h"

/* Every kind of thing that an object has: a convolution, divisions of sizes and of integers of all widths,
 * f16, an output whose size the run tells. */
static const char net[] =
    "graph @main(%x: f32[1,9,9,16], %i: i64[20], %j: i32[20], %k: u8[20], %h: f16[20]) {\n"
    "  %w = weight f32[3,3,16,24] rand(1)\n"
    "  %y = conv %x, %w {strides=[1,1], dilations=[1,1], pad_lo=[1,1], pad_hi=[1,1]}\n"
    "  %t = tanh %y\n"
    "  %a = div %i, %i\n"
    "  %b = trunc_mod %j, %j\n"
    "  %c = div %k, %k\n"
    "  %d = cast %i {to=f32}\n"
    "  %e = cast %d {to=i64}\n"
    "  %f = cast %h {to=i64}\n"
    "  return %t, %a, %b, %c, %e, %f\n"
    "}\n";

typedef struct {
    const char *target, *format;
    unsigned machine;
    const char *constants; /* the section of the weights */
} Wanted;
static const Wanted wanted[] = {
    {"x86_64-linux-gnu", "ELF64", 62, ".rodata"},
    {"aarch64-linux-gnu", "ELF64", 183, ".rodata"},
    {"riscv64-linux-gnu", "ELF64", 243, ".rodata"},
    {"armv7-linux-gnueabihf", "ELF32", 40, ".rodata"},
    {"arm64-apple-macosx", "Mach-O", 0x0100000c, "__TEXT,__const"},
    {"x86_64-w64-windows-gnu", "COFF", 0x8664, ".rdata"},
};

static jitc_program *load(const char *text)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_program *p;
    jitc_error *e;
    o.flags = JITC_LAZY;
    if (program_load_ir(text, strlen(text), NULL, &o, &p, &e)) ck_abort_msg("%s", jitc_error_text(e));
    return p;
}

static jitc_object *compile(jitc_program *p, const char *target, const char *cpu)
{
    jitc_aot_options a = JITC_AOT_OPTIONS_INIT;
    jitc_object *o;
    jitc_error *e;
    a.name = "m";
    a.target = target;
    a.cpu = cpu;
    if (jitc_aot_compile(p, &a, &o, &e))
        ck_abort_msg("%s: %s", target ? target : "native", jitc_error_text(e));
    return o;
}

static void check_object(const Wanted *w, const ObjFile *f)
{
    ck_assert_str_eq(f->format, w->format);
    ck_assert_uint_eq(f->machine, w->machine);
    const char *foreign = objfile_foreign(f);
    if (foreign) ck_abort_msg("%s: needs %s", w->target, foreign);
    static const char *const entry[] = {"m_run", "m_run_options", "m_workspace_bytes", "m_error", "m_inputs"};
    for (size_t i = 0; i < COUNT(entry); i++) {
        const ObjSymbol *s = objfile_find(f, entry[i]);
        if (!s || !s->defined || !s->global || s->writable)
            ck_abort_msg("%s: %s is no public constant", w->target, entry[i]);
    }
    const ObjSymbol *weights = objfile_find(f, "weights");
    ck_assert_ptr_nonnull(weights);
    ck_assert(!weights->writable && !weights->global);
    ck_assert_str_eq(weights->section, w->constants);
    ck_assert_int_le(f->writable_bytes, 4); /* what the CPU has */
}

START_TEST(test_objects)
{
    const Wanted *w = &wanted[_i];
    jitc_program *p = load(net);
    jitc_object *o = compile(p, w->target, NULL), *own = compile(p, NULL, NULL);
    size_t n;
    const void *data = jitc_object_data(o, &n);
    Job job;
    job_init(&job, 0);
    ck_assert_int_eq(JOB_ENTER(&job), JITC_OK);
    ObjFile f;
    ck_assert_ptr_null(objfile_read(&job, data, n, &f));
    check_object(w, &f);
    ck_assert_str_eq(jitc_object_header(o), jitc_object_header(own));
    job_free(&job);
    jitc_object_free(o);
    jitc_object_free(own);
    jitc_program_free(p);
}
END_TEST

/* CPUs by name, and what is checked for them. */
START_TEST(test_cpus)
{
    static const struct {
        const char *target, *cpu, *needs; /* a function that tells; NULL: none is asked */
    } cases[] = {
        {"aarch64-linux-gnu", "generic", NULL},
        {"aarch64-linux-gnu", "cortex-a53", NULL},
        {"aarch64-linux-gnu", "cortex-a76,+bf16", "getauxval"},
        {"aarch64-linux-gnu", "cortex-a55,-lse,-rdm,-rcpc,-dotprod,-fullfp16", NULL},
        {"riscv64-linux-gnu", "rv64gc", NULL},
        {"riscv64-linux-gnu", "spacemit-x60", "syscall"},
        {"riscv64-linux-gnu", "rv64gc,+zba", "syscall"},
        {"armv7-linux-gnueabihf", "generic", "getauxval"},
        {"armv7-linux-gnueabihf", "cortex-a15", "getauxval"},
        {"arm64-apple-macosx14.0", "apple-m1", NULL},
        {"x86_64-w64-mingw32", "haswell", NULL},
        {"x86_64-pc-linux-gnu", "x86-64-v2", NULL},
        {"arm64-unknown-linux-gnu", "ampere1", "getauxval"},
    };
    static const char small[] = "graph @main(%x: f32[7]) {\n  %y = exp %x\n  return %y\n}\n";
    jitc_program *p = load(small);
    for (size_t i = 0; i < COUNT(cases); i++) {
        jitc_object *o = compile(p, cases[i].target, cases[i].cpu);
        size_t n;
        const void *data = jitc_object_data(o, &n);
        Job job;
        job_init(&job, 0);
        ck_assert_int_eq(JOB_ENTER(&job), JITC_OK);
        ObjFile f;
        ck_assert_ptr_null(objfile_read(&job, data, n, &f));
        for (uint32_t k = 0; k < f.symbol.n; k++)
            if (!f.symbol.at[k].defined && (!cases[i].needs || strcmp(f.symbol.at[k].name, cases[i].needs)))
                ck_abort_msg("%s %s: needs %s", cases[i].target, cases[i].cpu, f.symbol.at[k].name);
        if (cases[i].needs) ck_assert_ptr_nonnull(objfile_find(&f, cases[i].needs));
        job_free(&job);
        jitc_object_free(o);
    }
    jitc_program_free(p);
}
END_TEST

START_TEST(test_wrong_targets)
{
    static const struct {
        const char *target, *cpu, *says;
    } cases[] = {
        {"vax-dec-ultrix", NULL, "there are x86_64-linux-gnu, x86_64-w64-windows-gnu, aarch64-linux-gnu"},
        {"aarch64_be-linux-gnu", NULL, "big-endian"},
        {"s390x-linux-gnu", NULL, "big-endian"},
        {"aarch64-linux-gnueabihf", NULL, "no code can be made"},
        {"arm64-apple-ios", NULL, "no code can be made"},
        {"aarch64", NULL, "no code can be made"},
        {"aarch64-linux-gnu", "native", "'native' is the CPU of this machine"},
        {"aarch64-linux-gnu", "x86-64-v3",
         "unknown CPU 'x86-64-v3' for aarch64-linux-gnu; there are generic"},
        {"aarch64-linux-gnu", "generic,+sve", "no object can check whether aarch64-linux-gnu has '+sve'"},
        {"aarch64-linux-gnu", "generic,lse", "has 'lse'"},
        {"arm64-apple-macosx", "cortex-a53", "there are apple-m1"},
        {"x86_64-w64-windows-gnu", "x86-64-v3,+avx512f", "single features"},
        {"riscv64-linux-gnu", "generic", "there are rv64gc"},
    };
    static const char small[] = "graph @main(%x: f32[7]) {\n  %y = exp %x\n  return %y\n}\n";
    jitc_program *p = load(small);
    for (size_t i = 0; i < COUNT(cases); i++) {
        jitc_aot_options a = JITC_AOT_OPTIONS_INIT;
        jitc_object *o;
        jitc_error *e;
        a.target = cases[i].target;
        a.cpu = cases[i].cpu;
        ck_assert_int_eq(jitc_aot_compile(p, &a, &o, &e), JITC_E_CPU);
        if (!strstr(jitc_error_text(e), cases[i].says))
            ck_abort_msg("%s: '%s' lacks '%s'", a.target, jitc_error_text(e), cases[i].says);
        jitc_error_free(e);
    }
    jitc_program_free(p);
}
END_TEST

Suite *targets_suite(void)
{
    Suite *s = suite_create("targets");
    TCase *t = tcase_create("objects");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_objects, 0, COUNT(wanted));
    tcase_add_test(t, test_cpus);
    tcase_add_test(t, test_wrong_targets);
    suite_add_tcase(s, t);
    return s;
}
