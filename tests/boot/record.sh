#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A shell on the Debian kernel that is typed into at random is recorded, and its replays end alike.
#
# usage: tests/boot/record.sh test|soak
# On 1 and 4 harts (soak: 2 and 8, too), under one engine or the other (soak: each): replays in both
# engines, with a busy neighbour, with caches dropped, pauses and going back in time have the same
# steps, hash and words. A recording that goes back in time itself, and one with shift=auto, too.
# One that is killed replays up to the last second.
#
# SEED draws what is typed, and when (1).
# shellcheck source=tests/suite.sh
. "$(dirname "$0")/../suite.sh"
tier=$1
seed=${SEED:-1}
seconds=4 counts='1 4'
[ "$tier" = test ] || seconds=20 counts='1 2 4 8'

shell=(--kernel out/guest/vmlinux --initrd out/guest/initramfs.cpio.gz --memory 256M
    --append 'console=ttyS0 quiet sandglass.shell')

# typed NAME OPTION...: records NAME.sgl.
typed() {
    local name=$1
    shift
    # The options that outcome adds belong to the program, which is last.
    outcome "$name" tests/boot/typist.py "$seed" $seconds \
        "$program" record --log "$work/$name.sgl" "${shell[@]}" "$@"
}

# repeat NAME END OPTION...: a replay has the same end and the same words.
repeat() {
    local name=$1 end=$2 other
    shift 2
    other=$(outcome again "$program" replay "$work/$name.sgl" --verify "$@")
    report "$name, SEED=$seed, replay $*" "$([ "$other" = "$end" ] ||
        echo "wanted $end, got $other: $(tail -n 1 "$work/again.stderr")")"
    report "what $name says in replay $*" \
        "$(cmp "$work/$name.console" "$work/again.console" 2>&1 || true)"
}

# all_repeat NAME END
all_repeat() {
    local load
    report "$1, SEED=$seed" "$([[ $2 == 'exit 0 '* ]] || echo "$2")"
    repeat "$1" "$2" --engine interp
    (while :; do :; done) & # a busy neighbour
    load=$!
    repeat "$1" "$2" --engine jit
    kill $load
    repeat "$1" "$2" --drop-caches "random:$seed" --pause "random:$seed"
    repeat "$1" "$2" --rewind "random:$seed"
}

for harts in $counts; do
    for engine in jit interp; do
        [ "$tier" != test ] || [ $engine = interp ] || [ $harts -gt 1 ] || continue
        [ "$tier" != test ] || [ $engine = jit ] || [ $harts = 1 ] || continue
        end=$(typed "$engine-$harts" --smp $harts --engine $engine)
        all_repeat "$engine-$harts" "$end"
    done
done
end=$(typed back --smp 2 --rewind "random:$seed" --snapshot-every 200000000)
all_repeat back "$end"

# parts_repeat NAME END: replays that begin at a state on the way end alike.
parts_repeat() {
    local steps start other
    local -a engines=(jit interp)
    [ "$tier" = soak ] || engines=("${engines[RANDOM % 2]}")
    steps=$(sed 's/.*steps \([0-9]*\) .*/\1/' <<<"$2")
    for engine in "${engines[@]}"; do
        start=$((RANDOM * steps / 32768))
        other=$(outcome again "$program" replay "$work/$1.sgl" --verify --from $start \
            --engine $engine)
        report "$1, SEED=$seed, replay --from $start --engine $engine" "$([ "$other" = "$2" ] ||
            echo "wanted $2, got $other: $(tail -n 1 "$work/again.stderr")")"
    done
}
RANDOM=$seed
parts_repeat back "$end"
for harts in $counts; do
    end=$(typed states --smp $harts --snapshot-every 100000000)
    report "states on the way, SEED=$seed" "$([[ $end == 'exit 0 '* ]] || echo "$end")"
    repeat states "$end" --engine jit
    parts_repeat states "$end"
done
end=$(typed auto --smp 2 --icount shift=auto)
all_repeat auto "$end"

# What was said more than a second before it was killed is said again, and nothing else.
killed() {
    local process other
    rm -f "$work/typed"
    mkfifo "$work/typed"
    "$program" record --log "$work/killed.sgl" "${shell[@]}" <"$work/typed" \
        >"$work/killed.console" 2>/dev/null &
    process=$!
    disown $process
    exec 9>"$work/typed"
    sleep 4
    echo 'seq 1000 1010' >&9
    sleep 3
    kill -KILL $process
    exec 9>&-
    other=$(outcome again "$program" replay "$work/killed.sgl")
    report 'a recording that is killed' "$([[ $other == 'exit 65 '* ]] || echo "$other")"
    report 'what it said' "$(grep -q '^1010' "$work/again.console" || echo 'too little')"
    report 'nothing else' "$(cmp "$work/killed.console" "$work/again.console" 2>&1 |
        grep -v 'EOF on' || true)"
}
killed
finish
