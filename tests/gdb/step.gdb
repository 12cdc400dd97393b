# SPDX-License-Identifier: GPL-2.0-or-later
# A step is exactly one step of its hart; stepping over breakpoints takes none away.
set $i = 0
while $i < 20
  set $before = $mcycle
  stepi
  if $mcycle != $before + 1
    printf "= step %d: from %ld to %ld\n", $i, $before, $mcycle
  end
  set $i = $i + 1
end
printf "= after %ld\n", $mcycle
#= after 20
stepi 100
printf "= after %ld\n", $mcycle
#= after 120
break work if hart == 0 && round == 3
continue
set $before = $mcycle
stepi
printf "= %ld\n", $mcycle - $before
#= 1
break *$pc if $mhartid == 0
continue
printf "= round %d\n", round
#= round 4
delete
set $before = $mcycle
nexti 2
printf "= over %d\n", $mcycle - $before
#= over 2
detach
