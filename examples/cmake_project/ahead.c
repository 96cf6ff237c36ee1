/* The model is part of the program. */
#include "digits.h"
#include "seven.h"

static _Alignas(DIGITS_WORKSPACE_ALIGN) unsigned char workspace[DIGITS_WORKSPACE_BYTES];

int main(void)
{
    float p[10];
    int error = digits_run((const void *[]){seven}, (void *[]){p}, workspace);
    if (error) {
        fprintf(stderr, "%s\n", digits_error(error));
        return 1;
    }
    say_digit(p);
    return 0;
}
