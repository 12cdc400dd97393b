#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/demo fails when its two runs differ in anything, or when one of them fails.
#
# A small guest stands in for the Debian boot: what is tested is the comparison.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

guest hello <<'EOF'
    li t0, UART
    li t1, 'h'
    sb t1, 0(t0)
    li t1, '\n'
    sb t1, 0(t0)
    la t0, tohost
    li t1, 1
    sd t1, 0(t0)
1:  j 1b
EOF

# The demo's folder is ours, so that it needs neither guest nor build.
ln -s "$root/tools" tools
mkdir -p out/guest
for file in vmlinux initramfs.cpio.gz fw_dynamic.bin; do
    : >out/guest/$file
done

# Keeps of the demo's options those that results come from, adds those of FIRST or of SECOND, and
# runs the small guest.
cat >out/sandglass <<EOF
#!/bin/bash
options=()
while [ \$# -gt 0 ]; do
    case \$1 in
    --console | --stats)
        options+=("\$1" "\$2")
        shift
        ;;
    --state-hash) options+=("\$1") ;;
    esac
    shift
done
more=\$FIRST
[ ! -e ran ] || more=\$SECOND
: >ran
[ "\$more" != console ] || { echo noise; more=; }
exec '$sandglass' run --elf hello.elf "\${options[@]}" \$more
EOF
chmod +x out/sandglass

# demo FIRST SECOND [OPTION]...: runs it with these options for the two runs.
demo() {
    local first=$1 second=$2
    shift 2
    command="cd $work; rm -f ran; FIRST='$first' SECOND='$second' SANDGLASS=out/sandglass \
TMPDIR=$work timeout 60 tools/demo $*"
    eval "$command" >stdout 2>stderr </dev/null
    status=$?
}

# expect_demo STATUS STDOUT STDERR: the status, and what has to be found; '' stands for no text.
expect_demo() {
    checks=$((checks + 1))
    if [ "$status" != "$1" ]; then
        fail "status $status, not $1"
    elif [ -n "$2" ] && ! grep -Eq -e "$2" stdout; then
        fail "no line like: $2"
    elif [ -z "$2" ] && [ -s stdout ]; then
        fail 'something on standard output'
    elif [ -n "$3" ] && ! grep -Eq -e "$3" stderr; then
        fail "no error like: $3"
    elif [ -z "$3" ] && [ -s stderr ]; then
        fail 'not silent'
    fi
}

# -- Agreement: nothing on standard error, which is a pipe, and nothing left behind
demo '' ''
expect_demo 0 '^The two runs agree' ''
expect_demo 0 '^h$' ''
expect_demo 0 '^steps +[0-9]+ +[0-9]+$' ''
expect_demo 0 '^state hash +([0-9a-f]{32}) \1$' ''
expect_equal 'left behind' "$(echo sandglass-demo.*)" 'sandglass-demo.*'

# -- Difference: of the state alone, of time, of the console alone; both runs are kept
demo '' '--seed 1'
expect_demo 1 '^The two runs DIFFER: state hash\.$' 'sandglass-demo\.'
expect_equal 'kept for inspection' "$(ls sandglass-demo.*)" "$(printf '%s\n' \
    1.console 1.json 2.console 2.json log)"
rm -rf sandglass-demo.*
demo '' '--icount shift=4'
expect_demo 1 '^The two runs DIFFER: .*virtual time.*state hash' 'sandglass-demo\.'
demo console ''
expect_demo 1 '^The two runs DIFFER: console\.$' 'sandglass-demo\.'

# -- Failure: its status, and one line with what the program said
demo '--stop-at 3' ''
expect_demo 75 'run --kernel' '^tools/demo: the first boot failed .*: sandglass: stopped'
demo '' '--stop-at 3'
expect_demo 75 '^h$' '^tools/demo: the second boot failed .*: sandglass: stopped'
demo '' '' --nonsense
expect_demo 64 '' "unknown option '--nonsense'"
rm out/guest/vmlinux
demo '' ''
expect_demo 69 '' 'no out/guest/vmlinux: run tools/setup'
rm out/sandglass
demo '' ''
expect_demo 69 '' 'no .*out/sandglass: run make'

finish
