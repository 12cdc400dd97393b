#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bare-metal guests: each checks itself, and must end in the same steps and hash in both engines and
# however its run is cut (law 13).
#
# usage: tests/guest/run.sh check|test|soak|races|litmus [GUEST]...
#   races   only harts that run at the same time, interpreted: for a build that looks for races
#   litmus  only harts that run at the same time, in both engines, with SCALE (100) times as many
#           rounds: millions of some
#
# The first comment of a guest says how it is run:
#   expect: exit N [...]     exit status
#   harts:  1 2 4            hart counts (1)
#   rates:  shift=3 ips=3    --icount values (shift=3)
#   args:   ...              further options
#   policies: token free     --time, besides lockstep: these runs have to pass, and need not repeat
#   chaos:  no               it counts on the schedule without --chaos; others on several harts pass
#                            under seeds too (not in check)
. "$(dirname "$0")/../suite.sh"
tier=$1

# A host may scatter memory more widely than the sanitizer expects: it is asked not to.
if [ "$tier" = races ] && [ -z "${FIXED_ADDRESSES:-}" ] && setarch -R true 2>/dev/null; then
    FIXED_ADDRESSES=1 exec setarch -R "tests/guest/$(basename "$0")" "$@"
fi
shift

declare -A cuts=(
    [check]="--engine=interp --grant=random:1 --pause=random:1"
    [test]="--engine=interp --engine=check --grant=1 --grant=2 --grant=7 --grant=1000
            --grant=random:1 --drop-caches=random:1 --pause=random:1 --rewind=random:1"
    [soak]="--engine=interp --engine=check --grant=1 --grant=2 --grant=7 --grant=1000
            --grant=random:1 --grant=random:2 --grant=random:3
            --drop-caches=random:1 --drop-caches=random:2 --drop-caches=random:3
            --pause=random:1 --pause=random:2 --pause=random:3
            --rewind=random:1 --rewind=random:2 --rewind=random:3"
    [seeds]="--engine=interp --grant=random:1 --drop-caches=random:1 --rewind=random:1"
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
    # shellcheck disable=SC2046 # several flags
    riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany -O2 -Wall -Wextra -Werror \
        -ffreestanding -nostdlib -static -no-pie -fno-pic \
        -Wl,--build-id=none -Wl,--no-warn-rwx-segments $(rate_flags "$2") "-DSCALE=$scale" \
        -Itests/guest \
        -T tests/guest/guest.ld -o "$3" tests/guest/start.S "$1" -lgcc
}

# variants EXIT CUTS COMMAND...: runs it whole, then cut in every way.
variants() {
    local wanted=$1 ways=$2 whole cut other
    shift 2
    whole=$(outcome whole "$@")
    if [ "${whole%% steps*}" != "exit $wanted" ]; then
        report "$*" "wanted exit $wanted, got: $whole; the fail code is a source line"
        return
    fi
    report "$*" ''
    for cut in $ways; do
        other=$(outcome cut "$@" "$cut")
        if [ "$other" = "$whole" ]; then
            report "$* $cut" ''
        else
            report "$* $cut" "wanted $whole, got $other"
        fi
    done
    [ "$tier" = check ] || recorded "$whole" "$@"
    refer "$whole" "$@"
}

# recorded OUTCOME PROGRAM run ARGUMENT...: records it with states on the way; replays that begin at
# some of them end like it. In the tier test one does, in either engine.
recorded() {
    local whole=$1 command=$2 log=$work/states.sgl steps other engine start
    local -a engines=(jit interp)
    [ "$tier" = soak ] || engines=("${engines[RANDOM % 2]}")
    steps=$(sed 's/.*steps \([0-9]*\) .*/\1/' <<<"$whole")
    shift 3
    other=$(outcome cut "$command" record --log "$log" "$@" --snapshot-every $((steps / 9 + 1)))
    report "record $* --snapshot-every" "$([ "$other" = "$whole" ] ||
        echo "wanted $whole, got $other")"
    for engine in "${engines[@]}"; do
        start=$((RANDOM * steps / 32768))
        other=$(outcome cut "$command" replay "$log" --verify --from $start --engine $engine)
        report "replay of record $*, --from $start --engine $engine" "$([ "$other" = "$whole" ] ||
            echo "wanted $whole, got $other")"
    done
}

# at_once EXIT POLICIES COMMAND...: runs it with harts at the same time, in both engines.
at_once() {
    local wanted=$1 policies=$2 policy engine ended engines='auto interp'
    shift 2
    [ "$tier" != races ] || engines=interp
    for policy in $policies; do
        for engine in $engines; do
            ended=$(outcome at-once "$@" --time "$policy" --engine "$engine")
            if [ "${ended%% steps*}" = "exit $wanted" ]; then
                report "$* --time $policy --engine $engine" ''
            else
                report "$* --time $policy --engine $engine" "wanted exit $wanted, got: $ended"
            fi
        done
    done
}

RANDOM=${SEED:-1} # draws where replays begin
# seeds: those of the tier, for as many harts.
seeds() {
    case $tier in
    test) [ "$1" = 1 ] || echo 1 ;;
    soak) [ "$1" = 1 ] || echo 1 2 3 4 5 ;;
    esac
}

scale=1
[ "$tier" != litmus ] || scale=${SCALE:-100}
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
            # shellcheck disable=SC2046 # several options
            [[ $tier == races || $tier == litmus ]] ||
                variants "$wanted" "${cuts[$tier]}" "$program" run --elf "$elf" --smp "$harts" \
                    --icount "$rate,sleep=off" --memory 64M $(field args "" "$source")
            for seed in $([ "$(field chaos yes "$source")" = no ] || seeds "$harts"); do
                # shellcheck disable=SC2046 # several options
                variants "$wanted" "${cuts[seeds]}" "$program" run --elf "$elf" --smp "$harts" \
                    --icount "$rate,sleep=off" --memory 64M $(field args "" "$source") \
                    --chaos "$seed"
            done
            at_once "$wanted" "$(field policies "" "$source")" "$program" run --elf "$elf" \
                --smp "$harts" --icount "$rate,sleep=off" --memory 64M
        done
    done
done
finish
