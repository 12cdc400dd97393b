#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sandglass profile --probe and --markers, and the timeline: of programs whose times are known; the
# same in both engines, under every cut, and nothing of the run is another for it.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Functions that nest, recur, call from their tail, are left by a jump, and loop to their first
# instruction; intervals between markers, of which one does not end.
elf probe <<'END'
#include "marker.h"
        .globl _start, main, leaf, tail, outer, fact, jumper, spin, handler
        .text
_start: la      t0, handler
        csrw    mtvec, t0
        csrr    t0, mhartid
        slli    t1, t0, 12
        li      sp, 0x80100000
        add     sp, sp, t1
        bnez    t0, park
        call    main
        li      t0, 1
        la      t1, tohost
        sd      t0, 0(t1)
park:   wfi
        j       park
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 8(sp)
        li      s0, 1000
1:      sandglass_begin 5
        call    outer
        sandglass_end 5
        addi    s0, s0, -1
        bnez    s0, 1b
        li      a0, 5
        call    fact
        li      s0, 3
2:      call    catcher
        addi    s0, s0, -1
        bnez    s0, 2b
        li      s0, 4
3:      call    spin
        addi    s0, s0, -1
        bnez    s0, 3b
        sandglass_marker 9, sp
        sandglass_begin 6
        sandglass_begin_shared 7
        sandglass_end_shared 7
        ld      ra, 8(sp)
        addi    sp, sp, 32
        ret
        .size   main, . - main
        .type   outer, @function
outer:  addi    sp, sp, -16
        sd      ra, 8(sp)
        call    leaf
        ld      ra, 8(sp)
        addi    sp, sp, 16
        j       tail
        .size   outer, . - outer
        .type   leaf, @function
leaf:   nop
        ecall
        ret
        .size   leaf, . - leaf
        .type   tail, @function
tail:   nop
        nop
        ret
        .size   tail, . - tail
        .type   fact, @function
fact:   beqz    a0, 1f
        addi    sp, sp, -16
        sd      ra, 8(sp)
        addi    a0, a0, -1
        call    fact
        ld      ra, 8(sp)
        addi    sp, sp, 16
1:      ret
        .size   fact, . - fact
        .type   catcher, @function
catcher:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        mv      s2, sp
        la      s3, 1f
        call    jumper
        nop
1:      ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   catcher, . - catcher
        .type   jumper, @function
jumper: addi    sp, sp, -16
        mv      sp, s2
        jr      s3
        .size   jumper, . - jumper
        .type   spin, @function
spin:   addi    a0, a0, 1
        andi    t0, a0, 7
        bnez    t0, spin
        ret
        .size   spin, . - spin
        .balign 4
        .type   handler, @function
handler:
        csrr    t3, mepc
        addi    t3, t3, 4
        csrw    mepc, t3
        mret
        .size   handler, . - handler
END
program='--elf probe.elf --memory 16M --icount sleep=off'
probes='--markers'
for name in outer leaf tail fact catcher jumper spin; do
    probes="$probes --probe $name"
done

# intervals PROFILE: a line for each: times, mean, least, most [steps], mean [ns], depth and name.
intervals() {
    "$sandglass" report "$1" --format text |
        sed -n 's/^ \{1,\}\([0-9][0-9 ]*[0-9]\|[0-9]\)  \(.*\) \[program\]\(.*\)$/\1  \2\3/p' |
        grep -v % | sed -E 's/([0-9]) ([0-9]{3})/\1\2/g; s/ +/ /g'
}

# shellcheck disable=SC2086 # options
{
    expect 0 '' run $program --state-hash
    hash=$(state_hash)
    expect 0 '' profile $program $probes --state-hash --output a.sgp
}
expect_equal 'the state is that of a run' "$hash" "$(state_hash)"
expect_equal 'intervals' "$(
    cat <<'END'
1000 20 20 20 160 marker 5
1000 17 17 17 136 outer
1000 7 7 7 56 leaf
1000 3 3 3 24 tail
0 0 0 0 0 marker 6, 1 without an end
3 13 13 13 104 catcher
0 0 0 0 0 jumper, 3 without an end
1 47 47 47 376 fact
1 38 38 38 304 fact
1 29 29 29 232 fact
1 20 20 20 160 fact
1 11 11 11 88 fact
1 2 2 2 16 fact
4 25 25 25 200 spin
END
)" "$(intervals a.sgp)"
expect_equal 'an interval of nobody in particular' 1 \
    "$("$sandglass" report a.sgp --format text | grep -c ' marker 7$')"
wanted=$(field a.sgp digest)
for options in '--engine interp' '--grant 1' '--grant random:7 --drop-caches random:3' \
    '--engine interp --grant 7' '--jit-cache 1M' '--pause random:5'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile $program $probes --output b.sgp $options
    expect_equal "profile with $options" "$wanted" "$(field b.sgp digest)"
done
# shellcheck disable=SC2086 # options
expect 0 '' profile $program $probes --output b.sgp --count flat
expect_equal 'whatever else is counted' "$(intervals a.sgp)" "$(intervals b.sgp)"
# shellcheck disable=SC2086 # options
{
    expect 75 'stopped after' profile $program --probe leaf --stop-at symbol:leaf#10 --output b.sgp
    expect_equal 'one that has not been executed yet' 9 "$(intervals b.sgp | cut -d ' ' -f 1)"
    expect 75 'stopped after' profile $program --markers --stop-at marker:9 --output b.sgp
    expect_equal 'with a marker that stops' 1000 "$(intervals b.sgp | cut -d ' ' -f 1)"
}

# -- The timeline: a handler that is interrupted, a timer that ends a sleep
elf traps <<'END'
        .globl  _start, tohost, fromhost
        .text
_start: la      t0, handler
        csrw    mtvec, t0
        li      s0, 0x2000000           /* msip */
        li      s1, 0x200bff8           /* mtime */
        li      s2, 0x2004000           /* mtimecmp */
        li      t0, 0x88
        csrw    mie, t0
        ecall
        ld      t0, 0(s1)
        addi    t0, t0, 50
        sd      t0, 0(s2)
        wfi
        csrsi   mstatus, 8
        csrci   mstatus, 8
        li      t0, 1
        la      t1, tohost
        sd      t0, 0(t1)
        j       .
        .balign 4
handler:
        csrr    t3, mcause
        bltz    t3, 1f
        csrr    s3, mepc                /* the call: interrupts itself */
        csrr    s4, mstatus
        li      t0, 1
        sw      t0, 0(s0)
        csrsi   mstatus, 8
        csrci   mstatus, 8
        addi    s3, s3, 4
        csrw    mepc, s3
        csrw    mstatus, s4
        mret
1:      sw      zero, 0(s0)
        li      t0, -1
        sd      t0, 0(s2)
        mret
END
cat >look.py <<'END'
import json
events = [e for e in json.load(open("t.json"))["traceEvents"] if e.get("ts") is not None]
by = lambda *kinds: [e for e in events if e.get("cat") in kinds]
end = lambda e: round(e["ts"] + e["dur"], 3)
near = lambda a, b: abs(a - b) < 0.0005
handled = [e["name"] for e in by("trap", "interrupt")]
call = "environment call from M"
assert handled == [call, "software interrupt of M", call, "timer interrupt of M"], handled
first, inner, second, timer = by("trap", "interrupt")
assert near(end(first), inner["ts"]) and near(end(inner), second["ts"])
# csrr, bltz, csrr, csrr, li, sw, csrsi; csrr, bltz, sw, li, sd, mret; csrci, addi, csrw, csrw, mret
assert near(first["dur"], 7 * 0.008), first
assert near(inner["dur"], 6 * 0.008), inner
assert near(second["dur"], 5 * 0.008), second
assert near(timer["dur"], 6 * 0.008), timer
armed, = by("armed")
fired, = by("fired")
idle, = by("idle")
deadline = armed["args"]["deadline_ns"]
assert deadline == fired["args"]["deadline_ns"]
assert near(fired["ts"] * 1000, deadline) and near(end(idle), fired["ts"])
assert near(timer["ts"], fired["ts"] + 0.008)
tasks = sorted(by("task", "idle"), key=lambda e: e["ts"])
assert tasks[0]["ts"] == 0 and all(near(end(a), b["ts"]) for a, b in zip(tasks, tasks[1:]))
END
for options in '' '--engine interp' '--grant 1' '--grant random:3 --drop-caches random:9'; do
    # shellcheck disable=SC2086 # options
    expect 0 '' profile --elf traps.elf --memory 16M --icount shift=3,sleep=off --output t.sgp \
        $options
    "$sandglass" report t.sgp --format trace --output t.json
    checks=$((checks + 1))
    python3 look.py 2>why || fail "timeline with $options: $(tail -n 2 why)"
done
expect 0 '' profile --elf traps.elf --memory 16M --icount sleep=off --output t.sgp --no-timeline
"$sandglass" report t.sgp --format trace --output t.json
expect_equal 'no timeline' 0 "$(grep -c '"ts"' t.json)"

# -- What cannot be
# shellcheck disable=SC2086 # options
{
    expect 64 'no such symbol; did you mean leaf\?' profile $program --probe laef
    expect 64 'is where another probe is already' profile $program --probe leaf --probe leaf
    expect 64 'use the name of a function' profile $program --probe ''
    for probe in ':leaf' '/bin/x' '/bin/x:' 'x:' 'x:/y'; do
        expect 64 'SYMBOL, FILE:SYMBOL or MODULE:SYMBOL' profile $program --probe "$probe"
    done
    expect 64 '--probe FILE:SYMBOL.*needs --sysroot' profile $program --probe /bin/x:leaf
    expect 64 'no such symbol' profile $program --probe module:leaf
    expect 64 'more than 32' profile $program $(printf -- '--probe x%s ' $(seq 33))
    expect 64 'is of sandglass profile' run $program --probe leaf
    expect 64 'is of sandglass profile' run $program --markers
}
expect_equal 'no profile of a run that never was' '' "$(ls profile.sgp 2>/dev/null)"
finish
