#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --chaos: another schedule by a seed, and one run for each of many seeds until one fails.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Two harts want the same word. If hart 1 comes second, as it does by default, all is well; if hart
# 0 does, it says so and fails.
guest race <<'END'
    csrr s0, mhartid
    la s1, word
    addi s2, s0, 1
    amoswap.d s3, s2, (s1)
    bnez s3, 2f
1:  wfi
    j 1b
2:  li s4, FINISHER
    li t0, 0x5555
    bnez s0, 3f
    li s5, UART
    li t0, 'o'
    sb t0, 0(s5)
    li t0, 'h'
    sb t0, 0(s5)
    li t0, 0x113333
3:  sw t0, 0(s4)
4:  j 4b
.data
.balign 64
word: .dword 0
END

# Says a word and powers off.
guest oops <<'END'
    li s5, UART
    li t0, 'o'
    sb t0, 0(s5)
    li t0, 'h'
    sb t0, 0(s5)
    li s4, FINISHER
    li t0, 0x5555
    sw t0, 0(s4)
1:  j 1b
END

# Never ends.
guest endless <<'END'
1:  addi s0, s0, 1
    j 1b
END
race=(--elf race.elf --smp 2 --icount sleep=off)

# said PATTERN...: each is a line of what the last run said on standard error.
said() {
    local pattern
    for pattern in "$@"; do
        checks=$((checks + 1))
        grep -Eq -e "^sandglass: $pattern" stderr || fail "no line like: $pattern"
    done
}

# left FILE...: these are the files here whose names begin with a.
left() {
    expect_equal 'files' "$*" "$(echo a.*)"
    rm -f a.*
}

# -- One seed
expect 0 '' run "${race[@]}" --stats stats.json
expect_stat "'chaos' not in s and s['exactness'] == 'exact'"
ends='' failing='' passing=''
for seed in 0 1 2 3 4 5 6 7 9223372036854775807; do
    run run "${race[@]}" --chaos $seed --stats stats.json --state-hash
    ends+=" $status"
    [ $status = 0 ] && passing+=" $seed"
    [ $status = 17 ] && failing+=" $seed"
    hash=$(state_hash)
    expect_stat "s['chaos'] == $seed and s['exactness'] == 'exact'"
    run run "${race[@]}" --chaos $seed --engine interp --grant 1 --state-hash
    expect_equal "state of seed $seed" "$hash" "$(state_hash)"
done
expect_equal 'ends of eight seeds' '0 17' "$(tr ' ' '\n' <<<"${ends# }" | sort -un | xargs)"
expect 0 'exact: twice the same' verify "${race[@]}" --chaos "${passing##* }"
read -r first second _ <<<"$failing"
read -r pass _ <<<"$passing"
expect 75 'stopped after 10000 steps' run --elf endless.elf --smp 128 --chaos 3 --stop-at 10000

# -- Many, up to the first that fails
for jobs in '' 1 5; do
    run run "${race[@]}" --chaos 0..99 --until-fail ${jobs:+--jobs "$jobs"} --stats a.json \
        --state-hash
    expect_equal 'status' 17 $status
    expect_stdout oh
    said 'the guest failed with code 17' \
        "seed $first fails with status 17, after $first that do not; --chaos $first repeats it"
    hash=$(state_hash)
    cp a.json stats.json
    expect_stat "s['chaos'] == $first and s['exit']['status'] == 17"
    left a.json
done
run run "${race[@]}" --chaos "$first" --state-hash
expect_equal 'state when repeated' "$hash" "$(state_hash)"
run record --log a.sgl "${race[@]}" --chaos 0..99 --until-fail --jobs 3 --state-hash
expect_equal 'status' 17 $status
expect_equal 'state when recorded' "$hash" "$(state_hash)"
run replay a.sgl --state-hash --verify
expect_equal 'status' 17 $status
expect_stdout oh
expect_equal 'state when replayed' "$hash" "$(state_hash)"
left a.sgl
expect 0 "none of the seeds $pass to $pass fails" \
    record --log a.sgl "${race[@]}" --chaos "$pass..$pass" --until-fail --stats a.json
left 'a.*'

# -- Many, all of them
run run "${race[@]}" --chaos 0..7 --jobs 2
expect_equal 'status' 17 $status
expect_stdout ''
for seed in $first $second; do
    said "--chaos $seed fails with status 17"
done
said "of the seeds 0 to 7 $(grep -c 'fails with' stderr) fail, the first is $first"
expect_equal 'how many fail' "$(wc -w <<<"${failing% 9223372036854775807}")" \
    "$(grep -c 'fails with' stderr)"

# -- From a snapshot: the same schedule, or others
run run "${race[@]}" --chaos "$first" --state-hash
hash=$(state_hash)
expect 0 'stopped after 1 steps' snapshot --file a.snap "${race[@]}" --chaos "$first" --stop-at 1
run restore a.snap --state-hash
expect_equal 'state of seed '"$first"' from a snapshot' "$hash" "$(state_hash)"
expect 0 'stopped after 0 steps' snapshot --file a.snap "${race[@]}" --stop-at 0
expect 0 '' restore a.snap
run restore a.snap --chaos 0..99 --until-fail --state-hash
expect_equal 'status' 17 $status
said "seed $first fails with status 17"
expect_equal 'state of seed '"$first"' from a snapshot without' "$hash" "$(state_hash)"
run restore a.snap --chaos "$first" --state-hash
expect_equal 'status' 17 $status
expect_equal 'state of seed '"$first"' from a snapshot without' "$hash" "$(state_hash)"
left a.snap

# -- What counts as a failure
expect 0 'none of the seeds 1 to 4 fails' run --elf oops.elf --chaos 1..4
expect 0 'none of the seeds 1 to 4 fails' run --elf oops.elf --chaos 1..4 --fail-on 'oh no'
run run --elf oops.elf --chaos 1..4 --fail-on h --until-fail
expect_equal 'status' 1 $status
expect_stdout oh
said 'seed 1 fails with status 1, after 0 that do not; --chaos 1 repeats it'
run run --elf endless.elf --chaos 5..6 --until-fail --stop-at-vtime 5000
expect_equal 'status' 75 $status
said 'stopped after 625 steps' 'seed 5 fails with status 75'
expect 65 'gone.elf' run --elf gone.elf --chaos 1..1000 --until-fail --jobs 1
expect 65 'gone.elf' record --log a.sgl --elf gone.elf --chaos 1..2 --until-fail --jobs 1
left 'a.*'

# -- Interrupted
for signal in INT TERM; do
    command="sandglass record, and SIG$signal"
    "$sandglass" record --log a.sgl --elf endless.elf --chaos 1..100 --until-fail --jobs 3 \
        >stdout 2>stderr </dev/null &
    process=$!
    until [ -s a.sgl.3 ]; do sleep 0.02; done
    kill -s $signal $process
    wait $process
    status=$?
    expect_equal 'status' "$([ $signal = INT ] && echo 130 || echo 143)" $status
    left 'a.*'
done

# -- What cannot be
expect 64 '--chaos x: use SEED or FIRST..LAST' run "${race[@]}" --chaos x
for bad in '' 1.. ..2 2..1 1..2..3 1.2 -1 9223372036854775808; do
    expect 64 "--chaos $bad: use" run "${race[@]}" --chaos="$bad"
done
expect 64 '--chaos draws the order of turns' run "${race[@]}" --time token --chaos 1
expect 64 '--chaos draws the order of turns' run "${race[@]}" --time free --chaos 1
for option in --until-fail --jobs=2 --fail-on=panic; do
    expect 64 'need --chaos FIRST..LAST' run "${race[@]}" $option --chaos 1
    expect 64 "${option%=*}: is of sandglass run, record and restore" verify "${race[@]}" $option
done
expect 64 '--jobs 0: use 1 to 64' run "${race[@]}" --chaos 1..2 --jobs 0
expect 64 '--jobs 65: use 1 to 64' run "${race[@]}" --chaos 1..2 --jobs 65
expect 64 'is for run, record and restore' verify "${race[@]}" --chaos 1..2
expect 64 'is for run, record and restore' debug "${race[@]}" --chaos 1..2
expect 64 'keeps one log: add --until-fail' record --log a.sgl "${race[@]}" --chaos 1..2
expect 64 'cannot share --gdb' run "${race[@]}" --chaos 1..2 --gdb 4321
expect 64 'cannot share a console' run "${race[@]}" --chaos 1..2 --console file:b
expect 64 'cannot share hostfwd=' run --elf race.elf --chaos 1..2 \
    --net user,hostfwd=tcp::2222-:22
expect 64 'cannot share --signature' run "${race[@]}" --chaos 1..2 --signature b
expect 64 'reads the console' run "${race[@]}" --chaos 1..2 --console null --fail-on x
run record --log a.sgl "${race[@]}" --chaos "$pass"
expect 64 '--chaos: is as it was recorded' replay a.sgl --chaos 3
finish
