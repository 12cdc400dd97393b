# SPDX-License-Identifier: GPL-2.0-or-later
# Backwards: steps, breakpoints, who wrote this last, out of a function, to the very beginning; and
# forth again to the same bits.
break work if hart == 0
ignore 1 100
continue
printf "= round %d\n", round
#= round 100
python hashes = [gdb.execute("monitor hash", to_string=True)]
set $here = $mcycle
reverse-stepi
printf "= back %d\n", $here - $mcycle
#= back 1
reverse-stepi 20
printf "= back %d\n", $here - $mcycle
#= back 21
stepi 21
printf "= again %d\n", $mcycle - $here
#= again 0
python print("= the same hash: %s" % (gdb.execute("monitor hash", to_string=True) == hashes[0]))
#= the same hash: True
reverse-continue
printf "= round %d\n", round
#= round 99
reverse-continue
printf "= round %d\n", round
#= round 98
reverse-continue 10
printf "= round %d\n", round
#= round 88
continue
printf "= round %d\n", round
#= round 89
delete
# In round 89, the sum is that of the squares up to 88.
watch accounts[0].sum
printf "= sum %ld\n", accounts[0].sum
#= sum 231044
reverse-continue
printf "= before it was written: %ld, in %d\n", accounts[0].sum, $_caller_is("guest_main")
#= before it was written: 223300, in 1
reverse-continue
printf "= before: %ld\n", accounts[0].sum
#= before: 215731
continue
printf "= written: %ld\n", accounts[0].sum
#= written: 223300
delete
tbreak square if $mhartid == 0
continue
printf "= square of %d\n", number
#= square of 88
reverse-finish
printf "= before the call, in work: %d\n", $_streq("work", "work") && $pc < (long)&guest_main
#= before the call, in work: 1
reverse-stepi
stepi
stepi
printf "= square of %d\n", $a0
#= square of 88
tbreak work if hart == 0 && round == 60
reverse-continue
printf "= round %d\n", round
#= round 60
reverse-next
reverse-step
reverse-continue
printf "= the beginning: %d steps\n", $mcycle
#= the beginning: 0 steps
monitor seek-time 50000
maintenance flush register-cache
thread 1
printf "= %d steps of 8 ns\n", $mcycle
#= 6250 steps of 8 ns
monitor seek-time 8
maintenance flush register-cache
printf "= %d step\n", $mcycle
#= 1 step
tbreak work if hart == 0 && round == 100
continue
printf "= there again: %d\n", $mcycle - $here
#= there again: 0
python print("= the same hash: %s" % (gdb.execute("monitor hash", to_string=True) == hashes[0]))
#= the same hash: True
detach
