#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --share: what it takes, what it refuses, and that a folder is what it has to be.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
guest pass <<'END'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
END
mkdir -p folder 'with, comma' sealed
touch file

# -- Taken
expect 0 '' run --elf pass.elf --share path=folder,tag=a
expect 0 '' run --elf pass.elf -share tag=a,path=folder,rw,owner=1000,bus=mmio
expect 0 '' run --elf pass.elf --share path=folder,tag=a,ro,owner=1000:100,bus=pci
expect 0 '' run --elf pass.elf --share 'path=with,, comma,tag=a'
expect 0 '' run --elf pass.elf --share path=folder,tag=1234567890123456789012345678901
expect 0 '' run --elf pass.elf --share path=/,tag=a --share path=folder,tag=b,rw \
    --share path=folder,tag=c --share path=.,tag=d
expect 0 '' run --elf pass.elf -virtfs local,path=folder,mount_tag=a,security_model=none
expect 0 '' run --elf pass.elf -virtfs local,path=folder,mount_tag=a,readonly=on,id=x \
    --share path=folder,tag=b

# -- Refused
for words in '' path=folder tag=a ,; do
    expect 64 '--share' run --elf pass.elf --share "$words"
done
for word in path= tag= tag=12345678901234567890123456789012 rw=on owner= owner=x owner=1: \
    owner=:1 owner=4294967295 owner=1:2:3 bus=usb bus= frob mount_tag=a readonly=on ''; do
    expect 64 '--share .*use path=DIR,tag=NAME' \
        run --elf pass.elf --share "path=folder,tag=a,$word"
done
for word in tag=a rw security_model=mapped readonly=maybe proxy; do
    expect 64 '--virtfs .*use local,path=DIR,mount_tag=NAME' \
        run --elf pass.elf --virtfs "local,path=folder,mount_tag=a,$word"
done
expect 64 'tag=a is taken' \
    run --elf pass.elf --share path=folder,tag=a --share path=.,tag=a
expect 64 'more than 4' run --elf pass.elf --share path=.,tag=a --share path=.,tag=b \
    --share path=.,tag=c --share path=.,tag=d --share path=.,tag=e
run run --elf pass.elf --engine jit
if [ "$status" = 0 ]; then # this host has a translator
    expect 0 '' run --elf pass.elf --engine check --share path=folder,tag=a
    expect 0 '' run --elf pass.elf --engine check --share path=folder,tag=a,rw
fi
expect 65 '--share none: .*name a folder' run --elf pass.elf --share path=none,tag=a
expect 65 '--share file: .*name a folder' run --elf pass.elf --share path=file,tag=a
if [ "$(id -u)" != 0 ]; then
    chmod 500 sealed
    expect 0 '' run --elf pass.elf --share path=sealed,tag=a
    expect 65 '--share sealed: .*leave out rw' run --elf pass.elf --share path=sealed,tag=a,rw
    chmod 0 sealed
    expect 65 '--share sealed: .*that you can read' run --elf pass.elf --share path=sealed,tag=a
    chmod 700 sealed
fi

# -- An option of the run, so in its hash; the folder's place is not.
run run --elf pass.elf --state-hash
without=$(state_hash)
run run --elf pass.elf --state-hash --share path=folder,tag=a
with=$(state_hash)
run run --elf pass.elf --state-hash --share path=sealed,tag=a
expect_equal 'hash with another folder' "$with" "$(state_hash)"
checks=$((checks + 1))
[ "$without" != "$with" ] || fail 'a share leaves no trace in the hash'

finish
