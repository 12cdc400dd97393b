# SPDX-License-Identifier: GPL-2.0-or-later
# Memory by virtual and physical address, found and compared; registers of all kinds; threads.
printf "= %s\n", greeting
#= executed instructions are the clock
find &greeting, +sizeof(greeting), 'c', 'l', 'o', 'c', 'k'
printf "= at %ld\n", (long)$_ - (long)&greeting
#= at 30
maintenance packet Qqemu.PhyMemMode:1
printf "= %s\n", greeting
#= executed instructions are the clock
maintenance packet Qqemu.PhyMemMode:0
printf "= in the boot ROM: %d\n", *(int *)0x1000
#= in the boot ROM: 0
# Where nothing is, and a device, which is not read.
python
print("= .text is %s" % gdb.execute("compare-sections .text", to_string=True).split(": ")[1].strip())
for address in (0x10000000, 0x40, 0xfffffffffffffffe):
    try:
        gdb.selected_inferior().read_memory(address, 4)
        print("= could read %x" % address)
    except gdb.MemoryError:
        print("= cannot read %x" % address)
answer = gdb.execute("monitor read 0x80000000 4", to_string=True)
print("= %s" % answer.split(":")[0])
print("= %d threads" % len(gdb.selected_inferior().threads()))
end
#= .text is matched.
#= cannot read 10000000
#= cannot read 40
#= cannot read fffffffffffffffe
#= 0x80000000
#= HARTS threads
printf "= mode %d, cause %ld, frm %d\n", $priv, $mcause, $frm
#= mode 3, cause 0, frm 0
thread HARTS
printf "= hart %ld\n", $mhartid
#= hart LAST
detach
