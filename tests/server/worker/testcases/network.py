print("RAN")


def ok():
    """Fine."""


import ctypes
import socket

libc = ctypes.CDLL(None, use_errno=True)


def attempt(what, family, address):
    try:
        peer = socket.socket(family, socket.SOCK_STREAM)
        peer.settimeout(1)
        peer.connect(address)
    except OSError:
        return
    print("BREACH", what)


attempt("tcp", socket.AF_INET, ("127.0.0.1", int("@PORT@")))
attempt("far", socket.AF_INET, ("192.0.2.1", 80))
attempt("unix", socket.AF_UNIX, "@SOCKET@")
attempt("abstract", socket.AF_UNIX, "\0@ABSTRACT@")
for family in list(range(2, 46)) + [1 << 16]:
    if family in (2, 10):
        continue
    for trick in (0, 1 << 32, 1 << 63):
        number = ctypes.c_ulong(family | trick)
        for kind in (1, 2, 3, 5):
            if libc.syscall(ctypes.c_long(41), number, kind, 0) >= 0:
                print("BREACH family", family, trick)
with open("/proc/net/dev") as devices:
    names = [line.split(":")[0].strip() for line in devices if ":" in line]
if names != ["lo"]:
    print("BREACH interfaces", names)
# What OneFlow does while it is imported.
local = socket.socket()
local.bind(("localhost", 0))
