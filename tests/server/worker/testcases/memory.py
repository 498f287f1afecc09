print("RAN")


def ok():
    """Fine."""


hold = []
while True:
    hold.append(bytearray(1 << 22))
