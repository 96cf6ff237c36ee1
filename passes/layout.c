/* How images lie in memory: channels last, channels first, or in blocks of 16 channels.
 *
 * Kernels read and write images at ports. A port takes the layouts that its kernel has code for; ports that
 * one loop goes through, such as all of an elementwise kernel, are one set, and lie alike. Where a reader
 * wants an image in another way than it is stored, a relayout stands between. The cost of a choice is that of
 * all relayouts, and what kernels gain by a layout. From each layout for all, sets change one by one as long
 * as that costs less; the cheapest result is taken, so the choice is never costlier than one layout for all.
 */
#include "passes/util.h"

enum { NONE = UINT32_MAX };

/* Cycles, on the average of where the data is: per element that is moved, and per call. */
static const double MOVE = 0.8, TRANSPOSE = 1.2, CALL = 1000;
/* Cycles per element that are saved where an image lies in blocks: rows of a product need not be gathered. */
static const double NO_GATHER = 0.35;

typedef struct {
    Op *kernel;    /* or a concat outside of kernels */
    int operand;   /* -1: the result */
    uint32_t next; /* port of the same image */
    uint32_t set, next_of_set;
} Port;

/* An image that ports read or write. */
typedef struct {
    Value *v;
    uint32_t store, reads; /* ports; the reads are a list */
    bool read_plain;       /* by what is no port */
    uint32_t stamp;
    /* While the choice is carried out: copies that lie so, and the one that other copies are made of. */
    Value *lying[LAYOUTS], *kept;
} Image;

typedef struct {
    uint32_t first; /* port */
    unsigned may;   /* bits of layouts */
    double gain;    /* in blocks */
    uint8_t layout;
} Set;

typedef struct {
    Module *m;
    Region *r;
    VEC(Port) port;
    VEC(Image) image;
    uint32_t *image_of; /* by value id */
    Set *set;           /* by port: of a set, at its first */
    uint32_t now;
} Choice;

bool image_layout(const char *name, ImageLayout *out)
{
    static const char *const names[] = {"auto", "nhwc", "nchw", "blocked"};
    *out = IMAGES_AUTO;
    for (size_t i = 0; name && *name && i < COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (ImageLayout)i;
            return true;
        }
    return !name || !*name;
}

/* -- Ports --------------------------------------------------------------------------------------------- */
static bool is_image(const Type *t)
{
    return t->rank == 4 && t->dtype == JITC_FLOAT32 && t->layout == LAYOUT_PLAIN && t->dim[3] != 1 &&
           (t->dim[1] != 1 || t->dim[2] != 1);
}

static double elements(const Type *t)
{
    return (double)bytes_guess(t) / (double)dtype_size(t->dtype);
}

static unsigned bit(Layout l)
{
    return 1u << l;
}

static uint32_t image_of(Choice *c, Value *v)
{
    if (c->image_of[v->id] == NONE) {
        c->image_of[v->id] = c->image.n;
        vec_push(c->m->job, &c->image, (Image){.v = v, .store = NONE, .reads = NONE});
    }
    return c->image_of[v->id];
}

/* A port that may lie as `may` tells; in the set of port `with`, if there is one. */
static uint32_t add_port(Choice *c, Op *kernel, int operand, unsigned may, double gain, uint32_t with)
{
    Value *v = operand < 0 ? kernel->out[0] : kernel->in[operand];
    uint32_t id = c->port.n, i = image_of(c, v);
    Port p = {.kernel = kernel, .operand = operand, .next = NONE, .set = with == NONE ? id : with};
    p.next_of_set = NONE;
    if (operand < 0) {
        c->image.at[i].store = id;
    } else {
        p.next = c->image.at[i].reads;
        c->image.at[i].reads = id;
    }
    Set *s = &c->set[p.set];
    if (with == NONE) {
        *s = (Set){.first = id, .may = bit(LAYOUT_PLAIN) | bit(LAYOUT_NCHW) | bit(LAYOUT_BLOCKED)};
    } else {
        p.next_of_set = s->first;
        s->first = id;
    }
    for (Layout l = LAYOUT_NCHW; l < LAYOUTS; l++)
        if (!type_may_lie(&v->type, l)) may &= ~bit(l);
    s->may &= may;
    s->gain += gain;
    vec_push(c->m->job, &c->port, p);
    return id;
}

/* The one op of a kernel that is neither elementwise nor a constant; NULL: there is none, or several. */
static Op *anchor_of(const Op *kernel, bool *several)
{
    Op *anchor = NULL;
    *several = false;
    for (Op *op = kernel->body->first; op && op->next; op = op->next) {
        if (op->def->kind == KIND_MAP || is_const(op->out[0])) continue;
        *several = *several || anchor;
        anchor = op;
    }
    return anchor;
}

/* Loops read and write blocks as a whole. */
static bool keeps_blocks(const Op *op)
{
    int n;
    switch (op->def->kind) {
    case KIND_WINDOW: return true;
    case KIND_REDUCE: {
        const int64_t *axes = attr_v(op, "axes", &n);
        for (int i = 0; i < n && axes; i++)
            if (axes[i] == 3) return false;
        return axes && op->in[0]->type.rank == 4;
    }
    case KIND_MOVE: break;
    default: return false;
    }
    if (op->code == OP_concat) {
        for (int i = 0; i < op->nin && attr_i(op, "axis") == 3; i++)
            if (!type_may_lie(&op->in[i]->type, LAYOUT_BLOCKED)) return false;
        return true;
    }
    if (op->code == OP_pad) {
        Dim lo = attr_v(op, "lo", NULL)[3];
        return op->in[0]->type.rank == 4 && dim_known(lo) && lo % IMAGE_BLOCK == 0;
    }
    if (op->code == OP_slice) {
        Dim begin = attr_v(op, "begin", &n)[n - 1];
        return n == 4 && dim_known(begin) && begin % IMAGE_BLOCK == 0 && attr_v(op, "strides", NULL)[3] == 1;
    }
    return false;
}

/* What broadcasts to an image lies the same in each layout, if it has channels or pixels only. */
static bool lies_alike(const Type *t)
{
    int wide = 0;
    for (int i = 0; i + 1 < t->rank; i++) wide += t->dim[i] != 1;
    return wide == 0 || (t->rank == 4 && ((t->dim[1] == 1 && t->dim[2] == 1) || t->dim[3] == 1));
}

/* All of an elementwise kernel's images are one set. */
static void map_ports(Choice *c, Op *kernel)
{
    const Type *t = &kernel->out[0]->type;
    if (!is_image(t)) return;
    for (int i = 0; i < kernel->nin; i++) {
        const Type *a = &kernel->in[i]->type;
        bool alone = ir_placement(c->m, kernel->in[i]).whole == kernel->in[i];
        if (!dims_equal(a, t) && !alone) return;
        if (is_image(a) ? !dims_equal(a, t) && !lies_alike(a) : !lies_alike(a) || dims_equal(a, t)) return;
    }
    unsigned all = bit(LAYOUT_PLAIN) | bit(LAYOUT_NCHW) | bit(LAYOUT_BLOCKED);
    uint32_t first = add_port(c, kernel, -1, all, 0, NONE);
    for (int i = 0; i < kernel->nin; i++)
        if (is_image(&kernel->in[i]->type) && dims_equal(&kernel->in[i]->type, t))
            add_port(c, kernel, i, all, 0, first);
}

/* Whether op is the convolution, or comes before it. */
static bool is_before_result(const Op *op)
{
    while (op && op->def->kind != KIND_CONTRACT) op = op->next;
    return op != NULL;
}

/* Whether argument a of a convolution's kernel is its image, perhaps before elementwise ops. */
static bool is_left(const Value *a, const Op *conv)
{
    if (!dims_equal(&a->type, &conv->in[0]->type)) return false;
    for (uint32_t k = 0; k < a->nuses; k++)
        if (a->uses[k] == conv ? conv->in[0] == a : is_before_result(a->uses[k])) return true;
    return false;
}

static bool is_in_epilogue(const Value *a)
{
    for (uint32_t k = 0; k < a->nuses; k++)
        if (!is_before_result(a->uses[k])) return true;
    return false;
}

/* What is saved where the convolution's image lies in blocks. */
static double conv_gain(const Op *conv)
{
    const Value *x = conv->in[0];
    const Type *w = &conv->in[1]->type;
    const int64_t *strides = attr_v(conv, "strides", NULL);
    if (attr_i(conv, "groups") != 1 || x->def || w->dim[0] != 1 || w->dim[1] != 1) return 0;
    if (strides[0] != 1 || strides[1] != 1) return 0;
    return elements(&x->type) * NO_GATHER;
}

/* A convolution reads and writes as it likes; what its epilogue reads lies as the result does. */
static void conv_ports(Choice *c, Op *kernel, const Op *conv)
{
    const Type *t = &kernel->out[0]->type;
    if (conv->code == OP_dot) return;
    unsigned may = bit(LAYOUT_PLAIN) | bit(LAYOUT_BLOCKED);
    double gain = conv->code == OP_conv ? conv_gain(conv) : 0;
    uint32_t result = is_image(t) ? add_port(c, kernel, -1, may, 0, NONE) : NONE;
    for (int i = 0; i < kernel->nin; i++) {
        const Value *a = kernel->body->args[i];
        bool left = is_left(a, conv),
             epilogue = result != NONE && is_in_epilogue(a) && dims_equal(&a->type, t);
        if (is_image(&a->type) && (left || epilogue))
            add_port(c, kernel, i, may, left ? gain : 0, epilogue ? result : NONE);
    }
}

/* A concatenation in place: its operands lie as it does. */
static void concat_ports(Choice *c, Op *concat)
{
    unsigned may = bit(LAYOUT_PLAIN) | (attr_i(concat, "axis") == 3 ? bit(LAYOUT_BLOCKED) : 0);
    for (int i = 0; i < concat->nin; i++)
        if (!is_image(&concat->in[i]->type)) return;
    uint32_t first = add_port(c, concat, -1, may, 0, NONE);
    for (int i = 0; i < concat->nin; i++) add_port(c, concat, i, may, 0, first);
}

static void kernel_ports(Choice *c, Op *kernel)
{
    bool several;
    if (kernel->nout != 1) return;
    const Op *anchor = anchor_of(kernel, &several);
    const char *algo = attr_s(kernel, "algo");
    if (several) return;
    if (!anchor) {
        if (strcmp(algo, "map") == 0) map_ports(c, kernel);
        return;
    }
    if (strcmp(algo, "igemm") == 0 || strcmp(algo, "winograd") == 0 || strcmp(algo, "depthwise") == 0) {
        conv_ports(c, kernel, anchor);
        return;
    }
    if (!keeps_blocks(anchor)) return;
    unsigned may = bit(LAYOUT_PLAIN) | bit(LAYOUT_BLOCKED);
    if (is_image(&kernel->out[0]->type)) add_port(c, kernel, -1, may, 0, NONE);
    for (int i = 0; i < kernel->nin; i++)
        if (is_image(&kernel->in[i]->type)) add_port(c, kernel, i, may, 0, NONE);
}

static bool is_port(const Choice *c, const Image *image, const Op *kernel)
{
    for (uint32_t p = image->reads; p != NONE; p = c->port.at[p].next)
        if (c->port.at[p].kernel == kernel) return true;
    return false;
}

static void find_ports(Choice *c)
{
    Module *m = c->m;
    uint32_t ports = 0;
    ir_each_op (op, c->r) ports += (uint32_t)op->nin + 1;
    c->set = job_array(m->job, Set, ports + 1);
    c->image_of = job_array(m->job, uint32_t, m->next_value + 1);
    for (uint32_t i = 0; i <= m->next_value; i++) c->image_of[i] = NONE;
    ir_each_op (op, c->r)
        if (op->code == OP_kernel)
            kernel_ports(c, op);
        else if (op->code == OP_concat)
            concat_ports(c, op);
    for (uint32_t i = 0; i < c->image.n; i++) {
        Image *image = &c->image.at[i];
        for (uint32_t k = 0; k < image->v->nuses; k++)
            image->read_plain = image->read_plain || !is_port(c, image, image->v->uses[k]);
    }
}

/* -- Costs --------------------------------------------------------------------------------------------- */
static Layout lies(const Choice *c, uint32_t port)
{
    return port == NONE ? LAYOUT_PLAIN : (Layout)c->set[c->port.at[port].set].layout;
}

static double image_cost(const Choice *c, const Image *image)
{
    Layout stored = lies(c, image->store);
    unsigned wanted = image->read_plain ? bit(LAYOUT_PLAIN) : 0;
    for (uint32_t p = image->reads; p != NONE; p = c->port.at[p].next) wanted |= bit(lies(c, p));
    double sum = 0, n = elements(&image->v->type);
    for (Layout l = LAYOUT_PLAIN; l < LAYOUTS; l++)
        if (l != stored && (wanted & bit(l)))
            sum += CALL + n * (l == LAYOUT_NCHW || stored == LAYOUT_NCHW ? TRANSPOSE : MOVE);
    return sum;
}

static double set_cost(Choice *c, Set *s)
{
    double sum = s->layout == LAYOUT_BLOCKED ? -s->gain : 0;
    c->now++;
    for (uint32_t p = s->first; p != NONE; p = c->port.at[p].next_of_set) {
        const Port *port = &c->port.at[p];
        const Value *v = port->operand < 0 ? port->kernel->out[0] : port->kernel->in[port->operand];
        Image *image = &c->image.at[c->image_of[v->id]];
        if (image->stamp == c->now) continue;
        image->stamp = c->now;
        sum += image_cost(c, image);
    }
    return sum;
}

static bool is_set(const Choice *c, uint32_t port)
{
    return c->port.at[port].set == port;
}

static double all_cost(const Choice *c)
{
    double sum = 0;
    for (uint32_t i = 0; i < c->image.n; i++) sum += image_cost(c, &c->image.at[i]);
    for (uint32_t i = 0; i < c->port.n; i++)
        if (is_set(c, i) && c->set[i].layout == LAYOUT_BLOCKED) sum -= c->set[i].gain;
    return sum;
}

/* -- The choice ---------------------------------------------------------------------------------------- */
static void one_for_all(Choice *c, Layout l)
{
    for (uint32_t i = 0; i < c->port.n; i++)
        if (is_set(c, i)) c->set[i].layout = c->set[i].may & bit(l) ? (uint8_t)l : LAYOUT_PLAIN;
}

static void improve(Choice *c)
{
    enum { ROUNDS = 8 };
    bool again = true;
    for (int round = 0; round < ROUNDS && again; round++) {
        again = false;
        for (uint32_t i = 0; i < c->port.n; i++) {
            Set *s = &c->set[i];
            if (!is_set(c, i) || s->may == bit(LAYOUT_PLAIN)) continue;
            uint8_t best = s->layout;
            double least = set_cost(c, s);
            for (Layout l = LAYOUT_PLAIN; l < LAYOUTS; l++) {
                s->layout = (uint8_t)l;
                double cost = s->may & bit(l) ? set_cost(c, s) : least;
                if (cost >= least) continue;
                least = cost;
                best = (uint8_t)l;
                again = true;
            }
            s->layout = best;
        }
    }
}

static void choose(Choice *c)
{
    static const Layout all[] = {LAYOUT_PLAIN, LAYOUT_BLOCKED, LAYOUT_NCHW};
    uint8_t *best = job_array(c->m->job, uint8_t, c->port.n + 1);
    double least = 0;
    for (size_t k = 0; k < COUNT(all); k++) {
        one_for_all(c, all[k]);
        improve(c);
        double cost = all_cost(c);
        if (k && cost >= least) continue;
        least = cost;
        for (uint32_t i = 0; i < c->port.n; i++) best[i] = c->set[i].layout;
    }
    for (uint32_t i = 0; i < c->port.n; i++) c->set[i].layout = best[i];
}

/* -- Why ----------------------------------------------------------------------------------------------- */
static const char *way(Layout l)
{
    return l == LAYOUT_BLOCKED ? "blocks of 16 channels"
           : l == LAYOUT_NCHW  ? "channels first"
                               : "channels last";
}

static const char *why_plain(const Value *v)
{
    const Type *t = &v->type;
    return t->dim[0] != 1                     ? "there may be several images"
           : !type_may_lie(t, LAYOUT_BLOCKED) ? "channels are no multiple of 16"
                                              : "the kernels that would have to agree know nothing else";
}

/* The other layout that would cost least; PLAIN if the set may lie in one way only. */
static Layout second_best(Choice *c, Set *s, double *cost)
{
    Layout chosen = (Layout)s->layout, best = chosen;
    for (Layout l = LAYOUT_PLAIN; l < LAYOUTS; l++) {
        if (l == chosen || !(s->may & bit(l))) continue;
        s->layout = (uint8_t)l;
        double own = set_cost(c, s);
        if (best == chosen || own < *cost) {
            *cost = own;
            best = l;
        }
    }
    s->layout = (uint8_t)chosen;
    return best;
}

static void explain(Choice *c, ImageLayout wish)
{
    for (uint32_t i = 0; i < c->port.n; i++) {
        if (!is_set(c, i)) continue;
        const Port *port = &c->port.at[i];
        const From *from = port->kernel->from;
        const char *does = port->operand < 0 ? "stores" : "reads", *so = way(lies(c, i));
        double cost = 0;
        Layout other = second_best(c, &c->set[i], &cost);
        cost -= set_cost(c, &c->set[i]);
        if (other == lies(c, i)) {
            if (port->operand < 0)
                ir_remark(c->m, "layout", from, "stores %s: %s", so, why_plain(port->kernel->out[0]));
        } else if (wish != IMAGES_AUTO) {
            ir_remark(c->m, "layout", from, "%s %s: an option forces this", does, so);
        } else if (cost < 1) {
            ir_remark(c->m, "layout", from, "%s %s: %s would cost as much", does, so, way(other));
        } else {
            ir_remark(c->m, "layout", from, "%s %s: %s would cost some %.0f cycles more", does, so,
                      way(other), cost);
        }
    }
    ir_each_op (op, c->r)
        if (op->code == OP_kernel && op->nout == 1 && is_image(&op->out[0]->type) &&
            (c->image_of[op->out[0]->id] == NONE || c->image.at[c->image_of[op->out[0]->id]].store == NONE))
            ir_remark(c->m, "layout", op->from, "stores channels last: its kernel knows nothing else");
}

/* -- The change ---------------------------------------------------------------------------------------- */
static Value *relayout(Builder *b, Value *v, Layout l)
{
    return ir_v(b, OP_relayout, IN(v), AT(at_s("to", layout_name(l))));
}

/* A kernel that brings v to layout l. */
static Value *relayout_kernel(Choice *c, Builder *at, Value *v, Layout l)
{
    Region *body = ir_region(c->m, NULL);
    Builder b = {.m = c->m, .region = body, .from = at->from};
    Value *y = relayout(&b, ir_arg(c->m, body, v->type, NULL), l);
    ir_yield(&b, &y, 1);
    ir_remark(c->m, "layout", at->from, "an image of %.1f KiB is brought from %s to %s",
              (double)bytes_guess(&v->type) / 1024, layout_name(v->type.layout), layout_name(l));
    return ir_kernel(at, &v, 1, "move", body)->out[0];
}

/* Readers that are no ports get a plain copy of v, which is the image as it lies otherwise. */
static void copy_plain(Choice *c, Image *image, Value *v, const Builder *at)
{
    if (!image->read_plain) return;
    uint32_t n = image->v->nuses;
    Op **uses = job_array(c->m->job, Op *, n + 1);
    memcpy(uses, image->v->uses, n * sizeof *uses);
    Builder b = *at;
    Value *plain = image->lying[LAYOUT_PLAIN] = relayout_kernel(c, &b, v, LAYOUT_PLAIN);
    for (uint32_t k = 0; k < n; k++)
        for (int i = 0; i < uses[k]->nin && !is_port(c, image, uses[k]) && uses[k] != v->def; i++)
            if (uses[k]->in[i] == image->v) ir_set_operand(c->m, uses[k], i, plain);
}

static Builder after(Choice *c, const Op *op)
{
    Builder b = builder_at(c->m, op->next);
    b.from = op->from;
    return b;
}

/* The kernel's result lies so from now on. */
static void store_so(Choice *c, Op *kernel, Layout l)
{
    Value *v = kernel->out[0];
    Builder at = after(c, kernel);
    if (kernel->code == OP_kernel) {
        Op *end = ir_terminator(kernel->body);
        Builder b = builder_at(c->m, end);
        ir_set_operand(c->m, end, 0, relayout(&b, end->in[0], l));
    }
    v->type.layout = l;
    copy_plain(c, &c->image.at[c->image_of[v->id]], v, &at);
}

/* By force: what the kernel cannot store so itself is brought there, and that is what readers begin with. */
static void keep_so(Choice *c, Image *image, Layout l)
{
    const Type *t = &image->v->type;
    const Op *kernel = image->v->def;
    if (!kernel || kernel->parent != c->r || t->layout == l || !type_may_lie(t, l)) return;
    if (ir_placement(c->m, image->v).whole != image->v) return;
    Builder at = after(c, kernel);
    image->kept = image->lying[l] = relayout_kernel(c, &at, image->v, l);
    copy_plain(c, image, image->kept, &at);
}

static void read_so(Choice *c, Op *kernel, int operand, Layout l)
{
    Module *m = c->m;
    Value *v = kernel->in[operand];
    Image *image = &c->image.at[c->image_of[v->id]];
    if (image->kept) v = image->kept;
    if (v->type.layout == l) {
        ir_set_operand(m, kernel, operand, v);
    } else {
        if (!image->lying[l]) {
            Builder at = builder_at(m, kernel);
            image->lying[l] = relayout_kernel(c, &at, v, l);
        }
        ir_set_operand(m, kernel, operand, image->lying[l]);
    }
    if (l == LAYOUT_PLAIN || kernel->code != OP_kernel) return;
    Value *arg = kernel->body->args[operand];
    uint32_t n = arg->nuses;
    Op **uses = job_array(m->job, Op *, n + 1);
    memcpy(uses, arg->uses, n * sizeof *uses);
    arg->type.layout = l;
    Builder b = builder_at(m, kernel->body->first);
    Value *plain = relayout(&b, arg, LAYOUT_PLAIN);
    for (uint32_t k = 0; k < n; k++)
        for (int i = 0; i < uses[k]->nin; i++)
            if (uses[k]->in[i] == arg) ir_set_operand(m, uses[k], i, plain);
}

static bool run(Module *m, Region *r, ImageLayout wish)
{
    static const Layout forced[] = {LAYOUT_PLAIN, LAYOUT_PLAIN, LAYOUT_NCHW, LAYOUT_BLOCKED};
    Choice c = {.m = m, .r = r};
    find_ports(&c);
    if (wish == IMAGES_AUTO)
        choose(&c);
    else
        one_for_all(&c, forced[wish]);
    explain(&c, wish);
    bool changed = c.image.n && (wish == IMAGES_NCHW || wish == IMAGES_BLOCKED);
    for (uint32_t i = 0; i < c.port.n; i++) changed = changed || lies(&c, i) != LAYOUT_PLAIN;
    if (!changed || m->fuel <= 0) return false;
    if (m->fuel != INT64_MAX) m->fuel--;
    for (uint32_t i = 0; i < c.port.n; i++) /* in the order of the kernels, so results come before readers */
        if (c.port.at[i].operand < 0 && lies(&c, i) != LAYOUT_PLAIN)
            store_so(&c, c.port.at[i].kernel, lies(&c, i));
    for (uint32_t i = 0; i < c.image.n && wish != IMAGES_AUTO; i++) keep_so(&c, &c.image.at[i], forced[wish]);
    for (uint32_t i = 0; i < c.port.n; i++)
        if (c.port.at[i].operand >= 0) read_so(&c, c.port.at[i].kernel, c.port.at[i].operand, lies(&c, i));
    return true;
}

bool pass_layout(Module *m, PassCx *cx)
{
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t i = 0; i < r.n; i++) changed |= run(m, r.at[i], cx->opt->layout);
    return changed;
}
