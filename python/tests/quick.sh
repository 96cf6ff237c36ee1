#!/usr/bin/env bash
# The tests of the package from the source tree, with the library of a build: quick.sh LIBJITC. Skipped (77) where
# no Python has NumPy and pytest; PYTHON names one.
set -eu
library=$(realpath "$1")
cd "$(dirname "$0")/.."
for python in ${PYTHON:-python3 /usr/bin/python3}; do
    "$python" -c 'import sys, numpy, pytest; assert sys.version_info >= (3, 9)' 2>/dev/null || continue
    export JITC_LIBRARY=$library PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1
    exec "$python" -m pytest -q -p no:cacheprovider tests
done
echo "skipped: no Python 3.9 or newer with NumPy and pytest (Debian: python3-numpy, python3-pytest)"
exit 77
