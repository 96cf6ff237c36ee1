#!/bin/sh
# check.sh DESCRIBE LIBRARY GOLDEN: what hosts are compiled with and linked against, compared with what it was.
# JITC_BLESS=1 rewrites the golden text.
set -eu
describe=$1 library=$2 golden=$3
now=$(mktemp)
trap 'rm -f "$now"' EXIT
export LC_ALL=C
{
    "$describe"
    echo
    readelf -dW "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/library \1 exports/p'
    readelf -W --dyn-syms "$library" | awk '$1 ~ /^[0-9]+:$/ && $7 ~ /^[0-9]+$/ {print "    " $8}' | sort
} >"$now"
grep -q '^library' "$now"
if [ "${JITC_BLESS:-}" = 1 ]; then
    cp "$now" "$golden"
elif ! diff -u "$golden" "$now"; then
    echo "The interface for hosts has changed. New functions get a line in runtime/libjitc.map, new fields of options"
    echo "stand at the end; everything else breaks programs that exist. If it is meant: JITC_BLESS=1 ctest -R abi"
    exit 1
fi
