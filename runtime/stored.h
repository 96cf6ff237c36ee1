/* What of programs the cache keeps: their interfaces, versions (plan and packed weights), and machine code.
 *
 * A program is known by its file, as long as that is the same file, else by the hash of its bytes. A version
 * is known by the program's bytes, the signature, and all that decides what is compiled: the options, this
 * machine, the choices that were tuned, and jitc itself. Code is known by the texts of its kernels instead of
 * the program, so a model that was trained anew finds it. All functions are called with p->compile, or while
 * p is loaded. */
#ifndef JITC_RUNTIME_STORED_H
#define JITC_RUNTIME_STORED_H

#include "runtime/cache.h"
#include "runtime/image.h"

struct Version;

typedef struct {
    Cache cache;
    bool on, warned;
    int depth; /* how much the interface tells: 0 what is compiled, 1 what follows from the graph, 2 what it
                  declares */
    Hash base,
        code; /* of all that decides what is compiled, but the model; and of what decides about code alone */
    bool has_content;
    Hash content; /* of the model's bytes */
    FileId file;  /* of the model; zero: not known, or not to be relied on */
    const char *label;
} Stored;

/* After all else that options say is known. `interface`: what is stored of the program is what the graph
 * declares, as nothing else is wanted. `label`: what people call the model. */
void stored_open(jitc_program *p, const jitc_options *o, bool interface, const char *label);
void stored_close(jitc_program *p);
/* The interface; false: the model must be read. */
bool stored_load_program(jitc_program *p);
void stored_save_program(jitc_program *p);
/* Plan, weights, and room for the tables of a new version; false: there is none, and `v` is as it was.
 * *moved: it should be saved again, as files of its weights are others than those that were written. */
bool stored_load_version(jitc_program *p, const jitc_io *in, struct Version *v, bool *moved);
/* Puts large weights into files, and maps these in their place. */
void stored_keep_weights(jitc_program *p, struct Version *v);
void stored_save_version(jitc_program *p, const jitc_io *in,
                         const struct Version *v); /* when all of it is there */
/* The entry of code for these kernels, and its functions in their order; NULL: there is none. */
Hash stored_code_entry(const jitc_program *p, const Hash *kernel, size_t n);
Image *stored_load_code(jitc_program *p, Hash entry, uint32_t n);
void stored_save_code(jitc_program *p, Hash entry, const void *block, size_t size);
/* The reason, once, why nothing can be kept; NULL: none. */
const char *stored_warning(jitc_program *p);
#endif
