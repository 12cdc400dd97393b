#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Windows of a profile: what is counted lies between their ends, all of it and nothing else, in
# either engine and however the run is cut, live and in replays; and the run is the same.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Each hart calls `work` 40 times, which passes marker 7, turns in a loop and traps. Hart 0 says a
# letter each time, and the end of the line every fourth time; then it ends the run.
guest rounds <<'END_OF_GUEST'
    la t0, handler
    csrw mtvec, t0
    csrr s0, mhartid
    li s1, UART
    li s2, 40
    li s3, 'a'
1:  jal work
    addi s2, s2, -1
    bnez s2, 1b
    bnez s0, 3f
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b
.type work, @function
work:
    mv s4, ra
    slti x0, x0, 7
    li t0, 20
4:  addi t0, t0, -1
    bnez t0, 4b
    ecall
    bnez s0, 5f
    jal say
5:  jr s4
.size work, . - work
.type say, @function
say:
    sb s3, 0(s1)
    addi s3, s3, 1
    andi t0, s2, 3
    bnez t0, 6f
    li t0, '\n'
    sb t0, 0(s1)
6:  ret
.size say, . - say
.balign 4
.type handler, @function
handler:
    csrr t3, mepc
    addi t3, t3, 4
    csrw mepc, t3
    mret
.size handler, . - handler
END_OF_GUEST

shape='--elf rounds.elf --memory 16M --icount sleep=off --quantum 1000'

# counted PROFILE: what all rows add up to.
counted() {
    field "$1" counted | sed 's/ steps.*//' | tr -d ' '
}
# ends PROFILE: steps of both ends, a window a line.
ends() {
    field "$1" window | sed 's/from step \([0-9 ]*\) (.*) to \([0-9 ]*\) (.*/\1;\2/' | tr -d ' '
}
# lengths PROFILE: of all windows together.
lengths() {
    ends "$1" | awk -F ';' '{ sum += $2 - $1 } END { printf "%.0f\n", sum }'
}
# functions PROFILE...: steps by function, of all together: a window's calls begin anew.
functions() {
    local profile
    for profile in "$@"; do
        "$sandglass" report "$profile" --format folded
    done | awk '{ n = split($1, part, ";"); sum[part[n]] += $2 }
        END { for (name in sum) print name, sum[name] }' | sort
}

# part HARTS WINDOW...: profiles a run; leaves a.sgp, and the ends of its windows in $ends.
part() {
    local harts=$1 way
    windows=()
    shift
    for way in "$@"; do
        windows+=(--window "$way")
    done
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $shape --smp "$harts" "${windows[@]}" --output a.sgp --state-hash
    expect_equal "state with windows $*" "${hash[$harts]}" "$(state_hash)"
    expect_equal "counted in $*" "$(lengths a.sgp)" "$(counted a.sgp)"
    ends=$(ends a.sgp)
}

# window HARTS WINDOW...: the same, which is the same in every way.
window() {
    local way wanted
    part "$@"
    wanted=$(field a.sgp digest)
    for way in '--engine interp' '--grant 1' '--grant random:3 --engine interp' \
        '--grant random:4 --drop-caches random:2' '--pause random:5' \
        '--pause random:6 --engine interp'; do
        # shellcheck disable=SC2086 # options
        expect 0 '' profile $shape --smp "$1" "${windows[@]}" --output b.sgp $way
        expect_equal "profile in $*, $way" "$wanted" "$(field b.sgp digest)"
    done
    for way in '' '--engine interp' '--grant random:7'; do
        # shellcheck disable=SC2086 # options
        expect 0 '' profile "rounds$1.sgl" "${windows[@]}" --output b.sgp $way
        expect_equal "profile of a log in $*, $way" "$wanted" "$(field b.sgp digest)"
    done
}

# stop HARTS PLACE: the steps where a run stops there.
stop() {
    # shellcheck disable=SC2086 # options
    expect 75 'stopped' run $shape --smp "$1" --stop-at "$2"
    sed -n 's/.*stopped after \([0-9]*\) steps.*/\1/p' stderr
}

for harts in 1 3; do
    # shellcheck disable=SC2086 # options
    expect 0 '' record --log rounds$harts.sgl $shape --smp $harts --state-hash \
        --stats stats.json --snapshot-every 1000
    hash[harts]=$(state_hash)
    steps=$(python3 -c 'import json; print(json.load(open("stats.json"))["steps"])')

    window $harts ..
    expect_equal 'all of it' "0;$steps" "$ends"
    cp a.sgp all.sgp
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $shape --smp $harts --output b.sgp
    expect_equal 'as without a window' "$(field all.sgp digest)" "$(field b.sgp digest)"

    expect_equal 'no share of the run' '' "$(field all.sgp share)"

    window $harts 500..1234
    expect_equal 'steps' '500;1234' "$ends"
    expect_equal 'its share of the run' "$(python3 -c "print(f'{73400 / $steps:.2f} %')")" \
        "$(field a.sgp share | sed "s/ of the run's steps lie in windows.*//")"
    for places in symbol:work#3..line:cd marker:7#5..symbol:say symbol:handler..2000 \
        0:300..vtime:12345 vtime:5000..vtime:5001; do
        from=${places%%..*} to=${places#*..}
        start=$(stop $harts "$from")
        window $harts "$places"
        expect_equal "where $from is" "$start" "${ends%;*}"
        # What lies before, in and behind it is all of it.
        at=${ends#*;}
        cp a.sgp part.sgp
        part $harts "..$start"
        cp a.sgp before.sgp
        part $harts "$at.."
        expect_equal "the parts of $places" "$(functions all.sgp)" \
            "$(functions before.sgp part.sgp a.sgp)"
        window $harts "..$start" "..$to" ..
        expect_equal "the parts of $places in one" "$(functions all.sgp)" "$(functions a.sgp)"
    done
done

# Of one hart all is known. A call of work is 47 steps, 6 in handler and say, or 8 behind a line.
window 1 symbol:work..symbol:work
expect_equal 'steps of one call' "$(stop 1 symbol:work);$(stop 1 'symbol:work#2')" "$ends"
window 1 symbol:handler#2..symbol:handler#3
expect_equal 'counted from where it begins' \
    "$(stop 1 'symbol:handler#2');$(stop 1 'symbol:handler#5')" "$ends"
window 1 symbol:say..marker symbol:say..marker symbol:say#2..marker#2
expect_equal 'one behind the other' \
    "$(stop 1 symbol:say);$(stop 1 marker#2)
$(stop 1 'symbol:say#2');$(stop 1 marker#3)
$(stop 1 'symbol:say#4');$(stop 1 marker#6)" "$ends"
expect_equal 'its words' 'symbol:say#2 marker#2' \
    "$(field a.sgp window | sed -n '3s/.*(\(.*\)) to .* (\(.*\))$/\1 \2/p')"
expect_equal 'how to repeat it' "sandglass profile --elf rounds.elf --memory 16M --icount \
sleep=off --quantum 1000 --smp 1 --window symbol:say..marker --window symbol:say..marker --window \
'symbol:say#2..marker#2'" "$(field a.sgp repeat)"

# Samples are taken in windows, too, and those of each step are all of it.
windows=(--window symbol:work#3..marker#9 --window vtime:9000.. --smp 3)
# shellcheck disable=SC2086 # options
{
    expect 0 '' profile $shape "${windows[@]}" --output a.sgp
    expect 0 '' profile $shape "${windows[@]}" --sample 1 --output b.sgp
    expect_equal 'samples of each step' "$(counted a.sgp)" \
        "$(field b.sgp counted | sed 's/ samples.*//' | tr -d ' ')"
    expect_equal 'windows of samples' "$(ends a.sgp)" "$(ends b.sgp)"
    expect 0 '' profile $shape "${windows[@]}" --sample 50,seed=3 --output a.sgp --state-hash
    expect_equal 'state of a run that is sampled in windows' "${hash[3]}" "$(state_hash)"
    for way in '--engine interp' '--grant 1' '--grant random:3 --drop-caches random:2' \
        '--pause random:5'; do
        expect 0 '' profile $shape "${windows[@]}" --sample 50,seed=3 --output b.sgp $way
        expect_equal "samples in windows, $way" "$(field a.sgp digest)" "$(field b.sgp digest)"
    done
    expect 0 '' profile rounds3.sgl "${windows[@]:0:4}" --sample 50,seed=3 --output b.sgp
    expect_equal 'samples in windows of a log' "$(field a.sgp digest)" "$(field b.sgp digest)"
}

# Sixteen windows.
many=()
for i in {1..16}; do
    many+=("$((i * 100))..$((i * 100 + i))")
done
window 3 "${many[@]}"
expect_equal 'the sum of sixteen windows' 136 "$(counted a.sgp)"

# -- Ends that never come
all=$(ends all.sgp)
part 3 3000..symbol:work#1000
expect_equal 'to the end' "3000;${all#*;}" "$ends"
expect_equal 'says so' 'the end' "$(field a.sgp window | sed 's/.*(\(.*\))$/\1/')"
# shellcheck disable=SC2086 # options
{
    expect 0 "^sandglass: --window symbol:work#1000..: the run did not come to symbol:work#1000, \
so nothing is counted in it, nor in the 2 behind it" profile $shape --output b.sgp \
        --window 100..200 --window symbol:work#1000.. --window ..marker --window 500..
    expect_equal 'and what did come is counted' '100;200 100' "$(ends b.sgp) $(counted b.sgp)"
    expect 0 'window ..300: the run did not come to its beginning' profile $shape --output b.sgp \
        --window 100..symbol:work#1000 --window ..300
    expect 0 'the run did not come to marker:8' profile $shape --output b.sgp --window marker:8..
    expect_equal 'nothing at all' ';' "$(ends b.sgp);$(counted b.sgp)"
    expect 0 '' report b.sgp --format html --output b.html

    # A run that stops in a window, or where it ends, is as a part of its log.
    for to in symbol:work#9 5000 vtime:5000 line:gh; do
        expect 75 'stopped' profile $shape --smp 3 --window "300..$to" --stop-at "$to" \
            --output a.sgp
        expect 75 'stopped' profile rounds3.sgl --window "300..$to" --to "$to" --output b.sgp
        expect_equal "a run that ends with its window, at $to" "$(field a.sgp digest)" \
            "$(field b.sgp digest)"
    done
}

# -- A state to begin with
part 3 symbol:say#20..marker#30 5100..vtime:17777
wanted=$(functions a.sgp)
at=$ends
# shellcheck disable=SC2086 # options
expect 0 'stopped' snapshot --file a.snap $shape --smp 3 --stop-at symbol:say#11
expect 0 '' profile a.snap --window symbol:say#10..marker#30 --window 5100..vtime:17777 \
    --state-hash --output b.sgp
expect_equal 'windows of a snapshot' "$at $wanted" "$(ends b.sgp) $(functions b.sgp)"
expect_equal 'state of a snapshot' "${hash[3]}" "$(state_hash)"
part 3 4000..5555
wanted=$(field a.sgp digest)
expect 0 '' profile rounds3.sgl --from 3500 --window 4000..5555 --state-hash --output b.sgp
expect_equal 'a window behind a state of the log' "$wanted" "$(field b.sgp digest)"
expect 0 '' profile rounds3.sgl --from 3500 --state-hash --output b.sgp
expect_equal 'state' "${hash[3]}" "$(state_hash)"
expect_equal 'all that is behind it' "$(lengths b.sgp)" "$(counted b.sgp)"
expect_equal 'it begins at a state' 'the state that it began with' \
    "$(field b.sgp window | sed 's/[^(]*(\([^)]*\).*/\1/')"

# -- What cannot be
# shellcheck disable=SC2086 # options
{
    expect 64 'symbol:wrok: there is no such symbol; did you mean work' \
        profile $shape --window symbol:wrok..
    expect 64 'there is no such symbol' profile rounds1.sgl --window 5..symbol:wrok
    expect 64 'use FROM..TO, of which either may be empty: STEPS' profile $shape --window 5
    expect 64 'use FROM..TO' profile $shape --window 5..x
    expect 64 'in the order of the run' profile $shape --window 5..4
    expect 64 'in the order of the run' profile $shape --window 5..10 --window vtime:5.. \
        --window 9..20
    expect 64 'there is no hart 1' profile $shape --window 1:5..
    expect 64 'more than 16' profile $shape "${many[@]/#/--window=}" --window 5000..
    expect 64 'is of sandglass profile' run $shape --window 5..
    expect 64 'is of sandglass profile' replay rounds1.sgl --window 5..
}
# -- The live line. Its reader takes what comes until it has seen all that it waits for.
guest spin <<'END_OF_GUEST'
    li s2, 0
1:  jal turn
    j 1b
.type turn, @function
turn:
    li t0, 1000
2:  addi t0, t0, -1
    bnez t0, 2b
    ret
.size turn, . - turn
END_OF_GUEST
cat >live.py <<'END_OF_READER'
import os, re, select, signal, subprocess, sys
reader, writer = os.openpty()
run = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=writer)
os.close(writer)
said = b''
seen = False
while select.select([reader], [], [], 60)[0]:
    try:
        said += os.read(reader, 4096)
    except OSError:
        break
    if not seen and re.search(sys.argv[1].encode(), said):
        seen = True
        run.send_signal(signal.SIGTERM)
run.kill()
print(run.wait(), 'seen' if seen else said[-300:],
      'gone' if re.search(sys.argv[2].encode(), said) else said[-300:])
END_OF_READER
# live PATTERN OPTION...: a run that spins shows a line like it, and takes it away at its end.
live() {
    local pattern=$1
    shift
    command="profile spin.elf with $*, on a terminal"
    : >stderr
    expect_equal "a line like $pattern" '143 seen gone' \
        "$(python3 live.py "$pattern" '\r.\[Ksandglass: interrupted by signal 15 ' "$sandglass" \
            profile --elf spin.elf --memory 16M --icount sleep=off --output b.sgp "$@")"
    steps=$(counted b.sgp)
    expect_equal "counted, $*" "$(lengths b.sgp)" "${steps:-0}"
}
if [ -n "$ptys" ]; then
    live 'virtual [0-9.]+ s, [0-9]+ MIPS, turn [0-9]+ %.\[K'
    live 'MIPS, turn [0-9]+ %, window 2/3, [0-9]+ % to vtime:99999999999999.\[K' \
        --window 5..6 --window 9..vtime:99999999999999 --window ..
    live ', before window 1/1, to marker.\[K' --window marker.. --smp 5
    live ', 0 % to symbol:turn#999999999.\[K' --stop-at symbol:turn#999999999 --engine interp

    # A log says how far it goes.
    expect 75 'stopped after 4000000000 steps' record --log spin.sgl --elf spin.elf --memory 16M \
        --icount sleep=off --stop-at 4000000000
    through() {
        local place=$1 words=$2
        shift 2
        command="$words of a log to $place, on a terminal"
        : >stderr
        # shellcheck disable=SC2086 # options
        expect_equal "the way through a log to $place, $words" '143 seen gone' "$(python3 live.py \
            "MIPS,.* [0-9]+ % to $place.\\[K" '\r.\[Ksandglass: interrupted by ' \
            "$sandglass" ${words%% *} spin.sgl --engine interp ${words#"${words%% *}"} "$@")"
    }
    through 'the end of the log' replay
    through 'the end of the log' 'profile --output b.sgp'
    through 3900000000 replay --to 3900000000
    through vtime:31000000000 'profile --output b.sgp' --to vtime:31000000000
fi
[ ! -e profile.sgp ] || fail 'a profile of a run that never was'
finish
