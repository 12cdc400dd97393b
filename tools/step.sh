# SPDX-License-Identifier: GPL-2.0-or-later
# Steps that show how they go on a terminal and keep quiet in a pipe; errors in one line.
# shellcheck shell=bash
#
# To be sourced with `log` set, the file that takes the output of all steps.
# Exit statuses are those of sysexits.h: 64 usage, 69 something needed is not to be had,
# 77 no permission.

: "${log:?}"
trap 'exit 130' INT
trap 'exit 143' TERM

# die STATUS WHAT...: ends the script with one line: what, where, remedy.
die() {
    local status=$1
    shift
    printf 'tools/%s: %s\n' "${0##*/}" "$*" >&2
    exit "$status"
}

# step TEXT COMMAND...: runs COMMAND with its output in the log; its status is the result.
# Lines that apt writes for `-o APT::Status-Fd=1` become a percentage and stay out of the log.
step() {
    local text=$1
    shift
    "$@" </dev/null 2>&1 | step_draw "$text"
}

step_draw() {
    local text=$1 started=$SECONDS percent='' line
    while step_read; do
        case $line in
        '') ;;
        dlstatus:* | pmstatus:*)
            if [[ $line =~ :([0-9]+)\.[0-9]+: ]]; then
                percent=", ${BASH_REMATCH[1]} %"
            fi
            ;;
        *) printf '%s\n' "$line" >>"$log" ;;
        esac
        if [ -t 2 ] && ((SECONDS > started)); then
            printf '\r\033[K%s%s, %d s ' "$text" "$percent" "$((SECONDS - started))" >&2
        fi
    done
    if [ -t 2 ]; then
        printf '\r\033[K' >&2
    fi
}

# Reads one line, or none after a second without one; fails at the end of the input.
step_read() {
    line=''
    IFS= read -r -t 1 line || { [ $? -gt 128 ] && line=''; }
}

# The first complaint in the log that says what is wrong, for an error line.
log_complaint() {
    awk '/^(E|cpio|dpkg-deb|sandglass|tar):/ && !/Some index files failed|Unable to fetch some/ {
            complaint = $0
            exit
        }
        /^W:/ && !complaint { complaint = $0 }
        END { print complaint }' "$log"
}

# dir_replace NEW DIR: puts the finished folder NEW in the place of DIR.
dir_replace() {
    rm -rf "$2.old"
    if [ -e "$2" ]; then
        mv "$2" "$2.old"
    fi
    mv "$1" "$2"
    rm -rf "$2.old"
}
