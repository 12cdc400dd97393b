# SPDX-License-Identifier: GPL-2.0-or-later
# Watchpoints: writes, reads, both.
watch accounts[0].sum
continue
printf "= sum %ld\n", accounts[0].sum
#= sum 1
python
code = gdb.selected_inferior().read_memory(int(gdb.parse_and_eval("$pc")) - 4, 4).tobytes()
wide, narrow = int.from_bytes(code, "little"), int.from_bytes(code[2:], "little")
store = wide & 0x7f == 0x23 or narrow & 3 == 0 and narrow >> 13 == 7
print("= right behind a store: %s" % store)
end
#= right behind a store: True
continue
printf "= sum %ld\n", accounts[0].sum
#= sum 5
continue
printf "= sum %ld calls %d\n", accounts[0].sum, accounts[0].calls
#= sum 14 calls 3
delete
rwatch looked_at
continue
set $seen = $mcycle
continue
printf "= read again %d\n", $mcycle > $seen
#= read again 1
delete
awatch accounts[0].calls
continue
set $read = accounts[0].calls
continue
printf "= read, then written: %d\n", accounts[0].calls - $read
#= read, then written: 1
delete
watch *(char *)&finished
continue
printf "= finished %ld\n", finished
#= finished 1
detach
