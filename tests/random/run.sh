#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Random programs: each runs once in the interpreter, then in the translator, cut into pieces, with
# caches dropped, and must be the same each time: exit, steps, instructions, time, timers, console,
# and the hash of the whole state, also on the way (law 13).
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
check) count=12 steps=500000 ;;
test) count=48 steps=2500000 ;;
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

# The reference is --engine interp alone. SEED stands for the program's seed. All programs run in
# the translator as it is; of the other variants so many each, in turn.
variants=(
    "--engine jit --grant random:SEED"
    "--engine jit --drop-caches random:SEED"
    "--engine interp --grant random:SEED"
    "--engine jit --grant random:SEED --drop-caches random:SEED"
    "--engine check --grant random:SEED"
    "--engine jit --grant 7"
    "--engine interp --drop-caches random:SEED"
    "--engine jit --jit-cache 1M"
    "--engine jit --grant 100"
    "--engine interp --grant random:SEED --drop-caches random:SEED"
    "--engine jit --grant 1"
    "--engine interp --grant 1"
)
case $tier in
check | test) turns=3 ;;
*) turns=${#variants[@]} ;;
esac

# -- Building --------------------------------------------------------------------------------------

${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Isrc -o "$work/generate" tests/random/*.c src/isa/*.c \
    src/base/base.c
riscv64-linux-gnu-gcc -march=rv64ima_zicsr_zifencei -mabi=lp64 -mcmodel=medany -O2 -Wall -Wextra \
    -Werror -ffreestanding -nostdlib -static -no-pie -fno-pic -Wl,--build-id=none \
    -Wl,--no-warn-rwx-segments -T tests/random/guest/chaos.ld -o "$work/chaos" \
    tests/random/guest/start.S tests/random/guest/chaos.c

# -- Running ---------------------------------------------------------------------------------------

# build SEED: the program $work/program; sets machine, its options.
build() {
    local options
    rm -f "$work/program-$1"
    options=$("$work/generate" "$1" "$work/areas")
    read -r -a machine <<<"$options"
    riscv64-linux-gnu-objcopy --update-section .areas="$work/areas" "$work/chaos" "$work/program"
}

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

instructions=0
regions=0

# compare SEED: one check for each variant.
compare() {
    local turn chosen variant options made
    build "$1"
    points=$((steps / 7 + $1 % 100)),$((steps / 3)),$((steps / 2 + 1)),$((steps - 1000 + $1 % 500))
    observe whole --engine interp
    case $status in
    75 | 76) ;;
    *)
        report "seed $1, ${machine[*]}" "wanted exit 75 or 76, got: $(head -n 1 "$work/whole.seen")"
        return
        ;;
    esac
    chosen=("--engine jit")
    for ((turn = 0; turn < turns; turn++)); do
        chosen+=("${variants[($1 * turns + turn) % ${#variants[@]}]}")
    done
    for variant in "${chosen[@]}"; do
        read -r -a options <<<"${variant//SEED/$1}"
        observe variant "${options[@]}"
        if cmp -s "$work/whole.seen" "$work/variant.seen"; then
            report "" ""
            instructions=$((instructions + $(stat instructions "$work/variant.json" | head -n 1)))
        else
            report "seed $1, ${machine[*]} ${options[*]}" "$(complain "$1" "${options[@]}")"
        fi
        if [ "$variant" = "--engine jit" ] && [ -f "$work/variant.json" ]; then
            made=$(stat regions "$work/variant.json")
            regions=$((regions + ${made:-0}))
        fi
    done
}

end=$((SECONDS + 60 * ${minutes:-100000000}))
last=$((seed + count - 1))
while [ "$seed" -le $last ] && [ $SECONDS -lt $end ]; do
    compare "$seed"
    [ "$tier" != fuzz ] || [ $failed = 0 ] || break
    seed=$((seed + 1))
done
report "translated code" "$([ $regions -gt 0 ] || echo "no region was made: nothing was tested")"
echo "$instructions instructions compared, $regions regions translated"
finish
