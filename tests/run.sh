#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the suites of a tier, as many at once as the host has processors, and adds up what they say.
#
# usage: tests/run.sh check|test|soak|fuzz|cross|conformance
#
# A suite's last line is "N passed, N failed[, N skipped]"; what it says besides stands in
# out/tests/SUITE.log, and is shown when something failed. SANDGLASS names the program under test.
set -euo pipefail
cd "$(dirname "$0")/.."
tier=${1:?check, test, soak, fuzz, cross or conformance}
logs=$(dirname "${SANDGLASS:-out/sandglass}")/tests
mkdir -p "$logs"
rm -f "$logs"/*.line

# A name, and a command. The longest come first.
sanitized='SANDGLASS=out/asan/sandglass'
case $tier in
check) suites='
    units         tests/units.sh
    guest         tests/guest/run.sh check
    isa           tests/isa/run.sh check
    diff          tests/diff/run.sh check
    gdb           tests/gdb/run.sh check
    chaos         tests/chaos/run.sh check
    cli           tests/cli/run.sh' ;;
test | soak) suites="
    boot-cut      tests/boot/run.sh cut $tier
    boot-same     tests/boot/run.sh same $tier
    boot-check    tests/boot/run.sh check $tier
    asan-guest    $sanitized tests/guest/run.sh check
    asan-isa      $sanitized tests/isa/run.sh test
    asan-units    $sanitized tests/units.sh
    asan-cli      $sanitized tests/cli/run.sh
    asan-gdb      $sanitized tests/gdb/run.sh check
    asan-boot     $sanitized tests/boot/run.sh once $tier
    parallel      tests/boot/run.sh parallel $tier
    many          tests/boot/run.sh many $tier
    races         SANDGLASS=out/tsan/sandglass tests/guest/run.sh races
    diff          tests/diff/run.sh $tier
    random        tests/random/run.sh $tier
    profiles      tests/random/profile.sh
    guest         tests/guest/run.sh $tier
    isa           tests/isa/run.sh $tier
    cli           tests/cli/run.sh
    coverage      tools/coverage-vtime
    boot-chaos    tests/boot/run.sh chaos $tier
    boot-sleep    tests/boot/run.sh sleep $tier
    boot-record   tests/boot/record.sh $tier
    boot-symbols  tests/boot/symbols.sh
    boot-names    tests/boot/names.sh
    boot-marks    tests/boot/marks.sh
    boot-probes   tests/boot/probes.sh
    share         tests/share/run.sh
    report        tests/report/run.sh
    boot-ends     tests/boot/run.sh ends $tier
    console       tests/boot/interactive.py
    units         tests/units.sh
    disks         tests/disks/run.sh $tier
    gdb           tests/gdb/run.sh $tier
    chaos         tests/chaos/run.sh $tier
    fuzz          tests/fuzz/run.sh $tier"
    [ "$tier" = test ] || suites+="
    debian-use    tests/debian/run.sh use
    debian-same   tests/debian/run.sh same
    debian-ssh    tests/debian/run.sh ssh
    debian-record tests/debian/run.sh record
    litmus        tests/guest/run.sh litmus
    boot-disk     tests/boot/run.sh disk $tier
    boot-network  tests/boot/run.sh network $tier
    stress        tests/boot/run.sh stress $tier" ;;
fuzz) suites='
    diff          tests/diff/run.sh fuzz
    random        tests/random/run.sh fuzz --minutes 10
    fuzz          tests/fuzz/run.sh fuzz' ;;
cross)
    suites=''
    for host in aarch64 riscv64; do
        emulated="SANDGLASS=out/cross/$host/sandglass REFERENCE=out/sandglass"
        suites+="
    $host-units   $emulated tests/units.sh
    $host-boot    $emulated tests/boot/run.sh refer $tier
    $host-guest   $emulated tests/guest/run.sh check
    $host-isa     $emulated tests/isa/run.sh check
    $host-cli     $emulated tests/cli/run.sh"
    done ;;
conformance) exec tests/isa/conformance.sh ;;
*)
    echo "tests/run.sh: unknown tier '$tier': check, test, soak, fuzz, cross or conformance" >&2
    exit 64
    ;;
esac

# suite NAME COMMAND...: one suite, with its closing line behind its name.
suite() {
    local name=$1 status=0 log=$logs/$1.log start=$SECONDS
    shift
    env "$@" >"$log" 2>&1 </dev/null || status=$?
    printf '%-13s %s  (%d s)\n' "$name" "$(tail -n 1 "$log")" $((SECONDS - start))
    if [ $status != 0 ]; then
        printf '%s ended with status %d:\n' "$*" $status
        tail -n 40 "$log"
    fi
    return $status
}

# On a terminal a line tells what still runs.
working() {
    [ ! -t 2 ] || printf '\r\033[K%s' "${1:+running: $1}" >&2
}

declare -A running=()
failed=()
# One of the running suites ends.
reap() {
    local pid status=0
    working "${running[*]}"
    wait -n -p pid || status=$?
    working ''
    [ $status = 0 ] || failed+=("${running[$pid]}")
    cat "$logs/${running[$pid]}.line"
    unset "running[$pid]"
}

jobs_max=$(nproc)
while read -r name command; do
    [ -n "$name" ] || continue
    [ ${#running[@]} -lt "$jobs_max" ] || reap
    # shellcheck disable=SC2086 # words of a command
    suite "$name" $command >"$logs/$name.line" 2>&1 &
    running[$!]=$name
done <<<"$suites"
while [ ${#running[@]} -gt 0 ]; do
    reap
done

# The sum of all suites, in the words of each.
sed -n 's/^.* \([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\{0,1\}  (.*/\1 \2 \4/p' \
    "$logs"/*.line | awk '{ passed += $1; failed += $2; skipped += $3 }
        END { printf "%d passed, %d failed%s\n", passed, failed,
            skipped ? ", " skipped " skipped" : "" }'
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed suites: ${failed[*]}"
    exit 1
fi
