# Writes a header with what tells this build's code from any other's: a hash over its sources, and LLVM's version.
#   cmake -DOUT=build_id.h -DLLVM=19.1.7 -DLIST=FILE -DROOT=DIR -P build_id.cmake     LIST: one source per line
cmake_minimum_required(VERSION 3.21)
file(STRINGS ${LIST} sources)
set(all "")
foreach(source ${sources})
  file(SHA256 ${ROOT}/${source} hash)
  string(APPEND all "${source} ${hash}\n")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING ${id} 0 32 id)
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define JITC_BUILD_ID \"@id@\"\n#define JITC_LLVM_VERSION \"@LLVM@\"\n" @ONLY)
