# cpack: a .tar.gz that may be unpacked anywhere, and Debian packages: jitc, libjitcN, libjitc-dev. The preset `package`
# configures for them: Debian's folders follow from the prefix /usr.
set(JITC_MAINTAINER "The jitc developers <jitc@users.noreply.example>" CACHE STRING "who makes packages: Name <mail>")

set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "compiler for frozen TensorFlow graphs") # Debian wants no article
set(CPACK_PACKAGE_VENDOR "The jitc developers")
set(CPACK_PACKAGE_CONTACT "${JITC_MAINTAINER}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_FILE_NAME jitc-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL jitc_tool jitc_runtime jitc_development)
set(CPACK_GENERATOR TGZ)
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(DPKG_SHLIBDEPS)
if(DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()

# -- Debian -------------------------------------------------------------------------------------------------------------
get_target_property(SOVERSION libjitc SOVERSION)
set(JITC_DEBIAN_jitc_tool jitc)
set(JITC_DEBIAN_jitc_runtime libjitc${SOVERSION})
set(JITC_DEBIAN_jitc_development libjitc-dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(SAME "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")

set(CPACK_DEBIAN_JITC_TOOL_PACKAGE_NAME ${JITC_DEBIAN_jitc_tool})
set(CPACK_DEBIAN_JITC_TOOL_PACKAGE_SECTION science)
set(CPACK_DEBIAN_JITC_TOOL_PACKAGE_DEPENDS "${JITC_DEBIAN_jitc_runtime} ${SAME}")
set(CPACK_DEBIAN_JITC_TOOL_DESCRIPTION "jitc reads a frozen TensorFlow graph, optimises it and generates machine code
for the CPU at hand, or an object file with a C header that needs nothing of
jitc when it runs.

This package has the tool: it runs, times, inspects, compares and compiles
models.")
set(CPACK_DEBIAN_JITC_RUNTIME_PACKAGE_NAME ${JITC_DEBIAN_jitc_runtime})
set(CPACK_DEBIAN_JITC_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_JITC_RUNTIME_DESCRIPTION "jitc reads a frozen TensorFlow graph, optimises it and generates machine code
for the CPU at hand.

This package has the library for programs that load models, and the code
generator that it opens.")
# Which package a program needs that links with libjitc, and that ldconfig is to run.
file(WRITE ${PROJECT_BINARY_DIR}/package/shlibs
     "libjitc ${SOVERSION} ${JITC_DEBIAN_jitc_runtime} (>= ${PROJECT_VERSION})\n")
file(WRITE ${PROJECT_BINARY_DIR}/package/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_JITC_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/package/shlibs
                                                    ${PROJECT_BINARY_DIR}/package/triggers)
set(CPACK_DEBIAN_JITC_DEVELOPMENT_PACKAGE_NAME ${JITC_DEBIAN_jitc_development})
set(CPACK_DEBIAN_JITC_DEVELOPMENT_PACKAGE_SECTION libdevel)
# The static library wants those of the recommended packages; CMake's package names the tool.
set(CPACK_DEBIAN_JITC_DEVELOPMENT_PACKAGE_DEPENDS
    "${JITC_DEBIAN_jitc_runtime} ${SAME}, ${JITC_DEBIAN_jitc_tool} ${SAME}")
set(CPACK_DEBIAN_JITC_DEVELOPMENT_PACKAGE_RECOMMENDS "libprotobuf-c-dev, zlib1g-dev")
set(CPACK_DEBIAN_JITC_DEVELOPMENT_DESCRIPTION "jitc reads a frozen TensorFlow graph, optimises it and generates machine code
for the CPU at hand, or an object file with a C header that needs nothing of
jitc when it runs.

This package has what programs are built with: the header, the static library,
the packages for CMake and pkg-config, documents and examples.")

configure_file(cmake/debian/changelog ${PROJECT_BINARY_DIR}/package/changelog @ONLY)
string(REPLACE ";" " " COMPONENTS "${CPACK_COMPONENTS_ALL}")
configure_file(cmake/debian.cmake.in ${PROJECT_BINARY_DIR}/package/debian.cmake @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_BINARY_DIR}/package/debian.cmake)
include(CPack)
