#!/usr/bin/env bash
# Completion and man pages: what the tool offers, and what the shells make of it.
#   completion.sh JITC ROOT GROUP...      GROUP: words, bash, zsh, fish, man
set -u
export LC_ALL=C
jitc=$1 root=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
checks=0 failures=0
cp "$root/examples/digits/digits.pb" digits.pb
cp "$root/examples/digits/digits.pb" "my model.pb"
mkdir -p "dir/sub dir"
touch dir/x.npy dir/x.txt one.npy two.npz note.txt graph.jir

# same WANTED COMMAND...: the lines of the output, in any order, are the words WANTED.
same() {
    local want=$1 got
    shift
    checks=$((checks + 1))
    got=$("$@" 2>err </dev/null | sort | tr '\n' '|')
    want=$(tr '|' '\n' <<<"$want" | grep . | sort | tr '\n' '|')
    if [ "$got" != "$want" ] || [ -s err ]; then
        failures=$((failures + 1))
        printf 'FAIL (line %s) %s\n    wanted %s\n    got    %s\n' "${BASH_LINENO[0]}" "$*" "$want" "$got"
        sed 's/^/    err: /' err
    fi
}
offers() { "$jitc" help --complete "$@" | cut -f1; }
all_commands='run|bench|profile|inspect|opt|explain|compare|reduce|tune|cache|compile'

group_words() {
    same "$all_commands|help" offers ''
    same 'compare|compile' offers com
    same '--help|--version' offers --
    same "$all_commands" offers help ''
    same '' offers nosuch ''
    same '' offers
    same '--output|--output-dir' offers run --outp
    same '--output' offers compile x.pb --outp
    same '--help' offers run --he
    same '--emit=obj|--emit=shared|--emit=asm|--emit=llvm|--emit=jir' offers compile --emit=
    same 'jir' offers opt x.pb --emit j
    same '' offers compile x.pb --emit nonesuch
    same 'fold,cse|fold,control|fold,chain' offers opt --passes 'fold,c'
    same '--passes=fix(fold' offers opt '--passes=fix(fol'
    same 'off' offers compare x.pb --passes of
    # Files, and what stands before them.
    same $':files\t\t.pb .pbtxt' "$jitc" help --complete run ''
    same $':files\t\t.pb .pbtxt .jir' "$jitc" help --complete opt ''
    same $':files\t\t.pb .pbtxt' "$jitc" help --complete run --quiet --threads 2 -- -x
    same '' offers run digits.pb ''
    same $':folders\t--output-dir=\t' "$jitc" help --complete run --output-dir=d
    same $':files\t--input=images=\t.npy .npz' "$jitc" help --complete run digits.pb --input=images=o
    # Names in the model.
    same 'images=|:files' offers run digits.pb --input ''
    same 'images=' offers run digits.pb --shape im
    same 'images|functional_1/|probabilities|NoOp' offers run digits.pb --output ''
    same 'functional_1/re_lu_2_1/Relu' offers compile digits.pb --output functional_1/re_lu_2_1/
    same 'functional_1/flatten_1/|:files' offers run digits.pb --input functional_1/fl
    same '--node=probabilities' offers explain digits.pb --node=pro
    # What is no model offers nothing, and is no error.
    same '' offers run nothere.pb --output ''
    same '' offers run note.txt --output ''
    same '' offers run --output ''
}

# typed LINE: what bash completes at its end. Splits words as bash does: at blanks, and around '=' and ':'.
typed() {
    local COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS COMP_CWORD COMPREPLY=()
    mapfile -t COMP_WORDS < <(grep -oE '([^ =:\\]|\\.)+|[=:]+' <<<"$1")
    [[ $1 != *' ' || $1 == *'\ ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _jitc
    [ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}
group_bash() {
    # shellcheck source=/dev/null
    . "$root/cli/completion/jitc.bash"
    compopt() { :; } # only for bash at work
    PATH=$(dirname "$jitc"):$PATH
    same 'compare|compile' typed 'jitc com'
    same "$all_commands|help" typed 'jitc '
    same 'digits.pb|my model.pb|dir' typed 'jitc run '
    same 'digits.pb|my model.pb|graph.jir|dir' typed 'jitc opt '
    same 'images=|one.npy|two.npz|dir/' typed 'jitc run digits.pb --input '
    same 'dir/x.npy|dir/sub dir' typed 'jitc run digits.pb --input images=dir/'
    same 'one.npy' typed 'jitc run digits.pb --input=images=on'
    same 'images=' typed 'jitc run digits.pb --shape im'
    same 'images=' typed 'jitc run my\ model.pb --shape im'
    same 'asm' typed 'jitc compile digits.pb --emit=a'
    same 'obj|shared|asm|llvm|jir' typed 'jitc compile digits.pb --emit='
    same 'obj|shared|asm|llvm|jir' typed 'jitc compile digits.pb --emit '
    same 'dir' typed 'jitc run digits.pb --output-dir '
    HOME=$work/dir
    # shellcheck disable=SC2088 # the sign itself is meant
    same '~/x.npy|~/sub dir' typed 'jitc compare digits.pb --input images=~/'
}

# zsh's completion needs a terminal; what the function gives to it does not.
group_zsh() {
    command -v zsh >/dev/null || { echo "skipped: zsh is not installed"; exit 77; }
    asked() {
        zsh -f -c '
            compadd() { print -l -- ${(P)@[-1]} }
            compset() { print -- "compset $*" }
            _files() { print -- "files ${*//|/,}" }
            words=("$@") CURRENT=$# PREFIX=${@[-1]}
            . "$0"' "$root/cli/completion/_jitc" "$@"
    }
    same 'compare|compile' asked "$jitc" com
    same 'images=|files -g *.(npy,npz)(-.)' asked "$jitc" run digits.pb --input ''
    same 'compset -P images=|files -g *.(npy,npz)(-.)' asked "$jitc" run digits.pb --input images=o
    same 'files -/' asked "$jitc" run digits.pb --output-dir ''
    same 'images=' asked "$jitc" run 'my\ model.pb' --shape im
}

group_fish() {
    command -v fish >/dev/null || { echo "skipped: fish is not installed"; exit 77; }
    asked() {
        HOME=$work PATH=$(dirname "$jitc"):$PATH fish --no-config -c \
            'source $argv[1]; complete -C $argv[2] | string split -f1 \t' "$root/cli/completion/jitc.fish" "$1"
    }
    same 'compare|compile' asked 'jitc com'
    same 'digits.pb|my model.pb|dir/' asked 'jitc run '
    same 'images=one.npy' asked 'jitc run digits.pb --input images=o'
    same 'images=|one.npy|two.npz|dir/' asked 'jitc run digits.pb --input '
    same '--emit=asm' asked 'jitc compile digits.pb --emit=a'
}

# Every command has a page, every option of its help stands in it, and roff has nothing to say about it.
group_man() {
    local name page
    check_page() {
        if command -v mandoc >/dev/null; then
            same '' grep -v 'missing date' <(mandoc -T lint -W warning "$1")
        fi
        if command -v groff >/dev/null; then
            checks=$((checks + 1))
            [ -z "$(groff -man -Tutf8 -ww -z "$1" 2>&1)" ] || { failures=$((failures + 1)); groff -man -Tutf8 -ww -z "$1"; }
        fi
    }
    "$jitc" help --man >jitc.1
    check_page jitc.1
    check_page "$root/docs/libjitc.3.in"
    for name in ${all_commands//|/ }; do
        page=jitc-$name.1
        "$jitc" help --man "$name" >"$page"
        check_page "$page"
        same ".BR jitc\\-$name (1)" grep -xF ".BR jitc\\-$name (1)" jitc.1
        same "$(sed -n "s/^  \(-[-a-z]*\) .*/\1/p" <("$jitc" "$name" --help) | sort -u | tr '\n' '|')--help|" \
            sort -u <(sed -n 's/^\\fB\(\\-[-a-z\\]*\)\\fR.*/\1/p' "$page" | tr -d '\\')
    done
    checks=$((checks + 1))
    "$jitc" help --man nosuch >out 2>err && { failures=$((failures + 1)); echo "a page for no command"; }
}

for g in "$@"; do "group_$g"; done
echo "$checks checks, $failures failed"
[ "$failures" = 0 ]
