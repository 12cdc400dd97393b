#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Harts that run at the same time: every way in which a run may end, from every state in which it
# may be then.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest busy <<'EOF'
    bnez a0, 1f
    li t0, UART
    li t1, '!'
    sb t1, 0(t0)
1:  j 1b
EOF
guest idle <<'EOF'
    bnez a0, 1f
    li t0, UART
    li t1, '!'
    sb t1, 0(t0)
1:  wfi
    j 1b
EOF
guest half <<'EOF'
    bnez a0, 1f
    li t0, UART
    li t1, '!'
    sb t1, 0(t0)
2:  j 2b
1:  wfi
    j 1b
EOF
guest flood <<'EOF'
    li t0, UART
    li t1, '!'
1:  sb t1, 0(t0)
    j 1b
EOF
# Three lives: the first two end in a reset by hart 0 while the others run.
guest lives <<'EOF'
1:  bnez a0, 1b
    li t0, 0x80100000
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t2, 3
    li t3, FINISHER
    li t4, 0x7777
    bne t1, t2, 2f
    li t4, 0x5555
2:  sw t4, 0(t3)
3:  j 3b
EOF
guest fails <<'EOF'
1:  beqz a0, 1b
    li t0, FINISHER
    li t1, 0x00073333
    sw t1, 0(t0)
2:  j 2b
EOF

# ends_by_signal SIGNAL STATUS ARGUMENT...: the signal comes once the guest has said something.
ends_by_signal() {
    local signal=$1 wanted=$2 process killer
    shift 2
    rm -f stats.json stdout fifo
    mkfifo fifo
    exec 9<>fifo # so that input can still come
    command="$(quoted "$sandglass" "$@") --stats stats.json, then kill -$signal"
    checks=$((checks + 1))
    # A shell's background job ignores SIGINT; env takes it back.
    env --default-signal=INT "$sandglass" "$@" --stats stats.json <fifo >stdout 2>stderr &
    process=$!
    (sleep 60 && kill -KILL $process) >/dev/null 2>&1 & # what hangs ends with status 137
    killer=$!
    for _ in {1..300}; do
        sleep 0.1
        [ ! -s stdout ] || break
    done
    kill -"$signal" $process
    wait $process
    status=$?
    kill $killer
    exec 9>&-
    [ "$status" = "$wanted" ] || fail "status $status, not $wanted"
    expect_stat "s['exit']['reason'] == 'signal'"
}

for policy in token token,max-skew=1000 free; do
    for guest in busy idle half; do
        ends_by_signal INT 130 run --elf $guest.elf --smp 3 --time $policy
        ends_by_signal TERM 143 run --elf $guest.elf --smp 3 --time $policy --engine interp
    done
    stopped_by_signal run --elf flood.elf --smp 3 --time $policy
    expect 0 '' run --elf lives.elf --smp 3 --time $policy --memory 64M
    expect 0 '' run --elf lives.elf --smp 3 --time $policy --no-reboot
    expect 7 'failed with code 7' run --elf fails.elf --smp 3 --time $policy
    expect 76 'no hart can ever wake' run --elf idle.elf --smp 3 --time $policy --console null
    expect 75 'stopped after' run --elf half.elf --smp 3 --time $policy --stop-at 0:1000000
    expect 75 'stopped after' run --elf half.elf --smp 3 --time $policy --stop-at 3000000
    expect 75 'stopped after' run --elf half.elf --smp 3 --time $policy --stop-at-vtime 5000000
    expect 75 'stopped after' run --elf idle.elf --smp 3 --time $policy --pulse 1000000 \
        --stop-at-vtime 9000000 --console null
done
ends_by_signal INT 130 run --elf busy.elf --smp 3 --time token --icount align=on
expect 75 'stopped after' run --elf busy.elf --smp 3 --time token --stop-at 0:1000000 \
    --stats stats.json
expect_stat 's["per_hart"][0]["steps"] == 1000000'

expect 75 'stopped after' run --elf busy.elf --smp 2 --time free --stop-at 1000 --stats stats.json
expect_stat '[h["step_ns"] for h in s["per_hart"]] == ["host", "host"]'

finish
