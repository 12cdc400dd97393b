#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A recording leaves states in its log: it ends as without them, and a replay that begins at any of
# them ends as one that runs it all, whatever was cut off or damaged behind.
#
# SEED draws where replays begin.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
RANDOM=${SEED:-1}

# Each hart writes its way through 64 KiB of its own, adds to a sum of all, and says letters.
guest walk <<'END'
    csrr s0, mhartid
    la s1, sum
    li s2, 0x80100000
    slli t0, s0, 16
    add s2, s2, t0
    li s4, UART
    li s6, 1 << 16
    li s3, 0
1:  add t1, s2, s3
    ld t2, 0(t1)
    add t2, t2, s5
    addi t2, t2, 7
    sd t2, 0(t1)
    amoadd.d t3, t2, (s1)
    addi s5, s5, 1
    andi t4, s5, 255
    bnez t4, 2f
    srli t4, s5, 8
    andi t4, t4, 15
    addi t4, t4, 'a'
    sb t4, 0(s4)
2:  li t5, 4104
    add s3, s3, t5
    bltu s3, s6, 1b
    sub s3, s3, s6
    andi s3, s3, -8
    j 1b
.data
.balign 64
sum: .dword 0
END

# replayed STEPS ARGUMENT...: a replay ends as recorded; what it says is the end of what was said.
replayed() {
    expect 75 "stopped after $1 steps" replay a.sgl --state-hash "${@:2}"
    expect_equal "state of replay ${*:2}" "$hash" "$(state_hash)"
    checks=$((checks + 1))
    cmp -s <(tail -c "$(stat -c %s stdout)" a.out) stdout || fail 'it says something else'
}

end=60000
for harts in 1 3; do
    shape="--elf walk.elf --memory 16M --smp $harts --quantum 5000 --stop-at $end"
    # shellcheck disable=SC2086 # options
    expect 75 'stopped' run $shape --state-hash
    hash=$(state_hash)
    cp stdout a.out
    for way in '--snapshot-every 700' '--snapshot-every 1 --engine interp' \
        '--snapshot-every 5000 --rewind random:3' '--snapshot-every 999 --grant random:4' \
        '--snapshot-every 4001 --pause random:5 --drop-caches random:2'; do
        # shellcheck disable=SC2086 # options
        expect 75 'stopped' record --log a.sgl $shape --state-hash $way --hash-every 10000
        expect_equal "state of record $way" "$hash" "$(state_hash)"
        replayed $end --verify
        replayed $end --verify --from $end
        checks=$((checks + 1))
        [ "$(stat -c %s stdout)" -lt $(($(stat -c %s a.out) / 2)) ] || fail 'it began too early'
        replayed $end --verify --from $((RANDOM % end)) --engine interp
        replayed $end --verify --from $((RANDOM % end)) --engine check
        replayed $end --verify --from $((RANDOM % end)) --rewind random:$RANDOM
    done
    for i in 1 2 3 4; do
        at=$((RANDOM * 2 % end))
        # shellcheck disable=SC2086 # options
        expect 75 'stopped' run ${shape% *} $at --state-hash
        hash=$(state_hash)
        cp stdout a.out
        replayed $at --to $at --from $((RANDOM * at / 32768)) --engine jit
        replayed $at --to $at --from $end --engine interp
    done
done

# -- What was typed in between comes in
guest echo <<'END'
    li s0, UART
1:  addi s3, s3, 1
    lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 1b
    lbu a0, 0(s0)
    la t1, said
    add t1, t1, s4
    addi s4, s4, 1
    sb a0, 0(t1)
    sb a0, 0(s0)
    li t1, 'q'
    bne a0, t1, 1b
    li t2, FINISHER
    li t1, 0x5555
    sw t1, 0(t2)
    j 1b
.data
said: .fill 64
END
command='sandglass record --snapshot-every 100000 --elf echo.elf, typed into'
for word in a bc d e f g q; do
    sleep 0.1
    printf %s $word
done | "$sandglass" record --log a.sgl --elf echo.elf --snapshot-every 100000 --state-hash \
    --stats stats.json >a.out 2>stderr
hash=$(state_hash)
steps=$(python3 -c 'import json; print(json.load(open("stats.json"))["steps"])')
expect_equal 'what was said' abcdefgq "$(cat a.out)"
for i in 1 2 3 4; do
    at=$((steps / 100 * (RANDOM % 100)))
    expect 0 '' replay a.sgl --verify --state-hash --from $at
    expect_equal "state of replay --from $at" "$hash" "$(state_hash)"
done

# -- Disks
flags='-march=rv64gc -mabi=lp64d -mcmodel=medany -O2 -ffreestanding -nostdlib -static -no-pie'
# shellcheck disable=SC2086 # options
riscv64-linux-gnu-gcc $flags -fno-pic -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
    -I"$root/tests/guest" -T "$root/tests/guest/guest.ld" -o writer.elf \
    "$root/tests/guest/start.S" "$root/tests/disks/writer.c" -lgcc || exit 70
tr '\0' '\377' </dev/zero | head -c 3145728 >image
end=2000000
for way in '' '--rewind random:7'; do
    # shellcheck disable=SC2086 # options
    expect 75 'stopped' record --log a.sgl --elf writer.elf --memory 16M --icount sleep=off \
        --drive file=image,bus=mmio --stop-at $end --snapshot-every 150000 --state-hash $way
    hash=$(state_hash)
    cp stdout a.out
    replayed $end --verify --engine interp
    for i in 1 2 3; do
        replayed $end --verify --from $((RANDOM * 61))
        replayed $end --verify --from $((RANDOM * 61)) --rewind random:$i
    done
done

# -- What cannot be
expect 64 '--snapshot-every 0: use STEPS of at least 1' record --log b.sgl --elf walk.elf \
    --snapshot-every 0
expect 64 'is of sandglass record' run --elf walk.elf --snapshot-every 5
expect 64 'is of sandglass replay' record --log b.sgl --elf walk.elf --from 5

# -- Damage: some bytes changed, and cut at some lengths; the right state, or an error
end=60000 at=50000
shape='--elf walk.elf --memory 16M'
# shellcheck disable=SC2086 # options
expect 75 'stopped' run $shape --stop-at $at --state-hash
hash=$(state_hash)
# shellcheck disable=SC2086 # options
expect 75 'stopped' record --log a.sgl $shape --stop-at $end --snapshot-every 3000
size=$(stat -c %s a.sgl)
step=$((size / ${DAMAGES:-30} + 1))
whole=0

# damaged: b.sgl
damaged() {
    run replay b.sgl --from $at --to $at --state-hash
    if [ "$status" = 75 ]; then
        whole=$((whole + 1))
        expect_equal 'state of a damaged log' "$hash" "$(state_hash)"
    elif [ "$status" != 65 ] || ! grep -q '^sandglass: b.sgl: ' stderr; then
        fail "status $status"
    fi
}
for ((byte = RANDOM % step; byte < size; byte += step)); do
    cp a.sgl b.sgl
    old=$(od -An -tu1 -j $byte -N 1 a.sgl)
    printf "\\x$(printf %x $((old ^ 1 << byte % 8)))" | dd of=b.sgl bs=1 seek=$byte conv=notrunc \
        2>/dev/null
    damaged
    head -c $byte a.sgl >b.sgl
    damaged
done
checks=$((checks + 1))
[ $whole -gt 0 ] || fail 'damage behind the place was never passed over'
finish
