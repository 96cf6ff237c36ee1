/* What this machine's vector units can do at best, measured. */
#include "cli/cli.h"
#include "runtime/threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHAINS = 12, ROUNDS = 4096 }; /* enough independent sums to fill two pipelines */

/* Each returns the number of floating-point operations done; x keeps the sums alive and finite. */
typedef double PeakFn(float *x);

#define PEAK_LOOP(type, set, fma, lanes, store)                                                              \
    type a[CHAINS], m = set(0.999f), c = set(0.001f);                                                        \
    for (int i = 0; i < CHAINS; i++) a[i] = set(x[0] + (float)i);                                            \
    for (int r = 0; r < ROUNDS; r++) {                                                                       \
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) a[i] = fma(a[i], m, c);                    \
    }                                                                                                        \
    for (int i = 1; i < CHAINS; i++) a[0] = fma(a[i], m, a[0]);                                              \
    float out[lanes];                                                                                        \
    store(out, a[0]);                                                                                        \
    x[0] = out[0] * 1e-9f;                                                                                   \
    return 2.0 * lanes * CHAINS * ROUNDS

#if defined(__x86_64__)
#define MUL_ADD_128(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
static double peak_sse(float *x)
{
    PEAK_LOOP(__m128, _mm_set1_ps, MUL_ADD_128, 4, _mm_storeu_ps);
}

__attribute__((target("avx2,fma"))) static double peak_avx2(float *x)
{
    PEAK_LOOP(__m256, _mm256_set1_ps, _mm256_fmadd_ps, 8, _mm256_storeu_ps);
}

__attribute__((target("avx512f"))) static double peak_avx512(float *x)
{
    PEAK_LOOP(__m512, _mm512_set1_ps, _mm512_fmadd_ps, 16, _mm512_storeu_ps);
}

/* What code for this CPU may use; of a CPU by another name than a level's, what this machine has. */
static PeakFn *best_fn(const char *cpu)
{
    static const char family[] = "x86-64";
    int level = 4;
    if (cpu && strncmp(cpu, family, sizeof family - 1) == 0) {
        const char *end = cpu + sizeof family - 1;
        level = end[0] == '-' && end[1] == 'v' ? end[2] - '0' : 1;
    }
    __builtin_cpu_init();
    if (level >= 4 && __builtin_cpu_supports("avx512f")) return peak_avx512;
    return level >= 3 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? peak_avx2
                                                                                         : peak_sse;
}

const char *cpu_vectors(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return __builtin_cpu_supports("avx512vnni") ? "AVX-512, VNNI" : "AVX-512";
    return __builtin_cpu_supports("avx2") ? "AVX2" : __builtin_cpu_supports("avx") ? "AVX" : "SSE2";
}
#else
typedef float Vec4 __attribute__((vector_size(16)));
#define SET_VEC4(v)       ((Vec4){(v), (v), (v), (v)})
#define FMA_VEC4(a, b, c) ((a) * (b) + (c))
#define STORE_VEC4(p, v)  memcpy(p, &(v), sizeof(v))
static double peak_generic(float *x)
{
    PEAK_LOOP(Vec4, SET_VEC4, FMA_VEC4, 4, STORE_VEC4);
}
static PeakFn *best_fn(const char *cpu)
{
    (void)cpu;
    return peak_generic;
}
const char *cpu_vectors(void)
{
    return "128-bit vectors";
}
#endif

typedef struct {
    PeakFn *fn;
    double rate[1024]; /* by thread */
} PeakRun;

/* The best of short pieces: in a longer one the system would run something else as well. */
static void share(void *arg, size_t k)
{
    enum { NS = 20000000, PIECE_NS = 400000 };
    PeakRun *r = arg;
    float x[16] = {1};
    for (int64_t start = now_ns(), from = start, now = start; now - start < NS; from = now) {
        double flop = 0;
        do {
            flop += r->fn(x);
            now = now_ns();
        } while (now - from < PIECE_NS);
        double rate = flop / (double)(now - from) + (x[0] > 1e30f);
        if (rate > r->rate[k]) r->rate[k] = rate;
    }
}

double fma_peak_gflops(const char *cpu, int threads)
{
    static PeakRun r;
    double sum = 0;
    if (threads > (int)COUNT(r.rate)) threads = COUNT(r.rate);
    ThreadPool *pool = threads > 1 ? threads_new(threads) : NULL;
    r.fn = best_fn(cpu);
    for (int attempt = 0; attempt < 4; attempt++) parallel_for(pool, share, &r, (size_t)threads);
    for (int i = 0; i < threads; i++) sum += r.rate[i];
    threads_free(pool);
    return sum;
}
