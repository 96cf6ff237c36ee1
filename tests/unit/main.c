/* All unit tests. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/suites.h"

int main(void)
{
    setenv("JITC_CACHE", "off", 1); /* tests that are about it name a folder */
    SRunner *r = srunner_create(NULL);
#define SUITE(name) srunner_add_suite(r, name##_suite());
#include "tests/unit/suites.def"
#undef SUITE
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
