#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Overlays that many programs are killed over: whole machines, and the unit tests for longer.
#
# usage: tests/disks/run.sh test|soak
. "$(dirname "$0")/../suite.sh"
declare -A factors=([test]=1 [soak]=10)
factor=${factors[$1]}
units=$(dirname "$program")/unit
seed=${SANDGLASS_SEED:-1}
RANDOM=$seed
overlay=$work/overlay
image=$work/image
console=$work/console

# repeat TEST ROUNDS: a unit test.
repeat() {
    local settings=("SANDGLASS_SEED=$seed" "SANDGLASS_ROUNDS=$((factor * $2))") status=0
    env "${settings[@]}" "$units/$1" >"$work/$1.log" 2>&1 || status=$?
    report "${settings[*]} $units/$1" "$([ $status = 0 ] ||
        grep -a -m 3 'rror' "$work/$1.log" || tail -n 3 "$work/$1.log")"
}

# last WORD: the number in the console's last whole line of that word; -1 when there is none.
last() {
    local line number=-1 count
    count=$(wc -l <"$console")
    line=$(head -n "$count" "$console" | grep "^$1 [0-9]" | tail -n 1)
    [ -z "$line" ] || number=${line#* }
    echo "$number"
}

machine=("$program" run --elf "$work/writer.elf" --memory 16 --icount sleep=off
    --drive "file=$image,overlay=$overlay,bus=mmio")

# killed HUNDREDTHS WORD: runs the machine until it has printed WORD and so much time has passed.
# @return what was wrong, on standard output
killed() {
    local process status=0 i
    : >"$console"
    "${machine[@]}" >"$console" 2>"$work/stderr" </dev/null &
    process=$!
    for ((i = 0; i < 3000; i++)); do
        ! grep -q "^$2" "$console" || break
        sleep 0.02
    done
    sleep "$(printf '0.%02d' "$1")"
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null || status=$?
    [ $status = 137 ] || echo "it ended by itself with status $status: $(tail -n 1 "$work/stderr")"
}

# Each machine looks whether the disk is as of a flush of the last one, or a later one of its.
machines_killed() {
    local complaint='' flushed=-1 found i word
    rm -f "$overlay"
    for ((i = 0; i < $1 && ${#complaint} == 0; i++)); do
        word=found
        [ $((i % 3)) != 0 ] || word='' # perhaps while it opens the overlay
        complaint=$(killed $((RANDOM % 30)) "$word")
        found=$(last found)
        if [ -z "$complaint" ] && [ "$word" = found ] && [ "$found" -lt "$flushed" ]; then
            complaint="kill $i: round $flushed was flushed, the disk knows of $found"
        fi
        found=$(last flushed)
        [ "$found" -lt "$flushed" ] || flushed=$found
    done
    cmp -s "$image" "$work/before" || complaint+=' the image has changed'
    [ "$flushed" -gt "$1" ] || complaint+=" only $flushed rounds were flushed"
    report "$1 machines killed, SANDGLASS_SEED=$seed" "$complaint"
}

# The host has no room: the run ends with 74, and the overlay holds what was flushed.
machine_full() {
    local complaint='' status=0 flushed
    rm -f "$overlay"
    (ulimit -f 1024 && exec "${machine[@]}" >"$console" 2>"$work/stderr" </dev/null) || status=$?
    flushed=$(last flushed)
    [ $status = 74 ] || complaint="status $status, not 74"
    grep -q '^sandglass: overlay .*make room for it$' "$work/stderr" ||
        complaint+=" said $(cat "$work/stderr")"
    complaint+=$(killed 10 found)
    [ -n "$complaint" ] || [ "$(last found)" -ge "$flushed" ] ||
        complaint="round $flushed was flushed, the disk knows of $(last found)"
    report 'a host without room' "$complaint"
}

riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany -O2 -Wall -Wextra -Werror \
    -ffreestanding -nostdlib -static -no-pie -fno-pic -Wl,--build-id=none \
    -Wl,--no-warn-rwx-segments -Itests/guest -T tests/guest/guest.ld -o "$work/writer.elf" \
    tests/guest/start.S tests/disks/writer.c -lgcc
head -c 3M /dev/zero | tr '\0' '\377' >"$image"
cp "$image" "$work/before"
machines_killed $((factor * 200))
machine_full
repeat test_disk_kill 250
repeat test_overlay_crash 60
repeat test_disk 10
finish
