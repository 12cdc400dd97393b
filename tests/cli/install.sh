#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make install puts the program, its manual page and its completion in place, and the installed
# program finds its firmware where the manual page says.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# installed PREFIX: installs the program under test, as it is, below ./stage; leaves its folder in
# $there.
installed() {
    there=$work/stage$1
    command="make install program=$sandglass -o $sandglass DESTDIR=$work/stage PREFIX=$1"
    checks=$((checks + 1))
    env -u MAKEFLAGS -u MAKELEVEL make -C "$root" install program="$sandglass" -o "$sandglass" \
        DESTDIR="$work/stage" PREFIX="$1" >stdout 2>stderr || fail 'make install fails'
}

# same FILE INSTALLED MODE
same() {
    command="ls -l $2"
    checks=$((checks + 1))
    cmp "$1" "$2" 2>stderr || fail "not $1"
    expect_equal "mode of $2" "$3" "$(stat -c %a "$2")"
}

# ends STATUS ARGUMENT...: a run of the installed program.
ends() {
    local built=$sandglass
    sandglass=$there/bin/sandglass
    expect "$@"
    sandglass=$built
}

# -- What is installed, where, and nothing else
installed /usr
same "$sandglass" "$there/bin/sandglass" 755
same "$root/docs/sandglass.1" "$there/share/man/man1/sandglass.1" 644
same "$root/tools/completion.bash" "$there/share/bash-completion/completions/sandglass" 644
same "$root/guest/marker.h" "$there/include/sandglass/marker.h" 644
expect_equal 'what is installed' './usr/bin/sandglass
./usr/include/sandglass/marker.h
./usr/share/bash-completion/completions/sandglass
./usr/share/man/man1/sandglass.1' "$(cd stage && find . -type f | sort)"
ends 0 '' --version
guest pass <<'END'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
END
ends 0 '' run --elf pass.elf
if [ "$(head -c 2 "$sandglass")" = '#!' ]; then
    finish # what is installed only calls a program that lies elsewhere
fi

# -- Firmware: each says which it is by its fail code. The kernel is never entered.
# firmware CODE FOLDER: leaves fw_dynamic.bin in FOLDER.
firmware() {
    printf 'li t0, FINISHER\nli t1, %s\nsw t1, 0(t0)\n1: j 1b\n' $(($1 << 16 | 0x3333)) |
        guest firmware
    mkdir -p "$2"
    riscv64-linux-gnu-objcopy -O binary -j .text firmware.elf "$2/fw_dynamic.bin"
}
printf '.globl _start\n_start: j _start\n' >kernel.S
riscv64-linux-gnu-gcc -nostdlib -static -no-pie -Wl,--build-id=none,-n,-Ttext=0x80200000 \
    -o kernel kernel.S || exit 70

# From the least wanted place to the most: each new one wins.
if [ -e /usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin ]; then
    ends 75 'stopped after 1000 steps' run --kernel kernel --console null --stop-at 1000
else
    ends 65 '--bios default: no fw_dynamic.bin was found; .*opensbi' run --kernel kernel
fi
firmware 11 "$there/share/sandglass"
ends 11 'failed with code 11' run --kernel kernel
firmware 12 "$there/guest"
ends 12 'failed with code 12' run --kernel kernel
firmware 13 "$there/bin/guest"
ends 13 'failed with code 13' run --kernel kernel --bios default
firmware 14 .
ends 14 'failed with code 14' run --kernel kernel --bios fw_dynamic.bin

# Called through a link, or moved, it looks beside itself all the same.
installed /opt/sandglass
firmware 15 "$there/share/sandglass"
ln -s "$there/bin/sandglass" linked
command='linked run --kernel kernel'
checks=$((checks + 1))
./linked run --kernel kernel >stdout 2>stderr
expect_equal 'status through a link' 15 $?
mv "$there" moved
there=$work/moved
ends 15 'failed with code 15' run --kernel kernel

finish
