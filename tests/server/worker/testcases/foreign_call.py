print("RAN")


def ok():
    """Fine."""


import ctypes

# getpid of the x32 architecture.
ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39))
print("BREACH")
