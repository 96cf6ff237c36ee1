#include "ir/custom.h"

#include <ctype.h>
#include <stdlib.h>

CustomOp *custom_find(const CustomOps *ops, const char *name)
{
    for (uint32_t i = 0; ops && i < ops->n; i++)
        if (strcmp(ops->at[i].op.name, name) == 0) return &ops->at[i];
    return NULL;
}

CustomOp *custom_find_code(const CustomOps *ops, const char *code)
{
    for (uint32_t i = 0; ops && i < ops->n; i++)
        if (ops->at[i].code[0] && strcmp(ops->at[i].code, code) == 0) return &ops->at[i];
    return NULL;
}

bool custom_letter_fits(char letter, DType t)
{
    switch (letter) {
    case 'f': return t == JITC_FLOAT32 || t == JITC_FLOAT16 || t == JITC_BFLOAT16;
    case 'd': return t == JITC_FLOAT64;
    case 'b': return t == JITC_BOOL;
    default: return dtype_is_int(t) && (size_t)(letter - '0') == dtype_size(t);
    }
}

/* -- Declared attributes ------------------------------------------------------------------------------ */
static const char *blanks(const char *p)
{
    while (*p == ' ') p++;
    return p;
}

static bool parse_kind(const char *word, size_t n, jitc_attr_kind *kind)
{
    static const struct {
        const char *name;
        jitc_attr_kind kind;
    } kinds[] = {{"int", JITC_ATTR_INT},       {"float", JITC_ATTR_FLOAT}, {"bool", JITC_ATTR_BOOL},
                 {"string", JITC_ATTR_STRING}, {"type", JITC_ATTR_TYPE},   {"shape", JITC_ATTR_SHAPE}};
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strlen(kinds[i].name) == n && memcmp(kinds[i].name, word, n) == 0) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

/* A default: of single values only, and of types and shapes none. */
static bool parse_default(Job *job, const char *p, CustomAttr *out)
{
    char *end = NULL;
    size_t n = strlen(p);
    int64_t *i = job_new(job, int64_t);
    double *f = job_new(job, double);
    out->def = (jitc_attr){out->name, (int32_t)out->kind, 0, 1, i};
    if (out->is_list) return false;
    switch (out->kind) {
    case JITC_ATTR_INT: *i = strtoll(p, &end, 10); break;
    case JITC_ATTR_FLOAT:
        *f = strtod(p, &end);
        out->def.data = f;
        break;
    case JITC_ATTR_BOOL: *i = strcmp(p, "true") == 0; return *i || strcmp(p, "false") == 0;
    case JITC_ATTR_STRING: {
        jitc_string *s = job_new(job, jitc_string);
        char quote = p[0];
        if (n < 2 || (quote != '\'' && quote != '"') || p[n - 1] != quote) return false;
        *s = (jitc_string){job_strndup(job, p + 1, n - 2), (int64_t)n - 2};
        out->def.data = s;
        return true;
    }
    default: return false;
    }
    return end != p && !*end;
}

bool custom_parse_attr(Job *job, const char *text, CustomAttr *out, const char **why)
{
    *out = (CustomAttr){0};
    size_t n = strlen(text);
    while (n && text[n - 1] == ' ') n--;
    const char *p = blanks(job_strndup(job, text, n)), *word = p;
    *why = "write NAME: KIND or NAME: KIND = DEFAULT";
    while (isalnum((unsigned char)*p) || *p == '_') p++;
    if (p == word) return false;
    out->name = job_strndup(job, word, (size_t)(p - word));
    p = blanks(p);
    if (*p++ != ':') return false;
    p = blanks(p);
    out->is_list = strncmp(p, "list(", 5) == 0;
    if (out->is_list) p += 5;
    word = p;
    while (isalpha((unsigned char)*p)) p++;
    if (!parse_kind(word, (size_t)(p - word), &out->kind)) {
        *why = "the kinds are int, float, bool, string, type, shape, and list(KIND)";
        return false;
    }
    if (out->is_list && *p++ != ')') return false;
    p = blanks(p);
    if (!*p) return true;
    if (*p++ != '=') return false;
    *why = "its default is not of that kind, or of one that has no defaults here (type, shape, lists)";
    return out->has_default = parse_default(job, blanks(p), out);
}

/* -- Copies --------------------------------------------------------------------------------------------- */
static const char *copy_text(Job *job, const char *s)
{
    return job_strndup(job, s, strlen(s));
}

static void *copy_bytes(Job *job, const void *from, int64_t n, size_t size)
{
    void *to = job_calloc(job, (size_t)n + 1, size);
    if (n) memcpy(to, from, (size_t)n * size);
    return to;
}

static jitc_attr copy_attr(Job *job, const jitc_attr *a)
{
    jitc_attr r = *a;
    r.name = copy_text(job, a->name);
    switch (a->kind) {
    case JITC_ATTR_STRING: {
        jitc_string *s = copy_bytes(job, a->data, a->n, sizeof *s);
        for (int64_t i = 0; i < a->n; i++) s[i].at = job_strndup(job, s[i].at, (size_t)s[i].n);
        r.data = s;
        break;
    }
    case JITC_ATTR_SHAPE: r.data = copy_bytes(job, a->data, a->n, sizeof(jitc_shape)); break;
    case JITC_ATTR_OTHER: break;
    default: r.data = copy_bytes(job, a->data, a->n, 8);
    }
    return r;
}

CustomNode *custom_copy(Job *job, const CustomNode *from)
{
    CustomNode *n = job_new(job, CustomNode);
    *n = (CustomNode){.op = from->op, .node = from->node};
    n->node.name = copy_text(job, from->node.name);
    n->node.op = copy_text(job, from->node.op);
    jitc_attr *attrs = job_array(job, jitc_attr, from->node.nattrs + 1);
    for (int32_t i = 0; i < from->node.nattrs; i++) attrs[i] = copy_attr(job, &from->node.attrs[i]);
    n->node.attrs = attrs;
    if (from->node.types) {
        int32_t types = from->node.nin + from->node.nout;
        n->node.types = copy_bytes(job, from->node.types, types, sizeof *from->node.types);
    }
    return n;
}
