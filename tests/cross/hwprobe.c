/* Older emulators of RISC-V have vectors, but not the system call that tells of them: FAR_HWPROBE has what it
 * answers, and without that it fails. Models call this function, since it is the program's. */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

long syscall(long number, ...);

long syscall(long number, ...)
{
    enum { HWPROBE = 258 };
    const char *bits = getenv("FAR_HWPROBE");
    va_list ap;
    va_start(ap, number);
    int64_t *pair = va_arg(ap, int64_t *);
    va_end(ap);
    if (number != HWPROBE || !bits) return -1;
    pair[1] = strtoll(bits, NULL, 0);
    return 0;
}
