#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Parsers of outside bytes against damaged input, with the sanitizers watching.
#
# usage: tests/fuzz/run.sh test|soak|fuzz
#   test, soak  damaged copies of the seeds and of what once broke something (tests/fuzz/corpus)
#   fuzz        libFuzzer on each target for MINUTES (10), from a SEED (1)
. "$(dirname "$0")/../suite.sh"
tier=$1
seed=${SEED:-1}
minutes=${MINUTES:-10}
corpus=$work/corpus
rm -rf "$corpus"
tests/fuzz/seeds.py "$corpus"

targets=(gdb image linux log options overlay profile share snapshot symbols virtio)
declare -A copies=([test]=20000 [soak]=600000) # of all files of a target together
declare -A weights=([snapshot]=20)             # of targets whose copies take long

# build TARGET: with clang's fuzzer.
build() {
    local libs='capstone ext2fs libcjson libelf libseccomp libxxhash libzstd zlib'
    # shellcheck disable=SC2046,SC2086 # words
    clang -std=c11 -D_GNU_SOURCE -Isrc -O1 -g -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all $(pkg-config --cflags $libs) \
        -o "$work/fuzz_$1" "tests/fuzz/fuzz_$1.c" $(ls src/*/*.c | grep -v src/cli/main.c) \
        $(pkg-config --libs $libs) -lfdt -lslirp -lm
}

for target in "${targets[@]}"; do
    log=$work/$target.log
    mapfile -t files < <(find "$corpus/$target" tests/fuzz/corpus/"$target" -type f 2>/dev/null)
    status=0
    if [ "$tier" = fuzz ]; then
        build "$target"
        "$work/fuzz_$target" -seed="$seed" -max_total_time=$((60 * minutes)) -timeout=10 \
            -artifact_prefix="$work/" "$corpus/$target" >"$log" 2>&1 || status=$?
    else
        each=$((copies[$tier] / ${weights[$target]:-1} / ${#files[@]}))
        out/asan/fuzz/fuzz_"$target" "$seed" $each "${files[@]}" >"$log" 2>&1 || status=$?
    fi
    report "$target, SEED=$seed" "$([ $status = 0 ] || tail -n 30 "$log")"
done
finish
