#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Functions of a guest's programs and libraries, and of a module of its kernel, are measured: as
# often as they are called and as long as they take, in processes that run at once, fork and exec;
# the same in both engines, under every cut and on replay, and the run is as without it.
#
# usage: tests/boot/probes.sh
# shellcheck source=tests/suite.sh
. "$(dirname "$0")/../suite.sh"
cross=/usr/riscv64-linux-gnu/lib
root=$work/root
rm -rf "$root" "$root".*
mkdir -p "$root"/{bin,lib,lib/riscv64-linux-gnu}

# spin takes 2 steps a round and 1, fact 9 a level and 2, load 2, shared 3, leaf 2.
cat >"$work/work.c" <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
void shared(void);
void spin(unsigned long rounds);
unsigned long fact(unsigned long n);
void load(volatile unsigned long *at);
__asm__(".text\n"
        ".type spin, @function\n spin: addi a0, a0, -1\n bnez a0, spin\n ret\n"
        ".size spin, . - spin\n"
        ".type fact, @function\n fact: beqz a0, 1f\n addi sp, sp, -16\n sd ra, 8(sp)\n"
        "addi a0, a0, -1\n call fact\n ld ra, 8(sp)\n addi sp, sp, 16\n 1: ret\n"
        ".size fact, . - fact\n"
        ".type load, @function\n load: ld a0, 0(a0)\n ret\n .size load, . - load\n");
int main(int count, char **words) {
    int times = atoi(words[1]);
    volatile unsigned long *fresh = malloc(1000 * 4096);
    for (int i = 0; i < times; i++) {
        spin(10);
        shared();
        load(fresh + 512 * i); /* whose page is not there yet */
    }
    fact(5);
    pid_t child = times == 0 ? 1 : fork();
    for (int i = 0; i < (child == 0 ? 7 : 5); i++) {
        spin(3);
    }
    if (child == 0) {
        execl("/bin/alias", "alias", "0", (char *)NULL);
        _exit(1);
    }
    return times > 0 && wait(NULL) < 0 ? 1 : count - 2;
}
END
cat >"$work/shared.s" <<'END'
        .globl  shared
        .type   shared, @function
shared: nop
        nop
        ret
        .size   shared, . - shared
END
# Its only system call is its last: what it has is known by its first page.
cat >"$work/early.s" <<'END'
        .globl  _start
        .type   leaf, @function
leaf:   nop
        ret
        .size   leaf, . - leaf
_start: li      s0, 20
1:      call    leaf
        addi    s0, s0, -1
        bnez    s0, 1b
        li      a0, 0
        li      a7, 93
        ecall
END
gcc=riscv64-linux-gnu-gcc
$gcc -shared -nostdlib -Wl,--build-id=sha1 -o "$root/lib/libshared.so" "$work/shared.s"
$gcc -O1 -Wl,--build-id=sha1 -o "$root/bin/work" "$work/work.c" -L"$root/lib" -lshared
$gcc -nostdlib -static -Wl,--build-id=none -o "$root/bin/early" "$work/early.s"
ln -s work "$root/bin/alias"
ln -s early "$root/bin/soon"
cp "$cross/ld-linux-riscv64-lp64d.so.1" "$root/lib"
cp "$cross/libc.so.6" "$root/lib/riscv64-linux-gnu"
cp out/guest/modules/virtio_blk.ko "$root"
cat >"$root/go" <<'END'
#!/busybox sh
cd /bin
export LD_LIBRARY_PATH=/lib
/bin/work 30 &
./work 40 &
/bin/soon
for time in 1 2; do
    insmod /virtio_blk.ko
    rmmod virtio_blk
done
wait
END
chmod +x "$root/go"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/root.cpio"
gzip -dc out/guest/initramfs.cpio.gz | cat - "$work/root.cpio" >"$work/initrd"
truncate -s 1M "$work/disk"
boot=(--kernel out/guest/vmlinux --initrd "$work/initrd" --icount sleep=off --smp 2
    --drive "file=$work/disk" --append 'console=ttyS0 quiet sandglass.run=/go')
probes=(--probe virtio-blk:virtblk_remove --probe /lib/libshared.so:shared)
for name in work:spin work:fact work:load early:leaf; do
    probes+=(--probe "/bin/$name")
done
libc=/lib/riscv64-linux-gnu/libc.so.6
probes+=(--probe $libc:fork --probe $libc:wait)

# profiled NAME OPTION...: the boot, with probes alone.
profiled() {
    local name=$1
    shift
    outcome "$name" "$program" profile "${boot[@]}" --output "$work/$name.sgp" --count nothing \
        "${probes[@]}" "$@"
}

# intervals NAME: a line for each, sorted: times, least steps, what and whose. Steps of what calls
# or is the kernel are its affair.
intervals() {
    "$program" report "$work/$1.sgp" --format text |
        awk -F '  +' '/:.* \[.*\]/ && NF > 6 { print $2, $7 ~ /^virtio|libc/ ? "" : $4, $7 }' | sort
}

# digests NAME...: those that differ from the first.
digests() {
    local name first other
    first=$("$program" report "$work/probes.sgp" --format text | sed -n 's/^digest *//p')
    for name; do
        other=$("$program" report "$work/$name.sgp" --format text | sed -n 's/^digest *//p')
        [ -n "$first" ] && [ "$other" = "$first" ] || echo "$name: $other, not $first"
    done
}

plain=$(outcome plain "$program" run "${boot[@]}")
report 'a boot' "$([[ $plain == 'exit 0 '* ]] || echo "$plain")"
end=$(profiled probes --sysroot "$root")
report 'a run is as without probes' "$([ "$end" = "$plain" ] || echo "$end, not $plain")"
report 'what was measured' "$(diff <(intervals probes) <({
    cat <<END
30 3 /lib/libshared.so:shared [work]
40 3 /lib/libshared.so:shared [work]
35 7 /bin/work:spin [work]
45 7 /bin/work:spin [work]
12 7 /bin/work:spin [alias]
12 7 /bin/work:spin [alias]
30 2 /bin/work:load [work]
40 2 /bin/work:load [work]
20 2 /bin/early:leaf [soon]
1  $libc:fork [work]
1  $libc:fork [work]
1  $libc:wait [work]
1  $libc:wait [work]
1  virtio-blk:virtblk_remove [busybox]
1  virtio-blk:virtblk_remove [busybox]
END
    for task in work work alias alias; do
        for level in 2 10 18 26 34 42; do
            echo "1 $level /bin/work:fact [$task]"
        done
    done
} | sort) | head -n 5)"
report 'probes with a limit' "$(
    "$program" report "$work/probes.sgp" --fail-if 'probe:/bin/early:leaf>16' >/dev/null ||
        echo 'more than 16 ns'
    ! "$program" report "$work/probes.sgp" --fail-if 'probe:/bin/early:leaf>15' >/dev/null ||
        echo 'no more than 15 ns'
)"

profiled interp --sysroot "$root" --engine interp >"$work/interp.end" &
profiled cut --sysroot "$root" --grant random:1 --drop-caches random:3 >"$work/cut.end"
outcome record "$program" record --log "$work/log" "${boot[@]}" >"$work/record.end"
outcome replay "$program" profile "$work/log" --output "$work/replay.sgp" --count nothing \
    "${probes[@]}" --sysroot "$root" >"$work/replay.end"
wait
report 'the same profile in each way' "$(digests interp cut replay)"

# With all the rest, and from the time on when the programs run.
"$program" profile "${boot[@]}" "${probes[@]}" --sysroot "$root" --output "$work/all.sgp" \
    --window 'line:uptime..' >/dev/null 2>&1 </dev/null
report 'whatever else is looked at' "$(diff <(intervals probes) <(intervals all) | head -n 5)"

# -- What there is not
cp -r "$root" "$root.other"
$gcc -O2 -Wl,--build-id=sha1 -o "$root.other/bin/work" "$work/work.c" -L"$root/lib" -lshared
probes=(--probe /bin/work:spin --probe /bin/unused:leaf --probe nothing:spin
    --probe virtio_blk:virtblk_remvoe)
cp "$root/bin/early" "$root.other/bin/unused"
end=$(profiled missed --sysroot "$root.other")
report 'a run with probes for nothing' "$([ "$end" = "$plain" ] || echo "$end, not $plain")"
report 'what they say' "$(diff <(sed -n 's/^sandglass: --probe //p' "$work/missed.stderr" |
    sed 's/; give the sysroot that the guest was made from$//') - <<'END'
/bin/work:spin: the guest has another build of that file, in which nothing is measured
/bin/unused:leaf: no process had that file
nothing:spin: the guest has loaded no such module
virtio_blk:virtblk_remvoe: the module has no such function
END
)"

# refused STATUS LINE OPTION...
refused() {
    local status=$1 line=$2 end=0
    shift 2
    "$program" profile "${boot[@]}" --output "$work/none.sgp" "$@" >"$work/none" 2>&1 || end=$?
    report "$*" "$([ "$end $(cat "$work/none")" = "$status sandglass: $line" ] ||
        echo "$end $(cat "$work/none")")"
}
cp "$root/bin/early" "$root.other/bin/stripped"
riscv64-linux-gnu-strip "$root.other/bin/stripped"
for sandbox in '' --no-sandbox; do
    # shellcheck disable=SC2086 # none or one
    {
        refused 64 '--probe /bin/work:pin: the file has no such symbol; did you mean spin?' \
            --probe /bin/work:pin --sysroot "$root" $sandbox
        refused 65 '--probe: /bin/no: is not in the sysroot; put it there to see its functions' \
            --probe /bin/no:spin --sysroot "$root" $sandbox
    }
done
refused 65 '--probe: /go: is not an ELF file; give an executable that a linker made' \
    --probe /go:spin --sysroot "$root"
refused 64 '--probe /bin/work:_IO_stdin_used: is no code of the file; use the name of a function' \
    --probe /bin/work:_IO_stdin_used --sysroot "$root"
refused 64 '--probe /bin/soon:leaf: is where another probe is already; drop one' \
    --probe /bin/early:leaf --probe /bin/soon:leaf --sysroot "$root"
beside='put it there unstripped, or what was stripped under /usr/lib/debug/.build-id'
refused 64 "--probe /bin/stripped:leaf: the file has no symbols; $beside" \
    --probe /bin/stripped:leaf --sysroot "$root.other"
finish
