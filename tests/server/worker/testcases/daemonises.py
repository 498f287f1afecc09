import os

print("RAN")


def ok():
    """Fine."""


import signal

signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, b"x")
        os.execv("/usr/bin/sleep", ["sleep", "@RARE@"])
    os._exit(0)
os.read(read, 1)
