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
watch *(long *)$sp
delete
detach
