# Turns the public headers into a C program that prints all of it that callers are compiled with: sizes and offsets
# of structs, values of enums and constants, declarations. What it does not understand is an error, so that nothing
# is left out unseen.
function trim(s) { gsub(/[ \t]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s); return s }
function quote(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
function say(s) { print "    puts(" quote(s) ");" }
function fail(s) { print "describe.awk: cannot read: " s > "/dev/stderr"; failed = 1 }

function field_of(s,    name) {
    if (match(s, /\(\*[a-z_0-9]+\)/)) return substr(s, RSTART + 2, RLENGTH - 3)
    sub(/\[[A-Z_0-9]+\]$/, "", s)
    if (match(s, /[a-z_0-9]+$/)) return substr(s, RSTART)
    fail(s)
    return ""
}

function structure(name, body,    n, f, i, field) {
    printf "    printf(\"\\nstruct %s: %%zu bytes\\n\", sizeof(%s));\n", name, name
    n = split(body, f, ";")
    for (i = 1; i <= n; i++) {
        f[i] = trim(f[i])
        if (f[i] == "") continue
        field = field_of(f[i])
        printf "    printf(\"    %%3zu, %%2zu bytes: %%s\\n\", offsetof(%s, %s), sizeof(((%s *)0)->%s), %s);\n",
            name, field, name, field, quote(f[i])
    }
    say("")
}

function enumeration(name, body,    n, e, i) {
    say(""); say("enum" name)
    n = split(body, e, ",")
    for (i = 1; i <= n; i++) {
        sub(/=.*/, "", e[i])
        e[i] = trim(e[i])
        if (e[i] != "") printf "    printf(\"    %s = %%d\\n\", (int)%s);\n", e[i], e[i]
    }
    say("")
}

function statement(s,    open, close_, name) {
    open = index(s, "{")
    if (open) {
        close_ = length(s)
        while (substr(s, close_, 1) != "}") close_--
        name = trim(substr(s, close_ + 1))
        if (s ~ /^typedef struct/) structure(name, substr(s, open + 1, close_ - open - 1))
        else if (s ~ /^(typedef )?enum/) enumeration(name ? " " name : "", substr(s, open + 1, close_ - open - 1))
        else fail(s)
    } else if (s ~ /^(JITC_API|typedef|struct) /) {
        sub(/^JITC_API /, "", s)
        say(s)
    } else {
        fail(s)
    }
}

{
    line = $0
    if (line ~ /^extern "C" \{$/ || (line == "}" && was == "#ifdef __cplusplus")) next
    was = line
    if (continued) { continued = line ~ /\\$/; next }
    if (line ~ /^[ \t]*#/) {
        if (line ~ /^#define JITC_[A-Z_]+ [0-9]+/ && line !~ /VERSION/) constants = constants " " $2
        continued = line ~ /\\$/
        next
    }
    text = text " " line
}

END {
    while (match(text, /\/\*/)) {
        start = RSTART
        rest = substr(text, start + 2)
        text = substr(text, 1, start - 1) " " substr(rest, index(rest, "*/") + 2)
    }
    print "#include <jitc/op.h>\n#include <stdio.h>\nint main(void)\n{"
    n = split(constants, c, " ")
    for (i = 1; i <= n; i++) printf "    printf(\"%s = %%d\\n\", (int)%s);\n", c[i], c[i]
    depth = 0
    for (i = 1; i <= length(text); i++) {
        ch = substr(text, i, 1)
        if (ch == "{") depth++
        if (ch == "}") depth--
        if (ch == "}" && !depth && part ~ /^ *static inline /) { # callers have it compiled in
            part = ""
            continue
        }
        if (ch == ";" && !depth) {
            statement(trim(part))
            part = ""
        } else {
            part = part ch
        }
    }
    if (trim(part) != "") fail(trim(part))
    print "    return 0;\n}"
    exit failed
}
