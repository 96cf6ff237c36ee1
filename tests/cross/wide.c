/* 64-bit integers: division, and conversion from and to floating-point numbers, against C's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { N = 20000 };

static int64_t a[N], b[N], quotient[N], rest[N], back[N];
static uint64_t u[N], v[N], unsigned_quotient[N];
static float a32[N], u32[N];
static double x[N], a64[N], u64[N];

static uint64_t state = 1;
/* Of any number of bits. */
static uint64_t any(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = state >> 33 ^ state << 13;
    return bits >> (state >> 58);
}

static int wrong(const char *what, int i)
{
    printf("%s is wrong at %d: a %" PRId64 ", b %" PRId64 ", u %" PRIu64 ", v %" PRIu64 ", x %.17g\n", what,
           i, a[i], b[i], u[i], v[i], x[i]);
    return 1;
}

static int check(int i)
{
    if (quotient[i] != a[i] / b[i]) return wrong("the quotient", i);
    if (rest[i] != a[i] % b[i]) return wrong("the remainder", i);
    if (unsigned_quotient[i] != u[i] / v[i]) return wrong("the unsigned quotient", i);
    if (a32[i] != (float)a[i]) return wrong("i64 as f32", i);
    if (a64[i] != (double)a[i]) return wrong("i64 as f64", i);
    if (u32[i] != (float)u[i]) return wrong("u64 as f32", i);
    if (u64[i] != (double)u[i]) return wrong("u64 as f64", i);
    if (back[i] != (int64_t)x[i]) return wrong("f64 as i64", i);
    return 0;
}

int main(void)
{
    int64_t dims[WIDE_DIMS];
    for (int i = 0; i < WIDE_DIMS; i++) dims[i] = N;
    for (int i = 0; i < N; i++) {
        a[i] = (int64_t)any();
        b[i] = (int64_t)any();
        if (i % 3 == 0) a[i] = -a[i];
        if (i % 5 == 0) b[i] = -b[i];
        if (b[i] == 0 || (b[i] == -1 && a[i] == INT64_MIN)) b[i] = 3;
        u[i] = any();
        v[i] = any() | 1;
        x[i] = (double)a[i] / (i % 7 + 1); /* never 2^63 */
    }
    size_t bytes = wide_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(WIDE_WORKSPACE_ALIGN, bytes);
    const void *in[] = {a, b, u, v, x};
    void *out[] = {quotient, rest, unsigned_quotient, a32, a64, u32, u64, back};
    int error = workspace ? wide_run_dims(in, out, workspace, bytes, dims) : -100;
    if (error) printf("%s\n", wide_error(error));
    for (int i = 0; i < N && !error; i++) error = check(i);
    free(workspace);
    if (!error) puts("all right");
    return error != 0;
}
