/* Finds and opens the code generator, which is a module of its own. It is never closed: LLVM has state that
 * does not survive that. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/jitc_internal.h"

/* Given by the build: where the code generator is installed, absolute and as seen from the tool's folder. */
#ifndef JITC_PLUGIN_DIR
#define JITC_PLUGIN_DIR "/usr/local/lib/jitc"
#endif
#ifndef JITC_PLUGIN_FROM_BIN
#define JITC_PLUGIN_FROM_BIN "../lib/jitc"
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

static void try_beside(const char *folder, const char *const *places, size_t n, void **handle, Str *tried)
{
    for (size_t i = 0; i < n && !*handle; i++) {
        Str place = {0};
        str_printf(&place, "%s%s", folder, places[i]);
        try_open(str_text(&place), handle, tried);
        str_free(&place);
    }
}

/* Nothing but where the library and the program are counts first, so an installed tree may be moved. */
static void *find_plugin(Str *tried)
{
    static const char *const by_library[] = {"", "jitc/"};
    static const char *const by_program[] = {"", "../", "../lib/", JITC_PLUGIN_FROM_BIN "/"};
    void *handle = NULL;
    Dl_info info;
    Str own = {0}, program = {0};
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = 0;
        put_folder(&program, exe);
    }
    if (dladdr((const void *)&service, &info) && info.dli_fname && strchr(info.dli_fname, '/'))
        put_folder(&own, info.dli_fname);
    if (own.n && strcmp(str_text(&own), str_text(&program)) != 0)
        try_beside(str_text(&own), by_library, COUNT(by_library), &handle, tried);
    if (program.n) try_beside(str_text(&program), by_program, COUNT(by_program), &handle, tried);
    try_open(JITC_PLUGIN_DIR "/", &handle, tried);
    str_free(&program);
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

void plugin_replace(const Codegen *c)
{
    pthread_mutex_lock(&lock);
    service = c;
    pthread_mutex_unlock(&lock);
}
