# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that ends while it is debugged.
break guest_end
continue
printf "= code %ld\n", $a0
#= code 0
continue
python print("= exit code %s" % gdb.parse_and_eval("$_exitcode"))
#= exit code 0
