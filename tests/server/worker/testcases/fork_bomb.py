import os

print("RAN")


def ok():
    """Fine."""


import signal

children = 0
while children < 500:
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        os.setsid()
        signal.pause()
        os._exit(0)
    children += 1
print("forked", children)
if children > 63:
    print("BREACH forked", children)
