#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Defects that the default schedule hides: found by --chaos, recorded, replayed to the same failure,
# and traced to their cause by gdb, backwards.
#
# usage: tests/chaos/run.sh check|test
#   test  replays each 100 times instead of 3, and counts which part of 1000 seeds fails
#
# In a script of gdb's, a line "#= TEXT" says what it prints next as "= TEXT".
. "$(dirname "$0")/../suite.sh"
tier=$1
gdb=${GDB:-gdb-multiarch}
socket=$work/socket
replays=3
[ "$tier" = check ] || replays=100

# found NAME: the seed that the last exploration found.
found() {
    sed -n 's/^sandglass: seed \([0-9]*\) fails with status .*/\1/p' "$work/$1.stderr"
}

# counted NAME MOST: of 1000 seeds some fail, and no more than that.
counted() {
    local name=$1 most=$2 count
    "$program" run "${options[@]}" --chaos 1..1000 >/dev/null 2>"$work/count.stderr" || true
    count=$(grep -c '^sandglass: --chaos [0-9]* fails' "$work/count.stderr" || true)
    echo "$name: $count of the seeds 1 to 1000 fail"
    report "$name: part of the seeds that fail" "$([ "$count" -ge 1 ] && [ "$count" -le "$most" ] ||
        echo "$count of 1000, not 1 to $most")"
}

# traced NAME: gdb at a replay finds the cause, and the replay ends as it did.
traced() {
    local name=$1 status=$2 pid ended=0
    sed "s/STEPS/$(stat steps "$work/$name.json")/" "tests/chaos/${name%-*}.gdb" >"$work/script"
    rm -f "$socket"
    timeout 120 "$program" replay "$work/$name.sgl" --gdb "unix:$socket" --gdb-wait \
        >/dev/null 2>&1 &
    pid=$!
    until [ -S "$socket" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    timeout 60 "$gdb" -nx -batch -ex "set architecture riscv:rv64" \
        -ex "target remote $socket" -x "$work/script" "$work/$name.elf" >"$work/said" 2>&1 \
        </dev/null || echo "= ended with status $?" >>"$work/said"
    wait $pid || ended=$?
    report "$name: gdb finds the cause" "$(diff <(sed -n 's/^#= /= /p' "$work/script") \
        <(grep '^= ' "$work/said") >"$work/diff" || sed -n '2,4p' "$work/diff")"
    report "$name: the end under gdb" "$([ $ended = "$status" ] || echo "status $ended")"
}

# hunted NAME STATUS MOST OPTION...: a guest that passes, and fails with that status under at most
# MOST of 1000 seeds.
hunted() {
    local name=$1 status=$2 most=$3 options failure other seed run engine
    shift 3
    options=(--elf "$work/$name.elf" --smp 2 --icount sleep=off --memory 64M "$@")
    other=$(outcome plain "$program" run "${options[@]}")
    report "$name: passes" "$([[ $other == 'exit 0 '* ]] || echo "$other")"
    rm -f "$work/$name.sgl"*
    failure=$(outcome "$name" "$program" record --log "$work/$name.sgl" "${options[@]}" \
        --chaos 1..1000 --until-fail)
    seed=$(found "$name")
    report "$name: is found" "$([[ $failure == "exit $status steps "* && -n $seed ]] ||
        echo "$failure")"
    report "$name: one log" "$([ "$(echo "$work/$name.sgl"*)" = "$work/$name.sgl" ] ||
        echo "$work/$name.sgl"*)"
    report "$name: its seed stands in the stats" "$([ "$(stat chaos "$work/$name.json")" = \
        "$seed" ] || echo "$(stat chaos "$work/$name.json"), not $seed")"
    other=$(outcome again "$program" run "${options[@]}" --chaos 1..1000 --until-fail --jobs 1)
    report "$name: is found again, one by one" "$([ "$other" = "$failure" ] ||
        echo "not $failure but $other")"
    for engine in auto interp check; do
        other=$(outcome again "$program" run "${options[@]}" --chaos "$seed" --engine $engine)
        report "$name: --chaos $seed --engine $engine" "$([ "$other" = "$failure" ] ||
            echo "not $failure but $other")"
    done
    for ((run = 0; run < replays; run++)); do
        other=$(outcome replay "$program" replay "$work/$name.sgl" --verify)
        report "$name: replay $run of seed $seed" "$([ "$other" = "$failure" ] ||
            echo "not $failure but $other")"
    done
    if command -v "$gdb" >/dev/null; then
        traced "$name" "$status"
    else
        skip "$name under gdb" "this host has no $gdb; tools/setup build installs it"
    fi
    [ "$tier" = check ] || counted "$name" "$most"
}

guest_build lost.c "$work/lost.elf"
guest_build stale.c "$work/stale.elf"
guest_build deadlock.c "$work/deadlock.elf"
guest_build deadlock.c "$work/deadlock-spins.elf" -DSPINS
hunted lost 1 9
hunted stale 2 100
hunted deadlock 76 100
hunted deadlock-spins 75 100 --stop-at-vtime 1000000
finish
