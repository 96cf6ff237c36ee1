#!/usr/bin/env bash
# What the code generator's module shows of itself, and what it takes from others: one function; nothing of C++ or
# LLVM, in either direction.
#   exports.sh libjitc-llvm.so
set -eu
shown=$(nm -D --defined-only "$1" | awk '{print $3}')
[ "$shown" = jitc_codegen_open ] || { echo "shown, and should not be: $shown" | head -n 20; exit 1; }
taken=$(nm -D --undefined-only "$1" | awk '{print $NF}' | grep -E '^_Z|LLVM|^__cxa_(throw|allocate|begin|end)|^_Unwind' || true)
[ -z "$taken" ] || { echo "taken from other libraries: $taken" | head -n 20; exit 1; }
needs=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libm|libz|libpthread|libdl|librt|ld-linux.*|libasan|libubsan)\.so' || true)
[ -z "$needs" ] || { echo "libraries that a host need not have: $needs"; exit 1; }
