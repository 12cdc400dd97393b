#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is wrong with a command line is said in one line that names the option, with status 64.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest pass <<'EOF'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF

# -- Commands
expect 64 'command is missing.*--help'
expect 64 "unknown command 'rum'; did you mean run\?" rum
expect 64 "unknown command 'frobnicate'; see" frobnicate
expect 64 'a command comes first: try sandglass run --kernel' --kernel x
expect 0 '' --help
expect 0 '' -help
expect 0 '' --version
expect 0 '' run --help
grep -q -- '--icount' stdout || fail 'run --help does not name --icount'
expect 0 '' disasm --help

# -- Names
expect 64 'unknown option --kernal; did you mean --kernel\?' run --kernal x
expect 64 'unknown option --kern; did you mean --kernel\?' run --kern x
expect 64 'unknown option -mem; did you mean --memory\?' run -mem 1G
expect 64 'unknown option --kern=x; did you mean --kernel\?' run --kern=x
expect 64 'unknown option --xyzzyplugh; see' run --xyzzyplugh
expect 64 '-k' run -k
expect 64 "unexpected argument 'pass.elf'" run pass.elf
expect 64 "unexpected argument 'more'" run --elf pass.elf more
expect 64 '--kernel needs a value' run --kernel
expect 64 '--help|no-reboot' run --no-reboot=yes --elf pass.elf
expect 64 '--elf is given twice' run --elf pass.elf --elf pass.elf
expect 64 '--(m|memory) is given twice' run --elf pass.elf --memory 1G -m 1G
expect 64 '--stop-at is given twice' run --elf pass.elf --stop-at 5 --stop-at 6

# One dash or two, and QEMU's names.
expect 0 '' run -elf pass.elf -m 64 -smp cpus=2 -nographic -net none -machine virt -no-reboot
expect 0 '' run --elf=pass.elf --m=64M --M virt --console=null
expect 0 '' \
    run --elf pass.elf -icount shift=0,align=off,sleep=off -seed 1 -rtc base=2026-01-01,clock=vm

# -- Values
for memory in 0 15M 65G 1T 16777217K 1X 1GG -1G '' G 1.5G 99999999999999999999; do
    expect 64 '--memory .*use ' run --elf pass.elf --memory "$memory"
done
for memory in 16 16M 64G 1048576K size=32M; do
    expect 0 '' run --elf pass.elf --memory "$memory"
done
for harts in 0 513 -1 two '' cpus=0 cpus=; do
    expect 64 '--smp .*use 1 to 512' run --elf pass.elf --smp "$harts"
done
expect 64 "--cpu: unknown .*'rv64gd'" run --elf pass.elf --cpu rv64gd
expect 64 '--cpu' run --elf pass.elf --cpu max,zzz=on
expect 64 '--cpu' run --elf pass.elf --cpu max,zba=maybe
expect 64 '--machine .*virt' run --elf pass.elf --machine spike
expect 64 '--console serial: ' run --elf pass.elf --console serial
expect 64 '--console' run --elf pass.elf --console file:
expect 64 '--net: tap: use none or user' run --elf pass.elf --net tap
expect 64 '--net: users: use' run --elf pass.elf --net users
expect 64 '--net: : use' run --elf pass.elf --net ''
expect 64 '--(net|nic) is given twice' run --elf pass.elf --net none --nic none
expect 64 '--net user: needs sleep=on' run --elf pass.elf --net user --icount sleep=off
for word in hostfwd=tcp:2222-:22 hostfwd=tcp::2222:22 hostfwd=tcp::0-:22 hostfwd=tcp::65536-:22 \
    hostfwd=sctp::2222-:22 hostfwd= hostfwd=tcp:1.2.3:2222-:22 hostfwd=tcp:1.2.3.256:2222-:22 \
    hostfwd=tcp::2222- hostfwd=tcp::2222-22; do
    expect 64 "--net: $word: use hostfwd=tcp\|udp" run --elf pass.elf --net "user,$word"
done
expect 64 '--net: hostfwd=: the guest.s address' \
    run --elf pass.elf --net user,hostfwd=tcp::2222-10.0.3.15:22
expect 64 '--net: more than 32' run --elf pass.elf \
    --net "user$(printf ',hostfwd=tcp::%d-:22' {20000..20032})"
for word in net=10.0.2.0 net=10.0.2.1/24 net=10.0.2.0/28 net=10.0.2.0/7 net=10.0.2/24; do
    expect 64 "--net: $word: use a network" run --elf pass.elf --net "user,$word"
done
for word in mac=52:54:00:12:34 mac=53:54:00:12:34:56 mac=52:54:00:12:34:5g mac=525400123456; do
    expect 64 "--net: $word: use a card" run --elf pass.elf --net "user,$word"
done
expect 64 '--net: restrict=yes: use restrict=on' run --elf pass.elf --net user,restrict=yes
expect 64 '--net: bus=usb: use bus=pci' run --elf pass.elf --net user,bus=usb
expect 64 '--net: dns=x: use hostfwd' run --elf pass.elf --net user,dns=x
expect 64 '--net: ,: use' run --elf pass.elf --net user,mac=52:54:00:12:34:56,,
for net in none user user,restrict=off user,net=192.168.76.0/24,mac=52:54:00:AB:cd:56 \
    user,bus=mmio user,model=virtio-net-device \
    user,hostfwd=tcp::20022-192.168.1.15:22,net=192.168.1.0/24; do
    expect 0 '' run --elf pass.elf --net "$net"
    expect 0 '' run --elf pass.elf -nic "$net" --engine check
done
for policy in token token,max-skew=1 free; do
    expect 0 '' run --elf pass.elf --time $policy --engine interp --stats stats.json
    expect_stat 's["engine"] == "interp" and s["time"] == "'"${policy%,*}"'"'
done
for policy in token, token,max-skew=0 token,max-skew=x free,max-skew=5; do
    expect 64 '--time .*: use lockstep' run --elf pass.elf --time "$policy"
done
expect 64 '--time sometimes: use' run --elf pass.elf --time sometimes
for size in 512K 2G 0 x ''; do
    expect 64 '--jit-cache .*1M to 1G' run --elf pass.elf --jit-cache "$size"
done
expect 0 '' run --elf pass.elf --jit-cache 1M
for items in asm isa,asm isa, ,isa '' all; do
    expect 64 '--dump .*use isa, ir, x64' run --elf pass.elf --dump "$items"
done
expect 64 '-d asm: use isa, ir, x64' run --elf pass.elf -d asm
expect 64 '--dump-file needs --dump' run --elf pass.elf -D dump
expect 64 '--dump .*drop --engine interp' run --elf pass.elf --dump isa --engine interp
expect 64 '--(d|dump) is given twice' run --elf pass.elf --dump isa -d ir
expect 64 '--engine warp: use' run --elf pass.elf --engine warp
expect 0 '' run --elf pass.elf --time lockstep,monotonic=on --engine interp
for quantum in 99 10000001 0 x -5 ''; do
    expect 64 '--quantum .*100 to 10000000' run --elf pass.elf --quantum "$quantum"
done
for stop in x 1: :1 -1 1:2:3 18446744073709551616 ''; do
    expect 64 '--stop-at .*STEPS' run --elf pass.elf --stop-at "$stop"
done
expect 64 '--stop-at: there is no hart 1' run --elf pass.elf --stop-at 1:5
expect 64 '--stop-at-vtime' run --elf pass.elf --stop-at-vtime 9223372036854775807
expect 64 '--seed' run --elf pass.elf --seed x
for date in base=2026-02-30 base=x base= base=2026-01-01T25:00:00 base=2026-01-01T00:00:00Z \
    base=1969-12-31 clock=host base=now ''; do
    expect 64 '--rtc .*base=' run --elf pass.elf --rtc "$date"
done
expect 0 '' run --elf pass.elf --rtc base=2024-02-29T23:59:59
expect 0 '' run --elf pass.elf --rtc base=1700000000
# What comes from the host stands in the stats, so that the run can be repeated.
expect 0 '' run --elf pass.elf --rtc base=utc --seed host --stats stats.json
expect_stat 'abs(s["rtc_base_ns"] / 1e9 - __import__("time").time()) < 100 and s["seed"] > 0'

# -- Rates
for icount in shift=11 shift=-1 shift= shift=x; do
    expect 64 '--icount: shift=' run --elf pass.elf --icount "$icount"
done
for icount in ips=0 ips=1e13 ips=1/0 ips=x ips=-1 ips= ips=0x10; do
    expect 64 '--icount: .*is not a rate' run --elf pass.elf --icount "$icount"
done
expect 64 '--icount: .*understood' run --elf pass.elf --icount 3x
expect 64 '--icount: .*understood' run --elf pass.elf --icount shift=3,,sleep=on
expect 64 '--icount: shift=auto .*sleep=off jumps' run --elf pass.elf --icount shift=auto,sleep=off
expect 64 '--icount: align=on .*sleep=off jumps' run --elf pass.elf --icount align=on,sleep=off
expect 64 '--icount: .*both follow' run --elf pass.elf --icount shift=auto,align=on
expect 64 '--icount: .*one rate' run --elf pass.elf --icount shift=auto --hart 0:shift=3
expect 64 '--hart: shift=auto is for all' run --elf pass.elf --hart 0:shift=auto
expect 64 '--icount: align=on .*free follows' run --elf pass.elf --icount align=on --time free
expect 64 '--hart says .*the host.s: drop' run --elf pass.elf --time free --hart 0:shift=2
expect 64 '--quantum says .*the host.s: drop' run --elf pass.elf --time free --quantum 1000
for policy in token free; do
    expect 64 'needs --time lockstep' run --elf pass.elf --icount shift=auto --time $policy
    expect 64 'needs --time lockstep' run --elf pass.elf --time $policy --engine check
done
expect 64 '--icount: the rate is given twice' run --elf pass.elf --icount shift=3,ips=5
expect 64 '--icount: .*use on or off' run --elf pass.elf --icount sleep=maybe
for icount in shift=0 shift=10 ips=1 ips=1e12 ips=1234567891 ips=2G ips=4/3,sleep=off; do
    expect 0 '' run --elf pass.elf --icount "$icount"
done
expect 64 '--hart: there is no hart 2' run --elf pass.elf --smp 2 --hart 2:shift=3
expect 64 '--hart: hart 0 is listed twice' run --elf pass.elf --smp 2 --hart 0:shift=3,0-1:ips=5
expect 64 '--hart: hart 1 has no rate' run --elf pass.elf --smp 2 --hart 0:shift=3,1
expect 64 '--hart: .*understood' run --elf pass.elf --smp 2 --hart 1-0:shift=3
expect 64 '--hart: .*understood' run --elf pass.elf --smp 2 --hart x:shift=3
expect 64 '--hart: .*understood' run --elf pass.elf --smp 2 --hart 0:sleep=on
expect 0 '' \
    run --elf pass.elf --smp 4 --hart 0,2:shift=1,3:ips=7 --hart 1:ips=10/9 --stats stats.json
expect_stat '[h["step_ns"] for h in s["per_hart"]] == ["2", "900000000", "2", "142857142+6/7"]'

# -- What does not go together
expect 64 'nothing to run' run
expect 64 'nothing to run' run --bios none
expect 64 'nothing to run' run --bios default
expect 64 '--kernel cannot go with --elf' run --elf pass.elf --kernel x
expect 64 '--initrd cannot go with --elf' run --elf pass.elf --initrd x
expect 64 '--append cannot go with --elf' run --elf pass.elf --append x
expect 64 '--bios cannot go with --elf' run --elf pass.elf --bios default
expect 64 '--initrd needs --kernel' run --bios x --initrd x
expect 64 '--append needs --kernel' run --bios x --append x
expect 64 '--signature needs --elf' run --kernel x --signature x
expect 64 'only one of them' run --elf pass.elf --stop-at 5 --stop-at-vtime 5
expect 64 'only one of them' run --elf pass.elf --stop-at-vtime 5 --stop-at 5

expect 64 '--gdb-wait needs --gdb' run --elf pass.elf --gdb-wait
expect 64 '--gdb-wait needs --gdb' run --elf pass.elf -S
expect 64 '--gdb needs --time lockstep' run --elf pass.elf --gdb unix:s --time token
expect 64 '--gdb cannot go with' run --elf pass.elf --gdb unix:s --engine check
expect 64 '--gdb stdio: use PORT' run --elf pass.elf --gdb stdio
expect 64 '--gdb is given twice' run --elf pass.elf --gdb 1 --gdb 2
expect 64 '--gdb unix:: use' run --elf pass.elf --gdb unix:
expect 74 '--gdb unix:/none/s: cannot listen' run --elf pass.elf --gdb unix:/none/s
expect 0 '' run --elf pass.elf --gdb unix:s

# -- Options for tests
for grant in 0 x random: random:x ''; do
    expect 64 '--grant .*random:SEED' run --elf pass.elf --grant "$grant"
done
expect 64 '--drop-caches .*random:SEED' run --elf pass.elf --drop-caches 5
expect 64 '--rewind .*random:SEED' run --elf pass.elf --rewind 5
expect 64 '--rewind' run --elf pass.elf --rewind random:5 --time token
expect 64 '--rewind' run --elf pass.elf --rewind random:5 --engine check
expect 64 '--pause .*random:SEED' run --elf pass.elf --pause 5
for list in 5 5: :f 5,5:f 6,5:f x:f 5,:f; do
    expect 64 '--hash-at .*ascending' run --elf pass.elf --hash-at "$list"
done

# -- disasm
expect 64 'disasm: ' disasm
expect 64 'disasm: ' disasm --frob
expect 64 'disasm: ' disasm a b
expect 64 "disasm: 'xyz' is not a word" disasm --words xyz
expect 64 "disasm: '123456789' is not a word" disasm --words 123456789
expect 0 '' disasm --words 00a28293 8082
grep -q 'addi *t0,t0,10' stdout || fail 'not addi t0,t0,10'
grep -q 'jalr *zero,0(ra)' stdout || fail 'not jalr zero,0(ra)'

finish
