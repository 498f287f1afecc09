import os

print("RAN")


def ok():
    """Fine."""


pipes = []
try:
    while len(pipes) < 5000:
        pipes.append(os.pipe())
except OSError:
    pass
if len(pipes) > 128:
    print("BREACH", len(pipes), "pipes")
for pair in pipes:
    os.close(pair[0])
    os.close(pair[1])
