from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.bench.wire import Cuts, Wire

KIB = 1 << 10
SIZE = 3 << 20


@contextmanager
def origin() -> Iterator[int]:
    """Sends SIZE bytes for a line, and ends; its port."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                try:
                    client.recv(1)
                    client.sendall(bytes(SIZE))
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # A mere close leaves accept() waiting.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def ask(wire: Wire) -> tuple[int, bool]:
    """How much comes, and whether the connection breaks then."""
    port = int(wire.url.rpartition(":")[2])
    size = 0
    with socket.create_connection(("127.0.0.1", port)) as client:
        try:
            client.sendall(b"\n")
            while got := client.recv(1 << 16):
                size += len(got)
        except ConnectionResetError:
            return size, True
    return size, False


def test_all_passes_and_is_counted() -> None:
    with origin() as port, Wire(port) as wire:
        assert [ask(wire), ask(wire)] == [(SIZE, False)] * 2
        assert wire.sent() == 2 * SIZE
        assert wire.resets() == 0


def test_a_reset_breaks_a_connection_in_its_midst() -> None:
    with origin() as port, Wire(port, resets=1e-9, seed=1, most=SIZE // 2) as wire:
        size, broken = ask(wire)
        assert broken and size <= wire.sent() <= SIZE // 2
        # By chance it is the only one.
        assert ask(wire) == (SIZE, False)
        assert wire.resets() == 1


def test_the_last_byte_and_the_last_end_have_their_times() -> None:
    with origin() as port, Wire(port) as wire:
        assert (wire.sent_at(), wire.ended_at()) == (0, 0)
        start = time.time()
        ask(wire)
        wire.await_silence()
        assert start <= wire.sent_at() <= wire.ended_at() <= time.time()
        last, ended = wire.sent_at(), wire.ended_at()
        ask(wire)
        wire.await_silence()
        assert wire.sent_at() > last and wire.ended_at() > ended
        assert wire.sent() == 2 * SIZE


def test_a_wire_ends_with_its_bench() -> None:
    with origin() as port:
        with Wire(port) as wire:
            pass
        with pytest.raises(ConnectionRefusedError):
            ask(wire)


def test_cuts_are_the_first_and_so_many_by_chance() -> None:
    cuts = Cuts(0.01, seed=3, most=1 << 20)
    found = [cuts.next() for _ in range(10_000)]
    chosen = [after for after in found if after is not None]
    assert found[0] is not None
    assert 70 < len(chosen) < 130
    assert 64 * KIB <= min(chosen) and max(chosen) <= 1 << 20
    again = Cuts(0.01, seed=3, most=1 << 20)
    assert [again.next() for _ in range(10_000)] == found


def test_without_a_share_nothing_is_cut() -> None:
    cuts = Cuts(0, seed=3, most=1 << 20)
    assert not any(cuts.next() for _ in range(1000))


def test_so_many_bytes_are_waited_for_while_somebody_asks() -> None:
    with origin() as port, Wire(port) as wire:
        asker = threading.Thread(target=ask, args=[wire])
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, text=True) as process:
            asker.start()
            wire.await_sent(SIZE, process)
            assert wire.sent() == SIZE
            process.communicate()
            # Nobody asks for more.
            wire.await_sent(SIZE + 1, process)
        asker.join()
