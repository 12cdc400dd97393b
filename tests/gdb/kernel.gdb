# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel: its first instruction, then code of it at virtual addresses, under its own tables.
hbreak *0x80200000
continue
printf "= at %lx in mode %d, no translation: %d\n", $pc, $priv, $satp == 0
#= at 80200000 in mode 1, no translation: 1
delete
monitor seek 150000000
maintenance flush register-cache
printf "= after %ld steps of all, if alone: %d\n", 150000000, $mcycle <= 150000000
#= after 150000000 steps of all, if alone: 1
tbreak *$stvec
continue
printf "= trap handler %d, translated %d, mode %d\n", $pc == $stvec, $satp >> 60 != 0, $priv
#= trap handler 1, translated 1, mode 1
set $trapped = $sepc
set $first = *(int *)$trapped
printf "= code there %d\n", $first != 0
#= code there 1
stepi
stepi
printf "= past it %d\n", $pc != $stvec
#= past it 1
# Back into the trap, to the one before it, and to who wrote the word on its stack.
set $here = $mcycle
python hashes = [gdb.execute("monitor hash", to_string=True)]
# To be interrupted takes no step: before its first instruction the handler is not yet entered.
reverse-stepi 2
printf "= before the trap %d, %d steps back\n", $pc == $trapped, $here - $mcycle
#= before the trap 1, 2 steps back
break *$stvec
reverse-continue
printf "= the trap before %d, long ago %d\n", $pc == $stvec, $here - $mcycle > 100
#= the trap before 1, long ago 1
continue
printf "= the trap after %d, %d steps back\n", $pc == $stvec, $here - $mcycle
#= the trap after 1, 2 steps back
delete
set $top = $sp
watch *(long *)$top
reverse-continue
printf "= written earlier %d\n", $mcycle < $here
#= written earlier 1
delete
monitor seek 5000000
maintenance flush register-cache
printf "= no kernel yet: %d\n", $satp == 0
#= no kernel yet: 1
monitor seek 150000000
maintenance flush register-cache
tbreak *$stvec
continue
stepi
stepi
printf "= there again %d\n", $here - $mcycle
#= there again 0
python print("= the same hash: %s" % (gdb.execute("monitor hash", to_string=True) == hashes[0]))
#= the same hash: True
# Its own names, and what it says.
python
def place(name):
    said = gdb.execute("monitor seek " + name, to_string=True)
    return said.lstrip(".") + gdb.execute("monitor hash", to_string=True) # it shows progress
names = ["symbol:start_kernel", "symbol:schedule#10", "line:Platform Name", "marker"]
found = [place(name) for name in names]
print("= again %s" % (found[::-1] == [place(name) for name in reversed(names)]))
print("= in order %s" % (found[0].split()[1].isdigit()
                         and int(found[0].split()[1]) < int(found[1].split()[1])))
print("= no markers %s" % ("0 times" in found[3]))
end
#= again True
#= in order True
#= no markers True
detach
