#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs are shut in, hold only what they were given, and leave files and terminals as they should
# however they end.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest busy <<'EOF'              # says when it runs
    li t0, UART
    li t1, '.'
    sb t1, 0(t0)
1:  j 1b
EOF
guest pass <<'EOF'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF

# -- What can be tested here: a sanitizer's build and a program for another host are not shut in.
if ! grep -q '^Seccomp:' /proc/self/status || [ "$(head -c 2 "$sandglass")" = '#!' ] ||
    ldd "$sandglass" | grep -Eq 'lib(asan|tsan)'; then
    echo 'sandbox: skipped: this program cannot be shut in here' >&2
    finish
fi

# start ARGUMENT...: starts a run that leaves stdout and stderr; its process is $pid when it runs.
start() {
    command="$(quoted "$sandglass" "$@") &"
    checks=$((checks + 1))
    : >stdout
    "$sandglass" "$@" >stdout 2>stderr </dev/null &
    pid=$!
    for _ in {1..300}; do
        [ ! -s stdout ] || return
        sleep 0.1
    done
    fail 'does not run'
}

# ends STATUS: what was started does, soon. What hangs is killed, which is status 137.
ends() {
    for _ in {1..600}; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    status=$?
    checks=$((checks + 1))
    [ $status = "$1" ] || fail "status $status, not $1"
}

# of_status NAME: a field of the process's status.
of_status() {
    sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"
}

# keepers: processes that it has started.
keepers() {
    cat "/proc/$pid/task/$pid/children"
}

# descriptors: what the process holds.
descriptors() {
    local fd
    for fd in /proc/$pid/fd/*; do
        readlink "$fd"
    done | sort | xargs
}

# left_behind: names of sockets and links in this folder.
left_behind() {
    find . \( -type s -o -type l \) -printf '%f\n' | sort | xargs
}

# gone PROCESS: it ends by itself, soon.
gone() {
    checks=$((checks + 1))
    for _ in {1..100}; do
        [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null || return
        sleep 0.1
    done
    fail "process $1 is still there"
}

# -- The door is closed, for every thread, and what lies behind it is what was given.
exec 8</dev/null 9>named
for policy in lockstep token free; do
    start run --elf busy.elf --time $policy --smp 2
    expect_equal "filter under $policy" 2 "$(of_status Seccomp)"
    expect_equal "privileges under $policy" 1 "$(of_status NoNewPrivs)"
    expect_equal "filters of threads under $policy" 2 \
        "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/$pid/task/*/status | sort -u)"
    expect_equal "processes beside $policy" '' "$(keepers)"
    if [ -r /proc/$pid/fd ]; then
        expect_equal "descriptors under $policy" \
            "/dev/null $work/busy.elf $work/stderr $work/stdout anon_inode:[eventfd]" \
            "$(descriptors)"
    fi
    kill $pid
    ends 143
done
start run --elf busy.elf --stats /dev/fd/9
if [ -r /proc/$pid/fd ]; then
    expect_equal 'a descriptor that is named' "$work/named" "$(readlink /proc/$pid/fd/9)"
fi
kill $pid
ends 143
expect_equal 'stats to it' 1 "$(grep -c '"virtual_ns"' named)"
exec 8<&- 9>&-

start run --elf busy.elf --no-sandbox --stats stats.json
expect_equal 'filter of --no-sandbox' 0 "$(of_status Seccomp)"
expect_equal 'processes beside --no-sandbox' '' "$(keepers)"
kill $pid
ends 143
expect_stat 's["exit"]["status"] == 143'

# Whatever a run is asked to do, nothing that it needs is missing.
guest loop <<'EOF'
    li t0, 300000
1:  addi t0, t0, -1
    bnez t0, 1b
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
2:  j 2b
EOF
kinds=('' '--time token --smp 4' '--time free --smp 4' '--icount shift=auto' '--pulse 1000'
    '--seed host --rtc base=utc' '--drive file=image' '--net user' '--engine interp'
    '--grant random:1 --drop-caches random:1' '--state-hash --signature /dev/null'
    '--hash-at 1,100:hashes')
if [ "$(uname -m)" = x86_64 ]; then
    kinds+=('--engine check --drive file=image' '--dump isa,ir,x64 --dump-file dump'
        --no-accounting)
fi
guest signature <<'EOF'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
.data
.globl begin_signature, end_signature
begin_signature: .word 1
end_signature:
EOF
truncate -s 1M image
for kind in "${kinds[@]}"; do
    elf=loop.elf
    [[ $kind != *--signature* ]] || elf=signature.elf
    # shellcheck disable=SC2086 # kind is options
    expect 0 '' run --elf $elf $kind
done

# Disks, networks and sockets are held and nothing besides; what they leave in the file system goes
# though the run is killed, and so does the lock of a disk.
for try in ${ptys:+1 2 3}; do
    start run --elf busy.elf --drive file=image,overlay=over --serial stdio --serial unix:socket \
        --virtconsole pty:link --net user
    keeper=$(keepers)
    expect_equal 'filter with devices' 2 "$(of_status Seccomp)"
    expect_equal 'one keeper of devices' 1 "$(wc -w <<<"$keeper")"
    expect_equal 'files of devices' 'link socket' "$(left_behind)"
    if [ -r /proc/$pid/fd ]; then
        expect_equal 'descriptors with devices' "/dev/null /dev/ptmx $work/busy.elf $work/image \
$work/over $work/stderr $work/stdout anon_inode:[eventfd] anon_inode:[eventfd] pipe:[N] pipe:[N] \
socket:[N]" "$(descriptors | sed 's/:\[[0-9]*]/:[N]/g; s|/dev/pts/ptmx|/dev/ptmx|')"
        expect_equal 'descriptors of a keeper' '/dev/null /dev/null /dev/null pipe:[N] pipe:[N]' \
            "$(pid=${keeper% } descriptors | sed 's/:\[[0-9]*]/:[N]/g')"
    fi
    kill -KILL $pid
    ends 137
    expect 75 'stopped' run --elf busy.elf --drive file=image,overlay=over --stop-at 1000
    gone "${keeper% }"
    expect_equal "files after SIGKILL $try" '' "$(left_behind)"
done

# -- Outputs, however a run ends: whole or not at all.
for way in '' --no-sandbox; do
    rm -f stats.json
    # shellcheck disable=SC2086 # way is no option or one
    expect 0 '' run --elf pass.elf --stats stats.json --hash-at 2:hashes $way
    expect_stat 's["exit"]["status"] == 0'
    expect_equal 'hashes' 1 "$(wc -l <hashes)"
done
rm -f ./*.json
start run --elf busy.elf --stats stats.json
keeper=$(keepers)
expect_equal 'one keeper' 1 "$(wc -w <<<"$keeper")"
kill $pid
ends 143
expect_stat 's["exit"]["status"] == 143'
gone "${keeper% }"
echo old >stats.json
start run --elf busy.elf --stats stats.json
keeper=$(keepers)
kill -KILL $pid
ends 137
gone "${keeper% }"
expect_equal 'stats after SIGKILL' old "$(cat stats.json)"
expect_equal 'files after SIGKILL' stats.json "$(echo stats.json*)"

# Ctrl-C and the like reach all that hangs on a terminal: the keeper does not mind. Its death does
# not go unnoticed.
start run --elf busy.elf --stats stats.json
keeper=$(keepers)
for signal in INT TERM HUP QUIT TSTP; do
    kill -$signal "${keeper% }"
done
kill $pid
ends 143
expect_stat 's["exit"]["status"] == 143'
start run --elf busy.elf --stats stats.json
kill -KILL "$(keepers | xargs)"
kill $pid
ends 74
grep -q '^sandglass: --stats stats.json: cannot be written .the process that does it is gone' \
    stderr || fail 'no word of a lost keeper'

# A named pipe that nobody reads: the second signal is the end of patience.
mkfifo fifo
start run --elf busy.elf --stats fifo
keeper=$(keepers)
kill $pid
sleep 0.5
kill $pid
ends 74
gone "${keeper% }"
cat fifo >through &
expect 0 '' run --elf pass.elf --stats fifo
wait $!
expect_equal 'stats through a named pipe' 1 "$(grep -c '"virtual_ns"' through)"

# -- A terminal is given back, whoever ends the run.
cat >terminal.py <<'EOF'
import os, pty, signal, subprocess, sys, termios, time

ours, theirs = pty.openpty()
before = termios.tcgetattr(theirs)
run = subprocess.Popen(sys.argv[2:], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
                       start_new_session=True)
assert os.read(ours, 1) == b"."
assert termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO) == 0, "not raw"
if sys.argv[1] == "leave":
    os.write(ours, b"\x01x")
else:
    run.send_signal(getattr(signal, sys.argv[1]))
run.wait(60)
for _ in range(100):
    if termios.tcgetattr(theirs) == before:
        sys.exit(0)
    time.sleep(0.1)
sys.exit("not as it was")
EOF
for end in ${ptys:+leave SIGTERM SIGKILL SIGSEGV}; do
    command="python3 terminal.py $end $sandglass run --elf busy.elf"
    checks=$((checks + 1))
    python3 terminal.py $end "$sandglass" run --elf busy.elf 2>stderr ||
        fail "the terminal after $end"
done

finish
