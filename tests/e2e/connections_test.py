"""What comes over the socket, by plain sockets and plain gRPC."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import random
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.e2e.machine import Machine
from tests.e2e.processes import open_files, resident_bytes, wait_answers
from tests.origin import Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
MIB = 1 << 20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET_DIR = "/hubd.v1.Hub/GetDir"
# Of the daemon's own, which a first fetch or list opens.
KEPT_FILES = 8


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """One frame of HTTP/2."""
    return (
        struct.pack(">I", len(body))[1:]
        + struct.pack(">BBI", kind, flags, stream)
        + body
    )


def literal(name: bytes, value: bytes) -> bytes:
    """One header that is kept in no table."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


SETTINGS = frame(4, 0, 0)
HEADERS = b"".join(
    literal(name, value)
    for name, value in [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", GET_DIR.encode()),
        (b":authority", b"hubd"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ]
)


def get_dir_request(stream: int) -> bytes:
    """A whole call, in frames."""
    empty = b"\0" * 5
    return frame(1, 4, stream, HEADERS) + frame(0, 1, stream, empty)


class Daemon:
    """The machine's daemon, looked at from outside."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        status = machine.json("status")
        self.pid, self.path = int(status["pid"]), str(status["socket"])
        self.files = open_files(self.pid)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(self.path)
        return connection

    def channel(self) -> grpc.Channel:
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.insecure_channel(f"unix:{self.path}", options=options)

    def check(self) -> None:
        """It answers, it is the same, and nothing is left open."""
        assert self.machine.daemon_pid() == self.pid
        wait_answers(
            self.machine,
            lambda _: open_files(self.pid) <= self.files + KEPT_FILES,
            f"no more than {self.files} files are open",
        )


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def machine(origin: Origin) -> Iterator[Machine]:
    """One for all, since nothing that comes over a connection harms another."""
    machine = Machine(origin)
    yield machine
    machine.close()


@pytest.fixture
def daemon(machine: Machine) -> Daemon:
    return Daemon(machine)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0",
        b"\n" * 1000,
        random.Random(1).randbytes(100_000),
        b"GET / HTTP/1.1\r\nHost: hubd\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + b"x" * 200,
        PREFACE + b"\xff" * 1000,
        PREFACE + SETTINGS + frame(1, 4, 1, b"\xff" * 100),
        PREFACE + SETTINGS + frame(0, 0, 1, b"data of no stream"),
        PREFACE + SETTINGS + get_dir_request(2),
        PREFACE + SETTINGS + b"\xff\xff\xff\0\0\0\0\0\1",
        PREFACE + SETTINGS + frame(1, 4, 1, HEADERS) + frame(0, 1, 1, b"\1\xff\xff"),
    ],
    ids=range(11),
)
def test_garbage(daemon: Daemon, garbage: bytes) -> None:
    with daemon.connect() as connection, contextlib.suppress(OSError):
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    daemon.check()


def test_connections_that_say_nothing_or_half_of_it(daemon: Daemon) -> None:
    beginnings = [
        b"",
        PREFACE[:10],
        PREFACE,
        PREFACE + SETTINGS,
        PREFACE + SETTINGS + frame(1, 4, 1, HEADERS),
        PREFACE + SETTINGS + get_dir_request(1)[:-3],
    ]
    with contextlib.ExitStack() as stack:
        for beginning in beginnings * 10:
            stack.enter_context(daemon.connect()).sendall(beginning)
        # Answered in its turn: all those before it are there.
        daemon.machine.hubctl("get-dir")
        assert open_files(daemon.pid) >= daemon.files + 60
        assert daemon.machine.json("status")["jobs"] == 0
    daemon.check()


def test_five_hundred_connections_that_call_at_once(daemon: Daemon) -> None:
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(daemon.channel()) for _ in range(500)]
        calls = [channel.unary_unary(GET_DIR).future(b"") for channel in channels]
        answers = {call.result(timeout=60) for call in calls}
        assert len(answers) == 1
        assert str(daemon.machine.root).encode() in answers.pop()
    daemon.check()


def test_five_hundred_processes_would_wait_in_the_queue(daemon: Daemon) -> None:
    """More than the daemon accepts in one go, none of which is lost."""
    os.kill(daemon.pid, 19)
    try:
        waiting = [daemon.connect() for _ in range(500)]
        for connection in waiting:
            connection.sendall(PREFACE + SETTINGS + get_dir_request(1))
    finally:
        os.kill(daemon.pid, 18)
    for connection in waiting:
        seen = b""
        while str(daemon.machine.root).encode() not in seen:
            piece = connection.recv(65536)
            assert piece, seen
            seen += piece
        connection.close()
    daemon.check()


def ask_and_ask(connection: socket.socket) -> None:
    """Sends calls and reads no answer."""
    for stream in range(1, 200_000, 2):
        connection.sendall(get_dir_request(stream))


def test_a_client_that_never_reads(daemon: Daemon) -> None:
    before = resident_bytes(daemon.pid)
    with daemon.connect() as connection:
        connection.sendall(PREFACE + SETTINGS)
        # It is cut, since each of its calls stays open.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            ask_and_ask(connection)
        daemon.machine.hubctl("get-dir")
        assert resident_bytes(daemon.pid) - before < 64 * MIB
    daemon.check()


def test_progress_that_nobody_reads(daemon: Daemon, origin: Origin) -> None:
    url = origin.add_file("models.example.org", "/big", os.urandom(4 * MIB))
    limit = origin.limit_rate(4 * MIB, "models.example.org")
    request = b"\x0a" + bytes([len(url)]) + url.encode()
    with daemon.channel() as channel:
        fetch = channel.unary_stream("/hubd.v1.Hub/FetchStateDict")
        unread = [fetch(request) for _ in range(100)]
        daemon.machine.hubctl("fetch", url)
        assert daemon.machine.json("status")["jobs"] == 0
        assert origin.count("models.example.org") == 1
        # What they were not told is replaced by the result.
        for call in unread:
            assert len(list(call)) <= 60
    limit.remove()
    daemon.check()


def test_a_request_that_is_too_large(daemon: Daemon) -> None:
    size = 64 * MIB
    before = resident_bytes(daemon.pid)
    with daemon.channel() as channel:
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary(GET_DIR)(b"\x7a" + b"\xff" * size)
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in str(error.value.details())
        # The connection is as good as before.
        assert channel.unary_unary(GET_DIR)(b"")
    # It was refused by its length, not taken in.
    assert resident_bytes(daemon.pid) - before < size
    program = (
        "import hubd\n"
        "client = hubd.Client()\n"
        "try:\n"
        f"    client.fetch_state_dict('https://h/' + 'x' * {size})\n"
        "except hubd.HubdError as error:\n"
        "    print(error.code, error)\n"
        "print(client.get_dir())\n"
    )
    done = daemon.machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    said, root = done.stdout.splitlines()
    assert said.startswith("RESOURCE_EXHAUSTED the request or its answer is too large")
    assert root == str(daemon.machine.root)
    daemon.check()


@contextlib.contextmanager
def daemon_of_large_words(path: Path, size: int) -> Iterator[list[str]]:
    """Something at a socket that answers every call with so many bytes."""
    asked: list[str] = []

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: grpc.HandlerCallDetails) -> object:
            def answer(request: bytes, context: object) -> bytes:
                asked.append(details.method)
                return b"\x7a" + (size).to_bytes(4, "big") + b"x" * size

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(4),
        handlers=[Handler()],
        options=[("grpc.max_send_message_length", -1)],
    )
    server.add_insecure_port(f"unix:{path}")
    server.start()
    try:
        yield asked
    finally:
        server.stop(None).wait()


def test_an_answer_that_is_too_large(machine: Machine) -> None:
    path = machine.top / "large.sock"
    with daemon_of_large_words(path, 65 * MIB) as asked:
        failed = machine.hubctl("--json", "--socket", str(path), "get-dir", code=1)
        assert "larger than max" in json.loads(failed.stdout)["error"]["message"]
        ask = "import hubd; hubd.Client().get_dir()"
        python = machine.run(
            [sys.executable, "-c", ask],
            1,
            PYTHONPATH=PYCLIENT,
            HUBD_SOCKET=str(path),
        )
        assert "too large for hubd" in python.stderr
        # Nobody asked again for what cannot be had.
        assert asked == [GET_DIR] * 2
    machine.hubctl("get-dir")
