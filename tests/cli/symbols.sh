#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sandglass symbols: what nm tells of a program is listed and found; what is not there is said.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest program <<'END'
    call work
    li t1, 1
1:  j 1b
    .type work, @function
work:
    nop
inside:
    ret
    .size work, . - work
    .weak other
other:
    ret
    .data
    .globl table
    .type table, @object
table:
    .dword 1, 2
    .size table, . - table
    .globl limit
    .set limit, 77
END

# listed FILE: address, type and name of its symbols, as nm has them but for W, which it tells in
# three ways, and for names of assemblers.
listed() {
    riscv64-linux-gnu-nm "$1" | awk '$3 !~ /^[$]/ { gsub("V", "W", $2); print $1, $2, $3 }' | sort
}

# -- Lists
expect 0 '' symbols program.elf
expect_equal 'symbols and what nm lists' "$(listed program.elf)" \
    "$(awk '{ print $1, $3, $4 }' stdout | sort)"
cp stdout list
expect 0 '' symbols --elf program.elf
expect_equal 'the list of --elf' "$(cat list)" "$(cat stdout)"
expect 0 '' symbols --kernel=program.elf # an ELF file with symbols of its own
expect_equal 'the list of --kernel' "$(cat list)" "$(cat stdout)"
gzip -k program.elf
expect 0 '' symbols --kernel program.elf.gz
expect_equal 'the list of a packed file' "$(sed 's/program.elf/&.gz/' list)" "$(cat stdout)"

# -- Looks up
at=$(riscv64-linux-gnu-nm program.elf | awk '$3 == "work" { print $1 }')
expect 0 '' symbols program.elf work
expect_stdout "$at        8 t work [program.elf]"
expect 0 '' symbols program.elf "0x$(printf %x $((0x$at + 4)))"
expect_stdout "$(printf %016x $((0x$at + 4)))        8 t work+0x4 [program.elf]"
expect 0 '' symbols program.elf "$at" limit
expect_stdout "$at        8 t work [program.elf]
000000000000004d        0 A limit [program.elf]"
expect 0 '' symbols program.elf inside
expect_equal 'what a label in a function owns' 0 "$(awk '{ print $2 }' stdout)"
expect 0 '' symbols program.elf 0x80000001
expect_equal 'the owner of _start + 1' _start+0x1 "$(awk '{ print $4 }' stdout)"
riscv64-linux-gnu-strip -o stripped.elf program.elf
expect 0 '' symbols stripped.elf 0x80000004
expect_stdout "0000000080000004        0 ? [stripped.elf]+0x4 [stripped.elf]"

# -- What is wrong
expect 64 "no symbol 'wrok'; did you mean work\?" symbols program.elf wrok
expect 64 "no symbol 'tohots'; did you mean tohost\?" symbols program.elf tohots
expect 64 "no symbol 'frobnicate', nor one like it; list all by giving none" \
    symbols program.elf frobnicate
expect 64 '0x10 lies in none of the files' symbols program.elf 0x10
expect 64 'symbols: give a FILE' symbols
expect 64 "symbols: unknown option '--frob'; see" symbols --frob
expect 64 'symbols: --kernel needs a FILE' symbols --kernel
expect 64 'symbols: --elf needs a FILE' symbols --elf
expect 65 'missing: No such file or directory; check' symbols missing
expect 65 'stripped.elf: has no symbols; name a file that is not stripped' symbols stripped.elf
expect 65 '/: is not a regular file; name' symbols /
: >empty
expect 65 'empty: is empty; ' symbols empty
head -c 100 program.elf >short.elf
expect 65 'short.elf: .*; ' symbols short.elf
expect 65 'short.elf: .*; ' symbols --elf short.elf
echo text >text
expect 65 'text: has no symbols of a kernel in it; name an Image' symbols text
expect 65 'text: is not an ELF file; ' symbols --elf text
cp /bin/sh other.elf
expect 65 'other.elf: is for another machine; ' symbols --elf other.elf
printf '\x1f\x8b' >bad.gz
expect 65 'bad.gz: has a damaged gzip stream; ' symbols --kernel bad.gz
expect 0 '' symbols --help

finish
