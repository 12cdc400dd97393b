#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Serial ports on files, sockets and pseudo-terminals: a guest that sleeps is woken by what comes in
# there, and answers there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
visit="timeout 60 python3 $root/tests/cli/visit.py"

# echoing BASE IRQ: echoes what comes in at that port, there and on the first; q ends it. It sleeps
# between interrupts.
echoing() {
    guest echo <<END
    li s0, $1
    li t1, 0x0c000000
    li t0, 1
    sw t0, 4*$2(t1)
    li t1, 0x0c002000
    li t0, 1<<$2
    sw t0, 0(t1)
    li s2, 0x0c200000
    sw zero, 0(s2)
    li t0, 1
    sb t0, 1(s0)
    li t0, 1<<11
    csrs mie, t0
    li s4, UART
1:  wfi
    lw s3, 4(s2)
2:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 3f
    lbu a0, 0(s0)
    li t1, 'q'
    beq a0, t1, 4f
    sb a0, 0(s0)
    sb a0, 0(s4)
    j 2b
3:  beqz s3, 1b
    sw s3, 4(s2)
    j 1b
4:  li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
5:  j 5b
END
}

# visited KIND PLACE SPEC OPTION...: runs the guest with its second port there, and visits it three
# times.
visited() {
    local kind=$1 place=$2 spec=$3 visitor
    shift 3
    $visit "$kind" "$place" one two '!q' 2>visitor.log &
    visitor=$!
    run run --elf echo.elf --serial stdio --serial "$spec" "$@"
    [ "$status" = 0 ] || fail "status $status, not 0"
    expect_stdout onetwo
    checks=$((checks + 1))
    wait $visitor || fail "$(tail -n 1 visitor.log)"
    [ ! -e "$place" ] || fail "$place is left behind"
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# -- A reader who takes nothing is given up after 5 s: the guest goes on, and comes to its end. That
# takes its time, meanwhile the rest goes on here.
guest stuck <<'END'
    li s0, 0x10010000
1:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 1b
    li t0, 1000000
2:  sb t0, 0(s0)
    addi t0, t0, -1
    bnez t0, 2b
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b
END
timeout 60 "$sandglass" run --elf stuck.elf --serial null --serial unix:stuck </dev/null \
    >stuck.log 2>&1 &
stuck=$!
$visit unix "$work/stuck" '!x' --stay 2>/dev/null &
stayer=$!

# -- Every kind of place, every policy
echoing 0x10010000 12
visited unix "$work/socket" unix:socket
visited unix "$work/socket" "unix:$work/socket,server=on,wait=off" --icount sleep=off
visited unix "$work/socket" unix:socket --engine check
visited unix "$work/socket" unix:socket --time token --smp 1
visited unix "$work/socket" unix:socket --time free
if [ -n "$ptys" ]; then
    visited pty "$work/line" pty:line
    grep -Eqx 'sandglass: serial port 1 is /dev/pts/[0-9]+' stderr || fail 'the line is not named'
fi
port=$(free_port)
visited tcp "$port" "tcp:$port"
port=$(free_port)
visited tcp "$port" "tcp:127.0.0.1:$port" --icount align=on

# -- All four ports are ports
echoing 0x10012000 14
$visit unix "$work/fourth" abc '!q' &
visitor=$!
run run --elf echo.elf --serial null --serial file:a --serial file:b --serial unix:fourth
[ "$status" = 0 ] || fail "status $status, not 0"
wait $visitor || fail 'the fourth port does not echo'

guest shout <<'END'
    li s0, 0x10000000
    li s1, 0x10010000
    li s2, 0x10011000
    li s3, 0x10012000
    li t0, '0'
    sb t0, 0(s0)
    li t0, '1'
    sb t0, 0(s1)
    li t0, '2'
    sb t0, 0(s2)
    li t0, '3'
    sb t0, 0(s3)
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
END
expect 0 '' run --elf shout.elf -serial stdio -serial file:1 -serial file:2 -serial file:3
expect_stdout 0
expect_equal 'further ports' 123 "$(cat 1 2 3)"
expect 0 '' run --elf shout.elf --serial file:0 --serial null --serial null --serial stdio
expect_stdout 3
expect_equal 'the first port' 0 "$(cat 0)"

# -- A port that is not there is no device.
guest missing <<'END'
    la t0, 1f
    csrw mtvec, t0
    li s1, 0x10010000
    lbu t0, 5(s1)
    li t1, 0x1
    j 2f
    .balign 4
1:  csrr t0, mcause
    slli t0, t0, 1
    ori t1, t0, 1
2:  la t0, tohost
    sd t1, 0(t0)
3:  j 3b
END
expect 5 'code 5' run --elf missing.elf
expect 0 '' run --elf missing.elf --serial stdio --serial null

# -- Nobody there is no reason to stand still: what is said is lost.
guest flood <<'END'
    li s0, 0x10010000
    li t0, 1000000
1:  sb t0, 0(s0)
    addi t0, t0, -1
    bnez t0, 1b
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b
END
for spec in unix:nobody ${ptys:+pty} null; do
    run run --elf flood.elf --serial null --serial $spec --state-hash
    [ "$status" = 0 ] || fail "status $status, not 0"
    expect_equal "hash with $spec" "$(state_hash)" "${whole:=$(state_hash)}"
done
# -- What cannot be had
expect 64 '--serial serial: unknown; use stdio, stdout, null,' run --elf echo.elf --serial serial
expect 64 '--serial tcp:0: use unix:PATH' run --elf echo.elf --serial null --serial tcp:0
expect 74 '--serial unix:/nonexistent/x: cannot listen' \
    run --elf echo.elf --serial unix:/nonexistent/x
expect 74 '--serial file:/nonexistent/x: cannot be written' \
    run --elf echo.elf --serial null --serial file:/nonexistent/x
[ -z "$ptys" ] || expect 74 '--virtconsole pty:/nonexistent/x: cannot make' \
    run --elf echo.elf --virtconsole pty:/nonexistent/x
expect 64 '--serial: there are only 4' \
    run --elf echo.elf --serial null --serial null --serial null --serial null --serial null
expect 64 '--virtconsole: there are only 4' run --elf echo.elf --virtconsole null \
    --virtconsole null --virtconsole null --virtconsole null --virtconsole null
expect 64 'stdio: only one console can have it' run --elf echo.elf --virtconsole stdio
expect 64 'stdio: only one console can have it' run --elf echo.elf --serial stdio --serial stdio
expect 64 '--console: is the first --serial' run --elf echo.elf --console null --serial null
python3 -c 'import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(60)' >taken &
taker=$!
until [ -s taken ]; do sleep 0.02; done
port=$(cat taken)
expect 74 "--serial tcp:$port: cannot listen .Address already in use" \
    run --elf echo.elf --serial "tcp:$port"
expect 74 "--net: cannot listen on TCP 127.0.0.1:$port .Address already in use" \
    run --elf echo.elf --net "user,hostfwd=tcp::$port-:22"
kill $taker

command='a reader who takes nothing (see the script)'
checks=$((checks + 1))
wait $stuck || fail "status $? with a reader who takes nothing: $(cat stuck.log)"
kill $stayer

finish
