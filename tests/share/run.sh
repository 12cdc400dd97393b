#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel on a shared folder: it reads what is there, writes where it may, gets nowhere
# else, and every run repeats.
#
# usage: tests/share/run.sh
. "$(dirname "$0")/../suite.sh"
folder=$work/folder

# What the guest finds. Times are fixed, because they are part of what it sees.
folder_make() {
    rm -rf "$work/folder" "$work/copy" "$work/zeros"
    mkdir -p "$folder/dir"
    seq 200000 >"$folder/numbers"
    echo inner >"$folder/dir/inner"
    ln -s ../secret "$folder/link"
    echo "the host's own" >"$work/secret"
    chmod 751 "$folder/dir"
    chmod 4644 "$folder/numbers"
    find "$folder" -exec touch -h -d 2026-02-03T04:05:06Z {} +
}

# initrd SCRIPT: the guest's, with the drivers and what it is to do with the folder.
initrd() {
    local root=$work/root
    rm -rf "$root"
    mkdir -p "$root/modules"
    cp out/guest/modules/*.ko "$root/modules"
    {
        echo 'for m in virtio_mmio netfs 9pnet 9pnet_virtio 9p; do insmod /modules/$m.ko; done'
        echo 'mkdir /mnt'
        echo 'mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 tag /mnt && cd /mnt || exit'
        echo 'echo begin'
        cat
        echo 'echo end'
    } >"$root/modules/script"
    (cd "$root" && find . -print | cpio --quiet --create --format newc --owner 0:0) >"$work/extra"
    cat out/guest/initramfs.cpio.gz "$work/extra" >"$work/initrd"
}

# boot NAME OPTION...: leaves a log, too.
boot() {
    local name=$1
    shift
    outcome "$name" "$program" record --log "$work/$name.sgl" \
        --kernel out/guest/vmlinux --initrd "$work/initrd" \
        --memory 512M --icount sleep=off --snapshot-every 60000000 \
        --append 'console=ttyS0 quiet sandglass.run=sh /modules/script' "$@"
}

# said NAME: what the script printed.
said() {
    tr -d '\r' <"$work/$1.console" | sed '1,/^begin$/d; /^end$/,$d'
}

# repeat NAME END: the log gives the same end and the same words, whatever has become of the folder.
repeat() {
    local other engine steps
    steps=$(sed 's/.*steps \([0-9]*\) .*/\1/' <<<"$2")
    other=$(outcome again "$program" replay "$work/$1.sgl" --verify --from $((steps * 4 / 5)))
    report "$1 replayed from a state on the way" "$([ "$other" = "$2" ] ||
        echo "wanted $2, got $other: $(tail -n 1 "$work/again.stderr")")"
    for engine in jit interp; do
        other=$(outcome again "$program" replay "$work/$1.sgl" --verify --engine $engine)
        report "$1 replayed with $engine" "$([ "$other" = "$2" ] ||
            echo "wanted $2, got $other: $(tail -n 1 "$work/again.stderr")")"
        report "$1: what is said" "$(cmp "$work/$1.console" "$work/again.console" 2>&1)"
    done
}

# expect NAME END EXPECTATION
expect() {
    report "$1" "$([[ $2 == 'exit 0 '* ]] || echo "$2")"
    report "$1: what the guest saw" "$(diff <(echo "$3") <(said "$1"))"
}

looking() {
    local first other way
    initrd <<'END'
stat -c '%n %F %a %u:%g %h %s %Y %X %Z' . dir dir/inner numbers link
ls -1a . dir
sha256sum numbers
tail -n 1 numbers
readlink link
cat link 2>&1
for word in touch 'rm -r' mkdir 'chmod 700' 'mv dir'; do
    $word numbers 2>/dev/null && echo $word
done
echo x 2>/dev/null >numbers || echo refused
cat ../mnt/../mnt/dir/../dir/inner
df . | tail -n 1 | tr -s ' '
END
    first=$(boot look --share "path=$folder,tag=tag")
    expect look "$first" ". directory 755 0:0 1 4096 1770091506 1770091506 1770091506
dir directory 751 0:0 1 4096 1770091506 1770091506 1770091506
dir/inner regular file 644 0:0 1 6 1770091506 1770091506 1770091506
numbers regular file 644 0:0 1 1288895 1770091506 1770091506 1770091506
link symbolic link 777 0:0 1 9 1770091506 1770091506 1770091506
.:
.
..
dir
link
numbers

dir:
.
..
inner
$(sha256sum <"$folder/numbers" | sed 's/-$/numbers/')
200000
../secret
cat: can't open 'link': No such file or directory
refused
inner
tag 17179869184 17179869184 0 100% /mnt"
    cp -a "$folder" "$work/copy"
    for way in '' '--engine interp' '--engine check' '--grant random:1'; do
        # shellcheck disable=SC2086 # an option and its value
        other=$(boot again --share "path=$work/copy,tag=tag" $way)
        report "the same from a copy $way" "$([ "$first" = "$other" ] ||
            echo "wanted $first, got $other: $(tail -n 1 "$work/again.stderr")")"
    done
    rm -r "$work/copy"
    repeat again "$first"
    other=$(boot mmio --share "path=$folder,tag=tag,bus=mmio")
    expect mmio "$other" "$(said look)"
}

changing() {
    local end
    initrd <<'END'
umask 022
mkdir -m 700 new
seq 100000 >new/first
mv new/first new/second
ln new/second new/third
ln -s /etc/passwd new/link
mkfifo new/fifo
chmod 4555 new/third
touch -d '2030-01-01 00:00:00' new/third
truncate -s 100000 new/third
dd if=/dev/zero of=new/zeros bs=1M count=8 2>/dev/null
dd if=numbers of=new/zeros bs=64k seek=1 conv=notrunc 2>/dev/null
cp /busybox new/busybox && new/busybox echo executed
rm -r dir link
chown 5:5 numbers 2>/dev/null || echo not owned
mknod new/device c 1 3 2>/dev/null || echo no device
ls -l new | awk 'NR > 1 { print $1, $3, $5, $NF }'
sync
END
    end=$(boot change --share "path=$folder,tag=tag,rw")
    expect change "$end" "executed
not owned
no device
-rwxr-xr-x 0 $(wc -c <out/guest/busybox) busybox
prw-r--r-- 0 0 fifo
lrwxrwxrwx 0 11 /etc/passwd
-r-xr-xr-x 0 100000 second
-r-xr-xr-x 0 100000 third
-rw-r--r-- 0 8388608 zeros"
    seq 100000 >"$work/numbers"
    truncate -s 100000 "$work/numbers"
    report 'contents on the host' "$(cmp "$folder/new/second" "$work/numbers" 2>&1)"
    truncate -s 65536 "$work/zeros"
    cat "$folder/numbers" >>"$work/zeros"
    truncate -s 8M "$work/zeros"
    report 'parts of a file' "$(cmp "$folder/new/zeros" "$work/zeros" 2>&1)"
    report 'what there is' "$(diff - <(find "$folder" -printf '%P %y %m %n\n' | sort) <<'END'
 d 755 3
new d 700 2
new/busybox f 755 1
new/fifo p 644 1
new/link l 777 1
new/second f 555 2
new/third f 555 2
new/zeros f 644 1
numbers f 4644 1
END
    )"
    rm -r "$folder"
    repeat change "$end"
    report 'what lies outside' "$([ "$(cat "$work/secret")" = "the host's own" ] || echo changed)"
}

if [ ! -f out/guest/modules/9p.ko ]; then
    skip share 'no out/guest/modules: run tools/setup'
    finish
    exit
fi
folder_make
looking
changing
finish
