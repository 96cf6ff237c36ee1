/* What both programs share: reading NumPy's files of floats, and comparing. */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The elements of FOLDER/NAME, for free(); ends the program when it cannot be read. */
static float *read_floats(const char *folder, const char *name, long *n)
{
    char path[4096];
    unsigned char head[10];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f || fread(head, 1, sizeof head, f) != sizeof head || fseek(f, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    long at = 10 + head[8] + 256L * head[9], bytes = ftell(f) - at;
    float *v = bytes > 0 ? malloc((size_t)bytes) : NULL;
    if (!v || fseek(f, at, SEEK_SET) || fread(v, 1, (size_t)bytes, f) != (size_t)bytes) {
        fprintf(stderr, "%s: too short\n", path);
        exit(1);
    }
    fclose(f);
    *n = bytes / (long)sizeof *v;
    return v;
}

static int report(const float *y, const float *want, long n)
{
    double most = 0;
    for (long i = 0; i < n; i++) most = fmax(most, fabs((double)y[i] - (double)want[i]));
    printf("%ld elements, %s NumPy's\n", n, most < 1e-6 ? "as" : "not");
    return most < 1e-6 ? 0 : 1;
}

#endif
