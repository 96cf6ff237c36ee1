# jitc_add_model(TARGET MODEL.pb
#                [NAME name]           prefix of all symbols, and stem of the header; by default TARGET
#                [CPU level]           as `jitc compile --cpu`
#                [TARGET triple]       as `jitc compile --target`; found out when cross compiling
#                [SHAPE x=1,224,224,3 ...] [INPUT tensor ...] [OUTPUT tensor ...] [SET name=value ...]
#                [WEIGHTS file]        weights go there and not into the object; relative to the binary folder
#                [OP_LIBRARY library]  of custom operators, as `jitc compile --op-library`: a target or a file
#                [OPTIONS option ...]) anything else that `jitc compile` takes
#
# Makes a static library of a model. What links with it finds its header NAME.h, and needs nothing of jitc when it
# runs. The model is compiled again when its file or jitc changes. Target properties: JITC_HEADER, JITC_OBJECT,
# JITC_WEIGHTS (the files).
#
# JITC_TOOL (a cache variable) names the jitc to run; by default, that of this package. When cross compiling, it must run
# on the machine that builds: it is looked for in PATH first.

# The system that C code of this project is compiled for; empty: this machine's own.
function(_jitc_target_triple out)
  set(triple "")
  if(CMAKE_C_COMPILER_TARGET)
    set(triple ${CMAKE_C_COMPILER_TARGET})
  elseif(CMAKE_CXX_COMPILER_TARGET)
    set(triple ${CMAKE_CXX_COMPILER_TARGET})
  elseif(CMAKE_CROSSCOMPILING)
    string(TOLOWER "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" system)
    if(system MATCHES "^linux-(aarch64|arm64)$")
      set(triple aarch64-linux-gnu)
    elseif(system MATCHES "^linux-(arm|armv7|armv7-a|armv7a|armv7l|armhf)$")
      set(triple armv7-linux-gnueabihf)
    elseif(system MATCHES "^linux-riscv64$")
      set(triple riscv64-linux-gnu)
    elseif(system MATCHES "^linux-(x86_64|amd64)$")
      set(triple x86_64-linux-gnu)
    elseif(system MATCHES "^darwin-(aarch64|arm64)$")
      set(triple arm64-apple-macosx)
    elseif(system MATCHES "^windows-(x86_64|amd64)$")
      set(triple x86_64-w64-windows-gnu)
    else()
      message(FATAL_ERROR "jitc_add_model: which target is ${CMAKE_SYSTEM_NAME} on '${CMAKE_SYSTEM_PROCESSOR}'? "
                          "Set CMAKE_C_COMPILER_TARGET, or give TARGET and a triple.")
    endif()
  endif()
  set(${out} "${triple}" PARENT_SCOPE)
endfunction()

# What runs jitc, and the files that its output depends on.
function(_jitc_find_tool out_command out_depends)
  if(CMAKE_CROSSCOMPILING AND NOT JITC_TOOL AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    set(own "")
    get_target_property(imported jitc::tool IMPORTED)
    if(imported) # that of the package comes last: the package may be one for the other system
      get_target_property(own jitc::tool LOCATION)
      cmake_path(GET own PARENT_PATH own)
    endif()
    find_program(JITC_TOOL jitc PATHS "${own}" DOC "a jitc that runs on this machine"
                 NO_CMAKE_PATH NO_CMAKE_ENVIRONMENT_PATH NO_CMAKE_SYSTEM_PATH NO_CMAKE_FIND_ROOT_PATH)
    set(runs 1)
    if(JITC_TOOL)
      execute_process(COMMAND "${JITC_TOOL}" --version RESULT_VARIABLE runs OUTPUT_QUIET ERROR_QUIET)
    endif()
    if(NOT runs EQUAL 0)
      set(tried "${JITC_TOOL}")
      unset(JITC_TOOL CACHE)
      message(FATAL_ERROR "jitc_add_model: a jitc that runs on this machine is needed (tried: ${tried}). "
                          "Put it into PATH, or name it with -DJITC_TOOL=FILE.")
    endif()
  endif()
  if(JITC_TOOL)
    set(${out_command} "${JITC_TOOL}" PARENT_SCOPE)
    set(${out_depends} "${JITC_TOOL}" PARENT_SCOPE)
    return()
  endif()
  set(codegen jitc_llvm) # within jitc's own build
  if(TARGET jitc::codegen)
    set(codegen jitc::codegen)
  endif()
  set(${out_command} jitc::tool PARENT_SCOPE)
  set(${out_depends} "$<TARGET_FILE:jitc::tool>" "$<TARGET_FILE:${codegen}>" PARENT_SCOPE)
endfunction()

function(jitc_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 M "" "NAME;CPU;TARGET;WEIGHTS;OP_LIBRARY" "SHAPE;INPUT;OUTPUT;SET;OPTIONS")
  if(M_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "jitc_add_model(${target}): unknown arguments: ${M_UNPARSED_ARGUMENTS}")
  endif()
  if(M_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "jitc_add_model(${target}): without a value: ${M_KEYWORDS_MISSING_VALUES}")
  endif()
  set(path "${model}")
  cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  if(NOT EXISTS "${path}") # perhaps one that the build makes
    set(path "${model}")
    cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
    cmake_path(IS_PREFIX CMAKE_BINARY_DIR "${path}" NORMALIZE made)
    get_source_file_property(generated "${path}" GENERATED)
    if(NOT EXISTS "${path}" AND NOT generated AND (NOT made OR NOT IS_ABSOLUTE "${model}"))
      message(FATAL_ERROR "jitc_add_model(${target}): there is no file ${model}")
    endif()
  endif()
  if(NOT M_NAME)
    string(MAKE_C_IDENTIFIER "${target}" M_NAME)
  endif()
  if(NOT M_TARGET)
    _jitc_target_triple(M_TARGET)
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/jitc/${target}")
  set(object "${folder}/${M_NAME}.o")
  set(header "${folder}/include/${M_NAME}.h")
  set(outputs "${object}" "${header}")
  set(arguments -o "${object}" --header "${header}" --name "${M_NAME}")
  if(M_CPU)
    list(APPEND arguments --cpu "${M_CPU}")
  endif()
  if(M_TARGET)
    list(APPEND arguments --target "${M_TARGET}")
  endif()
  foreach(option SHAPE INPUT OUTPUT SET)
    string(TOLOWER "--${option}" word)
    foreach(value IN LISTS M_${option})
      list(APPEND arguments ${word} "${value}")
    endforeach()
  endforeach()
  if(M_WEIGHTS)
    cmake_path(ABSOLUTE_PATH M_WEIGHTS BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
    list(APPEND arguments --weights "${M_WEIGHTS}")
    list(APPEND outputs "${M_WEIGHTS}")
  endif()
  if(TARGET "${M_OP_LIBRARY}")
    set(M_OP_LIBRARY "$<TARGET_FILE:${M_OP_LIBRARY}>")
  elseif(M_OP_LIBRARY)
    cmake_path(ABSOLUTE_PATH M_OP_LIBRARY BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  endif()
  if(M_OP_LIBRARY)
    list(APPEND arguments --op-library "${M_OP_LIBRARY}")
  endif()
  list(APPEND arguments ${M_OPTIONS})

  file(MAKE_DIRECTORY "${folder}/include")
  _jitc_find_tool(command depends)
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND "${command}" compile "${path}" ${arguments}
    DEPENDS "${path}" ${depends} ${M_OP_LIBRARY}
    COMMENT "Compiling model ${target}"
    VERBATIM)

  add_library(${target} STATIC "${object}" "${header}")
  set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set(language C)
  if(NOT CMAKE_C_COMPILER)
    set(language CXX)
  endif()
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE ${language} JITC_HEADER "${header}" JITC_OBJECT "${object}"
                                             JITC_WEIGHTS "${M_WEIGHTS}")
  target_include_directories(${target} INTERFACE "$<BUILD_INTERFACE:${folder}/include>")
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Windows")
    target_link_libraries(${target} INTERFACE m)
  endif()
endfunction()
