#include "runtime/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ir/base/archive.h"
#include "runtime/build_id.h"
#include "runtime/code.h"
#include "runtime/host_cpu.h"
#include "runtime/image.h"
#include "runtime/program.h"
#include "runtime/tuning.h"

/* -- Keys ------------------------------------------------------------------------------------------ */
static void put_names(Str *s, const char *const *name, size_t n)
{
    str_printf(s, "%zu:", n);
    for (size_t i = 0; i < n; i++) str_printf(s, "%zu %s ", strlen(name[i]), name[i]);
}

/* What decides about the code of a text. */
static void put_target(Str *s, const jitc_program *p)
{
    str_printf(s, "jitc %s llvm %s\n", JITC_BUILD_ID, JITC_LLVM_VERSION);
    cpu_identity(s);
    str_printf(s, "\ncpu %s %s %d\n", p->target.cpu, p->target.features ? p->target.features : "",
               p->target.quick);
}

static void put_options(Str *s, const jitc_program *p)
{
    Machine m = machine_of(p->target.cpu, p->threads);
    str_printf(s, "precise %d layout %d depth %d l2 %lld threads %d\n", p->precise, p->layout,
               p->stored.depth, (long long)m.l2, m.threads);
    const ImportOptions *o = &p->opt;
    put_names(s, o->inputs, o->ninputs);
    put_names(s, o->outputs, o->noutputs);
    for (size_t i = 0; i < o->nshapes; i++) {
        str_printf(s, "shape %zu %s %d", strlen(o->shapes[i].name), o->shapes[i].name, o->shapes[i].rank);
        for (int32_t d = 0; d < o->shapes[i].rank; d++)
            str_printf(s, " %lld", (long long)o->shapes[i].dim[d]);
    }
    for (size_t i = 0; i < o->nsets; i++)
        str_printf(s, "set %zu %s %a", strlen(o->sets[i].name), o->sets[i].name, o->sets[i].value);
    if (!p->tuning) return;
    str_printf(s, "\ntuned for %s\n", p->tuning->machine);
    tuning_print(p->tuning, s);
}

static Hash hash_str(Str *s)
{
    Hash h = hash_bytes(str_text(s), s->n);
    if (s->oom) h = (Hash){0};
    str_free(s);
    return h;
}

static CacheRef ref_of(CacheKind kind, Hash base, const void *data, size_t n)
{
    Str s = {0};
    str_putn(&s, (const char *)&base, sizeof base);
    str_putn(&s, data, n);
    return (CacheRef){kind, hash_str(&s)};
}

static CacheRef version_ref(const jitc_program *p, const jitc_io *in, bool general)
{
    Str s = {0};
    str_putn(&s, (const char *)&p->stored.content, sizeof p->stored.content);
    str_printf(&s, "general %d only %d", general, p->only_general);
    for (size_t i = 0; i < p->io.nin; i++) {
        str_printf(&s, "\n%s", in[i].name);
        for (int32_t d = 0; d < in[i].rank; d++) str_printf(&s, " %lld", (long long)in[i].shape[d]);
    }
    CacheRef r = ref_of(CACHE_VERSION, p->stored.base, str_text(&s), s.n);
    str_free(&s);
    return r;
}

/* -- The model's bytes ----------------------------------------------------------------------------- */
static bool hash_source(const Source *src, Hash *out)
{
    if (src->mem) {
        *out = hash_bytes(src->mem, src->size);
        return true;
    }
    enum { CHUNK = 1 << 20 };
    uint8_t *at = malloc(CHUNK + sizeof *out);
    bool fine = at;
    *out = (Hash){src->size, 0};
    for (uint64_t off = 0; fine && off < src->size; off += CHUNK) {
        size_t n = src->size - off < CHUNK ? (size_t)(src->size - off) : CHUNK;
        memcpy(at, out, sizeof *out); /* each part is hashed with what is known of those before */
        fine = source_read(src, off, at + sizeof *out, n);
        *out = hash_bytes(at, n + sizeof *out);
    }
    free(at);
    return fine;
}

/* Whether they are known. A file that changes meanwhile is not. */
static bool find_content(jitc_program *p)
{
    Stored *s = &p->stored;
    struct stat before, after;
    if (s->has_content) return true;
    if (p->src.fd >= 0 && fstat(p->src.fd, &before)) return false;
    if (!hash_source(&p->src, &s->content)) return false;
    if (p->src.fd >= 0) {
        if (fstat(p->src.fd, &after)) return false;
        FileId a = file_id(&before), b = file_id(&after);
        if (memcmp(&a, &b, sizeof a) != 0) return false;
        s->file = file_id_is_fresh(&before) ? (FileId){{0}} : b;
    }
    return s->has_content = true;
}

static bool file_is_known(const Stored *s)
{
    return file_id_eq(&s->file, &s->file);
}

/* -- Programs -------------------------------------------------------------------------------------- */
/* Functions of the program's have no name that lasts. A reader may be slow, and tells nothing of changes. */
static bool may_be_kept(const jitc_program *p)
{
    return !p->text && !p->pipeline && !p->opt.custom && !p->src.reader.read;
}

void stored_open(jitc_program *p, const jitc_options *o, bool interface, const char *label)
{
    Stored *s = &p->stored;
    const char *path = cache_path(o->cache);
    if ((path && !*path) || !may_be_kept(p)) return;
    s->on = cache_open(&p->job, &s->cache, path ? job_strndup(&p->job, path, strlen(path)) : NULL);
    if (!s->on) return;
    if (o->cache_bytes) s->cache.most_bytes = o->cache_bytes;
    s->cache.verify = o->flags & JITC_VERIFY;
    s->depth = interface ? 2 : o->flags & JITC_LAZY ? 1 : 0;
    s->label = label;
    Str text = {0};
    put_target(&text, p);
    s->code = hash_bytes(str_text(&text), text.n);
    put_options(&text, p);
    s->base = hash_str(&text);
}

void stored_close(jitc_program *p)
{
    if (p->stored.on) cache_close(&p->stored.cache);
    p->stored.on = false;
}

const char *stored_warning(jitc_program *p)
{
    Stored *s = &p->stored;
    if (!*s->cache.why || s->warned) return NULL;
    s->warned = true;
    return s->cache.why;
}

static void io_archive(Archive *a, jitc_io **io, size_t n)
{
    archive_array(a, io, n);
    for (size_t i = 0; i < n; i++) archive_text(a, &(*io)[i].name);
}

static void program_archive(Archive *a, Hash *content, ImportIo *io)
{
    uint64_t n[2] = {io->nin, io->nout};
    archive_bytes(a, content, sizeof *content);
    archive_bytes(a, n, sizeof n);
    io->nin = n[0];
    io->nout = n[1];
    io_archive(a, &io->in, io->nin);
    io_archive(a, &io->out, io->nout);
}

static CacheRef program_by_file(const Stored *s)
{
    return ref_of(CACHE_PROGRAM, s->base, &s->file, sizeof s->file);
}

static CacheRef program_by_content(const Stored *s)
{
    return ref_of(CACHE_PROGRAM, s->base, &s->content, sizeof s->content);
}

static bool read_program(jitc_program *p, CacheRef ref)
{
    CacheEntry e;
    if (!cache_get(&p->stored.cache, ref, &e)) return false;
    ImportIo io = {0};
    Hash content;
    Archive a = {.mode = ARCHIVE_LOAD, .job = &p->job, .at = e.data, .end = e.data + e.size};
    program_archive(&a, &content, &io);
    cache_entry_close(&e);
    p->io = io;
    p->stored.content = content;
    return p->stored.has_content = true;
}

bool stored_load_program(jitc_program *p)
{
    Stored *s = &p->stored;
    if (!s->on) return false;
    struct stat st;
    if (p->src.fd >= 0 && fstat(p->src.fd, &st) == 0) s->file = file_id(&st);
    if (!s->cache.verify && file_is_known(s) && read_program(p, program_by_file(s))) return true;
    s->on = find_content(p);
    if (!s->on || !read_program(p, program_by_content(s))) return false;
    stored_save_program(p); /* under the name of the file as well */
    return true;
}

void stored_save_program(jitc_program *p)
{
    Stored *s = &p->stored;
    if (!s->on || !s->has_content) return;
    Str bytes = {0};
    Archive a = {.mode = ARCHIVE_SAVE, .out = &bytes};
    ImportIo io = p->io;
    program_archive(&a, &s->content, &io);
    if (!bytes.oom) {
        cache_put(&s->cache, program_by_content(s), bytes.at, bytes.n, NULL, 0, s->label, NULL);
        if (file_is_known(s))
            cache_put(&s->cache, program_by_file(s), bytes.at, bytes.n, NULL, 0, s->label, NULL);
    }
    str_free(&bytes);
}

/* -- Versions -------------------------------------------------------------------------------------- */
/* Where a weight is: here, in a file of its own, or the same as an earlier one. */
typedef enum { KEPT_HERE, KEPT_FILE, KEPT_SAME } KeptWhere;
enum { KEPT_LARGE = 64 << 10 }; /* bytes from which it is a file */

typedef struct {
    Hash recipe, content;
    int64_t bytes;
    uint64_t where;
    FileId file;
} KeptWeight;

static void read_weight(jitc_program *p, Archive *a, KeptWeight *k, Packed **out, bool *moved)
{
    archive_bytes(a, k, sizeof *k);
    const uint8_t *here = a->at;
    if (k->where == KEPT_HERE) {
        if (k->bytes < 0 || k->bytes > a->end - a->at) job_fail(a->job, JITC_E_INVALID);
        a->at += k->bytes;
    }
    if ((*out = pack_take(&p->weights, k->recipe))) return;
    if (k->where == KEPT_HERE) {
        *out = pack_add(a->job, &p->weights, k->recipe, k->bytes);
        memcpy((*out)->data, here, (size_t)k->bytes);
        return;
    }
    FileId file = k->file;
    void *at = k->where == KEPT_FILE
                   ? cache_map_weights(&p->stored.cache, k->content, (size_t)k->bytes, &file)
                   : NULL;
    if (!at) job_fail(a->job, JITC_E_INVALID);
    *moved |= !file_id_eq(&file, &k->file);
    *out = pack_add_mapped(a->job, &p->weights, k->recipe, k->bytes, at, k->content);
}

static void read_version(jitc_program *p, Archive *a, Version *v, bool *moved)
{
    ImportIo io = {0};
    Hash content;
    program_archive(a, &content, &io);
    v->in = io.in;
    v->out = io.out;
    Plan *plan = job_new(a->job, Plan);
    plan_archive(a, plan);
    version_tables(v, a->job, plan);
    for (uint32_t i = 0; i < plan->nweight; i++) {
        KeptWeight k;
        read_weight(p, a, &k, &v->weight[i], moved);
    }
    v->plan = plan;
}

bool stored_load_version(jitc_program *p, const jitc_io *in, Version *v, bool *moved)
{
    CacheEntry e;
    *moved = false;
    if (!p->stored.on || v->apart || !cache_get(&p->stored.cache, version_ref(p, in, v->general), &e))
        return false;
    Archive a = {.mode = ARCHIVE_LOAD, .job = &v->job, .at = e.data, .end = e.data + e.size};
    if (JOB_ENTER(&v->job) == JITC_OK) read_version(p, &a, v, moved);
    jitc_status status = v->job.status;
    cache_entry_close(&e);
    if (status) {
        version_reset(p, v);
        return false;
    }
    return true;
}

/* Puts a large weight into a file, if it is not in one yet, and maps it unless something runs with it
 * already.
 */
static bool keep_weight(jitc_program *p, Packed *w, uint32_t refs)
{
    Cache *c = &p->stored.cache;
    size_t bytes = (size_t)w->bytes;
    FileId id = {{0}};
    if (w->is_mapped) return true;
    w->content = hash_bytes(w->data, bytes);
    void *at = cache_map_weights(c, w->content, bytes, &id);
    if (!at && cache_put(c, (CacheRef){CACHE_WEIGHTS, w->content}, w->data, bytes, NULL, 0, NULL, &id))
        at = cache_map_weights(c, w->content, bytes, &id);
    if (at && w->refs == refs)
        pack_map(&p->weights, w, at);
    else if (at)
        cache_unmap(at, bytes);
    return at;
}

static bool is_first(const Version *v, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (v->weight[k] == v->weight[i]) return false;
    return true;
}

static uint64_t weight_bytes(const Version *v)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < v->plan->nweight; i++)
        if (is_first(v, i)) n += (uint64_t)v->weight[i]->bytes;
    return n;
}

static bool keeps(const jitc_program *p, const Version *v)
{
    const Stored *s = &p->stored;
    return s->on && s->has_content && !v->apart && !*s->cache.why && weight_bytes(v) <= s->cache.most_bytes;
}

void stored_keep_weights(jitc_program *p, Version *v)
{
    if (!keeps(p, v)) return;
    bool fine = true;
    for (uint32_t i = 0; i < v->plan->nweight && fine; i++) {
        Packed *w = v->weight[i];
        uint32_t refs = 0;
        if (w->bytes < KEPT_LARGE || !is_first(v, i)) continue;
        for (uint32_t k = 0; k < v->plan->nweight; k++) refs += v->weight[k] == w;
        fine = keep_weight(p, w, refs);
    }
}

static bool write_weight(jitc_program *p, Archive *a, const Version *v, uint32_t i, Str *refs)
{
    Packed *w = v->weight[i];
    KeptWeight k = {.recipe = w->key, .content = w->content, .bytes = w->bytes, .where = KEPT_HERE};
    if (!is_first(v, i)) {
        k.where = KEPT_SAME;
    } else if (w->bytes >= KEPT_LARGE) {
        k.where = KEPT_FILE;
        k.file = cache_weights_id(&p->stored.cache, w->content, (size_t)w->bytes);
        if (!file_id_eq(&k.file, &k.file)) return false;
        CacheRef ref = {CACHE_WEIGHTS, w->content};
        str_putn(refs, (const char *)&ref, sizeof ref);
    }
    archive_bytes(a, &k, sizeof k);
    if (k.where == KEPT_HERE) archive_bytes(a, w->data, (size_t)w->bytes);
    return true;
}

static void put_label(Str *s, const jitc_program *p, const Version *v)
{
    str_put(s, p->stored.label);
    for (size_t i = 0; i < p->io.nin; i++) {
        const jitc_io *io = &v->in[i];
        str_printf(s, " %s=%s[", io->name, jitc_dtype_name(io->dtype));
        for (int32_t d = 0; d < io->rank; d++) {
            str_put(s, d ? "," : "");
            if (io->shape[d] < 0)
                str_put(s, "?");
            else
                str_printf(s, "%lld", (long long)io->shape[d]);
        }
        str_put(s, "]");
    }
}

void stored_save_version(jitc_program *p, const jitc_io *in, const Version *v)
{
    Stored *s = &p->stored;
    if (!keeps(p, v)) return;
    Str bytes = {0}, refs = {0}, label = {0};
    Archive a = {.mode = ARCHIVE_SAVE, .out = &bytes};
    ImportIo io = {.in = v->in, .nin = p->io.nin, .out = v->out, .nout = p->io.nout};
    program_archive(&a, &s->content, &io);
    plan_archive(&a, v->plan);
    bool fine = true;
    for (uint32_t i = 0; i < v->plan->nweight && fine; i++) fine = write_weight(p, &a, v, i, &refs);
    for (uint32_t i = 0; i < v->nimages; i++) {
        CacheRef code = {CACHE_CODE, v->image[i]->entry};
        str_putn(&refs, (const char *)&code, sizeof code);
    }
    put_label(&label, p, v);
    if (fine && !bytes.oom && !refs.oom)
        cache_put(&s->cache, version_ref(p, in, v->general), bytes.at, bytes.n, (const CacheRef *)refs.at,
                  refs.n / sizeof(CacheRef), str_text(&label), NULL);
    str_free(&bytes);
    str_free(&refs);
    str_free(&label);
    cache_trim(&s->cache);
}

/* -- Code ------------------------------------------------------------------------------------------ */
Hash stored_code_entry(const jitc_program *p, const Hash *kernel, size_t n)
{
    return ref_of(CACHE_CODE, p->stored.code, kernel, n * sizeof *kernel).key;
}

Image *stored_load_code(jitc_program *p, Hash entry, uint32_t n)
{
    CacheEntry e;
    if (!p->stored.on || !cache_get(&p->stored.cache, (CacheRef){CACHE_CODE, entry}, &e)) return NULL;
    char *why = NULL;
    Image *image = image_map(e.fd, (off_t)e.offset, e.size, &why); /* NULL: as if it were not there */
    free(why);
    cache_entry_close(&e);
    if (image && ((const ImageHeader *)image->base)->nsymbols == n) return image;
    image_free(image);
    return NULL;
}

void stored_save_code(jitc_program *p, Hash entry, const void *block, size_t size)
{
    if (p->stored.on)
        cache_put(&p->stored.cache, (CacheRef){CACHE_CODE, entry}, block, size, NULL, 0, NULL, NULL);
}
