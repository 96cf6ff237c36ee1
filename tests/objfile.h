/* Reads object files of every system that jitc compiles for: ELF of 32 and 64 bits, Mach-O, COFF. */
#ifndef JITC_TESTS_OBJFILE_H
#define JITC_TESTS_OBJFILE_H

#include "ir/base/base.h"

typedef struct {
    char name[64]; /* without the underscore that Mach-O puts before C's names */
    bool defined, global;
    bool writable;    /* it lies in memory that a program may write, also after relocation */
    char section[40]; /* "__TEXT,__const" */
} ObjSymbol;

typedef struct {
    const char *format;     /* "ELF64", "ELF32", "Mach-O", "COFF" */
    unsigned machine;       /* as the format counts them */
    int64_t writable_bytes; /* of its sections, but those that are only written by relocation */
    VEC(ObjSymbol) symbol;
} ObjFile;

/* In an entered job. NULL, or why it is no object file. */
const char *objfile_read(Job *job, const void *data, size_t size, ObjFile *out);
const ObjSymbol *objfile_find(const ObjFile *f, const char *name);
/* The first symbol that neither C's library nor its mathematics has; NULL: there is none. */
const char *objfile_foreign(const ObjFile *f);
#endif
