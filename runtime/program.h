/* Programs and their versions: private to runtime/.
 *
 * A program is a decoded graph with its options. A version is the program compiled for one signature, the
 * shapes of its inputs, or, a general one, for all; versions share kernels and packed weights.
 *
 * The first signatures get versions of their own, since most programs see few. From then on the general
 * version serves what is new, and a signature that has been asked for HOT times gets its own version. So a
 * program whose shapes keep changing compiles a bounded number of times. */
#ifndef JITC_RUNTIME_PROGRAM_H
#define JITC_RUNTIME_PROGRAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "codegen/plan/pack.h"
#include "codegen/plan/plan.h"
#include "codegen/service.h"
#include "frontend/import.h"
#include "passes/pass.h"
#include "runtime/image.h"
#include "runtime/jitc_internal.h"
#include "runtime/stored.h"

/* MAX_VERSIONS: of those that are not pinned. */
enum { MAX_VERSIONS = 16, FIRST_SIGNATURES = 2, HOT = 4, SEEN_SIGNATURES = 64 };

/* The address of a kernel, which better code may change. */
typedef kernel_fn *_Atomic KernelSlot;
typedef struct CodeImage CodeImage; /* see code.h */
typedef struct CodeUpgrade CodeUpgrade;

typedef struct Version {
    Job job; /* the plan and the tables below */
    Plan *plan;
    jitc_io *in, *out; /* of a general version, with open dimensions */
    bool general;      /* serves all shapes of its ranks */
    bool planned;      /* plan and weights, no code: see aot.c */
    bool apart;        /* not in the table, nor in the cache */
    bool found;        /* in the cache */
    Machine machine;   /* that it is planned for; without a cache: the program's CPU */
    Packed **weight;
    uint32_t nweight;
    const uint8_t **segment; /* data of weight i */
    KernelSlot **fn;         /* by kernel number of the plan */
    CodeImage **image;       /* distinct */
    uint32_t nimages, nnew;  /* nnew: kernels that were not there yet */
    bool pinned;             /* stays in the table */
    atomic_uint refs;        /* the program's table, and execs */
    _Atomic uint64_t used;
    struct Version *next_dead;
    int64_t phase_ns[PHASES];
} Version;

struct jitc_program {
    Memory memory; /* all that follows, but what is the C library's: see docs/c-api.md */
    Job job;       /* graph, interface, copies of the options */
    Source src;
    TfGraph *graph;              /* NULL: not read yet, since the cache knew what was asked */
    const char *text, *pipeline; /* text: of the IR, instead of a graph; or NULL */
    size_t text_size;
    ImportOptions opt;
    ImportIo io; /* as declared; of a static program as compiled */
    bool is_static;
    bool known; /* its interface, from the cache */
    int threads;
    CodegenTarget target;
    int64_t deadline_ms;
    const volatile int *stop;
    void (*log)(void *arg, const char *line);
    void *log_arg;
    int64_t decode_ns;
    atomic_uint refs;        /* the caller's, and execs */
    pthread_mutex_t lock;    /* the table of versions, and what is counted for it; never held for long */
    pthread_mutex_t compile; /* all that compiling changes: weights, images, services; taken before `lock` */
    Version **version, *dead;
    uint32_t nversions, cap_versions;
    int64_t most_tables; /* plan_tables_bytes() of the version that has most */
    _Atomic uint64_t clock;
    struct {
        Hash key;
        uint32_t times;
        uint64_t used;
    } seen[SEEN_SIGNATURES]; /* how often signatures without a version of their own were asked for */
    uint32_t nspecial;       /* versions of one signature that were made */
    bool precise;            /* JITC_PRECISE */
    ImageLayout layout;
    bool no_general;   /* the graph needs to know its inputs' sizes */
    bool only_general; /* for tests */
    const struct Tuning
        *tuning; /* choices that were measured, or NULL; changes while something is compiled only */
    PackTable weights;
    Stored stored;
    CodeImage *images;
    const Codegen *codegen;
    bool tiered; /* JITC_TIERED */
    struct {     /* with `lock`; the thread and what started it: with `compile` */
        CodeUpgrade *first;
        bool runs, started;
        unsigned forks;
        pthread_t thread;
        int abandon;
    } tier;
};

/* "NAME,+feature,-feature"; NULL: "native". */
CodegenTarget program_cpu(Job *job, const char *cpu);
int io_find(const jitc_io *io, size_t n, const char *name); /* by tensor name, ":0" or not; -1: none */
const char *options_copy(void *to, size_t known, size_t least, const void *from);
void program_ref(jitc_program *p);
void program_unref(jitc_program *p);
/* In a job that has been entered: the module of a signature, imported and not yet optimised; with open
 * dimensions when `symbolic`. It may have one more argument, see ImportOptions.runs. */
Module *program_module(jitc_program *p, Job *job, const jitc_io *in, bool symbolic, ImportIo *io);
Limits program_limits(const jitc_program *p, const volatile int *stop); /* of work that begins now */
void program_log(const jitc_program *p, Str *line);                     /* and frees it */
/* What the tables of an exec take for this plan. */
static inline int64_t plan_tables_bytes(const Plan *plan)
{
    return 8 * (2 * (int64_t)plan->nbuf + plan->ncall_buf + plan->nreg + 3);
}
/* One line per problem, from malloc; never NULL unless memory has run out. */
char *job_text(const Job *job, jitc_status status);
const char *status_text(jitc_status status);

typedef enum {
    VERSION_ANY,     /* what a run may use */
    VERSION_SPECIAL, /* one for these shapes alone */
    VERSION_PINNED   /* the same, and it stays */
} VersionWish;

/* A version for the input shapes `in` (nin of the program's interface), compiled if need be; with a
 * reference. `have`: a general version that serves them and that the caller holds, or NULL. */
jitc_status version_get(jitc_program *p, const jitc_io *in, VersionWish wish, Version *have,
                        const Limits *limits, Version **out, char **why);
bool version_ready(jitc_program *p, const jitc_io *in); /* VERSION_ANY would compile nothing */
bool version_serves(const jitc_program *p, const Version *v, const jitc_io *in);
void version_use(jitc_program *p, Version *v); /* it is the latest that was used */
int64_t version_most_tables(jitc_program *p);
/* A plan with its weights for the shapes that the program declares, open ones included, for this machine and
 * by these choices (or NULL); with a reference. */
jitc_status version_plan(jitc_program *p, Machine machine, const struct Tuning *tuning, const Limits *limits,
                         Version **out, char **why);
/* For these shapes by these choices; with a reference, and not for others. */
jitc_status version_try(jitc_program *p, const jitc_io *in, const struct Tuning *tuning, const Limits *limits,
                        Version **out, char **why);
void version_release(jitc_program *p, Version *v); /* accepts NULL */
/* Tables for a plan, in the version's memory; nothing of them is set yet but sizes. */
void version_tables(Version *v, Job *job, const Plan *plan);
void version_lap(Version *v, Phase phase, int64_t *since);
void version_reset(jitc_program *p, Version *v); /* to what it was before anything of it was made */
void version_free_all(jitc_program *p);          /* of a program without execs */
#endif
