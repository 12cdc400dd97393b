#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Random programs: each runs once in the interpreter, once in the translator, and then cut into
# pieces or with caches dropped. It must be the same each time: exit, steps, instructions, time,
# timers, console, and the hash of the whole state, also on the way (law 13).
#
# usage: tests/random/run.sh check|test|soak|fuzz [--seed N] [--count N] [--minutes N]
#   check, test, soak   so many programs of seeds from 1 on
#   fuzz                all of them, until the minutes are over, or a program is found
#   --seed, --count     another first seed, so many programs
#   --minutes           so long, however many programs that makes
#
# What differs is narrowed down to the first step after which the state does.
. "$(dirname "$0")/../suite.sh"

usage() {
    echo "usage: tests/random/run.sh check|test|soak|fuzz [--seed N] [--count N] [--minutes N]" >&2
    exit 64
}

tier=${1:-}
[ $# = 0 ] || shift
seed=1
minutes=
case $tier in
check) count=20 steps=1200000 ;;
test) count=160 steps=2500000 ;;
soak) count=1000 steps=5000000 ;;
fuzz) count=1000000000 steps=3000000 ;;
*) usage ;;
esac
while [ $# -gt 0 ]; do
    [[ ${2:-} =~ ^[0-9]+$ ]] || usage
    case $1 in
    --seed) seed=$2 ;;
    --count) count=$2 ;;
    --minutes) minutes=$2 count=1000000000 ;;
    *) usage ;;
    esac
    shift 2
done

# The reference is --engine interp alone, and each program runs in the translator as it is. SEED
# stands for the program's seed. In soak each program runs in all these ways; else in one of the
# quick ones, some in a slow one as well, and few side by side: rather more programs. Few go on for
# so long that small code memory gets full.
quick=(
    "--engine jit --drop-caches random:SEED"
    "--engine jit --grant random:SEED"
    "--engine interp --drop-caches random:SEED"
    "--engine jit --grant random:SEED --drop-caches random:SEED --pause random:SEED"
    "--engine interp --grant random:SEED"
    "--engine jit --rewind random:SEED"
    "--engine interp --rewind random:SEED --grant random:SEED"
)
slow=(
    "--engine jit --grant 7"
    "--engine jit --grant 1"
    "--engine jit --grant 100"
    "--engine interp --grant 1"
)
side_by_side="--engine check --grant random:SEED"
small="--engine jit --jit-cache 1M"

# goes_on SEED: is this one of those programs? The generator makes it write itself.
goes_on() {
    [ $(($1 % 30)) = 1 ]
}

# ways SEED: one a line.
ways() {
    if goes_on "$1"; then
        echo "$small"
        return
    elif [ "$tier" = soak ]; then
        printf '%s\n' "${quick[@]}" "${slow[@]}" "$side_by_side"
        return
    fi
    echo "${quick[$1 % ${#quick[@]}]}"
    [ $(($1 % 8)) != 0 ] || echo "${slow[$1 / 8 % ${#slow[@]}]}"
    [ $(($1 % 64)) != 4 ] || echo "$side_by_side"
}

. tests/random/programs.sh

# -- Running ---------------------------------------------------------------------------------------

# run NAME OPTION...: sets status; leaves NAME.json and NAME.console.
run() {
    local name=$work/$1
    shift
    rm -f "$name.json"
    status=0
    timeout 300 "$program" run --elf "$work/program" "${machine[@]}" --state-hash \
        --stats "$name.json" "$@" </dev/null >"$name.console" 2>"$name.stderr" || status=$?
}

# observe NAME OPTION...: runs it, and writes to NAME.seen what must always be the same.
observe() {
    local name=$1 seen=$work/$1.seen
    shift
    rm -f "$work/$name.hashes"
    run "$name" --stop-at "$steps" --hash-at "$points:$work/$name.hashes" "$@"
    {
        echo "exit status $status"
        cat "$work/$name.hashes" || true
        grep -E '"(steps|instructions|virtual_ns|fired|late_steps_max|reason|state_hash)":' \
            "$work/$name.json" || tail -n 1 "$work/$name.stderr"
        cksum <"$work/$name.console"
    } >"$seen" 2>&1
}

# -- Narrowing -------------------------------------------------------------------------------------

# same_at STEP OPTION...: is the state after so many steps that of the reference?
same_at() {
    local stop=$1 wanted
    shift
    run reference --engine interp --stop-at "$stop"
    wanted="$status $(stat state_hash "$work/reference.json")"
    run other "$@" --stop-at "$stop"
    [ "$wanted" = "$status $(stat state_hash "$work/other.json" 2>&1)" ]
}

# first_difference OPTION...: the step, if stops do not hide it.
first_difference() {
    local same=0 differs=$steps middle
    if same_at "$differs" "$@"; then
        echo "no difference without the hashes on the way"
        return
    fi
    while [ $((differs - same)) -gt 1 ]; do
        middle=$(((same + differs) / 2))
        if same_at "$middle" "$@"; then
            same=$middle
        else
            differs=$middle
        fi
    done
    echo "the state differs first after step $differs"
}

# complain SEED OPTION...: what to print; only the first variant of a program is narrowed.
complain() {
    local wrong=$1 kept=$work/program-$1
    shift
    diff "$work/whole.seen" "$work/variant.seen" | head -n 6 || true
    if ! cmp -s "$work/program" "$kept"; then
        cp "$work/program" "$kept"
        first_difference "$@"
    fi
    echo "$program run --elf $kept ${machine[*]} $* --stop-at $steps --state-hash"
    echo "tests/random/run.sh $tier --seed $wrong --count 1"
}

# -- Programs --------------------------------------------------------------------------------------

# What the translator did, by way: that caches are dropped, and that code memory gets full, shows in
# nothing else.
instructions=0
declare -A regions resets

# observe_counted WAY: runs the program so; whole.seen says what must come of it.
observe_counted() {
    local way=$1 options made
    read -r -a options <<<"${way//SEED/$2}"
    observe variant "${options[@]}"
    if ! cmp -s "$work/whole.seen" "$work/variant.seen"; then
        report "seed $2, ${machine[*]} ${options[*]}" "$(complain "$2" "${options[@]}")"
        return
    fi
    report "" ""
    instructions=$((instructions + $(stat instructions "$work/variant.json" | head -n 1)))
    made=$(stat regions "$work/variant.json")
    regions[$way]=$((${regions[$way]:-0} + ${made:-0}))
    made=$(stat resets "$work/variant.json")
    resets[$way]=$((${resets[$way]:-0} + ${made:-0}))
}

# compare SEED: one check for each way.
compare() {
    local way plain steps=$steps
    build "$1"
    ! goes_on "$1" || steps=$((8 * steps))
    points=$((steps / 7 + $1 % 100)),$((steps / 3)),$((steps / 2 + 1)),$((steps - 1000 + $1 % 500))
    observe whole --engine interp
    case $status in
    75 | 76) ;;
    *)
        report "seed $1, ${machine[*]}" "wanted exit 75 or 76, got: $(head -n 1 "$work/whole.seen")"
        return
        ;;
    esac
    plain=${regions[--engine jit]:-0}
    observe_counted "--engine jit" "$1"
    while read -r way; do
        observe_counted "$way" "$1"
        if [ "$way" = "${quick[0]}" ]; then
            undropped=$((undropped + ${regions[--engine jit]} - plain))
        fi
    done < <(ways "$1")
}

undropped=0 # regions made without drops, for the programs that had some
end=$((SECONDS + 60 * ${minutes:-100000000}))
last=$((seed + count - 1))
while [ "$seed" -le $last ] && [ $SECONDS -lt $end ]; do
    compare "$seed"
    [ "$tier" != fuzz ] || [ "$failed" = 0 ] || break
    seed=$((seed + 1))
done
if [ "$count" -ge 20 ]; then
    report "translated code" \
        "$([ "${regions[--engine jit]:-0}" -gt 0 ] || echo "no region was made")"
fi
if [ "$count" -ge 100 ]; then # fewer programs may all forget what was about to become hot
    dropped=${regions[${quick[0]}]:-0}
    report "dropped code" \
        "$([ "$dropped" -gt $((undropped + undropped / 8)) ] ||
            echo "$dropped regions were made with drops, $undropped without")"
    report "full code memory" \
        "$([ "${resets[$small]:-0}" -gt 0 ] || echo "code memory was never full")"
fi
echo "$instructions instructions compared, ${regions[--engine jit]:-0} regions translated"
finish
