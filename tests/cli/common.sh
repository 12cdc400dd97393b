# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the scripts of this folder: runs the program, and compares what it says with what it should.
#
# SANDGLASS is the program under test. Scripts end with `finish`; what they worked on stays when
# something failed.
set -u
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
sandglass=$(realpath "${SANDGLASS:-$root/out/sandglass}")
work=$(mktemp -d "${TMPDIR:-/tmp}/sandglass-cli.XXXXXX")
cd "$work" || exit 70
# Some containers have no pseudo-terminals; what needs them is left out there.
ptys=$(python3 -c 'import os; os.openpty(); print("yes")' 2>/dev/null)
[ -n "$ptys" ] || echo 'skipped: no pseudo-terminals here'
checks=0
failures=0

# fail TEXT: counts a failure of the command in $command and says how to repeat it.
fail() {
    failures=$((failures + 1))
    printf '%s: %s\n  repeat: %s\n' "$(basename "$0")" "$1" "$command" >&2
    [ -s stderr ] && sed 's/^/  standard error: /' stderr >&2
}

# quoted WORD...: as a shell would take it.
quoted() {
    local word
    for word in "$@"; do
        printf '%q ' "$word"
    done
}

# run ARGUMENT...: runs sandglass; leaves $status, stdout, stderr. No run takes long.
run() {
    command="cd $work; $(quoted "$sandglass" "$@")"
    checks=$((checks + 1))
    timeout 60 "$sandglass" "$@" >stdout 2>stderr <"${input:-/dev/null}"
    status=$?
}

# expect STATUS PATTERN ARGUMENT...: the status, and standard error that the pattern matches.
# An empty pattern stands for silence; anything else for exactly one line that begins "sandglass: ".
# The line of --state-hash does not count.
expect() {
    local want_status=$1 pattern=$2
    shift 2
    run "$@"
    if [ "$status" != "$want_status" ]; then
        fail "status $status, not $want_status"
    elif [ -z "$pattern" ] && grep -qv '^state-hash ' stderr; then
        fail "not silent"
    elif [ -n "$pattern" ] && ! grep -Eq -e "$pattern" stderr; then
        fail "no line like: $pattern"
    elif [ -n "$pattern" ] && [ "$(grep -vc '^state-hash ' stderr)" != 1 ]; then
        fail "more than one line"
    elif [ -n "$pattern" ] && ! grep -q '^sandglass: ' stderr; then
        fail "a line without our name"
    fi
}

# expect_stdout TEXT: what the last run printed.
expect_stdout() {
    checks=$((checks + 1))
    [ "$(cat stdout)" = "$1" ] || fail "standard output is '$(head -c 200 stdout)', not '$1'"
}

# expect_stat PYTHON: an expression over the object s of the file stats.json.
expect_stat() {
    checks=$((checks + 1))
    python3 -c 'import json, sys
s = json.load(open("stats.json"))
sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" ||
        fail "stats: not $1: $(tr -d '\n\t' <stats.json)"
}

# expect_equal WHAT A B
expect_equal() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1: '$2' is not '$3'"
}

# elf NAME: the same of assembly that is complete but for tohost, with what guest/ has for it.
elf() {
    cat - /dev/fd/3 3<<'END' >"$1.S"
        .section .tohost, "aw"
        .balign 64
        .globl  tohost, fromhost
tohost: .dword  0
fromhost: .dword 0
END
    riscv64-linux-gnu-gcc -I"$root/guest" -march=rv64g -mabi=lp64d -nostdlib -static -no-pie \
        -Wl,--build-id=none,--no-relax,--no-warn-rwx-segments,-N,-Ttext=0x80000000 \
        -o "$1.elf" "$1.S" || exit 70
}

# field PROFILE WORD: what the tables say of it: digest, counted, window, ...
field() {
    "$sandglass" report "$1" | sed -n "s/^$2 *//p"
}

# guest NAME: builds a bare-metal program NAME.elf from assembly on standard input.
guest() {
    {
        cat <<'EOF'
.option norvc
.option norelax
.globl _start, tohost, fromhost
.pushsection .tohost, "aw", @progbits
.balign 64
tohost: .dword 0
.balign 64
fromhost: .dword 0
.popsection
.equ FINISHER, 0x100000
.equ UART, 0x10000000
.text
_start:
EOF
        cat
    } >"$1.S"
    riscv64-linux-gnu-gcc -march=rv64gc -nostdlib -static -fno-pic -no-pie \
        -Wl,--build-id=none,-n,-Ttext=0x80000000,-Tdata=0x80020000 \
        -Wl,--section-start=.tohost=0x80010000 -o "$1.elf" "$1.S" || exit 70
}

# state_hash: of the last run.
state_hash() {
    sed -n 's/^state-hash //p' stderr
}

# stopped_by_signal ARGUMENT...: ends with 143 after SIGTERM, though its reader sleeps. What hangs
# is killed, which is status 137.
stopped_by_signal() {
    local process reader killer
    command="$(quoted "$sandglass" "$@") | sleep 120, and SIGTERM"
    checks=$((checks + 1))
    rm -f full
    mkfifo full
    sleep 120 <full >/dev/null 2>&1 &
    reader=$!
    "$sandglass" "$@" >full 2>stderr </dev/null &
    process=$!
    sleep 1
    kill -TERM $process
    (sleep 60 && kill -KILL $process) >/dev/null 2>&1 &
    killer=$!
    wait $process
    status=$?
    [ $status = 143 ] || fail "status $status, not 143"
    kill $reader $killer 2>/dev/null
}

finish() {
    echo "$(basename "$0" .sh): $checks checks, $failures failures"
    [ "$failures" = 0 ] || exit 1
    rm -rf "$work"
    exit 0
}
