"""Finds the daemon of a root, or starts it.

The order, the same as in the C++ client: $HUBD_SOCKET; the system daemon's
socket; the address that the root's daemon wrote down; a daemon started here.
A socket counts only if something answers there whose uid we believe.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import select
import socket
import stat
import struct
import sys
import threading
import time
from typing import Dict, Iterator, List, Optional

from hubd._errors import DaemonUnreachable
from hubd._options import is_off

SYSTEM_SOCKET = "/run/hubd/hubd.sock"
_SERVICE_USER = "hubd"
_START_SECONDS = 30.0
_HELD_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_LOG_LINES = 20
# A socket's address holds so many bytes of a path.
_PATH_BYTES = 107
_WORD_BYTES = 8192


def default_root() -> str:
    """The root where nothing else was chosen."""
    home = os.environ.get("HUBD_HOME")
    if home:
        return home
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return os.path.join(cache, "hubd")


def canonical(root: str) -> str:
    """Absolute, links resolved as far as the path exists."""
    return os.path.realpath(os.path.abspath(os.path.expanduser(root)))


def find_or_start(root: str, explicit: Optional[str], wait: Optional[float]) -> str:
    """Gives the path of a socket where the daemon of `root` answers.

    explicit: that socket or none. wait: seconds that the caller has left; None:
    the usual bounds. Raises DaemonUnreachable.
    """
    try:
        return _find_or_start(root, explicit, wait)
    except OSError as error:
        raise DaemonUnreachable(
            f"cannot find or start hubd for {root}: {error}", metadata={"path": root}
        ) from error


def _find_or_start(root: str, explicit: Optional[str], wait: Optional[float]) -> str:
    chosen = explicit or os.environ.get("HUBD_SOCKET")
    if chosen:
        refusal = _refusal(chosen)
        if not refusal:
            return chosen
        raise DaemonUnreachable(
            f"no hubd answers at {chosen} ({refusal}): start one there, or unset "
            f"HUBD_SOCKET",
            metadata={"path": chosen},
        )
    found = SYSTEM_SOCKET if _answers(SYSTEM_SOCKET) else _from_address(root)
    if found:
        return found
    if chosen == "" or is_off("HUBD_AUTOSTART"):
        raise DaemonUnreachable(
            f"no hubd answers for {root}, and starting one is switched off "
            f"(HUBD_AUTOSTART, HUBD_SOCKET): run hubd --dir {root}",
            metadata={"path": root},
        )
    limit = _START_SECONDS if wait is None else min(wait, _START_SECONDS)
    return _start(root, time.monotonic() + limit)


def _answers(path: str) -> bool:
    """Whether a daemon we believe accepts connections at a path."""
    return not _refusal(path)


def _refusal(path: str) -> str:
    """Why nobody can be reached at a path; empty where a daemon we believe is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        refusal = _connect(peer, path)
        if refusal:
            return refusal
        size = struct.calcsize("3i")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    uid = struct.unpack("3i", credentials)[1]
    if uid not in _believed_uids():
        raise DaemonUnreachable(
            f"the socket {path} belongs to uid {uid}: it must be yours, root's "
            f"or the user {_SERVICE_USER}'s",
            metadata={"path": path},
        )
    return ""


def _connect(peer: socket.socket, path: str) -> str:
    peer.setblocking(False)
    until = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            peer.connect(path)
            return ""
        except BlockingIOError as error:
            # Somebody listens there, and many wait for him.
            if time.monotonic() >= until:
                return str(error)
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            # Python itself knows how long the path may be, and has no number for it.
            return error.strerror or "its path is longer than a socket's may be"


def _believed_uids() -> List[int]:
    uids = [os.geteuid(), 0]
    with contextlib.suppress(KeyError):
        uids.append(pwd.getpwnam(_SERVICE_USER).pw_uid)
    return uids


def _from_address(root: str) -> Optional[str]:
    try:
        with open(os.path.join(root, "store", "ADDRESS"), "rb") as file:
            address = os.fsdecode(file.readline().rstrip(b"\n"))
    except OSError:
        return None
    return address if address and _answers(address) else None


def _start(root: str, deadline: float) -> str:
    import hashlib

    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    with _start_lock(os.path.join(_socket_dir(), key + ".start"), deadline):
        return _from_address(root) or _spawn(root, deadline)


def _socket_dir() -> str:
    """The private directory for sockets; made if absent."""
    uid = os.geteuid()
    path = _runtime_dir(uid) or f"/tmp/hubd-{uid}"
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise DaemonUnreachable(
            f"{path} must be a directory of yours with mode 0700: remove it, or "
            f"set XDG_RUNTIME_DIR to a directory of yours",
            metadata={"path": path},
        )
    return path


def _runtime_dir(uid: int) -> str:
    """Where the daemon listens, too; empty where it finds no place there."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if not (base.startswith("/") and os.path.isdir(base)):
        return ""
    room = len(os.fsencode(base + "/hubd/0123456789abcdef.sock")) <= _PATH_BYTES
    return base + "/hubd" if room and os.stat(base).st_uid == uid else ""


@contextlib.contextmanager
def _start_lock(path: str, deadline: float) -> Iterator[None]:
    """Lets one client at a time start the daemon of a root."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.monotonic() >= deadline:
                raise DaemonUnreachable(
                    "another client has been starting hubd too long"
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        # Closing is not enough: a child forked meanwhile has it open, too.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def _program() -> str:
    import shutil

    named = os.environ.get("HUBD_DAEMON")
    if named:
        # The daemon starts in another directory.
        return os.path.abspath(shutil.which(named) or named)
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (here, os.path.dirname(sys.executable)):
        path = os.path.join(folder, "hubd")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    path = shutil.which("hubd") or ""
    if not path:
        raise DaemonUnreachable(
            "hubd is not installed: put it in PATH, or set HUBD_DAEMON to it"
        )
    return path


def _environment(ready: int) -> Dict[str, str]:
    """The daemon's; it runs in "/", so a relative path would lead nowhere."""
    environment = dict(os.environ, HUBD_READY_FD=str(ready))
    if environment.get("HUBD_CONFIG"):
        environment["HUBD_CONFIG"] = os.path.abspath(environment["HUBD_CONFIG"])
    return environment


def _spawn(root: str, deadline: float) -> str:
    import subprocess

    program = _program()
    ready, theirs = os.pipe()
    try:
        try:
            process = subprocess.Popen(
                [program, "--dir", root],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment(theirs),
                pass_fds=(theirs,),
                start_new_session=True,
            )
        except OSError as error:
            raise DaemonUnreachable(
                f"cannot start {program}: {error.strerror}; set HUBD_DAEMON to the "
                f"program hubd"
            ) from error
        finally:
            os.close(theirs)
        # It outlives this call; somebody must collect it when it ends. Where there
        # is no thread to do it, the kernel does after our own end.
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=process.wait, daemon=True).start()
        line = _read_line(ready, deadline)
    finally:
        os.close(ready)
    return _judge(line, program, root, deadline)


def _read_line(fd: int, deadline: float) -> str:
    """Reads up to a newline, the end, or the deadline."""
    line = b""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while not line.endswith(b"\n") and len(line) < _WORD_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise DaemonUnreachable("hubd was started but did not become ready in time")
        byte = os.read(fd, 1)
        if not byte:
            break
        line += byte
    return line.decode("utf-8", "replace").strip()


def _judge(line: str, program: str, root: str, deadline: float) -> str:
    """Turns what a started daemon says into the path of a socket."""
    word, _, rest = line.partition(" ")
    if word == "ready" and _answers(rest):
        return rest
    if word == "held":
        return _wait_for_holder(rest, root, deadline)
    if word == "error":
        raise DaemonUnreachable(f"hubd did not start: {rest}", metadata={"path": root})
    if word and word != "ready":
        raise DaemonUnreachable(
            f"{program} is not hubd: in place of a word about its start it said "
            f"{line[:200]!r}; set HUBD_DAEMON to the program hubd",
            metadata={"path": root},
        )
    raise DaemonUnreachable(
        f"{program} ended before it was ready{_log_end(root)}",
        metadata={"path": root},
    )


def _wait_for_holder(who: str, root: str, deadline: float) -> str:
    until = min(deadline, time.monotonic() + _HELD_SECONDS)
    while True:
        found = _from_address(root)
        if found:
            return found
        if time.monotonic() >= until:
            break
        time.sleep(_POLL_SECONDS)
    pid, host, path = (who.split(" ", 2) + ["-", "-"])[:3]
    raise DaemonUnreachable(
        f"{root} is held by the hubd with pid {pid} on host {host} (socket {path}), "
        f"which does not answer here: stop it there, or choose another root with "
        f"HUBD_HOME",
        metadata={"path": root},
    )


def _log_end(root: str) -> str:
    path = os.path.join(root, "store", "log")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()[-_LOG_LINES:]
    except OSError:
        return " and left no log"
    return f"; the end of {path}:\n" + "".join(lines)
