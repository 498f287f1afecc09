"""Ends a machine's daemon in front of one of its steps: see `fault_points.cc`."""

from __future__ import annotations

import mmap
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

from tests.e2e.machine import Machine

# As `Orders` in fault_points.cc.
_ORDERS = struct.Struct("=qq32s64s")


class Step(NamedTuple):
    """That one, from 1, of the calls with `part` in its path."""

    call: str
    part: str
    number: int


def kind(step: str) -> tuple[str, str]:
    """The call, and the part of the store that it changes."""
    call, _, path = step.partition(" ")
    part = re.search(r"/store/(records/\w+|[\w.-]+)", path)
    return call, part[0] if part else ""


class FaultPoints:
    """The orders to the daemons that a machine starts from here on."""

    def __init__(self, machine: Machine) -> None:
        built = Path(os.environ["HUBD_TEST_HUBCTL"]).parents[1]
        library = built / "tests/e2e/libfault_points.so"
        # The loader only warns where there is none.
        assert library.exists(), f"build //tests/e2e:all; there is no {library}"
        path = machine.top / "fault-points"
        path.write_bytes(bytes(_ORDERS.size))
        self._log = path.with_name("fault-points.log")
        self._log.touch()
        program = machine.top / "hubd-with-fault-points"
        program.write_text(
            "#!/bin/sh\n"
            f"export LD_PRELOAD='{library}' HUBD_TEST_FAULT_POINTS='{path}'\n"
            f"exec '{machine.hubd}' \"$@\"\n"
        )
        program.chmod(0o755)
        machine.hubd = program
        with path.open("r+b") as file:
            self._orders = mmap.mmap(file.fileno(), _ORDERS.size)

    def note_steps(self) -> None:
        """From now on the daemon notes its steps."""
        self._order(-1, "", "")

    def end_before(self, call: str, part: str, number: int) -> None:
        """The daemon is to end before that one, from 1, of the steps that are this
        call with `part` in its path."""
        self._order(number, call, part)

    def stop(self) -> list[str]:
        """Orders no more; the steps that were noted, or the one that was not made."""
        self._orders[:8] = bytes(8)
        return self._log.read_text().splitlines()

    def _order(self, number: int, call: str, part: str) -> None:
        os.truncate(self._log, 0)
        orders = _ORDERS.pack(number, 0, call.encode(), part.encode())
        # The number last: then the daemon heeds the rest.
        self._orders[8:] = orders[8:]
        self._orders[:8] = orders[:8]
