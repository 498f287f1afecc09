print("RAN")


def ok():
    """Fine."""


for name in ["\x1b[31m", "a b", "../x", "\u202e", "n" * 1000, "\ud800"]:
    globals()[name] = ok
globals()["ok2"] = ok
print("\x1b[2J\u202eprinted\r\x07")
