#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --drive: what it takes, what it refuses and how, and which files a run touches.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest pass <<'EOF'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF
guest forever <<'EOF'
    li t0, UART
    li t1, 'x'
    sb t1, 0(t0)
1:  j 1b
EOF
head -c 1M /dev/urandom >image
cp image before

# drive STATUS PATTERN SPEC...: a run with these drives.
drive() {
    local want_status=$1 pattern=$2 spec options=()
    shift 2
    for spec in "$@"; do
        options+=(--drive "$spec")
    done
    expect "$want_status" "$pattern" run --elf pass.elf "${options[@]}"
}

# unchanged WHAT: the image is.
unchanged() {
    command="cd $work; cmp image before"
    checks=$((checks + 1))
    cmp -s image before || fail "the image has changed under $1"
}

# -- Words
drive 0 '' file=image
drive 0 '' file=image,ro
drive 0 '' file=image,readonly=on,serial=12345678901234567890,latency=0,bus=mmio
drive 0 '' file=image,if=virtio,format=raw,media=disk,cache=writeback,aio=native,snapshot=on,id=a
drive 0 '' file=image,cache=none,discard=unmap,read-only=off,persist=off,latency=1000000000,bus=pci
drive 0 '' file=image,persist
drive 0 '' file=image file=image,ro file=image
unchanged 'runs that write nothing'
drive 64 '--drive: names no image; give file=IMAGE' ro
drive 64 "--drive: unknown ''; see" ''
drive 64 "--drive: unknown 'fil'; did you mean file\?" fil=image
drive 64 "--drive: unknown 'picture'; see" picture
drive 64 "--drive: unknown ''; see" file=image,
drive 64 '--drive: file= is given twice; keep one' file=image,file=image
drive 64 '--drive file=: use the path' file=
drive 64 '--drive file: use the path' file
drive 64 '--drive ro=yes: use on or off' file=image,ro=yes
drive 64 '--drive format=qcow2: use raw' file=image,format=qcow2
drive 64 '--drive if=none: use virtio' file=image,if=none
drive 64 '--drive cache=writethrough: use writeback,none,unsafe' file=image,cache=writethrough
drive 64 '--drive snapshot=off: use persist' file=image,snapshot=off
drive 64 '--drive bus=usb: use pci or mmio' file=image,bus=usb
drive 64 '--drive latency=-1: use 0 to 1000000000' file=image,latency=-1
drive 64 '--drive latency=1000000001: use' file=image,latency=1000000001
drive 64 '--drive serial=123456789012345678901: use 1 to 20' file=image,serial=123456789012345678901
drive 64 '--drive: snapshot=on forgets' file=image,snapshot=on,persist
drive 64 'read-only, so nothing is written' file=image,ro,persist
drive 64 'read-only, so nothing is written' file=image,ro,overlay=o
drive 64 'choose one' file=image,persist,overlay=o
many=()
for ((i = 0; i < 17; i++)); do
    many+=('file=image,ro')
done
drive 64 '--drive: more than 16' "${many[@]}"

# -- Names with commas
cp image 'one,two,,three'
drive 0 '' 'file=one,,two,,,,three,overlay=over,,lay'
command='ls over,lay'
[ -f 'over,lay' ] || fail 'no overlay of that name'
drive 64 "unknown 'two'" 'file=one,two'

# -- Files that are no disk
drive 65 'disk missing: cannot be opened.*No such file' file=missing
drive 65 'disk \.: is no file' file=.
drive 65 'disk /dev/null: is no file' file=/dev/null
mkfifo pipe
drive 65 'disk pipe: is no file' file=pipe
: >empty
drive 65 'disk empty: has 0 bytes' file=empty
head -c 513 /dev/zero >odd
drive 65 'disk odd: has 513 bytes, which is no multiple of 512' file=odd
printf 'QFI\373' >qcow2
truncate -s 64K qcow2
drive 65 "is a qcow2 image.*'qemu-img convert -O raw'" file=qcow2
drive 0 '' file=qcow2,format=raw
if type qemu-img >/dev/null 2>&1; then
    for format in qcow2 qed vmdk vdi vhdx vpc parallels; do
        qemu-img create -q -f $format made.$format 1M || continue
        drive 65 "is a $format image" file=made.$format
    done
fi
gzip -k before
drive 65 'is packed; unpack it with gunzip' file=before.gz

# -- Overlays
drive 0 '' file=image,overlay=overlay
drive 0 '' file=image,overlay=overlay
unchanged 'an overlay'
drive 65 'overlay before: not an overlay' file=image,overlay=before
drive 64 'overlay image: is the image itself' file=image,overlay=image
drive 74 'cannot be made as an overlay' file=image,overlay=nowhere/overlay
cp image other
printf 'x' | dd of=other bs=1 seek=4096 conv=notrunc status=none
drive 65 'overlay overlay: belongs to another image' file=other,overlay=overlay
truncate -s 2M other
drive 65 'overlay overlay: belongs to an image of 1048576 bytes' file=other,overlay=overlay
tr '\001' '\002' <overlay >damaged
drive 65 'overlay damaged: damaged' file=image,overlay=damaged
drive 74 'overlay overlay: in use by another run' file=image,overlay=overlay \
    file=image,overlay=overlay

# -- Two runs
"$sandglass" run --elf forever.elf --drive file=image,persist >other.console 2>other.log &
writer=$!
for ((i = 0; i < 600; i++)); do
    [ ! -s other.console ] || break
    sleep 0.1
done
drive 74 'disk image: in use by another run' file=image,persist
drive 74 'disk image: in use by another run that writes' file=image,ro
kill $writer
wait $writer
drive 0 '' file=image,persist

# -- Where there is no room for temporary files
TMPDIR=$work/nowhere drive 74 'cannot hold a temporary overlay; name a folder in TMPDIR' file=image
TMPDIR=$work/nowhere drive 0 '' file=image,ro

# -- Two machines side by side
run run --elf pass.elf --engine check
if [ "$status" = 0 ]; then
    expect 0 '' run --elf pass.elf --engine check --drive file=image --drive file=image,ro
    expect 64 'engine check.*drop persist or overlay' \
        run --elf pass.elf --engine check --drive file=image,persist
    expect 64 'engine check.*drop persist or overlay' \
        run --elf pass.elf --engine check --drive file=image,overlay=overlay
fi
unchanged 'all this'

finish
