import os

print("RAN")


def ok():
    """Fine."""


import struct


def frame(body):
    return b"HUBD\x01" + struct.pack("<I", len(body)) + body


os.write(4, b"HUBD\x01\xff\xff\xff\x00")
while True:
    os.write(4, b"x" * 65536)
