/* The linker and what makes code executable: objects written here and by LLVM; blocks copied, mapped from
 * files, and damaged. */
#include <elf.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ir/custom.h"
#include "runtime/image.h"
#include "runtime/program.h"
#include "tests/unit/suites.h"

/* -- Objects written by hand --------------------------------------------------------------------- */
typedef struct {
    uint32_t type;
    uint64_t flags;
    const char *bytes;
    size_t size;
} Section;
typedef struct {
    const char *name;
    int bind, section; /* 0: it is not defined; sections count from 1 */
    uint64_t at;
} Symbol;
typedef struct {
    int section;
    uint64_t at;
    uint32_t type, symbol; /* symbols count from 1 */
    int64_t addend;
} Relocation;
enum { MOST = 4 };
typedef struct {
    Section section[MOST];
    Symbol symbol[MOST];
    Relocation relocation[MOST];
    int nsections, nsymbols, nrelocations;
} Object;

static CodegenFile write_object(const Object *o)
{
    uint32_t n = 1 + (uint32_t)(o->nsections + o->nrelocations) + 2, names_size = 1;
    size_t room = 1 << 14, at = 64;
    CodegenFile f = {calloc(room, 1), room};
    Elf64_Shdr section[2 * MOST + 3] = {{0}};
    Elf64_Sym symbol[MOST + 1] = {{0}};
    char names[128] = "";
    for (int i = 0; i < o->nsections; i++) {
        const Section *s = &o->section[i];
        section[1 + i] = (Elf64_Shdr){.sh_type = s->type,
                                      .sh_flags = s->flags,
                                      .sh_offset = at,
                                      .sh_size = s->size,
                                      .sh_addralign = 16};
        if (s->bytes) memcpy(f.bytes + at, s->bytes, s->size);
        if (s->bytes) at += (s->size + 15) / 16 * 16;
    }
    for (int i = 0; i < o->nrelocations; i++) {
        const Relocation *r = &o->relocation[i];
        Elf64_Rela rela = {r->at, ELF64_R_INFO((uint64_t)r->symbol, r->type), r->addend};
        section[1 + o->nsections + i] = (Elf64_Shdr){
            .sh_type = SHT_RELA, .sh_offset = at, .sh_size = sizeof rela, .sh_info = (uint32_t)r->section};
        memcpy(f.bytes + at, &rela, sizeof rela);
        at += sizeof rela;
    }
    for (int i = 0; i < o->nsymbols; i++) {
        const Symbol *s = &o->symbol[i];
        symbol[1 + i] = (Elf64_Sym){.st_name = names_size,
                                    .st_info = (unsigned char)ELF64_ST_INFO(s->bind, STT_NOTYPE),
                                    .st_shndx = (uint16_t)s->section,
                                    .st_value = s->at};
        strcpy(names + names_size, s->name);
        names_size += (uint32_t)strlen(s->name) + 1;
    }
    size_t table = ((size_t)o->nsymbols + 1) * sizeof *symbol;
    section[n - 2] = (Elf64_Shdr){.sh_type = SHT_SYMTAB, .sh_offset = at, .sh_size = table, .sh_link = n - 1};
    memcpy(f.bytes + at, symbol, table);
    at += table;
    section[n - 1] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = names_size};
    memcpy(f.bytes + at, names, names_size);
    at += (names_size + 7) / 8 * 8;
    memcpy(f.bytes + at, section, n * sizeof *section);
    Elf64_Ehdr head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                       .e_type = ET_REL,
                       .e_machine = EM_X86_64,
                       .e_shentsize = sizeof *section,
                       .e_shnum = (uint16_t)n,
                       .e_shoff = at};
    memcpy(f.bytes, &head, sizeof head);
    f.size = at + n * sizeof *section;
    return f;
}

#define CODE    SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR
#define DATA    SHT_PROGBITS, SHF_ALLOC
#define TEXT(s) s, sizeof(s) - 1
/* call g; ret */
static const Object caller = {.section = {{CODE, TEXT("\xe8\0\0\0\0\xc3")}},
                              .symbol = {{"f", STB_GLOBAL, 1, 0}, {"g", STB_GLOBAL, 0, 0}},
                              .relocation = {{1, 1, R_X86_64_PLT32, 2, -4}},
                              .nsections = 1,
                              .nsymbols = 2,
                              .nrelocations = 1};
/* mov eax, [k + 4]; ret */
static const Object callee = {
    .section = {{DATA, TEXT("\1\0\0\0\x2a\0\0\0")}, {CODE, TEXT("\x8b\5\0\0\0\0\xc3")}},
    .symbol = {{"k", STB_LOCAL, 1, 0}, {"g", STB_GLOBAL, 2, 0}},
    .relocation = {{2, 2, R_X86_64_PC32, 1, 0}},
    .nsections = 2,
    .nsymbols = 2,
    .nrelocations = 1};
static const char *const asked[] = {"g", "f"};

/* The block of both, from malloc; NULL: *why. */
static void *link_block(const Object *a, const Object *b, size_t *size, char **why)
{
    CodegenFile file[] = {write_object(a), write_object(b)};
    void *copy = NULL;
    Job job;
    job_init(&job, 0);
    *why = NULL;
    if (JOB_ENTER(&job) == JITC_OK) {
        ImageBlock block = image_link(&job, file, 2, asked, 2);
        copy = malloc(block.size);
        memcpy(copy, block.bytes, block.size);
        *size = block.size;
    } else {
        *why = job_text(&job, job.status);
    }
    job_free(&job);
    free(file[0].bytes);
    free(file[1].bytes);
    return copy;
}

static void *good_block(size_t *size)
{
    char *why;
    void *block = link_block(&caller, &callee, size, &why);
    ck_assert_msg(block != NULL, "%s", why);
    return block;
}

static int call(const Image *image, size_t i)
{
    return ((int (*)(void))image_symbol(image, i))();
}

/* The lines of /proc/self/maps about this address, which is in no page that can be written and executed. */
static void find_mapping(const void *at, char line[512])
{
    FILE *f = fopen("/proc/self/maps", "r");
    unsigned long long from, to, want = (unsigned long long)(uintptr_t)at;
    bool found = false;
    while (!found && fgets(line, 512, f))
        found = sscanf(line, "%llx-%llx", &from, &to) == 2 && from <= want && want < to;
    fclose(f);
    ck_assert(found);
}

START_TEST(test_block)
{
    size_t size;
    char *why, line[512];
    void *block = good_block(&size);
    Image *image = image_load(block, size, &why), *other = image_load(block, size, &why);
    ck_assert_ptr_nonnull(image);
    ck_assert_ptr_nonnull(other);
    ck_assert_uint_eq(size, 3 * IMAGE_PAGE);
    ck_assert_int_eq(call(image, 0), 42);
    ck_assert_int_eq(call(image, 1), 42);
    image_free(image);
    ck_assert_int_eq(call(other, 1), 42);
    find_mapping(image_symbol(other, 0), line);
    ck_assert_msg(strstr(line, " r-xp ") != NULL, "%s", line);
    find_mapping(other->base, line);
    ck_assert_msg(strstr(line, " r--p ") != NULL, "%s", line);
    image_free(other);
    free(block);
}
END_TEST

/* -- Files -------------------------------------------------------------------------------------- */
static int file_with(const char *folder, const void *block, size_t size, char path[64])
{
    snprintf(path, 64, "%s/jitc-image-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd < 0) return fd;
    char page[IMAGE_PAGE] = "something else";
    ck_assert_int_eq(write(fd, page, sizeof page), sizeof page);
    ck_assert_int_eq(write(fd, block, size), (ssize_t)size);
    return fd;
}

START_TEST(test_map)
{
    size_t size;
    char *why, line[512], path[64];
    void *block = good_block(&size);
    int fd = file_with("/tmp", block, size, path);
    ck_assert_int_ge(fd, 0);
    Image *image = image_map(fd, IMAGE_PAGE, size, &why);
    ck_assert_msg(image != NULL, "%s", why);
    ck_assert_int_eq(call(image, 1), 42);
    find_mapping(image_symbol(image, 1), line);
    ck_assert_msg(strstr(line, " r-xp ") && strstr(line, path), "%s", line);
    static const off_t wrong[] = {0, -IMAGE_PAGE, 8, 2 * IMAGE_PAGE, 1 << 20};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_ptr_null(image_map(fd, wrong[i], size, &why));
        free(why);
    }
    ck_assert_int_eq(ftruncate(fd, (off_t)(IMAGE_PAGE + size - 1)), 0);
    ck_assert_ptr_null(image_map(fd, IMAGE_PAGE, size, &why));
    free(why);
    close(fd);
    unlink(path);
    ck_assert_ptr_null(image_map(fd, IMAGE_PAGE, size, &why));
    free(why);
    image_free(image);
    free(block);
}
END_TEST

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool fine = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return fd >= 0 && !close(fd) && fine;
}

/* A file system from which nothing may be executed, for this process alone. */
static bool mount_noexec(const char *folder)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    bool root = geteuid() == 0;
    if (unshare(root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS)) return false;
    if (!root && !(put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", users) &&
                   put("/proc/self/gid_map", groups)))
        return false;
    return !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
           !mount("none", folder, "tmpfs", MS_NOEXEC, "");
}

/* Where the system does not allow such a mount, there is nothing to see. */
START_TEST(test_noexec)
{
    size_t size;
    char *why, line[512], path[64], folder[] = "/tmp/jitc-noexec-XXXXXX";
    void *block = good_block(&size);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    pid_t child = fork();
    if (!child) {
        if (!mount_noexec(folder)) _exit(0);
        int fd = file_with(folder, block, size, path);
        Image *image = fd < 0 ? NULL : image_map(fd, IMAGE_PAGE, size, &why);
        if (!image || call(image, 1) != 42) _exit(1);
        find_mapping(image_symbol(image, 1), line);
        _exit(strstr(line, " r-xp ") && !strstr(line, folder) ? 0 : 2);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    rmdir(folder);
    free(block);
}
END_TEST

/* -- Damage ------------------------------------------------------------------------------------ */
/* Refused, or all symbols are in code that can be executed. */
static bool is_harmless(const void *block, size_t size)
{
    char *why = NULL, line[512];
    Image *image = image_load(block, size, &why);
    bool refused = !image;
    ck_assert(refused == (why != NULL));
    free(why);
    if (image) {
        for (size_t i = 0; i < 2 && image_symbol(image, i); i++) {
            find_mapping(image_symbol(image, i), line);
            ck_assert_msg(strstr(line, " r-xp ") != NULL, "%s", line);
            ck_assert((uint8_t *)image_symbol(image, i) - image->base < (ptrdiff_t)size);
        }
    }
    image_free(image);
    return refused;
}

START_TEST(test_damaged_block)
{
    size_t size, head = sizeof(ImageHeader) + 2 * sizeof(uint32_t), refused = 0;
    uint8_t *block = good_block(&size);
    ck_assert(!is_harmless(block, size));
    for (size_t i = 0; i < head; i++)
        for (int flip = 1; flip < 256; flip++) {
            block[i] ^= (uint8_t)flip;
            refused += is_harmless(block, size);
            block[i] ^= (uint8_t)flip;
        }
    /* What is left: sizes within a page, symbols within the code. */
    ck_assert_uint_gt(refused, head * 255 * 9 / 10);
    for (size_t at = 0; at < size; at += at < 2 * head ? 1 : 511) ck_assert(is_harmless(block, at));
    ck_assert(is_harmless(block, size - IMAGE_PAGE));
    free(block);
}
END_TEST

static void refuses(const Object *a, const Object *b, const char *words)
{
    size_t size;
    char *why;
    void *block = link_block(a, b, &size, &why);
    ck_assert_msg(!block, "linked, not refused: %s", words);
    ck_assert_msg(why && strstr(why, words), "'%s' lacks '%s'", why, words);
    free(why);
}

START_TEST(test_refused_objects)
{
    Object o = caller;
    refuses(&caller, &caller, "'f' is there twice");
    o.symbol[1].name = "nothing";
    refuses(&o, &callee, "a kernel needs 'nothing'");
    o = caller, o.symbol[0].name = "h";
    refuses(&o, &callee, "no function 'f'");
    o = caller, o.relocation[0].type = R_X86_64_32S;
    refuses(&o, &callee, "by a relocation of type 11");
    o.relocation[0].type = R_X86_64_64;
    refuses(&o, &callee, "outside of its section");
    o.relocation[0] = (Relocation){1, 3, R_X86_64_PC32, 2, -4};
    refuses(&o, &callee, "outside of its section");
    o.relocation[0] = (Relocation){1, 1, R_X86_64_PC32, 2, INT64_C(1) << 40};
    refuses(&o, &callee, "a distance in code is too large");
    o.relocation[0] = (Relocation){1, 1, R_X86_64_GOTPCREL, 2, -4};
    refuses(&o, &callee, "by a relocation of type 9");
    o.relocation[0] = (Relocation){1, 1, R_X86_64_PC32, 7, -4};
    refuses(&o, &callee, "has no symbol 7");
    o = callee, o.section[0].flags |= SHF_WRITE;
    refuses(&caller, &o, "a kernel has variables");
    o.section[0].flags = SHF_ALLOC | SHF_TLS;
    refuses(&caller, &o, "a section of type 1 with flags 0x402");
    o.section[0].flags = 0;
    refuses(&caller, &o, "the symbol 'k' is of no kind");
    o = callee, o.symbol[1].at = 8;
    refuses(&caller, &o, "the symbol 'g' is of no kind");
    o = callee, o.symbol[1].section = SHN_ABS;
    refuses(&caller, &o, "the symbol 'g' is of no kind");
    o = callee, o.symbol[1].section = 1;
    refuses(&caller, &o, "no function 'g'");
    o = callee, o.section[0].size = 1 << 20, o.section[0].bytes = NULL;
    refuses(&caller, &o, "an object file is damaged");
}
END_TEST

/* Whatever an object says: linked or refused. */
START_TEST(test_damaged_objects)
{
    CodegenFile file[] = {write_object(&caller), write_object(&callee)};
    for (size_t i = 0; i < file[1].size; i++)
        for (int bit = 0; bit < 8; bit++) {
            Job job;
            file[1].bytes[i] ^= (char)(1 << bit);
            job_init(&job, 64 << 20);
            if (JOB_ENTER(&job) == JITC_OK) image_link(&job, file, 2, asked, 2);
            job_free(&job);
            file[1].bytes[i] ^= (char)(1 << bit);
        }
    file[1].size = 100;
    char *why;
    ck_assert_ptr_null(image_open(file, 2, asked, 2, &why));
    ck_assert_str_eq(why, "an object file is damaged");
    free(why);
    free(file[0].bytes);
    free(file[1].bytes);
}
END_TEST

/* -- Objects of LLVM, for this process alone ------------------------------------------------------ */
/* A jump table, a table of addresses, constants, a variable, and functions of the process, called and by an
 * address that is loaded. */
static const char code[] =
    "@one = internal constant [2 x double] [double 1.0, double 10.0]\n"
    "@two = internal constant [2 x double] [double 2.0, double 20.0]\n"
    "@tables = internal constant [2 x ptr] [ptr @one, ptr @two]\n"
    "@calls = internal global double 0.0\n"
    "declare double @exp(double)\n"
    "declare double @cos(double) nonlazybind\n"
    "define double @f(double %x) {\n"
    "  %n = load double, ptr @calls\n"
    "  %m = fadd double %n, 1.0\n"
    "  store double %m, ptr @calls\n"
    "  %i = fptosi double %x to i64\n"
    "  switch i64 %i, label %other [ i64 0, label %a\n i64 1, label %b\n i64 2, label %c\n"
    "    i64 3, label %d\n i64 4, label %e\n i64 5, label %a ]\n"
    "a:\n  %ra = call double @exp(double %x)\n  ret double %ra\n"
    "b:\n  %rb = call double @cos(double %x)\n  ret double %rb\n"
    "c:\n  ret double %m\n"
    "d:\n  %pd = load ptr, ptr @tables\n  br label %e\n"
    "e:\n"
    "  %k = phi i64 [ 1, %0 ], [ 0, %d ]\n"
    "  %at = getelementptr [2 x ptr], ptr @tables, i64 0, i64 %k\n"
    "  %p = load ptr, ptr %at\n"
    "  %v = load double, ptr %p\n"
    "  ret double %v\n"
    "other:\n  ret double -1.0\n"
    "}\n";

static double apply(const Image *image, double x)
{
    const void *in[] = {&x};
    double r = 0;
    ((custom_scalar *)image_symbol(image, 0))(in, &r);
    return r;
}

START_TEST(test_open)
{
    static const char *const symbol[] = {CODEGEN_SCALAR}, *const none[] = {"nothing"};
    char *why, line[512];
    const Codegen *cg = plugin_open(&why);
    ck_assert_ptr_nonnull(cg);
    jitc_op op = {.size = sizeof op, .name = "Op", .inputs = 1, .outputs = 1, .code = code, .function = "f"};
    CodegenObject o = cg->scalar(&op);
    ck_assert_msg(!o.error, "%s", o.error);
    Image *image = image_open(&o.file, 1, symbol, 1, &why);
    ck_assert_msg(image != NULL, "%s", why);
    ck_assert_double_eq(apply(image, 0.5), exp(0.5));
    ck_assert_double_eq(apply(image, 1.5), cos(1.5));
    ck_assert_double_eq(apply(image, 2), 3);
    ck_assert_double_eq(apply(image, 3), 1);
    ck_assert_double_eq(apply(image, 4), 2);
    ck_assert_double_eq(apply(image, 5), exp(5));
    ck_assert_double_eq(apply(image, 6), -1);
    ck_assert_double_eq(apply(image, 2), 8);
    find_mapping(image_symbol(image, 0), line);
    ck_assert_msg(strstr(line, " r-xp ") != NULL, "%s", line);
    image_free(image);
    ck_assert_ptr_null(image_open(&o.file, 1, none, 1, &why));
    ck_assert_str_eq(why, "the code has no function 'nothing'");
    free(why);
    free(o.file.bytes);
    CodegenFile alone = write_object(&caller);
    ck_assert_ptr_null(image_open(&alone, 1, asked + 1, 1, &why));
    ck_assert_str_eq(why, "the code needs 'g', which is not in this process");
    free(why);
    free(alone.bytes);
}
END_TEST

Suite *image_suite(void)
{
    Suite *s = suite_create("image");
    TCase *c = tcase_create("image");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_block);
    tcase_add_test(c, test_map);
    tcase_add_test(c, test_noexec);
    tcase_add_test(c, test_damaged_block);
    tcase_add_test(c, test_refused_objects);
    tcase_add_test(c, test_damaged_objects);
    tcase_add_test(c, test_open);
    suite_add_tcase(s, c);
    return s;
}
