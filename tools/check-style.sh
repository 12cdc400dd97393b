#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Checks the style that can be checked by counting; CONTRIBUTING.md has the numbers.
#
# usage: tools/check-style.sh [FILE]...     (no FILE: everything)
cd "$(dirname "$0")/.." || exit 70

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # no name here has a space
    set -- $(find src tests tools .ci Makefile -type f \( -name '*.[chS]' -o -name '*.def' -o \
        -name '*.sh' -o -name '*.js' -o -name '*.css' -o -name '*.py' -o -name '*.bash' -o \
        -name Makefile -o ! -name '*.*' \) \
        ! -path '*/__pycache__/*' ! -path 'tests/fuzz/corpus/*' 2>/dev/null | LC_ALL=C sort)
fi

LC_ALL=C.UTF-8 awk '
function defect(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    bad = 1
}

function file_end() {
    if (name != "" && is_c && lines > 800) {
        printf "%s: %d lines, more than 800\n", name, lines > "/dev/stderr"
        bad = 1
    }
    if (name != "" && !spdx) {
        printf "%s: no SPDX line at its head\n", name > "/dev/stderr"
        bad = 1
    }
}

function file_begin() {
    name = FILENAME
    is_c = name ~ /\.[ch]$/
    is_src = name ~ /^src\//
    speaks = name ~ /^src\/(cli|io)\// || name == "src/base/base.c"
    exact = name ~ /^src\/(vtime|dev)\//
    spdx = 0
    start = 0
}

FNR == 1 { file_end(); file_begin() }
{ lines = FNR }
FNR <= 2 && /SPDX-License-Identifier: GPL-2\.0-or-later/ { spdx = 1 }

length($0) > 100 { defect("line of " length($0) " columns, more than 100") }
/[ \t]$/ { defect("space at the end of the line") }
is_c && /\t/ { defect("tab") }
!is_c { next }

# What only some folders may do. Comments and strings are not code.
{
    code = $0
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    gsub(/\/\*.*\*\//, "", code)
    if (code ~ /^ *(\/\*|\*)/) code = ""
}
is_src && !speaks &&
    code ~ /(^|[^a-z_])(printf|fprintf|puts|fputs|exit|abort|getenv|clock_gettime|time|rand)\(/ {
    defect("only cli/ and io/ print, exit, read the environment or clocks")
}
is_src && exact && code ~ /(^|[^a-z_])(float|double)([^a-z_]|$)/ { defect("floating point") }
is_src && code ~ /^ *static / && code ~ /[;=]|\{$/ && code !~ /const|\(|inline|sig_atomic_t/ {
    defect("mutable static")
}
is_src && code ~ /typedef (struct|union|enum) [^(]*$/ { defect("typedef of a struct") }
is_src && code ~ /^                 *(if|for|while|switch|do)( |$)/ { defect("nested too deep") }
is_src && code ~ /\/\// { defect("// comment") }

# Functions: from the line that opens one at the left margin to the brace that closes it there.
code ~ /^[a-z].*\(/ && !start { signature = ""; collecting = 1 }
collecting { signature = signature code }
collecting && /[;{]$/ {
    collecting = 0
    if (/\{$/ && signature ~ /\) \{$/) {
        start = FNR
        expansion = 0
        inner = signature
        sub(/^[^(]*\(/, "", inner)
        gsub(/\([^()]*\)/, "", inner)
        if (is_src && gsub(/,/, ",", inner) > 4) defect("more than 5 parameters")
    }
}
/#include "isa\// { expansion = 1 }
/^}/ && start {
    if (FNR - start + 1 > 70 && !expansion) {
        defect("function of " FNR - start + 1 " lines, more than 70")
    }
    start = 0
}
END { file_end(); exit bad }
' "$@"
