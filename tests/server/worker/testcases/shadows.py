print("RAN")


def ok():
    """Fine."""


import json

if json.__file__.startswith("/repo"):
    print("BREACH")
