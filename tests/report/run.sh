#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The page of sandglass report, in a headless Chromium. PICTURES names a folder for what it looks
# like in light and dark.
. "$(dirname "$0")/../suite.sh"
make_profile=$(dirname "$program")/unit/make_profile
if [ -z "$(type -p chromium chromium-browser)" ]; then
    skip 'the page' 'no Chromium here; tools/setup report installs it'
    finish
    exit
fi
rm -f "$work"/*.sgp "$work"/*.html
"$make_profile" "$work/boot.sgp" stacks=6200 >"$work/made"
"$make_profile" "$work/hostile.sgp" stacks=300 processes=14 spans=200 hostile=1 >>"$work/made"
"$make_profile" "$work/sampled.sgp" kind=3 stacks=2000 >>"$work/made"
"$make_profile" "$work/flat.sgp" kind=1 stacks=300 >>"$work/made"
"$make_profile" "$work/silent.sgp" kind=0 spans=50 >>"$work/made"
for name in boot hostile sampled flat silent; do
    "$program" report "$work/$name.sgp" --output "$work/$name.html"
done
"$program" report "$work/boot.sgp" --output "$work/boot.folded"
for by in process hart mode; do
    "$program" report "$work/boot.sgp" --by $by >"$work/boot.$by"
done
status=0
tests/report/page.py "$work" ${PICTURES:+"$PICTURES"} >"$work/page" 2>"$work/page.stderr" ||
    status=$?
grep -v ' passed, ' "$work/page" || true
counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/page")
if [ -n "$counts" ]; then
    read -r passed failed <<<"$counts"
else
    report 'the page' "ended with status $status: $(tail -n 1 "$work/page.stderr")"
fi
finish
