import fcntl
import os
import sys

print("RAN")


def ok():
    """Fine."""


def attempt(what, function, *arguments):
    try:
        function(*arguments)
    except OSError:
        return
    print("BREACH", what, arguments)


def overwrite(path):
    with open(path, "r+b") as file:
        file.write(b"x")


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


python = os.path.realpath(sys.executable)
for path in [
    "/repo/hubconf.py",
    "/hubd/box.py",
    python,
    os.__file__,
    "/etc/passwd",
    "/proc/self/fd/3",
    "/proc/sys/kernel/core_pattern",
    "/proc/1/mem",
    "/proc/self/uid_map",
    "/proc/sysrq-trigger",
    "/proc/1/oom_score_adj",
]:
    attempt("overwrite", overwrite, path)
    attempt("chmod", os.chmod, path, 0o777)
    attempt("unlink", os.unlink, path)
    if not path.startswith("/proc"):
        attempt("utime", os.utime, path)
    attempt("rename", os.rename, path, path + "x")
    attempt("link", os.link, path, "/tmp/x")
for path in [
    "/",
    "/repo",
    "/hubd",
    "/tmp",
    "/tmp/home",
    "/usr/lib",
    "/dev",
    "/etc",
    "/sys",
    "/proc",
    sys.prefix,
]:
    attempt("create", create, path + "/x")
    attempt("mkdir", os.mkdir, path + "/y")
    attempt("mkfifo", os.mkfifo, path + "/z")
    attempt("symlink", os.symlink, "/etc", path + "/s")
for path in ["/repo", "/repo/hubconf.py", python]:
    file = os.open(path, os.O_RDONLY)
    attempt("lock", fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    attempt("lease", fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
