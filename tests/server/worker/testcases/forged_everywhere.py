import os

print("RAN")


def ok():
    """Fine."""


import struct


def frame(body):
    return b"HUBD\x01" + struct.pack("<I", len(body)) + body


forged = frame(b'{"entrypoints": [{"name": "forged"}]}')
for fd in range(3, 256):
    try:
        os.write(fd, forged)
    except OSError:
        pass
