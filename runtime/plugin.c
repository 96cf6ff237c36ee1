/* Finds and opens the code generator, which is a module of its own. It is never closed: LLVM has state that
 * does not survive that. */
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/jitc_internal.h"

#ifndef JITC_PLUGIN_DIR
#define JITC_PLUGIN_DIR "/usr/local/lib"
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const Codegen *service;

/* The folder of a path, with its slash. */
static void put_folder(Str *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash)
        str_putn(s, path, (size_t)(slash - path) + 1);
    else
        str_put(s, "./");
}

static void try_open(const char *folder, void **handle, Str *tried)
{
    static const char file[] = "libjitc-llvm.so";
    Str path = {0};
    if (*handle) return;
    str_printf(&path, "%s%s", folder, file);
    if (!path.oom && access(str_text(&path), F_OK) == 0) {
        *handle = dlopen(str_text(&path), RTLD_NOW | RTLD_LOCAL);
        if (!*handle) str_printf(tried, "%s%s", tried->n ? "; " : "", dlerror());
    } else {
        str_printf(tried, "%s%s is not there", tried->n ? "; " : "", str_text(&path));
    }
    str_free(&path);
}

static void *find_plugin(Str *tried)
{
    void *handle = NULL;
    Dl_info info;
    Str folder = {0}, own = {0};
    if (dladdr((const void *)&service, &info) && info.dli_fname && strchr(info.dli_fname, '/')) {
        put_folder(&own, info.dli_fname);
        try_open(str_text(&own), &handle, tried);
    }
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        static const char *const beside[] = {"", "../", "../lib/"};
        exe[n] = 0;
        for (size_t i = 0; i < COUNT(beside) && !handle; i++) {
            folder.n = 0;
            put_folder(&folder, exe);
            str_put(&folder, beside[i]);
            if (strcmp(str_text(&folder), str_text(&own)) != 0) try_open(str_text(&folder), &handle, tried);
        }
    }
    try_open(JITC_PLUGIN_DIR "/", &handle, tried);
    str_free(&folder);
    str_free(&own);
    return handle;
}

const Codegen *plugin_open(char **why)
{
    *why = NULL;
    pthread_mutex_lock(&lock);
    if (!service) {
        Str tried = {0};
        void *handle = find_plugin(&tried);
        void *entry = handle ? dlsym(handle, CODEGEN_ENTRY) : NULL;
        codegen_open_fn *open_fn;
        memcpy(&open_fn, &entry, sizeof open_fn);
        const Codegen *found = entry ? open_fn() : NULL;
        if (found && found->abi == CODEGEN_ABI)
            service = found;
        else if (asprintf(why, "the code generator cannot be opened: %s",
                          found    ? "libjitc-llvm.so is of another version"
                          : handle ? "libjitc-llvm.so has no entry " CODEGEN_ENTRY
                                   : str_text(&tried)) < 0)
            *why = NULL;
        str_free(&tried);
    }
    const Codegen *r = service;
    pthread_mutex_unlock(&lock);
    return r;
}

#if defined(__x86_64__)
/* The levels of the x86-64 ABI. The builtin knows what the system saves of the registers, but, in clang, not
 * all features; those are asked of the processor. */
static bool host_reaches(int level)
{
    unsigned a, b, c = 0, d, c_extended = 0;
    __get_cpuid(1, &a, &b, &c, &d);
    __get_cpuid(0x80000001, &a, &b, &c_extended, &d);
    __builtin_cpu_init();
    bool v2 = __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.2") &&
              __builtin_cpu_supports("popcnt") && (c & bit_CMPXCHG16B) && (c_extended & bit_LAHF_LM);
    bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && (c & bit_MOVBE) &&
              (c & bit_F16C) && (c_extended & bit_LZCNT);
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    return level == 2 ? v2 : level == 3 ? v3 : v4;
}
#endif

bool plugin_host_runs(const char *cpu)
{
#if defined(__x86_64__)
    if (strcmp(cpu, "x86-64-v2") == 0) return host_reaches(2);
    if (strcmp(cpu, "x86-64-v3") == 0) return host_reaches(3);
    if (strcmp(cpu, "x86-64-v4") == 0) return host_reaches(4);
#else
    (void)cpu;
#endif
    return true;
}
