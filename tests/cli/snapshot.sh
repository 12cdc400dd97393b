#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A state is kept and goes on elsewhere as if it never had stopped; what is damaged is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Every hart adds to a sum of its own and to one of all; hart 0 lets its timer interrupt it, and
# prints a letter at each.
guest work <<'END'
    csrr s0, mhartid
    la s1, sums
    slli t0, s0, 6
    add s2, s1, t0
    bnez s0, 2f
    la t0, 3f
    csrw mtvec, t0
    li s3, 0x2004000
    li s4, UART
    li s5, 'a'
    li t0, 50
    sd t0, 0(s3)
    li t0, 0x80
    csrw mie, t0
    csrsi mstatus, 8
2:  amoadd.d t1, s0, (s1)
    ld t2, 0(s2)
    addi t2, t2, 7
    sd t2, 0(s2)
    j 2b
.balign 4
3:  sb s5, 0(s4)
    addi s5, s5, 1
    li t3, 'k'
    beq s5, t3, 4f
    ld t3, 0(s3)
    addi t3, t3, 50
    sd t3, 0(s3)
    mret
4:  li t3, FINISHER
    li t4, 0x5555
    sw t4, 0(t3)
    j 4b
.data
.balign 64
sums: .fill 512
END

truncate -s 64K disk.img
shape='--elf work.elf --memory 16M --icount sleep=off'

# end_at STEPS: the state of a run that was never interrupted.
end_at() {
    # shellcheck disable=SC2086 # options
    expect 75 'stopped' run $shape --smp $harts --stop-at "$1" --state-hash "${@:2}"
    hash=$(state_hash)
}

# -- Going on
for harts in 1 3; do
    for at in 0 1 777 3000; do
        # shellcheck disable=SC2086 # options
        expect 0 "stopped after $at steps" snapshot --file a.snap $shape --smp $harts \
            --stop-at $at --state-hash
        hash=$(state_hash)
        expect 75 "stopped after $at steps" restore a.snap --stop-at $at --state-hash
        expect_equal "state after $at steps" "$hash" "$(state_hash)"
        end_at 4000
        for way in '' '--engine interp' '--grant random:3' '--drop-caches random:2' \
            '--rewind random:4' '--pause random:5' '--engine check'; do
            # shellcheck disable=SC2086 # options
            expect 75 'stopped' restore a.snap --stop-at 4000 --state-hash $way
            expect_equal "state after 4000 steps, $way" "$hash" "$(state_hash)"
        done
    done
    # shellcheck disable=SC2086 # options
    expect 0 '' run $shape --smp $harts --state-hash
    expect_stdout abcdefghij
    hash=$(state_hash)
    expect 0 '' restore a.snap --state-hash --stats stats.json
    expect_equal 'the state at the end' "$hash" "$(state_hash)"
    said=$(cat stdout)
    expect_equal 'something was still to be said' yes "$([ -n "$said" ] && echo yes)"
    expect_equal 'what was still to be said' "$said" "$(grep -o "$said\$" <<<abcdefghij)"
done
# shellcheck disable=SC2086 # options
expect 0 'at 12345 ns' snapshot --file a.snap $shape --drive file=disk.img --stop-at-vtime 12345 \
    --state-hash
hash=$(state_hash)
expect 75 'at 12345 ns' restore a.snap --stop-at-vtime 12345 --state-hash
expect_equal 'state at 12345 ns' "$hash" "$(state_hash)"

# -- Where the run is to stop lies ahead
expect 0 'after 777 steps' snapshot --file c.snap --elf work.elf --icount sleep=off --smp 2 \
    --stop-at 777
expect 75 'after 777 steps' restore c.snap --stop-at 777 --stats stats.json
now=$(python3 -c 'import json; s = json.load(open("stats.json")); print(s["virtual_ns"],
    s["per_hart"][0]["steps"])')
expect 64 "^sandglass: --stop-at 776: lies before the snapshot, which is after 777 steps, at \
${now% *} ns; give a later place" restore c.snap --stop-at 776
expect 64 '^sandglass: --stop-at vtime:[0-9]*: lies before the snapshot' restore c.snap \
    --stop-at-vtime $((${now% *} - 1))
expect 64 '^sandglass: --stop-at 0:[0-9]*: lies before the snapshot' restore c.snap \
    --stop-at 0:$((${now#* } - 1))
expect 64 '--stop-at 5: lies before' profile c.snap --stop-at 5
expect 75 'stopped' restore c.snap --stop-at "0:${now#* }"

# -- What cannot be
expect 64 'snapshot: where to' snapshot --elf work.elf --stop-at 5
expect 64 'snapshot: where[?]' snapshot --elf work.elf --file a.snap
expect 64 '--time' snapshot --elf work.elf --file b.snap --stop-at 5 --time free
# What is not whole replaces nothing, and nothing of it is left behind.
guest loop <<'END'
1:  j 1b
END
cp a.snap b.snap
for way in '' --no-sandbox; do
    # shellcheck disable=SC2086 # options
    expect 64 'the guest has ended before' snapshot --file b.snap $shape --stop-at 100000000 $way
    expect_equal 'files of the snapshot' 'b.snap' "$(ls -d b.snap*)"
    cmp -s a.snap b.snap || fail 'another snapshot has taken its place'
done
for way in '' --no-sandbox; do
    # shellcheck disable=SC2086 # options
    "$sandglass" snapshot --file b.snap --elf loop.elf --stop-at 1000000000000000 $way 2>/dev/null &
    process=$!
    disown $process # or the shell would say that it was killed
    until ls b.snap.*.new >/dev/null 2>&1 || ! kill -0 $process 2>/dev/null; do sleep 0.02; done
    expect_equal 'files of the snapshot' '2' "$(ls -d b.snap* | wc -l)"
    kill -KILL $process
    for ((i = 0; i < 100; i++)); do
        ls b.snap.*.new >/dev/null 2>&1 || break
        sleep 0.02
    done
    expect_equal "files of the snapshot after a kill, $way" 'b.snap' "$(ls -d b.snap*)"
    cmp -s a.snap b.snap || fail 'another snapshot has taken its place'
done
ln -s b.snap link.snap
for way in '' --no-sandbox; do
    # shellcheck disable=SC2086 # options
    expect 0 'after 500 steps' snapshot --file link.snap $shape --stop-at 500 $way
    expect_equal 'files of the snapshot' 'b.snap' "$(ls -d b.snap*)"
    expect 75 'after 500 steps' restore b.snap --stop-at 500
    expect_equal 'the link' b.snap "$(readlink link.snap)"
done
expect 64 'restore: names no file' restore
expect 65 'no.snap' restore no.snap
expect 64 '--file work.elf: is the file of --elf too' snapshot --file work.elf --elf work.elf \
    --stop-at 5
expect 64 '--smp: is as it was recorded' restore a.snap --smp 2
expect 64 '--hash-every: is of sandglass record' \
    snapshot --file b.snap --hash-every 5 --elf work.elf
expect 65 'is a snapshot; use sandglass restore' replay a.snap
expect 75 'stopped' record --log a.sgl --elf work.elf --stop-at 100
expect 65 'is a log of inputs; use sandglass replay' restore a.sgl
printf x | dd of=disk.img bs=1 seek=100 conv=notrunc 2>/dev/null
expect 65 'disk' restore a.snap --stop-at-vtime 12345

# -- Damage: some bytes of it changed, and cut at some lengths; never a crash, never another state
# shellcheck disable=SC2086 # options
expect 0 'stopped' snapshot --file a.snap $shape --stop-at 1000 --state-hash
size=$(stat -c %s a.snap)
step=$((size / ${DAMAGES:-40} + 1))
for ((at = RANDOM % step; at < size; at += step)); do
    cp a.snap b.snap
    byte=$(od -An -tu1 -j $at -N 1 a.snap)
    printf "\\x$(printf %x $((byte ^ 1 << at % 8)))" | dd of=b.snap bs=1 seek=$at conv=notrunc \
        2>/dev/null
    expect 65 'b.snap' restore b.snap --stop-at 1000
    head -c $at a.snap >b.snap
    expect 65 'b.snap' restore b.snap --stop-at 1000
done
finish
