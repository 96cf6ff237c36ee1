# Links LLVM into jitc_llvm, as JITC_LLVM says.
#
# static: LLVM's archives and the C++ runtime, all of it hidden. So a process may hold any other LLVM and any other
# libstdc++: neither sees ours, nor do we see theirs. No object and no exception of C++ passes the module's door,
# which is what makes a C++ runtime of its own safe.
# shared: libLLVM of the system. Its symbols are visible, and another LLVM in the process may take their place.
if(JITC_LLVM STREQUAL "shared")
  target_link_libraries(jitc_llvm PRIVATE LLVM)
elseif(JITC_LLVM STREQUAL "static")
  set(advice "-DJITC_LLVM=shared uses libLLVM.so instead; then no other LLVM should be in the same process.")
  if(NOT TARGET LLVMCore)
    message(FATAL_ERROR "This LLVM has no static archives. ${advice}")
  endif()
  set(names LLVMCore LLVMPasses LLVMBitReader LLVMIRReader LLVMLinker LLVMX86CodeGen LLVMX86AsmParser
            LLVMAArch64CodeGen LLVMAArch64AsmParser LLVMARMCodeGen LLVMARMAsmParser LLVMRISCVCodeGen LLVMRISCVAsmParser)
  # These and what they need of each other, as files: LLVM's targets would bring along system libraries (z3, xml2)
  # of which no part here has use.
  set(archives "")
  list(LENGTH names n)
  set(i 0)
  while(i LESS n)
    list(GET names ${i} name)
    get_target_property(archive ${name} LOCATION)
    if(NOT EXISTS "${archive}")
      message(FATAL_ERROR "LLVM's static archive ${name} is not there (${archive}). ${advice}")
    endif()
    list(APPEND archives ${archive})
    get_target_property(needs ${name} INTERFACE_LINK_LIBRARIES)
    list(FILTER needs INCLUDE REGEX "^LLVM")
    list(APPEND names ${needs})
    list(REMOVE_DUPLICATES names)
    list(LENGTH names n)
    math(EXPR i "${i} + 1")
  endwhile()
  if(LLVM_ENABLE_ZSTD) # for compressed debug sections, as zlib
    find_library(ZSTD_LIBRARY NAMES libzstd.a zstd REQUIRED)
    list(APPEND archives ${ZSTD_LIBRARY})
  endif()
  target_link_libraries(jitc_llvm PRIVATE -Wl,--start-group ${archives} -Wl,--end-group ZLIB::ZLIB -l:libstdc++.a)
  target_link_options(jitc_llvm PRIVATE -static-libgcc -Wl,--gc-sections -Wl,--exclude-libs,ALL)
else()
  message(FATAL_ERROR "JITC_LLVM is static or shared, not '${JITC_LLVM}'")
endif()
