import os

print("RAN")


def ok():
    """Fine."""


os.close(4)
