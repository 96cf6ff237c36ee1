/* The linker: relocatable ELF objects for x86-64 become pages of code, data that is only read, and variables.
 *
 * Sections keep their order and contents. Kernels reach each other and their data by distances, which are the
 * same wherever the pages lie. Objects for this process alone are linked for the address that they will have;
 * what they call in the process may be far, and goes through a slot behind the code: a jump to the address
 * that follows it. A slot's address also serves where an object wants one to load (a "GOT entry"). */
#include <dlfcn.h>
#include <elf.h>

#include "runtime/image.h"
#include "runtime/program.h"

enum { CODE, DATA, VARIABLES, DROPPED };
enum { SLOT = 16, SLOT_ADDRESS = 8, MOST = 1 << 30 };

typedef struct {
    const uint8_t *bytes;
    size_t size;
    const Elf64_Shdr *section;
    const Elf64_Sym *symbol;
    const char *names;
    size_t nsections, nsymbols, nnames;
    size_t *place; /* of each section, in bytes from the start; 0: it is dropped */
} Object;

typedef struct {
    const char *name;
    size_t at;
} Definition;

typedef struct {
    Job *job;
    Object *object;
    size_t nobjects;
    VEC(Definition) defs; /* by name, once they are sorted */
    size_t code_at, code_end, data_at, data_end, variables_at, size;
    bool here; /* for this process, at: */
    uint64_t base;
    size_t nslots, slot; /* slot: the next one */
    uint8_t *out;
} Link;

/* -- Reading objects --------------------------------------------------------------------------- */
static const void *part(Link *l, const Object *o, uint64_t at, uint64_t size, size_t align)
{
    if (at > o->size || size > o->size - at || at % align) job_bug(l->job, "an object file is damaged");
    return o->bytes + at;
}

static const Elf64_Shdr *section(Link *l, const Object *o, uint32_t i)
{
    if (i >= o->nsections) job_bug(l->job, "an object file has no section %u", i);
    return &o->section[i];
}

static void read_symbols(Link *l, Object *o, const Elf64_Shdr *table)
{
    const Elf64_Shdr *names = section(l, o, table->sh_link);
    o->nsymbols = table->sh_size / sizeof *o->symbol;
    o->symbol = part(l, o, table->sh_offset, table->sh_size, 8);
    o->nnames = names->sh_size;
    o->names = part(l, o, names->sh_offset, names->sh_size, 1);
    if (!o->nnames || o->names[o->nnames - 1]) job_bug(l->job, "an object file has names without an end");
}

static void read_object(Link *l, const CodegenFile *f, Object *o)
{
    *o = (Object){.bytes = (const uint8_t *)f->bytes, .size = f->size};
    const Elf64_Ehdr *h = part(l, o, 0, sizeof *h, 1);
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_type != ET_REL || h->e_machine != EM_X86_64 ||
        h->e_shentsize != sizeof(Elf64_Shdr))
        job_bug(l->job, "this is no object file for x86-64");
    o->nsections = h->e_shnum;
    o->section = part(l, o, h->e_shoff, o->nsections * sizeof(Elf64_Shdr), 8);
    o->place = job_array(l->job, size_t, o->nsections + 1);
    for (uint32_t i = 0; i < o->nsections; i++)
        if (o->section[i].sh_type == SHT_SYMTAB) read_symbols(l, o, &o->section[i]);
}

static const Elf64_Sym *symbol_of(Link *l, const Object *o, uint64_t i, const char **name)
{
    if (i >= o->nsymbols || o->symbol[i].st_name >= o->nnames)
        job_bug(l->job, "an object file has no symbol %llu", (unsigned long long)i);
    *name = o->names + o->symbol[i].st_name;
    return &o->symbol[i];
}

/* -- Laying out sections ----------------------------------------------------------------------- */
static int kind_of(Link *l, const Elf64_Shdr *s)
{
    if (!(s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_X86_64_UNWIND || s->sh_type == SHT_NOTE)
        return DROPPED;
    bool known = s->sh_type == SHT_PROGBITS || s->sh_type == SHT_NOBITS;
    bool both = s->sh_flags & SHF_EXECINSTR && s->sh_flags & SHF_WRITE;
    if (!known || both || s->sh_flags & (SHF_TLS | SHF_COMPRESSED))
        job_bug(l->job, "an object file has a section of type %u with flags %#llx", s->sh_type,
                (unsigned long long)s->sh_flags);
    return s->sh_flags & SHF_EXECINSTR ? CODE : s->sh_flags & SHF_WRITE ? VARIABLES : DATA;
}

static size_t place_kind(Link *l, int kind, size_t at)
{
    for (size_t i = 0; i < l->nobjects; i++) {
        Object *o = &l->object[i];
        for (size_t k = 0; k < o->nsections; k++) {
            const Elf64_Shdr *s = &o->section[k];
            if (kind_of(l, s) != kind) continue;
            uint64_t align = s->sh_addralign ? s->sh_addralign : 1;
            if (align > IMAGE_PAGE || align & (align - 1)) job_bug(l->job, "a section's alignment is wrong");
            if (s->sh_type == SHT_PROGBITS) part(l, o, s->sh_offset, s->sh_size, 1);
            o->place[k] = at = (at + align - 1) & ~(size_t)(align - 1);
            if (s->sh_size > MOST - at) job_bug(l->job, "the code is too large");
            at += s->sh_size;
        }
    }
    return at;
}

static bool needs_slot(uint64_t type)
{
    return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX || type == R_X86_64_REX_GOTPCRELX;
}

typedef void Visit(Link *l, const Object *o, uint32_t section, const Elf64_Rela *r);

static void each_relocation(Link *l, Visit *visit)
{
    for (size_t i = 0; i < l->nobjects; i++) {
        const Object *o = &l->object[i];
        for (size_t k = 0; k < o->nsections; k++) {
            const Elf64_Shdr *s = &o->section[k];
            if (s->sh_type != SHT_RELA && s->sh_type != SHT_REL) continue;
            if (kind_of(l, section(l, o, s->sh_info)) == DROPPED) continue;
            if (s->sh_type == SHT_REL) job_bug(l->job, "an object file has relocations without addends");
            const Elf64_Rela *r = part(l, o, s->sh_offset, s->sh_size, 8);
            for (size_t n = 0; n < s->sh_size / sizeof *r; n++) visit(l, o, s->sh_info, &r[n]);
        }
    }
}

/* Every call gets one, used or not. */
static void count_slot(Link *l, const Object *o, uint32_t to, const Elf64_Rela *r)
{
    (void)o, (void)to;
    uint64_t type = ELF64_R_TYPE(r->r_info);
    l->nslots += needs_slot(type) || type == R_X86_64_PLT32;
}

static void lay_out(Link *l, size_t nsymbols)
{
    l->code_at = image_code_at((uint32_t)nsymbols);
    l->code_end = place_kind(l, CODE, l->code_at);
    if (l->here) {
        each_relocation(l, count_slot);
        l->slot = image_pages(l->code_end);
        l->code_end = l->slot + SLOT * l->nslots;
    }
    l->data_at = image_pages(l->code_end);
    l->data_end = place_kind(l, DATA, l->data_at);
    l->variables_at = image_pages(l->data_end);
    l->size = image_pages(place_kind(l, VARIABLES, l->variables_at));
    if (l->size > MOST) job_bug(l->job, "the code is too large");
    if (l->size > l->variables_at && !l->here) job_bug(l->job, "a kernel has variables");
}

/* -- Symbols ----------------------------------------------------------------------------------- */
static size_t place_of(Link *l, const Object *o, const Elf64_Sym *s, const char *name)
{
    int type = ELF64_ST_TYPE(s->st_info);
    bool known = type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC || type == STT_SECTION;
    if (!known || s->st_shndx >= o->nsections || !o->place[s->st_shndx] ||
        s->st_value > o->section[s->st_shndx].sh_size)
        job_bug(l->job, "the symbol '%s' is of no kind that code has", name);
    return o->place[s->st_shndx] + s->st_value;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Definition *)a)->name, ((const Definition *)b)->name);
}

static void define(Link *l)
{
    for (size_t i = 0; i < l->nobjects; i++) {
        const Object *o = &l->object[i];
        for (size_t k = 0; k < o->nsymbols; k++) {
            const char *name;
            const Elf64_Sym *s = symbol_of(l, o, k, &name);
            if (ELF64_ST_BIND(s->st_info) == STB_LOCAL || s->st_shndx == SHN_UNDEF) continue;
            vec_push(l->job, &l->defs, (Definition){name, place_of(l, o, s, name)});
        }
    }
    if (l->defs.n) qsort(l->defs.at, l->defs.n, sizeof *l->defs.at, by_name);
    for (uint32_t i = 1; i < l->defs.n; i++)
        if (!strcmp(l->defs.at[i - 1].name, l->defs.at[i].name))
            job_bug(l->job, "the symbol '%s' is there twice", l->defs.at[i].name);
}

/* 0: no object has it. */
static size_t find(const Link *l, const char *name)
{
    Definition key = {name, 0}, *d = NULL;
    if (l->defs.n) d = bsearch(&key, l->defs.at, l->defs.n, sizeof key, by_name);
    return d ? d->at : 0;
}

/* -- Relocations ------------------------------------------------------------------------------- */
static uint64_t process_symbol(Link *l, const char *name)
{
    if (!l->here) job_bug(l->job, "a kernel needs '%s', which no kernel has", name);
    void *at = dlsym(RTLD_DEFAULT, name);
    if (at) return (uint64_t)(uintptr_t)at;
    job_error(l->job, "the code needs '%s', which is not in this process", name);
    job_fail(l->job, JITC_E_INVALID);
}

static void put_distance(Link *l, size_t where, int64_t distance)
{
    int32_t d = (int32_t)distance;
    if (d != distance) job_bug(l->job, "a distance in code is too large");
    memcpy(l->out + where, &d, sizeof d);
}

static size_t put_slot(Link *l, uint64_t address)
{
    static const uint8_t jump[] = {0xff, 0x25, SLOT_ADDRESS - 6, 0, 0, 0}; /* jmp *2(%rip) */
    size_t at = l->slot;
    memcpy(l->out + at, jump, sizeof jump);
    memcpy(l->out + at + SLOT_ADDRESS, &address, sizeof address);
    l->slot += SLOT;
    return at;
}

static void relocate(Link *l, const Object *o, uint32_t to, const Elf64_Rela *r)
{
    const char *name;
    const Elf64_Shdr *target = section(l, o, to);
    const Elf64_Sym *s = symbol_of(l, o, ELF64_R_SYM(r->r_info), &name);
    uint64_t type = ELF64_R_TYPE(r->r_info), width = type == R_X86_64_64 ? 8 : 4, address;
    if (target->sh_type != SHT_PROGBITS || r->r_offset > target->sh_size ||
        width > target->sh_size - r->r_offset)
        job_bug(l->job, "a relocation lies outside of its section");
    if (r->r_addend > MOST || r->r_addend < -MOST) job_bug(l->job, "a distance in code is too large");
    size_t where = o->place[to] + r->r_offset;
    size_t at = s->st_shndx == SHN_UNDEF ? find(l, name) : place_of(l, o, s, name);
    int64_t from = r->r_addend - (int64_t)where;
    if (type == R_X86_64_PC32 && at) {
        put_distance(l, where, (int64_t)at + from);
    } else if (type == R_X86_64_PLT32) {
        put_distance(l, where, (int64_t)(at ? at : put_slot(l, process_symbol(l, name))) + from);
    } else if (needs_slot(type) && l->here) {
        address = at ? l->base + at : process_symbol(l, name);
        put_distance(l, where, (int64_t)put_slot(l, address) + SLOT_ADDRESS + from);
    } else if (type == R_X86_64_64 && l->here) {
        address = (at ? l->base + at : process_symbol(l, name)) + (uint64_t)r->r_addend;
        memcpy(l->out + where, &address, sizeof address);
    } else {
        job_bug(l->job, "code reaches '%s' by a relocation of type %u", name, (unsigned)type);
    }
}

/* -- Linking ----------------------------------------------------------------------------------- */
static void link_begin(Link *l, const CodegenFile *object, size_t nsymbols)
{
    l->object = job_array(l->job, Object, l->nobjects + 1);
    for (size_t i = 0; i < l->nobjects; i++) read_object(l, &object[i], &l->object[i]);
    lay_out(l, nsymbols);
    define(l);
}

/* Into zeroed memory. */
static void link_into(Link *l, void *out, const char *const *symbol, size_t nsymbols)
{
    ImageHeader *h = out;
    l->out = out;
    image_put_header(h, (uint32_t)nsymbols, l->code_end - l->code_at, l->data_end - l->data_at);
    for (size_t i = 0; i < nsymbols; i++) {
        size_t at = find(l, symbol[i]);
        if (!at || (!l->here && at >= l->code_end))
            job_bug(l->job, "the code has no function '%s'", symbol[i]);
        h->symbol[i] = (uint32_t)at;
    }
    for (size_t i = 0; i < l->nobjects; i++) {
        const Object *o = &l->object[i];
        for (size_t k = 0; k < o->nsections; k++) {
            const Elf64_Shdr *s = &o->section[k];
            if (o->place[k] && s->sh_type == SHT_PROGBITS)
                memcpy(l->out + o->place[k], o->bytes + s->sh_offset, s->sh_size);
        }
    }
    each_relocation(l, relocate);
}

ImageBlock image_link(Job *job, const CodegenFile *object, size_t n, const char *const *symbol,
                      size_t nsymbols)
{
    Link l = {.job = job, .nobjects = n};
    link_begin(&l, object, nsymbols);
    uint8_t *block = job_alloc(job, l.size);
    link_into(&l, block, symbol, nsymbols);
    return (ImageBlock){block, l.size};
}

Image *image_open(const CodegenFile *object, size_t n, const char *const *symbol, size_t nsymbols, char **why)
{
    Job job;
    Image *volatile image = NULL;
    bool fine = false;
    *why = NULL;
    job_init(&job, 0);
    if (JOB_ENTER(&job) == JITC_OK) {
        Link l = {.job = &job, .nobjects = n, .here = true};
        link_begin(&l, object, nsymbols);
        image = image_new(l.size, why);
        if (image) {
            l.base = (uint64_t)(uintptr_t)image->base;
            link_into(&l, image->base, symbol, nsymbols);
            fine = image_protect(image, l.variables_at, why);
        }
    } else {
        *why = job_text(&job, job.status);
    }
    job_free(&job);
    if (fine) return image;
    image_free(image);
    return NULL;
}
