/* The module is never closed, so what C++ would destroy at the end of the process is left as it is: other
 * threads may be compiling while the process exits, and they still use it. The static LLVM's destructors are
 * registered here instead of with the C library, since the module's own symbols come first. */
int __cxa_atexit(void (*fn)(void *), void *arg, void *module);

int __cxa_atexit(void (*fn)(void *), void *arg, void *module)
{
    (void)fn;
    (void)arg;
    (void)module;
    return 0;
}
