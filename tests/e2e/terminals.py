"""Programs in a terminal, seen and used from its user's side."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.machine import TIMEOUT, Machine

_STEP = re.compile(r"\x1b\[(\d*)([A-Z])|[^\x1b]|(\x1b.*)", re.DOTALL)


class Terminal:
    """One of so many rows and columns, in which a program of the machine's runs.

    It knows what hubctl makes use of; another control sequence, and more lines than
    there are rows, are failures. A context manager, which ends the program.
    """

    def __init__(
        self,
        machine: Machine,
        *arguments: str | Path,
        rows: int = 24,
        columns: int = 80,
    ) -> None:
        self._lines = [""] * rows
        self._columns = columns
        self._row = self._column = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""
        self._stays = False
        # All that came.
        self.shown = ""
        words = list(map(str, arguments))
        self._child, self._fd = pty.fork()
        if self._child == 0:
            termios.tcsetwinsize(0, (rows, columns))
            os.execve(words[0], words, machine.environment())

    @property
    def lines(self) -> list[str]:
        """What can be seen, without empty lines at the end."""
        return "\n".join(line.rstrip() for line in self._lines).rstrip().split("\n")

    def modes(self) -> object:
        return termios.tcgetattr(self._fd)

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Until what can be seen is so."""
        end = time.monotonic() + TIMEOUT
        while not condition():
            assert self._read(end), f"it ended before {what}: {self.lines}"

    def ctrl_c(self) -> None:
        """The terminal makes a SIGINT of it, for all that run in it.

        It drops what it has not shown yet, be it half a sequence: from here on only
        `shown` goes on.
        """
        self._stays = True
        os.write(self._fd, b"\x03")

    def wait_end(self) -> int:
        """The program's exit code."""
        end = time.monotonic() + TIMEOUT
        while self._read(end):
            pass
        child, self._child = self._child, 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        os.close(self._fd)

    def _read(self, end: float) -> bool:
        """False: the last program in it has ended. It fails at `end`, monotonic."""
        left = max(0, end - time.monotonic())
        assert select.select([self._fd], [], [], left)[0], f"it stays: {self.lines}"
        try:
            data = os.read(self._fd, 4096)
        except OSError:
            return False
        text = self._decoder.decode(data)
        self.shown += text
        if not self._stays:
            self._show(self._rest + text)
        return True

    def _show(self, text: str) -> None:
        self._rest = ""
        for step in _STEP.finditer(text):
            number, command, rest = step.groups()
            if rest:
                assert re.fullmatch(r"\x1b(\[\d*)?", rest), f"it is not known: {rest!r}"
                self._rest = rest
            elif command:
                self._command(command, int(number or 1))
            else:
                self._put(step[0])

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
            assert self._row < len(self._lines), f"it scrolls: {self.lines}"
        elif self._column == self._columns:
            self._put("\r")
            self._put("\n")
            self._put(character)
        else:
            before = self._lines[self._row].ljust(self._column)
            after = before[self._column + 1 :]
            self._lines[self._row] = before[: self._column] + character + after
            self._column += 1

    def _command(self, command: str, number: int) -> None:
        assert command in "AJK", f"it is not known: {command}"
        if command == "A":
            self._row = max(self._row - number, 0)
            return
        self._lines[self._row] = self._lines[self._row][: self._column]
        if command == "J":
            below = len(self._lines) - self._row - 1
            self._lines[self._row + 1 :] = [""] * below
