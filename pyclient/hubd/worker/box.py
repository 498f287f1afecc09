"""What runs in the sandbox: imports a hubconf.py once and says what is in it.

Usage: python -I -B box.py PROCESSES [DIRECTORY...]

PROCESSES is the most processes the sandbox may have, the DIRECTORYs are those of
the installation that the isolated interpreter does not find by itself. Reads an
InspectRequest as JSON from descriptor 3, answers with one frame on descriptor 4:
b"HUBD\\x01", the length as 4 bytes little endian, an InspectResult as JSON.

Runs on every Python from 3.8 on, with the standard library alone. Nothing it
says is believed: the code that it imports can say the same.
"""

import importlib.util
import inspect
import json
import linecache  # noqa: F401  (see main)
import os
import resource
import signal
import site
import struct
import sys
import tokenize  # noqa: F401  (see main)
import traceback
import types

REPO = "/repo"
HUBCONF = "hubconf.py"
REQUEST_FD = 3
RESULT_FD = 4
SIGNAL_BASE = 128

# What the host takes; more is cut here, where it can be cut with sense.
MAX_ENTRYPOINTS = 4096
MAX_FRAME = 4 << 20
MAX_DOC = 64 << 10
MAX_NAME = 128
MAX_SUMMARY = 512
MAX_SUMMARY_SOURCE = 4096
MAX_MESSAGE = 1024
MAX_TRACEBACK = 2048
MAX_DEPENDENCIES = 256


class Failed(Exception):
    """The answer is a Failure, with these fields."""

    def __init__(self, kind, **fields):
        super().__init__(kind)
        self.fields = dict(fields, kind=kind)


def text(value, limit):
    """Any object as a str that UTF-8 can hold, at most `limit` characters."""
    try:
        value = value if type(value) is str else str(value)
    except BaseException as error:
        value = "<%s while printing>" % type(error).__name__
    return value[:limit].encode("utf-8", "replace").decode("utf-8")


def describe(kind, error):
    """The Failure for an exception that the repo's code raised."""
    trace = error.__traceback__
    while trace and not trace.tb_frame.f_code.co_filename.startswith(REPO + "/"):
        trace = trace.tb_next
    try:
        lines = "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:
        lines = ""
    missing = []
    if isinstance(error, ImportError) and error.name:
        missing = [text(error.name, MAX_MESSAGE)]
    return Failed(
        kind,
        exception=text(type(error).__name__, MAX_MESSAGE),
        message=text(error, MAX_MESSAGE),
        traceback=text(lines[-MAX_TRACEBACK:], MAX_TRACEBACK),
        missing=missing,
    )


def import_hubconf():
    """Imports REPO/hubconf.py as torch.hub does: not in sys.modules."""
    path = os.path.join(REPO, HUBCONF)
    if not os.path.isfile(path):
        raise Failed("HUBCONF_MISSING", message="there is no " + HUBCONF)
    spec = importlib.util.spec_from_file_location(HUBCONF, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise describe("IMPORT_FAILED", error) from None
    return module


def attribute(module, name):
    return getattr(module, name) if name in dir(module) else None


def dependencies_of(module):
    names = attribute(module, "dependencies")
    if not isinstance(names, (list, tuple, set, frozenset)):
        return []
    return [name for name in names if isinstance(name, str)][:MAX_DEPENDENCIES]


def is_installed(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def doc_of(function, limit=MAX_DOC):
    doc = getattr(function, "__doc__", None)
    # One more, so that the host sees that it is cut.
    return None if doc is None else text(doc, limit + 1)


def summary_of(function):
    doc = doc_of(function, MAX_SUMMARY_SOURCE) or ""
    return doc.strip().split("\n")[0][:MAX_SUMMARY]


def is_listed(name):
    return name.isidentifier() and name.isascii() and len(name) <= MAX_NAME


def list_of(module):
    names = [
        name
        for name in sorted(dir(module))
        if not name.startswith("__") and callable(getattr(module, name))
    ]
    listed = list(filter(is_listed, names))[:MAX_ENTRYPOINTS]
    return {
        "entrypoints": [
            {"name": name, "summary": summary_of(getattr(module, name))}
            for name in listed
        ],
        "omittedEntrypoints": len(names) - len(listed),
        "dependencies": [text(name, MAX_MESSAGE) for name in dependencies_of(module)],
    }


def help_of(module, name):
    missing = [d for d in dependencies_of(module) if not is_installed(d)]
    if missing:
        raise Failed(
            "MISSING_DEPENDENCY",
            message="Missing dependencies: " + text(", ".join(missing), MAX_MESSAGE),
            missing=[text(name, MAX_MESSAGE) for name in missing],
        )
    function = attribute(module, name)
    if not callable(function):
        raise Failed(
            "ENTRYPOINT_NOT_FOUND",
            message="Cannot find callable %s in hubconf" % name,
        )
    answer = {"dependencies": dependencies_of(module)}
    doc = doc_of(function)
    if doc is not None:
        answer["doc"] = doc
    try:
        answer["signature"] = text(name + str(inspect.signature(function)), MAX_DOC)
    except (TypeError, ValueError):
        pass
    return answer


def answer_to(request):
    try:
        module = import_hubconf()
        try:
            if request.get("entrypoint"):
                return help_of(module, request["entrypoint"])
            return list_of(module)
        except Failed:
            raise
        except BaseException as error:
            raise describe("IMPORT_FAILED", error) from None
    except Failed as failed:
        return {"failure": failed.fields}


def encode(answer):
    body = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    if len(body) > MAX_FRAME:
        for entrypoint in answer.get("entrypoints", []):
            entrypoint["summary"] = ""
        body = json.dumps(answer).encode("ascii")
    return b"HUBD\x01" + struct.pack("<I", len(body)) + body


def send(frame):
    while frame:
        frame = frame[os.write(RESULT_FD, frame) :]


def bound(processes):
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))


def prepare(directories):
    """Makes this process what code in a hubconf.py expects."""
    os.set_inheritable(RESULT_FD, False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    for directory in directories:
        if directory in sys.path:
            continue
        if os.path.basename(directory) in ("site-packages", "dist-packages"):
            site.addsitedir(directory)
        else:
            sys.path.append(directory)
    sys.argv = [HUBCONF]
    sys.modules["__main__"] = types.ModuleType("__main__")


def go_on_in_a_child(processes):
    """Returns in a child, bounded; the parent ends as that does.

    Whoever waits for the parent is told of its end by signal N as of exit status
    128 + N. So that one can be told from the other, the parent gives a status that
    looks so as 128, and says which it was. Where no child can be had, it is done
    without.
    """
    try:
        child = os.fork()
    except OSError:
        child = 0
    # Not before: where it counts all of a user's processes, the fork would fail.
    bound(processes)
    if child == 0:
        return
    os.close(RESULT_FD)
    _, end = os.waitpid(child, 0)
    if os.WIFSIGNALED(end):
        number = os.WTERMSIG(end)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
        # The first process of a namespace outlives it.
        os._exit(SIGNAL_BASE)
    status = os.WEXITSTATUS(end)
    if status > SIGNAL_BASE:
        os.write(2, b"it left with exit status %d\n" % status)
    os._exit(min(status, SIGNAL_BASE))


def main():
    """All modules that this program needs are imported before the repo comes
    first on sys.path, so that a json.py there takes the place of none of them.
    """
    ours = sys.modules["__main__"]  # Keeps these globals alive.
    streams = (sys.stdout, sys.stderr)
    with os.fdopen(REQUEST_FD, "rb") as stream:
        request = json.loads(stream.read().decode("utf-8"))
    go_on_in_a_child(int(sys.argv[1]))
    prepare(sys.argv[2:])
    sys.path.insert(0, REPO)
    frame = encode(answer_to(request))
    for stream in streams:
        try:
            stream.flush()
        except BaseException:
            pass
    send(frame)
    del ours
    # No atexit handler, thread or finaliser of the repo has the last word.
    os._exit(0)


if __name__ == "__main__":
    main()
