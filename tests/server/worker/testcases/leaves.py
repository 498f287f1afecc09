import os

print("RAN")


def ok():
    """Fine."""


os._exit(3)
