/* A seven, drawn by hand, and what to say of a model's answer. */
#ifndef SEVEN_H
#define SEVEN_H

#include <stdio.h>

static const float seven[8][8] = {
    {0, 9, 16, 16, 16, 16, 9, 0}, {0, 3, 4, 4, 6, 16, 6, 0}, {0, 0, 0, 0, 10, 13, 0, 0},
    {0, 0, 0, 3, 16, 5, 0, 0},    {0, 0, 0, 9, 13, 0, 0, 0}, {0, 0, 1, 15, 6, 0, 0, 0},
    {0, 0, 6, 15, 0, 0, 0, 0},    {0, 0, 12, 9, 0, 0, 0, 0},
};

static void say_digit(const float p[10])
{
    int best = 0;
    for (int i = 1; i < 10; i++)
        if (p[i] > p[best]) best = i;
    printf("it is a %d (%.0f %%)\n", best, 100 * p[best]);
}

#endif
