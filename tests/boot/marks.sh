#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian boot is profiled, with functions of its kernel, with markers of a shell script, and by
# time: it says what the script did, is the same under every cut, and the run is as without it.
#
# usage: tests/boot/marks.sh
# shellcheck source=tests/suite.sh
. "$(dirname "$0")/../suite.sh"

make -s out/sandglass-mark || exit 70
(cd out && echo sandglass-mark | cpio --quiet -o -H newc -R 0:0) | gzip -n >"$work/mark.cpio.gz"
cat out/guest/initramfs.cpio.gz "$work/mark.cpio.gz" >"$work/initrd"
script='cd /; ./sandglass-mark 5 77; ./sandglass-mark begin 3; sleep 1; ./sandglass-mark end 3'
boot=(--kernel out/guest/vmlinux --initrd "$work/initrd" --memory 512M --smp 2
    --icount sleep=off --console null --state-hash
    --append "console=ttyS0 quiet sandglass.run=$script; ./sandglass-mark begin 4")
# The last two are what the timeline looks at, too.
look=(--markers --probe vfs_read --probe schedule --probe try_to_wake_up --probe wake_up_new_task)

plain=$("$program" run "${boot[@]}" 2>&1 </dev/null)
profiled=$("$program" profile "${boot[@]}" "${look[@]}" --output "$work/a.sgp" 2>&1 </dev/null)
report 'a profiled boot ends as one that is not' \
    "$([[ $plain == state-hash* && $plain == "$profiled" ]] || echo "$plain, $profiled")"
"$program" profile "${boot[@]}" "${look[@]}" --grant random:4 --drop-caches random:2 \
    --output "$work/b.sgp" 2>/dev/null </dev/null
for profile in a b; do
    "$program" report "$work/$profile.sgp" --format text >"$work/$profile.txt"
done
report 'its profile is the same under other cuts' \
    "$(diff <(grep '^digest' "$work/a.txt") <(grep '^digest' "$work/b.txt"))"
"$program" report "$work/a.sgp" --format trace --output "$work/a.json"
report 'what happened when' "$(
    python3 - "$work/a.json" "$work/a.txt" 2>&1 <<'END' | tail -n 1
import json, re, sys
events = [e for e in json.load(open(sys.argv[1]))["traceEvents"] if "cat" in e]
text = open(sys.argv[2]).read().replace("\u202f", " ")
of = lambda *kinds: [e for e in events if e["cat"] in kinds and e["ph"] in "Xi"]
marks = {e["name"]: e for e in of("marker")}
assert marks["marker 5"]["args"]["value"] == 77, marks
slept = marks["end shared 3"]["ts"] - marks["begin shared 3"]["ts"]
assert 1e6 < slept < 1.1e6, slept
assert re.search(r"marker 4, 1 without an end", text)
assert re.search(r"^ +1 .* marker 3$", text, re.M)
assert re.search(r"vfs_read \[busybox\]", text) and re.search(r"schedule \[kthreadd\]", text)
for hart in (1, 2):
    for kinds in ("task", "idle"), ("trap", "interrupt"):
        at = 0
        for e in (e for e in of(*kinds) if e["pid"] == hart):
            assert e["ts"] >= at - 0.0005, (e, at)
            at = e["ts"] + e["dur"]
    assert any(e["pid"] == hart for e in of("idle"))
names = {e["name"] for e in of("trap", "interrupt")}
for name in "environment call from U", "timer interrupt of S", "load page fault":
    assert name in names, names
late = [e for e in of("fired") if e["ts"] * 1000 < e["args"]["deadline_ns"] - 0.5]
assert not late, late[0]
assert len(of("wake-up")) > 100 and len(of("armed")) > 100
# A task that the kernel has made does not run before it was woken up.
known = lambda e: (e["args"].get("process"), e["args"].get("tid"))
woken, ran = {}, {}
for first, kind in (woken, "wake-up"), (ran, "task"):
    for e in of(kind):
        first[known(e)] = min(e["ts"], first.get(known(e), e["ts"]))
made = [task for task in ran if task[1] or task[0] in ("kthreadd", "ksoftirqd/1", "migration/1")]
assert len([task for task in made if task[0] == "sandglass-mark"]) >= 4 and len(made) > 12, made
for task in made:
    assert woken.get(task, ran[task] + 1) <= ran[task], (task, ran[task], woken.get(task))
END
)"
finish
