# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Random programs, for the suites of this folder: sourced behind tests/suite.sh.

${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Isrc -o "$work/generate" tests/random/*.c src/isa/*.c \
    src/base/base.c
riscv64-linux-gnu-gcc -march=rv64ima_zicsr_zifencei -mabi=lp64 -mcmodel=medany -O2 -Wall -Wextra \
    -Werror -ffreestanding -nostdlib -static -no-pie -fno-pic -Wl,--build-id=none \
    -Wl,--no-warn-rwx-segments -T tests/random/guest/chaos.ld -o "$work/chaos" \
    tests/random/guest/start.S tests/random/guest/chaos.c

# build SEED: the program $work/program; sets machine, its options.
build() {
    local options
    rm -f "$work/program-$1"
    options=$("$work/generate" "$1" "$work/areas")
    read -r -a machine <<<"$options"
    riscv64-linux-gnu-objcopy --update-section .areas="$work/areas" "$work/chaos" "$work/program"
}
