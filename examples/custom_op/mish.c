/* The function of the operator "Mish": one element of the operand, then its attribute. mish.ll is this file,
 * made by clang -O2 -S -emit-llvm mish.c -o mish.ll */
#include <math.h>

float mish(float x, float beta)
{
    float b = beta * x;
    return x * tanhf(b > 20 ? b : log1pf(expf(b)));
}
