# SPDX-License-Identifier: GPL-2.0-or-later
# Who wrote the balance last, and who before? One took back what the other had paid in.
break guest_end if $a0 != 0
continue
printf "= the balance lacks something: %d\n", balance < 303
#= the balance lacks something: 1
delete
watch balance
python
def balance():
    return int(gdb.parse_and_eval("balance"))

def instruction():
    return gdb.execute("x/i $pc", to_string=True).split(":")[1].split()[0]

for _ in range(10):
    later = balance()
    gdb.execute("reverse-continue", to_string=True)
    if balance() > later:
        break
thief = gdb.selected_thread().num
print("= %s in %s took back what was paid in: %s" %
      (instruction(), gdb.selected_frame().name(), balance() > later))
before = balance()
gdb.execute("reverse-continue", to_string=True)
print("= that had been paid in just before, by the other hart: %s" %
      (gdb.selected_thread().num != thief and balance() < before))
gdb.execute("delete")
gdb.execute("set scheduler-locking on")
gdb.execute("thread %d" % thief, to_string=True)
for _ in range(10):
    if instruction() == "ld":
        break
    gdb.execute("reverse-stepi", to_string=True)
print("= it rests on an %s before that, on its hart: %s" %
      (instruction(), gdb.selected_thread().num == thief and balance() == before - 100))
end
#= sd in pay took back what was paid in: True
#= that had been paid in just before, by the other hart: True
#= it rests on an ld before that, on its hart: True
detach
