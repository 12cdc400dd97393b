#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sandglass profile --count flat: every step of a program whose counts are known; the same in both
# engines, under every cut, and nothing of the run is another for it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Main calls leaf 1000 times, in which a loop goes 7 times round; every call traps once.
elf count <<'END'
        .globl _start, main, leaf, handler
        .text
_start: la      t0, handler
        csrw    mtvec, t0
        li      sp, 0x80100000
        csrr    t0, mhartid
        bnez    t0, park
        call    main
        li      t0, 1
        la      t1, tohost
        sd      t0, 0(t1)
park:   wfi
        j       park
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      s0, 1000
1:      call    leaf
        addi    s0, s0, -1
        bnez    s0, 1b
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   main, . - main
        .type   leaf, @function
leaf:   li      t2, 7
1:      addi    t2, t2, -1
        bnez    t2, 1b
        ecall
        ret
        .size   leaf, . - leaf
        .balign 4
        .type   handler, @function
handler:
        csrr    t3, mepc
        addi    t3, t3, 4
        csrw    mepc, t3
        mret
        .size   handler, . - handler
END
program='--elf count.elf --memory 16M --icount sleep=off'

# told PROFILE FUNCTION: its steps.
told() {
    "$sandglass" report "$1" --format text |
        sed -n "s/^ *[0-9.]* % *\([0-9 ]*[0-9]\)  .* $2 \[program\]\$/\1/p" | tr -d ' ' | head -n 1
}

# shellcheck disable=SC2086 # options
expect 0 '' run $program --state-hash --stats run.json
hash=$(state_hash)
# shellcheck disable=SC2086 # options
expect 0 '' profile $program --count flat --state-hash --output a.sgp --stats stats.json
expect_equal 'the state is that of a run' "$hash" "$(state_hash)"
expect_equal 'leaf: 1000 times 1 + 2 * 7 + 2 steps' 17000 "$(told a.sgp leaf)"
expect_equal 'handler: 1000 times 4 steps' 4000 "$(told a.sgp handler)"
main_steps=$(("$(told a.sgp main)"))
# call is one instruction or two.
expect_equal 'main: 6 steps, and 1000 times 3 or 4' yes \
    "$([ $main_steps = 3006 ] || [ $main_steps = 4006 ] && echo yes)"
expect_equal 'all of it is the steps of the run' \
    "$(python3 -c 'import json; s = json.load(open("run.json"))
print(s["steps"], s["instructions"], sep=";")')" \
    "$("$sandglass" report a.sgp --format text | tr -d ' ' |
        sed -n 's/^run\([0-9]*\)steps,\([0-9]*\)instructions.*/\1;\2/p')"
wanted=$(field a.sgp digest)
for options in '--engine interp' '--grant 1' '--grant random:7 --drop-caches random:3' \
    '--engine interp --grant 7' '--jit-cache 1M'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $program --count flat --output b.sgp $options
    expect_equal "profile with $options" "$wanted" "$(field b.sgp digest)"
done
# shellcheck disable=SC2086 # options
expect 0 '' profile $program --count flat --smp 3 --output b.sgp
expect_equal 'leaf, beside two harts that sleep' 17000 "$(told b.sgp leaf)"

# -- Each instruction: what its function has, and no more of the profile is another for it
# addresses PROFILE FUNCTION: steps and instructions of each of its instructions.
addresses() {
    "$sandglass" report "$1" --format callgrind |
        awk -v name="$2" '/^fn=/ { on = $2 == name } on && /^0x/ { print $2, $3 }'
}
# sums PROFILE: of each function, as callgrind's format has it.
sums() {
    "$sandglass" report "$1" --format callgrind | sed '1,/^summary/d' | awk '/^fn=/ { name = $0 }
        /^(0x|0 )/ { steps[name] += $2; retired[name] += $3 }
        END { for (name in steps) print name, steps[name], retired[name] }' | sort
}
# shellcheck disable=SC2086 # options
expect 0 '' profile $program --count flat --by-address --state-hash --output c.sgp
expect_equal 'the state is that of a run' "$hash" "$(state_hash)"
expect_equal 'the instructions of leaf' \
    '1000 1000;7000 7000;7000 7000;1000 0;1000 1000;' "$(addresses c.sgp leaf | tr '\n' ';')"
expect_equal 'the instructions of handler' '1000 1000' "$(addresses c.sgp handler | uniq)"
expect_equal 'sums of instructions' "$(sums a.sgp)" "$(sums c.sgp)"
expect_equal 'tables without instructions' "$("$sandglass" report a.sgp | grep ' %.*program')" \
    "$("$sandglass" report c.sgp | grep ' %.*program')"
if type callgrind_annotate >/dev/null 2>&1; then
    "$sandglass" report c.sgp --format callgrind >callgrind.out
    expect_equal 'what callgrind_annotate has of leaf' '17,000 16,000' \
        "$(callgrind_annotate callgrind.out | sed -n 's/([^)]*)//g; s/???:leaf .*//p' | xargs)"
fi
by_address=$(field c.sgp digest)
for options in '--engine interp' '--grant 1' '--grant random:7 --drop-caches random:3'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $program --count flat --by-address --output b.sgp $options
    expect_equal "profile by address with $options" "$by_address" "$(field b.sgp digest)"
done
for options in '' '--count callers' '--count nothing' '--sample 5'; do
    # shellcheck disable=SC2086 # options
    expect 64 '--by-address is for --count flat' profile $program --by-address $options
done

# -- Firmware that can lie anywhere, linked to lie at 0; flat, and named by the same file
cat >firmware.S <<'END'
        .globl _start
        .text
_start: li      s0, 1000
1:      call    leaf
        addi    s0, s0, -1
        bnez    s0, 1b
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, 0(t0)
2:      j       2b
        .type   leaf, @function
leaf:   nop
        nop
        ret
        .size   leaf, . - leaf
END
riscv64-linux-gnu-gcc -march=rv64g -mabi=lp64d -nostdlib -pie -Wl,--no-dynamic-linker \
    -Wl,--build-id=none -Wl,--no-relax -Wl,--no-warn-rwx-segments -Wl,-N,-Ttext=0 \
    -o firmware.elf firmware.S || exit 70
riscv64-linux-gnu-objcopy -O binary -j .text firmware.elf firmware.bin
machine='--memory 16M --icount sleep=off'
# shellcheck disable=SC2086 # options
{
    expect 0 '' profile --bios firmware.elf $machine --output b.sgp
    "$sandglass" report b.sgp --format folded >folded
    expect_equal 'leaf of firmware: 1000 times 3 steps' 'program;_start;leaf 3000' \
        "$(grep leaf folded)"
    expect 0 '' profile --bios firmware.bin --symbols firmware.elf@0x80000000 $machine \
        --output b.sgp
    expect_equal 'flat firmware is named by symbols' "$(cat folded)" \
        "$("$sandglass" report b.sgp --format folded)"
    expect 0 '' profile --bios firmware.bin --symbols firmware.elf $machine --output b.sgp
    expect_equal 'symbols that lie elsewhere name nothing' '' \
        "$("$sandglass" report b.sgp --format folded | grep leaf)"
    riscv64-linux-gnu-strip -o stripped.elf firmware.elf
    rm b.sgp
    for what in 'none.elf: No such file' 'stripped.elf: has no symbols' \
        'firmware.bin: is not an ELF file' '.: is a directory'; do
        expect 65 "^sandglass: --symbols $what" profile --bios firmware.bin $machine \
            --symbols "${what%%: *}" --output b.sgp
    done
    expect_equal 'no profile of no run' '' "$(ls b.sgp 2>/dev/null)"
    for what in @0x80000000 firmware.elf@0x firmware.elf@0x1g ''; do
        expect 64 "^sandglass: --symbols $what: use FILE" profile --bios firmware.bin $machine \
            --symbols "$what"
    done
}

# -- Filters by mode: the same leaf under a user's mode and under the kernel's
elf modes <<'END'
        .globl _start
        .text
_start: la      t0, back
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 31
        csrw    pmpcfg0, t0
        li      s1, 0           # to U first, then to S
next:   csrw    mstatus, s1
        la      t0, leaf
        csrw    mepc, t0
        mret
        .balign 4
back:   li      t0, 0x800
        beq     s1, t0, end
        mv      s1, t0
        j       next
end:    li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, 0(t0)
1:      j       1b
        .type   leaf, @function
leaf:   li      t2, 100
1:      addi    t2, t2, -1
        bnez    t2, 1b
        ecall
        .size   leaf, . - leaf
END
expect 0 '' profile --elf modes.elf --memory 16M --icount sleep=off --output b.sgp
all=$("$sandglass" report b.sgp --format folded | awk '{ sum += $NF } END { print sum }')
for filter in user kernel; do
    expect_equal "leaf, for $filter alone" 'program;leaf 202' \
        "$("$sandglass" report b.sgp --format folded --filter $filter)"
done
expect_equal 'firmware alone is the rest' $((all - 404)) \
    "$("$sandglass" report b.sgp --format folded --filter firmware |
        awk '{ sum += $NF } END { print sum }')"
expect_equal 'kernel and user' $'program;leaf 202\nprogram;leaf 202' \
    "$("$sandglass" report b.sgp --format folded --filter kernel,user)"

# -- A replay, and a snapshot that goes on
# shellcheck disable=SC2086 # options
expect 0 '' record --log a.sgl $program
for options in '' '--engine interp' '--grant random:3'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile a.sgl --count flat --state-hash --output b.sgp $options
    expect_equal "profile of a log $options" "$wanted" "$(field b.sgp digest)"
    expect_equal "state of a log that is profiled $options" "$hash" "$(state_hash)"
done
expect 0 '' profile a.sgl --count flat --verify --output 'a b.sgp'
expect_equal 'how to repeat it' 'sandglass profile a.sgl --count flat --verify' \
    "$("$sandglass" report 'a b.sgp' | sed -n 's/^repeat *//p')"
# shellcheck disable=SC2086 # options
expect 75 'stopped' profile $program --count flat --output b.sgp --stop-at 12345
stopped=$(field b.sgp digest)
expect 75 'stopped' profile a.sgl --count flat --output b.sgp --to 12345
expect_equal 'profile of a part of a log' "$stopped" "$(field b.sgp digest)"

# counted PROFILE: the steps that all rows add up to.
counted() {
    "$sandglass" report "$1" | sed -n 's/^counted *\([0-9 ]*[0-9]\) steps.*/\1/p' | tr -d ' '
}
steps=$(python3 -c 'import json; print(json.load(open("run.json"))["steps"])')
# shellcheck disable=SC2086 # options
expect 0 'stopped' snapshot --file a.snap $program --stop-at 12345
for options in '' '--engine interp'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile a.snap --state-hash --output b.sgp $options
    expect_equal "profile of a snapshot $options" $((steps - 12345)) "$(counted b.sgp)"
    expect_equal "state of a snapshot that is profiled $options" "$hash" "$(state_hash)"
done
# -- What cannot be
head -c 500 a.snap >cut.snap
# shellcheck disable=SC2086 # options
{
    expect 64 'counts each step once' profile $program --count flat --time free
    expect 64 'counts each step once' profile $program --count flat --engine check
    expect 64 '--output: is of sandglass profile' run $program --output a.sgp
    expect 74 'cannot be written' profile $program --count flat --output no/where.sgp
    expect 64 '--sysroot names the programs of a Linux' profile $program --sysroot .
    expect 64 'counts each step once' profile a.sgl --gdb 1234
    expect 64 'is as it was recorded' profile a.sgl --smp 2
    expect 64 'is what is profiled; name another' profile a.sgl --output ./a.sgl
    expect 64 'is what is profiled; name another' profile a.snap --output a.snap
    expect 64 'drop it' replay a.sgl --output b.sgp
    expect 64 'is for run, record and restore' profile a.snap --chaos 1..3
    expect 65 'cut' profile cut.snap --output b.sgp
    expect 65 'name a log that can be read' profile nothing.sgl
}
mkdir sysroot
truncate -s 1M zeros
for where in 'sysroot/none: No such file' 'disk:none: No such file' 'count.elf: Not a directory' \
    'disk:sysroot: is no file' 'disk:zeros: has no ext2, ext3 or ext4'; do
    expect 65 "^sandglass: --sysroot $where" profile --kernel count.elf --bios none \
        --memory 16M --icount sleep=off --sysroot "${where%%: *}"
done
expect 0 '' profile a.sgl --help
grep -q '^usage: sandglass profile' stdout || fail 'no help of profile'
expect 0 '' replay a.sgl --help
grep -q '^usage: sandglass replay' stdout || fail 'no help of replay'
finish
