import os

print("RAN")


def ok():
    """Fine."""


import signal

# All processes that it can reach are its own; the first one it cannot end.
for target in (1, -1):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV, signal.SIGKILL):
        if target == -1 and number != signal.SIGKILL:
            continue
        try:
            os.kill(target, number)
        except OSError:
            pass
