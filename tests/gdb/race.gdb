# SPDX-License-Identifier: GPL-2.0-or-later
# From the failure back to what lost an increment: a store that took the counter back, and, on the
# same hart, the load that it rests on, since which the other hart has stored.
break guest_end if $a0 != 0
continue
printf "= increments lost: %d\n", counter < finished * 2000
#= increments lost: 1
delete
watch counter
python
def counter():
    return int(gdb.parse_and_eval("counter"))

def instruction():
    return gdb.execute("x/i $pc", to_string=True).split(":")[1].split()[0]

for _ in range(1000):
    later = counter()
    gdb.execute("reverse-continue", to_string=True)
    if counter() > later:
        break
thread = gdb.selected_thread().num
print("= by %s in %s, the counter was taken back: %s" %
      (instruction(), gdb.selected_frame().name(), counter() > later))
gdb.execute("delete")
while instruction() != "ld":
    gdb.execute("reverse-stepi", to_string=True)
print("= its %s, on the same hart: %s, found one less than it stored: %s" %
      (instruction(), gdb.selected_thread().num == thread, counter() == later - 1))
end
#= by sd in increment, the counter was taken back: True
#= its ld, on the same hart: True, found one less than it stored: True
detach
