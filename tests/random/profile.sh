#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Profiles of random programs, which remap and rewrite their own code, trap and interrupt each
# other: the same in both engines and however they are cut, and each function has the same steps
# whichever way they are counted.
#
# usage: tests/random/profile.sh [FIRST [LAST]]   seeds, 1 to 12 unless given
. "$(dirname "$0")/../suite.sh"
. tests/random/programs.sh

steps=1000000
ways=("--engine interp" "--engine jit" "--engine jit --grant random:SEED --drop-caches random:SEED"
    "--engine interp --grant random:SEED")

# by_function PROFILE: its steps.
by_function() {
    "$program" report "$1" --format folded | awk '
        { count = split($1, part, ";"); sum[part[count]] += $2 }
        END { for (name in sum) if (sum[name] > 0) printf "%s %.0f\n", name, sum[name] }' | sort
}

# profile KIND OPTION...: leaves $work/KIND.sgp.
profile() {
    local kind=$1 status=0
    shift
    rm -f "$work/$kind.sgp"
    timeout 300 "$program" profile --elf "$work/program" "${machine[@]}" --stop-at "$steps" \
        --count "$kind" "$@" --output "$work/$kind.sgp" </dev/null >"$work/console" 2>&1 ||
        status=$?
    [ -e "$work/$kind.sgp" ] || echo "status $status: $(tail -n 1 "$work/console")"
    "$program" report "$work/$kind.sgp" | sed -n "s/^digest */$kind /p"
}

# look SEED: prints what is wrong with its profiles.
look() {
    local way seen first='' options
    build "$1"
    for way in "${ways[@]}"; do
        read -r -a options <<<"${way//SEED/$1}"
        seen=$(profile callers "${options[@]}" && profile flat "${options[@]}")
        first=${first:-$seen}
        [[ $seen =~ ^callers\ [0-9a-f]{32}$'\n'flat\ [0-9a-f]{32}$ ]] || echo "$way: $seen"
        [ "$seen" = "$first" ] || echo "$way: $seen; and ${ways[0]}: $first"
        diff <(by_function "$work/callers.sgp") <(by_function "$work/flat.sgp") | head -n 5
    done
}

for ((seed = ${1:-1}; seed <= ${2:-12}; seed++)); do
    report "profile of seed $seed" "$(look "$seed")"
done
finish
