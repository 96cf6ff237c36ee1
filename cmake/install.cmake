# cmake --install. The installed tree may be moved as a whole: everything in it finds the rest from where it is itself.
#
# Three components, which are also the Debian packages: jitc_tool (the tool and what a shell wants), jitc_runtime
# (libjitc.so and the code generator), jitc_development (everything to build programs with).
include(CMakePackageConfigHelpers)
set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/jitc)
set(PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# -- Products -----------------------------------------------------------------------------------------------------
install(TARGETS jitc EXPORT jitc_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT jitc_tool)
# The code generator has no business among the system's libraries: only libjitc opens it.
install(TARGETS jitc_llvm EXPORT jitc_tool LIBRARY DESTINATION ${JITC_PLUGIN_LIBDIR} COMPONENT jitc_runtime)
install(TARGETS libjitc EXPORT jitc LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT jitc_runtime
                                            NAMELINK_COMPONENT jitc_development)
install(TARGETS libjitc_archive EXPORT jitc_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
                                                  COMPONENT jitc_development)
install(FILES include/jitc/jitc.h include/jitc/op.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/jitc COMPONENT jitc_development)

# -- For CMake ------------------------------------------------------------------------------------------------------
install(EXPORT jitc_tool FILE jitcToolTargets.cmake NAMESPACE jitc:: DESTINATION ${PACKAGE_DIR}
        COMPONENT jitc_development)
install(EXPORT jitc FILE jitcTargets.cmake NAMESPACE jitc:: DESTINATION ${PACKAGE_DIR} COMPONENT jitc_development)
install(EXPORT jitc_static FILE jitcStaticTargets.cmake NAMESPACE jitc:: DESTINATION ${PACKAGE_DIR}
        COMPONENT jitc_development)
configure_package_config_file(cmake/jitcConfig.cmake.in ${PROJECT_BINARY_DIR}/package/jitcConfig.cmake
                              INSTALL_DESTINATION ${PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
# Of any word size: jitc_add_model() serves other systems than this. The libraries are checked by the package itself.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/jitcConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/package/jitcConfig.cmake ${PROJECT_BINARY_DIR}/package/jitcConfigVersion.cmake
              cmake/JitcAddModel.cmake cmake/JitcStaticLibraries.cmake
        DESTINATION ${PACKAGE_DIR} COMPONENT jitc_development)

# -- For pkg-config ---------------------------------------------------------------------------------------------------
file(RELATIVE_PATH PREFIX_FROM_PC ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" PREFIX_FROM_PC ${PREFIX_FROM_PC})
foreach(kind BIN LIB INCLUDE) # a folder outside the prefix stays where it is
  set(PC_${kind}DIR ${CMAKE_INSTALL_${kind}DIR})
  if(NOT IS_ABSOLUTE ${PC_${kind}DIR})
    set(PC_${kind}DIR "\${prefix}/${PC_${kind}DIR}")
  endif()
endforeach()
configure_file(cmake/jitc.pc.in ${PROJECT_BINARY_DIR}/package/jitc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/jitc.pc DESTINATION ${PC_DIR} COMPONENT jitc_development)

# -- To read ------------------------------------------------------------------------------------------------------------
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT jitc_tool)
install(FILES docs/aot.md docs/build.md docs/c-api.md docs/cli.md docs/custom-ops.md docs/operators.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs COMPONENT jitc_development)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT jitc_development
        PATTERN __pycache__ EXCLUDE)

configure_file(docs/libjitc.3.in ${PROJECT_BINARY_DIR}/package/libjitc.3 @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/libjitc.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3
        COMPONENT jitc_development)
# The tool writes its own pages, so it must run here.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "jitc: no man pages of the tool, which does not run on this machine")
else()
  set(MAN ${PROJECT_BINARY_DIR}/man)
  add_custom_command(OUTPUT ${MAN}/jitc.1 DEPENDS jitc cmake/man.cmake VERBATIM
                     COMMAND ${CMAKE_COMMAND} "-DJITC=$<TARGET_FILE:jitc>" "-DFOLDER=${MAN}"
                             -P "${PROJECT_SOURCE_DIR}/cmake/man.cmake")
  add_custom_target(jitc_man ALL DEPENDS ${MAN}/jitc.1)
  install(DIRECTORY ${MAN}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT jitc_tool)
endif()

# -- For the shells -------------------------------------------------------------------------------------------------------
# Where each looks by itself; Debian's zsh looks elsewhere for what comes in a package.
set(ZSH_DIR zsh/site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr" AND EXISTS /etc/debian_version)
  set(ZSH_DIR zsh/vendor-completions)
endif()
install(FILES cli/completion/jitc.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME jitc
        COMPONENT jitc_tool)
install(FILES cli/completion/_jitc DESTINATION ${CMAKE_INSTALL_DATADIR}/${ZSH_DIR} COMPONENT jitc_tool)
install(FILES cli/completion/jitc.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
        COMPONENT jitc_tool)
