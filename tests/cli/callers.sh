#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sandglass profile --count callers: each step has its callers, through tail calls, longjmp, traps
# and recursion, by closed forms; the same in both engines, under every cut.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

elf calls <<'END'
        .macro  function name
        .globl  \name
        .type   \name, @function
\name:
        .endm
        .macro  finish name
        .size   \name, . - \name
        .endm
        .text
function _start
        la      t0, handler
        csrw    mtvec, t0
        li      sp, 0x80100000
        csrr    t0, mhartid
        bnez    t0, park
        jal     main
        li      t0, 1
        la      t1, tohost
        sd      t0, 0(t1)
finish _start
function park
        wfi
        j       park
finish park
# 100 times: tail() by way of front(), deep(5), and jumps() out of the third of three calls.
function main
        addi    sp, sp, -16
        sd      ra, 8(sp)
        li      s0, 100
1:      jal     front
        li      a0, 5
        jal     deep
        jal     jumps
        ecall
        addi    s0, s0, -1
        bnez    s0, 1b
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
finish main
function front
        li      a0, 3
        j       tail
finish front
function tail
1:      addi    a0, a0, -1
        bnez    a0, 1b
        ret
finish tail
# Calls itself a0 times.
function deep
        beqz    a0, 1f
        addi    sp, sp, -16
        sd      ra, 8(sp)
        addi    a0, a0, -1
        jal     deep
        ld      ra, 8(sp)
        addi    sp, sp, 16
1:      ret
finish deep
# setjmp, two calls down, and longjmp back.
function jumps
        addi    sp, sp, -16
        sd      ra, 8(sp)
        la      s1, 1f
        mv      s2, sp
        jal     outer
        nop
1:      ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
finish jumps
function outer
        addi    sp, sp, -16
        sd      ra, 8(sp)
        jal     inner
        nop
finish outer
function inner
        addi    sp, sp, -32
        mv      ra, s1
        mv      sp, s2
        ret
finish inner
        .balign 4
function handler
        addi    sp, sp, -16
        sd      ra, 8(sp)
        jal     skips
        ld      ra, 8(sp)
        addi    sp, sp, 16
        mret
finish handler
function skips
        csrr    t3, mepc
        addi    t3, t3, 4
        csrw    mepc, t3
        ret
finish skips
END
program='--elf calls.elf --memory 16M --icount sleep=off'

folded() {
    "$sandglass" report "$1" --format folded | sed 's/^program;_start//'
}
calls() {
    "$sandglass" report "$1" --format text |
        sed -n "s/.*  *\([0-9 ]*[0-9]\)  $2 \[program\]\$/\1/p" | awk '{print $NF}'
}

# 100 times what stands there, and in main 6 steps around it.
cat >wanted <<'END'
;main 706
;main;deep 800
;main;deep;deep 800
;main;deep;deep;deep 800
;main;deep;deep;deep;deep 800
;main;deep;deep;deep;deep;deep 800
;main;deep;deep;deep;deep;deep;deep 200
;main;front 200
;main;handler 600
;main;handler;skips 400
;main;jumps 900
;main;jumps;outer 300
;main;jumps;outer;inner 400
;main;tail 700
END
# shellcheck disable=SC2086 # options
expect 0 '' profile $program --output a.sgp
expect_equal 'steps by callers' "$(cat wanted)" "$(folded a.sgp | grep '^;' | sort)"
for function in 'front 100' 'tail 100' 'deep 600' 'jumps 100' 'inner 100' 'handler 100'; do
    expect_equal "calls of ${function% *}" "${function#* }" "$(calls a.sgp "${function% *}")"
done
wanted=$(field a.sgp digest)
for options in '--engine interp' '--grant 1' '--grant random:7 --drop-caches random:3' \
    '--engine interp --grant 7' '--jit-cache 1M' '--grant 2 --drop-caches random:9'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $program --output b.sgp $options
    expect_equal "profile with $options" "$wanted" "$(field b.sgp digest)"
done
# Counted in one way or the other, a function has the same steps.
by_function() {
    "$sandglass" report "$1" --format text |
        sed -n 's/^ *[0-9.]* % *\([0-9 ]*[0-9]\)  .* \([a-z_]*\) \[program\]$/\2 \1/p' |
        tr -d ' ' | sort
}
# shellcheck disable=SC2086 # options
expect 0 '' profile $program --count flat --output flat.sgp
expect_equal 'steps of leaves' 'inner400 skips400 tail700' \
    "$(by_function a.sgp | grep -E 'inner|skips|tail' | xargs)"
expect_equal 'flat, and with callers' "$(by_function flat.sgp)" "$(by_function a.sgp)"
# shellcheck disable=SC2086 # options
expect 64 'callers, flat or nothing' profile $program --count twice
expect 64 '--count: is of sandglass profile' run --elf calls.elf --count flat
finish
