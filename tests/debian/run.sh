#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian on the disk of out/debian (tools/debian): boots, is used, and leaves its disk clean.
#
# usage: tests/debian/run.sh same|use|ssh|record
#   same   on 1 and 4 harts, RUNS boots (5) to the login prompt end alike, and in both engines; the
#          image stays as it is
#   use    a session on the console: programs, loads, an installation, 2 GiB there and back, reboot
#          and power-off; the file system is clean after that
#   ssh    a session over the network
#   record the same, recorded on 1 and 4 harts under one engine: its replays in both, without a
#          network, end alike
# shellcheck source=tests/suite.sh
. "$(dirname "$0")/../suite.sh"
part=$1
debian=out/debian
cmdline='root=/dev/vda console=ttyS0'
machine=("$program" run --kernel "$debian/vmlinux" --initrd "$debian/initrd.img")

if [ ! -e $debian/.made ]; then
    skip "Debian, $part" "no $debian: run make debian"
    finish
    exit
fi

# once NAME OPTION...: boots to the login prompt and powers off.
once() {
    local name=$1
    shift
    outcome "$name" "${machine[@]}" --drive file=$debian/disk.img --icount sleep=off \
        --append "$cmdline sandglass.run=true" "$@"
}

same() {
    local harts run first other before
    before=$(sha256sum $debian/disk.img)
    for harts in 1 4; do
        first=$(once "same-$harts" --smp $harts)
        report "boot on $harts harts" "$([[ $first == 'exit 0 '* ]] || echo "$first")"
        report "login prompt on $harts harts" "$(grep -q '^sandglass login: ' \
            "$work/same-$harts.console" || echo "none in $work/same-$harts.console")"
        report "timers on $harts harts" "$([ "$(stat late_steps_max \
            "$work/same-$harts.json")" = 0 ] || echo 'a timer was late')"
        for ((run = 2; run <= ${RUNS:-5}; run++)); do
            other=$(once again --smp $harts)
            report "boot on $harts harts, run $run" "$([ "$first" = "$other" ] ||
                echo "wanted $first, got $other")"
        done
        other=$(once interp --smp $harts --engine interp)
        report "boot on $harts harts, interpreted" "$([ "$first" = "$other" ] ||
            echo "wanted $first, got $other")"
    done
    report 'the image' "$([ "$(sha256sum $debian/disk.img)" = "$before" ] || echo 'it changed')"
}

# A disk to write to. It is sparse, so a copy of it is, too.
copy_disk() {
    rm -f "$work/$part.img"
    cp --sparse=always $debian/disk.img "$work/$part.img"
    machine+=(--drive "file=$work/$part.img,persist" --append "$cmdline")
}

check_disk() {
    report 'the file system' "$(/sbin/e2fsck -fn "$work/$part.img" >"$work/$part.e2fsck" 2>&1 ||
        tail -n 3 "$work/$part.e2fsck")"
    rm -f "$work/$part.img"
}

# talk PYTHON-SCRIPT...: adds its checks to ours; on failure it has said what it was.
talk() {
    local counts
    counts=$("$@" "${machine[@]}" | tail -n 1) || true # the counts tell
    passed=$((passed + ${counts%% *}))
    counts=${counts#*passed, }
    failed=$((failed + ${counts%% *}))
}

# What came over the network comes again, without one.
recorded() {
    local harts steps other options log=$work/ssh.sgl
    local -a engines=(jit interp)
    for harts in 1 4; do
        machine=("$program" record --log "$log" --kernel "$debian/vmlinux"
            --initrd "$debian/initrd.img" --drive "file=$debian/disk.img" --append "$cmdline"
            --smp $harts --engine "${engines[harts / 4]}" --stats "$work/ssh.json")
        talk tests/debian/ssh.py $debian/ssh_config
        steps=$(stat steps "$work/ssh.json")
        for options in '--engine jit' '--engine interp' '--rewind random:1'; do
            # shellcheck disable=SC2086 # an option and its value
            other=$(outcome again "$program" replay "$log" --verify $options)
            report "session on $harts harts, replayed with $options" \
                "$([[ $other == "exit 0 steps $steps "* ]] ||
                    echo "wanted $steps steps, got $other: $(tail -n 1 "$work/again.stderr")")"
        done
    done
}

case $part in
record) recorded ;;
same) same ;;
use)
    copy_disk
    talk tests/debian/use.py "$work/use.console"
    check_disk
    ;;
ssh)
    copy_disk
    talk tests/debian/ssh.py $debian/ssh_config
    check_disk
    ;;
esac
finish
