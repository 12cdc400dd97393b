#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs stop at symbols, markers and lines, the n-th time that they come by: at the same step in
# either engine and however the run is cut, live and in replays, from wherever these begin.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Hart 0 calls `work` 40 times; each call passes marker 7 twice, one of them across the end of a
# page, then marker 9 with a value, and says "round " and a letter, four times a line but for the
# first. The other harts call `work`, too, and say nothing.
guest rounds <<'END'
    csrr s0, mhartid
    li s1, UART
    li s2, 40
    li s3, 'a'
1:  jal work
    addi s2, s2, -1
    bnez s2, 1b
    bnez s0, 3f
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b

.balign 8
say:
    sb a0, 0(s1)
    ret

.balign 4096
.space 4096 - 18
work:
    slti x0, x0, 7
    mv s4, ra
    beqz s0, 4f
    addi s5, s5, 1
4:
.option rvc
    c.nop
.option norvc
    slti x0, x0, 7
    slti x0, s2, 9
    bnez s0, 6f
    la s6, words
5:  lbu a0, 0(s6)
    beqz a0, 7f
    jal say
    addi s6, s6, 1
    j 5b
7:  mv a0, s3
    jal say
    addi s3, s3, 1
    andi t0, s2, 3
    bnez t0, 6f
    li a0, '\n'
    jal say
6:  jr s4
.data
words: .string "round "
END

shape='--elf rounds.elf --memory 16M --icount sleep=off --quantum 5000'

# stopped_at: the steps after which the last run stopped.
stopped_at() {
    sed -n 's/.*stopped after \([0-9]*\) steps.*/\1/p' stderr
}

# place HARTS PLACE: leaves $steps and $hash of a run that stops there, the same in every way.
place() {
    local way
    # shellcheck disable=SC2086 # options
    expect 75 'stopped' run $shape --smp "$1" --stop-at "$2" --state-hash --engine jit
    steps=$(stopped_at)
    hash=$(state_hash)
    for way in '--engine interp' '--grant 1' '--grant random:3 --engine interp' \
        '--drop-caches random:2' '--pause random:5' '--rewind random:1' \
        '--rewind random:2 --engine interp'; do
        # shellcheck disable=SC2086 # options
        expect 75 "stopped after $steps steps" run $shape --smp "$1" --stop-at "$2" \
            --state-hash $way
        expect_equal "state at $2, $way" "$hash" "$(state_hash)"
    done
    # shellcheck disable=SC2086 # options
    expect 75 'stopped' run $shape --smp "$1" --stop-at "$steps" --state-hash --engine jit
    expect_equal "state at $2 and after $steps steps" "$hash" "$(state_hash)"
}

# Of one hart, all is known: a round takes as long as the one before.
place 1 symbol:work
first=$steps
expect_equal 'the first symbol' 5 "$first"
place 1 'marker:7'
expect_equal 'the first marker' "$first" "$steps"
place 1 'marker:7#2'
expect_equal 'the second marker' $((first + 4)) "$steps"
place 1 'marker#2'
expect_equal 'the second of any' $((first + 4)) "$steps"
place 1 'marker:9'
expect_equal 'the first marker of another number' $((first + 5)) "$steps"
place 1 'line:round a'
line=$steps
place 1 'symbol:say#7'
expect_equal 'the symbol before the line' $((line - 1)) "$steps"
place 1 'symbol:work#2'
second=$steps
place 1 'symbol:work#3'
expect_equal 'the third symbol' $((second + second - first - 4)) "$steps" # no end of a line
place 1 'line:round #2'
expect_stdout $'round a\nround '
place 1 'line:round d'
expect_stdout $'round a\nround bround cround d'
place 1 'marker:7#80'
place 1 'symbol:work#40'
address=$(riscv64-linux-gnu-nm rounds.elf | sed -n 's/ t work$//p')
place 1 "symbol:0x$address#40"
expect_stdout "$(sed 's/round z$//' stdout)"

for place in symbol:work#50 marker:9#77 'line:round #3' 'symbol:say#20' 'marker#123'; do
    place 3 "$place"
    # shellcheck disable=SC2086 # options
    expect 75 "stopped after $steps steps" record --log a.sgl $shape --smp 3 --stop-at "$place" \
        --snapshot-every 500 --state-hash
    expect 75 "stopped after $steps steps" replay a.sgl --verify --state-hash
    expect_equal "state of a replay up to $place" "$hash" "$(state_hash)"
    expect 75 "stopped after $steps steps" replay a.sgl --verify --state-hash --engine interp \
        --from $((steps * 2 / 3))
    expect_equal "state of half a replay up to $place" "$hash" "$(state_hash)"
    # shellcheck disable=SC2086 # options
    expect 0 '' record --log b.sgl $shape --smp 3
    expect 75 "stopped after $steps steps" replay b.sgl --to "$place" --state-hash
    expect_equal "state of another replay up to $place" "$hash" "$(state_hash)"
    # shellcheck disable=SC2086 # options
    expect 0 "stopped after $steps steps" snapshot --file a.snap $shape --smp 3 --stop-at "$place"
    expect 75 "stopped after $steps steps" restore a.snap --stop-at "$steps" --state-hash
    expect_equal "state of a snapshot at $place" "$hash" "$(state_hash)"
done
expect 75 'stopped' restore a.snap --stop-at symbol:work
# shellcheck disable=SC2086 # options
expect 75 'stopped' run $shape --stop-at 'line:round d' --engine check --state-hash
hash=$(state_hash)
place 1 'line:round d'
expect_equal 'state of both engines at a line' "$hash" "$(state_hash)"
expect 75 'stopped' replay b.sgl --to 1:777 --state-hash
hash=$(state_hash)
# shellcheck disable=SC2086 # options
expect 75 'stopped' run $shape --smp 3 --stop-at 1:777 --state-hash
expect_equal "state after a hart's steps" "$hash" "$(state_hash)"
expect 75 'at 12345 ns' replay b.sgl --to vtime:12345
# A place that never comes is told, and the end is that of the run that was recorded.
for place in symbol:work#999999 line:Oops marker:8 2:999999999999 vtime:999999999999; do
    expect 0 "^sandglass: --to $place: the recorded run ended before it came there" \
        replay b.sgl --to $place
done

# -- What cannot be
# shellcheck disable=SC2086 # options
{
    expect 0 '' run $shape --stop-at marker:8
    expect 0 '' run $shape --stop-at symbol:work#41
    expect 64 'symbol:wrok: there is no such symbol; did you mean work' \
        run $shape --stop-at symbol:wrok
    expect 64 'use STEPS, HART:STEPS' run $shape --stop-at line:
    expect 64 'use STEPS, HART:STEPS' run $shape --stop-at marker:2048
    expect 64 'use STEPS, HART:STEPS' run $shape --stop-at symbol
    expect 64 'give only one of them' run $shape --stop-at 5 --stop-at-vtime 5
    expect 64 'give only one of them' replay b.sgl --to-vtime 5 --to symbol:work
    expect 64 'there is no hart 3' replay b.sgl --to 3:5
    expect 64 'under --time lockstep' run $shape --stop-at symbol:work --time token
    expect 64 'cannot go with --engine check' run $shape --stop-at symbol:work --engine check
}
finish
