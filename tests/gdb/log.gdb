# SPDX-License-Identifier: GPL-2.0-or-later
# A recorded run: from any place to any other, over the states that the log holds, to its end and
# back from there.
python
def go(steps):
    gdb.execute("monitor seek %d" % steps, to_string=True)
    return gdb.execute("monitor hash", to_string=True)
last = go(1 << 60)
end = int(last.split()[3])
places = [end * i // 7 for i in range(7)]
first = {steps: go(steps) for steps in places}
again = {steps: go(steps) for steps in places[3:] + places[:3][::-1]}
print("= the same %s" % (first == again))
print("= all different %s" % (len(set(first.values())) == 7))
print("= the end %s" % (go(1 << 60) == last))
def place(name):
    said = gdb.execute("monitor seek " + name, to_string=True)
    return said + gdb.execute("monitor hash", to_string=True)
names = ["symbol:work#100", "marker:3#70", "marker#1", "0:5000", "vtime:200000"]
found = [place(name) for name in names]
for steps in [places[1], places[6], 0]:
    go(steps)
    again = [place(name) for name in reversed(names)][::-1]
    print("= places from %d%% %s" % (steps * 100 // end, found == again))
print("= %d places" % len(set(found)))
print("= %s" % place("symbol:wrok").split(";")[1].split("?")[0])
print("= %s" % place("marker:4").split(",")[0])
gdb.execute("maintenance flush register-cache", to_string=True)
end
#= the same True
#= all different True
#= the end True
#= places from 14% True
#= places from 85% True
#= places from 0% True
#= 5 places
#=  did you mean work
#= the run comes by 0 times up to here
break work if hart == 0 && round == 3
reverse-continue
printf "= round %d\n", round
#= round 3
python print("= alike %s" % (go(places[4]) == first[places[4]]))
#= alike True
delete
maintenance flush register-cache
continue
python print("= alive %s" % gdb.selected_thread().is_valid())
#= alive True
continue
python print("= exit code %s" % gdb.parse_and_eval("$_exitcode"))
#= exit code 0
