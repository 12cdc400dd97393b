#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line: every other script of this folder is one test.
. "$(dirname "$0")/../suite.sh"
here=$PWD/tests/cli
for test in "$here"/*.sh; do
    case ${test##*/} in
    run.sh | common.sh) continue ;;
    esac
    if SANDGLASS=$(realpath "$program") "$test" >"$work/log" 2>&1; then
        report "$test" ''
    else
        report "$test" "$(cat "$work/log")"
    fi
done
finish
