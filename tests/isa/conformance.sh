#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Public conformance suites, as the ELF files that a user has built.
#
# usage: RISCV_TESTS=DIR ARCH_TESTS=DIR tests/isa/conformance.sh
#
# RISCV_TESTS: riscv-tests, such as rv64ui-p-add; each passes or fails by its exit status.
# ARCH_TESTS:  riscv-arch-test; where a reference stands beside a test or in a folder `references`
#              there or above (NAME.reference_output, .reference or .signature, with or without the
#              .elf of NAME), the signature is compared with it, else the exit status decides.
# Other files are passed over, 32-bit programs are skipped. SANDGLASS is the program.
# Ends with "N passed, N failed, N skipped"; the status is 0, 1, or 64 when there is nothing to run.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
sandglass=${SANDGLASS:-out/sandglass}
steps_max=100000000
passed=0
failed=0
skipped=0
work=$(mktemp -d "${TMPDIR:-/tmp}/sandglass-conformance.XXXXXX") || exit 70
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# is_elf FILE CLASS: an executable for RISC-V, of 32 (CLASS 01) or 64 (02) bits?
is_elf() {
    local head
    head=$(od -An -tx1 -N20 "$1" 2> /dev/null | tr -d ' \n')
    [ "${head:0:8}" = 7f454c46 ] && [ "${head:8:2}" = "$2" ] &&
        [ "${head:32:8}" = 0200f300 ]
}

# programs DIR: the 64-bit programs in it, sorted; those of 32 bits are counted as skipped.
programs() {
    local file
    while IFS= read -r -d '' file; do
        if is_elf "$file" 01; then
            echo >> "$work/skipped"
        elif is_elf "$file" 02; then
            printf '%s\0' "$file"
        fi
    done < <(find -L "$1" -type f ! -name '*.dump' ! -name '*.hex' -print0 | LC_ALL=C sort -z)
}

# run FILE OPTION...: its exit status; what it said is left in $work/said.
run() {
    local file=$1
    shift
    "$sandglass" run --elf "$file" --icount shift=3,sleep=off --memory 2G \
        --stop-at "$steps_max" --stats "$work/stats" "$@" < /dev/null > "$work/said" 2>&1
}

# reason STATUS: why a run failed, from its status and what it left behind.
reason() {
    case $1 in
    75) echo "not done after $steps_max steps" ;;
    76) echo "waits for ever" ;;
    *)
        if [ "$1" -lt 64 ]; then
            echo "test $(tr -d ' \t\n' < "$work/stats" | sed 's/.*"code":\([0-9]*\).*/\1/') failed"
        else
            echo "status $1: $(tail -n 1 "$work/said")"
        fi
        ;;
    esac
}

# verdict NAME REASON: an empty reason is a pass.
verdict() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: $2" >&2
    fi
}

# reference FILE TOP: the reference signature of a test, or nothing.
reference() {
    local folder name suffix
    folder=$(dirname "$1")
    while :; do
        for name in "$(basename "$1")" "$(basename "$1" .elf)"; do
            for suffix in reference_output reference signature; do
                for file in "$folder/$name.$suffix" "$folder/references/$name.$suffix"; do
                    [ ! -f "$file" ] || { echo "$file" && return; }
                done
            done
        done
        [ "$folder" != "$2" ] && [ "$folder" != / ] && [ "$folder" != . ] || return 0
        folder=$(dirname "$folder")
    done
}

# differs OURS REFERENCE: where they part, or nothing.
differs() {
    [ -s "$1" ] || echo "its signature is empty"
    awk '{ sub(/\r$/, ""); $0 = tolower($0) }
        NR == FNR { ours[NR] = $0; count = NR; next }
        $0 != ours[FNR] { print "signature line " FNR ": " ours[FNR] ", not " $0; told = 1; exit }
        END { if (!told && FNR != count) print "signature of " count " lines, not " FNR }
    ' "$1" "$2"
}

check_plain() {
    run "$1"
    local status=$?
    verdict "$1" "$([ "$status" -eq 0 ] || reason "$status")"
}

check_signature() {
    local status expected option=()
    expected=$(reference "$1" "$2")
    rm -f "$work/signature"
    ! grep -q begin_signature "$1" || option=(--signature "$work/signature")
    run "$1" "${option[@]}"
    status=$?
    if [ "$status" -ne 0 ]; then
        verdict "$1" "$(reason "$status")"
    elif [ -z "$expected" ]; then
        verdict "$1" ""
    else
        verdict "$1" "$(differs "$work/signature" "$expected")"
    fi
}

# suite NAME DIR CHECK
suite() {
    local file
    [ -n "$2" ] || return 0
    if [ ! -d "$2" ]; then
        echo "conformance: $1: no folder '$2'" >&2
        exit 64
    fi
    while IFS= read -r -d '' file; do
        "$3" "$file" "$2"
    done < <(programs "$2")
}

suite RISCV_TESTS "${RISCV_TESTS:-}" check_plain
suite ARCH_TESTS "${ARCH_TESTS:-}" check_signature
[ ! -f "$work/skipped" ] || skipped=$(wc -l < "$work/skipped")
if [ $((passed + failed + skipped)) -eq 0 ]; then
    echo "conformance: no RISC-V programs; say where they are:" \
        "make conformance RISCV_TESTS=dir ARCH_TESTS=dir" >&2
    exit 64
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
