# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the suites share: counting, runs and their outcome.
#
# SANDGLASS is the program under test (out/sandglass). Each script has a work folder of its own
# beside each program, so that suites, also of two builds, can run at once. REFERENCE, if set, is
# another program whose runs must end alike.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${SANDGLASS:-out/sandglass}
work=$(dirname "$program")/tests/$(basename "$(dirname "$0")")-$(basename "$0" .sh)
mkdir -p "$work"
passed=0
failed=0
skipped=0

# report WHAT COMPLAINT: counts one check; no complaint is a pass.
report() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  %s\n' "$1" "$2" >&2
    fi
}

# skip WHAT REASON
skip() {
    skipped=$((skipped + 1))
    printf 'skipped %s: %s\n' "$1" "$2" >&2
}

# finish: the closing line of every suite, and its status.
finish() {
    local line="$passed passed, $failed failed"
    [ "$skipped" = 0 ] || line+=", $skipped skipped"
    echo "$line"
    [ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
}

# stat NAME FILE: a number or word of the outermost object of a --stats file.
stat() {
    sed -n "s/^\t\{1,2\}\"$1\":\t\"\{0,1\}\([^\",]*\).*/\1/p" "$2"
}

# guest_build SOURCE ELF FLAG...: a program of the suite's folder, on tests/guest, for a debugger.
guest_build() {
    local source=$1 elf=$2
    shift 2
    riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany -Og -g -Wall -Wextra -Werror \
        -ffreestanding -nostdlib -static -no-pie -fno-pic \
        -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
        -Itests/guest -T tests/guest/guest.ld -o "$elf" "$@" tests/guest/start.S \
        "tests/$(basename "$(dirname "$0")")/$source" -lgcc
}

# outcome NAME COMMAND...: runs it, and prints in one line how it ended. What it wrote stays in
# $work/NAME.console and $work/NAME.json.
outcome() {
    local name=$work/$1 status=0
    shift
    rm -f "$name.json"
    "$@" --stats "$name.json" --state-hash </dev/null >"$name.console" 2>"$name.stderr" || status=$?
    if [ -f "$name.json" ]; then
        echo "exit $status steps $(stat steps "$name.json") hash $(stat state_hash "$name.json")"
    else
        echo "exit $status, no stats: $(tail -n 1 "$name.stderr")"
    fi
}

# refer OUTCOME PROGRAM ARGUMENT...: does the run of REFERENCE end like this one of the program?
refer() {
    local whole=$1 other
    [ -n "${REFERENCE:-}" ] || return 0
    shift 2
    other=$(outcome reference "$REFERENCE" "$@" --engine interp)
    report "$REFERENCE $*" "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
}
