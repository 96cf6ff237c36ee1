#include "tests/objfile.h"

typedef struct {
    Job *job;
    const uint8_t *at;
    size_t size;
    bool short_file;
    ObjFile *out;
} Reader;

/* A little-endian number; 0, and short_file, behind the end. */
static uint64_t number(Reader *r, uint64_t at, int bytes)
{
    uint64_t v = 0;
    if (at > r->size || r->size - at < (uint64_t)bytes) {
        r->short_file = true;
        return 0;
    }
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | r->at[at + (uint64_t)i];
    return v;
}

/* Text that a null byte or `most` ends. */
static void text(Reader *r, uint64_t at, size_t most, char *out, size_t n)
{
    size_t k = 0;
    for (; k + 1 < n && k < most && at + k < r->size && r->at[at + k]; k++) out[k] = (char)r->at[at + k];
    out[k] = 0;
}

typedef struct {
    char name[40];
    bool writable;
} Section;
typedef VEC(Section) Sections;

static void add_section(Reader *r, Sections *all, Section s, bool relocated, uint64_t bytes)
{
    if (relocated) s.writable = false;
    if (s.writable) r->out->writable_bytes += (int64_t)bytes;
    vec_push(r->job, all, s);
}

static void add_symbol(Reader *r, const Sections *all, ObjSymbol s, uint64_t section)
{
    if (s.defined && section < all->n) {
        snprintf(s.section, sizeof s.section, "%s", all->at[section].name);
        s.writable = all->at[section].writable;
    }
    if (s.name[0]) vec_push(r->job, &r->out->symbol, s);
}

/* -- ELF --------------------------------------------------------------------------------------- */
static void read_elf(Reader *r)
{
    bool wide = number(r, 4, 1) == 2;
    int word = wide ? 8 : 4;
    enum { SYMTAB = 2, WRITE = 1, ALLOC = 2 };
    uint64_t table = number(r, wide ? 0x28 : 0x20, word), row = number(r, wide ? 0x3a : 0x2e, 2);
    uint64_t n = number(r, wide ? 0x3c : 0x30, 2), names = number(r, wide ? 0x3e : 0x32, 2);
    uint64_t offset = wide ? 0x18 : 0x10, size = wide ? 0x20 : 0x14, link = wide ? 0x28 : 0x18;
    Sections all = {0};
    r->out->format = wide ? "ELF64" : "ELF32";
    r->out->machine = (unsigned)number(r, 0x12, 2);
    uint64_t strings = number(r, table + names * row + offset, word);
    for (uint64_t i = 0; i < n && !r->short_file; i++) {
        uint64_t at = table + i * row, flags = number(r, at + 8, word);
        Section s = {.writable = (flags & (WRITE | ALLOC)) == (WRITE | ALLOC)};
        text(r, strings + number(r, at, 4), sizeof s.name, s.name, sizeof s.name);
        add_section(r, &all, s, strncmp(s.name, ".data.rel.ro", 12) == 0, number(r, at + size, word));
    }
    for (uint64_t i = 0; i < n && !r->short_file; i++) {
        uint64_t at = table + i * row;
        if (number(r, at + 4, 4) != SYMTAB) continue;
        uint64_t first = number(r, at + offset, word), bytes = number(r, at + size, word);
        uint64_t text_at = number(r, table + number(r, at + link, 4) * row + offset, word),
                 each = wide ? 24 : 16;
        for (uint64_t k = each; k < bytes && !r->short_file; k += each) {
            uint64_t info = number(r, first + k + (wide ? 4 : 12), 1);
            uint64_t section = number(r, first + k + (wide ? 6 : 14), 2);
            ObjSymbol s = {.defined = section != 0, .global = info >> 4 != 0};
            text(r, text_at + number(r, first + k, 4), sizeof s.name, s.name, sizeof s.name);
            add_symbol(r, &all, s, section);
        }
    }
}

/* -- Mach-O ------------------------------------------------------------------------------------ */
static void read_macho(Reader *r)
{
    enum { SEGMENT_64 = 0x19, SYMTAB = 2, EXTERNAL = 1, TYPE = 0x0e, IN_SECTION = 0x0e, DEBUG = 0xe0 };
    Sections all = {0};
    r->out->format = "Mach-O";
    r->out->machine = (unsigned)number(r, 4, 4);
    vec_push(r->job, &all, (Section){0}); /* they are counted from 1 */
    uint64_t at = 32, commands = number(r, 16, 4);
    for (uint64_t c = 0; c < commands && !r->short_file; c++, at += number(r, at + 4, 4)) {
        uint64_t kind = number(r, at, 4);
        for (uint64_t i = 0; kind == SEGMENT_64 && i < number(r, at + 64, 4) && !r->short_file; i++) {
            uint64_t head = at + 72 + i * 80;
            char segment[17], name[17];
            text(r, head, 16, name, sizeof name);
            text(r, head + 16, 16, segment, sizeof segment);
            Section s = {.writable = strcmp(segment, "__DATA") == 0};
            snprintf(s.name, sizeof s.name, "%s,%s", segment, name);
            add_section(r, &all, s, strcmp(name, "__const") == 0, number(r, head + 40, 8));
        }
        if (kind != SYMTAB) continue;
        uint64_t first = number(r, at + 8, 4), n = number(r, at + 12, 4), strings = number(r, at + 16, 4);
        for (uint64_t i = 0; i < n && !r->short_file; i++) {
            uint64_t type = number(r, first + 16 * i + 4, 1);
            if (type & DEBUG) continue;
            ObjSymbol s = {.defined = (type & TYPE) == IN_SECTION, .global = (type & EXTERNAL) != 0};
            char name[65];
            text(r, strings + number(r, first + 16 * i, 4), sizeof name, name, sizeof name);
            snprintf(s.name, sizeof s.name, "%s", name + (name[0] == '_'));
            add_symbol(r, &all, s, number(r, first + 16 * i + 5, 1));
        }
    }
}

/* -- COFF -------------------------------------------------------------------------------------- */
static void read_coff(Reader *r)
{
    enum { EXTERNAL = 2, STATIC = 3 };
    static const uint64_t WRITE = 0x80000000u;
    Sections all = {0};
    r->out->format = "COFF";
    r->out->machine = (unsigned)number(r, 0, 2);
    uint64_t sections = number(r, 2, 2), symbols = number(r, 8, 4), n = number(r, 12, 4);
    vec_push(r->job, &all, (Section){0}); /* they are counted from 1 */
    for (uint64_t i = 0; i < sections && !r->short_file; i++) {
        uint64_t at = 20 + 40 * i;
        Section s = {.writable = (number(r, at + 36, 4) & WRITE) != 0};
        text(r, at, 8, s.name, sizeof s.name);
        add_section(r, &all, s, false, number(r, at + 16, 4));
    }
    for (uint64_t i = 0; i < n && !r->short_file; i += 1 + number(r, symbols + 18 * i + 17, 1)) {
        uint64_t at = symbols + 18 * i, class = number(r, at + 16, 1), section = number(r, at + 12, 2);
        if (class != EXTERNAL && class != STATIC) continue;
        ObjSymbol s = {.defined = section != 0, .global = class == EXTERNAL};
        if (number(r, at, 4))
            text(r, at, 8, s.name, sizeof s.name);
        else
            text(r, symbols + 18 * n + number(r, at + 4, 4), sizeof s.name, s.name, sizeof s.name);
        add_symbol(r, &all, s, section);
    }
}

const char *objfile_read(Job *job, const void *data, size_t size, ObjFile *out)
{
    Reader r = {job, data, size, false, out};
    *out = (ObjFile){0};
    if (size > 64 && memcmp(data, "\177ELF", 4) == 0)
        read_elf(&r);
    else if (number(&r, 0, 4) == 0xfeedfacfu)
        read_macho(&r);
    else if (number(&r, 0, 2) == 0x8664)
        read_coff(&r);
    else
        return "no object file of a kind that is known";
    return r.short_file ? "it ends too early" : NULL;
}

const ObjSymbol *objfile_find(const ObjFile *f, const char *name)
{
    for (uint32_t i = 0; i < f->symbol.n; i++)
        if (strcmp(f->symbol.at[i].name, name) == 0) return &f->symbol.at[i];
    return NULL;
}

const char *objfile_foreign(const ObjFile *f)
{
    static const char *const known[] = {"memcpy",        "memmove",   "memset",
                                        "aligned_alloc", "free",      "_aligned_malloc",
                                        "_aligned_free", "getauxval", "syscall"};
    for (uint32_t i = 0; i < f->symbol.n; i++) {
        const ObjSymbol *s = &f->symbol.at[i];
        bool fine = s->defined;
        for (size_t k = 0; k < COUNT(known); k++) fine = fine || strcmp(s->name, known[k]) == 0;
        if (!fine) return s->name;
    }
    return NULL;
}
