/* A model as an object file: no jitc, no LLVM, nothing but the C library at run time.
 *
 *     jitc compile digits.pb -o digits.o --header digits.h --shape images=1,8,8,1
 *     cc main.c digits.o -lm -o aot && ./aot */
#include <stdio.h>

#include "digits.h"

static _Alignas(DIGITS_WORKSPACE_ALIGN) unsigned char workspace[DIGITS_WORKSPACE_BYTES];

int main(void)
{
    /* A seven, by hand. */
    static const float image[8][8] = {
        {0, 9, 16, 16, 16, 16, 9, 0}, {0, 3, 4, 4, 6, 16, 6, 0}, {0, 0, 0, 0, 10, 13, 0, 0},
        {0, 0, 0, 3, 16, 5, 0, 0},    {0, 0, 0, 9, 13, 0, 0, 0}, {0, 0, 1, 15, 6, 0, 0, 0},
        {0, 0, 6, 15, 0, 0, 0, 0},    {0, 0, 12, 9, 0, 0, 0, 0},
    };
    float p[10];
    int error = digits_run((const void *[]){image}, (void *[]){p}, workspace);
    if (error) {
        fprintf(stderr, "%s\n", digits_error(error));
        return 1;
    }
    int best = 0;
    for (int i = 1; i < 10; i++)
        if (p[i] > p[best]) best = i;
    printf("it is a %d (%.0f %%)\n", best, 100 * p[best]);
    return 0;
}
