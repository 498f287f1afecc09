import os

print("RAN")


def ok():
    """Fine."""


import signal
import socket

for _ in range(20):
    if os.fork() == 0:
        break
held = []
try:
    while True:
        held.extend(socket.socketpair())
        for end in held[-2:]:
            end.setblocking(False)
            try:
                while True:
                    end.send(bytes(1 << 16))
            except BlockingIOError:
                pass
except OSError:
    signal.pause()
