#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian kernel's boot: the same bits in every run, and wherever a run is cut.
#
# usage: tests/boot/run.sh PART test|soak
# PART is one of these:
#   same   on 1, 2, 4 and 8 harts: runs with other environments, address-space layouts and host load
#          end alike, in both engines; no timer is late; host memory stays near what the guest
#          touched
#   many   on 16, 64 and 128 harts it boots, and ends alike when the host is busy
#   parallel  it boots under token, with and without a bound on the skew, and free
#   stress stress-ng on 4 harts under each policy (needs tools/setup bench); OPS=PERCENT of it (10;
#          soak 100)
#   disk   fio writes to a disk and finds what it wrote, on 4 harts under each policy, and under
#          lockstep with the same bits (needs tools/setup bench, as does the next)
#   network  iperf3 between guest and host both ways, and small messages, under each policy, and
#          with both engines side by side
#   cut    the hash at 100 random steps, taken on the way under every --grant and with caches
#          dropped and in both engines, is that of fresh runs that stop there
#   check  the engines side by side: no difference after any grant
#   chaos  under some seeds it boots on 4 harts, otherwise than by default, and with the same bits
#          in both engines and when it goes on from a snapshot
#   sleep  sleep=on gives the bits of sleep=off
#   ends   its second serial port and a virtio console are talked to, at a socket and a
#          pseudo-terminal, under each policy
#   once   it boots: what there is time for with the sanitizers
#   refer  on 1 and 4 harts, it ends as with the program REFERENCE
#
# SEED draws the steps of `cut` (1).
. "$(dirname "$0")/../suite.sh"
part=$1
tier=$2
seed=${SEED:-1}

boot=("$program" run --kernel out/guest/vmlinux --initrd out/guest/initramfs.cpio.gz
    --append "console=ttyS0" --memory 512M)

# twin I COMMAND...: runs it in the I-th kind of surroundings.
twin() {
    local idx=$1 load=''
    shift
    case $((idx % 4)) in
    0) "$@" ;;
    1) # a long environment moves the stack
        env -i PATH="$PATH" LANG=tr_TR.UTF-8 TZ=Asia/Kathmandu PAD="$(seq 2000)" "$@" ;;
    2) setarch -R "$@" ;; # no randomised addresses
    3)
        (while :; do :; done) & # a busy neighbour
        load=$!
        local status=0
        "$@" || status=$?
        kill $load
        return $status
        ;;
    esac
}

# memory_complaint NAME: unless the run took at most what the guest touched and 64 MiB.
memory_complaint() {
    local peak_kib touched_bytes
    peak_kib=$(cat "$work/$1.peak")
    touched_bytes=$(stat touched_bytes "$work/$1.json")
    [ "$((peak_kib * 1024))" -le "$((touched_bytes + (64 << 20)))" ] ||
        echo "resident $peak_kib KiB, but the guest touched only $((touched_bytes >> 10)) KiB"
}

# boot_once NAME OPTION...: a boot in the surroundings $surroundings.
boot_once() {
    local name=$1
    shift
    outcome "$name" twin "$surroundings" \
        python3 tests/boot/peak.py "$work/$name.peak" "${boot[@]}" "$@"
}

same() {
    local harts run runs=2 first other
    [ "$tier" = test ] || runs=10
    for harts in 1 2 4 8; do
        surroundings=0
        first=$(boot_once "same-$harts-0" --smp "$harts" --icount sleep=off)
        case $first in
        'exit 0 '*) report "boot on $harts harts" '' ;;
        *) report "boot on $harts harts" "$first" ;;
        esac
        other=$(boot_once "same-$harts-interp" --smp "$harts" --icount sleep=off --engine interp)
        report "boot on $harts harts, interpreted" "$([ "$first" = "$other" ] ||
            echo "wanted $first, got $other")"
        report "timers on $harts harts" "$([ "$(stat late_steps_max \
            "$work/same-$harts-0.json")" = 0 ] || echo 'a timer was late')"
        report "memory on $harts harts" "$(memory_complaint "same-$harts-0")"
        for ((run = 1; run < runs; run++)); do
            # In `test` each hart count meets another kind of surroundings.
            surroundings=$((run == 1 && runs == 2 ? 1 + harts % 3 : run))
            other=$(boot_once "same-$harts-$run" --smp "$harts" --icount sleep=off)
            report "boot on $harts harts, run $run" "$([ "$first" = "$other" ] ||
                echo "wanted $first, got $other")"
            report "console on $harts harts, run $run" "$(cmp \
                "$work/same-$harts-0.console" "$work/same-$harts-$run.console" 2>&1 || true)"
        done
    done
}

many() {
    local harts first other
    for harts in 16 64 128; do
        surroundings=0
        first=$(boot_once "many-$harts" --smp "$harts" --icount sleep=off)
        report "boot on $harts harts" "$([[ $first == 'exit 0 '* ]] || echo "$first")"
        report "all of $harts harts" "$(grep -q "^harts:  $harts" "$work/many-$harts.console" ||
            grep -a harts "$work/many-$harts.console")"
        surroundings=3
        other=$(boot_once "many-$harts-busy" --smp "$harts" --icount sleep=off)
        report "boot on $harts harts, host busy" "$([ "$first" = "$other" ] ||
            echo "wanted $first, got $other")"
    done
}

policies='lockstep token token,max-skew=100000 free'

parallel() {
    local harts policy end counts='2 4'
    [ "$tier" = test ] || counts='1 2 3 4 8'
    for policy in ${policies#lockstep}; do
        for harts in $counts; do
            end=$(outcome parallel "${boot[@]}" --smp "$harts" --icount sleep=off --time "$policy")
            report "boot on $harts harts, --time $policy" \
                "$([[ $end == 'exit 0 '* ]] || echo "$end")"
        done
    done
}

stressed() {
    local policy end kinds ops=${OPS:-10}
    [ "$tier" = test ] || ops=${OPS:-100}
    kinds=$(grep -c '^    [a-z-]* [0-9]*$' tools/bench.d/guest/stress)
    for policy in $policies; do
        end=$(outcome stress "$program" run --kernel out/guest/vmlinux --memory 1G --smp 4 \
            --initrd out/bench/workloads.cpio --icount sleep=off --time "$policy" \
            --append "quiet rdinit=/bench/stress sandglass.ops=$ops")
        report "stress-ng, --time $policy" "$([[ $end == 'exit 0 '* ]] || echo "$end")"
        report "its loads, --time $policy" "$(tr -d '\r' <"$work/stress.console" |
            sed -n '/^stress: 4 harts$/,/^stress: end$/p' |
            sed 's/^stress: [a-z-]* passed$/passed/' | uniq -c | sed 's/^ *//' |
            diff - <(printf '1 stress: 4 harts\n%s passed\n1 stress: end\n' "$kinds"))"
    done
}

# bench_guest NAME WORK OPTION...: the outcome of a work of tools/bench on 4 harts.
bench_guest() {
    local name=$1 task=$2
    shift 2
    outcome "$name" timeout 600 "$program" run --kernel out/guest/vmlinux --memory 1G --smp 4 \
        --initrd out/bench/workloads.cpio --append "quiet sandglass.work=$task" "$@"
}

# bench_report WHAT END NAME LINE: unless the work ended well, and said so.
bench_report() {
    local complaint=''
    if [[ $2 != 'exit 0 '* ]]; then
        complaint=$2
    elif ! tr -d '\r' <"$work/$3.console" | grep -qx "bench: $4"; then
        complaint="not '$4': $(grep -a '^bench: ' "$work/$3.console" | head -n 4 | tr '\r\n' '  ')"
    fi
    report "$1" "$complaint"
}

disk() {
    local policy end first=''
    truncate -s 0 "$work/disk.img"
    truncate -s 512M "$work/disk.img"
    for policy in lockstep $policies; do
        end=$(bench_guest disk disk-verify --icount sleep=off --time "$policy" \
            --drive "file=$work/disk.img")
        bench_report "fio --verify, --time $policy" "$end" disk \
            '0;\([1-9][0-9]*\);\1 is error; KiB read; KiB written'
        [ "$policy" != lockstep ] || [ -z "$first" ] ||
            report 'fio twice, --time lockstep' "$([ "$end" = "$first" ] ||
                echo "first $first, then $end")"
        first=${first:-$end}
    done
    report 'the disk of fio' "$(cmp -n $((512 << 20)) "$work/disk.img" /dev/zero 2>&1)"
    rm "$work/disk.img"
}

# network_run WORK LINE SERVER OPTION...: SERVER runs on the host meanwhile, at port $port.
network_run() {
    local task=$1 line=$2 server=$3 end pid
    shift 3
    # shellcheck disable=SC2086 # a command
    timeout 600 $server >"$work/server.log" 2>&1 &
    pid=$!
    end=$(bench_guest network "$task sandglass.port=$port" --net user,restrict=off "$@")
    bench_report "$task $*" "$end" network "$line"
    kill $pid 2>/dev/null || true
    wait $pid || true
}

network() {
    local policy port echo='python3 tools/bench.d/guest/echo.py serve'
    port=$(python3 -c 'import socket
print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    for policy in $policies; do
        network_run network-send '128 MBytes receiver' "iperf3 -s -1 -p $port" --time "$policy"
        network_run network-receive '128 MBytes receiver' "iperf3 -s -1 -p $port" --time "$policy"
        network_run network-answer '3000 of 3000 messages answered' "$echo $port" --time "$policy"
    done
    network_run network-answer '3000 of 3000 messages answered' "$echo $port" --engine check
}

sleeping() {
    local off on
    surroundings=0
    off=$(boot_once sleep-off --icount sleep=off)
    on=$(boot_once sleep-on --icount sleep=on)
    report 'sleep=on and sleep=off' "$([ "$off" = "$on" ] || echo "off: $off, on: $on")"
}

# hashes NAME OPTION...: "STEP HASH" lines of a run at all steps in $points.
hashes() {
    local name=$work/$1
    shift
    rm -f "$name"
    "${boot[@]}" --icount sleep=off --console null --hash-at "$points:$name" \
        --stop-at "$last" "$@" </dev/null >/dev/null 2>"$name.stderr" || true
    cat "$name"
}

cut_on() {
    local harts=$1 fresh=$2 whole way other point total
    surroundings=0
    boot_once cut --smp "$harts" --icount sleep=off >/dev/null
    total=$(stat steps "$work/cut.json")
    points=$(python3 -c 'import random, sys
seed, total = map(int, sys.argv[1:])
steps = random.Random(seed).sample(range(1, total), 100)
print(",".join(map(str, sorted(steps))))' "$seed" "$total")
    last=${points##*,}
    whole=$(hashes whole --smp "$harts")
    report "$harts harts: 100 hashes" \
        "$([ "$(wc -l <<<"$whole")" = 100 ] || echo "only: $whole; SEED=$seed")"
    for way in --grant={1,2,7,1000,random:$seed} --{drop-caches,pause,rewind}=random:$seed \
        --engine=interp; do
        other=$(hashes "${way#--}" --smp "$harts" "$way")
        report "$harts harts: $way" "$(diff <(echo "$whole") <(echo "$other") |
            sed -n "2s/\$/ is the first other hash; SEED=$seed/p")"
    done
    for point in $(tr , '\n' <<<"$points" | shuf -n "$fresh" --random-source=<(yes "$seed")); do
        other=$(outcome fresh "${boot[@]}" --smp "$harts" --icount sleep=off --stop-at "$point")
        report "$harts harts: fresh run to $point" "$([ "$other" = \
            "exit 75 steps $point hash $(sed -n "s/^$point //p" <<<"$whole")" ] || echo "$other")"
    done
}

# The line of a difference ends the complaint; the code that ran stands in NAME.stderr.
checked() {
    local harts way whole other ways=('') counts='1 4'
    [ "$tier" = test ] || ways+=("--grant random:$seed" "--drop-caches random:$seed")
    [ "$tier" = test ] || counts='1 2 4 8'
    for harts in $counts; do
        whole=$(outcome check "${boot[@]}" --smp "$harts" --icount sleep=off)
        for way in "${ways[@]}"; do
            # shellcheck disable=SC2086 # an option and its value
            other=$(outcome "check-$harts" "${boot[@]}" --smp "$harts" --icount sleep=off \
                --engine check $way)
            report "both engines on $harts harts $way" "$([ "$whole" = "$other" ] ||
                echo "wanted $whole, got $other: $(head -n 1 "$work/check-$harts.stderr")")"
        done
    done
}

# A program in the guest says go, and then what it is told: at one place, then at the other.
ending() {
    local policy end answer visits visit complaint
    answer='answer() { stty raw -echo; echo -n go; head -c 6; }; '
    answer+='answer </dev/ttyS1 >/dev/ttyS1; answer </dev/hvc0 >/dev/hvc0; sleep 1'
    for policy in $policies; do
        visits=()
        timeout 120 python3 tests/cli/visit.py unix "$work/socket" go/secret 2>"$work/socket.log" &
        visits+=($!)
        timeout 120 python3 tests/cli/visit.py pty "$work/line" go/hidden 2>"$work/line.log" &
        visits+=($!)
        end=0
        timeout 120 "$program" run --kernel out/guest/vmlinux --memory 512M --smp 2 \
            --initrd out/guest/initramfs.cpio.gz --time "$policy" \
            --append "quiet console=ttyS0 sandglass.run=$answer" \
            --serial "file:$work/ends.console" --serial "unix:$work/socket" \
            --virtconsole "pty:$work/line" </dev/null 2>"$work/ends.stderr" || end=$?
        complaint=''
        for visit in "${visits[@]}"; do
            wait "$visit" || complaint=$(tail -qn 1 "$work/socket.log" "$work/line.log")
        done
        [ $end = 0 ] || complaint="exit $end: $(tail -n 1 "$work/ends.stderr"); $complaint"
        report "talking to a socket and a pseudo-terminal, --time $policy" "$complaint"
    done
}

# A boot under a seed stops on the way, and goes on from there in the interpreter.
chaos() {
    local seed plain first other steps seeds='1 2'
    [ "$tier" = test ] || seeds='1 2 3 4 5 6 7 8'
    plain=$(outcome chaos "${boot[@]}" --smp 4 --icount sleep=off)
    for seed in $seeds; do
        first=$(outcome chaos "${boot[@]}" --smp 4 --icount sleep=off --chaos "$seed")
        report "boot with --chaos $seed" "$([[ $first == 'exit 0 '* ]] || echo "$first")"
        report "another boot with --chaos $seed" "$([ "${first% hash*}" != "${plain% hash*}" ] ||
            echo "the same $first")"
        report "timers with --chaos $seed" "$([ "$(stat late_steps_max "$work/chaos.json")" = 0 ] ||
            echo 'a timer was late')"
        steps=$(($(stat steps "$work/chaos.json") / (seed + 1)))
        rm -f "$work/chaos.snap"
        "$program" snapshot --file "$work/chaos.snap" "${boot[@]:2}" --smp 4 --icount sleep=off \
            --chaos "$seed" --stop-at $steps </dev/null >/dev/null 2>&1 || true
        other=$(outcome chaos-interp "$program" restore "$work/chaos.snap" --engine interp)
        report "boot with --chaos $seed, from step $steps interpreted" \
            "$([ "$other" = "$first" ] || echo "not $first but $other")"
    done
}

once() {
    local end
    end=$(outcome once "${boot[@]}" --smp 2 --icount sleep=off)
    report 'boot on 2 harts' "$([ "${end% steps*}" = 'exit 0' ] || echo "$end")"
}

referring() {
    local harts whole boot_now
    for harts in 1 4; do
        boot_now=("${boot[@]}" --smp "$harts" --icount sleep=off)
        whole=$(outcome refer "${boot_now[@]}")
        report "boot on $harts harts" "$([ "${whole% steps*}" = 'exit 0' ] || echo "$whole")"
        refer "$whole" "${boot_now[@]}"
        report "console on $harts harts" "$(cmp "$work/refer.console" \
            "$work/reference.console" 2>&1 || true)"
    done
}

case $part in
same) same ;;
many) many ;;
parallel) parallel ;;
stress) stressed ;;
chaos) chaos ;;
disk) disk ;;
network) network ;;
once) once ;;
refer) referring ;;
check) checked ;;
sleep) sleeping ;;
ends) ending ;;
cut)
    if [ "$tier" = test ]; then
        cut_on 1 10
    else
        cut_on 1 100
        cut_on 4 100
    fi
    ;;
esac
finish
