"""A way to an origin that counts what passes, when, and resets connections.

Wire starts this file as a program of its own, so that the bench's own work does not
slow what passes. It needs the standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

# What lies unsent in a connection that is reset was counted and goes lost.
_BUFFER = 256 << 10


class Wire:
    """https://localhost:PORT, which is the origin at `target`. A context manager.

    resets: the share of connections that are reset in the midst of a body, the first
    one always; which and where is told by `seed`, at 64 KiB to `most` bytes.
    """

    def __init__(
        self, target: int, *, resets: float = 0, seed: int = 0, most: int = 0
    ) -> None:
        words = [str(word) for word in (target, resets, seed, most)]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"https://localhost:{int(self._answer()[0])}"

    def sent(self, least: int = 0) -> int:
        """The bytes that went to clients, those of TLS too; waits a second at most
        for so many."""
        return int(self._counts(least)[0])

    def resets(self) -> int:
        """How many connections were reset."""
        return int(self._counts()[1])

    def sent_at(self) -> float:
        """When the last of these bytes went, in seconds since 1970; 0: none did."""
        return self._counts()[2]

    def ended_at(self) -> float:
        """The same of the last connection that ended."""
        return self._counts()[3]

    def await_sent(self, size: int, process: subprocess.Popen[str]) -> None:
        """Waits for so many bytes, or for the end of who asks for them."""
        while self.sent(size) < size and process.poll() is None:
            pass

    def await_silence(self) -> None:
        """Waits until no byte goes to a client for a second."""
        sent = -1
        while self.sent(sent + 1) > sent:
            sent = self.sent()

    def _counts(self, least: int = 0) -> list[float]:
        assert self._process.stdin
        self._process.stdin.write(f"{least}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> list[float]:
        assert self._process.stdout
        return [float(word) for word in self._process.stdout.readline().split()]

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The end of its input ends it.
        self._process.communicate()


class Cuts:
    """After how many bytes each connection is reset, in their order."""

    def __init__(self, share: float, seed: int, most: int) -> None:
        self._share = share
        self._most = max(most, 64 << 10)
        self._numbers = random.Random(seed)
        self._first = True

    def next(self) -> int | None:
        """None: not at all."""
        first, self._first = self._first, False
        chosen = self._numbers.random() < self._share
        after = self._numbers.randint(64 << 10, self._most)
        return after if self._share > 0 and (first or chosen) else None


class _Relay:
    def __init__(self, target: int, cuts: Cuts) -> None:
        self._target = target
        self._cuts = cuts
        self.sent = 0
        self.resets = 0
        self.sent_at = 0.0
        self.ended_at = 0.0
        # Who waits, and for how many bytes.
        self._least = 0
        self._reached = asyncio.Event()

    async def await_sent(self, least: int) -> None:
        """Returns after so many bytes, or a second."""
        self._least = least
        self._reached.clear()
        if self.sent < least:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._reached.wait(), 1)

    async def accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        running = set()
        while True:
            client, _ = await loop.sock_accept(listener)
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            task = asyncio.create_task(self._serve(client, self._cuts.next()))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _serve(self, client: socket.socket, cut: int | None) -> None:
        loop = asyncio.get_running_loop()
        with client, socket.socket() as origin:
            origin.setblocking(False)
            await loop.sock_connect(origin, ("127.0.0.1", self._target))
            ways = [
                asyncio.create_task(self._carry(client, origin, None, counted=False)),
                asyncio.create_task(self._carry(origin, client, cut, counted=True)),
            ]
            # Where one side ends, so does the other.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
        self.ended_at = time.time()

    async def _carry(
        self, source: socket.socket, sink: socket.socket, cut: int | None, counted: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        buffer = memoryview(bytearray(_BUFFER))
        left = cut
        with contextlib.suppress(OSError):
            while size := await loop.sock_recv_into(source, buffer[:left]):
                await loop.sock_sendall(sink, buffer[:size])
                if counted:
                    self.sent += size
                    self.sent_at = time.time()
                if self.sent >= self._least:
                    self._reached.set()
                if left is not None:
                    left -= size
                    if left == 0:
                        self.resets += 1
                        return _reset(sink)


def _reset(connection: socket.socket) -> None:
    """Its close, which follows, sends RST."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def _run(target: int, cuts: Cuts) -> None:
    loop = asyncio.get_running_loop()
    relay = _Relay(target, cuts)
    with socket.socket() as listener:
        listener.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        accepting = asyncio.create_task(relay.accept(listener))
        print(listener.getsockname()[1], flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            await relay.await_sent(int(line))
            counts = (relay.sent, relay.resets, relay.sent_at, relay.ended_at)
            print(*counts, flush=True)
        accepting.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=int)
    parser.add_argument("resets", type=float)
    parser.add_argument("seed", type=int)
    parser.add_argument("most", type=int)
    options = parser.parse_args()
    cuts = Cuts(options.resets, options.seed, options.most)
    asyncio.run(_run(options.target, cuts))


if __name__ == "__main__":
    main()
