import os

print("RAN")


def ok():
    """Fine."""


import struct


def frame(body):
    return b"HUBD\x01" + struct.pack("<I", len(body)) + body


os.write(4, frame(b"[" * (1 << 20)))
os._exit(0)
