/* The public headers as hosts see them: C99 and C++ without warnings, twice in one file, with either library.
 */
#include <jitc/jitc.h>
#include <jitc/op.h>

int main(void)
{
    jitc_options o = JITC_OPTIONS_INIT;
    jitc_aot_options a = JITC_AOT_OPTIONS_INIT;
    if (o.size != sizeof(jitc_options) || o.threads != 1 || o.flags || a.size != sizeof(jitc_aot_options))
        return 1;
    return jitc_dtype_size(JITC_FLOAT32) == 4 && jitc_version()[0] ? 0 : 1;
}
