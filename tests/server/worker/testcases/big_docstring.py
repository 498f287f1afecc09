print("RAN")


def ok():
    """Fine."""


ok.__doc__ = "d" * (100 << 20)
for number in range(20000):
    globals()["f%d" % number] = ok
