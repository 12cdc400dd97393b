# SPDX-License-Identifier: GPL-2.0-or-later
# Registers and memory are changed: the guest goes another way, and the run says that it is edited.
break work if hart == 0 && round == 5
continue
set var accounts[0].calls = 77
set $a1 = 999
set $f3 = 1.5
set $mscratch = 0x1234
printf "= %d %ld %.1f %x\n", accounts[0].calls, $a1, $f3.double, $mscratch
#= 77 999 1.5 1234
set $mcycle = 1000000
printf "= %ld\n", $mcycle
#= 1000000
stepi
printf "= %ld\n", $mcycle
#= 1000001
set var accounts[0].calls = 5
set $a1 = 5
delete
python print("= " + gdb.execute("monitor where", to_string=True).split("; ")[-1].strip())
#= edited
continue
