#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of a guest have their functions' names when its files are at hand: as a folder, on a
# disk that is its drive as well, or stripped with what was stripped beside them. Files that are
# others, that lead out, or that are not there are told, and change nothing.
#
# usage: tests/boot/names.sh
# shellcheck source=tests/suite.sh
. "$(dirname "$0")/../suite.sh"
PATH=$PATH:/sbin:/usr/sbin
cross=/usr/riscv64-linux-gnu/lib
rm -rf "$work"/names "$work"/names.*
root=$work/names
mkdir -p "$root"/{bin,lib,lib/riscv64-linux-gnu}

# What a function takes is known by its loop: 2 steps a round.
cat >"$work/names.c" <<'END'
#include <stdlib.h>
#include <time.h>
__attribute__((noinline)) void spin(unsigned long rounds) {
    __asm__ volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(rounds));
}
static int order(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}
int main(void) {
    static int numbers[20000];
    struct timespec now;
    unsigned long seed = 1;
    for (int i = 0; i < 20000; i++) {
        numbers[i] = (int)((seed = seed * 6364136223846793005u + 1) >> 40);
    }
    qsort(numbers, 20000, sizeof *numbers, order);
    for (int i = 0; i < 20000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    __asm__ volatile("slti x0, x0, 9");
    spin(1000000);
    return 0;
}
END
riscv64-linux-gnu-gcc -O2 -Wl,--build-id=sha1 -o "$root/bin/work" "$work/names.c"
cp "$cross/ld-linux-riscv64-lp64d.so.1" "$root/lib"
cp "$cross/libc.so.6" "$root/lib/riscv64-linux-gnu"
cat >"$root/go" <<'END'
#!/busybox sh
/bin/work
END
chmod +x "$root/go"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/names.cpio"
gzip -dc out/guest/initramfs.cpio.gz | cat - "$work/names.cpio" >"$work/names.initrd"

# profiled NAME OPTION...: a boot that works.
profiled() {
    local name=$1
    shift
    outcome "$name" "$program" profile --kernel out/guest/vmlinux --initrd "$work/names.initrd" \
        --icount sleep=off --append 'console=ttyS0 quiet sandglass.run=/go' \
        --output "$work/$name.sgp" "$@"
}

# said NAME: by the sysroot.
said() {
    sed -n 's/^sandglass: --sysroot: //p' "$work/$1.stderr"
}

# wants NAME FUNCTION...: the program has steps in each.
wants() {
    local name=$1 text function missing=''
    shift
    text=$("$program" report "$work/$name.sgp" --filter process:work --format text)
    for function in "$@"; do
        [[ $text == *"  $function"* ]] || missing+=" $function"
    done
    report "functions of $name" "${missing:+missing:$missing}"
}

plain=$(profiled bare)
report 'a boot' "$([[ $plain == 'exit 0 '* ]] || echo "$plain")"
wants bare '[work]+0x0 [work]' '[libc.so.6]+0x' '__vdso_clock_gettime [[vdso]]'

# A link out of the folder leads nowhere, and what it would lead to is not read.
end=$(profiled folder --sysroot "$root")
report 'a folder changes nothing' "$([ "$end" = "$plain" ] || echo "$end, not $plain")"
wants folder 'spin [work]' 'order [work]' 'main [work]' 'qsort' '[libc.so.6]' '[ld-linux'
report 'spin takes 2 000 001 steps' "$("$program" report "$work/folder.sgp" --format folded |
    sed -n 's/.*;spin \([0-9]*\)$/\1/p' | awk '{ sum += $1 }
        END { if (sum != 2000001) print sum }')"
report 'what is not there is told' \
    "$(said folder | grep -v ' is not in the sysroot; put it there' || true)"
end=$(profiled again --sysroot "$root" --grant random:3 --drop-caches random:5)
report 'the same profile under any cut' "$(cmp \
    <("$program" report "$work/folder.sgp" --format folded) \
    <("$program" report "$work/again.sgp" --format folded) 2>&1 || true)"

# A state from the middle of the loop: it is known at once whose steps they are.
rm -f "$work/spin.snap"
"$program" snapshot --file "$work/spin.snap" --kernel out/guest/vmlinux \
    --initrd "$work/names.initrd" --icount sleep=off --console null \
    --append 'console=ttyS0 quiet sandglass.run=/go' --stop-at marker:9 2>"$work/end" || true
from=$(sed -n 's/.*stopped after \([0-9]*\) steps.*/\1/p' "$work/end")
"$program" profile "$work/spin.snap" --stop-at $((from + 500)) --output "$work/spin.sgp" \
    2>>"$work/end" || true
report 'a program in the middle of user mode' "$("$program" report "$work/spin.sgp" \
    --format folded | awk '/^work;/ { sum += $2 } !/^work;/ { print }
        END { if (sum != 500) print sum, "steps" }')"

# Firmware: two names for the two halves of what Debian ships without any.
printf '.globl low, high\n.type low, @function\nlow: .skip 0x8000\n.size low, . - low
.type high, @function\nhigh: .skip 0x18000\n.size high, . - high\n' >"$work/names.S"
riscv64-linux-gnu-gcc -nostdlib -static -Wl,--build-id=none,-N,-Ttext=0,-e,0 \
    -Wl,--no-warn-rwx-segments -o "$work/names.elf" "$work/names.S"
end=$(profiled firmware --count flat --symbols "$work/names.elf@0x80000000")
report 'names of firmware change nothing' "$([ "$end" = "$plain" ] || echo "$end, not $plain")"
told=$("$program" report "$work/firmware.sgp" --filter firmware --format folded | cut -d ' ' -f 1)
report 'firmware in two halves, and the ROM' "$(
    [ "$(sort <<<"$told")" = $'firmware;[firmware]+0x0\nfirmware;high\nfirmware;low' ] ||
        echo "${told//$'\n'/, }")"

# Stripped, and what was stripped beside.
cp -r "$root" "$work/names.stripped"
id=$(readelf -n "$root/bin/work" | sed -n 's/.*Build ID: //p')
mkdir -p "$work/names.stripped/usr/lib/debug/.build-id/${id:0:2}"
riscv64-linux-gnu-objcopy --only-keep-debug "$root/bin/work" \
    "$work/names.stripped/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
riscv64-linux-gnu-strip "$work/names.stripped/bin/work"
profiled stripped --sysroot "$work/names.stripped" >"$work/end"
wants stripped 'spin [work]' 'order [work]'

# Another build, a link that leads out.
cp -r "$root" "$work/names.other"
riscv64-linux-gnu-gcc -O1 -Wl,--build-id=sha1 -o "$work/names.other/bin/work" "$work/names.c"
ln -sf "$PWD/$cross/libc.so.6" "$work/names.other/lib/riscv64-linux-gnu/libc.so.6"
end=$(profiled other --sysroot "$work/names.other")
report 'a folder that does not fit changes nothing' "$([ "$end" = "$plain" ] ||
    echo "$end, not $plain")"
report 'another build is told once' "$(said other | grep -c "^/bin/work: the guest has build $id" |
    sed '/^1$/d')"
report 'no link leads out' "$(said other | grep -c '/libc.so.6: is not in the sysroot' |
    sed '/^1$/d')"

# The guest's drive, which it writes at the same time.
if mke2fs -q -F -t ext4 -d "$root" "$work/names.disk" 64M 2>/dev/null; then
    end=$(profiled disk --sysroot "disk:$work/names.disk" \
        --drive "file=$work/names.disk,persist")
    report 'a disk' "$([[ $end == 'exit 0 '* ]] || echo "$end: $(tail -n 1 "$work/disk.stderr")")"
    wants disk 'spin [work]' 'order [work]'
else
    skip 'a disk' 'mke2fs is missing'
fi
finish
