#!/usr/bin/env bash
# The command line tool: messages, exit statuses, outputs, bad input.
#   cli.sh JITC ROOT [GROUP ...]      GROUP: args, files, inspect, opt, run, outputs, compare, reduce, bench, profile, tune, compile, custom (default: all)
set -u
export LC_ALL=C
jitc=$1 root=$2
shift 2
[ $# -gt 0 ] || set -- args files inspect opt run outputs compare reduce bench profile tune compile custom
here=$root/tests/cli/graphs
digits=$root/examples/digits/digits.pb
images=$root/examples/digits/test_images.npy
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache # what the user has tuned makes no difference
export JITC_CACHE=off
checks=0 failures=0

failed() {
    failures=$((failures + 1))
    printf 'FAIL (line %s) %s\n' "${BASH_LINENO[1]}" "$*"
    sed 's/^/    out: /' out | head -20
    sed 's/^/    err: /' err | head -20
}

# run STATUS COMMAND...: the exit status, and no sanitizer report.
run() {
    local want=$1 got
    shift
    checks=$((checks + 1))
    "$@" >out 2>err </dev/null
    got=$?
    [ $got = "$want" ] || failed "exit status $got, wanted $want: $*"
    ! grep -q 'Sanitizer\|runtime error' err || failed "$*"
}
says() { checks=$((checks + 1)); grep -qE -e "$1" out || failed "standard output lacks '$1'"; }
complains() { checks=$((checks + 1)); grep -qE -e "$1" err || failed "standard error lacks '$1'"; }
quiet() { checks=$((checks + 1)); [ ! -s err ] || failed "standard error is not empty"; }
# Every line of standard error has the form that scripts rely on.
formal() {
    checks=$((checks + 1))
    ! grep -vqE '^jitc: (error|note): ' err || failed "a line without 'jitc: error: '"
    ! grep -q $'\033' err || failed "a raw escape character"
}
# Standard output is JSON, where there is something to tell.
json() {
    command -v python3 >/dev/null || return 0
    checks=$((checks + 1))
    python3 -m json.tool out >/dev/null || failed "not JSON"
}
# bad STATUS PATTERN COMMAND...
bad() {
    local want=$1 pattern=$2
    shift 2
    run "$want" "$@"
    complains "^jitc: error: .*($pattern)"
    formal
    checks=$((checks + 1))
    [ ! -s out ] || failed "standard output is not empty: $*"
}

# npy FILE DESCR SHAPE BYTES: BYTES in printf's notation, repeated REPEAT times.
npy() {
    local header="{'descr': '$2', 'fortran_order': False, 'shape': ($3), }" pad
    pad=$(((64 - (10 + ${#header} + 1) % 64) % 64))
    header="$header$(printf '%*s' $pad '')"
    # shellcheck disable=SC2059
    {
        printf '\x93NUMPY\x01\x00'
        printf "\\x$(printf %02x $(((${#header} + 1) % 256)))\\x$(printf %02x $(((${#header} + 1) / 256)))"
        printf '%s\n' "$header"
        for ((i = 0; i < ${REPEAT:-1}; i++)); do printf "$4"; done
    } >"$1"
}
one='\x00\x00\x80\x3f' two='\x00\x00\x00\x40' minus='\x00\x00\x80\xbf'
npy a.npy '<f4' '1, 3' "$one$two$minus"
npy b.npy '<f4' '1, 3' "$one$one$one"
REPEAT=2 npy a2.npy '<f4' '2, 3' "$one$two$minus"
REPEAT=3 npy b3.npy '<f4' '3, 3' "$one$one$one"
npy v.npy '<f4' '3,' "$one$two$minus"
npy f8.npy '<f8' '1, 3' '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
REPEAT=60 npy last.npy '<f4' '1, 4, 5, 3' "$one"
REPEAT=60 npy first.npy '<f4' '1, 3, 4, 5' "$one"
REPEAT=60 npy nobatch.npy '<f4' '4, 5, 3' "$one"
head -c 5000 "$digits" >cut.pb
: >empty.pb
mkdir folder
data() { tail -c "$2" "$1" | od -An -v -tf4 -w400 | xargs; } # the last bytes as numbers

args() {
    run 0 "$jitc" --help
    says 'usage: jitc COMMAND'
    run 0 "$jitc" -h
    run 0 "$jitc" --version
    says '^jitc [0-9]+\.[0-9]+\.[0-9]+$'
    says '^LLVM '
    says '^host CPU '
    for c in run bench profile tune inspect opt explain compare reduce; do
        run 0 "$jitc" $c --help
        says "^usage: jitc $c "
        says '--shape'
        quiet
    done
    bad 2 'which command' "$jitc"
    bad 2 "no command is called 'runn'" "$jitc" runn
    bad 2 'command comes first' "$jitc" --input a.npy
    for c in bisect; do bad 2 "'$c' is not available yet" "$jitc" $c x; done
    bad 2 'which model' "$jitc" run
    bad 2 'one model at a time' "$jitc" run a.pb b.pb
    bad 2 "unknown option '--inputs'" "$jitc" run --inputs=x m.pb
    bad 2 "unknown option '-x'" "$jitc" run -x m.pb
    bad 2 '--input needs a value' "$jitc" run m.pb --input
    bad 2 '--quiet takes no value' "$jitc" run m.pb --quiet=1
    bad 2 '--threads' "$jitc" run m.pb --threads two
    bad 2 '--threads' "$jitc" run m.pb --threads -1
    bad 2 '--repeat' "$jitc" run m.pb --repeat 0
    bad 2 '--secs' "$jitc" bench m.pb --secs -3
    bad 2 '--by .times.: one of' "$jitc" profile m.pb --by times
    bad 2 '--max-memory' "$jitc" run m.pb --max-memory lots
    bad 2 '--shape' "$jitc" run m.pb --shape x
    bad 2 '--shape' "$jitc" run m.pb --shape x=1,,2
    bad 2 '--shape' "$jitc" run m.pb --shape x=1,2,3,4,5,6,7,8,9
    bad 2 '--shape' "$jitc" run m.pb --shape x=99999999999999999999
    bad 2 'given twice' "$jitc" run m.pb --shape x=1 --shape x:0=2
    bad 2 '--set' "$jitc" run m.pb --set k=high
    bad 2 '--emit' "$jitc" opt m.pb --emit=c
    bad 2 'not available yet' "$jitc" run m.pb --checks
    # The help has what exists.
    run 0 "$jitc" run --help
    says '^  --threads'
    ! grep -qE -e '--checks' out || failed 'the help shows options that do nothing'
    bad 2 'jitc compile' "$jitc" run m.pb --target riscv64-unknown-linux-gnu
    # Without the code generator beside it.
    cp "$jitc" alone
    run 0 ./alone --version
    says '^LLVM'
    run 0 ./alone inspect "$digits"
    # All problems at once.
    run 2 "$jitc" run --threads x --secs 1 --set k m.pb n.pb
    checks=$((checks + 1))
    [ "$(grep -c '^jitc: error: ' err)" = 4 ] || failed "four problems, four lines"
}

files() {
    bad 1 'nothere.pb: .*No such file' "$jitc" inspect nothere.pb
    bad 1 'is a folder' "$jitc" inspect folder
    bad 1 'is empty' "$jitc" inspect empty.pb
    bad 1 'not a regular file' "$jitc" inspect /dev/null
    bad 1 '.' "$jitc" inspect cut.pb
    bad 1 '.' "$jitc" inspect a.npy
    bad 1 '.' "$jitc" inspect "$images"
    bad 1 'bad.jir|line 1' "$jitc" opt "$here/bad.jir"
    mkfifo pipe
    bad 1 'not a regular file' "$jitc" inspect pipe
    bad 1 'esc\\x1b\[31m\.pb' "$jitc" inspect $'esc\033[31m.pb'
    bad 1 'two\\x0alines' "$jitc" inspect $'two\nlines'
}

inspect() {
    run 0 "$jitc" inspect "$digits"
    says '^digits.pb: .*149 nodes'
    says '^inputs +images +f32\[\?,8,8,1\]$'
    says '^outputs +probabilities +f32\[\?,10\]$'
    says 'Conv2D 4'
    says '6 convolutions, 11,504 weights, 134 kMAC'
    quiet
    run 0 "$jitc" inspect "$digits" --shape images=2,8,8,1
    says 'probabilities +f32\[2,10\]'
    says '268 kMAC'
    run 0 "$jitc" inspect "$digits" --json
    says '"can_compile": true'
    says '"inputs": \[\{"name": "images", "dtype": "f32", "shape": \[null, 8, 8, 1\]\}\]'
    run 1 "$jitc" inspect "$here/unsupported.pbtxt"
    says '^inputs +bytes +string\[\]$'
    says '^cannot compile: 2 of 5 nodes$'
    says '^  decode +DecodeJpeg +.*--input decode='
    says '^  mystery +NoSuchOperation +.*--input mystery='
    run 1 "$jitc" inspect "$here/unsupported.pbtxt" --json
    says '"can_compile": false'
    says '\{"node": "decode", "op": "DecodeJpeg", "reason": '
    run 0 "$jitc" inspect "$here/unsupported.pbtxt" --input mystery=x.npy --shape mystery=1,2,2,3
    says '^inputs +mystery +f32\[1,2,2,3\]$'
    run 1 "$jitc" inspect "$here/escape.pbtxt"
    checks=$((checks + 1))
    ! grep -q $'\033' out || failed "a raw escape character"
    run 0 "$jitc" inspect "$here/set.pbtxt" --set keep=0.5
    says '^inputs +x +f32\[3\]$'
    checks=$((checks + 1))
    ! grep -q keep out || failed "a placeholder that is set is still an input"
    # The fewest cuts behind what is not supported: one tensor for two nodes; what is lost is named.
    run 1 "$jitc" inspect "$here/cuts.pbtxt"
    says '^cut +--input joined=FILE +f32\[2,3\]$'
    says '^ +with which the rest compiles$'
    says '^lost +alone '
    says '^nodes .*not supported'
    run 1 "$jitc" inspect "$here/cuts.pbtxt" --json
    json
    says '"cuts": \[\{"name": "joined", "dtype": "f32", "shape": \[2, 3\]\}\],'
    says '"cuts_checked": true'
    says '"lost_outputs": \["alone"\]'
    says '"first": "unsupported"'
    says '"good": "blocked"'
    run 0 "$jitc" inspect "$digits" --json
    json
    says '"weight_types": \[\{"dtype": "f32", "tensors": 40, "elements": 11504, "bytes": 46016\}\]'
    says '"sizes": \[\{"size": "N0", "tensor": "images", "axis": 0\}'
    run 1 "$jitc" inspect "$here/escape.pbtxt" --json
    json
    run 1 "$jitc" inspect "$here/escape.pbtxt" --dot escape.dot
    checks=$((checks + 1))
    ! grep -q $'\033' escape.dot || failed "a raw escape character in the dot file"
    run 0 "$jitc" inspect "$here/add.pbtxt" --output scope/y:0
    says '^outputs +scope/y +f32'
    run 0 "$jitc" inspect "$here/add.pbtxt" --dot graph.dot
    checks=$((checks + 1))
    grep -q 'label="Add\\nscope/y"' graph.dot || failed "the dot file lacks a node"
    bad 2 "--output 'nosuch': the graph has no such tensor" "$jitc" inspect "$digits" --output nosuch
    bad 2 "--shape 'nosuch'" "$jitc" inspect "$digits" --shape nosuch=1
    bad 2 "--set 'nosuch'" "$jitc" inspect "$digits" --set nosuch=1
    bad 1 "has 1 output" "$jitc" run "$digits" --output probabilities:3 --input "$images"
    bad 1 'contradicts' "$jitc" run "$digits" --input "$images" --shape images=3,7,8,1
}

opt() {
    run 0 "$jitc" opt "$digits" --passes=
    says '^graph @main\(%0: f32\[\?N0,8,8,1\]\)'
    says 'conv'
    run 0 "$jitc" opt "$digits"
    says 'kernel'
    # Without the names of nodes, whose order is that of the file.
    sed 's/  @".*//' out >whole.jir
    run 0 "$jitc" opt whole.jir --passes=
    checks=$((checks + 1))
    cmp -s out whole.jir || failed "the text form is not the same when parsed and printed again"
    run 0 "$jitc" opt "$digits" --passes 'fix(simplify,dce),cse,bn' --dump-after simplify,bn -o to.jir
    checks=$((checks + 1))
    [ "$(grep '^# after' to.jir | sort -u)" = "$(printf '# after bn\n# after simplify (nothing changed)')" ] ||
        failed "not the dumps that were asked for"
    run 0 "$jitc" opt "$digits" --shape images=1,8,8,1 --emit=plan
    says 'igemm'
    bad 2 'needs every dimension' "$jitc" opt "$digits" --emit=plan
    bad 2 "no pass is called 'fuze'" "$jitc" opt "$digits" --passes fuze
    bad 2 "no pass is called 'fuze'" "$jitc" opt "$digits" --dump-after fuze
    run 0 "$jitc" opt "$here/ok.jir"
    run 0 "$jitc" opt "$digits" --shape images=1,8,8,1 --emit=llvm
    says '^define '
    run 0 "$jitc" opt "$digits" --shape images=1,8,8,1 --emit=asm
    says '^\s+\.text'
    run 0 "$jitc" explain "$digits" --shape images=1,8,8,1
    says '^functional_1/conv2d_1/convolution \(Conv2D\)   conv 3×3, 8×8 1→16, igemm$'
    says '^  fused     .*mul_1 \(Mul\), '
    says '^ +functional_1/re_lu_1/Relu \(Relu\)$'
    says '^  work      [0-9.]+ kFLOP: conv, add, relu$'
    says '^  memory    f32\[1,10,10,1\], weights [0-9.]+ B as \{filter\} → f32\[1,8,8,16\]\{blocked\} '
    says '^  schedule  [0-9]+ units? of [0-9]+ rows × 16 columns'
    says '^  bn        .*: scale folded into the weights$'
    says '^[0-9]+ kernel calls, weights [0-9.]+ kB, memory between kernels [0-9.]+ kB$'
    run 0 "$jitc" explain "$digits" # any batch
    says ' conv 3×3, \?× 8×8 1→16, igemm$'
    run 0 "$jitc" explain "$digits" --node functional_1/batch_normalization_1/
    says '^In no kernel, since folded'
    says ' functional_1/batch_normalization_1/batchnorm/Rsqrt \(Rsqrt\)'
    run 0 "$jitc" explain "$digits" --node nothing/here
    complains '^jitc: note: '
}

run_() {
    run 0 "$jitc" run "$digits" --input "$images"
    says '^digits.pb: 6 convolutions, .* MMAC; compiled in [0-9.]+ ms$'
    says '^probabilities  f32\[360,10\]  min .* max .* mean 0\.100$'
    says '^ +top 5 of row 0: [0-9] '
    says '^1 run, [0-9.]+ ms \([0-9]+ threads?\)$'
    quiet
    run 0 "$jitc" run "$digits" --input images="$images" --threads 1 --repeat 3 --no-cache --precise \
        --target native --max-memory 1G
    says '^3 runs, mean .* \(1 thread\)$'
    run 0 "$jitc" run "$digits" --input "$images" --output probabilities=best.npy --quiet
    run 0 "$jitc" run "$digits" --input "$images" --output probabilities=quick.npy --quiet --tier
    checks=$((checks + 1))
    cmp -s best.npy quick.npy || failed "--tier changes results"
    run 0 "$jitc" run "$digits" --input images:0="$images" --quiet
    checks=$((checks + 1))
    [ "$(wc -l <out)" = 2 ] || failed "--quiet shows the result only"

    # (a + b) * a
    run 0 "$jitc" run "$here/add.pbtxt" --input a=a.npy --input b=b.npy --output scope/z=z.npy --output scope/y
    says '^scope/z  f32\[1,3\]  → z.npy$'
    says '^scope/y  f32\[1,3\]  min 0  max 3  mean 1\.667$'
    checks=$((checks + 1))
    [ "$(data z.npy 12)" = "2 6 0" ] || [ "$(data z.npy 12)" = "2 6 -0" ] || failed "wrong result: $(data z.npy 12)"
    # Cut in the middle: scope/y is given.
    run 0 "$jitc" run "$here/add.pbtxt" --input scope/y=b.npy --input a=a.npy --output scope/z:0=z2.npy
    checks=$((checks + 1))
    [ "$(data z2.npy 12)" = "1 2 -1" ] || failed "wrong result: $(data z2.npy 12)"
    # What is left over when the others are named.
    run 0 "$jitc" run "$here/add.pbtxt" --input a=a.npy --input b.npy
    npy i.npy '<i4' '2,' '\x07\0\0\0\xf9\xff\xff\xff'
    npy zero.npy '<i4' '2,' '\x02\0\0\0\0\0\0\0'
    run 0 "$jitc" run "$here/divide.pbtxt" --input x=i.npy --input y=i.npy --output quotient
    bad 1 "'quotient': integer division by zero" "$jitc" run "$here/divide.pbtxt" --input x=i.npy --input y=zero.npy --output quotient
    bad 1 "'power': an integer to the power of a negative one" "$jitc" run "$here/divide.pbtxt" --input x=i.npy --input y=i.npy --output power
    run 0 "$jitc" run "$here/set.pbtxt" --set keep=2 --input v.npy --output y=y.npy
    checks=$((checks + 1))
    [ "$(data y.npy 12)" = "2 4 -2" ] || failed "wrong result: $(data y.npy 12)"
    run 0 "$jitc" run "$here/unsupported.pbtxt" --input mystery=v.npy
    cp a.npy 'q=a.npy'
    run 0 "$jitc" run "$here/set.pbtxt" --set keep=2 --input ./v.npy
    run 0 "$jitc" run "$here/image.pbtxt" --input last.npy

    bad 2 "input 'images', f32\[\?,8,8,1\], is not given: --input images=FILE" "$jitc" run "$digits"
    run 2 "$jitc" run "$here/add.pbtxt"
    checks=$((checks + 1))
    [ "$(grep -c 'is not given' err)" = 2 ] || failed "both inputs are missing"
    bad 2 'for which input.*: a, b' "$jitc" run "$here/add.pbtxt" --input a.npy
    bad 2 'given twice' "$jitc" run "$here/add.pbtxt" --input a=a.npy --input a:0=a.npy
    bad 2 'no input that it could be for' "$jitc" run "$here/add.pbtxt" --input a=a.npy --input b=b.npy --input b.npy
    bad 2 "the graph has no tensor 'imges'; its inputs are: images" "$jitc" run "$digits" --input imges="$images"
    bad 1 'nothere.npy: No such file' "$jitc" run "$digits" --input nothere.npy
    bad 1 'folder' "$jitc" run "$digits" --input images=folder
    bad 1 '.' "$jitc" run "$digits" --input "$digits"
    head -c 70 a.npy >short.npy
    bad 1 'short.npy' "$jitc" run "$here/add.pbtxt" --input a=short.npy --input b=b.npy
    bad 1 "input 'a' is f64\[1,3\], the model wants f32\[\?,3\]; convert it with x.astype\(\"float32\"\)" \
        "$jitc" run "$here/add.pbtxt" --input a=f8.npy --input b=b.npy
    bad 1 "input 'image' is f32\[1,3,4,5\], the model wants f32\[\?,4,5,3\]; it looks channels-first: transpose it with \(0, 2, 3, 1\)" \
        "$jitc" run "$here/image.pbtxt" --input first.npy
    bad 1 'batch dimension seems to be missing' "$jitc" run "$here/image.pbtxt" --input nobatch.npy
    # All problems at once.
    run 1 "$jitc" run "$here/add.pbtxt" --input a=f8.npy --input b=v.npy
    checks=$((checks + 1))
    [ "$(grep -c "^jitc: error: input '[ab]' is " err)" = 2 ] || failed "two inputs do not fit"
    run 1 "$jitc" run "$here/unsupported.pbtxt" --input bytes="$digits"
    checks=$((checks + 1))
    [ "$(grep -c "^jitc: error: node '" err)" = 2 ] || failed "two nodes are not supported"
    bad 1 '\\x1b\[2JBad' "$jitc" run "$here/escape.pbtxt" --input x=v.npy
    bad 1 '.' "$jitc" run "$here/add.pbtxt" --input a=a2.npy --input b=b3.npy --output scope/z=never.npy
    checks=$((checks + 1))
    [ ! -e never.npy ] || failed "an output in spite of a failure"
    bad 2 'nosuchcpu' "$jitc" run "$digits" --input "$images" --cpu nosuchcpu
    bad 1 'memory' "$jitc" run "$digits" --input "$images" --max-memory 20K
    for cpu in x86-64 x86-64-v2; do
        run 0 "$jitc" run "$digits" --input "$images" --cpu $cpu --output probabilities=$cpu.npy
    done
}

outputs() {
    local add=("$jitc" run "$here/add.pbtxt" --input a=a.npy --input b=b.npy)
    run 0 "${add[@]}" --output-dir all --output scope/y --output scope/z
    checks=$((checks + 1))
    [ "$(ls all)" = "$(printf 'scope_y.npy\nscope_z.npy')" ] || failed "--output-dir wrote: $(ls all)"
    bad 1 'cannot write: Is a directory' "${add[@]}" --output scope/z=folder
    bad 1 'no/dir/z.npy: cannot write' "${add[@]}" --output scope/z=no/dir/z.npy
    bad 1 'is not a folder' "${add[@]}" --output-dir a.npy
    bad 2 'written twice' "${add[@]}" --output scope/z=z.npy --output scope/y=z.npy
    bad 2 "file's name is missing" "${add[@]}" --output scope/z=
    echo before >kept.npy
    # One output cannot be written, and the other stays as it was.
    bad 1 '/dev/full: cannot write: No space' "${add[@]}" --output scope/y=kept.npy --output scope/z=/dev/full
    checks=$((checks + 1))
    [ "$(cat kept.npy)" = before ] || failed "half of the outputs were written"
    checks=$((checks + 1))
    [ -z "$(find . -name '.jitc-*')" ] || failed "a temporary file is left over"
    run 0 "${add[@]}" --output scope/z=/dev/stdout
    checks=$((checks + 1))
    head -c 6 out | grep -q NUMPY || failed "the array on standard output is not alone there"
    run 1 sh -c '"$@" >/dev/full' sh "${add[@]}"
    complains '^jitc: error: standard output: cannot write: No space'
    run 1 sh -c '"$@" >/dev/full' sh "$jitc" --help
}

compare() {
    run 0 "$jitc" compare "$digits" --input "$images"
    says '^functional_1/dense_1_2/Softmax +f32\[360,10\] '
    says '^10 of 10 tensors within the tolerance; 24 others are inside kernels \(--verbose lists them\)$'
    quiet
    run 0 "$jitc" compare "$digits" --input "$images" --verbose
    says '^  functional_1/.* is inside the kernel of '
    run 0 "$jitc" compare "$digits" --input "$images" --evaluate --json
    json
    says '"wrong": 0'
    run 0 "$jitc" compare "$digits" --input "$images" --passes off --quiet
    run 1 "$jitc" compare "$digits" --input "$images" --rtol 0 --atol 0
    says '^first difference: '
    complains "^jitc: error: compare: [0-9]+ tensors differ; the first is '.*' \([A-Za-z0-9]+\) at \([0-9,]+\): "
    formal
    add=("$jitc" compare "$here/add.pbtxt" --input a=a.npy --input b=b.npy)
    run 0 "${add[@]}"
    if command -v python3 >/dev/null && command -v zip >/dev/null; then
        mkdir -p scope && cp b.npy scope/z.npy && cp b.npy nosuch.npy && zip -q0 ref.npz scope/z.npy && zip -q0 bad.npz nosuch.npy
        run 1 "${add[@]}" --ref ref.npz
        complains "differs; the first is 'scope/z' \(Mul\) at \([0-9,]+\): .*, the reference has 1; the evaluator differs as well$"
        bad 1 "holds 'nosuch', but the graph has no such tensor" "${add[@]}" --ref bad.npz
    fi
    bad 1 'nosuch.npz: ' "${add[@]}" --ref nosuch.npz
    bad 2 '--rtol' "${add[@]}" --rtol -1
    bad 2 '--atol' "${add[@]}" --atol x
    bad 2 "no pass is called 'fuze'" "${add[@]}" --passes fuze
    bad 2 'is not given' "$jitc" compare "$here/add.pbtxt" --input a=a.npy
    run 1 "$jitc" compare "$here/unsupported.pbtxt" --input bytes=a.npy
    formal
    complains '^jitc: error: '
}

reduce() {
    conv=functional_1/conv2d_1/convolution
    run 0 "$jitc" reduce "$digits" --input "$images" --output "$conv" --rtol 0 --atol 0 --threads 1 -o small.pb
    says '^[0-9] of 149 nodes left after [0-9]+ tries$'
    quiet
    PATH=$(dirname "$jitc"):$PATH run 1 bash -c "$(tail -1 out)"
    complains "^jitc: error: compare: 1 tensor differs; the first is '$conv'"
    # A message: what comes before the node becomes an input.
    npy i2.npy '<i4' '2,' '\1\0\0\0\2\0\0\0'
    npy zero2.npy '<i4' '2,' '\0\0\0\0\0\0\0\0'
    run 0 "$jitc" reduce "$here/divide.pbtxt" --input x=i2.npy --input y=zero2.npy --check 'error:division by zero' -o small.pb
    says '^3 of 4 nodes left'
    bad 1 "'quotient': integer division by zero" "$jitc" run small.pb --input x=small.in0.npy --input y=small.in1.npy
    bad 1 'does not fail so \(--check compare\)' "$jitc" reduce "$here/add.pbtxt" --input a=a.npy --input b=b.npy -o none.pb
    bad 1 'does not fail so \(--check crash\)' "$jitc" reduce "$here/add.pbtxt" --input a=a.npy --input b=b.npy --check crash -o none.pb
    bad 2 'where to' "$jitc" reduce "$here/add.pbtxt" --input a=a.npy --input b=b.npy
    bad 2 '--check' "$jitc" reduce "$here/add.pbtxt" --check wrong -o none.pb
    checks=$((checks + 1))
    [ ! -e none.pb ] || failed "a model that does not fail is written"
}

compile() {
    # An object with its header; what calls it gets what `run` gets.
    run 0 "$jitc" compile "$digits" -o digits.o --header digits.h
    quiet
    cat >main.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include "digits.h"
int main(int argc, char **argv)
{
    static float in[360 * 64], out[360 * 10];
    FILE *f = fopen(argv[1], "rb"), *g = fopen(argv[2], "wb");
    int64_t dims[DIGITS_DIMS] = {atoi(argv[3])};
    if (!f || !g || argc != 4 || fseek(f, 128, SEEK_SET) || fread(in, 1, sizeof in, f) != sizeof in) return 2;
    size_t n = digits_workspace_bytes(dims, 1);
    void *workspace = aligned_alloc(64, n);
    int error = digits_run_dims((const void *[]){in}, (void *[]){out}, workspace, n, dims);
    if (error) puts(digits_error(error));
    fwrite(out, 1, digits_output_bytes(0, dims), g);
    puts(digits_inputs[0].name);
    free(workspace);
    return error ? 1 : fclose(g);
}
END
    run 0 cc -std=c11 -Wall -Wextra -Werror main.c digits.o -lm -o main
    run 0 ./main "$images" all.bin 360
    says '^images$'
    run 0 "$jitc" run "$digits" --input "$images" --output probabilities=all.npy --quiet
    tail -c 14400 all.npy | cmp - all.bin || failed "the object's answers are not those of run"
    run 0 ./main "$images" three.bin 3
    head -c 120 all.bin | cmp - three.bin || failed "other answers for a batch of three"
    run 0 nm -u digits.o
    checks=$((checks + 1))
    [ ! -s out ] || failed "the object needs symbols from elsewhere"
    echo '#include "digits.h"' >two.c
    run 0 cc -std=c99 -pedantic -Wall -Wextra -Werror -c two.c -o two.o
    ! command -v c++ >/dev/null || run 0 c++ -pedantic -Wall -Wextra -Werror -x c++ -c two.c -o two.o

    # The same bytes each time.
    run 0 "$jitc" compile "$digits" -o digits2.o --name digits --header digits2.h
    cmp digits.o digits2.o && cmp digits.h digits2.h || failed "two compiles differ"

    # Other products.
    run 0 "$jitc" compile "$digits" -o libdigits.so --name digits --header digits.h --emit shared
    run 0 nm -D --defined-only libdigits.so
    says ' T digits_run_options'
    run 0 "$jitc" compile "$digits" -o digits.s --name digits --emit asm --cpu x86-64
    run 0 "$jitc" compile "$digits" -o digits.ll --name digits --emit llvm --cpu native
    run 0 "$jitc" compile "$digits" -o digits.jir --emit jir
    run 0 "$jitc" compile "$digits" -o small.o --header small.h --weights small.bin --shape images=1,8,8,1
    checks=$((checks + 1))
    grep -q "SMALL_WEIGHT_BYTES $(wc -c <small.bin)\$" small.h || failed "the header's size of the weights"

    # Other systems: the same header.
    run 0 "$jitc" compile "$digits" -o far.o --name digits --header far.h --target aarch64-linux-gnu --cpu cortex-a76
    quiet
    cmp digits.h far.h || failed "another header for another system"
    run 0 "$jitc" compile "$digits" -o far.s --name digits --emit asm --target riscv64-linux-gnu --cpu rv64gcv
    checks=$((checks + 1))
    grep -q 'vfmacc' far.s || failed "no vectors in code for rv64gcv"
    bad 2 'there are x86_64-linux-gnu, ' "$jitc" compile "$digits" -o x.o --header x.h --target vax-ultrix
    bad 2 'there are generic cortex-a35' "$jitc" compile "$digits" -o x.o --header x.h --target aarch64-linux-gnu --cpu z80
    bad 2 'CC name the C compiler for aarch64-linux-gnu' env -u CC "$jitc" compile "$digits" -o x.so --header x.h \
        --emit shared --target aarch64-linux-gnu
    bad 2 'jitc compile' "$jitc" bench "$digits" --target aarch64-linux-gnu

    # Wrong usage, and nothing left behind.
    bad 2 'where to' "$jitc" compile "$digits"
    bad 2 '--header' "$jitc" compile "$digits" -o x.o
    bad 2 'letters, digits' "$jitc" compile "$digits" -o x.o --header x.h --name 3x
    bad 2 'obj, shared' "$jitc" compile "$digits" -o x.o --header x.h --emit exe
    bad 2 "unknown CPU 'nope'" "$jitc" compile "$digits" -o x.o --header x.h --cpu nope
    bad 2 'single features' "$jitc" compile "$digits" -o x.o --header x.h --cpu x86-64-v3,+avx512f
    bad 1 'cannot link' env CC=false "$jitc" compile "$digits" -o x.so --header x.h --emit shared
    bad 1 '' "$jitc" compile "$digits" -o x.o --header nowhere/x.h
    bad 1 '' "$jitc" compile "$here/../cli.sh" -o x.o --header x.h
    checks=$((checks + 1))
    [ ! -e x.o ] && [ ! -e x.h ] && [ ! -e x.so ] || failed "a failed compile left a file"
}

bench() {
    run 0 "$jitc" bench "$digits" --secs 0.1 --threads 1 --json -
    for field in model threads cpu load_ms first_ms min_ms median_ms p90_ms p99_ms runs peak_rss_kib arena_bytes \
        weights_bytes code_bytes macs cache phases; do
        says "^  \"$field\": "
    done
    says '"threads": 1,'
    says '"macs": 133952,'
    for phase in decode import passes plan pack open codegen llvm_ir llvm_passes llvm_machine link; do
        says "\"phases\": .*\"$phase\": [0-9]"
    done
    complains '^jitc: note: open dimensions taken as 1: images f32\[1,8,8,1\]$'
    checks=$((checks + 1))
    [ "$(head -1 out)" = "{" ] || failed "more than JSON on standard output"
    run 0 "$jitc" bench "$digits" --secs 0.1 --threads 1 --shape images=4,8,8,1 --json report.json
    says '^latency   median '
    says '% of FMA peak'
    says 'MiB \(weights [0-9]+ KiB, arena [0-9]+ KiB, code [0-9]+ KiB\)$'
    quiet
    checks=$((checks + 1))
    grep -q '"cache": "off"' report.json || failed "no report"
    bad 1 'is a string' "$jitc" bench "$here/bytes.pbtxt"
}

tune() {
    local file=$XDG_CACHE_HOME/jitc/tune/choices.txt line
    run 0 "$jitc" tune "$digits" --shape images=64,8,8,1 --threads 1 --budget 1
    says '^[0-9]+ of [0-9]+ problems are solved faster than by default'
    says "^[0-9]+ choices? (is|are) kept in $file\$"
    quiet
    checks=$((checks + 1))
    [ "$(stat -c %a "$XDG_CACHE_HOME/jitc/tune" "$file" | tr '\n' ' ')" = '700 600 ' ] || failed 'it is not private'
    run 0 "$jitc" tune "$digits" --threads 1 --budget 0.01 -o kept.txt
    says 'kept in kept.txt$'
    run 0 "$jitc" tune "$here/add.pbtxt" --shape a=1,3 --shape b=1,3 --budget 0.01 --quiet -o kept.txt
    says '^0 of 0 problems'
    run 0 "$jitc" run "$digits" --input "images=$images" --threads 1 --tuning kept.txt --quiet
    quiet

    # Ctrl-C keeps what was found.
    # shellcheck disable=SC2016 # for the inner shell; the background of a script ignores the signal otherwise
    run 0 timeout --preserve-status -s INT 8 env "$jitc" tune "$digits" --shape images=8192,8,8,1 --threads 1 --budget 60 -o kept.txt
    says 'interrupted'
    says 'kept in kept.txt$'

    # Damage is a warning; other lines hold.
    line=$(grep -c . "$file")
    echo '1 | here | conv | direct | usual 1 ms, best 1 ms | 0123456789abcdef' >>"$file"
    run 0 "$jitc" run "$digits" --input "images=$images" --threads 1 --quiet
    complains '^jitc: warning: .*choices.txt: 1 damaged line is left out$'
    run 0 "$jitc" run "$digits" --input "images=$images" --threads 1 --quiet --no-tuning
    quiet
    run 0 "$jitc" explain "$digits"
    complains '1 damaged line is left out$'
    run 0 "$jitc" tune "$digits" --shape images=64,8,8,1 --threads 1 --budget 0.01
    run 0 "$jitc" explain "$digits"
    quiet
    head -c 1000 /dev/urandom >"$file"
    run 0 "$jitc" run "$digits" --input "images=$images" --threads 1 --quiet
    complains '^jitc: warning: '
    chmod 755 "$XDG_CACHE_HOME/jitc"
    run 0 "$jitc" run "$digits" --input "images=$images" --threads 1 --quiet
    complains 'warning: no choices that were tuned are used: .*is not private'
    run 1 "$jitc" tune "$digits" --threads 1 --budget 0.01
    says '^nothing is kept$'
    complains '^jitc: error: .*is not private'
    formal

    # Nowhere to write.
    touch flat
    run 1 env XDG_CACHE_HOME="$work/flat" "$jitc" tune "$digits" --threads 1 --budget 0.01
    complains '^jitc: error: .*flat: Not a directory'
    run 1 "$jitc" tune "$digits" --threads 1 --budget 0.01 -o nowhere/t.txt
    complains 'error: nowhere/t.txt: '
    run 0 env -u XDG_CACHE_HOME -u HOME "$jitc" run "$digits" --input "images=$images" --quiet
    quiet
    bad 1 'nowhere.txt' "$jitc" run "$digits" --input "images=$images" --tuning nowhere.txt
    bad 2 'budget .0.: a number' "$jitc" tune "$digits" --budget 0
    bad 2 'unknown option .--tuning' "$jitc" tune "$digits" --tuning x
    bad 1 'is a string' "$jitc" tune "$here/bytes.pbtxt"
    rm -rf "$XDG_CACHE_HOME"
    batches
}

# The sizes in a report.
sizes() {
    checks=$((checks + 1))
    [ "$(grep -o '"batch": [0-9]*' "$1" | cut -d' ' -f2 | tr '\n' ' ')" = "$2 " ] || failed "other sizes than $2"
}
batches() {
    # As much time as three runs of each size take.
    run 0 "$jitc" tune "$digits" --batch 3..20 --threads 1 --budget 0.001 --svg batch.svg --json batch.json
    says '^ +batch +items/s +median +p90 +memory +arena$'
    says '^ +20 +[0-9.]+ +[0-9.]+ (µs|ms) +[0-9.]+ (µs|ms) +[0-9.]+ [KM]iB +[0-9.]+ KiB'
    says '^use batch size [0-9]+: [0-9.]+ items/s, [0-9.]+ (µs|ms), [0-9.]+ [KM]iB'
    says '^ +[0-9.]+ ┤'
    quiet
    sizes batch.json '3 4 8 16 20'
    checks=$((checks + 1))
    [ "$(grep -c '<circle' batch.svg)" = 15 ] || failed 'a size is not drawn'
    if command -v python3 >/dev/null; then
        run 0 python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' batch.svg
    fi
    checks=$((checks + 1))
    [ ! -e "$XDG_CACHE_HOME/jitc/tune" ] || failed 'choices are kept'
    # Inputs of a size are repeated and cut; the reports have no text before them.
    run 0 "$jitc" tune "$digits" --batch 1,720,2,1 --input "images=$images" --threads 1 --budget 0.001 --json -
    json
    sizes out '1 2 720'
    run 0 "$jitc" tune "$here/add.pbtxt" --batch 5 --input a=a2.npy --threads 1 --budget 0.01
    says '^use batch size 5: '
    # A range is refined while there is time.
    run 0 "$jitc" tune "$digits" --batch 1..9 --threads 1 --budget 2 --json batch.json
    checks=$((checks + 1))
    [ "$(grep -c '"batch"' batch.json)" -ge 5 ] || failed 'sizes are missing'
    # What is beyond the limits is told, and what is larger is not tried.
    run 0 "$jitc" tune "$digits" --batch 1,64,4096,8192 --threads 1 --budget 0.01 --max-memory 16M --json batch.json
    says '^ +4096  left out: [0-9.]+ MiB of memory, more than 16.0 MiB$'
    sizes batch.json '1 64 4096'
    run 1 "$jitc" tune "$digits" --batch 4,8 --threads 1 --budget 0.01 --max-latency 0.000001 --json batch.json
    says '^ +4 .*  left out: more than 0.000 ms$'
    says '^no batch size is within the limits$'
    sizes batch.json '4'
    run 1 "$jitc" tune "$digits" --batch 1..1000000 --threads 1 --budget 0.01 --max-memory 1K
    says '^ +1  left out: '
    run 0 timeout --preserve-status -s INT 8 env "$jitc" tune "$digits" --batch 1..4096 --threads 1 --budget 60
    says '^use batch size .*\(interrupted\)$'

    sed 's/size: -1/size: 2/' "$here/image.pbtxt" >fixed.pbtxt
    bad 1 "fixes the first dimension of input 'image' at 2; export it again" "$jitc" tune fixed.pbtxt --batch 1..4
    bad 2 "shape fixes the first dimension of input 'images'; write \? there" \
        "$jitc" tune "$digits" --shape images=1,8,8,1 --batch 1..4
    bad 1 'has no input with a first dimension' "$jitc" tune "$here/bytes.pbtxt" --batch 2
    for b in 0 1.. ..2 4..2 1,, x '' 1,2..3 1..2..3 99999999; do
        bad 2 'batch .*sizes from 1 on' "$jitc" tune "$digits" --batch "$b"
    done
    bad 2 'max-latency .0.: a number of milliseconds' "$jitc" tune "$digits" --batch 1 --max-latency 0
    for option in --svg=x --json=x --max-latency=1; do
        bad 2 "${option%=*} is for --batch" "$jitc" tune "$digits" "$option"
    done
    bad 2 'keeps nothing' "$jitc" tune "$digits" --batch 1 -o kept.txt
}

cache() {
    local kept=$work/kept n pids='' p
    # What was compiled is found, as long as the model, the options and the shapes are the same.
    run 0 "$jitc" bench "$digits" --secs 0.1 --threads 1 --cache-dir "$kept" --json report.json
    says 'cache miss'
    run 0 "$jitc" bench "$digits" --secs 0.1 --threads 1 --cache-dir "$kept" --json report.json
    says 'cache hit'
    checks=$((checks + 1))
    grep -q '"cache": "hit"' report.json || failed 'the report says no hit'
    cp "$digits" copy.pb
    run 0 "$jitc" run copy.pb --input "images=$images" --threads 1 --cache-dir "$kept" --output probabilities=c1.npy --verbose
    complains '^jitc: info: compiled in '
    run 0 "$jitc" run copy.pb --input "images=$images" --threads 1 --cache-dir "$kept" --output probabilities=c2.npy --verbose
    complains '^jitc: info: found in the cache in '
    says '; from the cache in [0-9.]+ ms$'
    run 0 "$jitc" run copy.pb --input "images=$images" --threads 1 --cache-dir "$kept" --output probabilities=c2.npy --verify
    run 0 "$jitc" run copy.pb --input "images=$images" --threads 1 --output probabilities=c3.npy --no-cache
    checks=$((checks + 1))
    cmp -s c1.npy c2.npy && cmp -s c1.npy c3.npy || failed 'the cache changes results'
    run 0 "$jitc" cache list --cache-dir "$kept"
    says '^20[0-9-]+ [0-9:]+ +[0-9.]+ MiB  copy.pb images=f32\[360,8,8,1\]$'
    says "^2 compiled versions, [0-9.]+ MiB in $kept\$"
    run 0 "$jitc" cache path --cache-dir "$kept"
    says "^$kept\$"
    run 0 "$jitc" cache clear --cache-dir "$kept"
    says '^[0-9]+ files removed, [0-9.]+ MiB$'
    checks=$((checks + 1))
    [ -z "$(ls -A "$kept")" ] || failed 'something is left'
    run 0 env JITC_CACHE="$kept" "$jitc" run "$here/add.pbtxt" --input a=a.npy --input b=b.npy --quiet
    checks=$((checks + 1))
    [ "$(stat -c %a "$kept")" = 700 ] && [ -n "$(ls "$kept")" ] || failed 'JITC_CACHE names no folder'
    run 0 "$jitc" cache path
    complains '^jitc: note: there is no cache: JITC_CACHE turns it off$'
    bad 2 'one of list, clear, path' "$jitc" cache
    bad 2 'one of list, clear, path' "$jitc" cache lost
    bad 2 "cache-size '0'" "$jitc" run "$digits" --cache-size 0

    # Where nothing can be kept, there is a warning.
    chmod 755 "$kept"
    run 0 "$jitc" run "$here/add.pbtxt" --input a=a.npy --input b=b.npy --quiet --cache-dir "$kept"
    complains '^jitc: warning: nothing is kept in the cache: .* is not private to this user'
    rm -r "$kept"

    # Many at once: all are right, and there is one of each entry.
    for n in $(seq 64); do
        "$jitc" run "$here/add.pbtxt" --input a=a.npy --input b=b.npy --output "scope/z=many$n.npy" --quiet \
            --threads 1 --cache-dir "$kept" >many.out 2>&1 &
        pids="$pids $!"
    done
    checks=$((checks + 1))
    for p in $pids; do wait "$p" || failed 'one of many processes failed'; done
    for n in $(seq 64); do cmp -s many1.npy "many$n.npy" || failed 'many processes differ'; done
    [ "$(find "$kept" -name 'version-*' | wc -l)" = 1 ] && [ "$(find "$kept" -name '.tmp*' | wc -l)" = 0 ] ||
        failed "$(ls -A "$kept")"
    rm -r "$kept" many*.npy
}

profile() {
    local threads
    run 0 "$jitc" profile "$digits" --shape images=1,8,8,1 --secs 0.1 --threads 1
    says '^digits\.pb: [0-9.]+ [^ ]+ a run \(median of [0-9]+\), [0-9]+ kernel calls, 1 thread$'
    says '^ +% +[^ ]+s +min +kFLOP +GFLOP/s +peak +kB +GB/s +kernel +shape +nodes$'
    says 'conv 3×3 +8×8 1→16 +[^ ]+/convolution \+[0-9]+$'
    says 'matmul +1×[0-9]+→10 +[^ ]+MatMul \+[0-9]+$'
    says ' between calls$'
    says '^100\.0 .* all$'
    quiet
    run 0 "$jitc" profile "$digits" --shape images=1,8,8,1 --secs 0.1 --by op
    says ' GB/s +times +op$'
    says ' [0-9]+× +Conv2D$'
    run 0 "$jitc" profile "$digits" --shape images=1,8,8,1 --secs 0.1 --by kernel
    says ' +conv 3×3$'
    run 0 "$jitc" profile "$digits" --shape images=1,8,8,1 --secs 0.1 --by node
    says ' Conv2D +[^ ]+/convolution$'
    # A batch, so that there is enough to do for two threads.
    for threads in 1 2; do
        run 0 "$jitc" profile "$digits" --shape images=256,8,8,1 --secs 0.1 --threads $threads \
            --trace trace.json --svg run.svg --json -
        json
        says '"threads": '$threads', "runs": [0-9]+, '
        says '"kernel": "igemm", "algorithm": "conv 3×3", "shape": "256× 8×8 1→16", "node": '
        cp trace.json out
        json
        says '"name": "calls"'
        says '"ph": "X", "pid": 1, "tid": 0, "ts": '
        checks=$((checks + 1))
        [ $threads = 1 ] || grep -q '"name": "thread 1"' trace.json || failed "no tracks of threads"
        checks=$((checks + 1))
        grep -q '^</svg>$' run.svg && grep -q '<title>conv 3×3' run.svg || failed "no picture"
        checks=$((checks + 1))
        ! command -v python3 >/dev/null || python3 -c 'import xml.dom.minidom as m; m.parse("run.svg")' ||
            failed "the picture is not XML"
    done
    run 0 "$jitc" profile "$digits" --secs 0 --quiet --cpu x86-64
    says ' all$'
    bad 1 'is a string' "$jitc" profile "$here/bytes.pbtxt"
    run 1 "$jitc" profile "$digits" --secs 0 --quiet --json nowhere/p.json
    complains '^jitc: error: nowhere/p.json: '
}

# Operators of the user's: the example's.
custom() {
    local example=$root/examples/custom_op build
    build=$(dirname "$jitc")
    local ops=${OP_LIBRARY:-$build/examples/custom_ops.so} model=$example/model.pb

    bad 1 'UnitRows.*this operation is not supported' "$jitc" run "$model" --input "$example/x.npy"
    run 1 "$jitc" inspect "$model"
    says '^or        supply in C: Mish, UnitRows \(--op-library\)$'
    run 0 "$jitc" inspect "$model" --op-library "$ops"
    says '^nodes     3 at work'
    run 0 "$jitc" run "$model" --op-library "$ops" --input "$example/x.npy" --output y=y.npy
    run 0 "$jitc" compare "$model" --op-library "$ops" --input "$example/x.npy" --threads 2
    says '^y +f32\[6,40\]'

    # The code is part of the product's kernel, and is done in vectors: no arithmetic on single floats.
    run 0 "$jitc" opt "$model" --op-library "$ops" --shape x=6,12
    checks=$((checks + 1))
    awk '/algo="igemm"/ {k = 1} k && / dot /  {d = 1} d && / custom_map / {ok = 1} /^  }/ {k = d = 0} END {exit !ok}' out ||
        failed "Mish is not in the kernel of the product"
    for cpu in x86-64 x86-64-v3 x86-64-v4; do
        run 0 "$jitc" opt "$model" --op-library "$ops" --shape x=6,12 --cpu $cpu --emit asm
        says '(mul|fmadd...)ps'
        checks=$((checks + 1))
        ! grep -E '(add|sub|mul|div)(...)?ss' out || failed "$cpu: arithmetic on single elements"
    done

    # Ahead of time the program supplies what is called, and nothing else.
    run 0 "$jitc" compile "$model" --op-library "$ops" -o m.o --header m.h
    checks=$((checks + 1))
    grep -q '^int unit_rows(const struct jitc_op_call \*call);$' m.h || failed "the header does not declare it"
    run 0 nm -u m.o
    says ' U unit_rows$'
    checks=$((checks + 1))
    [ "$(grep -c . out)" = 1 ] || failed "other undefined symbols"

    for target in aarch64-linux-gnu riscv64-linux-gnu armv7-linux-gnueabihf; do
        run 0 "$jitc" compile "$model" --op-library "$ops" -o m.o --header m.h --target $target
    done

    bad 1 'op-library: .*nowhere.so' "$jitc" inspect "$model" --op-library nowhere.so
    bad 2 'no function jitc_ops' "$jitc" inspect "$model" --op-library "$build/libjitc.so"
    bad 2 'registered already' "$jitc" inspect "$model" --op-library "$ops" --op-library "$ops"
    bad 2 'needs a' "$jitc" inspect "$model" --op-library
    cp "$ops" here.so
    run 0 "$jitc" inspect "$model" --op-library here.so
}

for group; do
    if [ "$group" = run ]; then run_; else "$group"; fi
done
echo "$checks checks, $failures failures"
[ $failures = 0 ]
