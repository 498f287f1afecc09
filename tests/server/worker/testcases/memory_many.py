import os

print("RAN")


def ok():
    """Fine."""


import signal

for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        hold = b"x" * (40 << 20)
        signal.pause()
signal.pause()
