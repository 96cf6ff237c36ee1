#!/usr/bin/env bash
# Installs jitc into a folder with a space in its name, moves that folder, and builds programs with what it then holds.
#   install.sh CMAKE BUILD ROOT GROUP...      GROUP: tree, project, options, pkgconfig, cross, emulated, generators, subproject
set -u
export LC_ALL=C
cmake=$1 build=$2 root=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What a user's environment could add must not decide the outcome; ninja where there is one.
unset CMAKE_PREFIX_PATH PKG_CONFIG_PATH LD_LIBRARY_PATH DESTDIR CFLAGS LDFLAGS JITC_TOOL
generator=Ninja
command -v ninja >/dev/null || generator="Unix Makefiles"
checks=0 failures=0

failed() {
    failures=$((failures + 1))
    printf 'FAIL (line %s) %s\n' "${BASH_LINENO[1]}" "$*"
    tail -n 40 "$work/log" | sed 's/^/    /'
}
ok() { checks=$((checks + 1)); "$@" >"$work/log" 2>&1 </dev/null || failed "$*"; }
fails() { checks=$((checks + 1)); ! "$@" >"$work/log" 2>&1 </dev/null || failed "no failure: $*"; }
says() { checks=$((checks + 1)); grep -qE -e "$1" "$work/log" || failed "the output lacks '$1'"; }
lacks() { checks=$((checks + 1)); ! grep -qE -e "$1" "$work/log" || failed "the output has '$1'"; }
configure() { ok "$cmake" -G "$generator" -DCMAKE_BUILD_TYPE=Release "$@"; }

"$cmake" --install "$build" --prefix "$work/first place" >"$work/log" 2>&1 || failed "cmake --install"
mv "$work/first place" "$work/moved here"
prefix="$work/moved here"
lib=$(dirname "$(find "$prefix" -name 'libjitc.so')")
digits=$root/examples/digits
project="$work/my project"
cp -R "$root/examples/cmake_project" "$project"
cp "$digits/digits.pb" "$work/the model.pb"

# What must be there, and that no path of the build or of the first place is in a file that others read.
group_tree() {
    local file
    for file in bin/jitc share/man/man1/jitc.1 share/man/man1/jitc-compile.1 share/man/man3/libjitc.3 \
        share/bash-completion/completions/jitc share/zsh/site-functions/_jitc \
        share/fish/vendor_completions.d/jitc.fish include/jitc/jitc.h share/doc/jitc/LICENSE share/doc/jitc/docs/aot.md \
        share/doc/jitc/examples/cmake_project/CMakeLists.txt; do
        ok test -f "$prefix/$file"
    done
    for file in libjitc.so libjitc.a jitc/libjitc-llvm.so cmake/jitc/jitcConfig.cmake \
        cmake/jitc/jitcConfigVersion.cmake pkgconfig/jitc.pc; do
        ok test -f "$lib/$file"
    done
    ok readelf -d "$lib/libjitc.so"
    says 'SONAME.*libjitc\.so\.[0-9]'
    lacks 'RPATH|RUNPATH'
    ok readelf -d "$prefix/bin/jitc"
    lacks 'RPATH|RUNPATH'
    fails grep -rlE -e "$work/first|$build" "$lib/cmake" "$lib/pkgconfig" "$prefix/include"
    # A host of libjitc.a may have functions of any other name.
    ok nm -g --defined-only "$lib/libjitc.a"
    says ' T jitc_program_load$'
    lacks ' [A-Z] ([^j]|j[^i]|ji[^t]|jit[^c]|jitc[^_])'
    # The code generator is found from where the tool is, and its absence is explained.
    ok "$prefix/bin/jitc" run "$digits/digits.pb" --input "$digits/test_images.npy"
    says 'probabilities +f32\[360,10\]'
    ln -s "$prefix/bin/jitc" "$work/link"
    ok "$work/link" --version
    says '^LLVM 19'
    mv "$lib/jitc" "$lib/elsewhere"
    fails "$prefix/bin/jitc" run "$digits/digits.pb" --input "$digits/test_images.npy"
    says 'libjitc-llvm.so is not there'
    mv "$lib/elsewhere" "$lib/jitc"
}

# The example project, outside the tree; then what makes its model be compiled again, and what does not.
group_project() {
    configure -S "$project" -B "$work/out put" "-DCMAKE_PREFIX_PATH=$prefix" "-DMODEL=$work/the model.pb"
    ok "$cmake" --build "$work/out put"
    says 'Compiling model digits'
    ok "$work/out put/ahead"
    says 'it is a 7'
    ok "$work/out put/at_run_time" "$work/the model.pb"
    says 'it is a 7'
    ok readelf -d "$work/out put/ahead"
    lacks 'jitc|LLVM|protobuf'
    ok "$cmake" --build "$work/out put"
    lacks 'Compiling model'
    local newer
    for newer in "$work/the model.pb" "$prefix/bin/jitc" "$lib/jitc/libjitc-llvm.so"; do
        ok "$cmake" --build "$work/out put" -- -n
        lacks 'Compiling model'
        touch -d '+1 minute' "$newer"
        ok "$cmake" --build "$work/out put" -- -n # says what it would do
        says 'Compiling model digits'
        touch -d '-1 minute' "$newer"
    done
    # The version that is asked for: another minor one is another interface.
    sed -i 's/find_package(jitc 0.1 /find_package(jitc 0.2 /' "$project/CMakeLists.txt"
    fails "$cmake" -G "$generator" -S "$project" -B "$work/other" "-DCMAKE_PREFIX_PATH=$prefix"
    says 'configuration files were considered but not accepted'
}

# Every option of jitc_add_model, wrong calls, a model that the build makes, and libjitc.a.
group_options() {
    mkdir "$work/options"
    cat >"$work/options/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.21)
project(options LANGUAGES C)
find_package(jitc CONFIG REQUIRED COMPONENTS shared static)
add_custom_command(OUTPUT made.pb COMMAND ${CMAKE_COMMAND} -E copy "${MODEL}" made.pb DEPENDS "${MODEL}")
jitc_add_model(my-net made.pb NAME net CPU x86-64-v3 SHAPE "images=2,8,8,1" INPUT images OUTPUT probabilities
               WEIGHTS "the weights.bin" OPTIONS --max-memory 1G)
add_executable(use use.c)
target_link_libraries(use PRIVATE my-net)
add_library(wrapped SHARED wrapped.c)
target_link_libraries(wrapped PRIVATE my-net)
get_target_property(weights my-net JITC_WEIGHTS)
file(GENERATE OUTPUT weights.txt CONTENT "${weights}")
add_executable(static ${SOURCE})
target_link_libraries(static PRIVATE jitc::static)
EOF
    cat >"$work/options/use.c" <<'EOF'
#include <net.h>
#include <stdio.h>
int main(void) { printf("%d bytes of weights\n", (int)NET_WEIGHT_BYTES); return net_error(0) == NULL; }
EOF
    echo '#include <net.h>
const char *wrapped(void); const char *wrapped(void) { return net_error(0); }' >"$work/options/wrapped.c"
    configure -S "$work/options" -B "$work/o" "-DCMAKE_PREFIX_PATH=$prefix" "-DMODEL=$work/the model.pb" \
        "-DSOURCE=$root/examples/embed_c/main.c"
    ok "$cmake" --build "$work/o"
    ok "$work/o/use"
    says '^[0-9]+ bytes'
    ok test -s "$(cat "$work/o/weights.txt")"
    ok readelf -d "$work/o/static"
    lacks 'libjitc'
    # A program with libjitc.a looks beside itself, and in the folder that jitc was built for.
    cp "$lib/jitc/libjitc-llvm.so" "$work/o/"
    ok "$work/o/static" "$work/the model.pb"
    says 'class [0-9]'

    wrong() { # MESSAGE ARGUMENTS...
        local message=$1
        shift
        mkdir -p "$work/wrong"
        printf 'cmake_minimum_required(VERSION 3.21)\nproject(w LANGUAGES C)\nfind_package(jitc REQUIRED)\njitc_add_model(%s)\n' \
            "$*" >"$work/wrong/CMakeLists.txt"
        fails "$cmake" -G "$generator" -S "$work/wrong" -B "$work/w" "-DCMAKE_PREFIX_PATH=$prefix"
        says "$message"
    }
    wrong 'there is no file nowhere.pb' net nowhere.pb
    wrong 'unknown arguments: SHAPES' net "\"$work/the model.pb\" SHAPES x=1"
    wrong 'without a value: CPU' net "\"$work/the model.pb\" CPU"
}

group_pkgconfig() {
    command -v pkg-config >/dev/null || { echo "skipped: pkg-config is not installed"; return; }
    local source=$root/examples/embed_c/main.c
    pkg() { PKG_CONFIG_PATH="$lib/pkgconfig" pkg-config "$@" jitc; }
    ok pkg --atleast-version=0.1
    eval "ok ${CC:-cc} '$source' $(pkg --cflags --libs) -o '$work/shared'"
    ok env LD_LIBRARY_PATH="$lib" "$work/shared" "$digits/digits.pb"
    says 'class [0-9]'
    mkdir "$work/bin"
    eval "ok ${CC:-cc} '$source' $(pkg --static --cflags --libs | sed 's/-ljitc/-l:libjitc.a/') -o '$work/bin/static'"
    ok readelf -d "$work/bin/static"
    lacks 'libjitc'
    cp "$lib/jitc/libjitc-llvm.so" "$work/bin/"
    ok "$work/bin/static" "$digits/digits.pb"
    says 'class [0-9]'
    ok "$(pkg --variable=tool | sed 's/\\ / /g')" --version
    says '^jitc '
}

# A project for another system: which jitc runs, and for which target.
group_cross() {
    cat >"$work/toolchain.cmake" <<EOF
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR \${PROCESSOR})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PROCESSOR)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
EOF
    mkdir "$work/cross" "$work/host"
    cat >"$work/cross/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.21)
project(cross LANGUAGES C)
find_package(jitc 0.1 CONFIG REQUIRED)
if(TARGET jitc::jitc)
  message(FATAL_ERROR "libjitc of another system is offered")
endif()
jitc_add_model(found "${MODEL}")
jitc_add_model(given "${MODEL}" TARGET riscv64-linux-gnu)
EOF
    # Stands in for a jitc: tells what it is asked for, and makes the files.
    cat >"$work/host/jitc" <<'EOF'
#!/bin/sh
echo "asked: $*"
while [ $# -gt 0 ]; do
    case $1 in -o | --header) : >"$2" ;; esac
    shift
done
EOF
    chmod +x "$work/host/jitc"
    cross() { # PROCESSOR [CMAKE ARGUMENT...]
        local processor=$1
        shift
        rm -rf "$work/x"
        "$cmake" -G "$generator" -S "$work/cross" -B "$work/x" "-DCMAKE_TOOLCHAIN_FILE=$work/toolchain.cmake" \
            "-DPROCESSOR=$processor" "-DCMAKE_PREFIX_PATH=$prefix" "-DMODEL=$work/the model.pb" "$@"
    }
    ok cross aarch64 "-DJITC_TOOL=$work/host/jitc"
    ok "$cmake" --build "$work/x" --target found
    says 'asked: compile .*the model.pb .*--name found --target aarch64-linux-gnu'
    ok "$cmake" --build "$work/x" --target given
    says 'asked: compile .*--name given --target riscv64-linux-gnu'
    PATH=$work/host:$PATH ok cross armv7l -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=ONLY
    ok "$cmake" --build "$work/x" --target found
    says 'asked: .*--target armv7-linux-gnueabihf'
    ok cross aarch64
    ok grep -q "JITC_TOOL:FILEPATH=$prefix/bin/jitc" "$work/x/CMakeCache.txt"
    chmod -x "$prefix/bin/jitc"
    fails cross aarch64
    says 'a jitc that runs on this machine is needed'
    chmod +x "$prefix/bin/jitc"
    fails cross vax "-DJITC_TOOL=$work/host/jitc"
    says "which target is Linux on 'vax'"
}

# Programs for other systems, made with Debian's cross compilers, and run under qemu.
group_emulated() {
    mkdir "$work/elsewhere"
    cat >"$work/elsewhere/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.21)
project(elsewhere LANGUAGES C)
find_package(jitc 0.1 CONFIG REQUIRED)
jitc_add_model(digits "${MODEL}" SHAPE images=1,8,8,1)
add_executable(ahead "${EXAMPLE}/ahead.c")
target_link_libraries(ahead PRIVATE digits -static)
EOF
    local system processor machine ran=
    for system in aarch64:aarch64-linux-gnu riscv64:riscv64-linux-gnu armv7l:arm-linux-gnueabihf; do
        processor=${system%%:*}
        system=${system#*:}
        machine=${system%%-*}
        if ! command -v "$system-gcc" >/dev/null || ! command -v "qemu-$machine" >/dev/null; then
            echo "$system: not run, $system-gcc and qemu-$machine are needed"
            continue
        fi
        configure -S "$work/elsewhere" -B "$work/$machine" "-DCMAKE_PREFIX_PATH=$prefix" "-DEXAMPLE=$project" \
            "-DMODEL=$work/the model.pb" -DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$processor" \
            "-DCMAKE_C_COMPILER=$system-gcc" "-DJITC_TOOL=$prefix/bin/jitc"
        ok "$cmake" --build "$work/$machine"
        ok "qemu-$machine" "$work/$machine/ahead"
        says 'it is a 7'
        ran=1
    done
    [ -n "$ran" ] || exit 77
}

# The other ways of CMake to build.
group_generators() {
    local g
    for g in "Unix Makefiles" "Ninja Multi-Config"; do
        case $g in
        Unix*) command -v make >/dev/null || { echo "skipped: make is not installed"; continue; } ;;
        Ninja*) command -v ninja >/dev/null || { echo "skipped: ninja is not installed"; continue; } ;;
        esac
        ok "$cmake" -G "$g" -S "$project" -B "$work/$g" "-DCMAKE_PREFIX_PATH=$prefix" "-DMODEL=$work/the model.pb"
        ok "$cmake" --build "$work/$g" --config Debug
        ok "$cmake" --build "$work/$g" --config Release
        ok ctest --test-dir "$work/$g" -C Release
        says '100% tests passed'
        touch -d '+1 minute' "$work/the model.pb"
        ok "$cmake" --build "$work/$g" --config Release
        says 'Compiling model digits'
    done
}

# jitc as a part of another project, which it must leave as it is.
group_subproject() {
    mkdir "$work/parent"
    cat >"$work/parent/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.21)
project(parent LANGUAGES C)
include(FetchContent)
FetchContent_Declare(jitc SOURCE_DIR "${JITC_SOURCE}")
FetchContent_MakeAvailable(jitc)
foreach(name runtime llvm ir plan tool unit digits) # names that a project may well use
  add_custom_target(${name})
endforeach()
foreach(variable CMAKE_BUILD_TYPE CMAKE_C_STANDARD CMAKE_C_VISIBILITY_PRESET CMAKE_EXPORT_COMPILE_COMMANDS)
  if(NOT "${${variable}}" STREQUAL "")
    message(FATAL_ERROR "${variable} is now ${${variable}}")
  endif()
endforeach()
get_directory_property(options COMPILE_OPTIONS)
if(options)
  message(FATAL_ERROR "compile options are now ${options}")
endif()
jitc_add_model(net "${MODEL}" NAME digits SHAPE images=1,8,8,1)
add_executable(ahead "${EXAMPLE}/ahead.c")
target_link_libraries(ahead PRIVATE net)
add_executable(at_run_time "${EXAMPLE}/at_run_time.c")
target_link_libraries(at_run_time PRIVATE jitc::jitc)
add_executable(static "${EXAMPLE}/at_run_time.c")
target_link_libraries(static PRIVATE jitc::static)
EOF
    ok "$cmake" -G "$generator" -S "$work/parent" -B "$work/p" "-DJITC_SOURCE=$root" "-DEXAMPLE=$project" \
        "-DMODEL=$work/the model.pb" ${CMAKE_C_COMPILER_LAUNCHER:+"-DCMAKE_C_COMPILER_LAUNCHER=$CMAKE_C_COMPILER_LAUNCHER"}
    fails grep -q 'CTestTestfile' "$work/p/cmake_install.cmake"
    ok "$cmake" --build "$work/p"
    for program in ahead at_run_time; do
        ok "$work/p/$program" "$work/the model.pb"
        says 'it is a 7'
    done
    DESTDIR="$work/dest" ok "$cmake" --install "$work/p"
    fails test -e "$work/dest" # nothing of jitc's unless the parent asks for it
}

for g in "$@"; do "group_$g"; done
echo "$checks checks, $failures failed"
[ "$failures" = 0 ]
