import os

print("RAN")


def ok():
    """Fine."""


import struct


def frame(body):
    return b"HUBD\x01" + struct.pack("<I", len(body)) + body


leave = os._exit


def last_word(status):
    os.write(4, b"x")
    leave(status)


os._exit = last_word
