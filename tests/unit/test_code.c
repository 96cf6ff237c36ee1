/* Code generation: kernels that share functions, dealt to modules for one thread and for several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/jitc_internal.h"
#include "suites.h"
#include "tests/compile.h"

enum { KERNELS = 9 };

/* A product with one map after the other behind it. */
static char *product(int maps)
{
    static const char *const map[] = {"relu", "tanh", "exp"};
    char *text = malloc(2048);
    int n =
        snprintf(text, 2048,
                 "#algo=igemm rows=13 kmult=1 run16=0 lines=1 linear=1 far=0 step=0 kcut=0 ntail=1 widths=3\n"
                 "graph @k(%%0: f32[?m,?k], %%1: f32[?k,?n]{panel}) {\n"
                 "  %%2 = dot %%0, %%1 : f32[?m,?n]\n");
    for (int i = 0; i < maps; i++)
        n +=
            snprintf(text + n, 2048 - (size_t)n, "  %%%d = %s %%%d : f32[?m,?n]\n", i + 3, map[i % 3], i + 2);
    snprintf(text + n, 2048 - (size_t)n, "  return %%%d\n}\n", maps + 2);
    return text;
}

START_TEST(test_shared_functions)
{
    char *why, *text[KERNELS];
    const Codegen *cg = plugin_open(&why);
    ck_assert_ptr_nonnull(cg);
    CodegenKernel k[KERNELS];
    for (int i = 0; i < KERNELS; i++) {
        text[i] = product(i);
        k[i] = (CodegenKernel){.text = text[i], .size = strlen(text[i]), .name = "k"};
    }
    CodegenTarget target = {.cpu = "native", .features = "", .quick = true};
    size_t bytes = 0;
    for (int threads = 1; threads <= 4; threads++) {
        CodegenResult r = cg->compile(&target, k, KERNELS, EMIT_OBJECT, threads, NULL);
        ck_assert_msg(!r.error, "%s", r.error);
        Image *image = load_here(&r, k, KERNELS, &why);
        ck_assert_msg(image != NULL, "%s", why);
        for (int i = 0; i < KERNELS; i++) {
            ck_assert_ptr_nonnull(image_symbol(image, i));
            for (int j = 0; j < i; j++) ck_assert(image_symbol(image, i) != image_symbol(image, j));
        }
        /* Tiles are most of the code. */
        if (threads == 1)
            bytes = image->size;
        else
            ck_assert_uint_lt(image->size, bytes + bytes / 2);
        ck_assert_int_gt(r.emit_ns, 0);
        ck_assert_int_gt(r.passes_ns, 0);
        ck_assert_int_gt(r.machine_ns, 0);
        image_free(image);
        codegen_result_free(&r);
    }
    for (int i = 0; i < KERNELS; i++) free(text[i]);
}
END_TEST

Suite *code_suite(void)
{
    Suite *s = suite_create("code");
    TCase *c = tcase_create("code");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_shared_functions);
    suite_add_tcase(s, c);
    return s;
}
