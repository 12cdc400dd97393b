#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files that cannot be read or written: one line that names the file, status 65 or 74, and nothing
# half-written is left behind.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest pass <<'EOF'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF
guest talker <<'EOF'
    li t0, UART
    li t1, 0x55
    li t2, 200000
1:  sb t1, 0(t0)
    addi t2, t2, -1
    bnez t2, 1b
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF

# -- What is read: the same for every option that names a file
: >empty
mkdir folder
mkfifo fifo
printf 'not a program, not a kernel\n' >text
head -c 100 pass.elf >short.elf
cp pass.elf other.elf
printf '\x3e' | dd of=other.elf bs=1 seek=18 conv=notrunc status=none # x86-64
# shellcheck disable=SC2086 # words
for option in --elf "--bios none --kernel" --bios; do
    expect 65 "${option##*--}.*missing.*(No such file|not there)" run $option missing
    expect 65 "${option##*--}.*empty.*is empty" run $option empty
    expect 65 "${option##*--}.*folder.*is a directory" run $option folder
    expect 65 "${option##*--}.*fifo.*not a regular file" run $option fifo
done
expect 65 'text: ' run --elf text
expect 65 'text: ' run --kernel text --bios none
expect 65 'short.elf: ' run --elf short.elf
expect 65 'other.elf: ' run --elf other.elf
if [ "$(id -u)" != 0 ]; then
    cp pass.elf locked.elf
    chmod 0 locked.elf
    expect 65 'locked.elf: .*ermission' run --elf locked.elf
fi
gzip -c pass.elf | head -c 200 >cut.gz
expect 65 'cut.gz' run --kernel cut.gz --bios none
truncate -s 20M big
expect 65 'big' run --bios big --memory 16M

expect 65 'missing: .*name an ELF' disasm missing
expect 65 'text: ' disasm text
expect 65 'short.elf: ' disasm short.elf
expect 65 'other.elf: .*another machine' disasm other.elf
expect 65 'folder: ' disasm folder
expect 0 '' disasm pass.elf
grep -Eq '80000000: +[0-9a-f]{8} +auipc +t0' stdout || fail 'no auipc at 80000000'

# -- What is written
expect 74 '--stats nowhere/s.json: cannot be written' run --elf pass.elf --stats nowhere/s.json
expect 74 '--stats folder: cannot be written' run --elf pass.elf --stats folder
expect 74 '--stats text/s.json: cannot be written' run --elf pass.elf --stats text/s.json
expect 74 '--signature nowhere/s: cannot be written' run --elf pass.elf --signature nowhere/s
expect 74 '--hash-at nowhere/h: cannot be written' run --elf pass.elf --hash-at 1:nowhere/h
expect 74 'nowhere/c' run --elf pass.elf --console file:nowhere/c
expect 65 'pass.elf.*begin_signature' run --elf pass.elf --signature s
expect_equal 'files left by failed runs' '' "$(ls s s.json h nowhere 2>/dev/null)"

# Full disks and closed pipes; the guest passes, the run does not.
expect 74 '--stats /dev/full: cannot be written .No space' run --elf pass.elf --stats /dev/full
expect 74 'console: .*No space' run --elf talker.elf --console file:/dev/full
command="$sandglass run --elf talker.elf | head -c 1"
checks=$((checks + 1))
timeout 60 "$sandglass" run --elf talker.elf 2>stderr </dev/null | head -c 1 >/dev/null
[ "${PIPESTATUS[0]}" = 74 ] || fail "a closed pipe is not status 74"
grep -q '^sandglass: console: .*pipe' stderr || fail 'a closed pipe is not named'

# A full file system: the stats that were there stay, and no part of new ones comes to be.
command="(ulimit -f 0; $sandglass run --elf pass.elf --stats stats.json)"
checks=$((checks + 1))
echo old >stats.json
(trap '' XFSZ; ulimit -f 0; timeout 60 "$sandglass" run --elf pass.elf --stats stats.json \
    2>/dev/null </dev/null)
[ $? = 74 ] || fail 'a full disk is not status 74'
expect_equal 'stats after a full disk' old "$(cat stats.json)"
expect_equal 'files after a full disk' stats.json "$(echo stats.json*)"

# Stats are written whole, replace what was there, and come also when a run fails.
expect 0 '' run --elf pass.elf --stats stats.json
expect_stat 's["exit"] == {"reason": "tohost", "code": 0, "status": 0}'
expect 65 'missing' run --elf missing --stats stats.json
expect_stat 's["exit"]["reason"] == "error" and s["exit"]["status"] == 65 and s["steps"] == 0'
expect 74 'console' run --elf talker.elf --console file:/dev/full --stats stats.json
expect_stat 's["exit"]["status"] == 74 and "console" in s["exit"]["error"]'
ln -s stats.json link.json
expect 0 '' run --elf pass.elf --stats link.json
expect_stat 's["exit"]["status"] == 0'
expect_equal 'a link' stats.json "$(readlink link.json)"
command="$sandglass run --elf pass.elf --stats /dev/stdout | cat"
checks=$((checks + 1))
timeout 60 "$sandglass" run --elf pass.elf --stats /dev/stdout </dev/null 2>stderr |
    python3 -m json.tool >/dev/null || fail '--stats /dev/stdout is not JSON'

# Standard output in a file: the stats come behind the guest's words, also when the file's name is
# gone, and /dev/stdout stays what it is.
expect 0 '' run --elf talker.elf --stats /dev/stdout
words=$("$sandglass" run --elf talker.elf </dev/null | head -n 1)
expect_equal 'words before the stats' "$words" "$(sed 's/{$//;q' stdout)"
expect_equal 'stats in standard output' 1 "$(grep -c '"virtual_ns"' stdout)"
exec 9>gone
rm gone
checks=$((checks + 1))
"$sandglass" run --elf pass.elf --stats /dev/fd/9 </dev/null 2>stderr ||
    fail 'a file without a name'
exec 9>&-
checks=$((checks + 1))
[ -L /dev/stdout ] || fail '/dev/stdout was replaced'
ln -s not-yet.json ahead.json
expect 0 '' run --elf pass.elf --stats ahead.json
checks=$((checks + 1))
[ -L ahead.json ] || fail 'a link to what is not there yet is replaced'
expect_equal 'what it leads to' 1 "$(grep -c '"virtual_ns"' not-yet.json)"

# Memory that the host does not have. A sanitizer's own maps do not fit either.
if (ulimit -v 4000000; "$sandglass" --version >/dev/null 2>&1); then
    command="(ulimit -v 4000000; $sandglass run --elf pass.elf --memory 64G)"
    checks=$((checks + 1))
    (ulimit -v 4000000; timeout 60 "$sandglass" run --elf pass.elf --memory 64G 2>stderr </dev/null)
    [ $? = 64 ] || fail 'memory that cannot be had is not status 64'
    grep -q '^sandglass: .*memory' stderr || fail 'memory that cannot be had is not named'
else
    echo 'files: skipped: a limit on memory (not with a sanitizer)' >&2
fi

finish
