# SPDX-License-Identifier: GPL-2.0-or-later
# Breakpoints: with conditions and counts, temporary, in hardware's name, by source line; callers.
break work if hart == 0
continue
printf "= hart %d round %d\n", hart, round
#= hart 0 round 0
ignore 1 9
continue
printf "= hart %d round %d\n", hart, round
#= hart 0 round 10
delete
tbreak square if number == 20 && $mhartid == 0
continue
printf "= square of %d\n", number
#= square of 20
finish
printf "= is %d\n", $a0
#= is 400
up
printf "= from round %d\n", round
#= from round 20
hbreak work if hart == 0
continue
printf "= round %d\n", round
#= round 21
delete
next
step
printf "= in square of %d\n", number
#= in square of 21
detach
