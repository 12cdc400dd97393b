#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sandglass profile --sample: shares that are known lie within the error that the report states,
# also where a loop takes as many steps as samples are apart; callers are known at every step of a
# function with a frame; the same in both engines, under every cut; the run is that without.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# told PROFILE FUNCTION: its self count.
told() {
    "$sandglass" report "$1" --format folded |
        awk -v name="$2" '{ sub(/.*;/, "", $1) } $1 == name { sum += $2 } END { print sum + 0 }'
}

# Each turn of main's loop takes exactly 1000 steps: 700 in often, 250 in seldom, 50 in main.
elf beat <<'END'
        .globl _start, main, often, seldom
        .text
        .macro  spend name, count
        .type   \name, @function
\name:  .rept   \count - 1
        addi    t2, t2, 1
        .endr
        ret
        .size   \name, . - \name
        .endm
_start: csrr    t0, mhartid
        bnez    t0, 1f
        li      s1, 3000
        jal     main
        li      t0, 1
        la      t1, tohost
        sd      t0, 0(t1)
1:      wfi
        j       1b
        .size   _start, . - _start
        .type   main, @function
main:   mv      s2, ra
1:      jal     often
        jal     seldom
        .rept   46
        addi    t2, t2, 1
        .endr
        addi    s1, s1, -1
        bnez    s1, 1b
        mv      ra, s2
        ret
        .size   main, . - main
        spend   often, 700
        spend   seldom, 250
END
program='--elf beat.elf --memory 16M --icount sleep=off'
# shellcheck disable=SC2086 # options
{
    expect 0 '' run $program --state-hash
    hash=$(state_hash)
    expect 0 '' profile $program --sample 1000 --state-hash --output a.sgp
}
expect_equal 'the state is that of a run' "$hash" "$(state_hash)"
samples=$("$sandglass" report a.sgp | sed -n 's/^counted *\([0-9 ]*[0-9]\) samples$/\1/p')
expect_equal 'a sample a stretch' 300 "$(tr -d ' ' <<<"${samples%?}")"
# The line says share, error and count; a share in percent is a count by 10 turns of 1000 steps.
for known in often:70 seldom:25 main:5; do
    checks=$((checks + 1))
    "$sandglass" report a.sgp | awk -v name="${known%:*}" -v share="${known#*:}" '
        NF > 5 && $(NF - 1) == name && $2 == "%" { found = 1; off = $1 - share; error = $3 }
        END { exit !(found && error > 0 && off <= error && off >= -error) }' ||
        fail "${known%:*}: its share is not ${known#*:} % within the stated error"
done
wanted=$(field a.sgp digest)
for options in '--engine interp' '--grant 1' '--grant random:7 --drop-caches random:3' \
    '--engine interp --grant 7' '--jit-cache 1M' '--pause random:2'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $program --sample 1000 --output b.sgp $options
    expect_equal "samples with $options" "$wanted" "$(field b.sgp digest)"
done
# shellcheck disable=SC2086 # options
{
    expect 0 '' profile $program --sample 1000,seed=1 --output b.sgp
    other=$(field b.sgp digest)
    expect_equal 'another seed takes others' yes "$([ "$wanted" != "$other" ] && echo yes)"
    expect 0 '' profile $program --sample 1 --smp 2 --output b.sgp
}
expect_equal 'often: each of its steps' 2100000 "$(told b.sgp often)"
expect_equal 'seldom: each of its steps' 750000 "$(told b.sgp seldom)"
expect_equal 'main: 50 a turn, and 3' 150003 "$(told b.sgp main)"

# Callers: at each step of prologue, body and epilogue, of a leaf that keeps s0 alone, of one
# without a frame, and past a tail call.
elf callers <<'END'
        .globl _start, main, middle, leaf, bare, tail
        .text
        .type   _start, @function
_start: li      sp, 0x80100000
        li      s0, 0
        jal     main
        li      t0, 1
        la      t1, tohost
        sd      t0, 0(t1)
1:      wfi
        j       1b
        .size   _start, . - _start
        .macro  enter
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        addi    s0, sp, 32
        .endm
        .macro  leave
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        .endm
        .type   main, @function
main:   enter
        sd      s1, 8(sp)
        li      s1, 100
1:      jal     middle
        addi    s1, s1, -1
        bnez    s1, 1b
        ld      s1, 8(sp)
        leave
        ret
        .size   main, . - main
        .type   middle, @function
middle: beqz    s1, 1f
        enter
        jal     leaf
        jal     bare
        leave
        j       tail
1:      ret
        .size   middle, . - middle
        .type   leaf, @function
leaf:   addi    sp, sp, -16
        sd      s0, 8(sp)
        addi    s0, sp, 16
        nop
        ld      s0, 8(sp)
        addi    sp, sp, 16
        ret
        .size   leaf, . - leaf
        .type   bare, @function
bare:   nop
        ret
        .size   bare, . - bare
        .type   tail, @function
tail:   nop
        ret
        .size   tail, . - tail
END
stacks='program;_start;main 311
program;_start;main;middle 1100
program;_start;main;middle;bare 200
program;_start;main;middle;leaf 700
program;_start;main;tail 200'
for options in '--engine jit' '--engine interp'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile --elf callers.elf --memory 16M --icount sleep=off --sample 1 \
        --output c.sgp $options
    expect_equal "stacks with $options" "$stacks" \
        "$("$sandglass" report c.sgp --format folded | grep 'main' | sort)"
done

# -- What cannot be
# shellcheck disable=SC2086 # options
{
    expect 64 '--sample 0: use STEPS' profile $program --sample 0
    expect 64 '--sample x: use STEPS' profile $program --sample x
    expect 64 'use STEPS.,seed=N.' profile $program --sample 1000,
    expect 64 'use STEPS.,seed=N.' profile $program --sample 1000,seed=x
    expect 64 '--sample: is of sandglass profile' run $program --sample 1000
}
# What executing and translating cost the host stands by function: no number of it is known.
"$sandglass" report a.sgp --output a.html
region='"regions":\[\["[a-z_]*","program","0x[0-9a-f]*",[0-9]*,[1-9][0-9]*,[0-9]*\]'
expect_equal 'host cost of regions' 1 "$(grep -o "$region" a.html | wc -l)"
finish
