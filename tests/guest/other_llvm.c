/* A host with an LLVM of its own, an older one that is linked as a shared library. Both compile in turn and
 * at the same time, and neither takes a symbol of the other.
 *
 *     other_llvm DIGITS.pb */
#include <llvm-c/Core.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <string.h>

#include "guest.h"

enum { PIXELS = 64, CLASSES = 10, IMAGES = 3, TURNS = 3 };
static const char *digits;
static float image[IMAGES * PIXELS];

/* x * factor + 1, made by the host's LLVM. */
static long hosts_answer(long x, long factor)
{
    LLVMModuleRef module = LLVMModuleCreateWithName("host");
    LLVMTypeRef i64 = LLVMInt64Type(), param[] = {i64};
    LLVMValueRef f = LLVMAddFunction(module, "f", LLVMFunctionType(i64, param, 1, 0));
    LLVMBuilderRef b = LLVMCreateBuilder();
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlock(f, "entry"));
    LLVMValueRef product =
        LLVMBuildMul(b, LLVMGetParam(f, 0), LLVMConstInt(i64, (unsigned long long)factor, 1), "");
    LLVMBuildRet(b, LLVMBuildAdd(b, product, LLVMConstInt(i64, 1, 0), ""));
    LLVMDisposeBuilder(b);
    LLVMExecutionEngineRef engine;
    char *why = NULL;
    CHECK(!LLVMCreateExecutionEngineForModule(&engine, module, &why), "the host's LLVM: %s", why);
    uint64_t at = LLVMGetFunctionAddress(engine, "f");
    CHECK(at, "the host's function is not there");
    long (*fn)(long);
    memcpy(&fn, &at, sizeof fn);
    long r = fn(x);
    LLVMDisposeExecutionEngine(engine);
    return r;
}

static void check_host(long turn)
{
    long r = hosts_answer(20, turn + 2);
    CHECK(r == 20 * (turn + 2) + 1, "the host's function gives %ld in turn %ld", r, turn);
}

static void jitcs_answer(float *scores)
{
    jitc_program *p = load(digits, 2);
    jitc_exec *x = new_exec(p);
    jitc_tensor in = {JITC_FLOAT32, 4, {IMAGES, 8, 8, 1}, image}, out;
    bind(x, "images", &in);
    run(x);
    CHECK(jitc_exec_output(x, 0, &out) == JITC_OK, "no output");
    memcpy(scores, out.data, IMAGES * CLASSES * sizeof *scores);
    jitc_exec_free(x);
    jitc_program_free(p);
}

static void *jitc_thread(void *scores)
{
    jitcs_answer(scores);
    return NULL;
}

int main(int argc, char **argv)
{
    float want[IMAGES * CLASSES], got[IMAGES * CLASSES];
    if (argc != 2) {
        fprintf(stderr, "usage: other_llvm DIGITS.pb\n");
        return 2;
    }
    digits = argv[1];
    for (int i = 0; i < IMAGES * PIXELS; i++) image[i] = (float)(i * 37 % 101) / 101;
    LLVMLinkInMCJIT();
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    check_host(0); /* before jitc's LLVM is there */
    jitcs_answer(want);
    float sum = 0;
    for (int i = 0; i < CLASSES; i++) sum += want[i];
    CHECK(sum > 0.999f && sum < 1.001f, "the first image's probabilities add up to %g", (double)sum);
    for (long i = 1; i <= TURNS; i++) {
        check_host(i);
        jitcs_answer(got);
        CHECK(memcmp(got, want, sizeof got) == 0, "turn %ld: other answers", i);
        pthread_t id; /* at the same time */
        memset(got, 0, sizeof got);
        CHECK(!pthread_create(&id, NULL, jitc_thread, got), "no thread");
        for (long k = 0; k < 20; k++) check_host(k);
        pthread_join(id, NULL);
        CHECK(memcmp(got, want, sizeof got) == 0, "turn %ld, with the host compiling: other answers", i);
    }
    check_host(99);
    return PASSED;
}
