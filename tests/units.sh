#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Unit tests: every program under unit/ beside the program under test.
. "$(dirname "$0")/suite.sh"
export TMPDIR=${TMPDIR:-/tmp}
for test in "$(dirname "$program")"/unit/test_*; do
    log=$work/$(basename "$test").log
    if "$test" >"$log" 2>&1; then
        report "$test" ''
    else
        report "$test" "$(grep -a -m 3 'rror' "$log" || tail -n 3 "$log")"
    fi
done
finish
