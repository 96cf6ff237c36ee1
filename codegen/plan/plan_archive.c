/* What a plan consists of: copied, saved and loaded. */
#include "codegen/plan/plan.h"
#include "ir/custom.h"

static void call_parts(Archive *a, PlanCall *c)
{
    if (a->mode != ARCHIVE_SAVE) c->op = NULL;
    archive_array(a, &c->nodes, c->nnodes);
    const char **nodes = (const char **)(uintptr_t)c->nodes; /* a copy's own by now */
    for (uint32_t i = 0; i < c->nnodes; i++) archive_text(a, &nodes[i]);
    archive_text(a, &c->problem[0]);
    archive_text(a, &c->problem[1]);
    archive_text(a, &c->work.kernel);
    archive_text(a, &c->work.algorithm);
    archive_text(a, &c->work.shape);
    archive_text(a, &c->work.node);
    archive_text(a, &c->work.op);
}

static void kernel_parts(Archive *a, PlanKernel *k)
{
    archive_text(a, &k->text);
    if (!k->custom) return;
    if (a->mode != ARCHIVE_COPY) job_bug(a->job, "a plan with an operator of the program's is archived");
    k->custom = custom_copy(a->job, k->custom);
}

void plan_archive(Archive *a, Plan *p)
{
    Plan r = *p;
    archive_bytes(a, &r, sizeof r);
    r.weight = NULL;
    archive_array(a, &r.buf, r.nbuf);
    archive_array(a, &r.kernel, r.nkernel);
    archive_array(a, &r.call, r.ncall);
    archive_array(a, &r.call_buf, r.ncall_buf);
    archive_array(a, &r.dim, r.ndim);
    archive_array(a, &r.reg, r.nreg);
    archive_array(a, &r.site, r.nsite);
    archive_array(a, &r.num, r.nnum);
    archive_array(a, &r.eval, r.neval);
    archive_array(a, &r.set, r.nset);
    archive_array(a, &r.code, r.ncode);
    archive_array(a, &r.in_buf, r.nin);
    archive_array(a, &r.out_buf, r.nout);
    archive_array(a, &r.out_type, r.nout);
    for (uint32_t i = 0; i < r.nsite; i++) archive_text(a, &r.site[i].node);
    for (uint32_t i = 0; i < r.nbuf; i++) archive_text(a, &r.buf[i].tensor);
    for (uint32_t i = 0; i < r.nkernel; i++) kernel_parts(a, &r.kernel[i]);
    for (uint32_t i = 0; i < r.ncall; i++) call_parts(a, &r.call[i]);
    if (a->mode != ARCHIVE_SAVE) *p = r;
}

Plan *plan_copy(Job *job, const Plan *p)
{
    Archive a = {.mode = ARCHIVE_COPY, .job = job};
    Plan *r = job_new(job, Plan);
    *r = *p;
    plan_archive(&a, r);
    return r;
}
