#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Random programs in Sandglass and in QEMU: registers, memory, fflags and traps must be the same.
#
# Usage: tests/diff/run.sh check|test|soak|fuzz [--seed N] [--minutes N] [--case N]
#   check, test, soak   so many instructions at least (20,000, 200,000, 5,000,000) of seed 1
#   fuzz                until the minutes are over (10), of a seed taken from the clock
#   --seed, --minutes   another seed; so long instead
#   --case              one case alone, with all that it is made of
#
# A case is named by its seed and its number. Each batch of cases also runs in Sandglass under
# grants and with caches dropped at random: nothing may change (law 13).
# Ends with "N passed, N failed[, N skipped]".
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${SANDGLASS:-out}/sandglass
[ -d "${SANDGLASS:-out}" ] || program=$SANDGLASS
qemu=out/peer/qemu-system-riscv64
timeout_s=300

usage() {
    echo "usage: tests/diff/run.sh check|test|soak|fuzz [--seed N] [--minutes N] [--case N]" >&2
    exit 64
}

tier=${1:-}
[ $# = 0 ] || shift
seed=1
minutes=
only=
batch_cases=4000
case $tier in
check) wanted=20000 batch_cases=1000 ;;
test) wanted=200000 ;;
soak) wanted=5000000 ;;
fuzz) wanted=0 minutes=10 seed=$(date +%s) ;;
*) usage ;;
esac
while [ $# -gt 0 ]; do
    [[ ${2:-} =~ ^[0-9]+$ ]] || usage
    case $1 in
    --seed) seed=$2 ;;
    --minutes) minutes=$2 ;;
    --case) only=$2 ;;
    *) usage ;;
    esac
    shift 2
done

if [ "$tier" != check ]; then
    tools/peer
elif [ ! -x $qemu ]; then
    echo "diff: no $qemu to compare with; tools/peer gets it" >&2
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
mkdir -p out/tests
work=$(mktemp -d out/tests/diff.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# -- The host program, and the extensions that both machines have ------------------------------

${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Isrc -Itests/diff -o "$work/diff" \
    tests/diff/*.c src/isa/*.c src/base/base.c

# The extensions of QEMU: switches of its most naked CPU.
qemu_extensions() {
    {
        echo '{"execute":"qmp_capabilities"}'
        echo '{"execute":"qom-list","arguments":{"path":"/machine/soc0/harts[0]"}}'
        echo '{"execute":"quit"}'
    } | timeout $timeout_s $qemu -M virt -cpu rv64i -nodefaults -display none -S -qmp stdio \
        2> "$work/qemu-log" |
        grep -o '"name": "[a-z0-9]*", "type": "bool"' | cut -d'"' -f4
}

# With AIA, of which no register is accessed, QEMU keeps the priorities of interrupts; pmu-mask and
# b give it all event counters and misa.B; debug=off takes its triggers away.
cpu=rv64i,mmu=on,pmp=on,pmu-mask=0xfffffff8,b=on,debug=off,smaia=on,ssaia=on
off=
shared=()
theirs=$(qemu_extensions)
for ext in $("$work/diff" ext); do
    case $ext in
    zic64b | ziccamoa | ziccif | zicclsm | ziccrse | za64rs | zkt | ssccptr | sscounterenw | \
        sstvala | sstvecd | smpmp)
        shared+=("$ext") # how the rest behaves: QEMU has no switch for it
        ;;
    *)
        if grep -qx "$ext" <<< "$theirs"; then
            cpu=$cpu,$ext=on
            shared+=("$ext")
        else
            off=$off,$ext=off
            echo "diff: not compared: $ext, which this QEMU lacks"
        fi
        ;;
    esac
done

# -- Running --------------------------------------------------------------------------------------

# run_sandglass SIGNATURE [OPTION]...
run_sandglass() {
    timeout $timeout_s "$program" run --elf "$work/guest" --signature "$1" --memory 128M \
        --cpu "max$off" --console null --icount shift=0,sleep=off "${@:2}" 2> "$work/log"
}

run_qemu() {
    rm -f "$work/ram"
    timeout $timeout_s $qemu -M virt,memory-backend=ram -m 128M -smp 2 -accel tcg,thread=multi \
        -object "memory-backend-file,id=ram,size=128M,mem-path=$work/ram,share=on" \
        -cpu "$cpu" -bios none -kernel "$work/guest" -nodefaults -display none -net none \
        > "$work/qemu-log" 2>&1
}

# batch FIRST COUNT: runs these cases on both, says what differs and, last, how many agree.
batch() {
    local ours=0 theirs=0
    "$work/diff" make "$seed" "$1" "$2" "$work/cases" "${shared[@]}"
    riscv64-linux-gnu-gcc -nostdlib -static -march=rv64gc -mabi=lp64d -Itests/diff \
        -DCASES="\"$work/cases\"" -DCOUNT="$2" -Wl,--build-id=none,--no-warn-rwx-segments \
        -T tests/diff/harness.ld -o "$work/guest" tests/diff/harness.S
    run_sandglass "$work/signature" &
    run_qemu || theirs=$?
    wait $! || ours=$?
    if [ $ours != 0 ] || [ $theirs != 0 ]; then
        echo "seed $seed, cases $1 to $(($1 + $2 - 1)): Sandglass ended with $ours," \
            "QEMU with $theirs"
        cat "$work/log" "$work/qemu-log"
    fi
    "$work/diff" compare "$seed" "$1" "$2" "$work/signature" "$work/ram" "${shared[@]}" || true
}

# law_13: the last batch again, cut in other ways.
law_13() {
    local option
    for option in --grant=random:"$seed" --drop-caches=random:"$seed"; do
        if run_sandglass "$work/again" "$option" && cmp -s "$work/signature" "$work/again"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "seed $seed, cases from $first: $option changes the outcome"
        fi
    done
}

if [ -n "$only" ]; then
    batch "$only" 1 | tee "$work/report"
    grep -q '^1 passed' "$work/report"
    exit
fi

first=0
executed=0
passed=0
failed=0
end=$((SECONDS + ${minutes:-0} * 60))
while [ "$executed" -lt "$wanted" ] || [ "$SECONDS" -lt "$end" ]; do
    batch $first $batch_cases > "$work/report"
    read -r good _ bad _ count _ < <(tail -n 1 "$work/report" | tr -d ,)
    if [[ ! ${count:-} =~ ^[0-9]+$ ]] || [ "$count" = 0 ]; then
        cat "$work/report"
        echo "diff: seed $seed: no comparison of the cases from $first"
        failed=$((failed + batch_cases))
        break
    fi
    sed '$d' "$work/report"
    passed=$((passed + good))
    failed=$((failed + bad))
    executed=$((executed + count))
    [ "$bad" != 0 ] || law_13
    first=$((first + batch_cases))
done
echo "diff: seed $seed: $executed instructions in $first cases"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
