# Shared by the scripts of this folder and .ci/run; source it. Leaves the shell in the project's root.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

# What a bare Debian 12 lacks: to build, to build the examples that want more, to lint.
build_packages="cmake ninja-build gcc libc6-dev llvm-19-dev libstdc++-12-dev libzstd-dev zlib1g-dev
                libprotobuf-c-dev protobuf-c-compiler check pkg-config"
example_packages="g++ libpng-dev libpthreadpool-dev libturbojpeg0-dev"
# What single tests of the full tier want; without them, those are skipped.
full_packages="dpkg-dev fish lintian llvm-14-dev make python3-venv zsh"
# To make programs for other systems, and to run them; to link for those that cannot run here.
cross_packages="gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-riscv64-linux-gnu qemu-user
                libc6-dev-arm64-cross libc6-dev-armhf-cross libc6-dev-riscv64-cross
                gcc-mingw-w64-x86-64-win32 lld"
lint_packages="git clang-format clang-tidy cppcheck mandoc"
# For the tests of the Python package, which are skipped without them.
python_packages="python3-numpy python3-pytest"

# Two jobs at least, and no more than the processors this process may use.
jobs=$(nproc 2>/dev/null || echo 2)
[ "$jobs" -ge 2 ] || jobs=2

missing_packages() {
    for p in "$@"; do
        dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' || echo "$p"
    done
}

# install PACKAGE...: with apt, only what is missing; asks nothing of apt, root or the network otherwise.
install() {
    command -v dpkg-query >/dev/null || return 0 # not Debian: CMake says what it does not find
    local lacking root=""
    lacking=$(missing_packages "$@" | xargs)
    [ -n "$lacking" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "Please install as root: apt-get install $lacking" >&2; exit 1; }
        root=sudo
    fi
    echo "Installing: $lacking"
    quietly $root apt-get update -q
    # shellcheck disable=SC2086
    quietly $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $lacking
}

# Runs a command and shows its output only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        echo "failed: $*" >&2
        return 1
    fi
    rm -f "$log"
}

# build PRESET [CMAKE OPTION...]
build() {
    local preset=$1
    shift
    echo "Building ($preset)"
    quietly cmake --preset "$preset" "$@"
    quietly cmake --build --preset "$preset" -j "$jobs"
}
