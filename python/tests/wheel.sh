#!/usr/bin/env bash
# The wheel, as users get it: made from this checkout, installed into an environment of its own, where the tests
# run, the type checker, the linter and the examples. Skipped (77) where there is no pip, or nothing to get from it.
set -eu
root=$(realpath "$(dirname "$0")/../..")
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
skip() { echo "skipped: $*"; exit 77; }

python=${PYTHON:-python3}
"$python" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)' 2>/dev/null ||
    skip "no Python 3.10 or newer that can make environments (Debian: python3-venv)"
"$python" -m venv "$temp/env"
export PATH=$temp/env/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
unset PYTHONPATH JITC_LIBRARY
# The versions are named: a newer checker would find other things in the same code.
pip install -q --retries 1 --timeout 15 numpy ml_dtypes pytest==9.* mypy==2.4.* ruff==0.17.* "dask[distributed]" pillow \
    auditwheel 2>"$temp/why" || skip "pip gets no packages: $(tail -1 "$temp/why")"

"$root/scripts/wheel" "$temp/dist"
wheel=$(echo "$temp"/dist/*.whl)
auditwheel show "$wheel" | tr '\n' ' ' | grep -q "consistent with the following platform tag: \"manylinux_" ||
    { auditwheel show "$wheel"; exit 1; }
pip install -q "$wheel"

cd "$temp"
python -m pytest -q -p no:cacheprovider "$root/python/tests"
jitc inspect "$root/examples/digits/digits.pb" >inspected
grep -q '^outputs .*probabilities' inspected
cd "$root/python"
mypy --cache-dir "$temp/mypy"
ruff check --no-cache . ../examples/python ../examples/dask
ruff format --no-cache --check . ../examples/python ../examples/dask

# The same from the sources, with the libraries of any build.
JITC_BUILD=$root/build-wheel pip wheel -q --no-deps -w "$temp/again" "$root/python"
cmp "$wheel" "$temp"/again/*.whl
