#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sandglass report: every format holds to its rules and has every step; two profiles compared;
# conditions; what is wrong is said in one line.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
make_profile=$(dirname "$sandglass")/unit/make_profile
formats=$root/tests/report/formats.py

# profile NAME WORD...: writes NAME.sgp, as tests/unit/make_profile.c has it.
profile() {
    "$make_profile" "$1.sgp" "${@:2}" >made || exit 70
}

# ruled FORMAT NAME: writes NAME.FORMAT, and holds it to the rules of its format. $steps is set.
ruled() {
    expect 0 '' report "$2.sgp" --format "$1" --output "$2.$1"
    checks=$((checks + 1))
    command="cd $work; $formats $1 $2.$1"
    steps=$("$formats" "$1" "$2.$1" 2>stderr) || fail "the rules of $1"
}

profile plain stacks=150 processes=12 spans=100
profile hostile stacks=200 processes=12 spans=60 hostile=1
profile flat kind=1 stacks=300 spans=100
profile sampled kind=3 stacks=800 spans=100
profile silent kind=0 spans=20
profile addressed addressed=1 stacks=150 spans=100

# -- Formats: the same steps in each
for name in plain hostile flat sampled addressed; do
    expect 0 '' report $name.sgp
    all=$(sed -n 's/^ *all *//p' stdout | tr -d ' ')
    expect_equal "steps of the rows of $name" "$all" \
        "$(awk -v column="$([ $name = sampled ] && echo 34 || echo 26)" '
            /^ *self/ { on = 1; next } /^ *all/ { on = 0 }
            on { cell = substr($0, column - 15, 20); gsub(" ", "", cell); sum += cell }
            END { printf "%d", sum }' stdout)"
    for format in folded callgrind speedscope; do
        ruled $format $name
        expect_equal "steps of $name as $format" "$all" "$steps"
    done
    ruled trace $name
    ruled html $name
    expect_equal "steps of $name as html" "$all" "$steps"
done
checks=$((checks + 1))
grep -q '^0x[0-9a-f]* [0-9]* [0-9]*$' addressed.callgrind || fail 'no costs by address'
ruled trace silent
ruled html silent
expect 0 '' report silent.sgp
expect 0 '' report plain.sgp --output plain.html
expect_equal 'the format of a name' "$(cksum <plain.html)" \
    "$("$sandglass" report plain.sgp --format html | cksum)"
for by in function process mode hart; do
    expect 0 '' report plain.sgp --by $by
    expect_equal "what all of --by $by is" "$("$sandglass" report plain.sgp | grep '^ *all')" \
        "$(grep '^ *all' stdout)"
done

# -- callgrind_annotate finds the same in it
if type callgrind_annotate >/dev/null 2>&1; then
    for name in plain flat sampled hostile addressed; do
        "$sandglass" report $name.sgp --format callgrind >callgrind.out
        all=$("$sandglass" report $name.sgp | sed -n 's/^ *all *//p' | tr -d ' ')
        command="cd $work; callgrind_annotate callgrind.out"
        expect_equal "callgrind_annotate's total of $name" "$all" \
            "$(callgrind_annotate callgrind.out 2>stderr | sed -n 's/ .*PROGRAM TOTALS//p' |
                tr -d ,)"
        checks=$((checks + 1))
        [ ! -s stderr ] || fail 'callgrind_annotate complains'
    done
    # With all below it, the greatest function has what our table says.
    name=$("$sandglass" report plain.sgp --format folded | sed 's/^[^;]*;//; s/[; ].*//' |
        grep -x '[a-z_]*' | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    total=$("$sandglass" report plain.sgp | grep -F " $name [" | cut -c 41-61 | tr -d ' ')
    "$sandglass" report plain.sgp --format callgrind >callgrind.out
    expect_equal "callgrind_annotate's $name with all it called" "$total" \
        "$(callgrind_annotate --inclusive=yes --threshold=100 callgrind.out |
            sed -n "s/^ *\([0-9,]*\) .*???:$name \[.*/\1/p" | tr -d ,)"
else
    echo 'skipped: no callgrind_annotate here (package valgrind)'
fi

# -- Filters
for mode in user kernel firmware; do
    expect 0 '' report plain.sgp --filter $mode
    part=$(sed -n 's/^ *all *//p' stdout)
    expect_equal "steps of $mode" "$part" "$("$sandglass" report plain.sgp --by mode |
        grep " $mode\$" | cut -c 11-30 | sed 's/^ *//')"
done
expect 0 '' report plain.sgp --filter hart:2 --by hart
expect_equal 'harts of hart:2' 1 "$(grep -c 'hart [0-9]$' stdout)"
expect 0 '' report plain.sgp --filter kernel,process:bash --by process
expect_equal 'processes of process:bash' bash "$(awk '/^ *self/ { getline; print $NF }' stdout)"

# -- Two profiles
profile same stacks=150 processes=12 spans=100
profile slower stacks=150 processes=12 spans=100 slower=50
expect 0 '' report diff plain.sgp same.sgp
expect_equal 'lines about the same profile' 5 "$(grep -c . stdout)"
expect 0 '' report diff plain.sgp slower.sgp
expect_equal 'what grew most' + "$(sed -n '6s/^ *\(.\).*/\1/p' stdout)"
expect 0 '' report diff slower.sgp plain.sgp
expect_equal 'what shrank most' - "$(tail -n 2 stdout | sed -n '1s/^ *\(.\).*/\1/p')"
expect 0 '' report diff plain.sgp hostile.sgp
checks=$((checks + 1))
grep -q ' new ' stdout || fail 'nothing is new'
checks=$((checks + 1))
grep -q ' gone ' stdout || fail 'nothing is gone'

# -- Conditions. A name of the table, its self and its total.
read -r share _ name < <("$sandglass" report plain.sgp | awk '
    /^ *self/ { getline; sub("\\.", "", $1); print $1, $2, $(NF - 1) }')
self=$("$sandglass" report plain.sgp | grep -F " $name [" | cut -c 11-31 | tr -d ' ')
expect 1 '' report plain.sgp --fail-if "self:$name>$((self - 1))"
expect_equal 'words of a condition that holds' yes \
    "$(sed 's/.*: \(yes\|no\):.*/\1/' stdout)"
expect 0 '' report plain.sgp --fail-if "self:$name>$self"
expect 1 '' report plain.sgp --fail-if "self:$name>0.$((share - 1))%" --fail-if 'all>99999999999'
expect 0 '' report plain.sgp --fail-if 'mode:kernel>100%' --fail-if "func:$name>100%"
expect 1 '' report plain.sgp --fail-if 'process:bash>0'
expect 1 '' report plain.sgp --fail-if 'hart:0>1'
expect 1 '' report plain.sgp --fail-if 'probe:vfs_read>400'
expect 0 '' report plain.sgp --fail-if 'probe:vfs_read>100000000'
expect 0 '' report diff plain.sgp same.sgp --fail-if 'all>+0' --fail-if 'all>+0%'
expect 1 '' report diff plain.sgp slower.sgp --fail-if 'all>+0%'
expect 0 '' report diff plain.sgp slower.sgp --fail-if 'all>+50%'
expect 0 '' report diff slower.sgp plain.sgp --fail-if 'all>+0%'
odd='process:<img src=x onerror="document.title='"'broken out'"'">>+5%'
expect 1 '' report diff plain.sgp hostile.sgp --fail-if "$odd"
expect 0 '' report diff hostile.sgp plain.sgp --fail-if "$odd"
expect 1 '' report plain.sgp --output plain.txt --fail-if 'all>1'
checks=$((checks + 1))
[ -s plain.txt ] || fail 'nothing written beside the condition'

# -- What is wrong
expect 64 'report: give a profile; see' report
expect 64 'report: give two profiles to compare' report diff plain.sgp
expect 64 "report: 'same.sgp' is one profile too many; to compare two, use report diff" \
    report plain.sgp same.sgp
expect 64 "unknown option '--formt'; did you mean --format\?" report plain.sgp --formt html
expect 64 "unknown option '--zzzzzz'; see" report plain.sgp --zzzzzz 1
expect 64 "report: --format cannot be 'pdf'; give one of text, html, folded" \
    report plain.sgp --format pdf
expect 64 "report: --by cannot be 'x'; give one of function, process, mode, hart" \
    report plain.sgp --by x
expect 64 "report: --filter cannot have 'kernal'; give firmware" report plain.sgp --filter kernal
expect 64 'report: --output needs a value' report plain.sgp --output
expect 64 'two profiles are compared as text; leave out --format html' \
    report diff plain.sgp same.sgp --format html
expect 64 "cannot understand the condition 'nonsense'; write" report plain.sgp --fail-if nonsense
expect 64 "cannot understand the condition 'all>5kg'" report plain.sgp --fail-if 'all>5kg'
expect 64 "cannot understand the condition 'all>5pp'" report plain.sgp --fail-if 'all>5pp'
expect 64 'is about growth, which needs a base' report plain.sgp --fail-if 'all>+5%'
expect 64 "a probe's mean time has no share" report plain.sgp --fail-if 'probe:vfs_read>5%'
expect 64 'there is no func:vfs_raed_iter in this profile; did you mean vfs_read_iter' \
    report plain.sgp --fail-if 'func:vfs_raed_iter>1'
expect 64 'there is no process:bahs in this profile; did you mean bash' \
    report plain.sgp --fail-if 'process:bahs>1'
expect 64 'there is no probe:zzzzzzzzzzz in this profile; see' \
    report plain.sgp --fail-if 'probe:zzzzzzzzzzz>1'
expect 65 'missing.sgp: No such file or directory; ' report missing.sgp
echo text >text.sgp
expect 65 'text.sgp: is no profile; name' report text.sgp
head -c 1000 plain.sgp >short.sgp
expect 65 'short.sgp: is cut short; make' report short.sgp
{ head -c 500 plain.sgp; printf X; tail -c +502 plain.sgp; } >damaged.sgp
expect 65 'damaged.sgp: is damaged; make' report damaged.sgp
expect 65 'damaged.sgp: is damaged; make' report diff plain.sgp damaged.sgp
expect 74 '.output /missing/x.html: cannot be written' report plain.sgp --output /missing/x.html
[ ! -e /dev/full ] ||
    expect 74 '.output /dev/full: cannot be written' report plain.sgp --output /dev/full
command="$sandglass report plain.sgp >/dev/full"
checks=$((checks + 1))
"$sandglass" report plain.sgp >/dev/full 2>stderr
expect_equal 'the status when standard output is full' 74 $?
expect 0 '' report --help

finish
