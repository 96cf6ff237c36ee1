/* Protobuf's text format, turned into the binary one by the descriptors that protobuf-c makes of
 * graphdef.proto. Recursion follows the schema, which has no cycle; fields outside the schema are skipped. */
#include "frontend/decode.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>

#include "frontend/graphdef.pb-c.h"

typedef struct Text {
    Job *job;
    const char *p, *end; /* *end is NUL */
    unsigned line;
    Str *out;
} Text;

static const char *const top_fields[] = {"node", "versions", "version", "library", "debug_info"};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* No binary GraphDef starts so: there, white space would be a length too small for the letters behind it. */
bool text_is_graph(const Source *src)
{
    char head[512] = {0}, *p = head;
    source_read(src, 0, head, src->size < sizeof head - 1 ? src->size : sizeof head - 1);
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (*p != '#') break;
        while (*p && *p != '\n') p++;
        if (!*p) return true;
    }
    for (size_t i = 0; i < COUNT(top_fields); i++) {
        size_t n = strlen(top_fields[i]);
        if (strncmp(p, top_fields[i], n) == 0 && p[n] && strchr(" \t\r\n{:<", p[n])) return true;
    }
    return false;
}

static _Noreturn void text_fail(Text *t, const char *what)
{
    job_error(t->job, "not a valid GraphDef: line %u: %s", t->line, what);
    job_fail(t->job, JITC_E_INVALID);
}

static void skip_space(Text *t)
{
    for (;; t->p++) {
        if (*t->p == '#')
            while (t->p < t->end && *t->p != '\n') t->p++;
        if (*t->p == '\n')
            t->line++;
        else if (*t->p != ' ' && *t->p != '\t' && *t->p != '\r')
            return;
    }
}

static bool accept(Text *t, char c)
{
    skip_space(t);
    if (*t->p != c || t->p >= t->end) return false;
    t->p++;
    return true;
}

/* The next word (a name or a number with its sign), cut to fit: no word of the format is as long as buf. */
static void take_word(Text *t, char *buf, size_t size)
{
    skip_space(t);
    size_t n = 0;
    if (*t->p == '-') buf[n++] = *t->p++;
    skip_space(t);
    while (is_word(*t->p) ||
           ((*t->p == '-' || *t->p == '+') && n && (buf[n - 1] == 'e' || buf[n - 1] == 'E'))) {
        if (n + 1 >= size) text_fail(t, "a name or number is too long");
        buf[n++] = *t->p++;
    }
    buf[n] = 0;
    if (!n || (n == 1 && *buf == '-')) text_fail(t, "expected a name or a value");
}

/* -- Output ---------------------------------------------------------------------------------------- */
static void put(Text *t, const void *data, size_t n)
{
    if (t->out->n + n > INT32_MAX) text_fail(t, "the graph is 2 GiB or larger, which no GraphDef can be");
    str_putn(t->out, data, n);
    if (t->out->oom) job_fail(t->job, JITC_E_NOMEM);
}

static void put_varint(Text *t, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) b[n++] = (uint8_t)(v | 0x80);
    b[n++] = (uint8_t)v;
    put(t, b, n);
}

static void put_tag(Text *t, uint32_t no, int wire)
{
    put_varint(t, (uint64_t)no << 3 | (unsigned)wire);
}

/* Room for a length that is known later. */
static size_t put_open(Text *t, uint32_t no)
{
    put_tag(t, no, WIRE_LEN);
    put(t, "\x80\x80\x80\x80\0", 5);
    return t->out->n;
}

static void put_close(Text *t, size_t begin)
{
    size_t n = t->out->n - begin;
    for (int i = 0; i < 5; i++)
        t->out->at[begin - 5 + (size_t)i] = (char)((n >> 7 * i & 0x7f) | (i < 4 ? 0x80 : 0));
}

/* -- Values ---------------------------------------------------------------------------------------- */
static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

static void take_escape(Text *t)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    char c = *t->p++;
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        c = to[known - from];
    } else if (digit(c) < 8) {
        unsigned v = (unsigned)digit(c);
        for (int i = 0; i < 2 && digit(*t->p) < 8; i++) v = v * 8 + (unsigned)digit(*t->p++);
        c = (char)v;
    } else if (c == 'x' || c == 'X') {
        unsigned v = 0;
        for (int i = 0; i < 2 && digit(*t->p) < 16; i++) v = v * 16 + (unsigned)digit(*t->p++);
        c = (char)v;
    } else if (!c || !strchr("\\'\"?", c)) {
        text_fail(t, "an escape sequence is unknown");
    }
    put(t, &c, 1);
}

static void take_string(Text *t, uint32_t no)
{
    size_t begin = put_open(t, no);
    skip_space(t);
    if (*t->p != '"' && *t->p != '\'') text_fail(t, "expected a string");
    for (; *t->p == '"' || *t->p == '\''; skip_space(t)) {
        char quote = *t->p++;
        while (*t->p != quote) {
            if (t->p >= t->end || *t->p == '\n') text_fail(t, "a string has no end");
            if (*t->p == '\\') {
                t->p++;
                take_escape(t);
                continue;
            }
            const char *from = t->p;
            while (t->p < t->end && *t->p != quote && *t->p != '\\' && *t->p != '\n') t->p++;
            put(t, from, (size_t)(t->p - from));
        }
        t->p++;
    }
    put_close(t, begin);
}

static uint64_t take_integer(Text *t, const char *word, int64_t low, uint64_t high)
{
    char *end;
    bool minus = *word == '-';
    const char *digits = word + minus;
    errno = 0;
    uint64_t v = digit(*digits) < 10 ? strtoull(digits, &end, 0) : (end = (char *)word, 0);
    if (end == word || *end || errno) text_fail(t, "expected an integer");
    if (minus ? v > (uint64_t)INT64_MAX + 1 || (v && 0 - v < (uint64_t)low) || !low : v > high)
        text_fail(t, "an integer is out of range");
    return minus ? 0 - v : v;
}

static double take_real(Text *t, char *word, float *single)
{
    size_t n = strlen(word);
    char *end;
    /* "1.5f" is allowed; "inf" and hexadecimal digits end in f of their own. */
    if (n > 1 && (word[n - 1] == 'f' || word[n - 1] == 'F') && digit(word[n - 2]) < 10 &&
        !strpbrk(word, "xX"))
        word[n - 1] = 0;
    double v = text_to_double(word, &end);
    if (*end || end == word) text_fail(t, "expected a number");
    *single = text_to_float(word, &end);
    return v;
}

static void take_scalar(Text *t, const ProtobufCFieldDescriptor *f)
{
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        take_string(t, f->id);
        return;
    }
    char word[128];
    take_word(t, word, sizeof word);
    if (f->type == PROTOBUF_C_TYPE_FLOAT || f->type == PROTOBUF_C_TYPE_DOUBLE) {
        float single;
        double v = take_real(t, word, &single);
        bool narrow = f->type == PROTOBUF_C_TYPE_FLOAT;
        put_tag(t, f->id, narrow ? WIRE_FIXED32 : WIRE_FIXED64);
        put(t, narrow ? (void *)&single : (void *)&v, narrow ? 4 : 8);
        return;
    }
    uint64_t v = 0;
    if (f->type == PROTOBUF_C_TYPE_BOOL && (strcmp(word, "true") == 0 || strcmp(word, "True") == 0)) {
        v = 1;
    } else if (f->type == PROTOBUF_C_TYPE_BOOL &&
               (strcmp(word, "false") == 0 || strcmp(word, "False") == 0)) {
        v = 0;
    } else if (f->type == PROTOBUF_C_TYPE_ENUM && digit(*word) >= 10 && *word != '-') {
        const ProtobufCEnumValue *e = protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, word);
        if (!e) text_fail(t, "an enumeration has no such value");
        v = (uint64_t)(int64_t)e->value;
    } else {
        switch (f->type) {
        case PROTOBUF_C_TYPE_BOOL: v = take_integer(t, word, 0, 1); break;
        case PROTOBUF_C_TYPE_UINT32: v = take_integer(t, word, 0, UINT32_MAX); break;
        case PROTOBUF_C_TYPE_UINT64: v = take_integer(t, word, 0, UINT64_MAX); break;
        case PROTOBUF_C_TYPE_INT64: v = take_integer(t, word, INT64_MIN, INT64_MAX); break;
        default: v = take_integer(t, word, INT32_MIN, INT32_MAX); break;
        }
    }
    put_tag(t, f->id, WIRE_VARINT);
    put_varint(t, v);
}

/* Past the value of a field that the schema does not have: a scalar, a list, or a message. */
static void skip_value(Text *t)
{
    uint64_t depth = 0;
    do {
        skip_space(t);
        char c = *t->p;
        if (t->p >= t->end) text_fail(t, "the text ends within a message");
        if (c == '"' || c == '\'') {
            size_t mark = t->out->n;
            take_string(t, 1);
            t->out->n = mark;
        } else if (is_word(c) || c == '-') {
            char word[512];
            take_word(t, word, sizeof word);
        } else {
            t->p++;
            if (c == '{' || c == '<' || c == '[') depth++;
            if ((c == '}' || c == '>' || c == ']') && !depth--) text_fail(t, "a bracket closes nothing");
        }
    } while (depth);
}

static void take_message(Text *t, const ProtobufCMessageDescriptor *m, char close);

static void take_value(Text *t, const ProtobufCFieldDescriptor *f, bool colon)
{
    if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        skip_space(t);
        if (f->type == PROTOBUF_C_TYPE_BYTES && (*t->p == '{' || *t->p == '<'))
            skip_value(t); /* the attributes of a function reference */
        else if (colon)
            take_scalar(t, f);
        else
            text_fail(t, "expected ':'");
        return;
    }
    char close = accept(t, '{') ? '}' : accept(t, '<') ? '>' : 0;
    if (!close) text_fail(t, "expected '{'");
    size_t begin = put_open(t, f->id);
    take_message(t, f->descriptor, close);
    put_close(t, begin);
}

/* Fields until `close`, or until the end of the text if that is 0. */
static void take_message(Text *t, const ProtobufCMessageDescriptor *m, char close)
{
    for (;;) {
        skip_space(t);
        if (!close && t->p >= t->end) return;
        if (close && accept(t, close)) return;
        char name[512];
        take_word(t, name, sizeof name);
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m, name);
        bool colon = accept(t, ':');
        if (!f) {
            skip_value(t);
        } else if (f->label == PROTOBUF_C_LABEL_REPEATED && accept(t, '[')) {
            if (!accept(t, ']')) {
                do take_value(t, f, true);
                while (accept(t, ','));
                if (!accept(t, ']')) text_fail(t, "expected ',' or ']'");
            }
        } else {
            take_value(t, f, colon);
        }
        if (!accept(t, ',')) accept(t, ';');
        if (m == &jitc_pb__graph_def__descriptor) job_tick(t->job);
    }
}

static void free_str(void *s)
{
    str_free(s);
}

void text_to_binary(Job *job, Source *src)
{
    char *text = job_alloc(job, src->size + 1);
    if (!source_read(src, 0, text, src->size)) {
        job_error(job, "the model file cannot be read");
        job_fail(job, JITC_E_IO);
    }
    Text t = {job, text, text + src->size, 1, job_new(job, Str)};
    job_on_exit(job, free_str, t.out);
    take_message(&t, &jitc_pb__graph_def__descriptor, 0);
    source_close(src);
    src->mem = src->owned = t.out->at;
    src->size = t.out->n;
    *t.out = (Str){0}; /* the source owns the text now */
}
