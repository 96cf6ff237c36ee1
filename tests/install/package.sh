#!/usr/bin/env bash
# Makes the packages as the preset `package` does, unpacks them, and uses what is in them.
#   package.sh CMAKE ROOT
set -u
export LC_ALL=C
cmake=$1 root=$2
command -v dpkg-shlibdeps >/dev/null || { echo "skipped: dpkg-dev is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CMAKE_PREFIX_PATH PKG_CONFIG_PATH LD_LIBRARY_PATH DESTDIR CFLAGS LDFLAGS JITC_TOOL
checks=0 failures=0

failed() {
    failures=$((failures + 1))
    printf 'FAIL (line %s) %s\n' "${BASH_LINENO[1]}" "$*"
    tail -n 40 "$work/log" | sed 's/^/    /'
}
ok() { checks=$((checks + 1)); "$@" >"$work/log" 2>&1 </dev/null || failed "$*"; }
says() { checks=$((checks + 1)); grep -qE -e "$1" "$work/log" || failed "the output lacks '$1'"; }

cd "$root" || exit 1
ok "$cmake" --preset package -B "$work/build"
ok "$cmake" --build "$work/build" --target all package -j 2
cd "$work/build" || exit 1
debs=(jitc_*.deb libjitc[0-9]*.deb libjitc-dev_*.deb)
ok test ${#debs[@]} = 3

if command -v lintian >/dev/null; then
    # It is no upload to Debian, and cpack writes a script that calls ldconfig beside the trigger.
    ok lintian --allow-root --fail-on error,warning \
        --suppress-tags initial-upload-closes-no-bugs,maintscript-calls-ldconfig "${debs[@]}"
else
    echo "lintian is not installed: not checked"
fi
ok dpkg-deb -f libjitc[0-9]*.deb Depends
says 'libc6 \(.*libprotobuf-c1.*zlib1g'
ok dpkg-deb -f jitc_*.deb Depends
says 'libjitc[0-9]+ \(= '
ok dpkg-deb -I libjitc[0-9]*.deb triggers
says 'activate-noawait ldconfig'

for deb in "${debs[@]}"; do ok dpkg-deb -x "$deb" "$work/root"; done
digits="$work/root/usr/share/doc/jitc/examples/digits"
ok "$work/root/usr/bin/jitc" run "$digits/digits.pb" --input "$digits/test_images.npy"
says 'probabilities +f32\[360,10\]'
ok zcat "$work/root/usr/share/man/man1/jitc-compile.1.gz"
says 'TH "JITC-COMPILE" 1'
ok test -s "$work/root/usr/share/doc/libjitc-dev/copyright"
ok "$cmake" -S "$digits/../cmake_project" -B "$work/example" "-DCMAKE_PREFIX_PATH=$work/root/usr"
ok "$cmake" --build "$work/example"
ok ctest --test-dir "$work/example"
says '100% tests passed, 0 tests failed out of 2'

mkdir "$work/unpacked"
ok tar -xzf jitc-*.tar.gz -C "$work/unpacked"
ok "$work"/unpacked/jitc-*/bin/jitc run "$digits/digits.pb" --input "$digits/test_images.npy"
says 'probabilities +f32\[360,10\]'
echo "$checks checks, $failures failed"
[ "$failures" = 0 ]
