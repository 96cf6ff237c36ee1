/* jitc tune: tries other ways to solve the problems that a model is made of, and keeps those that are clearly
 * better.
 *
 * The model itself is the test bench. It is compiled several times, each time with another way for every
 * problem; the versions take turns, and each call of a kernel is timed. So kernels run on real sizes, with
 * weights and images as warm or cold as in use. First the algorithms of convolutions are compared, then how
 * work is cut, then the best of all of it with the usual. */
#include <float.h>
#include <signal.h>

#include "cli/tune.h"
#include "runtime/jitc_internal.h"
#include "runtime/tuning.h"

enum { LEAST_ROUNDS = 3, MOST_ROUNDS = 60, LEAST_TRIALS = 4, MOST_TRIALS = 32 };

volatile int tune_stop;
static struct sigaction usual_action;

static void on_interrupt(int signal)
{
    (void)signal;
    tune_stop = 1;
}

void tune_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, &usual_action);
}

void tune_release(void)
{
    sigaction(SIGINT, &usual_action, NULL);
}

/* -- Problems and ways ----------------------------------------------------------------------------- */
static Problem *problem_of(Tune *t, const char *text)
{
    uintptr_t at = (uintptr_t)strmap_get(&t->by_text, text);
    return at ? &t->problems.at[at - 1] : NULL;
}

static void add_way(Job *job, Problem *p, const char *text, size_t n)
{
    for (uint32_t i = 0; i < p->ways.n; i++)
        if (strlen(p->ways.at[i].choice) == n && memcmp(p->ways.at[i].choice, text, n) == 0) return;
    vec_push(job, &p->ways, (Way){job_strndup(job, text, n), 0});
}

/* Passes and planner ask. */
static const char *answer(void *arg, const char *text, const char *usual, const char *others)
{
    Tune *t = arg;
    Job *job = t->o->job;
    Problem *p = problem_of(t, text);
    if (!p) {
        text = job_strndup(job, text, strlen(text));
        vec_push(job, &t->problems, (Problem){.text = text, .units = strncmp(text, "conv ", 5) != 0});
        strmap_put(job, &t->by_text, text, (void *)(uintptr_t)t->problems.n);
        p = &t->problems.at[t->problems.n - 1];
        add_way(job, p, usual, strlen(usual));
        for (const char *w = others; *w;) {
            size_t n = strcspn(w, ",");
            add_way(job, p, w, n);
            w += n + (w[n] == ',');
            w += *w == ' ';
        }
    }
    return p->now ? p->ways.at[p->now].choice : NULL;
}

/* -- Trials ---------------------------------------------------------------------------------------- */
static void free_trials(Tune *t)
{
    for (uint32_t i = 0; i < t->trials.n; i++) exec_forget(t->s->exec, t->trials.at[i].version);
    t->trials.n = 0;
}

static void end(void *tune)
{
    free_trials(tune);
}

static bool is_over(Tune *t, double share)
{
    if (tune_stop) t->over = true;
    return t->over || (double)(now_ns() - t->start) / 1e9 > share * t->o->budget;
}

static _Noreturn void failed(Tune *t, jitc_status status)
{
    give_up(t->o->job, status, jitc_exec_error(t->s->exec));
}

static void switch_to(Tune *t, const Trial *trial)
{
    jitc_status status = exec_switch(t->s->exec, trial->version);
    if (status) failed(t, status);
}

/* False: interrupted. */
static bool add_trial(Tune *t)
{
    Tuning ask = {.job = t->o->job, .machine = "", .threads = t->o->threads, .ask = answer, .ask_arg = t};
    Trial trial = {.run_ms = DBL_MAX};
    tune_progress(t->o, t->start, t->doing, false);
    jitc_status status = exec_try(t->s->exec, &ask, &trial.version);
    if (status == JITC_E_CANCELLED && tune_stop) return t->over = true, false;
    if (status) failed(t, status);
    vec_push(t->o->job, &t->trials, trial);
    Trial *added = &t->trials.at[t->trials.n - 1];
    switch_to(t, added);
    added->ncalls = exec_plan(t->s->exec)->ncall;
    added->call_ms = job_array(t->o->job, double, added->ncalls + 1);
    for (uint32_t i = 0; i < added->ncalls; i++) added->call_ms[i] = DBL_MAX;
    return true;
}

static void take_call(void *arg, const jitc_call *c)
{
    Tune *t = arg;
    if (c->index < t->nsums) t->sum_ms[c->index] += (double)(c->end_ns - c->start_ns) / 1e6;
}

/* A run; false: interrupted. */
static bool run_once(Tune *t)
{
    int64_t start = now_ns();
    jitc_status status = jitc_exec_run(t->s->exec);
    t->run_ms = (double)(now_ns() - start) / 1e6;
    if (status == JITC_E_CANCELLED && tune_stop) return false;
    if (status) failed(t, status);
    return true;
}

/* The same; and what it tells of a trial. */
static bool run_trial(Tune *t, Trial *trial, bool counts)
{
    switch_to(t, trial);
    if (trial->ncalls > t->nsums) {
        t->sum_ms = job_array(t->o->job, double, trial->ncalls);
        t->nsums = trial->ncalls;
    }
    if (t->nsums) memset(t->sum_ms, 0, t->nsums * sizeof *t->sum_ms);
    if (!run_once(t)) return false;
    if (!counts) return true;
    if (t->run_ms < trial->run_ms) trial->run_ms = t->run_ms;
    for (uint32_t i = 0; i < trial->ncalls; i++)
        if (t->sum_ms[i] < trial->call_ms[i]) trial->call_ms[i] = t->sum_ms[i];
    return true;
}

/* All trials in turn, until this share of the time is used up. False: there is no measurement. */
static bool measure(Tune *t, double share)
{
    int rounds = 0;
    if (t->trials.n < 2) return false;
    for (uint32_t i = 0; i < t->trials.n && !is_over(t, 2); i++) run_trial(t, &t->trials.at[i], false);
    for (; rounds < MOST_ROUNDS && (rounds < LEAST_ROUNDS || !is_over(t, share)); rounds++)
        for (uint32_t i = 0; i < t->trials.n; i++) {
            tune_progress(t->o, t->start, t->doing, false);
            if (is_over(t, 2) || !run_trial(t, &t->trials.at[i], true))
                return is_over(t, 0), rounds >= LEAST_ROUNDS;
        }
    return true;
}

/* Milliseconds that a trial's run spends on a problem; 0: none. */
static double time_of(Tune *t, const Trial *trial, const Problem *p)
{
    double ms = 0;
    switch_to(t, trial);
    const Plan *plan = exec_plan(t->s->exec);
    for (uint32_t i = 0; i < plan->ncall; i++) {
        const char *of = plan->call[i].problem[p->units];
        if (of && strcmp(of, p->text) == 0 && trial->call_ms[i] < DBL_MAX) ms += trial->call_ms[i];
    }
    return ms;
}

/* -- Searching ----------------------------------------------------------------------------------- */
/* The way of an algorithm that is not searched for: pass 0 takes the best that is known, pass 1 the second
 * best, where it might turn out to be the best when its work is cut better. */
static uint32_t algorithm(const Problem *p, int pass)
{
    return pass && close_second(p) ? p->second : p->best;
}

/* Trial number k takes way k of the problems of one kind that have as many and are not settled; other
 * problems their best way, which is the usual one until it is known. */
static void choose_ways(Tune *t, bool units, int pass, uint32_t k)
{
    for (uint32_t i = 0; i < t->problems.n; i++) {
        Problem *p = &t->problems.at[i];
        if (p->units == units && !p->settled)
            p->now = k < p->ways.n ? k : 0;
        else
            p->now = p->units ? p->best : algorithm(p, pass);
    }
}

/* As many trials as there is time for. */
static uint32_t most_trials(const Tune *t, double until)
{
    double left = until * t->o->budget * 1e3 - (double)(now_ns() - t->start) / 1e6;
    double fit = t->run_ms > 0 ? left / (t->run_ms * (LEAST_ROUNDS + 1)) : MOST_TRIALS;
    return fit < LEAST_TRIALS ? LEAST_TRIALS : fit > MOST_TRIALS ? MOST_TRIALS : (uint32_t)fit;
}

static uint32_t most_ways(const Tune *t, bool units)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < t->problems.n; i++)
        if (t->problems.at[i].units == units && !t->problems.at[i].settled && t->problems.at[i].ways.n > most)
            most = t->problems.at[i].ways.n;
    return most;
}

static void rank(Tune *t, Problem *p)
{
    uint32_t first = 0, second = 0;
    for (uint32_t k = 0; k < t->trials.n && k < p->ways.n; k++) {
        Way *w = &p->ways.at[k];
        w->ms = time_of(t, &t->trials.at[k], p);
        if (!k || w->ms <= 0) continue;
        if (w->ms < p->ways.at[first].ms) {
            second = first;
            first = k;
        } else if (second == first || w->ms < p->ways.at[second].ms) {
            second = k;
        }
    }
    p->before = p->ways.at[0].ms;
    if (p->before <= 0) return; /* it is not there with the algorithms of this pass */
    bool better = clearly_better(p->before, p->ways.at[first].ms);
    p->best = better ? first : 0;
    p->second = better || !first ? second : first;
    p->after = p->ways.at[p->best].ms;
    p->settled = true;
}

/* One kind of problem: every way is measured, in as many trials as a problem has ways. */
static void search(Tune *t, bool units, int pass, const char *doing, double until)
{
    t->doing = doing;
    uint32_t most = most_trials(t, until);
    for (uint32_t k = 0; k < 2 || (k < most && k < most_ways(t, units) && !is_over(t, until)); k++) {
        choose_ways(t, units, pass, k);
        if (t->over || !add_trial(t)) break;
        if (most_ways(t, units) < 2) break;
    }
    if (measure(t, until))
        for (uint32_t i = 0; i < t->problems.n; i++)
            if (t->problems.at[i].units == units && !t->problems.at[i].settled) rank(t, &t->problems.at[i]);
    free_trials(t);
}

static bool any_close_second(const Tune *t)
{
    for (uint32_t i = 0; i < t->problems.n; i++)
        if (close_second(&t->problems.at[i])) return true;
    return false;
}

static void compare_again(Tune *t, Problem *p)
{
    double before = time_of(t, &t->trials.at[0], p), best = time_of(t, &t->trials.at[1], p),
           second = time_of(t, &t->trials.at[2], p);
    bool other = p->units ? p->best != 0 : close_second(p);
    if (before <= 0 || best <= 0) return; /* units of another algorithm than the usual one */
    /* The usual algorithm, its work cut better, is left for a clearly better one only. */
    double usual_bonus = p->units ? 1 : p->second == 0 ? 1.03 : p->best == 0 ? 1 / 1.03 : 1;
    if (second > 0 && second < usual_bonus * best && other) {
        uint32_t last = p->best;
        p->best = p->second;
        p->second = last;
        best = second;
    }
    p->before = before;
    p->after = best;
}

/* What was quickest by chance is not so again: the best and the second best ways beside the usual ones. */
static void confirm(Tune *t)
{
    t->doing = "comparing the best";
    for (uint32_t k = 0; k < 3 && !t->over; k++) {
        for (uint32_t i = 0; i < t->problems.n; i++) {
            Problem *p = &t->problems.at[i];
            p->now = k == 0 ? 0 : !p->units ? algorithm(p, (int)k - 1) : k == 1 ? p->best : p->second;
        }
        if (!add_trial(t)) break;
    }
    if (t->trials.n == 3 && measure(t, 0.95))
        for (uint32_t i = 0; i < t->problems.n; i++) compare_again(t, &t->problems.at[i]);
    free_trials(t);
}

/* The model as it will be, beside what it was. */
static void judge(Tune *t)
{
    t->doing = "the result";
    for (int k = 0; k < 2 && !t->over; k++) {
        for (uint32_t i = 0; i < t->problems.n; i++) {
            Problem *p = &t->problems.at[i];
            p->now = k && problem_kept(p) ? p->best : 0;
        }
        if (!add_trial(t)) break;
    }
    if (t->trials.n == 2 && measure(t, 1)) {
        t->before = t->trials.at[0].run_ms;
        t->after = t->trials.at[1].run_ms;
        for (uint32_t i = 0; i < t->problems.n; i++)
            t->problems.at[i].unused = time_of(t, &t->trials.at[1], &t->problems.at[i]) <= 0;
    }
    free_trials(t);
}

/* -- The command ----------------------------------------------------------------------------------- */
static const char *keep(Tune *t, const char **file)
{
    Job *job = t->o->job;
    Tuning *found = tuning_new(job);
    const char *machine = tuning_machine(job, t->o->cpu);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->problems.n; i++) {
        const Problem *p = &t->problems.at[i];
        if (p->before <= 0) continue;
        TuningLine line = {machine, p->text, problem_kept(p) ? p->ways.at[p->best].choice : NULL, p->before,
                           p->after};
        kept += line.choice != NULL;
        tuning_put(found, &line);
    }
    const char *why = tuning_save(job, found, t->o->out, file);
    *file = job_printf(job, "%u choice%s kept in %s", kept, kept == 1 ? " is" : "s are", *file);
    return why;
}

static void check_options(const Options *o)
{
    const char *with = o->svg ? "--svg" : o->json ? "--json" : o->max_latency > 0 ? "--max-latency" : NULL;
    if (!o->batches.n && with) usage_error(o->job, "%s is for --batch", with);
    if (o->batches.n && o->out) usage_error(o->job, "-o is not for --batch, which keeps nothing");
}

ExitStatus command_tune(Options *o)
{
    check_options(o);
    if (o->batches.n) return tune_batches(o);
    Model *m = model_open(o->job, o->files.at[0]);
    Binding *b = bind_options(o, m);
    bind_generated(o, b);
    o->tuning = "";
    Tune *t = job_new(o->job, Tune);
    *t = (Tune){.o = o, .s = session_open(o, m, b)};
    t->start = now_ns();
    job_on_exit(o->job, end, t);
    jitc_exec_set_stop(t->s->exec, &tune_stop);
    tune_catch();
    jitc_exec_set_profile(t->s->exec, take_call, t);
    if (run_once(t)) run_once(t);
    search(t, false, 0, "algorithms", 0.2);
    search(t, true, 0, "how work is cut", any_close_second(t) ? 0.55 : 0.8);
    if (any_close_second(t)) search(t, true, 1, "how work is cut", 0.8);
    confirm(t);
    judge(t);
    tune_release();
    tune_progress(o, t->start, t->doing, true);
    Str s = {0};
    const char *file, *why = keep(t, &file);
    tune_show(&s, t, why ? "nothing is kept" : file);
    put_stdout(o->job, &s);
    if (!why) return EXIT_DONE;
    job_error(o->job, "%s", why);
    job_fail(o->job, JITC_E_IO);
}
