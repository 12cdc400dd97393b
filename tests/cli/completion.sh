#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bash completion offers what the program takes, all of it and nothing else; and the manual page
# tells of every option.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tools/completion.bash
. "$root/tools/completion.bash"
manual=$root/docs/sandglass.1

# compopt only works in a real completion: here it notes what was asked for.
compopt() { asked=$2; }

# completed LINE: completes at the end of LINE; leaves what is offered in $offered, in order, and
# what compopt was asked for in $asked.
completed() {
    command=". tools/completion.bash; complete '$1'"
    : >stderr
    COMP_LINE=$1
    COMP_POINT=${#1}
    asked=''
    _sandglass
    offered=${COMPREPLY[*]}
}

# offers LINE OFFER [COMPOPT]
offers() {
    completed "$1"
    expect_equal "completion of '$1'" "$2" "$offered"
    expect_equal "compopt of '$1'" "${3-}" "$asked"
}

sorted() {
    tr -s ' ' '\n' | sort | tr '\n' ' '
}

# -- Commands
expect 0 '' --help
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' stdout | sorted)
completed 'sandglass '
expect_equal 'commands and their completion' "$commands" "$(echo "${offered//--*/}" | xargs |
    sorted)"
offers 'sandglass r' 'run record replay restore report'
offers 'sandglass --v' --version
offers 'sandglass x' ''

# -- Options of those who run machines: the program, the completion and the manual page name the
# same ones.
options=''
for what in run record snapshot 'replay x.sgl' 'restore x.snap' verify profile; do
    expect 0 '' "${what% *}" --help
    taken=$(sed -n 's/^  --\([a-z-]*\) .*/--\1/p' stdout)
    completed "sandglass $what "
    expect_equal "options of $what and their completion" "$(sorted <<<"$taken")" \
        "$(sorted <<<"$offered")"
    # shellcheck disable=SC2086 # words
    options=$(printf '%s\n' $options $taken | sort -u)
done
for option in $options; do
    command="grep $option docs/sandglass.1"
    checks=$((checks + 1))
    grep -q "^\.It Fl .-${option#--}\( \|$\)" "$manual" || fail "no item $option in the manual page"
done
command='compare the items of docs/sandglass.1 with sandglass run --help'
items=$(sed -n 's/^\.It Fl .-\([a-z-]*\).*/--\1/p' "$manual")
for option in $items; do
    case $option in
    --grant | --drop-caches | --pause | --rewind | --hash-at) continue ;; # not in the help
    --format | --output | --by | --filter | --fail-if) continue ;; # of report
    esac
    checks=$((checks + 1))
    grep -qx -- "$option" <<<"$options" || fail "the manual page tells of $option, run does not"
done
offers 'sandglass run --sta' '--stats --state-hash'
offers 'sandglass run -sta' '-stats -state-hash'
offers 'sandglass run --no-reboot --eng' --engine
offers 'sandglass run --smp 4 --app' --append
offers 'sandglass profile --output ' '' default
offers 'sandglass profile --window s' symbol: nospace
offers 'sandglass profile x.sgl --window marker..v' marker..vtime: nospace
offers 'sandglass profile x' '' default
offers 'sandglass profile x.sgl --fr' --from
offers 'sandglass profile x.snap --stop-at-' --stop-at-vtime
offers 'sandglass profile x.sgl --sm' ''
offers 'sandglass run --smp=4 --app' --append

# -- Extensions: the same in the table, the completion and the manual page.
extensions=$(sed -n 's/^EXT(\([a-z0-9]*\),.*/\1/p' "$root/src/isa/ext.def")
switches=$(sed '/^i$/d; /^zicsr$/d; s/.*/max,&=on max,&=off/' <<<"$extensions")
completed 'sandglass run --cpu max,'
expect_equal 'extensions and their completion' "$(sorted <<<"$switches")" "$(sorted <<<"$offered")"
listed=$(sed '1,/^\.Sh EXTENSIONS/d; /^\.Sh/,$d' "$manual" | sed -n '/^\.Bd/,/^\.Ed/{/^\./!p}')
command='compare EXTENSIONS in docs/sandglass.1 with src/isa/ext.def'
expect_equal 'extensions in the manual page' "$(sorted <<<"$extensions")" "$(sorted <<<"$listed")"

# -- Values. What stands before the last = or : is the line's already.
offers 'sandglass run --cpu ' 'rv64gc rva22s64 max'
offers 'sandglass run --cpu rva' rva22s64
offers 'sandglass run --cpu=rva' rva22s64
offers 'sandglass run --cpu max,zfh' 'max,zfh=on max,zfhmin=on max,zfh=off max,zfhmin=off'
offers 'sandglass run --cpu max,zba=o' 'on off'
offers 'sandglass run --cpu max,zba=off,svnap' \
    'off,svnapot=on off,svnapot=off'
offers 'sandglass run -icount s' 'shift= sleep=on sleep=off'
offers 'sandglass run --icount shi' shift= nospace
offers 'sandglass run --icount shift=1' '1 10'
offers 'sandglass run --icount=shift=1' '1 10'
offers 'sandglass run --icount shift=3,' '3,sleep=on 3,sleep=off 3,align=on 3,align=off'
offers 'sandglass run --icount sleep=off,s' 'off,shift=' nospace
offers 'sandglass run --drive f' 'file= format=raw'
offers 'sandglass run --drive fi' file= nospace
offers 'sandglass run --drive file=a' '' default
offers 'sandglass run --drive file=a,overlay=b' '' default
offers 'sandglass run --drive file=a,' \
    'a,overlay= a,persist a,ro a,latency= a,bus= a,serial= a,format=raw'
offers 'sandglass run --drive file=a,ro,bus=' 'pci mmio'
offers 'sandglass run --hart 0-3:' 'ips= shift='
offers 'sandglass run --hart 0-3:ips=2e9,4:s' 'shift=' nospace
offers 'sandglass run --hart 0' ''
offers 'sandglass run --engine ' 'auto jit interp check'
offers 'sandglass run --dump ' 'isa ir x64'
offers 'sandglass run --dump isa,' 'isa,ir isa,x64'
offers 'sandglass run -d isa,x64,i' 'isa,x64,ir'
offers 'sandglass run --time lockstep,' 'lockstep,monotonic=on lockstep,monotonic=off'
offers 'sandglass run --console ' 'stdio stdout null file: unix: tcp: pty'
offers 'sandglass run --serial s' 'stdio stdout'
offers 'sandglass run --virtconsole t' tcp: nospace
offers 'sandglass run --serial unix:so' '' default
offers 'sandglass run --console f' file: nospace
offers 'sandglass run --share ' 'path= tag= rw owner= bus=pci bus=mmio'
offers 'sandglass run --share tag=src,p' 'src,path=' nospace
offers 'sandglass run --share path=d,rw,bus=m' mmio
offers 'sandglass run --share path=d,rw,r' ''
offers 'sandglass run --share path=pa' '' default
offers 'sandglass run --rtc ' base= nospace
offers 'sandglass run -M ' virt
offers 'sandglass run -net n' none
offers 'sandglass run --net user,r' 'user,restrict=on user,restrict=off'
offers 'sandglass run --net user,bus=mmio,restrict=on,m' 'on,mac=' nospace
offers 'sandglass run -nic user,bus=' 'pci mmio'
offers 'sandglass run --smp ' '1 2 4 8'
offers 'sandglass run --seed ' ''

# What is offered is taken; by a host without a translator, all but what needs one.
guest pass <<'END'
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
END
translator=0
complaint=''
run run --elf pass.elf --engine jit
if [ "$status" = 64 ]; then
    translator=64
    complaint='this host has no translator'
fi
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
for option in cpu icount engine dump time console serial smp memory M net; do
    completed "sandglass run --$option "
    for value in $offered; do
        case $value in
        file:) value=file:out ;;
        unix:) value=unix:socket ;;
        tcp:) value=tcp:$port ;;
        shift=) value=shift=3 ;;
        ips=) value=ips=3 ;;
        esac
        case $option=$value in
        engine=jit | engine=check | dump=*)
            expect $translator "$complaint" run --elf pass.elf --$option "$value" ;;
        *=pty)
            [ -z "$ptys" ] ||
                expect 0 'serial port 0 is /dev/pts' run --elf pass.elf --$option "$value"
            ;;
        *) expect 0 '' run --elf pass.elf --$option "$value" ;;
        esac
    done
done

# -- Files are left to readline; --bios takes words besides.
for option in kernel initrd elf signature stats dump-file; do
    offers "sandglass run --$option " '' default
    offers "sandglass run -$option=pa" '' default
done
offers 'sandglass run --console file:pa' '' default
offers 'sandglass run --bios no' none filenames
offers 'sandglass run --bios pass.e' pass.elf filenames
offers 'sandglass disasm pa' '' default
offers 'sandglass disasm -' '--words --help'
offers 'sandglass disasm --words 00' ''
offers 'sandglass symbols pa' '' default
offers 'sandglass symbols --kernel pa' '' default
offers 'sandglass symbols -' '--kernel --elf --help'

# -- Reports.
expect 0 '' report --help
taken=$(sed -n 's/^  --\([a-z-]*\) .*/--\1/p' stdout)
completed 'sandglass report x.sgp -'
expect_equal 'options of report and their completion' "$(sorted <<<"$taken")" \
    "$(sorted <<<"$offered")"
for option in ${taken/--help/}; do
    command="grep $option docs/sandglass.1"
    checks=$((checks + 1))
    sed '1,/^\.Sh OPTIONS OF REPORT/d; /^\.Sh/,$d' "$manual" |
        grep -q "^\.It Fl .-${option#--}\( \|$\)" || fail "no item $option in the manual page"
done
offers 'sandglass report d' diff default
offers 'sandglass report x' '' default
offers 'sandglass report diff a' '' default
offers 'sandglass report x --format=c' callgrind
offers 'sandglass report x --by ' 'function process mode hart'
offers 'sandglass report x --filter kernel,f' kernel,firmware
offers 'sandglass report x --output ' '' default

# -- The manual page is well formed, if somebody here can tell.
command="groff -mandoc -ww -Tutf8 docs/sandglass.1"
if type groff >/dev/null 2>&1; then
    checks=$((checks + 1))
    groff -mandoc -ww -Tutf8 "$manual" >page 2>stderr || fail 'groff fails'
    [ ! -s stderr ] || fail 'groff complains'
fi
command="mandoc -Tlint docs/sandglass.1"
if type mandoc >/dev/null 2>&1; then
    checks=$((checks + 1))
    mandoc -Tlint "$manual" >stderr || fail 'mandoc complains'
fi

finish
