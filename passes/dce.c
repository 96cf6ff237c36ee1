/* Dead code: every op is pure, so one whose results nobody reads goes. */
#include "passes/util.h"

bool pass_dce(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    for (Func *f = m->funcs; f; f = f->next)
        for (Op *op = f->body->last, *prev; op; op = prev) {
            prev = op->prev;
            bool used = op->def->kind == KIND_REGION && !op->body;
            for (int i = 0; i < op->nout; i++) used = used || op->out[i]->nuses;
            if (used) continue;
            ir_erase(m, op);
            changed = true;
        }
    return changed;
}
