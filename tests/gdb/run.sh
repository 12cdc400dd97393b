#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gdb as Debian has it, at runs of a bare-metal guest and of the Debian kernel: it sees and does
# what it should, and a run that was looked at, stopped and stepped ends like one left alone.
#
# usage: tests/gdb/run.sh check|test
#
# In a script of gdb's, a line "#= TEXT" says what it prints next as "= TEXT".
. "$(dirname "$0")/../suite.sh"
tier=$1
gdb=${GDB:-gdb-multiarch}
socket=$work/socket

if ! command -v "$gdb" >/dev/null; then
    skip gdb "this host has no $gdb; tools/setup build installs it"
    finish
    exit
fi

# debugged OPTION... -- COMMAND...: runs the program with the options and, beside it, the command,
# whose output goes to $work/said; prints the run's outcome. subcommand=debug, unless it is said.
debugged() {
    local options=() program_pid
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    # shellcheck disable=SC2086 # words
    outcome debugged timeout 300 "$program" ${subcommand:-debug} --gdb "unix:$socket" \
        "${options[@]}" \
        >"$work/outcome" &
    program_pid=$!
    timeout 240 "$@" >"$work/said" 2>&1 </dev/null || echo "= ended with status $?" >>"$work/said"
    wait $program_pid
    cat "$work/outcome"
}

# scripted SCRIPT HARTS [ELF]: a command for debugged; the script is made for so many harts.
scripted() {
    sed "s/HARTS/$2/g; s/LAST/$(($2 - 1))/g" "tests/gdb/$1.gdb" >"$work/script"
    command=(sh -c 'until [ -S "$1" ]; do sleep 0.02; done; shift; exec "$@"' sh "$socket"
        "$gdb" -nx -batch -ex "set architecture riscv:rv64" -ex "target remote $socket"
        -x "$work/script" "${@:3}")
}

# said: unless it printed what the script says, the first line that is another.
said() {
    diff <(sed -n 's/^#= /= /p' "$work/script") <(grep '^= ' "$work/said") >"$work/diff" ||
        { sed -n '2,4p' "$work/diff"; tail -n 3 "$work/said"; }
}

# edited OUTCOME WHOLE: WHOLE, if the run says that it is edited, and has passed and ended
# otherwise; else OUTCOME.
edited() {
    if [ "${1%% steps*}" = 'exit 0' ] && [ "$1" != "$2" ] &&
        grep -q '"edited":.*true' "$work/debugged.json"; then
        echo "$2"
    else
        echo "an edited run: $1"
    fi
}

# sessions ENGINE HARTS: every script at a guest.
sessions() {
    local options=(--elf "$work/work.elf" --engine "$1" --smp "$2") whole other script
    whole=$(outcome whole "$program" run "${options[@]}")
    report "${options[*]}" "$([ "${whole%% steps*}" = 'exit 0' ] || echo "$whole")"
    report "${options[*]}: not edited" "$(! grep edited "$work/whole.json")"
    for script in break step watch memory reverse end edit; do
        scripted $script "$2" "$work/work.elf"
        other=$(debugged "${options[@]}" -- "${command[@]}")
        report "$script: ${options[*]}" "$(said)"
        [ $script != edit ] || other=$(edited "$other" "$whole")
        report "$script: ${options[*]}: end" \
            "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
    done
}

# of_a_log ENGINE HARTS: a recording with states, from its beginning and from its middle.
of_a_log() {
    local options=(--elf "$work/work.elf" --smp "$2") log=$work/work.sgl whole other from
    whole=$(outcome whole "$program" record --log "$log" --snapshot-every 3000 "${options[@]}")
    for from in 0 20000; do
        scripted log "$2" "$work/work.elf"
        other=$(subcommand="replay $log" debugged --gdb-wait --engine "$1" --from $from -- \
            "${command[@]}")
        report "log: ${options[*]}, --engine $1 --from $from" "$(said)"
        report "log: ${options[*]}, --engine $1 --from $from: end" \
            "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
    done
}

# other_ends ENGINE HARTS: an IDE's session, and a line that is cut.
other_ends() {
    local options=(--elf "$work/long.elf" --engine "$1" --smp "$2") whole other
    whole=$(outcome whole "$program" run "${options[@]}")
    other=$(debugged "${options[@]}" -- \
        tests/gdb/mi.py "$gdb" tests/gdb/mi.txt "$work/long.elf" "$socket")
    report "machine interface: ${options[*]}" "$(cat "$work/said")"
    report "machine interface: ${options[*]}: end" \
        "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
    other=$(debugged "${options[@]}" -- tests/gdb/line.py "$socket")
    report "line: ${options[*]}" "$(cat "$work/said")"
    report "line: ${options[*]}: end" "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
}

# race ENGINE: a lost update, from its effect back to its cause. A turn of 127 steps, a prime, ends
# everywhere in the loop.
race() {
    local options=(--elf "$work/race.elf" --engine "$1" --smp 2 --quantum 1016) whole other
    whole=$(outcome whole "$program" run "${options[@]}")
    report "race: ${options[*]}: fails" "$([[ $whole == 'exit '[1-9]* ]] || echo "$whole")"
    scripted race 2 "$work/race.elf"
    other=$(debugged "${options[@]}" -- "${command[@]}")
    report "race: ${options[*]}" "$(said)"
    report "race: ${options[*]}: end" "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
}

# kernel ENGINE HARTS
kernel() {
    local options=(--kernel out/guest/vmlinux --initrd out/guest/initramfs.cpio.gz --append
        "console=ttyS0 quiet" --memory 512M --icount sleep=off --stop-at 400000000 --engine "$1"
        --smp "$2") whole other
    whole=$(outcome whole "$program" run "${options[@]}")
    scripted kernel "$2"
    other=$(debugged "${options[@]}" -- "${command[@]}")
    report "kernel: --engine $1 --smp $2" "$(said)"
    report "kernel: --engine $1 --smp $2: end" \
        "$([ "$other" = "$whole" ] || echo "not $whole but $other")"
}

guest_build work.c "$work/work.elf"
guest_build work.c "$work/long.elf" -DWAIT_TICKS=20000000
guest_build race.c "$work/race.elf"
if [ "$tier" = check ]; then
    sessions auto 2
    of_a_log auto 2
    other_ends auto 2
    race auto
else
    for engine in interp auto; do
        race $engine
        for harts in 1 2 4; do
            sessions $engine $harts
            of_a_log $engine $harts
            other_ends $engine $harts
            kernel $engine $harts
        done
    done
fi
finish
