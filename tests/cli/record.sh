#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs are recorded and replayed: the same words, steps, state and end, whatever ended them, in
# either engine; and what cannot be is said in one line.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Echoes what is typed, on hart 0, while the others count; q powers off, f fails.
guest echo <<'END'
    csrr t0, mhartid
    bnez t0, 8f
    li s0, UART
    li s1, FINISHER
1:  addi s3, s3, 1
    lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 1b
    lbu a0, 0(s0)
    sb a0, 0(s0)
    li t1, 'q'
    beq a0, t1, 4f
    li t1, 'f'
    beq a0, t1, 5f
    j 1b
4:  li t1, 0x5555
    sw t1, 0(s1)
    j 4b
5:  li t1, 0x2a3333
    sw t1, 0(s1)
    j 5b
8:  la t1, count
9:  amoadd.d t2, s4, (t1)
    addi s4, s4, 3
    j 9b
.data
.balign 64
count: .dword 0
END

# Says a word, then sleeps for ever with its interrupts off.
guest asleep <<'END'
    li s0, UART
    li t0, 'z'
    sb t0, 0(s0)
1:  wfi
    j 1b
END

# typed WORD...: each after a while.
typed() {
    local word
    for word in "$@"; do
        sleep 0.05
        printf %s "$word"
    done
}

# recorded STATUS PATTERN TYPED ARGUMENT...: records what the words of TYPED make of it.
recorded() {
    local want=$1 pattern=$2 words=$3
    shift 3
    mkfifo typed.now
    # shellcheck disable=SC2086 # words
    typed $words >typed.now &
    input=typed.now expect "$want" "$pattern" record --log a.sgl --state-hash --stats a.json "$@"
    wait
    rm typed.now
    cp stdout a.out
    hash=$(state_hash)
    steps=$(python3 -c 'import json; print(json.load(open("a.json"))["steps"])')
}

# replayed STATUS PATTERN ARGUMENT...: the end of the recorded run, again.
replayed() {
    expect "$1" "$2" replay a.sgl --state-hash --stats stats.json --verify "${@:3}"
    expect_equal "state of replay ${*:3}" "$hash" "$(state_hash)"
    expect_equal "output of replay ${*:3}" "$(cat a.out)" "$(cat stdout)"
    expect_stat "s['steps'] == $steps"
}

# -- The same end
for harts in 1 3; do
    for engines in 'jit interp' 'interp jit'; do
        recorded 0 '' 'a bc d q' --elf echo.elf --smp $harts --engine "${engines% *}"
        expect_equal 'what was said' abcdq "$(cat a.out)"
        replayed 0 '' --engine "${engines#* }"
    done
    replayed 0 '' --grant random:3 --drop-caches random:4
done
expect 75 "stopped after $((steps / 2)) steps" replay a.sgl --engine check --to $((steps / 2))
recorded 42 'the guest failed with code 42' 'x f' --elf echo.elf
replayed 42 'the guest failed with code 42'
recorded 75 'stopped after 5000000 steps' 'x y' --elf echo.elf --stop-at 5000000
replayed 75 'stopped after 5000000 steps'
recorded 75 'at 40000000 ns' 'x' --elf echo.elf --smp 2 --stop-at-vtime 40000000
replayed 75 'at 40000000 ns'
recorded 76 'no hart can ever wake' '' --elf asleep.elf --icount sleep=off
replayed 76 'no hart can ever wake'
recorded 0 '' 'a q' --elf echo.elf --icount shift=auto --smp 2
replayed 0 '' --engine check
recorded 0 '' 'a q' --elf echo.elf --icount shift=8,align=on --hash-every 1000000
replayed 0 '' --engine interp

# -- Ended from outside, in the middle of whatever it was
for harts in 1 2; do
    command="sandglass record --elf echo.elf --smp $harts, and SIGTERM"
    "$sandglass" record --log a.sgl --elf echo.elf --smp $harts --state-hash </dev/null \
        >a.out 2>stderr &
    sleep 0.4
    kill -TERM $!
    wait $!
    expect_equal 'status' 143 $?
    hash=$(state_hash)
    steps=$(sed -n 's/.*interrupted by signal 15 after \([0-9]*\) steps/\1/p' stderr)
    replayed 143 "interrupted by signal 15 after $steps steps"
done

# -- Up to somewhere
recorded 0 '' 'abc de g h i j k l m n o p q' --elf echo.elf --smp 2 --hash-every 1000000
end=$hash
for at in 0 1 1000000 1000001 $((steps - 1)); do
    expect 75 "stopped after $at steps" replay a.sgl --to $at --state-hash --engine jit
    hash=$(state_hash)
    expect 75 "stopped after $at steps" replay a.sgl --to $at --state-hash --engine interp
    expect_equal "state after $at steps" "$hash" "$(state_hash)"
done
expect 75 'at 1234567 ns' replay a.sgl --to-vtime 1234567 --state-hash
hash=$end
replayed 0 "^sandglass: --to $((steps + 5)): the recorded run ended before it came there" \
    --to $((steps + 5)) --console stdio
recorded 0 '' q --elf echo.elf
expect 0 '' replay a.sgl --console null
expect_stdout ''
expect 0 '' replay a.sgl --console file:said
expect_equal 'what a file gets' "$(cat a.out)" "$(cat said)"

# -- From another folder, and with the files somewhere else
mkdir -p elsewhere
cd elsewhere || exit 70
expect 0 '' replay ../a.sgl
cd .. || exit 70
mv echo.elf moved.elf
expect 65 'moved|echo.elf: No such file' replay a.sgl
expect 0 '' replay a.sgl --elf moved.elf
cp moved.elf echo.elf

# -- Damage, other versions, changed files
printf x >>moved.elf
expect 65 '--elf moved.elf: is not the file that was recorded with' replay a.sgl --elf moved.elf
expect 65 'No such file' replay none.sgl
expect 65 'is no log; name a file that sandglass record has made' replay echo.elf
: >empty.sgl
expect 65 'is no log' replay empty.sgl
cp a.sgl other.sgl
printf '\377' | dd of=other.sgl bs=1 seek=8 conv=notrunc status=none
expect 65 'another format version' replay other.sgl
cp a.sgl other.sgl
printf '\377' | dd of=other.sgl bs=1 seek=15 conv=notrunc status=none
expect 65 'needs features that this version lacks' replay other.sgl
cp a.sgl other.sgl
printf '\377' | dd of=other.sgl bs=1 seek=60 conv=notrunc status=none
expect 65 'damaged at its very beginning' replay other.sgl
recorded 0 '' 'abc de g h i j k l m n o p q' --elf echo.elf --smp 2
size=$(wc -c <a.sgl)
head -c $((size - 1)) a.sgl >cut.sgl
expect 65 'cut.sgl: its end is missing: intact up to step [1-9]' replay cut.sgl --state-hash
intact=$(sed -n 's/.*intact up to step \([0-9]*\),.*/\1/p' stderr)
expect 75 "stopped after $((intact - 7)) steps" replay cut.sgl --to $((intact - 7))
expect 75 "stopped after $intact steps" replay a.sgl --to "$intact"
cp a.sgl other.sgl
printf '\377' | dd of=other.sgl bs=1 seek=$((size - 3)) conv=notrunc status=none
expect 65 'other.sgl: it is damaged: intact up to step [1-9]' replay other.sgl

# -- Killed: what came in more than a second ago is there
command='sandglass record, and SIGKILL'
mkfifo typed.now
(typed a b c d && sleep 2) >typed.now &
"$sandglass" record --log killed.sgl --elf echo.elf <typed.now >a.out 2>stderr &
process=$!
sleep 2
disown $process # or the shell would say that it was killed
kill -KILL $process
rm typed.now
expect 65 'killed.sgl: its end is missing: intact up to step [1-9]' replay killed.sgl
expect_stdout abcd
wait

# -- Run twice
for against in jit interp check; do
    command="sandglass verify --against $against"
    typed a q | "$sandglass" verify --elf echo.elf --smp 2 --against $against >stdout 2>stderr
    expect_equal status 0 $?
    expect_stdout aq
    checks=$((checks + 1))
    grep -q '^sandglass: exact: twice the same.* after [1-9][0-9]* steps$' stderr ||
        fail 'not exact'
done

# What only looks like --against, as the value of another option, is passed on.
for words in '--stats --against=s.json' '--against jit --stats --against' \
    '-against=interp --stats --against=s.json'; do
    rm -f -- --against*
    command="sandglass verify $words"
    # shellcheck disable=SC2086 # options
    typed q '' | "$sandglass" verify $words --elf echo.elf >stdout 2>stderr
    expect_equal 'status' 0 $?
    expect_equal 'the file of stats' 1 "$(find . -name '--against*' -size +0 | wc -l)"
done

# -- Refused
expect 64 'give --log FILE' record --elf echo.elf
expect 64 '--time token and free leave' record --log b.sgl --elf echo.elf --time token
expect 64 '--time token and free leave' record --log b.sgl --elf echo.elf --time free
truncate -s 1M disk
expect 64 '--drive with persist or overlay=' record --log b.sgl --elf echo.elf \
    --drive file=disk,persist
expect 64 '--drive with persist or overlay=' record --log b.sgl --elf echo.elf \
    --drive file=disk,overlay=over
expect 64 'is of sandglass record' run --elf echo.elf --log b.sgl
expect 64 'is of sandglass replay' record --elf echo.elf --log b.sgl --to 5
expect 64 'is as it was recorded' replay a.sgl --memory 1G
expect 64 'names no file' replay
expect 64 'the file comes first: replay FILE --verify' replay --verify a.sgl
expect 64 '--log: is of sandglass record' verify --log b.sgl --elf echo.elf
expect 64 '--against fast: use auto, jit' verify --against fast --elf echo.elf
checks=$((checks + 1))
[ "$(wc -l <stderr)" = 1 ] || fail 'the first run went all the way'
expect 64 '--fruit; see sandglass verify --help' verify --fruit --elf echo.elf
expect 64 '--against: is of sandglass verify' run --against jit --elf echo.elf
expect 65 'No such file' verify --elf none.elf
expect 74 '--log /nonexistent/b.sgl: cannot be written' record --log /nonexistent/b.sgl \
    --elf echo.elf
expect 65 'No such file' record --log b.sgl --elf none.elf
cp echo.elf own.elf
ln -s own.elf link.elf
expect 64 '--log link.elf: is the file of --elf too' record --log link.elf --elf own.elf
expect 64 '--log own.elf: is the file of --elf too' record --log own.elf --elf own.elf \
    --chaos 1..2 --until-fail
# So are other outputs, of runs, replays and snapshots; devices can be both.
cp a.sgl own.sgl
for option in stats hash-at=5: signature console=file: serial=file: dump-file; do
    word=${option%%=*} value=${option#"$word"}
    more=()
    [ "$word" != dump-file ] || more=(--dump ir)
    expect 64 "^sandglass: --$word link.elf: is the file of --elf too; name another" \
        run --elf own.elf "--$word" "${value#=}link.elf" "${more[@]}"
done
expect 64 '--output ./own.elf: is the file of --elf too' profile --elf own.elf --output ./own.elf
expect 64 '--stats disk: is the file of --drive too' run --elf own.elf --drive file=disk,ro \
    --stats disk
expect 64 '--stats own.elf: is the file of --symbols too' profile --elf a.elf \
    --symbols own.elf@0x90000000 --stats own.elf
expect 64 '--stats ./own.sgl: is what is replayed' replay own.sgl --stats ./own.sgl
expect 64 '--stats .*echo.elf: is the file of --elf too' replay own.sgl --stats echo.elf
cmp -s a.sgl own.sgl || fail 'stats were written over the log'
cmp -s echo.elf own.elf || fail 'something was written over the program'
checks=$((checks + 1))
[ ! -e b.sgl ] || fail 'b.sgl was made'

finish
