#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks for longer than the unit tests have them: more programs killed, more hosts stopped.
#
# usage: tests/disks.sh test|soak
. "$(dirname "$0")/suite.sh"
declare -A factors=([test]=1 [soak]=10)
factor=${factors[$1]}
units=$(dirname "$program")/unit
seed=${SANDGLASS_SEED:-1}

# repeat TEST ROUNDS
repeat() {
    local settings=("SANDGLASS_SEED=$seed" "SANDGLASS_ROUNDS=$((factor * $2))") status=0
    env "${settings[@]}" "$units/$1" >"$work/$1.log" 2>&1 || status=$?
    report "${settings[*]} $units/$1" "$([ $status = 0 ] ||
        grep -a -m 3 'rror' "$work/$1.log" || tail -n 3 "$work/$1.log")"
}

repeat test_disk_kill 250
repeat test_overlay_crash 60
repeat test_disk 10
finish
