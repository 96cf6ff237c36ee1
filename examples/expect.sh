#!/usr/bin/env bash
# expect.sh PATTERN COMMAND...: the command succeeds, and what it prints has a match of the regular expression.
pattern=$1
shift
out=$("$@")
status=$?
echo "$out"
[ $status = 0 ] || { echo "exit status $status: $*" >&2; exit 1; }
[[ $out =~ $pattern ]] || { printf 'no match for: %s\n' "$pattern" >&2; exit 1; }
