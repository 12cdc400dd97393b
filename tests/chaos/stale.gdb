# SPDX-License-Identifier: GPL-2.0-or-later
# Hart 0 has found a connection that is none. Who wrote its magic last, and what did hart 0 do then?
break guest_end if $a0 == 2
continue
up
printf "= it is open: %d\n", connection->magic == MAGIC_OPEN
#= it is open: 0
set $victim = connection
delete
watch $victim->magic
reverse-continue
python
frame = gdb.selected_frame()
print("= written by hart %s in %s, called by %s" %
      (gdb.parse_and_eval("$mhartid"), frame.name(), frame.older().name()))
end
#= written by hart 1 in connection_free, called by reopen
printf "= it was open: %d\n", $victim->magic == MAGIC_OPEN
#= it was open: 1
thread 1
python print("= hart 0 was in %s" % gdb.selected_frame().name())
#= hart 0 was in packet_count
printf "= with the lock of the table: %d\n", table_lock
#= with the lock of the table: 0
detach
