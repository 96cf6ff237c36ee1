#!/usr/bin/env bash
# Object files for other systems: linked by those systems' linkers, and run where they can be emulated.
#
#     far.sh BUILD SOURCE goldens N TARGET [CPU]   each Nth golden, compared with TensorFlow's answers
#     far.sh BUILD SOURCE with TARGET CPU COMMAND  a command that runs models of a target itself
#     far.sh BUILD SOURCE cpus                     on CPUs that have what an object needs, and on CPUs that have not
#     far.sh BUILD SOURCE integers                 64-bit arithmetic, which not all of them have
#     far.sh BUILD SOURCE link                     for macOS and Windows, whose programs cannot run here
#
# Exit status 77 where a tool is missing.
set -eu
build=$1 source=$2 what=$3
shift 3
jitc=$build/jitc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tool() { command -v "$1" >/dev/null || { echo "skipped: there is no $1"; exit 77; }; }

# choose TARGET: how code for it is compiled ($cc) and run ($run CPU PROGRAM)
choose() {
    case $1 in
    x86_64-linux-gnu) cc=cc emulator=qemu-x86_64 root=/ ;;
    aarch64-linux-gnu) cc=aarch64-linux-gnu-gcc emulator=qemu-aarch64 root=/usr/aarch64-linux-gnu ;;
    riscv64-linux-gnu) cc=riscv64-linux-gnu-gcc emulator=qemu-riscv64 root=/usr/riscv64-linux-gnu ;;
    armv7-linux-gnueabihf) cc=arm-linux-gnueabihf-gcc emulator=qemu-arm root=/usr/arm-linux-gnueabihf ;;
    esac
    extra=
    [ "$1" != riscv64-linux-gnu ] || extra=$source/tests/cross/hwprobe.c
    tool "$cc"
    tool "$emulator"
}
# With vectors; FAR_HWPROBE is what the system says of them.
vectors=rv64,v=true,vext_spec=v1.0,vlen=128

# with TARGET CPU COMMAND...: the command can run models of the target, see tests/run_far.h; CPU "": any
with() {
    local target=$1 cpu=$2
    shift 2
    choose "$target"
    # shellcheck disable=SC2086
    "$cc" -std=gnu11 -O1 -Wall -Wextra -Werror -rdynamic -I "$source" -I "$source/include" "$source/tests/cross/driver.c" \
        "$source/tests/model_call.c" $extra -o "$work/driver"
    local run="$emulator -L $root"
    if [ "$cpu" = rv64gcv ]; then
        run="FAR_HWPROBE=4 $emulator -cpu $vectors -L $root"
        "$cc" -O1 -march=rv64gc -static "$source/tests/cross/rtz.c" -o "$work/rtz"
        # qemu 7.2 falls over its own assertion there.
        sh -c '"$@" || exit 1' sh "$emulator" -cpu "$vectors" "$work/rtz" 2>/dev/null || export FAR_NO_RTZ=1
    fi
    FAR_TARGET=$target FAR_CC=$cc FAR_DRIVER="$run $work/driver" "$@"
}

goldens() {
    local every=$1 target=$2 cpu=${3:-}
    with "$target" "$cpu" "$build/run_goldens" --far ${cpu:+--cpu "$cpu"} --threads 3 --every "$every" \
        "$source/tests/golden"
}

failures=0
# seven TARGET CPU EMULATED STATUS: an object for CPU ends with the status on the CPU that is emulated.
seven() {
    local status=0 said
    choose "$1"
    "$jitc" compile "$source/examples/digits/digits.pb" -o "$work/seven.o" --header "$work/seven.h" --target "$1" --cpu "$2"
    # shellcheck disable=SC2086
    "$cc" -std=c11 -Wall -Wextra -Werror -O1 -I "$work" "$source/tests/cross/seven.c" $extra "$work/seven.o" -lm -o "$work/seven"
    said=$("$emulator" -L "$root" -cpu "$3" "$work/seven" 2>&1) || status=$?
    local wanted='it is a 7'
    [ "$4" = 0 ] || wanted="this CPU cannot run the model's code"
    case $said in *"$wanted"*) ;; *) status="$status: $said" ;; esac
    [ "$status" != "$4" ] || { echo "$1, $2 on $3: $wanted" && return; }
    echo "FAIL: $1, $2 on $3: $status, wanted $4"
    failures=$((failures + 1))
}

cpus() {
    seven x86_64-linux-gnu baseline qemu64 0
    seven x86_64-linux-gnu baseline Haswell 0
    seven x86_64-linux-gnu x86-64-v2 qemu64 1
    seven x86_64-linux-gnu x86-64-v2 Nehalem 0
    seven x86_64-linux-gnu x86-64-v3 Nehalem 1
    seven x86_64-linux-gnu x86-64-v3 Haswell 0
    seven x86_64-linux-gnu x86-64-v3 Haswell,-fma 1
    seven x86_64-linux-gnu x86-64-v3 Haswell,-xsave 1
    seven x86_64-linux-gnu x86-64-v4 Haswell 1
    seven aarch64-linux-gnu baseline cortex-a53 0
    seven aarch64-linux-gnu cortex-a76 cortex-a53 1
    seven aarch64-linux-gnu cortex-a76 max 0
    seven aarch64-linux-gnu neoverse-v1 max 0
    seven aarch64-linux-gnu neoverse-v1 cortex-a76 1
    seven armv7-linux-gnueabihf baseline cortex-a9 0
    seven armv7-linux-gnueabihf baseline cortex-a15 0
    seven armv7-linux-gnueabihf baseline cortex-a9,neon=off 1
    seven armv7-linux-gnueabihf cortex-a7 cortex-a9 1
    seven armv7-linux-gnueabihf cortex-a7 cortex-a15 0
    seven riscv64-linux-gnu baseline rv64 0
    seven riscv64-linux-gnu rv64gcv rv64 1
    FAR_HWPROBE=0x38 seven riscv64-linux-gnu rv64gcv rv64 1
    FAR_HWPROBE=4 seven riscv64-linux-gnu rv64gcv "$vectors" 0
    FAR_HWPROBE=4 seven riscv64-linux-gnu baseline "$vectors" 0
    FAR_HWPROBE=0x3c seven riscv64-linux-gnu spacemit-x60 "$vectors,zba=true,zbb=true,zbs=true" 0
}

# wide TARGET CPU EMULATED: 64-bit integers.
wide() {
    local io="" name said
    for name in a b u v x; do io="$io --input $name"; done
    for name in quotient rest unsigned_quotient a32 a64 u32 u64 back; do io="$io --output $name"; done
    choose "$1"
    # shellcheck disable=SC2086
    "$jitc" compile "$source/tests/cross/wide.pbtxt" -o "$work/wide.o" --header "$work/wide.h" --target "$1" --cpu "$2" $io
    # shellcheck disable=SC2086
    "$cc" -std=c11 -Wall -Wextra -Werror -O1 -I "$work" "$source/tests/cross/wide.c" $extra "$work/wide.o" -lm -o "$work/wide"
    said=$("$emulator" -L "$root" -cpu "$3" "$work/wide" 2>&1) || failures=$((failures + 1))
    echo "$1, $2 on $3: $said"
}

integers() {
    wide armv7-linux-gnueabihf generic cortex-a9
    wide armv7-linux-gnueabihf cortex-a7 cortex-a15
    wide aarch64-linux-gnu generic cortex-a53
    wide riscv64-linux-gnu rv64gc rv64
    wide x86_64-linux-gnu x86-64 qemu64
}

link() {
    tool x86_64-w64-mingw32-gcc
    local mac
    mac=$(command -v ld64.lld ld64.lld-19 ld64.lld-14 | head -1) || true
    [ -n "$mac" ] || tool ld64.lld
    "$jitc" compile "$source/examples/digits/digits.pb" -o "$work/seven.o" --header "$work/seven.h" --target x86_64-w64-windows-gnu
    x86_64-w64-mingw32-gcc -std=gnu11 -Wall -Wextra -Werror -Daligned_alloc=_aligned_malloc -include malloc.h \
        -I "$work" "$source/tests/cross/seven.c" "$work/seven.o" -Wl,--fatal-warnings -o "$work/seven.exe"
    CC=x86_64-w64-mingw32-gcc "$jitc" compile "$source/examples/digits/digits.pb" -o "$work/seven.dll" \
        --header "$work/seven.h" --target x86_64-w64-windows-gnu --emit shared
    "$jitc" compile "$source/examples/digits/digits.pb" -o "$work/seven.o" --header "$work/seven.h" --target arm64-apple-macosx
    "$mac" -dylib -arch arm64 -platform_version macos 11.0 11.0 -undefined dynamic_lookup -fatal_warnings \
        -o "$work/seven.dylib" "$work/seven.o"
    echo "linked"
}

"$what" "$@"
[ "$failures" = 0 ]
