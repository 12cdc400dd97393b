#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What can be seen of the translator: dumps of what it makes, and --engine check, which ends and
# prints like any other run.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest loop <<'END'
    la sp, tohost
1:  addi t0, t0, 1
    lwu t1, 8(sp)
    bne t1, t0, 1b
    j 1b
END
guest echo <<'END'              # everything up to the q, by interrupt
    li s0, UART
    li s1, 0xc000000            # PLIC: source 10, for hart 0 in M mode
    li s2, 0xc200004
    li t0, 1
    sb t0, 1(s0)
    sw t0, 40(s1)
    li t1, 0x2000
    add t1, t1, s1
    li t0, 1 << 10
    sw t0, 0(t1)
    li t0, 0x800
    csrw mie, t0
1:  wfi
    lw s3, 0(s2)
2:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 3f
    lbu a0, 0(s0)
    sb a0, 0(s0)
    li t1, 'q'
    beq a0, t1, 4f
    j 2b
3:  sw s3, 0(s2)
    j 1b
4:  la t0, tohost
    li t1, 1
    sd t1, 0(t0)
5:  j 5b
END
guest sum <<'END'               # each hart counts; hart 0 says "ok" through tohost, and passes
.globl begin_signature, end_signature
    li t0, 20000
1:  addi t0, t0, -1
    bnez t0, 1b
    bnez a0, 3f
    la s0, tohost
    li s1, 0x0101000000000000
    li t1, 'o'
    or t1, t1, s1
    sd t1, 0(s0)
    li t1, 'k'
    or t1, t1, s1
    sd t1, 0(s0)
    la t2, begin_signature
    li t1, 0x12345678
    sw t1, 0(t2)
    li t1, 1
    sd t1, 0(s0)
3:  j 3b
    .balign 16
begin_signature:
    .dword 0
end_signature:
END

# -- A host without a translator says so
no_translator='this host has no translator, or no memory for it'
run run --elf loop.elf --engine jit --stop-at 1
if [ "$status" = 64 ]; then
    expect 64 "--engine check: $no_translator" run --elf loop.elf --engine check
    expect 64 "--dump: $no_translator" run --elf loop.elf --dump isa
    finish
fi
( # a limit on files is one on the memory that code lies in
    trap '' XFSZ
    ulimit -f 64
    expect 64 "--engine check: $no_translator" run --elf loop.elf --engine check
    expect 64 "--dump: $no_translator" run --elf loop.elf --dump isa
    expect 75 stopped run --elf loop.elf --stop-at 5000
    exit "$failures"
) || failures=$((failures + 1))

# -- Dumps
# dumps PATTERN COUNT FILE: lines of the file that the pattern matches.
dumps() {
    checks=$((checks + 1))
    [ "$(grep -Ec -e "$1" "$3")" = "$2" ] || fail "not $2 lines of '$1' in the dump: $(cat "$3")"
}
isa='^0x80000008: +00128293 +addi +t0,t0,1$'
ir='^  add +8  t0 = t0 \+ 1$'
x64='^0x[0-9a-f]{8}:  sub +r15, '
expect 75 stopped run --elf loop.elf --stop-at 5000 --state-hash
whole=$(state_hash)
run run --elf loop.elf --stop-at 5000 -d isa,ir,x64 -D all --state-hash
expect_equal 'status of a dumped run' "$status" 75
expect_equal 'hash of a dumped run' "$(state_hash)" "$whole"
dumps "$isa" 1 all
dumps "$ir" 1 all
dumps '^OUT: \[size=[0-9]+\]$' 1 all
checks=$((checks + 1))
grep -Eq "$x64" all || fail 'no x64 code in the dump'
for item in isa ir x64; do
    run run --elf loop.elf --stop-at 5000 --dump $item
    expect_equal "status with --dump $item" "$status" 75
    dumps '^IN:$' "$([ $item != isa ]; echo $?)" stderr
    dumps '^OP:$' "$([ $item != ir ]; echo $?)" stderr
    dumps '^OUT: ' "$([ $item != x64 ]; echo $?)" stderr
done
run run --elf loop.elf --stop-at 5000 --dump=x64,isa --dump-file=file --engine check
expect_equal 'two items' "$(grep -c '^OUT: \|^IN:$' file)" 2
expect 0 '' run --elf sum.elf --console null --dump ir --dump-file /dev/null
expect 74 '--dump-file /dev/full: cannot be written' \
    run --elf sum.elf --console null --dump isa --dump-file /dev/full
expect 74 '--dump-file no/file: cannot be written' \
    run --elf loop.elf --stop-at 5000 --dump isa --dump-file no/file

# -- Check: the same ends, output once, files once
for harts in 1 2 8; do
    expect 0 '' run --elf sum.elf --smp $harts --state-hash --signature plain
    expect_stdout ok
    whole=$(state_hash)
    for more in '' '--grant random:5' '--drop-caches random:5' '--icount sleep=off,shift=6'; do
        # shellcheck disable=SC2086 # options
        expect 0 '' run --elf sum.elf --smp $harts --engine check --state-hash \
            --signature checked --stats stats.json $more
        expect_stdout ok
        expect_stat 's["engine"] == "check" and s["jit"]["regions"] > 0'
        [[ $more == *shift* ]] || expect_equal "hash with $more" "$(state_hash)" "$whole"
        expect_equal signature "$(cat checked)" "$(printf '12345678\n00000000')"
    done
done
expect 75 'stopped after 60001 steps' run --elf sum.elf --smp 2 --engine check --stop-at 60001
expect 75 'at 177000 ns' run --elf sum.elf --smp 2 --engine check --stop-at-vtime 177000

# What comes in comes to both at one time, whenever that is.
for sleep in on off; do
    command="(pieces) | $sandglass run --elf echo.elf --engine check --icount sleep=$sleep"
    checks=$((checks + 1))
    for piece in one two three q; do
        echo $piece
        sleep 0.05
    done | timeout 60 "$sandglass" run --elf echo.elf --engine check --icount sleep=$sleep \
        >stdout 2>stderr
    expect_equal 'status with input' "${PIPESTATUS[1]}" 0
    expect_stdout "$(printf 'one\ntwo\nthree\nq')"
done

finish
