import os

print("RAN")


def ok():
    """Fine."""


def attempt(path):
    try:
        if os.path.isdir(path):
            found = os.listdir(path)
        else:
            found = open(path, "rb").read()
    except OSError:
        return
    print("BREACH", path, found[:80])


for path in [
    "@BAIT@",
    "@HOME@",
    "@HOME@/.netrc",
    "/etc/shadow",
    "/etc/machine-id",
    "/root",
    "/home",
    "/var",
    "/run",
    "/proc/1/mem",
    "/proc/kcore",
    "/repo/../@BAIT@",
    "/proc/1/root@BAIT@",
    "/proc/1/cwd/@BAIT@",
    "/repo/link",
    "/var/log",
    "/sys/kernel",
    "/dev/mem",
    "/dev/zero",
    "/dev/ptmx",
    "/dev/shm",
    "/dev/tty",
]:
    attempt(path)
for process in os.listdir("/proc"):
    for name in ("environ", "cmdline", "mem", "maps"):
        try:
            data = open("/proc/%s/%s" % (process, name), "rb").read(1 << 20)
        except OSError:
            continue
        if b"@SECRET@" in data:
            print("BREACH", process, name)
if "@SECRET@" in str(os.environ):
    print("BREACH environment")
# The first one, the box and its child.
if len([p for p in os.listdir("/proc") if p.isdigit()]) > 3:
    print("BREACH sees other processes")
