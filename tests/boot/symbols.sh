#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The names that are found in the Debian kernel's file are those that it tells when it has booted:
# every line of /proc/kallsyms, and none besides.
#
# usage: tests/boot/symbols.sh
# shellcheck source=tests/suite.sh
. "$(dirname "$0")/../suite.sh"

end=$(outcome kallsyms "$program" run --kernel out/guest/vmlinux \
    --initrd out/guest/initramfs.cpio.gz --icount sleep=off \
    --append 'console=ttyS0 quiet sandglass.run=cat /proc/kallsyms')
report 'a boot that tells its symbols' "$([[ $end == 'exit 0 '* ]] || echo "$end")"
# Those of modules have their name behind them.
tr -d '\r' <"$work/kallsyms.console" | grep -aE '^[0-9a-f]{16} [a-zA-Z] [^[]*$' |
    sort >"$work/kallsyms.told"
"$program" symbols out/guest/vmlinux | awk '{ print $1, $3, $4 }' | sort >"$work/kallsyms.found"
told=$(wc -l <"$work/kallsyms.told")
report 'a kernel tells its symbols' "$([ "$told" -gt 50000 ] || echo "only $told lines")"
report 'symbols of the file' "$(diff "$work/kallsyms.told" "$work/kallsyms.found" | head -n 5)"
finish
