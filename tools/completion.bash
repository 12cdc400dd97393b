# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion for bash: the commands of sandglass, their options, and what the options take.
#
# Source it, or install it as share/bash-completion/completions/sandglass. It never runs the
# program; tests/cli/completion.sh holds it against the program and the manual page.

_sandglass_commands='run record replay snapshot restore verify clocks debug profile disasm symbols
    report --help --version'

_sandglass_run='kernel initrd append bios elf signature memory smp cpu drive net share console
    serial virtconsole icount hart time quantum chaos pulse engine jit-cache snapshot-memory
    seed rtc no-reboot stop-at stop-at-vtime stats state-hash dump dump-file gdb gdb-wait
    no-sandbox help'

# Of run, record and restore only.
_sandglass_explore='until-fail fail-on jobs'

# Besides those of run; and instead of them.
_sandglass_record='log hash-every snapshot-every'
_sandglass_snapshot='file'
_sandglass_profile='count by-address sample window probe markers no-timeline output sysroot symbols'
_sandglass_restore='kernel initrd bios elf signature console chaos until-fail fail-on jobs engine
    jit-cache snapshot-memory stop-at stop-at-vtime stats state-hash dump dump-file gdb gdb-wait
    no-sandbox help'
_sandglass_replay='kernel initrd bios elf signature console engine jit-cache snapshot-memory stats
    state-hash dump dump-file gdb gdb-wait no-sandbox help from to to-vtime verify'

# All but i and zicsr, which no CPU lacks.
_sandglass_extensions='m a f d c zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse zicntr
    zicond zifencei zihintntl zihintpause zihpm zimop za64rs zawrs zfa zfh zfhmin zcb zcmop zba zbb
    zbc zbkb zbkx zbs zkt u s sv39 sv48 sv57 smpmp ssccptr sscounterenw sstc sstvala sstvecd svade
    svadu svinval svnapot svpbmt'

# _sandglass_reply WORD CHOICE...: offers the choices that begin with WORD. readline begins a new
# word after = and :, so what stands before the last of them must not be offered again.
_sandglass_reply() {
    local word=$1 choice breaks=${COMP_WORDBREAKS//[^=:]/} before=''
    shift
    [ -z "$breaks" ] || before=${word%"${word##*["$breaks"]}"}
    for choice in "$@"; do
        [[ $choice != "$word"* ]] || COMPREPLY+=("${choice#"$before"}")
    done
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=:] ]] || compopt -o nospace
}

# _sandglass_options WORD NAME...: offers options, with as many dashes as WORD begins with.
_sandglass_options() {
    local word=$1 dashes=--
    shift
    [[ $word != -[^-]* ]] || dashes=-
    _sandglass_reply "$word" "${@/#/$dashes}"
}

# _sandglass_icount LIST: a rate, and sleep=. What is given already is not offered again.
_sandglass_icount() {
    local done=${1%"${1##*,}"} last=${1##*,} choices=()
    [[ ,$done == *,@(shift|ips)=* ]] || choices+=(shift= ips=)
    [[ ,$done == *,sleep=* ]] || choices+=(sleep=on sleep=off)
    [[ ,$done == *,align=* ]] || choices+=(align=on align=off)
    [[ $last != shift=* ]] || choices=(shift={0..10} shift=auto)
    _sandglass_reply "$1" "${choices[@]/#/$done}"
}

# _sandglass_cpu LIST: a profile, then extensions to switch.
_sandglass_cpu() {
    local done=${1%"${1##*,}"} extensions choices=(rv64gc rva22s64 max)
    if [ -n "$done" ]; then
        read -rd '' -a extensions <<<"$_sandglass_extensions"
        choices=("${extensions[@]/%/=on}" "${extensions[@]/%/=off}")
    fi
    _sandglass_reply "$1" "${choices[@]/#/$done}"
}

# _sandglass_drive LIST: words that are not in it already; file names are left to readline.
_sandglass_drive() {
    local done=${1%"${1##*,}"} last=${1##*,} word choices=()
    case $last in
    file=* | overlay=*)
        compopt -o default
        return
        ;;
    bus=*) choices=(bus=pci bus=mmio) ;;
    *)
        for word in file= overlay= persist ro latency= bus= serial= format=raw; do
            [[ ,$done == *,"${word%%=*}"[=,]* ]] || choices+=("$word")
        done
        ;;
    esac
    _sandglass_reply "$1" "${choices[@]/#/$done}"
}

# _sandglass_dump LIST: what is not in it already.
_sandglass_dump() {
    local done=${1%"${1##*,}"} item choices=()
    for item in isa ir x64; do
        [[ ,$done == *,$item,* ]] || choices+=("$done$item")
    done
    _sandglass_reply "$1" "${choices[@]}"
}

# _sandglass_share LIST: its words. Folders behind path= are left to readline.
_sandglass_share() {
    local done=${1%"${1##*,}"} last=${1##*,} word choices=()
    for word in path= tag= rw owner= bus=pci bus=mmio; do
        [[ ,$done == *,"${word%%=*}"[=,]* ]] || choices+=("$done$word")
    done
    if [[ $last == path=* ]]; then
        compopt -o default
    else
        _sandglass_reply "$1" "${choices[@]}"
    fi
}

# _sandglass_hart LIST: a rate behind a list of harts.
_sandglass_hart() {
    local last=${1##*,}
    [[ $last != *:* ]] || _sandglass_reply "$1" "${1%"${last#*:}"}"{ips=,shift=}
}

# _sandglass_net LIST: what a network of user mode takes.
_sandglass_net() {
    local done=${1%"${1##*,}"} choices=(none user)
    if [ -n "$done" ]; then
        choices=(hostfwd=tcp: hostfwd=udp:)
        [[ ,$done == *,restrict=* ]] || choices+=(restrict=on restrict=off)
        [[ ,$done == *,net=* ]] || choices+=(net=)
        [[ ,$done == *,mac=* ]] || choices+=(mac=)
        [[ ,$done == *,bus=* ]] || choices+=(bus=pci bus=mmio)
    fi
    _sandglass_reply "$1" "${choices[@]/#/$done}"
}

# _sandglass_window PLACES: a place on either side of the dots.
_sandglass_window() {
    local from=''
    [[ $1 != *..* ]] || from=${1%"${1##*..}"}
    _sandglass_reply "$1" "$from"{vtime:,symbol:,line:,marker}
}

# _sandglass_value OPTION VALUE: completes what an option of run takes.
_sandglass_value() {
    local value=$2
    case $1 in
    kernel | initrd | elf | signature | stats | dump-file | D | log | file | output | symbols)
        compopt -o default
        ;;
    bios)
        mapfile -t COMPREPLY < <(compgen -W 'default none' -f -- "$value")
        compopt -o filenames
        ;;
    memory | m) _sandglass_reply "$value" 512M 1G 2G 4G 8G ;;
    smp) _sandglass_reply "$value" 1 2 4 8 ;;
    cpu) _sandglass_cpu "$value" ;;
    drive) _sandglass_drive "$value" ;;
    machine | M) _sandglass_reply "$value" virt ;;
    net | nic) _sandglass_net "$value" ;;
    console | serial | virtconsole)
        if [[ $value == @(file|unix|pty):* ]]; then
            compopt -o default
        else
            _sandglass_reply "$value" stdio stdout null file: unix: tcp: pty
        fi
        ;;
    gdb)
        if [[ $value == unix:* ]]; then
            compopt -o default
        else
            _sandglass_reply "$value" 1234 unix: tcp:
        fi
        ;;
    share) _sandglass_share "$value" ;;
    sysroot)
        mapfile -t COMPREPLY < <(compgen -W 'disk:' -d -- "$value")
        compopt -o filenames
        ;;
    icount) _sandglass_icount "$value" ;;
    hart) _sandglass_hart "$value" ;;
    time) _sandglass_reply "$value" lockstep lockstep,monotonic={on,off} token free ;;
    against) _sandglass_reply "$value" jit interp check ;;
    count) _sandglass_reply "$value" callers flat nothing ;;
    engine) _sandglass_reply "$value" auto jit interp check ;;
    dump | d) _sandglass_dump "$value" ;;
    rtc) _sandglass_reply "$value" base= ;;
    window) _sandglass_window "$value" ;;
    esac
}

# _sandglass_filter LIST: kinds of code, harts and processes.
_sandglass_filter() {
    local done=${1%"${1##*,}"} word choices=()
    for word in firmware kernel user hart: process:; do
        [[ ,$done == *,"$word"* ]] || choices+=("$done$word")
    done
    _sandglass_reply "$1" "${choices[@]}"
}

# _sandglass_report WORD PREVIOUS: an option of report, its value, or a profile.
_sandglass_report() {
    local word=$1 option=''
    if [[ $word == -*=* ]]; then
        option=${word%%=*} word=${word#*=}
    elif [[ $2 == -* && $2 != *=* ]]; then
        option=$2
    fi
    option=${option#-}
    case ${option#-} in
    format) _sandglass_reply "$word" text html folded callgrind trace speedscope ;;
    by) _sandglass_reply "$word" function process mode hart ;;
    filter) _sandglass_filter "$word" ;;
    fail-if) _sandglass_reply "$word" func: self: process: mode: hart: probe: 'all>' ;;
    output) compopt -o default ;;
    *)
        if [[ $word == -* ]]; then
            _sandglass_options "$word" format output by filter fail-if help
        else
            [[ $2 != report ]] || _sandglass_reply "$word" diff
            compopt -o default
        fi
        ;;
    esac
}

# _sandglass_profile WORD PREVIOUS FIRST: options of a run; or, behind a log or a snapshot, of those
# who go on from there.
_sandglass_profile() {
    local names="$_sandglass_profile $_sandglass_run"
    if [[ -n $3 && $3 != -* ]]; then
        names="$_sandglass_profile $_sandglass_replay chaos stop-at stop-at-vtime"
    elif [[ -z $3 && $1 != -* ]]; then
        compopt -o default
    fi
    _sandglass_run_word "$1" "$2" "$names"
}

# _sandglass_run_word WORD PREVIOUS NAMES: completes an option among NAMES, or its value.
_sandglass_run_word() {
    local word=$1 option='' names
    local flags='no-reboot|no-sandbox|state-hash|gdb-wait|until-fail|verify|help|nographic|s|S'
    if [[ $word == -*=* ]]; then
        option=${word%%=*} word=${word#*=}
    elif [[ $2 == -* && $2 != *=* && ${2#-} != ?(-)@($flags) ]]; then
        option=$2
    fi
    if [ -n "$option" ]; then
        option=${option#-}
        _sandglass_value "${option#-}" "$word"
    else
        read -rd '' -a names <<<"$3"
        _sandglass_options "$word" "${names[@]}"
    fi
}

# Words are taken from the line, because bash's own are cut at = and :.
_sandglass() {
    local line=${COMP_LINE:0:COMP_POINT} words word=''
    COMPREPLY=()
    read -ra words <<<"$line"
    if [[ $line != *[[:space:]] ]]; then
        word=${words[-1]}
        unset 'words[-1]'
    fi
    case ${words[1]-} in
    '')
        # shellcheck disable=SC2086 # words
        _sandglass_reply "$word" $_sandglass_commands
        ;;
    run | clocks)
        _sandglass_run_word "$word" "${words[-1]}" "$_sandglass_explore $_sandglass_run"
        ;;
    debug) _sandglass_run_word "$word" "${words[-1]}" "$_sandglass_run" ;;
    verify)
        _sandglass_run_word "$word" "${words[-1]}" "against hash-every $_sandglass_run"
        ;;
    profile) _sandglass_profile "$word" "${words[-1]}" "${words[2]-}" ;;
    record)
        _sandglass_run_word "$word" "${words[-1]}" \
            "$_sandglass_record $_sandglass_explore $_sandglass_run"
        ;;
    snapshot)
        _sandglass_run_word "$word" "${words[-1]}" "$_sandglass_snapshot $_sandglass_run"
        ;;
    replay | restore)
        local list=_sandglass_${words[1]}
        if [[ ${#words[@]} == 2 && $word != -* ]]; then
            compopt -o default
        else
            _sandglass_run_word "$word" "${words[-1]}" "${!list}"
        fi
        ;;
    disasm)
        if [[ $word == -* ]]; then
            _sandglass_options "$word" words help
        elif [[ ${words[2]-} != -* ]]; then
            compopt -o default
        fi
        ;;
    report) _sandglass_report "$word" "${words[-1]}" ;;
    symbols)
        if [[ $word == -* && $word != *=* ]]; then
            _sandglass_options "$word" kernel elf help
        else
            compopt -o default
        fi
        ;;
    esac
}

complete -F _sandglass sandglass
