#include "runtime/npy.h"
#include "runtime/npz.h"
#include "tests/unit/suites.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/jitc-test-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

static const char *in_folder(const char *name)
{
    static char path[2][512];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static int files_in_folder(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void save(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert(!fclose(f));
}

typedef struct {
    uint8_t at[4096];
    size_t n;
} Bytes;

static void add(Bytes *b, const void *data, size_t n)
{
    ck_assert(b->n + n <= sizeof b->at);
    memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void add_number(Bytes *b, int nbytes, uint64_t v)
{
    for (int i = 0; i < nbytes; i++) add(b, &(uint8_t){(uint8_t)(v >> 8 * i)}, 1);
}

static Bytes npy_bytes(int version, const char *header, const void *data, size_t n)
{
    Bytes b = {.n = 0};
    add(&b, "\x93NUMPY", 6);
    add_number(&b, 1, (uint64_t)version);
    add_number(&b, 1, 0);
    add_number(&b, version == 1 ? 2 : 4, strlen(header));
    add(&b, header, strlen(header));
    add(&b, data, n);
    return b;
}

/* Parses a copy that is exactly as large as the data, so that ASan sees any read beyond it. */
static jitc_status parse(const void *data, size_t n, jitc_tensor *t, char **why)
{
    void *copy = malloc(n ? n : 1);
    if (n) memcpy(copy, data, n);
    *why = NULL;
    jitc_status status = npy_parse(n ? copy : (char *)copy + 1, n, t, why);
    free(copy);
    ck_assert((status == JITC_OK) == (*why == NULL));
    ck_assert((status == JITC_OK) == (t->data != NULL));
    return status;
}

static void parse_good(Bytes b, jitc_tensor *t)
{
    char *why;
    if (parse(b.at, b.n, t, &why)) ck_abort_msg("%s", why);
}

static void parse_bad(Bytes b, const char *reason)
{
    jitc_tensor t;
    char *why;
    ck_assert_int_eq(parse(b.at, b.n, &t, &why), JITC_E_INVALID);
    if (!strstr(why, reason)) ck_abort_msg("'%s' does not contain '%s'", why, reason);
    free(why);
}

static void header_bad(const char *header, const char *reason)
{
    static const char zeros[64];
    parse_bad(npy_bytes(1, header, zeros, sizeof zeros), reason);
}

/* -- Good files ------------------------------------------------------------------------------------ */
START_TEST(element_types)
{
    static const struct {
        const char *descr;
        jitc_dtype dtype;
        const char *data, *want;
    } cases[] = {
        {"<f4", JITC_FLOAT32, "\1\2\3\4\5\6\7\10", "\1\2\3\4\5\6\7\10"},
        {">f4", JITC_FLOAT32, "\1\2\3\4\5\6\7\10", "\4\3\2\1\10\7\6\5"},
        {"=f8", JITC_FLOAT64, "abcdefghABCDEFGH", "abcdefghABCDEFGH"},
        {">f8", JITC_FLOAT64, "abcdefghABCDEFGH", "hgfedcbaHGFEDCBA"},
        {">f2", JITC_FLOAT16, "abcd", "badc"},
        {"f2", JITC_FLOAT16, "abcd", "abcd"},
        {"|V2", JITC_BFLOAT16, "abcd", "abcd"},
        {"<V2", JITC_BFLOAT16, "abcd", "abcd"},
        {"|i1", JITC_INT8, "ab", "ab"},
        {">i1", JITC_INT8, "ab", "ab"},
        {">i2", JITC_INT16, "abcd", "badc"},
        {">i4", JITC_INT32, "abcdefgh", "dcbahgfe"},
        {">i8", JITC_INT64, "abcdefghABCDEFGH", "hgfedcbaHGFEDCBA"},
        {"|u1", JITC_UINT8, "ab", "ab"},
        {">u2", JITC_UINT16, "abcd", "badc"},
        {">u4", JITC_UINT32, "abcdefgh", "dcbahgfe"},
        {">u8", JITC_UINT64, "abcdefghABCDEFGH", "hgfedcbaHGFEDCBA"},
        {"|b1", JITC_BOOL, "\1\5", "\1\1"},
        {"?", JITC_BOOL, "\1\1", "\1\1"},
        {">c8", JITC_COMPLEX64, "abcdefghABCDEFGH", "dcbahgfeDCBAHGFE"},
        {">c16", JITC_COMPLEX128, "abcdefghijklmnopABCDEFGHIJKLMNOP", "hgfedcbaponmlkjiHGFEDCBAPONMLKJI"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n",
                 cases[i].descr);
        jitc_tensor t;
        parse_good(npy_bytes(1, header, cases[i].data, strlen(cases[i].data)), &t);
        ck_assert_int_eq(t.dtype, cases[i].dtype);
        ck_assert_int_eq(t.rank, 1);
        ck_assert_int_eq(t.shape[0], 2);
        ck_assert_int_eq((uintptr_t)t.data % 64, 0);
        ck_assert_mem_eq(t.data, cases[i].want, strlen(cases[i].want));
        npy_free(&t);
        npy_free(&t);
    }
}
END_TEST

START_TEST(shapes_and_versions)
{
    jitc_tensor t;
    parse_good(npy_bytes(1, "{'descr':'<i2','fortran_order':False,'shape':()}", "ab", 2), &t);
    ck_assert_int_eq(t.rank, 0);
    npy_free(&t);
    parse_good(
        npy_bytes(2, " {\"shape\" : ( 1 , 2L,\t) ,\"descr\":\"<i2\", \"fortran_order\":True} \n", "abcd", 4),
        &t);
    ck_assert(t.rank == 2 && t.shape[0] == 1 && t.shape[1] == 2);
    ck_assert_mem_eq(t.data, "abcd", 4);
    npy_free(&t);
    parse_good(npy_bytes(3, "{'descr':'|u1','fortran_order':False,'shape':(3,0,5)}", "", 0), &t);
    ck_assert(t.rank == 3 && t.shape[1] == 0 && t.data);
    npy_free(&t);
    parse_good(npy_bytes(1, "{'descr':'|u1','fortran_order':False,'shape':(1,1,1,1,1,1,1,2)}", "ab", 2), &t);
    ck_assert(t.rank == 8 && t.shape[7] == 2);
    npy_free(&t);
}
END_TEST

START_TEST(fortran_order)
{
    jitc_tensor t;
    parse_good(npy_bytes(1, "{'descr':'|u1','fortran_order':True,'shape':(2,3)}", "adbecf", 6), &t);
    ck_assert_mem_eq(t.data, "abcdef", 6);
    npy_free(&t);
    uint8_t data[2 * 3 * 4 * 5];
    size_t n = 0;
    for (int l = 0; l < 5; l++)
        for (int k = 0; k < 4; k++)
            for (int j = 0; j < 3; j++)
                for (int i = 0; i < 2; i++) data[n++] = (uint8_t)(((i * 3 + j) * 4 + k) * 5 + l);
    parse_good(npy_bytes(1, "{'descr':'|u1','fortran_order':True,'shape':(2,3,4,5)}", data, n), &t);
    for (size_t i = 0; i < n; i++) ck_assert_uint_eq(((uint8_t *)t.data)[i], i);
    npy_free(&t);
    parse_good(npy_bytes(1, "{'descr':'>i2','fortran_order':True,'shape':(2,2,1)}", "abcdefgh", 8), &t);
    ck_assert_mem_eq(t.data, "bafedchg", 8);
    npy_free(&t);
    parse_good(npy_bytes(1, "{'descr':'|u1','fortran_order':True,'shape':(2,0,3)}", "", 0), &t);
    npy_free(&t);
}
END_TEST

/* -- Bad files ------------------------------------------------------------------------------------- */
START_TEST(bad_types)
{
    static const char *const cases[][2] = {
        {"'|O'", "Python objects"},
        {"'O'", "Python objects"},
        {"'<U5'", "strings"},
        {"'|S5'", "strings of bytes"},
        {"'<M8[ns]'", "dates"},
        {"[('a', '<f4')]", "structured"},
        {"('<f4', (2,))", "structured"},
        {"'<f16'", "'<f16' is not supported"},
        {"'|V1'", "not supported"},
        {"'|V3'", "not supported"},
        {"'>V2'", "no clear byte order"},
        {"'|f4'", "no clear byte order"},
        {"'<f04'", "not supported"},
        {"'<f4 '", "not supported"},
        {"'<f'", "not supported"},
        {"'<'", "not supported"},
        {"''", "not supported"},
        {"'<f99999999999999999999'", "not supported"},
        {"'\\x3cf4'", "not a string"},
        {"u'<f4'", "not a string"},
        {"'<f4\"", "not supported"},
        {"'<f4", "not supported"},
        {"None", "not a string"},
        {"'<f4\n'", "not a string"},
        {"'\xff\xfe'", "'\\xff\\xfe' is not supported"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': False, 'shape': (2,), }\n",
                 cases[i][0]);
        header_bad(header, cases[i][1]);
    }
}
END_TEST

START_TEST(bad_shapes)
{
    static const char *const cases[][2] = {
        {"(3)", "not a tuple"},
        {"3", "not a tuple"},
        {"[3]", "not a tuple"},
        {"(,)", "not a tuple"},
        {"(3,,4)", "not a tuple"},
        {"(3 4)", "not a tuple"},
        {"(3,", "not a tuple"},
        {"(3,(4,))", "not a tuple"},
        {"(3.0,)", "not a tuple"},
        {"(+3,)", "not a tuple"},
        {"(03,)", "not a tuple"},
        {"(0x3,)", "not a tuple"},
        {"(1_0,)", "not a tuple"},
        {"(True,)", "not a tuple"},
        {"(__import__('os').system('false'),)", "not a tuple"},
        {"(-1,)", "negative"},
        {"(1,1,1,1,1,1,1,1,1)", "more than 8 dimensions"},
        {"(9223372036854775807,)", "too large"},
        {"(9223372036854775808,)", "too large"},
        {"(4294967296, 4294967296)", "too large"},
        {"(0, 4294967296, 4294967296)", "too large"},
        {"(4611686018427387904,)", "too large"},
        {"(99999999999999999999999999999999,)", "too large"},
        {"(1099511627776,)", "truncated"},
        {"(17,)", "truncated: 64 bytes of data, the header promises 68"},
        {"(15,)", "more data after"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n",
                 cases[i][0]);
        header_bad(header, cases[i][1]);
    }
}
END_TEST

START_TEST(bad_headers)
{
    static const char *const cases[][2] = {
        {"", "no dictionary"},
        {"[]", "no dictionary"},
        {"{", "key is not a string"},
        {"{}", "missing"},
        {"{,}", "key is not a string"},
        {"{'descr' '<f4'}", "no ':'"},
        {"{'descr': '<f4'}", "missing"},
        {"{'descr': '<f4', 'shape': (16,)}", "missing"},
        {"{'fortran_order': False, 'shape': (16,)}", "missing"},
        {"{'descr': '<f4', 'fortran_order': False}", "missing"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (16,)}", "twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (16,), 'x': 1}", "unknown key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (16,)} x", "text after"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (16,)}}", "text after"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (16,) ", "no ','"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (16,)}", "no ','"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (16,)}", "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (16,)}", "no ','"},
        {"{'descr': '<f4', 'fortran_order': 'True', 'shape': (16,)}", "neither True nor False"},
        {"{'de\\x73cr': '<f4', 'fortran_order': False, 'shape': (16,)}", "key is not a string"},
        {"# comment\n{'descr': '<f4', 'fortran_order': False, 'shape': (16,)}", "no dictionary"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) header_bad(cases[i][0], cases[i][1]);

    static const char good[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}";
    Bytes b = npy_bytes(2, good, "a", 1);
    b.at[6] = 4;
    parse_bad(b, "version 4.0");
    b.at[6] = 0;
    parse_bad(b, "version 0.0");
    b.at[6] = 2, b.at[7] = 1;
    parse_bad(b, "version 2.1");
    b.at[7] = 0, b.at[10] = 1; /* 64 KiB more */
    parse_bad(b, "header of 65591 bytes");
    b.at[11] = 0xff;
    parse_bad(b, "header of");
    b.at[0] = 'N';
    parse_bad(b, "not a .npy file");
    b = (Bytes){.n = 0};
    parse_bad(b, "not a .npy file");
    add(&b, "PK\3\4\0\0\0\0\0\0", 10);
    parse_bad(b, "is it a .npz?");
    b = npy_bytes(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "ab", 2);
    parse_bad(b, "more data after");
}
END_TEST

static const float values[12] = {1, -2, 3.5f, 0, 5, 6, 7, 8, 9, 10, 11, 12};
static const jitc_tensor example = {JITC_FLOAT32, 2, {3, 4}, (void *)values};

static Bytes example_bytes(void)
{
    Bytes b = {.n = 0};
    size_t nheader, ndata;
    ck_assert(npy_header(&example, (char *)b.at, &nheader, &ndata));
    b.n = nheader;
    add(&b, values, ndata);
    return b;
}

START_TEST(truncated_anywhere)
{
    Bytes b = example_bytes();
    jitc_tensor t;
    char *why;
    for (size_t n = 0; n < b.n; n++) {
        ck_assert_int_eq(parse(b.at, n, &t, &why), JITC_E_INVALID);
        free(why);
    }
    parse_good(b, &t);
    npy_free(&t);
}
END_TEST

/* Whatever the bytes are: no crash, and a consistent answer. */
START_TEST(flipped_bytes)
{
    Bytes b = example_bytes();
    for (size_t i = 0; i < b.n; i++) {
        uint8_t old = b.at[i];
        for (int v = 0; v < 256; v++) {
            b.at[i] = (uint8_t)v;
            jitc_tensor t;
            char *why;
            if (parse(b.at, b.n, &t, &why) == JITC_OK) npy_free(&t);
            free(why);
        }
        b.at[i] = old;
    }
}
END_TEST

/* -- Files ----------------------------------------------------------------------------------------- */
static bool holds_example(const char *path)
{
    jitc_tensor t;
    char *why = NULL;
    if (npy_read(path, &t, &why)) ck_abort_msg("%s", why);
    bool same = t.dtype == JITC_FLOAT32 && t.rank == 2 && t.shape[0] == 3 && t.shape[1] == 4 &&
                !memcmp(t.data, values, sizeof values);
    npy_free(&t);
    return same;
}

static void write_good(const char *path)
{
    char *why = NULL;
    if (npy_write(path, &example, &why)) ck_abort_msg("%s", why);
}

static void write_bad(const char *path, const char *reason)
{
    char *why = NULL;
    ck_assert_int_eq(npy_write(path, &example, &why), JITC_E_IO);
    if (!strstr(why, reason)) ck_abort_msg("'%s' does not contain '%s'", why, reason);
    free(why);
}

START_TEST(written_and_read)
{
    const char *path = in_folder("a.npy");
    write_good(path);
    ck_assert(holds_example(path));
    ck_assert_int_eq(files_in_folder(), 1);

    static const jitc_dtype dtypes[] = {JITC_FLOAT32, JITC_FLOAT64,   JITC_INT32,    JITC_UINT8,
                                        JITC_INT16,   JITC_INT8,      JITC_INT64,    JITC_BOOL,
                                        JITC_UINT16,  JITC_COMPLEX64, JITC_BFLOAT16, JITC_COMPLEX128,
                                        JITC_FLOAT16, JITC_UINT32,    JITC_UINT64};
    for (size_t i = 0; i < COUNT(dtypes); i++) {
        for (int32_t rank = 0; rank <= JITC_MAX_RANK; rank++) {
            uint8_t data[32];
            memset(data, 1, sizeof data);
            jitc_tensor in = {dtypes[i], rank, {1, 1, 1, 1, 1, 1, 1, 1}, data}, out;
            if (rank > 1) in.shape[rank - 2] = 2;
            ck_assert_int_eq(npy_write(path, &in, NULL), JITC_OK);
            ck_assert_int_eq(npy_read(path, &out, NULL), JITC_OK);
            ck_assert(out.dtype == in.dtype && out.rank == rank);
            ck_assert_mem_eq(out.shape, in.shape, (size_t)rank * sizeof *in.shape);
            npy_free(&out);
        }
    }
    jitc_tensor bad = {JITC_STRING, 1, {2}, (void *)values};
    ck_assert_int_eq(npy_write(path, &bad, NULL), JITC_E_USAGE);
    bad = (jitc_tensor){JITC_FLOAT32, 9, {2}, (void *)values};
    ck_assert_int_eq(npy_write(path, &bad, NULL), JITC_E_USAGE);
    bad = (jitc_tensor){JITC_FLOAT32, 1, {-2}, (void *)values};
    ck_assert_int_eq(npy_write(path, &bad, NULL), JITC_E_USAGE);
    bad = (jitc_tensor){JITC_FLOAT32, 8, {INT64_MAX, INT64_MAX, 1, 1, 1, 1, 1, INT64_MAX}, (void *)values};
    ck_assert_int_eq(npy_write(path, &bad, NULL), JITC_E_USAGE);
    bad = (jitc_tensor){JITC_FLOAT32, 0, {0}, NULL};
    ck_assert_int_eq(npy_write(path, &bad, NULL), JITC_E_USAGE);
    jitc_tensor empty = {JITC_FLOAT32, 8, {0, 100000, 100000, 1, 1, 1, 1, 1}, NULL}, out;
    ck_assert_int_eq(npy_write(path, &empty, NULL), JITC_OK);
    ck_assert_int_eq(npy_read(path, &out, NULL), JITC_OK);
    ck_assert(out.rank == 8 && out.shape[1] == 100000);
    npy_free(&out);
}
END_TEST

START_TEST(output_replaces_only_when_complete)
{
    const char *path = in_folder("a.npy");
    write_good(path);
    OutFile f;
    ck_assert_int_eq(outfile_open(&f, path, NULL), JITC_OK);
    outfile_write(&f, "partial", 7);
    ck_assert(holds_example(path));
    ck_assert_int_eq(files_in_folder(), 2);
    outfile_abort(&f);
    outfile_abort(&f);
    ck_assert(holds_example(path));
    ck_assert_int_eq(files_in_folder(), 1);

    ck_assert_int_eq(outfile_open(&f, path, NULL), JITC_OK);
    close(f.fd); /* any failing write */
    f.fd = open("/dev/full", O_WRONLY);
    outfile_write(&f, "partial", 7);
    outfile_write(&f, "partial", 7);
    char *why = NULL;
    ck_assert_int_eq(outfile_close(&f, &why), JITC_E_IO);
    ck_assert_ptr_nonnull(strstr(why, "No space left"));
    free(why);
    ck_assert(holds_example(path));
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(output_modes_and_links)
{
    const char *path = in_folder("a.npy");
    struct stat st;
    umask(027);
    write_good(path);
    ck_assert(!stat(path, &st) && (st.st_mode & 0777) == 0640);
    ck_assert(!chmod(path, 0604));
    write_good(path);
    ck_assert(!stat(path, &st) && (st.st_mode & 0777) == 0604);

    const char *link = in_folder("link");
    ck_assert(!symlink("a.npy", link));
    save(path, "x", 1);
    write_good(link);
    ck_assert(!lstat(link, &st) && S_ISLNK(st.st_mode));
    ck_assert(holds_example(path));
    ck_assert(!unlink(path));
    write_bad(link, "symbolic link");
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(output_that_fails)
{
    char name[300];
    memset(name, 'a', 299);
    name[299] = 0;
    write_bad(in_folder("none/a.npy"), "No such file");
    write_bad(in_folder(name), "too long");
    write_bad(folder, "Is a directory");
    write_bad(in_folder("new/"), "");
    write_bad("", "No such file");
    write_bad("/dev/full", "No space left");
    write_bad("/proc/self/fd/99999", "Bad file descriptor");
    write_bad("/dev/fd/99999999999999999999", "");
    write_bad(in_folder("none\n\x1b[31m/a"), "none\\x0a\\x1b[31m/a");
    ck_assert_int_eq(files_in_folder(), 0);
    write_good("/dev/null");
    struct stat st;
    ck_assert(!stat("/dev/null", &st) && S_ISCHR(st.st_mode));

    memset(name, 'b', 250); /* the temporary name is no longer than the longest allowed */
    name[250] = 0;
    write_good(in_folder(name));
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(output_to_descriptors)
{
    const char *path = in_folder("a.npy");
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, "before", 6), 6);
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    write_good(name);
    ck_assert_int_eq(write(fd, "after", 5), 5);
    void *data;
    size_t n;
    ck_assert_int_eq(file_read(path, 0, &data, &n, NULL), JITC_OK);
    Bytes want = example_bytes();
    ck_assert_uint_eq(n, 6 + want.n + 5);
    ck_assert_mem_eq((char *)data + 6, want.at, want.n);
    free(data);
    close(fd);
}
END_TEST

static void *feed(void *arg)
{
    int fd = open(arg, O_WRONLY);
    Bytes b = example_bytes();
    for (size_t i = 0; i < b.n; i++)
        if (write(fd, b.at + i, 1) != 1) return NULL;
    close(fd);
    return arg;
}

static void *feed_short(void *arg)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }\n";
    Bytes b = npy_bytes(1, header, values, sizeof values);
    int fd = open(arg, O_WRONLY);
    ssize_t n = write(fd, b.at, b.n);
    close(fd);
    return n == (ssize_t)b.n ? arg : NULL;
}

START_TEST(pipes)
{
    char path[64];
    snprintf(path, sizeof path, "%s/pipe", folder);
    ck_assert(!mkfifo(path, 0600));
    ck_assert(!npz_detect(path));
    pthread_t id;
    void *ok;
    ck_assert(!pthread_create(&id, NULL, feed, path));
    ck_assert(holds_example(path));
    pthread_join(id, &ok);
    ck_assert_ptr_nonnull(ok);

    jitc_tensor t;
    char *why = NULL;
    ck_assert(!pthread_create(&id, NULL, feed_short, path));
    ck_assert_int_eq(npy_read(path, &t, &why), JITC_E_INVALID);
    pthread_join(id, &ok);
    ck_assert_ptr_nonnull(strstr(why, "truncated: 48 bytes of data, the header promises 4000000000"));
    free(why);
}
END_TEST

START_TEST(input_that_fails)
{
    jitc_tensor t;
    char *why = NULL;
    ck_assert_int_eq(npy_read(in_folder("none.npy"), &t, &why), JITC_E_IO);
    ck_assert_ptr_nonnull(strstr(why, "none.npy: No such file"));
    free(why);
    ck_assert_int_eq(npy_read(folder, &t, &why), JITC_E_IO);
    ck_assert_ptr_nonnull(strstr(why, "directory"));
    free(why);
    NpzFile z;
    ck_assert_int_eq(npz_read(in_folder("none.npz"), &z, NULL), JITC_E_IO);

    void *data;
    size_t n;
    save(in_folder("text"), "12345", 5);
    ck_assert_int_eq(file_read(in_folder("text"), 4, &data, &n, &why), JITC_E_INVALID);
    free(why);
    ck_assert_int_eq(file_read("/dev/zero", 100000, &data, &n, &why), JITC_E_INVALID);
    ck_assert_ptr_nonnull(strstr(why, "larger than 100000 bytes"));
    free(why);
    ck_assert_int_eq(file_read(in_folder("text"), 5, &data, &n, NULL), JITC_OK);
    ck_assert_uint_eq(n, 5);
    ck_assert_str_eq(data, "12345");
    free(data);
    ck_assert_int_eq(file_read("/dev/null", 0, &data, &n, NULL), JITC_OK);
    ck_assert_uint_eq(n, 0);
    free(data);
}
END_TEST

Suite *npy_suite(void)
{
    Suite *suite = suite_create("npy");
    TCase *format = tcase_create("format");
    tcase_set_timeout(format, 60);
    tcase_add_test(format, element_types);
    tcase_add_test(format, shapes_and_versions);
    tcase_add_test(format, fortran_order);
    tcase_add_test(format, bad_types);
    tcase_add_test(format, bad_shapes);
    tcase_add_test(format, bad_headers);
    tcase_add_test(format, truncated_anywhere);
    tcase_add_test(format, flipped_bytes);
    suite_add_tcase(suite, format);

    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_test(files, written_and_read);
    tcase_add_test(files, output_replaces_only_when_complete);
    tcase_add_test(files, output_modes_and_links);
    tcase_add_test(files, output_that_fails);
    tcase_add_test(files, output_to_descriptors);
    tcase_add_test(files, pipes);
    tcase_add_test(files, input_that_fails);
    suite_add_tcase(suite, files);
    return suite;
}
