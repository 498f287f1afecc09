print("RAN")


def ok():
    """Fine."""


import ctypes

ctypes.string_at(0)
