# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that ends while it is debugged: it stands still there, and goes back from there.
break guest_end
continue
printf "= code %ld\n", $a0
#= code 0
python before = int(gdb.parse_and_eval("$pc"))
continue
python print("= alive %s" % gdb.selected_thread().is_valid())
#= alive True
reverse-stepi
stepi
reverse-continue
python print("= back %s" % (int(gdb.parse_and_eval("$pc")) == before))
#= back True
printf "= code %ld\n", $a0
#= code 0
delete
continue
monitor seek 1000
maintenance flush register-cache
python print("= %s" % ("after 1000 steps" in gdb.execute("monitor where", to_string=True)))
#= True
continue
python print("= alive %s" % gdb.selected_thread().is_valid())
#= alive True
continue
python print("= exit code %s" % gdb.parse_and_eval("$_exitcode"))
#= exit code 0
