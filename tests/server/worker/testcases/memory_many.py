import os

print("RAN")


def ok():
    """Fine."""


import time

for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        hold = b"x" * (40 << 20)
        time.sleep(60)
time.sleep(60)
