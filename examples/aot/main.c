/* A model in a program: no jitc, no LLVM, nothing but the C library when it runs. */
#include <stdio.h>

#include "digits.h"

static _Alignas(DIGITS_WORKSPACE_ALIGN) unsigned char workspace[DIGITS_WORKSPACE_BYTES];

int main(void)
{
    const char *seven = "00688870"
                        "00423860"
                        "00004800"
                        "00028300"
                        "00488850"
                        "00375000"
                        "00840000"
                        "00830000";
    float image[64], p[10];
    for (int i = 0; i < 64; i++) image[i] = (float)(seven[i] - '0') / 8;
    int error = digits_run((const void *[]){image}, (void *[]){p}, workspace), best = 0;
    if (error) return fprintf(stderr, "%s\n", digits_error(error)), 1;
    for (int i = 1; i < 10; i++)
        if (p[i] > p[best]) best = i;
    printf("it is a %d (%.0f %%)\n", best, 100 * p[best]);
    return 0;
}
