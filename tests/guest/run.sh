#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bare-metal guests: each checks itself, and must end in the same steps and hash however its run is cut (law 13).
#
# Usage: tests/guest/run.sh check|test|soak [GUEST...]
#
# The first comment of a guest says how it is run:
#   expect: exit N [...]     exit status
#   harts:  1 2 4            hart counts (1)
#   rates:  shift=3 ips=3    --icount values (shift=3)
#   args:   ...              further options
set -euo pipefail
cd "$(dirname "$0")/../.."
tier=$1
shift
program=${SANDGLASS:-out/sandglass}
work=out/tests/guest
mkdir -p "$work"
passed=0
failed=0

declare -A cuts=(
    [check]="--grant=1"
    [test]="--grant=1 --grant=2 --grant=7 --grant=1000 --grant=random:1 --drop-caches=random:1"
    [soak]="--grant=1 --grant=2 --grant=7 --grant=1000 --grant=random:1 --grant=random:2 --grant=random:3
            --drop-caches=random:1 --drop-caches=random:2 --drop-caches=random:3"
)

# field NAME DEFAULT FILE: the value of a line "NAME: value" in the first comment.
field() {
    local value
    value=$(sed -n "1,/\*\//s/^ \* $1: *//p" "$3" | sed 's/ *\*\/$//' | head -n 1)
    echo "${value:-$2}"
}

# rate_flags ICOUNT: the same rate as a fraction for guest.h.
rate_flags() {
    case $1 in
    shift=*) echo "-DRATE_NS=$((1 << ${1#shift=})) -DRATE_STEPS=1" ;;
    ips=*) echo "-DRATE_NS=1000000000 -DRATE_STEPS=${1#ips=}" ;;
    esac
}

# build SOURCE RATE ELF
build() {
    # shellcheck disable=SC2046
    riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany -O2 -Wall -Wextra -Werror \
        -ffreestanding -nostdlib -static -no-pie -fno-pic -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
        $(rate_flags "$2") -Itests/guest -T tests/guest/guest.ld -o "$3" tests/guest/start.S "$1" -lgcc
}

# outcome COMMAND...: exit status, steps and hash, in one line. Console and errors are left in $work/console.
outcome() {
    local status=0
    "$@" --stats "$work/stats.json" --state-hash < /dev/null > "$work/console" 2>&1 || status=$?
    echo "exit $status $(tr -d '\t\n' < "$work/stats.json" | sed 's/.*"steps":\([0-9]*\),"instr.*"state_hash":"\([0-9a-f]*\)".*/steps \1 hash \2/')"
}

report() {
    if [ "$2" = ok ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  %s\n' "$1" "$2" >&2
    fi
}

# variants COMMAND...: runs it whole, then cut in every way of the tier.
variants() {
    local whole cut wanted=$1
    shift
    whole=$(outcome "$@")
    if [ "${whole%% steps*}" != "exit $wanted" ]; then
        report "$*" "wanted exit $wanted, got: $whole; fail code (source line) $(sed -n 's/.*"code":[^0-9]*\([0-9]*\).*/\1/p' "$work/stats.json")"
        return
    fi
    report "$*" ok
    for cut in ${cuts[$tier]}; do
        local other
        other=$(outcome "$@" "$cut")
        if [ "$other" = "$whole" ]; then
            report "$*" ok
        else
            report "$* $cut" "wanted $whole, got $other"
        fi
    done
}

guests=("$@")
[ ${#guests[@]} -gt 0 ] || guests=(tests/guest/*.c)
for source in "${guests[@]}"; do
    name=$(basename "$source" .c)
    expect=$(field expect "exit 0" "$source")
    wanted=${expect#exit }
    wanted=${wanted%%[^0-9]*}
    for rate in $(field rates shift=3 "$source"); do
        elf=$work/$name-${rate//[=:]/-}
        build "$source" "$rate" "$elf"
        for harts in $(field harts 1 "$source"); do
            # shellcheck disable=SC2046
            variants "$wanted" "$program" run --elf "$elf" --smp "$harts" --icount "$rate,sleep=off" \
                --memory 64M $(field args "" "$source")
        done
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
