#include "runtime/npz.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

/* -- Archives made by hand ------------------------------------------------------------------------- */
typedef struct {
    uint8_t at[8192];
    size_t n;
} Bytes;

static void add(Bytes *b, const void *data, size_t n)
{
    ck_assert(b->n + n <= sizeof b->at);
    if (n) memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void add_number(Bytes *b, int nbytes, uint64_t v)
{
    for (int i = 0; i < nbytes; i++) add(b, &(uint8_t){(uint8_t)(v >> 8 * i)}, 1);
}

typedef struct {
    const char *name;
    Bytes body;           /* as stored */
    uint32_t method, crc; /* 8: deflated */
    uint64_t size;        /* unpacked */
    uint32_t flags;
    bool zip64, descriptor;
    uint64_t at; /* filled in */
} Member;

static void add_header(Bytes *b, const Member *m, bool central)
{
    bool late = m->descriptor && !central;
    add(b, central ? "PK\1\2\x2d\3" : "PK\3\4", central ? 6 : 4);
    add_number(b, 2, 45);
    add_number(b, 2, m->flags | (m->descriptor ? 8 : 0));
    add_number(b, 2, m->method);
    add_number(b, 4, 0x00210000);
    add_number(b, 4, late ? 0 : m->crc);
    add_number(b, 4, m->zip64 ? 0xffffffff : late ? 0 : m->body.n);
    add_number(b, 4, m->zip64 ? 0xffffffff : late ? 0 : m->size);
    add_number(b, 2, strlen(m->name));
    add_number(b, 2, m->zip64 ? (central ? 32 : 24) : 0);
    if (central) {
        add_number(b, 2, 0);
        add_number(b, 8, 0);
        add_number(b, 4, m->zip64 ? 0xffffffff : m->at);
    }
    add(b, m->name, strlen(m->name));
    if (m->zip64) {
        add(b, "xx\0\0\1\0", 6); /* an unknown extra field first */
        add_number(b, 2, central ? 24 : 16);
        add_number(b, 8, m->size);
        add_number(b, 8, m->body.n);
        if (central) add_number(b, 8, m->at);
    }
}

static Bytes archive(Member *m, size_t n, bool end64, const char *comment)
{
    Bytes b = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        m[i].at = b.n;
        add_header(&b, &m[i], false);
        add(&b, m[i].body.at, m[i].body.n);
        if (!m[i].descriptor) continue;
        add(&b, "PK\7\10", 4);
        add_number(&b, 4, m[i].crc);
        add_number(&b, 4, m[i].body.n);
        add_number(&b, 4, m[i].size);
    }
    size_t directory = b.n;
    for (size_t i = 0; i < n; i++) add_header(&b, &m[i], true);
    size_t end = b.n;
    if (end64) {
        add(&b, "PK\6\6", 4);
        add_number(&b, 8, 44);
        add_number(&b, 4, 45 << 16 | 45);
        add_number(&b, 8, 0);
        add_number(&b, 8, n);
        add_number(&b, 8, n);
        add_number(&b, 8, end - directory);
        add_number(&b, 8, directory);
        add(&b, "PK\6\7\0\0\0\0", 8);
        add_number(&b, 8, end);
        add_number(&b, 4, 1);
    }
    add(&b, "PK\5\6\0\0\0\0", 8);
    add_number(&b, 2, end64 ? 0xffff : n);
    add_number(&b, 2, end64 ? 0xffff : n);
    add_number(&b, 4, end64 ? 0xffffffff : end - directory);
    add_number(&b, 4, end64 ? 0xffffffff : directory);
    add_number(&b, 2, strlen(comment));
    add(&b, comment, strlen(comment));
    return b;
}

static const float values[12] = {1, -2, 3.5f, 0, 5, 6, 7, 8, 9, 10, 11, 12};
static const jitc_tensor example = {JITC_FLOAT32, 2, {3, 4}, (void *)values};

static Bytes example_npy(void)
{
    Bytes b = {.n = 0};
    size_t nheader, ndata;
    ck_assert(npy_header(&example, (char *)b.at, &nheader, &ndata));
    b.n = nheader;
    add(&b, values, ndata);
    return b;
}

static Member stored(const char *name, Bytes body)
{
    return (Member){
        .name = name, .body = body, .crc = (uint32_t)crc32(0, body.at, (uInt)body.n), .size = body.n};
}

static Member deflated(const char *name, Bytes body)
{
    Member m = stored(name, body);
    m.method = 8;
    z_stream z = {.next_in = body.at, .avail_in = (uInt)body.n};
    z.next_out = m.body.at;
    z.avail_out = sizeof m.body.at;
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    m.body.n = z.total_out;
    deflateEnd(&z);
    return m;
}

/* -- Reading them ---------------------------------------------------------------------------------- */

/* Parses a copy that is exactly as large as the data, so that ASan sees any read beyond it. */
static jitc_status parse(const void *data, size_t n, NpzFile *f, char **why)
{
    void *copy = malloc(n ? n : 1);
    if (n) memcpy(copy, data, n);
    *why = NULL;
    jitc_status status = npz_parse(copy, n, f, why);
    free(copy);
    ck_assert((status == JITC_OK) == (*why == NULL));
    ck_assert(status == JITC_OK || (!f->at && !f->n));
    return status;
}

static void parse_bad(Bytes b, const char *reason)
{
    NpzFile f;
    char *why;
    ck_assert_int_ne(parse(b.at, b.n, &f, &why), JITC_OK);
    if (!strstr(why, reason)) ck_abort_msg("'%s' does not contain '%s'", why, reason);
    free(why);
}

static void member_bad(Member m, const char *reason)
{
    parse_bad(archive(&m, 1, false, ""), reason);
}

static bool is_example(const jitc_tensor *t)
{
    return t->dtype == JITC_FLOAT32 && t->rank == 2 && t->shape[0] == 3 && t->shape[1] == 4 &&
           !memcmp(t->data, values, sizeof values);
}

START_TEST(good_archives)
{
    for (int variant = 0; variant < 16; variant++) {
        Member m[3] = {stored("b.npy", example_npy()), deflated("scope/a.npy", example_npy()),
                       stored(".npy", example_npy())};
        for (size_t i = 0; i < 3; i++) {
            m[i].zip64 = variant & 1;
            m[i].descriptor = variant & 2;
        }
        Bytes b = archive(m, 3, variant & 4, variant & 8 ? "a comment PK\5\6" : "");
        NpzFile f;
        char *why;
        if (parse(b.at, b.n, &f, &why)) ck_abort_msg("variant %d: %s", variant, why);
        ck_assert_uint_eq(f.n, 3);
        ck_assert_str_eq(f.at[0].name, "b");
        ck_assert_str_eq(f.at[1].name, "scope/a");
        ck_assert_str_eq(f.at[2].name, "");
        for (size_t i = 0; i < 3; i++) ck_assert(is_example(&f.at[i].value));
        npz_free(&f);
        npz_free(&f);
    }
    Bytes b = archive(NULL, 0, false, "");
    NpzFile f;
    char *why;
    ck_assert_int_eq(parse(b.at, b.n, &f, &why), JITC_OK);
    ck_assert_uint_eq(f.n, 0);
    npz_free(&f);
}
END_TEST

START_TEST(bad_members)
{
    Member good = stored("a.npy", example_npy()), packed = deflated("a.npy", example_npy()), m;
    m = good, m.crc ^= 1;
    member_bad(m, "member 'a.npy' is damaged: its checksum is wrong");
    m = packed, m.crc ^= 1;
    member_bad(m, "checksum");
    m = good, m.name = "a.txt";
    member_bad(m, "member 'a.txt' is not a .npy file");
    m = good, m.name = "npy";
    member_bad(m, "is not a .npy file");
    m = good, m.name = "a\x1b[2J.npy\n";
    member_bad(m, "a\\x1b[2J.npy\\x0a");
    m = good, m.flags = 1;
    member_bad(m, "encrypted");
    m = good, m.method = 12;
    member_bad(m, "compression method");
    m = good, m.size++;
    member_bad(m, "two sizes");
    m = packed, m.size++;
    member_bad(m, "another size");
    m = packed, m.size--;
    member_bad(m, "truncated");
    m = packed, m.body.n--;
    member_bad(m, "damaged compressed data");
    m = packed, m.body.n++;
    member_bad(m, "another size");
    m = packed, m.body.at[0] = 7; /* no such block type */
    member_bad(m, "damaged compressed data");
    m = packed, m.size = UINT32_MAX - 1;
    member_bad(m, "another size");
    m = packed, m.zip64 = true, m.size = (uint64_t)1 << 60;
    member_bad(m, "no memory for 1152921504606846976 bytes");
    m = stored("a.npy", (Bytes){.n = 0});
    member_bad(m, "not a .npy file");
    Bytes longer = example_npy();
    add(&longer, "x", 1);
    member_bad(stored("a.npy", longer), "more data after");
    member_bad(deflated("a.npy", longer), "more data after");
}
END_TEST

START_TEST(bad_archives)
{
    Member m[2] = {stored("a.npy", example_npy()), stored("a.npy", example_npy())};
    parse_bad(archive(m, 2, false, ""), "member 'a.npy' occurs twice");
    m[1].name = "b.npy";
    Bytes good = archive(m, 2, false, ""), b = good;
    size_t end = good.n - 22, second = end - 46 - 5;
    add(&b, "x", 1);
    parse_bad(b, "its end is missing");
    b = good, b.at[end + 4] = 1;
    parse_bad(b, "split");
    b = good, b.at[end + 10] = 3;
    parse_bad(b, "split");
    b = good, b.at[end + 8] = b.at[end + 10] = 3;
    parse_bad(b, "out of range");
    b = good, b.at[end + 8] = b.at[end + 10] = 1;
    parse_bad(b, "directory is damaged");
    b = good, b.at[end + 19] = 1;
    parse_bad(b, "out of range");
    b = good, b.at[second] = 'x';
    parse_bad(b, "directory is damaged");
    b = good, b.at[second + 28] = 200;
    parse_bad(b, "directory is damaged");
    b = good, b.at[second + 47] = 0;
    parse_bad(b, "zero byte");
    b = good, memset(b.at + second + 42, 0, 4); /* both entries name the first member */
    parse_bad(b, "overlaps");
    b = good, b.at[second + 45] = 0x7f;
    parse_bad(b, "out of range");
    b = good, b.at[second + 42] ^= 1;
    parse_bad(b, "not where the directory says");
    m[0].zip64 = true;
    good = archive(m, 2, true, "");
    end = good.n - 22;
    b = good, b.at[end - 20] = 'x';
    parse_bad(b, "out of range");
    b = good, memset(b.at + end - 12, 0xff, 8);
    parse_bad(b, "truncated");
    b = good, b.at[end - 4] = 2;
    parse_bad(b, "split");
    b = good, b.at[end - 20 - 56] = 'x';
    parse_bad(b, "zip64 end is missing");
    b = good, memset(b.at + end - 20 - 56 + 24, 0xff, 16);
    parse_bad(b, "out of range");
}
END_TEST

static Bytes varied_archive(void)
{
    Member m[2] = {stored("a.npy", example_npy()), deflated("b.npy", example_npy())};
    m[0].zip64 = true;
    return archive(m, 2, true, "");
}

START_TEST(truncated_anywhere)
{
    Bytes b = varied_archive();
    NpzFile f;
    char *why;
    for (size_t n = 0; n < b.n; n++) {
        ck_assert_int_eq(parse(b.at, n, &f, &why), JITC_E_INVALID);
        free(why);
    }
}
END_TEST

/* Whatever the bytes are: no crash, and never other values than were written. */
START_TEST(flipped_bytes)
{
    Bytes b = varied_archive();
    for (size_t i = 0; i < b.n; i++) {
        uint8_t old = b.at[i];
        for (int k = 0; k < 40; k++) {
            b.at[i] = k < 8 ? old ^ (uint8_t)(1 << k) : (uint8_t)(k * 8);
            NpzFile f;
            char *why;
            if (parse(b.at, b.n, &f, &why) == JITC_OK) {
                for (size_t j = 0; j < f.n; j++) ck_assert(is_example(&f.at[j].value));
                npz_free(&f);
            }
            free(why);
        }
        b.at[i] = old;
    }
}
END_TEST

/* -- Files ----------------------------------------------------------------------------------------- */
static char folder[] = "/tmp/jitc-test-XXXXXX";
static char path[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.npz", folder);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert(!rmdir(folder)); /* nothing else is left in it */
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

START_TEST(written_and_read)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    NpzMember members[] = {
        {(char *)"scope/x:0", example},
        {(char *)"\xc3\xa9", {JITC_UINT8, 1, {300}, bytes}},
        {(char *)"empty", {JITC_INT64, 2, {0, 3}, NULL}},
        {(char *)"scalar", {JITC_BFLOAT16, 0, {0}, bytes}},
    };
    NpzFile f;
    char *why = NULL;
    for (size_t n = 0; n <= COUNT(members); n++) {
        if (npz_write(path, members, n, &why)) ck_abort_msg("%s", why);
        ck_assert(npz_detect(path));
        if (npz_read(path, &f, &why)) ck_abort_msg("%s", why);
        ck_assert_uint_eq(f.n, n);
        for (size_t i = 0; i < n; i++) {
            ck_assert_str_eq(f.at[i].name, members[i].name);
            ck_assert(f.at[i].value.dtype == members[i].value.dtype &&
                      f.at[i].value.rank == members[i].value.rank);
        }
        if (n > 0) ck_assert(is_example(&f.at[0].value));
        if (n > 1) ck_assert_mem_eq(f.at[1].value.data, bytes, 300);
        npz_free(&f);
    }
    members[2].name = members[0].name;
    ck_assert_int_eq(npz_write(path, members, 4, &why), JITC_E_USAGE);
    ck_assert_ptr_nonnull(strstr(why, "member 'scope/x:0' occurs twice"));
    free(why);
    members[2].value.dtype = JITC_STRING;
    ck_assert_int_eq(npz_write(path, members, 4, NULL), JITC_E_USAGE);
    if (npz_read(path, &f, &why)) ck_abort_msg("%s", why); /* what was there stays */
    ck_assert_uint_eq(f.n, 4);
    npz_free(&f);
    ck_assert_int_eq(npz_write("/dev/full", members, 1, &why), JITC_E_IO);
    ck_assert_ptr_nonnull(strstr(why, "No space left"));
    free(why);
}
END_TEST

START_TEST(more_members_than_sixteen_bits_count)
{
    enum { N = 66000 };
    NpzMember *m = calloc(N, sizeof *m);
    char(*names)[8] = calloc(N, sizeof *names);
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        m[i] = (NpzMember){names[i], {JITC_FLOAT32, 0, {0}, (void *)values}};
    }
    NpzFile f;
    char *why = NULL;
    if (npz_write(path, m, N, &why)) ck_abort_msg("%s", why);
    if (npz_read(path, &f, &why)) ck_abort_msg("%s", why);
    ck_assert_uint_eq(f.n, N);
    ck_assert_str_eq(f.at[N - 1].name, "65999");
    npz_free(&f);
    free(names);
    free(m);
}
END_TEST

Suite *npz_suite(void)
{
    Suite *suite = suite_create("npz");
    TCase *format = tcase_create("format");
    tcase_set_timeout(format, 60);
    tcase_add_test(format, good_archives);
    tcase_add_test(format, bad_members);
    tcase_add_test(format, bad_archives);
    tcase_add_test(format, truncated_anywhere);
    tcase_add_test(format, flipped_bytes);
    suite_add_tcase(suite, format);
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_test(files, written_and_read);
    tcase_add_test(files, more_members_than_sixteen_bits_count);
    suite_add_tcase(suite, files);
    return suite;
}
