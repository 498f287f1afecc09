import os

print("RAN")


def ok():
    """Fine."""


while True:
    os.write(1, b"x" * 65536)
