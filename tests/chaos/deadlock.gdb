# SPDX-License-Identifier: GPL-2.0-or-later
# No hart will ever get on. Who took each lock last, and which way was the money to go?
monitor seek STEPS
maintenance flush register-cache
printf "= both locks are taken, by harts %d and %d\n", accounts[0].holder, accounts[1].holder
#= both locks are taken, by harts 0 and 1
python
def taken(account):
    """Back to where the lock of an account was taken: by whom, and with what other."""
    gdb.execute("watch accounts[%d].holder" % account)
    gdb.execute("reverse-continue", to_string=True)
    gdb.execute("delete")
    frame = gdb.selected_frame()
    while frame.name() != "move":
        frame = frame.older()
    first = int(frame.read_var("from")) == int(gdb.parse_and_eval("&accounts[%d]" % account))
    print("= the lock of %d: by hart %s, as its first: %s" %
          (account, gdb.parse_and_eval("$mhartid"), first))

taken(0)
gdb.execute("monitor seek STEPS", to_string=True)
gdb.execute("maintenance flush register-cache")
taken(1)
end
#= the lock of 0: by hart 0, as its first: True
#= the lock of 1: by hart 1, as its first: True
detach
