#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Directed ISA tests: each program checks itself against answers taken from the manual, and must end
# in the same steps and state however its run is cut (law 13).
#
# usage: tests/isa/run.sh check|test|soak|peer [TEST...]
#
# SANDGLASS is the program under test (out/sandglass). peer runs the tests on QEMU instead
# (out/peer), as a check of the tests themselves: where QEMU differs, the manual decides.
#
# The first comment of a test says what it needs:
#   table:  vectors.py int   a table made by this script, linked in
#   cpu:    max,c=off        --cpu of one run for each such line (max)
#   define: -DNAME=1         for the compiler, one for each cpu line in order
#   args:   ...              further options
#   peer:   no, WHY          not for QEMU
. "$(dirname "$0")/../suite.sh"
tier=${1:?usage: tests/isa/run.sh check|test|soak|peer [TEST...]}
shift

declare -A cuts=(
    [check]="--engine=interp"
    [test]="--engine=interp --grant=1 --drop-caches=random:1"
    [soak]="--engine=interp --grant=1 --grant=2 --grant=7 --grant=random:1 --grant=random:2
            --drop-caches=random:1 --drop-caches=random:2 --drop-caches=random:3
            --rewind=random:1 --rewind=random:2"
)

# fields NAME FILE: the values of all lines "NAME: value" in the first comment.
fields() {
    sed -n "1,/\*\//s/^ \* $1: *//p" "$2" | sed 's/ *\*\/$//'
}

# build SOURCE ELF FLAGS: unless the ELF is newer than all of tests/isa.
build() {
    local source=$1 elf=$2 table flags=()
    [ ! -e "$elf" ] || [ -n "$(find tests/isa -type f -newer "$elf")" ] || return 0
    read -r -a flags <<< "$3"
    table=$(fields table "$source")
    if [ -n "$table" ]; then
        # shellcheck disable=SC2086
        PYTHONDONTWRITEBYTECODE=1 python3 tests/isa/$table > "$elf.table.S" || return
        flags+=("$elf.table.S")
    fi
    riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany -O2 -Wall -Wextra -Werror \
        -fmax-errors=2 -ffreestanding -nostdlib -static -no-pie -fno-pic -Wl,--build-id=none \
        -Wl,--no-warn-rwx-segments -Itests/isa -T tests/isa/isa.ld -o "$elf" \
        tests/isa/start.S "$source" "${flags[@]}"
}

# explain SOURCE: which check failed, from the code that the test has printed.
explain() {
    local source=$1 code line item table
    code=$(tr -d '\r' < "$work/run.console" | grep -Ex '[0-9a-f]{16}' | tail -n 1)
    if [ -z "$code" ]; then
        tail -n 1 "$work/run.console"
        return
    fi
    line=$((16#$code & 0xffff))
    item=$((16#$code >> 16))
    table=$(fields table "$source")
    if [ -n "$table" ]; then
        # shellcheck disable=SC2086
        echo "row $item: $(python3 -B tests/isa/$table --row $item | tr -s ' \n' ' ')"
    else
        echo "$source:$line, item $item:$(sed -n "${line}p" "$source" | tr -s ' ' ' ')"
    fi
}

# on_sandglass SOURCE ELF CPU: runs it whole, then cut in every way of the tier.
on_sandglass() {
    local source=$1 whole cut other name
    name=$(basename "$2")
    # shellcheck disable=SC2046
    set -- "$program" run --elf "$2" --cpu "$3" --icount shift=3,sleep=off --memory 64M \
        --stop-at 500000000 $(fields args "$source")
    whole=$(outcome run "$@")
    if [[ $whole != "exit 0 "* ]]; then
        report "$name" "${whole% steps*}, $(explain "$source")"
        return
    fi
    report "$name" ''
    for cut in ${cuts[$tier]}; do
        other=$(outcome run "$@" "$cut")
        report "$name $cut" "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
    done
    refer "$whole" "$@"
}

# on_peer SOURCE ELF CPU: the same program on QEMU, which ends by the finisher.
on_peer() {
    local source=$1 elf=$2 cpu=$3 status=0
    [[ $(fields peer "$source") != no* ]] || return 0
    timeout 60 out/peer/qemu-system-riscv64 -M virt -bios none -m 64M -display none -serial stdio \
        -cpu "$cpu" -kernel "$elf" < /dev/null > "$work/run.console" 2>&1 || status=$?
    report "qemu $elf" "$([ "$status" -eq 0 ] || echo "$status: $(explain "$source")")"
}

# chosen NAME TESTS...: is it among them, or are there none?
chosen() {
    local name=$1
    shift
    [ $# -eq 0 ] || [[ " $* " = *" $name "* ]]
}

for source in tests/isa/*.c; do
    name=$(basename "$source" .c)
    chosen "$name" "$@" || continue
    mapfile -t cpus < <(fields cpu "$source")
    mapfile -t defines < <(fields define "$source")
    [ ${#cpus[@]} -gt 0 ] || cpus=(max)
    for i in "${!cpus[@]}"; do
        elf=$work/$name
        [ ${#cpus[@]} -eq 1 ] || elf=$work/$name.$i
        if ! build "$source" "$elf" "${defines[i]:-}"; then
            report "$elf" "does not build"
        elif [ "$tier" = peer ]; then
            on_peer "$source" "$elf" "${cpus[i]}"
        else
            on_sandglass "$source" "$elf" "${cpus[i]}"
        fi
    done
done
finish
