#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How runs end: exit statuses, stats, hashes, what is printed, exactly where.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# -- Guests
guest pass <<'EOF'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF
guest loop <<'EOF'
1:  addi t0, t0, 1
    j 1b
EOF
guest wait <<'EOF'
1:  wfi
    j 1b
EOF
guest alarm <<'EOF'         # 1000 us after the start a timer ends a sleep, and the run
    li t0, 0x2004000
    li t1, 10000
    sd t1, 0(t0)
    li t1, 0x80
    csrw mie, t1
    wfi
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF

# tohost WORD: a program that stores one word and waits.
tohost() {
    printf 'la t0, tohost\nli t1, %s\nsd t1, 0(t0)\n1: j 1b\n' "$1" | guest word
}
# finisher WORD: one that writes a word to the finisher.
finisher() {
    printf 'li t0, FINISHER\nli t1, %s\nsw t1, 0(t0)\n1: j 1b\n' "$1" | guest word
}

# -- Passing and failing
expect 0 '' run --elf pass.elf --stats stats.json
expect_stat 's["exit"] == {"reason": "tohost", "code": 0, "status": 0} and s["steps"] == 4'
for code in 1 2 62 63; do
    tohost $((2 * code + 1))
    expect $code "failed with code $code" run --elf word.elf
done
for code in 64 255 256 1000000; do
    tohost $((2 * code + 1))
    expect 63 "failed with code $code" run --elf word.elf --stats stats.json
    expect_stat "s['exit'] == {'reason': 'tohost', 'code': $code, 'status': 63}"
done
tohost -1
expect 63 'code 9223372036854775807' run --elf word.elf --stats stats.json
expect_stat 's["exit"]["code"] == 2**63 - 1'
finisher 0x5555
expect 0 '' run --elf word.elf --stats stats.json
expect_stat 's["exit"] == {"reason": "power-off", "code": 0, "status": 0}'
finisher 0x73333
expect 7 'failed with code 7' run --elf word.elf --stats stats.json
expect_stat 's["exit"] == {"reason": "fail", "code": 7, "status": 7}'
finisher 0xffff3333
expect 63 'failed with code 65535' run --elf word.elf
finisher 0x3333
expect 1 'failed with code 0' run --elf word.elf
finisher 0x7777
expect 0 '' run --elf word.elf --no-reboot --stats stats.json
expect_stat 's["exit"] == {"reason": "no-reboot", "code": 0, "status": 0}'
finisher 0x1234
expect 75 'stopped after 1000 steps' run --elf word.elf --stop-at 1000

# -- Console through tohost: bytes, the write call, both halves in either order
guest hello <<'EOF'
    la s0, tohost
    la s1, fromhost
    li s2, 0x0101000000000000
    li t0, 'o'              # a console byte, as one store
    or t0, t0, s2
    sd t0, 0(s0)
    ld t1, 0(s0)
    bnez t1, bad            # cleared
    ld t1, 0(s1)
    bne t1, s2, bad         # answered
    sd zero, 0(s1)
    li t0, 'k'              # low half first
    sw t0, 0(s0)
    li t1, 0x01010000
    sw t1, 4(s0)
    ld t2, 0(s0)
    bnez t2, bad
    sw t1, 4(s0)            # high half first
    li t0, '!'
    sw t0, 0(s0)
    ld t2, 0(s0)
    bnez t2, bad
    sd zero, 0(s1)
    la t0, call             # write(1, text, 3)
    sd t0, 0(s0)
    ld t1, 0(s0)
    bnez t1, bad
    ld t1, 0(s1)
    li t2, 1
    bne t1, t2, bad
    ld t1, call
    li t2, 3
    bne t1, t2, bad
    la t0, elsewhere        # write(5, ...): no such file
    sd t0, 0(s0)
    ld t1, elsewhere
    li t2, -9
    bne t1, t2, bad
    la t0, nowhere          # write(1, 0, 1): no such memory
    sd t0, 0(s0)
    ld t1, nowhere
    li t2, -14
    bne t1, t2, bad
    la t0, other            # no such call
    sd t0, 0(s0)
    ld t1, other
    li t2, -38
    bne t1, t2, bad
    li t0, 0x1000           # a call outside RAM, and a device that is not there: dropped
    sd t0, 0(s0)
    ld t1, 0(s0)
    bnez t1, bad
    li t0, 0x0200000000000000
    sd t0, 0(s0)
    ld t1, 0(s0)
    bnez t1, bad
    li t0, 1
    sd t0, 0(s0)
1:  j 1b
bad:
    li t0, 3
    sd t0, 0(s0)
1:  j 1b
.data
.balign 64
call:      .dword 64, 1, text, 3, 0, 0, 0, 0
elsewhere: .dword 64, 5, text, 3, 0, 0, 0, 0
nowhere:   .dword 64, 1, 0, 1, 0, 0, 0, 0
other:     .dword 93, 0, 0, 0, 0, 0, 0, 0
text:      .ascii " hi"
EOF
for grant in 1000000 1 2 3 random:1; do
    expect 0 '' run --elf hello.elf --grant $grant --state-hash --stats stats.json
    expect_stdout 'ok! hi'
    expect_equal "hash with --grant $grant" "${first:=$(state_hash)}" "$(state_hash)"
    expect_stat "s['state_hash'] == '$first'"
done

# Halves that end a run: in either order, twice the same, and once only, awake or asleep.
for stores in 'sw t0, 0(s0); sw zero, 4(s0)' 'sw zero, 4(s0); sw t0, 0(s0)' \
    '1: sw t0, 0(s0); j 1b' 'sw t0, 0(s0)' 'sw t0, 0(s0); wfi' 'sb t0, 0(s0)'; do
    printf 'la s0, tohost\nli t0, 9\n%s\n2: j 2b\n' "$stores" | guest half
    expect 4 'code 4' run --elf half.elf --stop-at 100000 --state-hash
    hash=$(state_hash)
    expect 4 'code 4' run --elf half.elf --stop-at 100000 --state-hash --grant 1
    expect_equal "hash after $stores" "$hash" "$(state_hash)"
done

# -- Stops
for steps in 0 1 2 3 999 1000 123457; do
    expect 75 "stopped after $steps steps" run --elf loop.elf --stop-at $steps --stats stats.json
    expect_stat "s['steps'] == $steps and s['instructions'] == $steps"
    expect_stat "s['virtual_ns'] == 8 * $steps and s['exit']['reason'] == 'stopped'"
done
expect 75 "stopped after 777777 steps" \
    run --elf loop.elf --smp 3 --stop-at 777777 --stats stats.json
expect_stat 'sum(h["steps"] for h in s["per_hart"]) == 777777'
expect 75 'stopped' run --elf loop.elf --smp 3 --stop-at 1:54321 --stats stats.json
expect_stat 's["per_hart"][1]["steps"] == 54321'
expect_stat 's["timers"]["late_steps_max"] == 0 and s["exactness"] == "exact"'
expect 75 'stopped' run --elf loop.elf --stop-at-vtime 100000 --stats stats.json
expect_stat 's["steps"] == 12500 and s["virtual_ns"] == 100000'
expect 75 'stopped' run --elf loop.elf --stop-at-vtime 100001 --stats stats.json
expect_stat 's["steps"] == 12501 and s["virtual_ns"] == 100001'
expect 75 'stopped after 0 steps' run --elf loop.elf --stop-at-vtime 0
expect 75 'stopped' \
    run --elf wait.elf --icount sleep=off --stop-at-vtime 3600000000000 --stats stats.json
expect_stat 's["virtual_ns"] == 3600 * 10**9 and s["steps"] == 1'
expect 0 '' run --elf pass.elf --stop-at 4
expect 75 'stopped after 3 steps' run --elf pass.elf --stop-at 3

# -- clocks: the same run, and a row for each hart at its end
expect 75 'stopped after 14 steps' clocks --elf loop.elf --smp 2 --quantum 100 --stop-at 14 \
    --stats stats.json
expect_stdout "$(printf '%4s %20s %20s %20s %20s %15s %7s\n' \
    hart steps instructions 'local [ns]' 'idle [ns]' 'ahead max [ns]' token \
    0 13 13 104 0 104 - 1 1 1 8 0 0 -)
 all                   14                   14                    8"
expect_stat '[h["local_ns"] for h in s["per_hart"]] == [104, 8]'
expect_stat '[h["ahead_max_ns"] for h in s["per_hart"]] == [104, 0]'
expect 64 'unknown option' clocks --no-such-option
expect 75 'stopped after 125000 steps' clocks --elf loop.elf --pulse 10007 --stop-at 125000 \
    --stats stats.json
said='pulse of 10007 ns: 99 periods, mean 10007.0, median 10007, least 10007, most 10007'
expect_equal 'a pulse' "$said, 0 of another length" \
    "$(tail -n 1 stdout)"
expect_stat 's["pulse"] == dict(period_ns=10007, count=99, off=0, sum_ns=990693,
    median_ns=10007, min_ns=10007, max_ns=10007)'
# However fast or slow the host, no hart is ahead of its clock by more than a quantum.
# (A slow host falls behind, which is said besides.)
run run --elf loop.elf --smp 2 --time token --icount align=on --stop-at-vtime 50000000 \
    --stats stats.json
expect_equal 'status with align=on' 75 "$status"
expect_stat 's["pace"]["ahead_max_ns"] <= 1000000 and s["wall_s"] > 0.048'
expect 64 '--pulse 999: use 1000 to 1000000000 ns' run --elf loop.elf --pulse 999

# A hash on the way is that of a run stopped there, whatever the grants and caches.
expect 75 'stopped' \
    run --elf loop.elf --smp 2 --stop-at 50000 --hash-at 0,1,777,50000:way --state-hash
while read -r steps hash; do
    for more in '' '--grant 7' '--grant random:5' '--drop-caches random:5' '--rewind random:5'; do
        # shellcheck disable=SC2086 # more is options
        expect 75 'stopped' run --elf loop.elf --smp 2 --stop-at "$steps" --state-hash $more
        expect_equal "hash at $steps with '$more'" "$hash" "$(state_hash)"
    done
done <way
expect_equal 'hashes on the way' 4 "$(wc -l <way)"

# -- Sleep
for sleep in on off; do
    expect 0 '' run --elf alarm.elf --icount sleep=$sleep --stats stats.json --state-hash
    expect_stat 's["virtual_ns"] == 1000000 + 8 * 4 and s["steps"] < 20'
    expect_stat 's["timers"] == {"fired": 1, "late_steps_max": 0}'
    expect_equal "hash with sleep=$sleep" "${slept:=$(state_hash)}" "$(state_hash)"
done
expect 76 'no hart can ever wake' run --elf wait.elf --stats stats.json
expect_stat 's["exit"] == {"reason": "deadlock", "code": 0, "status": 76}'
expect 76 'no hart can ever wake' run --elf wait.elf --icount sleep=off --smp 8
expect 76 'no hart can ever wake' run --elf wait.elf --console null

# Without a deadline time stands still until input comes; its end is no error.
guest echo <<'EOF'
    li s0, UART
    li t0, 1
    sb t0, 1(s0)            # receiver interrupt on
    li s1, 0xc000000        # PLIC
    li t0, 1
    sw t0, 40(s1)           # priority of source 10
    li s2, 0xc002000
    li t0, 1 << 10
    sw t0, 0(s2)            # on for M mode of hart 0
    li t0, 0x800
    csrw mie, t0
1:  wfi
    li s3, 0xc200004
    lw s4, 0(s3)            # claim
2:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 3f
    lbu t1, 0(s0)
    sb t1, 0(s0)
    li t2, '.'
    bne t1, t2, 2b
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
3:  sw s4, 0(s3)            # complete
    j 1b
EOF
printf 'Hello over there, reader of more than sixteen bytes.' >said
for sleep in on off; do
    input=said expect 0 '' run --elf echo.elf --icount sleep=$sleep
    expect_stdout "$(cat said)"
    printf 'no end' >unsaid
    input=unsaid expect 76 'no hart can ever wake' run --elf echo.elf --icount sleep=$sleep
    expect_stdout 'no end'
done
command="(sleep 1; echo .) | $sandglass run --elf echo.elf --icount sleep=off"
checks=$((checks + 1))
(sleep 1; echo .) |
    timeout 60 "$sandglass" run --elf echo.elf --icount sleep=off --stats stats.json \
        >stdout 2>stderr || fail 'does not wait for input'
expect_stat 's["virtual_ns"] < 10**7 and s["host_time"]["idle_s"] > 0.5'

# -- A signal is seen in time, whatever the guest does
guest flood <<'EOF'             # never stops talking
    li s0, UART
    li s1, 'x'
1:  sb s1, 0(s0)
    j 1b
EOF
guest book <<'EOF'              # asks for a write of all memory, again and again
    la t0, call
    li t1, 64
    sd t1, 0(t0)
    li t1, 1
    sd t1, 8(t0)
    li t1, 0x80000000
    sd t1, 16(t0)
    li t1, 0x4000000
    sd t1, 24(t0)
    la t1, tohost
1:  li t2, 64
    sd t2, 0(t0)
    sd t0, 0(t1)
    j 1b
.balign 64
call: .space 64
EOF
guest mail <<'EOF'              # hart 0 tells the others of a new time in every step
    li t0, 0x200bff8
1:  sd zero, 0(t0)
    sd t0, 0(t0)
    j 1b
EOF

stopped_by_signal run --elf flood.elf
stopped_by_signal run --elf flood.elf --quantum 10000000
stopped_by_signal run --elf book.elf --memory 64M
stopped_by_signal run --elf loop.elf --icount ips=1e12 --quantum 10000000
stopped_by_signal run --elf mail.elf --smp 4 --quantum 1000000

# -- Reset (law 14): steps and time go on, the images are there again, other memory stays.
guest again <<'EOF'
    csrr s0, minstret       # starts at zero each time
    li t0, 100
    bgeu s0, t0, bad
    li t0, 0x200bff8
    ld s0, 0(t0)            # so does mtime
    li t0, 1000
    bgeu s0, t0, bad
    la t0, loaded
    ld t1, 0(t0)
    bnez t1, bad
    li t1, 1
    sd t1, 0(t0)
    la t0, kept
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t2, 5
    beq t1, t2, good
    li t0, 50000
1:  addi t0, t0, -1
    bnez t0, 1b
    li t0, FINISHER
    li t1, 0x7777
    sw t1, 0(t0)
2:  j 2b
good:
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
3:  j 3b
bad:
    la t0, tohost
    li t1, 3
    sd t1, 0(t0)
4:  j 4b
.data
.balign 4096
loaded: .dword 0
.equ kept, 0x80800000
EOF
expect 0 '' run --elf again.elf --stats stats.json --state-hash
expect_stat '400000 < s["steps"] < 410000 and s["virtual_ns"] == 8 * s["steps"]'
hash=$(state_hash)
expect 0 '' run --elf again.elf --grant 7 --state-hash
expect_equal 'hash after resets' "$hash" "$(state_hash)"

# -- Signature
guest signature <<'EOF'
    la t0, begin_signature
    li t1, 0x123456789abcdef0
    sd t1, 8(t0)
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
.data
.balign 16
.globl begin_signature, end_signature
begin_signature: .word 0xdeadbeef, 1, 0, 0, 0xffffffff
end_signature:
EOF
expect 0 '' run --elf signature.elf --signature text
expect_equal signature "$(printf 'deadbeef\n00000001\n9abcdef0\n12345678\nffffffff')" "$(cat text)"

# -- Signals: the round ends, stats are written. The guests say when they run.
guest busy <<'EOF'
    li t0, UART
    li t1, '.'
    sb t1, 0(t0)
1:  j 1b
EOF
guest idle <<'EOF'
    li t0, UART
    li t1, '.'
    sb t1, 0(t0)
1:  wfi
    j 1b
EOF
for signal in INT TERM; do
    [ $signal = INT ] && want=130 || want=143
    for guest in busy idle; do
        [ $guest = idle ] && input=fifo || input=/dev/null
        rm -f stats.json stdout fifo
        mkfifo fifo
        exec 9<>fifo # so that input can still come
        command="$sandglass run --elf $guest.elf --stats stats.json, then kill -$signal"
        checks=$((checks + 1))
        # A shell's background job ignores SIGINT; env takes it back.
        env --default-signal=INT "$sandglass" run --elf $guest.elf --stats stats.json \
            <"$input" >stdout 2>stderr &
        for _ in {1..300}; do
            sleep 0.1
            [ ! -s stdout ] || break
        done
        kill -$signal $!
        wait $!
        status=$?
        exec 9>&-
        [ "$status" = "$want" ] || fail "status $status, not $want"
        grep -q '^sandglass: interrupted by signal' stderr || fail 'no word of the signal'
        expect_stat "s['exit']['reason'] == 'signal' and s['exit']['status'] == $want"
    done
done

# -- Host time adds up.
input=/dev/null
expect 75 'stopped' run --elf loop.elf --stop-at 20000000 --stats stats.json
expect_stat 'abs(sum(s["host_time"].values()) - s["wall_s"]) < 0.001 and s["mips"] > 0'

finish
