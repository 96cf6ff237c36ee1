/* The unit-test suites: tests/unit/suites.def lists them, tests/unit/main.c runs them all. */
#ifndef JITC_TESTS_UNIT_SUITES_H
#define JITC_TESTS_UNIT_SUITES_H

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.def"
#undef SUITE
#endif
