import os

print("RAN")


def ok():
    """Fine."""


import signal

os.kill(os.getpid(), signal.SIGSTOP)
