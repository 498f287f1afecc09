"""How a row of bad input is judged: the error, and that it leaves nothing behind."""

from __future__ import annotations

from typing import Any

from tests.e2e.machine import Machine
from tests.e2e.system_machine import SystemMachine
from tests.origin import Origin

MODES = ["user", "system"]

# How a command for a checkpoint ends: exit code and reason.
UNAVAILABLE = (1, "UPSTREAM_UNAVAILABLE")
FORBIDDEN = (4, "UPSTREAM_FORBIDDEN")
NOT_FOUND = (5, "CHECKPOINT_NOT_FOUND")
LIMITED = (1, "RATE_LIMITED")


def start_machine(mode: str, origin: Origin, extra: str = "") -> Machine:
    """A machine with a user's daemon or the system's; `extra` begins in [net]."""
    if mode == "user":
        machine = Machine(origin)
        machine.configure(extra)
        return machine
    system = SystemMachine(origin)
    system.configure(extra)
    system.start_daemon()
    return system


def kept(machine: Machine) -> object:
    """All that a failed call could leave or end: objects, records, staging, catalog,
    and the daemon.

    What a host answers about its refs is worth keeping, whatever is asked of them.
    """
    catalog = machine.json("cache", "ls")
    store = machine.store()
    files = sorted(
        (str(path.relative_to(store)), path.lstat().st_mtime_ns)
        for part in ("blobs", "trees", "unpacked", "records", "tmp")
        for path in store.joinpath(part).rglob("*")
        if not path.is_dir() and path.parent.name != "ref"
    )
    return catalog, files, (store / "LOCK").read_text()


def fails(
    machine: Machine,
    *arguments: str,
    end: tuple[int, str],
    words: tuple[str, ...] = (),
) -> Any:
    """Runs hubctl, which must fail so and leave nothing behind; returns the error.

    `words` must stand in the message.
    """
    before = kept(machine)
    code, reason = end
    error = machine.json(*arguments, code=code)["error"]
    message = error["message"]
    assert error["reason"] == reason, error
    for word in words:
        assert word in message, message
    assert message.isprintable(), message
    assert len(message) < 1000, "the end of the message may be lost"
    assert kept(machine) == before
    assert not list(machine.store("tmp").iterdir())
    return error


def fetches(machine: Machine, url: str, data: bytes, *flags: str) -> None:
    """Runs `hubctl fetch`, which must give these bytes."""
    path = machine.hubctl("fetch", url, *flags).stdout.strip()
    with open(path, "rb") as file:
        assert file.read() == data
